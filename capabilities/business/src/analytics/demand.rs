//! What is asked for: appointments by specialty, how long they are waited for, and how much of their time was used.

use std::cmp::Reverse;

use medcor_tools::{
    Alias, Effect, Need, Ref, ResourceBinding, Tool, ToolContext, ToolError, alias, kind, resource,
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{
    directory::Directory,
    group::{Group, Work},
    is_false, refuse_foreign,
    revenue::{self, Prices, Revenue, Worth},
    small::Crowd,
    statistics::NEEDS,
    visits::{ABOUT_PATIENTS, Standing, Visit, Visits, patients, refuse_pinned},
    window::{Days, Period, Window},
};
use crate::amount::Amount;

/// Most specialties of one answer.
const ROWS_MAX: usize = 50;
const MINUTES_PER_DAY: i64 = 24 * 60;

const WAIT_DEFINITION: &str =
    "Days from when an appointment was asked for to when it begins, on average, without those called off.";
const UTILISATION_DEFINITION: &str = "Of the time that was booked in the dates, the part that was used: minutes of \
    completed appointments of those of completed, missed and cancelled ones. Free time is not counted.";

/// Demand by specialty: appointments, patients, waiting times, used part of the booked time, revenue.
///
/// The specialty is that of the appointment, else of its clinician. Without dates it is this month. Specialties of 1 to 4
/// patients are left out but for their name and flagged as suppressed, with others where those would tell them; elsewhere
/// cancelled and missed appointments are exact.
#[derive(Deserialize, JsonSchema)]
pub(super) struct GetSpecialtyDemand {
    /// Your own organisation; any other is refused.
    organisation: Option<Ref<kind::Organization>>,
    /// First day, such as 2026-12-01.
    from: Option<String>,
    /// Last day.
    to: Option<String>,
    /// Instead of dates: the one that today is in.
    period: Option<Period>,
}

/// Demand by specialty.
#[derive(Serialize, JsonSchema)]
pub(super) struct SpecialtyDemand {
    hospital_id: String,
    period: Days,
    /// Of all specialties, however they stand, without those that were moved to another time.
    total_appointments: u64,
    /// The most wanted first.
    results: Vec<SpecialtyRow>,
    count: usize,
    /// Whether specialties with fewer appointments were left out.
    truncated: bool,
    wait_definition: &'static str,
    utilisation_definition: &'static str,
    revenue_definition: &'static str,
}

#[derive(Serialize, JsonSchema)]
struct SpecialtyRow {
    /// Null where none is recorded.
    #[serde(skip_serializing_if = "Option::is_none")]
    specialty: Option<String>,
    /// However they stand, without those that were moved to another time.
    #[serde(skip_serializing_if = "Option::is_none")]
    appointments: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    appointments_completed: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    appointments_cancelled: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    no_shows: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    patients: Option<u64>,
    /// To the tenth.
    #[serde(skip_serializing_if = "Option::is_none")]
    average_wait_days: Option<f64>,
    /// From 0 to 1, to the hundredth.
    #[serde(skip_serializing_if = "Option::is_none")]
    utilisation_rate: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    revenue: Option<Amount>,
    #[serde(skip_serializing_if = "Option::is_none")]
    currency: Option<String>,
    /// Where there are several currencies.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    revenue_by_currency: Vec<Worth>,
    #[serde(skip_serializing_if = "is_false")]
    suppressed: bool,
}

impl Tool for GetSpecialtyDemand {
    const NAME: &'static str = "get_specialty_demand";
    const TITLE: &'static str = "Demand by specialty";
    const ALIASES: &'static [Alias] = &[alias("get_specialty_performance")];
    const EFFECT: Effect = Effect::ReadOnly;
    const NEEDS: &'static [Need] = NEEDS;
    const RESOURCES: &'static [ResourceBinding] =
        &[resource("analytics://performance/specialty/{from}/{to}")];
    const KEYWORDS: &'static [&'static str] =
        &["waiting time", "utilisation", "utilization", "capacity", "analytics", "which specialty"];
    type Output = SpecialtyDemand;

    async fn run(self, cx: &mut ToolContext<'_>) -> Result<SpecialtyDemand, ToolError> {
        refuse_foreign(self.organisation.as_ref(), cx)?;
        refuse_pinned(ABOUT_PATIENTS, cx)?;
        let window = Window::given(self.from.as_deref(), self.to.as_deref(), self.period, cx)?;
        let visits = Visits::within(&window, None, cx).await?;
        let prices = Prices::of(&visits, cx).await?;
        let directory = Directory::read(cx).await?;
        let work = Work::of(&visits, &prices, &directory);
        let mut results: Vec<SpecialtyRow> = work.specialties.iter().map(SpecialtyRow::of).collect();
        results.sort_by_key(|row| Reverse(row.appointments));
        let truncated = results.len() > ROWS_MAX;
        results.truncate(ROWS_MAX);
        Ok(SpecialtyDemand {
            hospital_id: cx.tenant().organization.to_string(),
            period: window.days(cx),
            total_appointments: u64::try_from(visits.asked_for().count()).unwrap_or(u64::MAX),
            count: results.len(),
            results,
            truncated,
            wait_definition: WAIT_DEFINITION,
            utilisation_definition: UTILISATION_DEFINITION,
            revenue_definition: revenue::DEFINITION,
        })
    }
}

