//! When people are taken. What an appointment says of it becomes claims on five minutes each in the commit
//! that writes it, so that two appointments of one time can't both be written, on any database.
//!
//! Imports are never refused: they take what is free. So does what is booked over another on purpose.

use std::collections::{BTreeMap, BTreeSet};

use medcor_fhir::{
    Id, ResourceType, naming,
    primitive::TimeSpan,
    view::{Appointment, Extension},
};
use medcor_policy::{Action, Visibility};

use super::Session;
use crate::{
    Record, StoreError,
    batch::{Release, Taking, Write},
    database::{Lane, Statement},
};

const MICROSECONDS_PER_MINUTE: i64 = 60_000_000;
/// What one claim is for.
const GRANULE: i64 = 5 * MICROSECONDS_PER_MINUTE;
/// Of an appointment that is longer the first day is claimed.
const CLAIMED_MAX: i64 = 24 * 60 * MICROSECONDS_PER_MINUTE;
/// How far back of a time spans are looked for: of an appointment that is longer the first 31 days count.
const SPAN_MAX: i64 = 31 * 24 * 60 * MICROSECONDS_PER_MINUTE;
/// Most people of one appointment whose time is claimed.
const PEOPLE_MAX: usize = 16;
/// No moment of a search is later: the last second of the year 9999.
const MOMENT_MAX: i64 = 253_402_300_799_000_000;

/// Of one person, between two moments: claims on five minutes each, and spans. Nothing that was called off is
/// there, so it costs what the live appointments of that time cost.
const TAKEN: &str = "
    SELECT key, owner, until FROM claim
    WHERE tenant = ?1 AND key >= ?2 AND key < ?3 AND until > ?4
    UNION ALL
    SELECT key, owner, until FROM claim
    WHERE tenant = ?1 AND key >= ?5 AND key < ?6 AND until > ?7";

/// A time at which somebody is taken, and no word about by whom.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Taken {
    /// Who.
    pub practitioner: Id,
    /// Microseconds since the epoch.
    pub from: i64,
    /// Microseconds since the epoch, the first after it.
    pub to: i64,
}

/// What is not told as taken to who has it.
#[derive(Debug, Clone, Default)]
pub struct OwnTime {
    /// The id of a hold.
    pub hold: Option<String>,
    /// An appointment.
    pub appointment: Option<Id>,
}

/// A time that is kept for somebody who has not decided yet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Hold {
    /// Nobody else knows it.
    pub id: String,
    /// Whose time.
    pub practitioner: Id,
    /// Microseconds since the epoch.
    pub from: i64,
    /// Microseconds since the epoch, the first after it.
    pub to: i64,
    /// When it ends by itself, microseconds since the epoch.
    pub until: i64,
}

