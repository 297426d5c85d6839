//! Revenue: how much, of what, from whom, and how it goes from month to month or day to day.

use std::cmp::Reverse;

use medcor_tools::{
    Alias, Effect, Need, Ref, ResourceBinding, Synonym, Tool, ToolContext, ToolError, alias, kind, resource,
    synonym,
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{
    directory::Directory,
    group::{Group, Work, grouped},
    is_false, refuse_foreign,
    revenue::{self, Prices, Revenue, Worth},
    small,
    statistics::NEEDS,
    visits::{ABOUT_PATIENTS, Standing, Visits, patients, refuse_pinned},
    window::{Days, Period, Stretch, Window},
};
use crate::amount::Amount;

/// Most rows of a part of the breakdown; those that earned most.
const ROWS_MAX: usize = 50;
/// Most days of which each has a row.
const TREND_DAYS_MAX: i64 = 100;

/// Revenue of the organisation: total, average and breakdown by service, doctor and specialty, or a trend.
///
/// Revenue is what completed visits are worth at the prices that the price list had when they began; invoices and
/// payments do not count. Without dates it is this month; at most 731 days, of a daily trend 100. Currencies are never
/// added up. Figures from 1 to 4 patients are left out and flagged as suppressed, in groups with others where those would
/// tell them; services are left out where a doctor or a specialty is suppressed.
#[derive(Deserialize, JsonSchema)]
pub(super) struct GetRevenueAnalytics {
    /// Your own organisation; any other is refused.
    organisation: Option<Ref<kind::Organization>>,
    /// First day, such as 2026-12-01.
    from: Option<String>,
    /// Last day.
    to: Option<String>,
    /// Instead of dates: the one that today is in.
    period: Option<Period>,
    /// What is shown beside the totals.
    #[serde(default)]
    view: View,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "UPPERCASE")]
enum View {
    /// The breakdown.
    #[default]
    Comprehensive,
    /// Nothing.
    Raw,
    /// Each month.
    Monthly,
    /// Each day.
    Daily,
}

/// Revenue of some days.
#[derive(Serialize, JsonSchema)]
pub(super) struct RevenueAnalytics {
    hospital_id: String,
    /// The same as `hospital_id`.
    tenant_id: String,
    period: Days,
    view: View,
    /// Null where it is suppressed or in several currencies.
    #[serde(skip_serializing_if = "Option::is_none")]
    total_revenue: Option<Amount>,
    #[serde(rename = "totalRevenue", skip_serializing_if = "Option::is_none")]
    total_revenue_too: Option<Amount>,
    /// Of visits with a price, to the hundredth.
    #[serde(skip_serializing_if = "Option::is_none")]
    average_revenue_per_appointment: Option<Amount>,
    #[serde(rename = "averageRevenuePerAppointment", skip_serializing_if = "Option::is_none")]
    average_revenue_per_appointment_too: Option<Amount>,
    /// ISO 4217, where the price list says it and there is one.
    #[serde(skip_serializing_if = "Option::is_none")]
    currency: Option<String>,
    /// Where there are several currencies.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    by_currency: Vec<Worth>,
    completed_appointments: u64,
    appointments_with_price: u64,
    appointments_without_price: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    patients_seen: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    breakdown: Option<Breakdown>,
    /// Months or days, each, also those without visits.
    #[serde(skip_serializing_if = "Option::is_none")]
    trend: Option<Vec<TrendRow>>,
    /// Whether figures are left out because fewer than 5 patients stand behind them.
    suppressed: bool,
    revenue_definition: &'static str,
}

/// Of what the revenue is. A visit with two doctors counts for each, and once in the total.
#[derive(Serialize, JsonSchema)]
struct Breakdown {
    /// None where a doctor or a specialty is suppressed, which they could tell.
    services: Vec<PartRow>,
    doctors: Vec<PartRow>,
    specialties: Vec<PartRow>,
    /// Whether rows that earned less were left out.
    truncated: bool,
}

