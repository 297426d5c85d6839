//! Calls that are repeated under their idempotency key, because their connection was cut, the server was killed, or
//! two went out at once: each does its work exactly once, and each of its answers is the same.
//!
//! `MEDCOR_REPEATED_CALLS` says how many keys.

use std::{
    collections::BTreeMap,
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
};

use jiff::{ToSpan, civil::Date, tz::TimeZone};
use medcor_fhir::{ParsedResource, ResourceType};
use medcor_policy::system::{permit_export, permit_import};
use medcor_store::{Clock, Store};
use medcor_testbed::{Cluster, Durability};
use serde_json::{Value, json};
use tokio::{
    sync::{Notify, watch},
    task::JoinSet,
};

use super::{Random, oracle::open};
use crate::support::{
    folder::Folder,
    http::{Client, Response},
    process::{Place, Program},
    setting,
};

const KEYS: u64 = 400;
/// Keys between two kills.
const KEYS_A_LIFE: u64 = 100;
const CALLERS: u64 = 6;
/// Turns of the scheduler after which a connection may be cut: from before the request is out to after the answer.
const TURNS: std::ops::Range<u64> = 1..60;
const EMAIL: &str = "doctor@example.org";
/// Who is booked with.
const PRACTITIONER: &str = "grace";
/// Among whom bookings are shared out, so that none has more than a chart holds.
const PATIENTS_BOOKED: usize = 20;
/// Visits of five minutes in twelve hours.
const STARTS_A_DAY: u64 = 144;
/// Rows of one page of an export.
const PAGE: u32 = 1_000;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_repeated_is_done_once_on_sqlite() {
    let folder = Folder::new();
    repeat(Place { folder: folder.path(), database_url: None }).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_repeated_is_done_once_on_postgres() {
    if medcor_testbed::cluster().is_none() {
        return;
    }
    let cluster = Cluster::start(Durability::On).expect("a second cluster starts");
    let database = cluster.database().expect("the cluster makes a database");
    let folder = Folder::new();
    repeat(Place { folder: folder.path(), database_url: Some(database.url()) }).await;
}

async fn repeat(place: Place<'_>) {
    let keys = setting("MEDCOR_REPEATED_CALLS").map_or(KEYS, |text| text.parse().expect("a number"));
    place.run(&["user", "add", "--email", EMAIL, "--role", "doctor"]);
    let token = place.run(&["token", "--user", EMAIL, "--lifetime", "86400"]).trim().to_owned();
    place.run(&["tenant", "set", "default", "agent_patients_per_hour", "1000000"]);
    employ_somebody(place).await;
    let mut program = Program::start(place, &[]).await;
    let mut client = program.client(&token).await;
    let patient = register(&mut client, "Repeated").await;
    let mut booked = Vec::new();
    for given in ('a'..).take(PATIENTS_BOOKED) {
        booked.push(register(&mut client, &format!("Booked{given}")).await);
    }
    let (publish, address) = watch::channel(program.address);
    let shared = Arc::new(Shared {
        token,
        patient,
        booked,
        first_day: Clock::system().timestamp().to_zoned(TimeZone::UTC).date().saturating_add(30.days()),
        keys,
        next: AtomicU64::new(0),
        is_time: Notify::new(),
        sent: AtomicU64::new(0),
    });
    let mut callers = JoinSet::new();
    for _ in 0..CALLERS {
        let caller = Repeater { shared: shared.clone(), address: address.clone(), random: Random::new() };
        callers.spawn(caller.run());
    }
    let mut kills = 0;
    loop {
        tokio::select! {
            ended = callers.join_next() => match ended {
                Some(ended) => ended.expect("every answer is as it should be"),
                None => break,
            },
            () = shared.is_time.notified() => {
                program.kill();
                kills += 1;
                program = Program::start(place, &[]).await;
                publish.send(program.address).expect("somebody calls");
            }
        }
    }
    drop(program);
    eprintln!("{keys} keys in {} calls, {kills} kills", shared.sent.load(Ordering::Relaxed));
    let store = open(place).await;
    check_effects(&store, &shared).await;
    store.close().await;
}

/// A clinician who works every day.
async fn employ_somebody(place: Place<'_>) {
    let store = open(place).await;
    let tenants = store.identity().tenants().await.expect("the store answers");
    let permit = permit_import(tenants[0].id);
    let mut session = store.session(&permit);
    let hours: Vec<Value> = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"]
        .map(|day| {
            json!({ "url": "urn:medcor:schedule-hours", "extension": [
                { "url": "day", "valueCode": day }, { "url": "start", "valueTime": "08:00:00" },
                { "url": "end", "valueTime": "20:00:00" }
            ] })
        })
        .to_vec();
    for record in [
        json!({
            "resourceType": "Practitioner", "id": PRACTITIONER, "active": true, "name": [{ "text": "Grace Hopper" }]
        }),
        json!({
            "resourceType": "Schedule", "id": "hours", "active": true, "extension": hours,
            "actor": [{ "reference": format!("Practitioner/{PRACTITIONER}") }]
        }),
    ] {
        let resource = ParsedResource::parse(record.to_string()).expect("a resource");
        session.put(resource.id().expect("it has an id"), resource).expect("a valid record");
    }
    session.commit(super::oracle::looking()).await.expect("they are stored");
    store.close().await;
}

async fn register(client: &mut Client, given: &str) -> String {
    let arguments = json!({ "first_name": given, "last_name": "Example", "dob": "1980-03-04" });
    let response = client.call("create_patient", &arguments).await.expect("the server answers");
    let answer = response.answer().unwrap_or_else(|| panic!("{}", response.text()));
    answer["id"].as_str().expect("an id").to_owned()
}

/// What all callers know.
struct Shared {
    token: String,
    /// Whose record is changed, measured and written about.
    patient: String,
    /// Who is booked and has blood taken.
    booked: Vec<String>,
    first_day: Date,
    keys: u64,
    next: AtomicU64,
    is_time: Notify,
    sent: AtomicU64,
}

impl Shared {
    /// The work under this key, which leaves the key's text once.
    fn call(&self, number: u64) -> (&'static str, Value) {
        let text = text(number);
        let patient = &self.patient;
        match number % 7 {
            0 => ("create_patient", json!({ "first_name": "Once", "last_name": text, "dob": "1980-03-04" })),
            1 => ("record_vital_signs", json!({ "patient": patient, "heart_rate": 60, "note": text })),
            2 => ("update_patient", json!({ "patient": patient, "city": text })),
            3 => (
                "create_medical_record",
                json!({ "patient": patient, "title": text, "description": "Once", "record_type": "GENERAL" }),
            ),
            4 => ("create_appointment", self.booking(number, &text)),
            5 => ("cancel_appointment", json!({ "reason": text })),
            _ => (
                "order_lab",
                json!({ "patient": self.patient_booked(number), "tests": ["potassium"], "note": text }),
            ),
        }
    }

    /// A time that no other key has.
    fn booking(&self, number: u64, reason: &str) -> Value {
        let day = self.first_day.saturating_add(i64::try_from(number / STARTS_A_DAY).expect("few").days());
        let minutes = 8 * 60 + 5 * (number % STARTS_A_DAY);
        json!({
            "patient": self.patient_booked(number), "provider": PRACTITIONER, "date": day.to_string(),
            "start_time": format!("{:02}:{:02}", minutes / 60, minutes % 60), "duration_minutes": 5,
            "reason": reason, "idempotency_key": format!("booking-{number}"),
        })
    }

    fn patient_booked(&self, number: u64) -> &str {
        &self.booked[usize::try_from(number).expect("few") % self.booked.len()]
    }
}

/// One caller: takes a key, and calls under it until it has two answers.
struct Repeater {
    shared: Arc<Shared>,
    address: watch::Receiver<SocketAddr>,
    random: Random,
}

impl Repeater {
    async fn run(mut self) {
        let mut client = self.connect().await;
        loop {
            let number = self.shared.next.fetch_add(1, Ordering::Relaxed);
            if number >= self.shared.keys {
                return;
            }
            if number % KEYS_A_LIFE == KEYS_A_LIFE - 1 {
                self.shared.is_time.notify_one();
            }
            let (tool, mut arguments) = self.shared.call(number);
            if tool == "cancel_appointment" {
                let booking = self.shared.booking(number, "To be called off");
                let booked = self.twice(&mut client, "create_appointment", booking).await;
                arguments["appointment"] = booked["id"].clone();
            }
            arguments["idempotency_key"] = format!("repeated-{number}").into();
            self.twice(&mut client, tool, arguments).await;
        }
    }

    /// Calls until it has two answers, which are the same one.
    async fn twice(&mut self, client: &mut Client, tool: &str, arguments: Value) -> Value {
        let mut answers: Vec<Value> = Vec::new();
        while answers.len() < 2 {
            let (responses, is_usable) = self.send(client, tool, &arguments).await;
            answers.extend(responses.iter().filter_map(|response| answer_in(response, tool)));
            if !is_usable {
                *client = self.connect().await;
            }
        }
        assert!(answers.windows(2).all(|two| two[0] == two[1]), "{tool} {arguments}: {answers:#?}");
        answers.swap_remove(0)
    }

    /// Calls in one of the ways in which calls go wrong; what was answered, and whether the connection can be used
    /// again.
    async fn send(&mut self, client: &mut Client, tool: &str, arguments: &Value) -> (Vec<Response>, bool) {
        self.shared.sent.fetch_add(1, Ordering::Relaxed);
        match self.random.between(0..3) {
            0 => {
                let turns = self.random.between(TURNS);
                tokio::select! {
                    biased;
                    response = client.call(tool, arguments) => {
                        let is_usable = response.is_ok();
                        (response.into_iter().collect(), is_usable)
                    }
                    () = yield_often(turns) => (Vec::new(), false),
                }
            }
            1 => {
                self.shared.sent.fetch_add(1, Ordering::Relaxed);
                let mut second = self.connect().await;
                let (one, other) = tokio::join!(client.call(tool, arguments), second.call(tool, arguments));
                let is_usable = one.is_ok();
                (one.into_iter().chain(other).collect(), is_usable)
            }
            _ => {
                let response = client.call(tool, arguments).await;
                let is_usable = response.is_ok();
                (response.into_iter().collect(), is_usable)
            }
        }
    }

    /// A connection to the server that runs, or to the next one.
    async fn connect(&mut self) -> Client {
        loop {
            let address = *self.address.borrow_and_update();
            match Client::connect(address, &self.shared.token).await {
                Ok(client) => return client,
                Err(_) => self.address.changed().await.expect("the server is started again"),
            }
        }
    }
}

async fn yield_often(turns: u64) {
    for _ in 0..turns {
        tokio::task::yield_now().await;
    }
}

/// Letters only, so that it is a name as well as a remark.
fn text(mut number: u64) -> String {
    let mut text = "Repeated".to_owned();
    for _ in 0..6 {
        text.push(char::from(b'a' + u8::try_from(number % 26).expect("below 26")));
        number /= 26;
    }
    text
}

/// What the work was answered with; `None` where the caller is told to try again.
fn answer_in(response: &Response, tool: &str) -> Option<Value> {
    let answer = response.answer();
    let text = response.text();
    // Another call of the same moment was first, with the same key or on the same record.
    let is_late = ["CONFLICT", "NOT_READY"].iter().any(|it| text.contains(it));
    assert!(answer.is_some() || is_late, "{tool}: {text}");
    answer
}

/// Each key's text is in exactly one version of one record, and there is no appointment more than was booked.
async fn check_effects(store: &Store, shared: &Shared) {
    let tenants = store.identity().tenants().await.expect("the store answers");
    let permit = permit_export(tenants[0].id);
    let mut session = store.session(&permit);
    let mut changed = Vec::new();
    let mut found: BTreeMap<String, u64> = (0..shared.keys).map(|number| (text(number), 0)).collect();
    let statistics = store.statistics().await.expect("statistics");
    for (resource_type, _) in statistics.records {
        let mut after = 0;
        loop {
            let page = session.export(resource_type, after, PAGE).await.expect("an export");
            for record in &page.records {
                let is_changed =
                    resource_type == ResourceType::APPOINTMENT || record.id.as_str() == shared.patient;
                if is_changed {
                    changed.push((resource_type, record.id.clone()));
                } else {
                    count(&mut found, &record.body);
                }
            }
            if page.records.is_empty() {
                break;
            }
            after = page.last_row;
        }
    }
    for (resource_type, id) in &changed {
        let current = session.read(*resource_type, id).await.expect("the store answers");
        for version in 1..=current.expect("it is there").version {
            let version = session.read_version(*resource_type, id, version).await;
            count(&mut found, &version.expect("the store answers").expect("no version is missing").body);
        }
    }
    session.commit(super::oracle::looking()).await.expect("the row of this look is written");
    let appointments = changed.iter().filter(|(kind, _)| *kind == ResourceType::APPOINTMENT).count();
    let bookings = (0..shared.keys).filter(|number| shared.call(*number).0.ends_with("_appointment")).count();
    assert_eq!(appointments, bookings, "also those that are called off are booked once");
    let wrong: Vec<_> = found.iter().filter(|(_, times)| **times != 1).collect();
    assert!(wrong.is_empty(), "not done once: {wrong:?}");
}

fn count(found: &mut BTreeMap<String, u64>, body: &str) {
    let mut texts: Vec<&str> = body
        .match_indices("Repeated")
        .filter_map(|(start, _)| body.get(start..start + "Repeated".len() + 6))
        .collect();
    texts.sort_unstable();
    texts.dedup();
    for text in texts {
        if let Some(times) = found.get_mut(text) {
            *times += 1;
        }
    }
}
