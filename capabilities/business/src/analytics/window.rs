//! The days that figures are of: whole days of the organisation's time zone, which may have 23 or 25 hours.

use jiff::{
    ToSpan,
    civil::{Date, Weekday},
};
use medcor_tools::{
    ToolContext, ToolError,
    detail::{self, Problems},
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Most days that one call adds up.
const DAYS_MAX: i64 = 731;
/// Years of which figures are told: those near the ends of the calendar have days without a midnight.
const YEARS: std::ops::RangeInclusive<i16> = 1900..=9998;
const YEAR_PROBLEM: &str = "is not of the years 1900 to 9998";

/// A stretch of the calendar that today is in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "UPPERCASE")]
pub(super) enum Period {
    /// Today.
    Daily,
    /// From Monday to Sunday.
    Weekly,
    /// The month.
    Monthly,
    /// From January, April, July or October on.
    Quarterly,
    /// The year.
    Yearly,
}

/// Days, both inside.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Window {
    pub(super) first: Date,
    pub(super) last: Date,
    /// The midnight with which the first day begins, microseconds since the epoch.
    pub(super) from: i64,
    /// The midnight with which the last day ends.
    pub(super) to: i64,
    /// The parameter by which the caller chose them, if it was the caller.
    pub(super) chosen_by: ChosenBy,
}

/// A month or a day of a trend.
pub(super) struct Stretch {
    /// `2026-12` or `2026-12-02`.
    pub(super) name: String,
    /// The moment at which it begins.
    pub(super) from: i64,
    pub(super) is_month: bool,
}

/// The days of an answer.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub(super) struct Days {
    /// First day.
    from: String,
    /// Last day.
    to: String,
    /// IANA name: days are those of this zone.
    time_zone: String,
}

/// The parameter by which the caller chose the days, if it was the caller: whose it is to narrow them.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct ChosenBy(Option<&'static str>);

impl ChosenBy {
    /// The error of more of something than is added up.
    pub(super) fn too_many(self, most: usize, of_what: &str) -> ToolError {
        let problem = format!("the dates hold more than {most} {of_what}");
        match self.0 {
            Some(parameter) => ToolError::invalid(parameter, format!("{problem}; narrow them")),
            None => ToolError::Precondition(format!("{problem}; ask for fewer days by from and to")),
        }
    }

    /// The error of adding up.
    pub(super) fn of_tally(self, error: impl Into<ToolError>) -> ToolError {
        match (error.into(), self.0) {
            (ToolError::TooSlow, Some(parameter)) => {
                ToolError::invalid(parameter, "adding up takes too long; narrow the dates")
            }
            (error, _) => error,
        }
    }
}

impl Window {
    /// The days that a caller gave: first and last, or a period; else this month.
    pub(super) fn given(
        from: Option<&str>,
        to: Option<&str>,
        period: Option<Period>,
        cx: &ToolContext<'_>,
    ) -> Result<Self, ToolError> {
        let mut problems = Problems::default();
        let first = problems.checked("from", from, detail::day);
        let last = problems.checked("to", to, detail::day);
        if period.is_some() && (from.is_some() || to.is_some()) {
            problems.add("period", "give either period or from and to");
        } else {
            check_both((from, to), &mut problems);
        }
        if let (Some(first), Some(last)) = (first, last) {
            check(first, last, &mut problems);
        }
        problems.refuse()?;
        if let (Some(first), Some(last)) = (first, last) {
            return Ok(Self { chosen_by: ChosenBy(Some("/from")), ..Self::between(first, last, cx)? });
        }
        let chosen_by = ChosenBy(period.map(|_| "/period"));
        Ok(Self { chosen_by, ..Self::of_period(period.unwrap_or(Period::Monthly), cx)? })
    }

    /// Whole calendar months that are over: the days that a caller gave, from the first of a month to the last of one;
    /// else the last month.
    pub(super) fn of_months(
        from: Option<&str>,
        to: Option<&str>,
        cx: &ToolContext<'_>,
    ) -> Result<Self, ToolError> {
        let mut problems = Problems::default();
        check_both((from, to), &mut problems);
        let first = problems.checked("from", from, detail::day);
        let last = problems.checked("to", to, detail::day);
        check_months((first, last), cx.today(), &mut problems);
        if let (Some(first), Some(last)) = (first, last) {
            check(first, last, &mut problems);
        }
        problems.refuse()?;
        if let (Some(first), Some(last)) = (first, last) {
            return Ok(Self { chosen_by: ChosenBy(Some("/from")), ..Self::between(first, last, cx)? });
        }
        let last = cx.today().first_of_month().yesterday().map_err(|_out_of_range| out_of_calendar("/to"))?;
        Self::between(last.first_of_month(), last, cx)
    }

