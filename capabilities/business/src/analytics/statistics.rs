//! The organisation in figures.

use std::collections::BTreeMap;

use medcor_fhir::{
    ResourceType,
    primitive::format_instant,
    search::{Query, Total},
};
use medcor_tools::{
    Alias, Effect, Need, Ref, ResourceBinding, Tool, ToolContext, ToolError, alias, kind, resource,
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{
    directory::Directory,
    refuse_foreign,
    revenue::{self, Prices, Revenue, Worth},
    small,
    visits::{ABOUT_PATIENTS, Standing, Visits, by_status, patients, refuse_pinned},
    window::{Days, Period, Window},
};
use crate::amount::Amount;

/// The organisation in figures: patients, doctors, appointments by status, today's, revenue of the dates and the month.
///
/// Without dates it is this month. Days are those of the organisation's time zone; at most 731. Figures are added up
/// over all records, never over a page. A number of patients from 1 to 4, and revenue from so few, is left out and
/// named in `suppressed`; the registered patients and all counts of appointments are exact.
#[derive(Deserialize, JsonSchema)]
pub(super) struct GetHospitalStatistics {
    /// Your own organisation; any other is refused.
    organisation: Option<Ref<kind::Organization>>,
    /// First day, such as 2026-12-01.
    from: Option<String>,
    /// Last day.
    to: Option<String>,
    /// Instead of dates: the one that today is in.
    period: Option<Period>,
}

/// The organisation in figures.
#[derive(Serialize, JsonSchema)]
pub(super) struct HospitalStatistics {
    hospital_id: String,
    /// The same as `hospital_id`.
    tenant_id: String,
    hospital_name: String,
    period: Days,
    #[serde(flatten)]
    patients: PatientFigures,
    #[serde(flatten)]
    doctors: DoctorFigures,
    #[serde(flatten)]
    appointments: AppointmentFigures,
    #[serde(flatten)]
    money: MoneyFigures,
    /// Figures that are left out because fewer than 5 patients stand behind them.
    suppressed: Vec<&'static str>,
}

#[derive(Serialize, JsonSchema)]
struct PatientFigures {
    /// Registered.
    total_patients: u64,
    #[serde(rename = "totalPatients")]
    total_patients_too: u64,
    /// Whose record was first stored in the dates.
    #[serde(skip_serializing_if = "Option::is_none")]
    new_patients: Option<u64>,
    /// Whose record was first stored in this calendar month.
    #[serde(skip_serializing_if = "Option::is_none")]
    new_patients_this_month: Option<u64>,
    #[serde(rename = "newPatientsThisMonth", skip_serializing_if = "Option::is_none")]
    new_patients_this_month_too: Option<u64>,
    /// With an appointment in the dates that was not called off.
    #[serde(skip_serializing_if = "Option::is_none")]
    active_patients: Option<u64>,
    #[serde(rename = "activePatients", skip_serializing_if = "Option::is_none")]
    active_patients_too: Option<u64>,
    /// With a completed appointment in the dates.
    #[serde(skip_serializing_if = "Option::is_none")]
    patients_seen: Option<u64>,
}

#[derive(Serialize, JsonSchema)]
struct DoctorFigures {
    total_doctors: u64,
    /// Who have not left.
    active_doctors: u64,
    #[serde(rename = "activeDoctors")]
    active_doctors_too: u64,
}

#[derive(Serialize, JsonSchema)]
struct AppointmentFigures {
    /// In the dates, however they stand, but for those entered in error.
    total_appointments: u64,
    #[serde(rename = "totalAppointments")]
    total_appointments_too: u64,
    appointments_by_status: BTreeMap<&'static str, u64>,
    completed_appointments: u64,
    /// Today's that were not called off.
    today_appointments: u64,
    #[serde(rename = "todayAppointments")]
    today_appointments_too: u64,
    /// From now on, that are not over or called off.
    upcoming_appointments: u64,
    #[serde(rename = "upcomingAppointments")]
    upcoming_appointments_too: u64,
}

#[derive(Serialize, JsonSchema)]
struct MoneyFigures {
    /// Of the dates; not where it is suppressed or in several currencies.
    #[serde(skip_serializing_if = "Option::is_none")]
    revenue: Option<Amount>,
    /// Of the calendar month that today is in.
    #[serde(skip_serializing_if = "Option::is_none")]
    monthly_revenue: Option<Amount>,
    #[serde(rename = "monthlyRevenue", skip_serializing_if = "Option::is_none")]
    monthly_revenue_too: Option<Amount>,
    /// That of `revenue`: ISO 4217, where the price list says it and there is one.
    #[serde(skip_serializing_if = "Option::is_none")]
    currency: Option<String>,
    /// That of `monthly_revenue`.
    #[serde(skip_serializing_if = "Option::is_none")]
    monthly_currency: Option<String>,
    /// The revenue of the dates, where there are several currencies.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    revenue_by_currency: Vec<Worth>,
    /// The revenue of the month, where there are several currencies.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    monthly_revenue_by_currency: Vec<Worth>,
    /// Completed appointments of the dates that had no price.
    appointments_without_price: u64,
    revenue_definition: &'static str,
}

/// What figures of appointments and money need. Whoever may see invoices may see what they add up to.
pub(super) const NEEDS: &[Need] = &[
    Need::search(ResourceType::APPOINTMENT),
    Need::search(ResourceType::PRACTITIONER),
    Need::search(ResourceType::PRACTITIONER_ROLE),
    Need::read(ResourceType::HEALTHCARE_SERVICE),
    Need::search(ResourceType::INVOICE),
    Need::search(ResourceType::PATIENT),
    Need::read_if_allowed(ResourceType::ORGANIZATION),
];

impl Tool for GetHospitalStatistics {
    const NAME: &'static str = "get_hospital_statistics";
    const TITLE: &'static str = "The organisation in figures";
    const ALIASES: &'static [Alias] = &[alias("get_clinic_statistics")];
    const EFFECT: Effect = Effect::ReadOnly;
    const NEEDS: &'static [Need] = NEEDS;
    const RESOURCES: &'static [ResourceBinding] = &[resource("analytics://dashboard/summary/{from}/{to}")];
    const KEYWORDS: &'static [&'static str] = &[
        "dashboard",
        "how many patients",
        "analytics",
        "statistics",
        "key figures",
        "how many appointments",
    ];
    type Output = HospitalStatistics;

    async fn run(self, cx: &mut ToolContext<'_>) -> Result<HospitalStatistics, ToolError> {
        refuse_foreign(self.organisation.as_ref(), cx)?;
        refuse_pinned(ABOUT_PATIENTS, cx)?;
        let window = Window::given(self.from.as_deref(), self.to.as_deref(), self.period, cx)?;
        let month = Window::of_period(Period::Monthly, cx)?;
        let visits = Visits::within(&window, None, cx).await?;
        let is_month = window.is_same_as(&month);
        let of_month = if is_month { None } else { Some(Visits::within(&month, None, cx).await?) };
        let of_month = of_month.as_ref().unwrap_or(&visits);
        let revenue = Prices::of(&visits, cx).await?.revenue(visits.all.iter());
        let monthly = Prices::of(of_month, cx).await?.revenue(of_month.all.iter());
        let today = Window::of_period(Period::Daily, cx)?;
        let todays = of_month.all.iter().filter(|visit| today.holds(visit.start));
        let today_count = count(todays.filter(|visit| !visit.standing.is_called_off()).count());
        let mut suppressed = Vec::new();
        let patients = PatientFigures::of(&visits, (&window, &month), &mut suppressed, cx).await?;
        let money = MoneyFigures::of(&revenue, &monthly, &mut suppressed);
        Ok(HospitalStatistics {
            hospital_id: cx.tenant().organization.to_string(),
            tenant_id: cx.tenant().organization.to_string(),
            hospital_name: cx.tenant().name.clone(),
            period: window.days(cx),
            patients,
            doctors: DoctorFigures::of(&Directory::read(cx).await?),
            appointments: AppointmentFigures::of(&visits, today_count, upcoming(cx).await?),
            money,
            suppressed,
        })
    }
}

