//! Figures that so few patients stand behind that they could be about somebody: they are not shown.

use std::collections::{BTreeMap, HashSet};

use super::visits::Visit;

/// Fewest patients whose figures are shown: of fewer, whoever knows one of them would learn about them.
pub(super) const PATIENTS_MIN: usize = 5;

/// Who stands behind a figure.
#[derive(Debug, Clone, Default)]
pub(super) struct Crowd {
    patients: HashSet<usize>,
    /// Whether there is any visit, be it of somebody unknown.
    is_anybody: bool,
}

/// Whether a figure of so many patients is kept back. Nobody is no secret.
pub(super) const fn is_small(patients: usize) -> bool {
    patients > 0 && patients < PATIENTS_MIN
}

/// The number of patients, unless they are few.
pub(super) fn shown(patients: usize) -> Option<u64> {
    if is_small(patients) { None } else { u64::try_from(patients).ok() }
}

impl Crowd {
    pub(super) fn of<'v>(visits: impl Iterator<Item = &'v Visit>) -> Self {
        let mut crowd = Self::default();
        for visit in visits {
            crowd.add(visit);
        }
        crowd
    }

    pub(super) fn add(&mut self, visit: &Visit) {
        self.is_anybody = true;
        self.patients.extend(&visit.patients);
    }

    fn join(&mut self, other: &Self) {
        self.is_anybody |= other.is_anybody;
        self.patients.extend(&other.patients);
    }

    /// How many they are. Visits of nobody known may all be of one.
    fn size(&self) -> usize {
        self.patients.len().max(usize::from(self.is_anybody))
    }

    /// Whether figures of them are kept back.
    pub(super) fn is_small(&self) -> bool {
        is_small(self.size())
    }
}

/// Which groups are kept back so that those that already are can't be told by what is left of a whole without the
/// others: in each whole that groups have a share in, the hidden ones are together of enough patients, or all of it.
/// `shares` are by group: who stands behind its share of which whole.
pub(super) fn covered<W: Ord>(shares: &[BTreeMap<W, Crowd>], mut hidden: Vec<bool>) -> Vec<bool> {
    while let Some(next) = next(shares, &hidden)
        && let Some(place) = hidden.get_mut(next)
    {
        *place = true;
    }
    hidden
}

/// The smallest shown group of a whole whose hidden groups are together of few patients.
fn next<W: Ord>(shares: &[BTreeMap<W, Crowd>], hidden: &[bool]) -> Option<usize> {
    let mut together: BTreeMap<&W, Crowd> = BTreeMap::new();
    for (share, _) in shares.iter().zip(hidden).filter(|(_, is_hidden)| **is_hidden) {
        for (whole, crowd) in share {
            together.entry(whole).or_default().join(crowd);
        }
    }
    let mut told = together.into_iter().filter(|(_, crowd)| crowd.is_small());
    let smallest = |whole: &W| {
        let groups = shares.iter().zip(hidden).enumerate();
        let shown = groups.filter(|(_, (_, is_hidden))| !**is_hidden);
        let sizes = shown.filter_map(|(place, (share, _))| Some((place, share.get(whole)?.size())));
        sizes.min_by_key(|(_, size)| *size).map(|(place, _)| place)
    };
    told.find_map(|(whole, _)| smallest(whole))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// So many patients, other ones for each place.
    fn crowd(place: usize, size: usize) -> Crowd {
        Crowd { patients: (0..size).map(|number| place * 1000 + number).collect(), is_anybody: size > 0 }
    }

    /// Groups of different patients of one whole.
    fn hidden(sizes: &[usize]) -> Vec<bool> {
        let groups = sizes.iter().enumerate();
        let shares: Vec<_> =
            groups.map(|(place, size)| BTreeMap::from([((), crowd(place, *size))])).collect();
        covered(&shares, sizes.iter().map(|size| is_small(*size)).collect())
    }

    #[test]
    fn one_to_four_patients_are_not_shown() {
        let counts: Vec<Option<u64>> = [0, 1, 4, 5].into_iter().map(shown).collect();
        assert_eq!(counts, [Some(0), None, None, Some(5)]);
    }

    #[test]
    fn a_single_hidden_group_takes_the_next_smallest_with_it() {
        assert_eq!(hidden(&[3, 9, 7]), [true, false, true]);
        assert_eq!(hidden(&[3, 9, 2]), [true, false, true]);
        assert_eq!(hidden(&[5, 9]), [false, false]);
        assert_eq!(hidden(&[1]), [true]);
    }

    #[test]
    fn hidden_groups_are_together_of_enough_patients() {
        assert_eq!(hidden(&[1, 1, 20]), [true, true, true]);
        assert_eq!(hidden(&[1, 3, 20, 30]), [true, true, true, false]);
        // Two groups of the same two patients.
        let same = BTreeMap::from([((), crowd(0, 2))]);
        let shares = [same.clone(), same.clone(), same, BTreeMap::from([((), crowd(3, 9))])];
        assert_eq!(covered(&shares, vec![true, true, true, false]), [true; 4]);
    }

    #[test]
    fn hidden_groups_are_enough_in_each_whole_that_they_share_in() {
        let shares = [
            BTreeMap::from([("heart", crowd(0, 3))]),
            BTreeMap::from([("heart", crowd(1, 8))]),
            BTreeMap::from([("heart", crowd(2, 9)), ("skin", crowd(2, 2))]),
            BTreeMap::from([("skin", crowd(3, 6))]),
        ];
        assert_eq!(covered(&shares, vec![true, false, false, false]), [true, true, false, false]);
        assert_eq!(covered(&shares, vec![false, false, true, false]), [false, false, true, true]);
    }

    #[test]
    fn visits_of_nobody_known_may_be_of_one() {
        assert!(Crowd { is_anybody: true, ..Crowd::default() }.is_small());
        assert!(!Crowd::default().is_small());
    }
}