impl Session<'_> {
    /// When these clinicians are taken between two moments that are to come, by appointments or holds but the
    /// caller's own. Times may repeat and overlap. For whoever may see schedules.
    pub async fn taken(
        &mut self,
        practitioners: &[Id],
        window: (i64, i64),
        own: &OwnTime,
    ) -> Result<Vec<Taken>, StoreError> {
        if self.permit.visibility(Action::Search, ResourceType::SCHEDULE) == Visibility::Nothing {
            let resource_type = ResourceType::SCHEDULE;
            return Err(StoreError::OutsidePermit { action: Action::Search, resource_type });
        }
        let own_hold = own.hold.as_deref().map(owner_of_hold);
        let own_appointment = own.appointment.as_ref().map(owner_of_appointment);
        let is_own =
            |owner: &str| own_hold.as_deref() == Some(owner) || own_appointment.as_deref() == Some(owner);
        let mut taken: Vec<Taken> = Vec::new();
        for practitioner in practitioners {
            let mut found = self.takes(ResourceType::PRACTITIONER, practitioner, window).await?;
            found.retain(|take| !is_own(&take.owner));
            found.sort_unstable_by_key(|take| (take.from, take.to));
            for Take { from, to, .. } in found {
                match taken.last_mut().filter(|last| last.practitioner == *practitioner && from <= last.to) {
                    Some(last) => last.to = last.to.max(to),
                    None => taken.push(Taken { practitioner: practitioner.clone(), from, to }),
                }
            }
        }
        Ok(taken)
    }

    /// The appointments that take this patient's time between two moments that are to come, to five minutes,
    /// as far as the permit searches the patient's appointments. Which of them the caller sees, a search tells.
    pub async fn appointments_at(&mut self, patient: &Id, window: (i64, i64)) -> Result<Vec<Id>, StoreError> {
        let resource_type = ResourceType::APPOINTMENT;
        match self.permit.visibility(Action::Search, resource_type) {
            Visibility::Tenant => {}
            Visibility::Compartment(own) if own == patient => {}
            Visibility::Compartment(_) => return Ok(Vec::new()),
            Visibility::Nothing => {
                return Err(StoreError::OutsidePermit { action: Action::Search, resource_type });
            }
        }
        let takes = self.takes(ResourceType::PATIENT, patient, window).await?;
        let ids = takes.iter().filter_map(|take| Id::new(take.owner.strip_prefix(OF_APPOINTMENT)?));
        let mut ids: Vec<Id> = ids.collect();
        ids.sort_unstable();
        ids.dedup();
        Ok(ids)
    }

    /// Stages keeping a time. The commit fails if somebody has a part of it.
    pub fn hold(&mut self, hold: &Hold) {
        let owner = owner_of_hold(&hold.id);
        let keys = keys(ResourceType::PRACTITIONER, &hold.practitioner, hold.from, hold.to);
        let takings = keys.map(|key| Taking { key, owner: owner.clone(), until: hold.until });
        self.claims.extend(takings);
    }

    /// Stages giving a held time back, before times of this commit are taken.
    pub fn give_back(&mut self, id: &str, practitioner: &Id, (from, to): (i64, i64)) {
        let owner = owner_of_hold(id);
        let keys = keys(ResourceType::PRACTITIONER, practitioner, from, to);
        self.releases.extend(keys.map(|key| Release { key, owner: owner.clone() }));
    }

    /// What takes some of this person's time, in no order.
    async fn takes(
        &self,
        of: ResourceType,
        id: &Id,
        (from, to): (i64, i64),
    ) -> Result<Vec<Take>, StoreError> {
        let (from, to) = (from.clamp(0, MOMENT_MAX), to.clamp(0, MOMENT_MAX));
        let (tenant, now) = (self.permit.tenant(), self.store.clock().now());
        let statement = Statement::of_tenant(
            tenant,
            TAKEN,
            vec![
                tenant.into(),
                key(of, id, from.div_euclid(GRANULE)).as_str().into(),
                key(of, id, (to + GRANULE - 1).div_euclid(GRANULE)).as_str().into(),
                now.into(),
                span_key(of, id, (from - SPAN_MAX).max(0), "").as_str().into(),
                span_key(of, id, to, "").as_str().into(),
                now.max(from).into(),
            ],
        );
        let rows = self.store.backend().rows(Lane::Snapshot, statement).await?;
        let mut takes = Vec::with_capacity(rows.len());
        for row in rows {
            let (from, to) = times_of(row.text(0)?, row.integer(2)?)?;
            takes.push(Take { owner: row.text(1)?.to_owned(), from, to });
        }
        Ok(takes)
    }
}

/// A claim on a time, or a span.
struct Take {
    owner: String,
    from: i64,
    to: i64,
}

/// How the claims on times change with what a commit writes.
#[derive(Debug, Default)]
pub(super) struct TimeClaims {
    pub(super) releases: Vec<Release>,
    pub(super) claims: Vec<Taking>,
    pub(super) marks: Vec<Taking>,
}

/// Whether what is written may stand beside what takes the same time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Beside {
    Nothing,
    Anything,
}

