//! Booking, moving and cancelling by many callers at once: no clinician and no patient is ever at two places,
//! and every appointment that was confirmed to a caller is there.
//!
//! `MEDCOR_BOOKING_ATTEMPTS` says how many attempts.

use std::{collections::BTreeMap, sync::Arc};

use jiff::{Span, civil::Date};
use medcor_fhir::{Id, ParsedResource, ResourceType, primitive::TimeSpan};
use medcor_policy::{
    Role,
    system::{permit_export, permit_import},
};
use medcor_tools::{ErrorCode, OwnTime};
use serde_json::{Value, json};

use crate::support::{arranging, patient, region::Region, setting};

const ATTEMPTS: usize = 2_000;
const CALLERS: usize = 64;
const DOCTORS: usize = 4;
const PATIENTS: usize = 24;
/// Appointments that one caller keeps at most: more would fill the calendar.
const KEPT: usize = 3;

crate::on_each_database! {
    of_random_bookings_at_once_none_overlap_and_none_is_lost,
}

async fn of_random_bookings_at_once_none_overlap_and_none_is_lost(region: Region) {
    let attempts =
        setting("MEDCOR_BOOKING_ATTEMPTS").map_or(ATTEMPTS, |text| text.parse().expect("a number"));
    furnish(&region).await;
    let region = Arc::new(region);
    let tasks: Vec<_> = (0..CALLERS)
        .map(|number| {
            let region = Arc::clone(&region);
            tokio::spawn(async move {
                let mut caller = Caller::new(number);
                // All in one fortnight: what was cancelled in it must cost nothing.
                for _ in 0..attempts / CALLERS {
                    caller.attempt(&region).await;
                }
                caller
            })
        })
        .collect();
    let (mut kept, mut counts) = (BTreeMap::new(), BTreeMap::new());
    for task in tasks {
        let caller = task.await.expect("a caller runs to its end");
        kept.extend(caller.kept);
        for (what, count) in caller.counts {
            *counts.entry(what).or_insert(0) += count;
        }
    }
    eprintln!("{attempts} attempts: {counts:?}, {} appointments stand", kept.len());
    let stored = stored(&region).await;
    let booked: BTreeMap<&String, &Value> =
        stored.iter().filter(|(_, it)| it["status"] == "booked").collect();
    assert_eq!(
        booked.keys().copied().collect::<Vec<_>>(),
        kept.keys().collect::<Vec<_>>(),
        "none is lost or left"
    );
    for (id, start) in &kept {
        assert_eq!(booked[id]["start"], start.as_str(), "{id} is where its caller was told");
    }
    assert_no_overlap(&booked);
    for what in ["booked", "moved", "cancelled", "refused"] {
        assert!(counts.contains_key(what), "no attempt was {what}: {counts:?}");
    }
    assert_times_are_given_back(&region, &kept).await;
}

async fn furnish(region: &Region) {
    let permit = permit_import(region.north.tenant.id);
    let mut session = region.store.session(&permit);
    for number in 0..DOCTORS {
        let hours: Vec<Value> = ["mon", "tue", "wed", "thu", "fri"]
            .map(|day| {
                json!({ "url": "urn:medcor:schedule-hours", "extension": [
                    { "url": "day", "valueCode": day }, { "url": "start", "valueTime": "08:00:00" },
                    { "url": "end", "valueTime": "12:00:00" }
                ] })
            })
            .to_vec();
        let pause = json!({ "url": "urn:medcor:schedule-buffer", "valueUnsignedInt": 5 * (number % 2) });
        let extension: Vec<Value> = hours.into_iter().chain([pause]).collect();
        let records = [
            json!({ "resourceType": "Practitioner", "id": format!("doctor-{number}"), "active": true, "name": [{ "text": format!("Doctor {number}") }] }),
            json!({
                "resourceType": "Schedule", "id": format!("schedule-{number}"), "active": true, "extension": extension,
                "actor": [{ "reference": format!("Practitioner/doctor-{number}") }]
            }),
        ];
        for record in records {
            put(&mut session, &record);
        }
    }
    for number in 0..PATIENTS {
        put(&mut session, &patient(&format!("patient-{number}"), ("Ada", "Boole"), "1985-03-15"));
    }
    session.commit(arranging(&region.store)).await.expect("it is stored");
}

fn put(session: &mut medcor_store::Session<'_>, record: &Value) {
    let resource = ParsedResource::parse(record.to_string()).expect("a resource");
    session.put(resource.id().expect("it has an id"), resource).expect("a valid record");
}

/// Books, moves and cancels at random; the same each time, but for who is first.
struct Caller {
    dice: u64,
    /// What it was told: id and start.
    kept: BTreeMap<String, String>,
    counts: BTreeMap<&'static str, usize>,
}

impl Caller {
    fn new(number: usize) -> Self {
        let number = u64::try_from(number).expect("there are few");
        let dice = 0x9e37_79b9_7f4a_7c15 ^ (number + 1).wrapping_mul(0x2545_f491_4f6c_dd1d);
        Self { dice, kept: BTreeMap::new(), counts: BTreeMap::new() }
    }

    fn below(&mut self, limit: usize) -> usize {
        self.dice ^= self.dice << 13;
        self.dice ^= self.dice >> 7;
        self.dice ^= self.dice << 17;
        let limit = u64::try_from(limit).expect("a limit is small");
        usize::try_from((self.dice >> 11) % limit).expect("below a limit")
    }