    /// The period that today is in.
    pub(super) fn of_period(period: Period, cx: &ToolContext<'_>) -> Result<Self, ToolError> {
        let (first, last) = period.days(cx.today());
        Self::between(first, last, cx)
    }

    fn between(first: Date, last: Date, cx: &ToolContext<'_>) -> Result<Self, ToolError> {
        let after = last.tomorrow().map_err(|_out_of_range| out_of_calendar("/to"))?;
        let (from, to) = (cx.midnight(first, "/from")?, cx.midnight(after, "/to")?);
        Ok(Self { first, last, from, to, chosen_by: ChosenBy(None) })
    }

    /// Whether these are the same days.
    pub(super) fn is_same_as(&self, other: &Self) -> bool {
        (self.from, self.to) == (other.from, other.to)
    }

    /// Whether the moment is in it.
    pub(super) fn holds(&self, moment: i64) -> bool {
        (self.from..self.to).contains(&moment)
    }

    pub(super) fn days(&self, cx: &ToolContext<'_>) -> Days {
        Days {
            from: self.first.to_string(),
            to: self.last.to_string(),
            time_zone: cx.tenant().time_zone.clone(),
        }
    }

    /// Its months, as far as they are in it.
    pub(super) fn months(&self, cx: &ToolContext<'_>) -> Result<Vec<Stretch>, ToolError> {
        let mut stretches = Vec::new();
        let mut first = Some(self.first);
        while let Some(day) = first.filter(|day| *day <= self.last) {
            let name = format!("{:04}-{:02}", day.year(), day.month());
            stretches.push(Stretch { name, from: cx.midnight(day, "/from")?, is_month: true });
            first = day.last_of_month().tomorrow().ok();
        }
        Ok(stretches)
    }

    /// Its days.
    pub(super) fn each_day(&self, cx: &ToolContext<'_>) -> Result<Vec<Stretch>, ToolError> {
        let mut stretches = Vec::new();
        let mut next = Some(self.first);
        while let Some(day) = next.filter(|day| *day <= self.last) {
            let from = cx.midnight(day, "/from")?;
            stretches.push(Stretch { name: day.to_string(), from, is_month: false });
            next = day.tomorrow().ok();
        }
        Ok(stretches)
    }

    /// The number of its days.
    pub(super) fn length(&self) -> i64 {
        length(self.first, self.last)
    }
}

fn out_of_calendar(parameter: &str) -> ToolError {
    ToolError::invalid(parameter, "is not a day of the calendar")
}

impl Period {
    /// The first and the last day of the one that this day is in.
    fn days(self, today: Date) -> (Date, Date) {
        let first_of = |month: i8| Date::new(today.year(), month, 1).unwrap_or(today);
        match self {
            Self::Daily => (today, today),
            Self::Weekly => {
                let behind = today.weekday().since(Weekday::Monday);
                let monday = today.saturating_sub(i64::from(behind).days());
                (monday, monday.saturating_add(6.days()))
            }
            Self::Monthly => (today.first_of_month(), today.last_of_month()),
            Self::Quarterly => {
                let month = (today.month() - 1) / 3 * 3 + 1;
                (first_of(month), first_of(month + 2).last_of_month())
            }
            Self::Yearly => (today.first_of_year(), today.last_of_year()),
        }
    }
}

fn check(first: Date, last: Date, problems: &mut Problems) {
    let is_far = |day: Date| !YEARS.contains(&day.year());
    for (name, day) in [("from", first), ("to", last)] {
        if is_far(day) {
            problems.add(name, YEAR_PROBLEM);
        }
    }
    if is_far(first) || is_far(last) {
        return;
    }
    if last < first {
        problems.add("to", "is before from");
    } else if length(first, last) > DAYS_MAX {
        problems.add("to", format!("makes more than {DAYS_MAX} days; narrow the dates"));
    }
}

