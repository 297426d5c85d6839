//! Appointments around today: a fortnight behind, a fortnight ahead, no clinician twice at a time.

use std::collections::HashSet;

use jiff::{
    ToSpan,
    civil::{Date, Weekday},
    tz::TimeZone,
};
use medcor_store::Clock;
use serde_json::{Value, json};

use super::{
    hospital::Hospital,
    patient::{Person, today},
    random::Random,
    term::{SNOMED, concept},
};

const MINUTES: i32 = 30;

/// Which times of which doctor are taken.
pub(super) struct Diary<'d> {
    hospital: &'d Hospital,
    zone: TimeZone,
    today: Date,
    now: jiff::Timestamp,
    taken: HashSet<(usize, Date, i32)>,
}

impl<'d> Diary<'d> {
    pub(super) fn new(hospital: &'d Hospital, clock: &Clock) -> Self {
        let zone = TimeZone::get(hospital.facts.time_zone).unwrap_or(TimeZone::UTC);
        Self { hospital, zone, today: today(clock), now: clock.timestamp(), taken: HashSet::new() }
    }

    /// None, one or two appointments.
    pub(super) fn appointments_of(&mut self, person: &Person, random: &mut Random) -> Vec<Value> {
        let count = random.between(0, 2);
        (0..count).filter_map(|_| self.appointment(person, random)).collect()
    }

    fn appointment(&mut self, person: &Person, random: &mut Random) -> Option<Value> {
        let day = self.today.saturating_add(random.between(-14, 14).days());
        if matches!(day.weekday(), Weekday::Saturday | Weekday::Sunday) {
            return None;
        }
        let half_hour = random.between(18, 33);
        if !self.taken.insert((person.doctor, day, half_hour)) {
            return None;
        }
        let hour = i8::try_from(half_hour / 2).ok()?;
        let minute = if half_hour % 2 == 0 { 0 } else { 30 };
        let start = day.at(hour, minute, 0, 0).to_zoned(self.zone.clone()).ok()?;
        let end = start.checked_add(MINUTES.minutes()).ok()?;
        let is_past = end.timestamp() < self.now;
        let status = match (is_past, random.between(1, 10)) {
            (true, 1) => "noshow",
            (_, 2) => "cancelled",
            (true, _) => "fulfilled",
            (false, _) => "booked",
        };
        let doctor = self.hospital.doctors()[person.doctor];
        let actor = |reference: Value| json!({ "actor": reference, "status": "accepted" });
        Some(json!({
            "resourceType": "Appointment",
            "id": random.id(),
            "status": status,
            "serviceType": [concept(SNOMED, "185389009", "Follow-up visit")],
            "start": instant(&start),
            "end": instant(&end),
            "minutesDuration": MINUTES,
            "participant": [
                actor(person.reference()),
                actor(json!({ "reference": format!("Practitioner/{}", doctor.id), "display": doctor.display() })),
                actor(json!({ "reference": format!("Location/{}", self.hospital.location) }))
            ]
        }))
    }
}

/// A FHIR `instant` with the offset of the hospital's zone.
fn instant(time: &jiff::Zoned) -> String {
    time.strftime("%Y-%m-%dT%H:%M:%S%:z").to_string()
}