impl TimeClaims {
    /// Adds one write: what the version before it took and it does not is given up, what is new is taken.
    pub(super) fn add(&mut self, before: Option<&Record>, write: &Write, beside: Beside, now: i64) {
        if write.resource_type != ResourceType::APPOINTMENT {
            return;
        }
        let owner = owner_of_appointment(&write.id);
        let before = before.filter(|before| !before.is_deleted).and_then(|before| Time::of(&before.body));
        let after = Some(&write.body).filter(|_| !write.is_deleted).and_then(|body| Time::of(body));
        let keys_before = before.as_ref().map(|time| time.keys(i64::MIN)).unwrap_or_default();
        let keys_after = after.as_ref().map(|time| time.keys(now)).unwrap_or_default();
        let is_beside = beside == Beside::Anything || after.as_ref().is_some_and(|time| time.is_over_others);
        // What it keeps of its time may be another's claim.
        let may_lack_claims = is_beside || !keys_before.is_disjoint(&keys_after);
        let spans_before = before.map(|time| time.spans(&owner)).unwrap_or_default();
        let spans_after = after.as_ref().filter(|time| may_lack_claims || time.is_long());
        let mut spans_after = spans_after.map(|time| time.spans(&owner)).unwrap_or_default();
        spans_after.retain(|_, until| *until > now);
        let spans_gone = spans_before.iter().filter(|(key, until)| spans_after.get(*key) != Some(until));
        for key in keys_before.difference(&keys_after).chain(spans_gone.map(|(key, _)| key)) {
            // An earlier write of this commit may have been about to take it.
            self.claims.retain(|taking| taking.key != *key || taking.owner != owner);
            self.marks.retain(|taking| taking.key != *key || taking.owner != owner);
            self.releases.push(Release { key: key.clone(), owner: owner.clone() });
        }
        let spans = spans_after.into_iter().map(|(key, until)| Taking { key, owner: owner.clone(), until });
        self.marks.extend(spans);
        let Some(after) = after else { return };
        let takings = keys_after.difference(&keys_before).map(|key| Taking {
            key: key.clone(),
            owner: owner.clone(),
            until: after.free_from,
        });
        if is_beside {
            self.marks.extend(takings);
        } else {
            self.claims.extend(takings);
        }
    }
}

/// When an appointment takes whose time.
struct Time {
    people: Vec<(ResourceType, Id)>,
    from: i64,
    to: i64,
    /// When its clinicians can be booked again.
    free_from: i64,
    is_over_others: bool,
}

impl Time {
    /// `None` where it takes nobody's, or does not say when.
    fn of(body: &str) -> Option<Self> {
        // What is stored was validated; what this view can't read takes no time that it could name.
        let appointment: Appointment<'_> = serde_json::from_str(body).ok()?;
        if !appointment.takes_time() {
            return None;
        }
        let from = TimeSpan::parse(appointment.start.as_deref()?)?.low;
        let to = TimeSpan::parse(appointment.end.as_deref()?)?.low;
        let comes = appointment.participant.iter().filter(|participant| participant.status != *"declined");
        let people = comes.filter_map(|participant| participant.actor.as_ref()?.target());
        let is_person = |of: &ResourceType| matches!(*of, ResourceType::PRACTITIONER | ResourceType::PATIENT);
        let extension = |url: &str| Extension::find(&appointment.extension, url);
        let buffer = extension(naming::APPOINTMENT_BUFFER).and_then(|buffer| buffer.value_unsigned_int);
        Some(Self {
            people: people.filter(|(of, _)| is_person(of)).take(PEOPLE_MAX).collect(),
            from,
            to,
            free_from: to.saturating_add(i64::from(buffer.unwrap_or(0)) * MICROSECONDS_PER_MINUTE),
            is_over_others: extension(naming::APPOINTMENT_OVERRIDE).is_some(),
        })
    }

    /// When this person is free again.
    fn end_of(&self, of: ResourceType) -> i64 {
        if of == ResourceType::PRACTITIONER { self.free_from } else { self.to }
    }

    /// Whether claims do not reach to its end.
    fn is_long(&self) -> bool {
        self.free_from.saturating_sub(self.from) > CLAIMED_MAX
    }

