//! Many writes under many subscribers that are cut off again and again, while instances come and go: each has
//! every event that it may see exactly once and in order, and none that it may not.

use std::{
    net::SocketAddr,
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant},
};

use medcor_fhir::{Id, ParsedResource};
use medcor_policy::{Action, ClientId, Need, Principal, Role, SubjectId, authorize, system::permit_import};
use medcor_store::{EventAction, EventsAfter, RecordEvent, Store, identity::User};
use serde_json::{Value, json};
use tokio::task::JoinHandle;

use crate::{
    events::appointment,
    support::{Clinic, EventStream, Instance, arranging, patient, setting, settled},
};

/// Writes of `cargo test`; `MEDCOR_EVENT_WRITES` says how many else.
const WRITES: usize = 300;
const PATIENTS: usize = 10;
const WRITERS: usize = 4;
/// Longest that a subscriber waits for what has to come.
const PATIENCE: Duration = Duration::from_mins(30);
/// The record that everybody is told of last.
const LAST: &str = "the-last";

/// A change as a subscriber names it.
type Named = (String, String, u64);

/// Chance of our own, so that a failure can be repeated.
struct Chance(u64);

impl Chance {
    fn below(&mut self, limit: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        usize::try_from(self.0 >> 11).unwrap_or(0) % limit
    }
}

/// Where a server is that may be another one the next time.
type Place = Arc<Mutex<SocketAddr>>;

fn where_it_is(place: &Place) -> SocketAddr {
    *place.lock().unwrap()
}

/// One subscriber, as whoever has this principal.
struct Subscriber {
    principal: Principal,
    token: String,
}

impl Subscriber {
    async fn new(clinic: &Clinic, number: usize) -> Self {
        let server = &clinic.server;
        let role = [Role::Doctor, Role::Receptionist, Role::Patient, Role::Nurse, Role::Doctor][number % 5];
        let tenant = if number % 5 == 4 { &server.elsewhere } else { &server.here };
        let own = (role == Role::Patient).then(|| id(&format!("p{}", number % PATIENTS)));
        let email = format!("subscriber{number}@{}", tenant.slug);
        let user = User {
            id: SubjectId(server.store.clock().new_id().to_string()),
            tenant: tenant.id,
            email: email.clone(),
            display_name: email.clone(),
            roles: vec![role],
            password_hash: None,
            patient: own.clone(),
            practitioner: None,
            is_active: true,
        };
        server.store.identity().create_users(std::slice::from_ref(&user)).await.unwrap();
        let principal = Principal {
            tenant: tenant.id,
            organization: tenant.organization.clone(),
            subject: user.id,
            client: ClientId("medcor".to_owned()),
            roles: vec![role],
            scopes: None,
            patient: own,
            practitioner: None,
        };
        Self { principal, token: server.token(&email).await }
    }

    /// Reads to the last event, and is cut off now and then.
    async fn heard(&self, places: &[Place], from: String, mut chance: Chance) -> Vec<Named> {
        let mut heard = Vec::new();
        let mut last_id = from;
        loop {
            let address = where_it_is(&places[chance.below(places.len())]);
            let query = "?topics=resource_update";
            let Some(mut stream) = EventStream::try_at(address, &self.token, query, &last_id).await else {
                // It is just being restarted.
                tokio::task::yield_now().await;
                continue;
            };
            for _ in 0..chance.below(60) {
                let Some(told) = stream.any().await else { break };
                if told.name == "resource_update" {
                    let data = &told.data["data"];
                    let text = |name: &str| data[name].as_str().unwrap().to_owned();
                    heard.push((text("resource_type"), text("id"), data["version"].as_u64().unwrap()));
                    if text("id") == LAST {
                        return heard;
                    }
                } else {
                    assert_eq!(told.name, "heartbeat", "{told:?}");
                }
                last_id.clone_from(&stream.last_id);
            }
            last_id.clone_from(&stream.last_id);
        }
    }

