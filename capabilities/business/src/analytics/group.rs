//! Visits that belong together: of one clinician, service, specialty, day. Which of their figures are shown.

use std::collections::BTreeMap;

use super::{
    directory::Directory,
    revenue::{Prices, Revenue},
    small::{Crowd, covered},
    visits::{Standing, Visit, Visits, patients},
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

/// What figures are of; each is judged by who stands behind it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Figure<'p> {
    Booked,
    Done,
    /// In this currency.
    Earned(Option<&'p str>),
}

/// Specialties and, inside of them, clinicians. A clinician of a specialty that is kept back is kept back too, and
/// those who are kept back in one that is shown are together of enough patients: neither tells of the other.
pub(super) struct Work<'v, 'd> {
    pub(super) specialties: Vec<Group<'v, Option<&'d str>>>,
    /// By the number of the clinician; `None` is work of nobody known.
    pub(super) clinicians: Vec<Group<'v, Option<usize>>>,
}

impl<'v, 'd> Work<'v, 'd> {
    /// What was asked for.
    pub(super) fn of(visits: &'v Visits, prices: &Prices, directory: &'d Directory) -> Self
    where
        'v: 'd,
    {
        let specialty = |visit: &Visit| directory.specialty(visit, visits);
        let specialties = grouped(visits.asked_for(), prices, |visit| vec![specialty(visit)]);
        let mut clinicians =
            gathered(visits.asked_for(), prices, |visit| match visit.practitioners.as_slice() {
                [] => vec![None],
                all => all.iter().copied().map(Some).collect(),
            });
        let is_hidden = |is_done: bool, of: Option<&str>| {
            let group = specialties.iter().find(|group| group.key == of);
            group.is_some_and(|group| !if is_done { group.shows_done } else { group.shows_booked })
        };
        keep_back(&mut clinicians, prices, specialty, is_hidden);
        Self { specialties, clinicians }
    }
}

/// The visits in groups, in the order of their keys. A visit may be in several. Where few patients stand behind a
/// group it keeps its figures back.
pub(super) fn grouped<'v, K: Ord>(
    visits: impl Iterator<Item = &'v Visit>,
    prices: &Prices,
    keys: impl Fn(&'v Visit) -> Vec<K>,
) -> Vec<Group<'v, K>> {
    let mut groups = gathered(visits, prices, keys);
    keep_back(&mut groups, prices, |_| (), |_, ()| false);
    groups
}

/// The visits in groups of which each shows everything.
fn gathered<'v, K: Ord>(
    visits: impl Iterator<Item = &'v Visit>,
    prices: &Prices,
    keys: impl Fn(&'v Visit) -> Vec<K>,
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
    groups.collect()
}

/// Keeps figures of small groups back, and of as many others as it takes. Groups lie in wholes that are told too,
/// some of which are kept back: `is_hidden` says so of what was done or booked.
fn keep_back<'v, K, W: Ord + Copy>(
    groups: &mut [Group<'v, K>],
    prices: &Prices,
    whole: impl Fn(&'v Visit) -> W,
    is_hidden: impl Fn(bool, W) -> bool,
) {
    for is_done in [false, true] {
        let shares: Vec<_> = groups.iter().map(|group| group.shares(is_done, prices, &whole)).collect();
        let hidden = groups.iter().zip(&shares).map(|(group, shares)| {
            let is_small = || group.shares(is_done, prices, |_| ()).values().any(Crowd::is_small);
            !group.shows_booked || shares.keys().any(|(whole, _)| is_hidden(is_done, *whole)) || is_small()
        });
        let hidden = covered(&shares, hidden.collect());
        for (group, is_hidden) in groups.iter_mut().zip(hidden) {
            group.shows_done = !is_hidden;
            group.shows_booked &= is_done || !is_hidden;
        }
    }
}

impl<'v, K> Group<'v, K> {
    /// For who knows these patients anyway.
    pub(super) fn show_all(&mut self) {
        (self.shows_booked, self.shows_done) = (true, true);
    }

    /// Who stands behind what was booked, or behind what was done and earned, in each whole.
    fn shares<'p, W: Ord>(
        &self,
        is_done: bool,
        prices: &'p Prices,
        whole: impl Fn(&'v Visit) -> W,
    ) -> BTreeMap<(W, Figure<'p>), Crowd> {
        let mut shares: BTreeMap<(W, Figure<'p>), Crowd> = BTreeMap::new();
        for visit in &self.visits {
            let mut add = |figure| shares.entry((whole(visit), figure)).or_default().add(visit);
            if !is_done {
                add(Figure::Booked);
            } else if visit.standing == Standing::Completed {
                add(Figure::Done);
                if let Some(price) = prices.of_visit(visit) {
                    add(Figure::Earned(price.currency.as_deref()));
                }
            }
        }
        shares
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

    /// How many visits stand so. Those that did not take place are shown with those that did: the number of all
    /// without them would tell the rest.
    pub(super) fn count_of(&self, standing: Standing) -> Option<u64> {
        self.done(self.standing(standing).count())
    }

    /// Whether any visit took place.
    pub(super) fn is_of_any_completed(&self) -> bool {
        self.standing(Standing::Completed).next().is_some()
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