fn check_both((from, to): (Option<&str>, Option<&str>), problems: &mut Problems) {
    if from.is_some() != to.is_some() {
        problems.add(if from.is_some() { "to" } else { "from" }, "is missing: give both from and to");
    }
}

/// Whether they are months as a whole that are over.
fn check_months((first, last): (Option<Date>, Option<Date>), today: Date, problems: &mut Problems) {
    let this_month = today.first_of_month();
    if first.is_some_and(|first| first.day() != 1) {
        problems.add("from", "is not the first day of a month: this report is of whole calendar months");
    }
    if first.is_some_and(|first| first >= this_month) {
        problems.add("from", "is in a month that is not over: this report is of months before this one");
    }
    if last.is_some_and(|last| last != last.last_of_month()) {
        problems.add("to", "is not the last day of a month: this report is of whole calendar months");
    }
    if last.is_some_and(|last| last >= this_month) {
        problems.add("to", "is in a month that is not over: this report is of months before this one");
    }
}

fn length(first: Date, last: Date) -> i64 {
    let days = last.since(first).map(|span| i64::from(span.get_days()));
    days.map_or(i64::MAX, |days| days.saturating_add(1))
}

#[cfg(test)]
mod tests {
    use jiff::civil::date as day;

    use super::*;

    #[test]
    fn a_period_is_the_whole_one_that_today_is_in() {
        let today = day(2026, 12, 2);
        for (period, first, last) in [
            (Period::Daily, today, today),
            (Period::Weekly, day(2026, 11, 30), day(2026, 12, 6)),
            (Period::Monthly, day(2026, 12, 1), day(2026, 12, 31)),
            (Period::Quarterly, day(2026, 10, 1), day(2026, 12, 31)),
            (Period::Yearly, day(2026, 1, 1), day(2026, 12, 31)),
        ] {
            assert_eq!(period.days(today), (first, last), "{period:?}");
        }
        assert_eq!(Period::Weekly.days(day(2027, 1, 3)), (day(2026, 12, 28), day(2027, 1, 3)));
        assert_eq!(Period::Quarterly.days(day(2028, 2, 29)), (day(2028, 1, 1), day(2028, 3, 31)));
    }

    #[test]
    fn days_out_of_order_and_too_many_of_them_are_refused() {
        let problems = |first, last| {
            let mut problems = Problems::default();
            check(first, last, &mut problems);
            problems.paths().len()
        };
        assert_eq!(problems(day(2026, 1, 2), day(2026, 1, 1)), 1);
        assert_eq!(problems(day(2026, 1, 1), day(2026, 1, 1)), 0);
        assert_eq!(problems(day(2025, 1, 1), day(2027, 1, 1)), 0);
        assert_eq!(problems(day(2025, 1, 1), day(2027, 1, 2)), 1);
    }

    #[test]
    fn only_whole_months_that_are_over_are_taken_where_it_has_to_be_months() {
        let paths = |first, last| {
            let mut problems = Problems::default();
            check_months((Some(first), Some(last)), day(2026, 12, 2), &mut problems);
            problems.paths().join(" ")
        };
        assert_eq!(paths(day(2026, 11, 1), day(2026, 11, 30)), "");
        assert_eq!(paths(day(2024, 2, 1), day(2026, 11, 30)), "");
        assert_eq!(paths(day(2026, 11, 2), day(2026, 11, 30)), "/from");
        assert_eq!(paths(day(2026, 11, 1), day(2026, 11, 29)), "/to");
        assert_eq!(paths(day(2026, 11, 1), day(2026, 12, 31)), "/to");
        assert_eq!(paths(day(2026, 12, 1), day(2026, 12, 2)), "/from /to /to");
    }

    #[test]
    fn years_without_midnights_are_refused_by_name() {
        let paths = |first, last| {
            let mut problems = Problems::default();
            check(first, last, &mut problems);
            problems.paths().join(" ")
        };
        assert_eq!(paths(day(9999, 12, 30), day(9999, 12, 31)), "/from /to");
        assert_eq!(paths(day(9998, 12, 31), day(9999, 1, 1)), "/to");
        assert_eq!(paths(day(9998, 12, 30), day(9998, 12, 31)), "");
        assert_eq!(paths(day(1899, 12, 31), day(1900, 1, 1)), "/from");
    }
}