    /// A time of one of ten working days.
    fn time(&mut self) -> (String, String) {
        let day = [0, 1, 4, 5, 6, 7, 8, 11, 12, 13][self.below(10)];
        let date = Date::constant(2026, 12, 3).checked_add(Span::new().days(day)).expect("a day");
        let minute = 8 * 60 + 5 * self.below(46);
        (date.to_string(), format!("{:02}:{:02}", minute / 60, minute % 60))
    }

    async fn attempt(&mut self, region: &Region) {
        let (date, time) = self.time();
        let choice = self.below(10);
        let which = self.below(KEPT);
        let old = self.kept.keys().nth(which).cloned();
        let (what, tool, arguments) = match old {
            Some(id) if choice < 3 || self.kept.len() >= KEPT => {
                ("cancelled", "cancel_appointment", json!({ "appointment_id": id, "reason": "test" }))
            }
            Some(id) if choice < 7 => {
                let mut arguments = json!({ "appointment_id": id, "date": date, "start_time": time });
                if choice < 5 {
                    arguments["provider"] = format!("doctor-{}", self.below(DOCTORS)).into();
                }
                ("moved", "reschedule_appointment", arguments)
            }
            _ => {
                let arguments = json!({
                    "patient": format!("patient-{}", self.below(PATIENTS)),
                    "provider": format!("doctor-{}", self.below(DOCTORS)),
                    "date": date, "start_time": time, "duration_minutes": 5 * (1 + self.below(6))
                });
                ("booked", "create_appointment", arguments)
            }
        };
        self.call(region, (what, tool), arguments).await;
    }

    async fn call(&mut self, region: &Region, (what, tool): (&'static str, &str), arguments: Value) {
        let caller = region.north.caller(Role::Receptionist, None);
        let (_, result) = region.call(&caller, tool, arguments.clone()).await;
        let count = |counts: &mut BTreeMap<&'static str, usize>, what| *counts.entry(what).or_insert(0) += 1;
        match result {
            Ok(answer) => {
                let answer: Value = serde_json::from_str(answer.json()).expect("an answer is JSON");
                let id = answer["id"].as_str().expect("it has an id").to_owned();
                match what {
                    "cancelled" => drop(self.kept.remove(&id)),
                    _ => drop(self.kept.insert(id, answer["start"].as_str().expect("it begins").to_owned())),
                }
                count(&mut self.counts, what);
            }
            Err(refusal) => {
                assert_eq!(refusal.code, ErrorCode::Conflict, "{tool} {arguments}: {}", refusal.text());
                let is_by_commit = refusal.details.get("conflicts").is_none();
                count(&mut self.counts, if is_by_commit { "refused by the commit" } else { "refused" });
            }
        }
    }
}

/// Every appointment with one of the doctors of this test, as it is stored.
async fn stored(region: &Region) -> BTreeMap<String, Value> {
    let permit = permit_export(region.north.tenant.id);
    let mut session = region.store.session(&permit);
    let (mut all, mut after) = (BTreeMap::new(), 0);
    loop {
        let page = session.export(ResourceType::APPOINTMENT, after, 1000).await.expect("an export");
        if page.records.is_empty() {
            return all;
        }
        for record in page.records {
            let value: Value = serde_json::from_str(&record.body).expect("a record is JSON");
            if record.body.contains("Practitioner/doctor-") {
                all.insert(record.id.to_string(), value);
            }
        }
        after = page.last_row;
    }
}

fn assert_no_overlap(booked: &BTreeMap<&String, &Value>) {
    let mut times: BTreeMap<String, Vec<(i64, i64)>> = BTreeMap::new();
    for appointment in booked.values() {
        let at = |name: &str| {
            TimeSpan::parse(appointment[name].as_str().expect("a time")).expect("an instant").low
        };
        for participant in appointment["participant"].as_array().expect("it has some") {
            let who = participant["actor"]["reference"].as_str().expect("a reference").to_owned();
            // Doctors with an odd number rest five minutes after each.
            let is_odd =
                who.strip_prefix("Practitioner/doctor-").is_some_and(|number| number.ends_with(['1', '3']));
            let pause = if is_odd { 300_000_000 } else { 0 };
            times.entry(who).or_default().push((at("start"), at("end") + pause));
        }
    }
    for (who, mut times) in times {
        times.sort_unstable();
        let overlaps = times.windows(2).filter(|pair| pair[0].1 > pair[1].0).count();
        assert_eq!(overlaps, 0, "{who} is at two places: {times:?}");
    }
}

/// When all is called off, everything can be booked again: no time stays taken.
async fn assert_times_are_given_back(region: &Region, kept: &BTreeMap<String, String>) {
    let caller = region.north.caller(Role::Receptionist, None);
    for id in kept.keys() {
        let (_, result) = region.call(&caller, "cancel_appointment", json!({ "appointment_id": id })).await;
        result.unwrap_or_else(|refusal| panic!("{}", refusal.text()));
    }
    let permit = permit_import(region.north.tenant.id);
    let mut session = region.store.session(&permit);
    let doctors: Vec<Id> = (0..DOCTORS).filter_map(|number| Id::new(&format!("doctor-{number}"))).collect();
    let taken =
        session.taken(&doctors, (0, i64::MAX / 4), &OwnTime::default()).await.expect("times are told");
    assert_eq!(taken, [], "nothing is taken any more");
}
