//! Figures that so few patients stand behind that they could be about somebody: they are not shown.

/// Fewest patients whose figures are shown: of fewer, whoever knows one of them would learn about them.
pub(super) const PATIENTS_MIN: usize = 5;

/// Whether a figure of so many patients is kept back. Nobody is no secret.
pub(super) const fn is_small(patients: usize) -> bool {
    patients > 0 && patients < PATIENTS_MIN
}

/// The number of patients, unless they are few.
pub(super) fn shown(patients: usize) -> Option<u64> {
    if is_small(patients) { None } else { u64::try_from(patients).ok() }
}

/// Which groups of one whole are kept back, by how many patients each has: the small ones, and where that is one
/// alone the next smallest too, since the whole less the others would tell it.
pub(super) fn hidden(patients: &[usize]) -> Vec<bool> {
    let mut hidden: Vec<bool> = patients.iter().map(|patients| is_small(*patients)).collect();
    let is_alone = hidden.iter().filter(|is_hidden| **is_hidden).count() == 1;
    if is_alone {
        let others = patients.iter().enumerate().filter(|(_, patients)| **patients >= PATIENTS_MIN);
        if let Some((next, _)) = others.min_by_key(|(_, patients)| **patients)
            && let Some(place) = hidden.get_mut(next)
        {
            *place = true;
        }
    }
    hidden
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_to_four_patients_are_not_shown() {
        let counts: Vec<Option<u64>> = [0, 1, 4, 5].into_iter().map(shown).collect();
        assert_eq!(counts, [Some(0), None, None, Some(5)]);
    }

    #[test]
    fn a_single_hidden_group_takes_the_next_smallest_with_it() {
        assert_eq!(hidden(&[3, 9, 7, 0]), [true, false, true, false]);
        assert_eq!(hidden(&[3, 9, 2]), [true, false, true]);
        assert_eq!(hidden(&[5, 9, 0]), [false, false, false]);
        assert_eq!(hidden(&[1, 0]), [true, false]);
    }
}