#[derive(Serialize, JsonSchema)]
struct PartRow {
    #[serde(skip_serializing_if = "Option::is_none")]
    id: Option<String>,
    /// Null where none is recorded.
    #[serde(skip_serializing_if = "Option::is_none")]
    name: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    revenue: Option<Amount>,
    /// ISO 4217; not where there are several, or none.
    #[serde(skip_serializing_if = "Option::is_none")]
    currency: Option<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    by_currency: Vec<Worth>,
    /// Completed.
    #[serde(skip_serializing_if = "Option::is_none")]
    appointments: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    patients: Option<u64>,
    #[serde(skip_serializing_if = "is_false")]
    suppressed: bool,
}

#[derive(Serialize, JsonSchema)]
struct TrendRow {
    /// Such as 2026-12.
    #[serde(skip_serializing_if = "Option::is_none")]
    month: Option<String>,
    /// Such as 2026-12-02.
    #[serde(skip_serializing_if = "Option::is_none")]
    date: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    revenue: Option<Amount>,
    /// ISO 4217; not where there are several, or none.
    #[serde(skip_serializing_if = "Option::is_none")]
    currency: Option<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    by_currency: Vec<Worth>,
    /// Completed.
    #[serde(skip_serializing_if = "Option::is_none")]
    appointments: Option<u64>,
    #[serde(skip_serializing_if = "is_false")]
    suppressed: bool,
}

impl Tool for GetRevenueAnalytics {
    const NAME: &'static str = "get_revenue_analytics";
    const TITLE: &'static str = "Revenue in figures";
    const ALIASES: &'static [Alias] =
        &[alias("get_revenue"), alias("get_revenue_trend").with(&[("view", "MONTHLY")])];
    const EFFECT: Effect = Effect::ReadOnly;
    const NEEDS: &'static [Need] = NEEDS;
    const SYNONYMS: &'static [Synonym] = &[synonym("trend", "view")];
    const RESOURCES: &'static [ResourceBinding] = &[
        resource("analytics://revenue/comprehensive/{from}/{to}").with(&[("view", "COMPREHENSIVE")]),
        resource("analytics://revenue/raw/{from}/{to}").with(&[("view", "RAW")]),
        resource("analytics://revenue/trend/monthly/{from}/{to}").with(&[("view", "MONTHLY")]),
        resource("analytics://revenue/trend/daily/{from}/{to}").with(&[("view", "DAILY")]),
    ];
    const KEYWORDS: &'static [&'static str] =
        &["income", "turnover", "earnings", "money", "financial", "analytics", "trend"];
    type Output = RevenueAnalytics;

    async fn run(self, cx: &mut ToolContext<'_>) -> Result<RevenueAnalytics, ToolError> {
        refuse_foreign(self.organisation.as_ref(), cx)?;
        refuse_pinned(ABOUT_PATIENTS, cx)?;
        let window = Window::given(self.from.as_deref(), self.to.as_deref(), self.period, cx)?;
        if self.view == View::Daily && window.length() > TREND_DAYS_MAX {
            let problem =
                format!("makes more than {TREND_DAYS_MAX} days; narrow the dates, or ask for view MONTHLY");
            return Err(ToolError::invalid("/to", problem));
        }
        let visits = Visits::within(&window, None, cx).await?;
        let prices = Prices::of(&visits, cx).await?;
        let revenue = prices.revenue(visits.all.iter());
        let breakdown = match self.view {
            View::Comprehensive => Some(Breakdown::of(&visits, &prices, &Directory::read(cx).await?)),
            View::Raw | View::Monthly | View::Daily => None,
        };
        let trend = match self.view {
            View::Monthly => Some(trend(&visits, &prices, &window.months(cx)?)),
            View::Daily => Some(trend(&visits, &prices, &window.each_day(cx)?)),
            View::Comprehensive | View::Raw => None,
        };
        let seen = small::shown(patients(visits.completed()));
        let of_parts = breakdown.as_ref().is_some_and(Breakdown::is_suppressed);
        let of_trend = trend.as_ref().is_some_and(|rows| rows.iter().any(|row| row.suppressed));
        let with_price: u64 = revenue.worths.iter().map(|worth| worth.visits).sum();
        Ok(RevenueAnalytics {
            hospital_id: cx.tenant().organization.to_string(),
            tenant_id: cx.tenant().organization.to_string(),
            period: window.days(cx),
            view: self.view,
            total_revenue: revenue.amount(),
            total_revenue_too: revenue.amount(),
            average_revenue_per_appointment: revenue.average(),
            average_revenue_per_appointment_too: revenue.average(),
            currency: revenue.currency(),
            by_currency: revenue.by_currency(),
            completed_appointments: with_price + revenue.unpriced,
            appointments_with_price: with_price,
            appointments_without_price: revenue.unpriced,
            patients_seen: seen,
            breakdown,
            trend,
            suppressed: revenue.is_small() || seen.is_none() || of_parts || of_trend,
            revenue_definition: revenue::DEFINITION,
        })
    }
}