impl PatientFigures {
    async fn of(
        visits: &Visits,
        (window, month): (&Window, &Window),
        suppressed: &mut Vec<&'static str>,
        cx: &mut ToolContext<'_>,
    ) -> Result<Self, ToolError> {
        let total = total(Query::new(ResourceType::PATIENT), cx).await?;
        let registered = async |window: &Window, cx: &mut ToolContext<'_>| {
            let counted =
                cx.records().count_first_stored(ResourceType::PATIENT, (window.from, window.to)).await;
            counted.map(|count| usize::try_from(count).unwrap_or(usize::MAX))
        };
        let new = registered(window, cx).await?;
        let new_this_month = registered(month, cx).await?;
        let active = patients(visits.all.iter().filter(|visit| !visit.standing.is_called_off()));
        let seen = patients(visits.completed());
        let mut shown = |name, patients| {
            let figure = small::shown(patients);
            suppressed.extend(figure.is_none().then_some(name));
            figure
        };
        let (new_patients, new_this_month) =
            (shown("new_patients", new), shown("new_patients_this_month", new_this_month));
        let (active, patients_seen) = (shown("active_patients", active), shown("patients_seen", seen));
        Ok(Self {
            total_patients: total,
            total_patients_too: total,
            new_patients,
            new_patients_this_month: new_this_month,
            new_patients_this_month_too: new_this_month,
            active_patients: active,
            active_patients_too: active,
            patients_seen,
        })
    }
}

