//! The days of a plan, as callers give them.

use jiff::civil::Date;
use medcor_tools::detail::{Problems, day};

/// From when to when a plan is, and when the patient comes back.
#[derive(Debug, Clone, Copy)]
pub(super) struct Days {
    pub(super) start: Date,
    pub(super) end: Option<Date>,
    pub(super) follow_up: Option<Date>,
}

impl Days {
    /// Checks the days that a caller gives; a plan begins today where it does not say.
    pub(super) fn checked(
        (start, end, follow_up): (Option<&str>, Option<&str>, Option<&str>),
        today: Date,
        problems: &mut Problems,
    ) -> Self {
        let start = problems.checked("start_date", start, day).unwrap_or(today);
        let end = problems.checked("end_date", end, day);
        let follow_up = problems.checked("follow_up_date", follow_up, day);
        for (parameter, day) in [("end_date", end), ("follow_up_date", follow_up)] {
            if day.is_some_and(|day| day < start) {
                problems.add(parameter, format!("is before the plan begins, on {start}"));
            }
        }
        Self { start, end, follow_up }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_plan_neither_ends_nor_is_followed_up_before_it_begins() {
        let today = "2026-12-02".parse().unwrap();
        for (given, paths) in [
            ((None, Some("2026-12-02"), Some("2027-03-01T09:00:00Z")), vec![]),
            ((Some("2027-01-01"), Some("2026-12-31"), None), vec!["/end_date"]),
            ((Some("2026-02-30"), None, Some("soon")), vec!["/start_date", "/follow_up_date"]),
            ((None, None, Some("2026-12-01")), vec!["/follow_up_date"]),
        ] {
            let mut problems = Problems::default();
            Days::checked(given, today, &mut problems);
            assert_eq!(problems.paths(), paths, "{given:?}");
        }
    }
}