    /// The key of each span, and when it ends.
    fn spans(&self, owner: &str) -> BTreeMap<String, i64> {
        let from = self.from.clamp(0, MOMENT_MAX);
        let span = |(of, id): &(ResourceType, Id)| (span_key(*of, id, from, owner), self.end_of(*of));
        self.people.iter().map(span).collect()
    }

    /// The keys of what is not over yet.
    fn keys(&self, now: i64) -> BTreeSet<String> {
        let mut all = BTreeSet::new();
        for (of, id) in &self.people {
            let to = self.end_of(*of).min(self.from.saturating_add(CLAIMED_MAX));
            let from = self.from.max(now.div_euclid(GRANULE).saturating_mul(GRANULE));
            all.extend(keys(*of, id, from, to));
        }
        all
    }
}

fn keys(of: ResourceType, id: &Id, from: i64, to: i64) -> impl Iterator<Item = String> {
    let granules = from.div_euclid(GRANULE)..(to + GRANULE - 1).div_euclid(GRANULE);
    granules.map(move |granule| key(of, id, granule))
}

/// Numbers have one length, so that keys are in the order of time.
fn key(of: ResourceType, id: &Id, granule: i64) -> String {
    format!("time/{of}/{id}/{granule:010}")
}

/// A span is its owner's alone and stands beside claims: what is written over or beside others leaves one, so
/// that its time stays taken where another had the claims, and so does what is longer than claims reach. The
/// row ends where it does.
fn span_key(of: ResourceType, id: &Id, from: i64, owner: &str) -> String {
    format!("span/{of}/{id}/{from:018}/{owner}")
}

/// From when to when a row of [`TAKEN`] takes somebody's time.
fn times_of(key: &str, until: i64) -> Result<(i64, i64), StoreError> {
    let mut parts = key.splitn(5, '/');
    let (kind, number) = (parts.next(), parts.nth(2).and_then(|number| number.parse::<i64>().ok()));
    match (kind, number) {
        (Some("span"), Some(from)) => Ok((from, until)),
        (Some("time"), Some(granule)) => Ok((granule * GRANULE, (granule + 1) * GRANULE)),
        _ => Err(StoreError::Damaged("a claim of a time has a number")),
    }
}

/// Owners that are appointments begin so.
const OF_APPOINTMENT: &str = "Appointment/";

fn owner_of_appointment(id: &Id) -> String {
    format!("{OF_APPOINTMENT}{id}")
}

fn owner_of_hold(id: &str) -> String {
    format!("hold/{id}")
}

#[cfg(test)]
mod tests {
    use super::*;

    const START: i64 = 1_796_202_000_000_000;

    fn time(start: &str, end: &str, extension: &str) -> Option<Time> {
        Time::of(&format!(
            r#"{{"status":"booked","start":"{start}","end":"{end}","extension":[{extension}],"participant":[
                {{"actor":{{"reference":"Patient/ada"}},"status":"accepted"}},
                {{"actor":{{"reference":"Location/ward"}},"status":"accepted"}},
                {{"actor":{{"reference":"Practitioner/grace"}},"status":"accepted"}}]}}"#
        ))
    }

    #[test]
    fn every_started_five_minutes_of_everybody_is_claimed() {
        let time = time("2026-12-02T09:00:00Z", "2026-12-02T09:11:00Z", "").unwrap();
        let keys = time.keys(0);
        assert_eq!(keys.len(), 6);
        assert!(keys.contains(&format!("time/Patient/ada/{:010}", START / GRANULE)));
        assert_eq!(time.keys(START + 6 * MICROSECONDS_PER_MINUTE).len(), 4);
    }

    #[test]
    fn a_pause_after_it_is_the_clinicians_alone() {
        let pause = r#"{"url":"urn:medcor:appointment-buffer","valueUnsignedInt":10}"#;
        let keys = time("2026-12-02T10:00:00+01:00", "2026-12-02T10:15:00+01:00", pause).unwrap().keys(0);
        let of = |kind: &str| keys.iter().filter(|key| key.starts_with(kind)).count();
        assert_eq!((of("time/Practitioner/grace/"), of("time/Patient/ada/")), (5, 3));
    }
}