impl SpecialtyRow {
    fn of(group: &Group<'_, Option<&str>>) -> Self {
        let revenue = group.revenue();
        Self {
            specialty: group.key.map(str::to_owned),
            appointments: group.count(),
            appointments_completed: group.count_of(Standing::Completed),
            appointments_cancelled: group.count_of(Standing::Cancelled),
            no_shows: group.count_of(Standing::NoShow),
            patients: group.booked(patients(group.visits.iter().copied())),
            average_wait_days: if group.shows_booked { average_wait_days(&group.visits) } else { None },
            utilisation_rate: if group.shows_done { utilisation_rate(&group.visits) } else { None },
            revenue: revenue.and_then(Revenue::amount),
            currency: revenue.and_then(Revenue::currency),
            revenue_by_currency: revenue.map(Revenue::by_currency).unwrap_or_default(),
            suppressed: group.is_suppressed(),
        }
    }
}

fn average_wait_days(visits: &[&Visit]) -> Option<f64> {
    let kept = || visits.iter().copied().filter(|visit| !visit.standing.is_called_off());
    let waited: Vec<&Visit> = kept().filter(|visit| visit.waited_minutes.is_some()).collect();
    let count = i64::try_from(waited.len()).ok().filter(|count| *count > 0)?;
    if Crowd::of(waited.iter().copied()).is_small() {
        return None;
    }
    let minutes: i64 = waited.iter().filter_map(|visit| visit.waited_minutes).sum();
    part(minutes, count * MINUTES_PER_DAY, 10)
}

fn utilisation_rate(visits: &[&Visit]) -> Option<f64> {
    let minutes = |standings: &[Standing]| -> i64 {
        let some = visits.iter().filter(|visit| standings.contains(&visit.standing));
        some.map(|visit| visit.minutes).sum()
    };
    let used = minutes(&[Standing::Completed]);
    part(used, minutes(&[Standing::Completed, Standing::NoShow, Standing::Cancelled]), 100)
}

/// A part of a whole, rounded to one over `steps`; none of nothing.
fn part(part: i64, whole: i64, steps: i64) -> Option<f64> {
    let rounded = (part * steps * 2 + whole).checked_div(whole * 2)?;
    // Both are far below what such a number holds exactly.
    Some(f64::from(i32::try_from(rounded).ok()?) / f64::from(i32::try_from(steps).ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_are_rounded_and_nothing_has_none() {
        assert_eq!(part(2, 3, 100), Some(0.67));
        assert_eq!(part(1, 2, 10), Some(0.5));
        assert_eq!(part(5 * 1440, 4 * 1440, 10), Some(1.3));
        assert_eq!(part(0, 0, 100), None);
    }
}
