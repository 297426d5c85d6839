//! Visits that belong together: of one clinician, service, specialty, day. Which of their figures are shown.

use std::collections::BTreeMap;

use super::{
    revenue::{Prices, Revenue},
    small,
    visits::{Standing, Visit, patients},
};

/// Visits that belong together, and what they are worth.
pub(super) struct Group<'v, K> {
    pub(super) key: K,
    pub(super) visits: Vec<&'v Visit>,
    pub(super) revenue: Revenue,
    /// Whether what was booked is shown.
    pub(super) shows_booked: bool,
    /// Whether what was done and earned is shown.
    pub(super) shows_done: bool,
}

/// The visits in groups, in the order of their keys. A visit may be in several. Where few patients stand behind a
/// group it keeps its figures back.
pub(super) fn grouped<'v, K: Ord>(
    visits: &'v [Visit],
    prices: &Prices,
    keys: impl Fn(&Visit) -> Vec<K>,
) -> Vec<Group<'v, K>> {
    let mut by_key: BTreeMap<K, Vec<&'v Visit>> = BTreeMap::new();
    for visit in visits {
        for key in keys(visit) {
            by_key.entry(key).or_default().push(visit);
        }
    }
    let groups = by_key.into_iter().map(|(key, visits)| {
        let revenue = prices.revenue(visits.iter().copied());
        Group { key, visits, revenue, shows_booked: true, shows_done: true }
    });
    let mut groups: Vec<Group<'v, K>> = groups.collect();
    let booked: Vec<usize> = groups.iter().map(Group::booked_patients).collect();
    let done: Vec<usize> = groups.iter().map(Group::done_patients).collect();
    let hidden = small::hidden(&booked).into_iter().zip(small::hidden(&done));
    for (group, (hides_booked, hides_done)) in groups.iter_mut().zip(hidden) {
        group.shows_booked = !hides_booked;
        group.shows_done = !hides_booked && !hides_done;
    }
    groups
}

impl<K> Group<'_, K> {
    /// For who knows these patients anyway.
    pub(super) fn show_all(&mut self) {
        (self.shows_booked, self.shows_done) = (true, true);
    }

    /// Patients behind all that is told of the group.
    fn booked_patients(&self) -> usize {
        patients(self.visits.iter().copied())
    }

    /// The fewest patients behind what is told of its completed visits.
    fn done_patients(&self) -> usize {
        let seen = self.seen();
        if self.revenue.patients > 0 { self.revenue.patients.min(seen) } else { seen }
    }

    /// Patients with a completed visit.
    pub(super) fn seen(&self) -> usize {
        patients(self.standing(Standing::Completed))
    }

    /// Those that stand so.
    pub(super) fn standing(&self, standing: Standing) -> impl Iterator<Item = &Visit> {
        self.visits.iter().copied().filter(move |visit| visit.standing == standing)
    }

    /// How many visits there are.
    pub(super) fn count(&self) -> Option<u64> {
        self.booked(self.visits.len())
    }

    /// How many visits stand so, as part of what was booked.
    pub(super) fn count_of(&self, standing: Standing) -> Option<u64> {
        let count = self.standing(standing).count();
        if standing == Standing::Completed { self.done(count) } else { self.booked(count) }
    }

    /// A number of what was booked, where it is shown.
    pub(super) fn booked(&self, count: usize) -> Option<u64> {
        self.shows_booked.then(|| u64::try_from(count).unwrap_or(u64::MAX))
    }

    /// A number of what was done, where it is shown.
    pub(super) fn done(&self, count: usize) -> Option<u64> {
        self.shows_done.then(|| u64::try_from(count).unwrap_or(u64::MAX))
    }

    /// The revenue, where it is shown.
    pub(super) fn revenue(&self) -> Option<&Revenue> {
        self.shows_done.then_some(&self.revenue)
    }

    /// Whether something is not shown.
    pub(super) fn is_suppressed(&self) -> bool {
        !(self.shows_booked && self.shows_done)
    }
}