impl Breakdown {
    fn of(visits: &Visits, prices: &Prices, directory: &Directory) -> Self {
        let work = Work::of(visits, prices, directory);
        let doctors = work.clinicians.iter().filter(|group| group.is_of_any_completed()).map(|group| {
            let id = group.key.and_then(|number| visits.practitioners.text(number));
            let clinician = id.and_then(|id| directory.clinician(id));
            PartRow::of(group, id.map(str::to_owned), clinician.and_then(|clinician| clinician.name.clone()))
        });
        let specialties = work.specialties.iter().filter(|group| group.is_of_any_completed());
        let specialties = specialties.map(|group| PartRow::of(group, None, group.key.map(str::to_owned)));
        let (mut doctors, mut specialties): (Vec<_>, Vec<_>) = (doctors.collect(), specialties.collect());
        let is_told = doctors.iter().chain(&specialties).any(|row| row.suppressed);
        let mut services = if is_told { Vec::new() } else { services(visits, prices) };
        let mut truncated = false;
        for rows in [&mut services, &mut doctors, &mut specialties] {
            rows.sort_by_key(|row: &PartRow| Reverse(row.revenue));
            truncated |= rows.len() > ROWS_MAX;
            rows.truncate(ROWS_MAX);
        }
        Self { services, doctors, specialties, truncated }
    }

    fn is_suppressed(&self) -> bool {
        [&self.services, &self.doctors, &self.specialties].into_iter().flatten().any(|row| row.suppressed)
    }
}

/// Of each service, and of visits without one.
fn services(visits: &Visits, prices: &Prices) -> Vec<PartRow> {
    let groups = grouped(visits.completed(), prices, |visit| vec![visit.service]);
    let rows = groups.iter().map(|group| {
        let id = group.key.and_then(|number| visits.services.text(number)).map(str::to_owned);
        let name = group.key.and_then(|number| prices.name(number)).map(str::to_owned);
        PartRow::of(group, id, name)
    });
    rows.collect()
}

impl PartRow {
    fn of<K>(group: &Group<'_, K>, id: Option<String>, name: Option<String>) -> Self {
        Self {
            id,
            name,
            revenue: group.revenue().and_then(Revenue::amount),
            currency: group.revenue().and_then(Revenue::currency),
            by_currency: group.revenue().map(Revenue::by_currency).unwrap_or_default(),
            appointments: group.count_of(Standing::Completed),
            patients: group.done(group.seen()),
            suppressed: !group.shows_done,
        }
    }
}

fn trend(visits: &Visits, prices: &Prices, stretches: &[Stretch]) -> Vec<TrendRow> {
    let place = |start: i64| stretches.partition_point(|stretch| stretch.from <= start).checked_sub(1);
    let groups = grouped(visits.completed(), prices, |visit| place(visit.start).into_iter().collect());
    let row = |(number, stretch): (usize, &Stretch)| {
        let group = groups.iter().find(|group| group.key == number);
        let revenue = match group {
            Some(group) => group.revenue().and_then(Revenue::amount),
            None => Some(Amount::default()),
        };
        TrendRow {
            month: stretch.is_month.then(|| stretch.name.clone()),
            date: (!stretch.is_month).then(|| stretch.name.clone()),
            revenue,
            currency: group.and_then(Group::revenue).and_then(Revenue::currency),
            by_currency: group.and_then(Group::revenue).map(Revenue::by_currency).unwrap_or_default(),
            appointments: group.map_or(Some(0), |group| group.count_of(Standing::Completed)),
            suppressed: group.is_some_and(|group| !group.shows_done),
        }
    };
    stretches.iter().enumerate().map(row).collect()
}