    /// What policy shows of these changes: the judge of what was heard.
    async fn may_hear(&self, store: &Store, events: &[RecordEvent]) -> Vec<Named> {
        let permit = authorize(&self.principal, &[Need::any(Action::Read)]).unwrap();
        let mut session = store.session(&permit);
        let mut named = Vec::new();
        for event in events.iter().filter(|event| event.tenant == self.principal.tenant) {
            assert_ne!(event.action, EventAction::Deleted, "nothing is deleted here");
            if matches!(session.read(event.resource_type, &event.id).await, Ok(Some(_))) {
                let of = event.resource_type.name().to_owned();
                named.push((of, event.id.to_string(), u64::from(event.version)));
            }
        }
        named
    }
}

fn id(text: &str) -> Id {
    Id::new(text).unwrap()
}

async fn put(store: &Store, tenant: medcor_policy::TenantId, record: &Value) {
    let resource = ParsedResource::parse(record.to_string()).unwrap();
    let permit = permit_import(tenant);
    let mut session = store.session(&permit);
    session.put(resource.id().unwrap(), resource).unwrap();
    session.commit(arranging(store)).await.unwrap();
}

/// One write: of an appointment, an observation or a patient of a hospital, new or again.
fn write(number: usize, chance: &mut Chance) -> Value {
    let about = format!("p{}", chance.below(PATIENTS));
    let again = chance.below(number + 1);
    match chance.below(4) {
        0 => {
            // One appointment stays one patient's: who may see it must not depend on when it is told.
            let about = format!("p{}", again % PATIENTS);
            let mut record = appointment(&format!("a{again}"), &about, "03T10:00");
            record["status"] = "proposed".into();
            record["comment"] = number.to_string().into();
            record
        }
        1 | 2 => json!({
            "resourceType": "Observation", "id": format!("o{number}"), "status": "final",
            "code": { "text": "Heart rate" }, "subject": { "reference": format!("Patient/{about}") },
            "valueQuantity": { "value": number }
        }),
        _ => patient(&about, ("Given", &format!("Family{number}")), "1980-01-01"),
    }
}

/// Everything in the outbox after a place.
async fn all_after(store: &Store, mut place: medcor_store::EventPosition) -> Vec<RecordEvent> {
    let mut events = Vec::new();
    loop {
        let EventsAfter::Kept(page) = store.outbox().after(place, 1000).await.unwrap() else {
            panic!("nothing was forgotten")
        };
        place = page.events.last().map_or(place, |event| event.position);
        let is_end = page.events.is_empty() && !page.is_held_back;
        events.extend(page.events);
        if is_end {
            return events;
        }
    }
}

/// Writes from several places at once; how long it took.
async fn written(clinic: &Clinic, writes: usize) -> Duration {
    let began = Instant::now();
    let tasks: Vec<_> = (0..WRITERS)
        .map(|task| {
            let (store, here, elsewhere) =
                (clinic.server.store.clone(), clinic.server.here.id, clinic.server.elsewhere.id);
            tokio::spawn(async move {
                let mut chance = Chance(77 + task as u64);
                for number in (task..writes).step_by(WRITERS) {
                    let tenant = if chance.below(5) == 0 { elsewhere } else { here };
                    put(&store, tenant, &write(number, &mut chance)).await;
                }
            })
        })
        .collect();
    for task in tasks {
        task.await.unwrap();
    }
    began.elapsed()
}

/// Puts another instance in the place of this one, again and again until all is written; how often.
async fn restarted(
    clinic: &Clinic,
    place: &Place,
    first: Instance,
    is_written: &AtomicBool,
) -> (Instance, u32) {
    let (mut running, mut restarts) = (first, 0);
    while !is_written.load(Ordering::Relaxed) {
        tokio::time::sleep(Duration::from_millis(300)).await;
        let next = clinic.server.instance().await;
        *place.lock().unwrap() = next.address;
        std::mem::replace(&mut running, next).stop().await;
        restarts += 1;
    }
    (running, restarts)
}