impl DoctorFigures {
    fn of(directory: &Directory) -> Self {
        let (total, active) = directory.doctors();
        let active = count(active);
        Self { total_doctors: count(total), active_doctors: active, active_doctors_too: active }
    }
}

impl AppointmentFigures {
    fn of(visits: &Visits, today: u64, upcoming: u64) -> Self {
        let total = count(visits.all.len());
        let by_status = by_status(visits.all.iter());
        Self {
            total_appointments: total,
            total_appointments_too: total,
            completed_appointments: by_status.get(Standing::Completed.word()).copied().unwrap_or_default(),
            appointments_by_status: by_status,
            today_appointments: today,
            today_appointments_too: today,
            upcoming_appointments: upcoming,
            upcoming_appointments_too: upcoming,
        }
    }
}

impl MoneyFigures {
    fn of(revenue: &Revenue, monthly: &Revenue, suppressed: &mut Vec<&'static str>) -> Self {
        suppressed.extend(revenue.is_small().then_some("revenue"));
        suppressed.extend(monthly.is_small().then_some("monthly_revenue"));
        Self {
            revenue: revenue.amount(),
            monthly_revenue: monthly.amount(),
            monthly_revenue_too: monthly.amount(),
            currency: revenue.currency(),
            monthly_currency: monthly.currency(),
            revenue_by_currency: revenue.by_currency(),
            monthly_revenue_by_currency: monthly.by_currency(),
            appointments_without_price: revenue.unpriced,
            revenue_definition: revenue::DEFINITION,
        }
    }
}

/// Appointments from now on that are neither over nor called off.
async fn upcoming(cx: &mut ToolContext<'_>) -> Result<u64, ToolError> {
    let now = format_instant(cx.now().as_microsecond());
    let query = Query::new(ResourceType::APPOINTMENT)
        .with("date", &format!("sa{now}"))?
        .with("status", "booked,pending,proposed,arrived,checked-in")?;
    total(query, cx).await
}

/// How many records match, as far as the caller sees them.
pub(super) async fn total(mut query: Query, cx: &mut ToolContext<'_>) -> Result<u64, ToolError> {
    query.count = 0;
    query.total = Total::Accurate;
    let page = cx.records().pass(&query).await?;
    page.total.ok_or_else(|| ToolError::Precondition("the records can't be counted".to_owned()))
}

/// A number of things.
fn count(number: usize) -> u64 {
    u64::try_from(number).unwrap_or(u64::MAX)
}