/// What every subscriber hears, from now on.
async fn listening(
    clinic: &Clinic,
    subscribers: usize,
    places: &[Place],
) -> Vec<JoinHandle<(Vec<Named>, Subscriber)>> {
    let mut tasks = Vec::new();
    for number in 0..subscribers {
        let subscriber = Subscriber::new(clinic, number).await;
        let first = EventStream::open(&clinic.server, &subscriber.token).await.last_id;
        let places = places.to_vec();
        tasks.push(tokio::spawn(async move {
            let chance = Chance(0x9e37_79b9 + number as u64);
            let heard = tokio::time::timeout(PATIENCE, subscriber.heard(&places, first, chance)).await;
            (heard.expect("every event comes"), subscriber)
        }));
    }
    tasks
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn every_subscriber_has_each_event_that_it_may_see_once_and_in_order() {
    let writes = setting("MEDCOR_EVENT_WRITES").map_or(WRITES, |text| text.parse().unwrap());
    let subscribers = if writes < 10_000 { 15 } else { 200 };
    let clinic = Clinic::start().await;
    for number in 0..PATIENTS {
        let record = patient(&format!("p{number}"), ("Given", "Family"), "1980-01-01");
        clinic.put(record.clone()).await;
        clinic.put_elsewhere(record).await;
    }
    settled(&clinic.server.store).await;
    let start = clinic.server.store.outbox().newest().await.unwrap();
    let other = clinic.server.instance().await;
    let places: Vec<Place> =
        [clinic.server.address, other.address].map(|address| Arc::new(Mutex::new(address))).to_vec();
    let tasks = listening(&clinic, subscribers, &places).await;
    let is_written = AtomicBool::new(false);
    let writing = async {
        let took = written(&clinic, writes).await;
        is_written.store(true, Ordering::Relaxed);
        took
    };
    let restarting = restarted(&clinic, &places[1], other, &is_written);
    let (took, (running, restarts)) = tokio::join!(writing, restarting);
    let last = json!({ "resourceType": "Practitioner", "id": LAST, "name": [{ "family": "Last" }] });
    for tenant in [clinic.server.here.id, clinic.server.elsewhere.id] {
        put(&clinic.server.store, tenant, &last).await;
    }
    let events = all_after(&clinic.server.store, start).await;
    let mut told = 0;
    for task in tasks {
        let (heard, subscriber) = task.await.unwrap();
        let mut wanted = subscriber.may_hear(&clinic.server.store, &events).await;
        let end = wanted.iter().position(|(_, id, _)| id == LAST).expect("everybody sees the last one");
        wanted.truncate(end + 1);
        let role = subscriber.principal.roles[0];
        assert!(heard.len() == wanted.len(), "{role:?} heard {} of {}", heard.len(), wanted.len());
        assert!(heard == wanted, "{role:?} heard them in another order");
        told += heard.len();
    }
    eprintln!("{writes} writes in {took:?}; {subscribers} subscribers heard {told}; {restarts} restarts");
    running.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn at_rest_a_change_is_told_at_once() {
    let is_measured = setting("MEDCOR_EVENT_WRITES").is_some();
    let changes = if is_measured { 500 } else { 20 };
    let clinic = Clinic::start().await;
    clinic.put(patient("p0", ("Given", "Family"), "1980-01-01")).await;
    let token = clinic.server.token("doctor@here").await;
    let mut stream = EventStream::open(&clinic.server, &token).await;
    let mut delays = Vec::new();
    for number in 0..changes {
        let mut record = appointment(&format!("a{number}"), "p0", "03T10:00");
        record["status"] = "proposed".into();
        put(&clinic.server.store, clinic.server.here.id, &record).await;
        let committed = Instant::now();
        stream.wanted("resource_update").await;
        delays.push(committed.elapsed());
        stream.wanted("appointment_created").await;
    }
    delays.sort_unstable();
    let (median, p99) = (delays[changes / 2], delays[changes * 99 / 100]);
    eprintln!("delay from the commit to the subscriber: median {median:?}, p99 {p99:?}");
    assert!(!is_measured || p99 < Duration::from_millis(200), "p99 is {p99:?}");
}
