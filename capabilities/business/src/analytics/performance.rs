//! What doctors do: how much, for how many, worth what.

use medcor_fhir::{Id, ResourceType, view::Profession};
use medcor_tools::{
    Alias, Area, Chosen, Effect, Need, Ref, ResourceBinding, Tool, ToolContext, ToolError, alias, kind,
    resource,
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{
    directory::Directory,
    group::{self, Group},
    is_false, refuse_foreign,
    revenue::{self, Prices, Revenue, Worth},
    visits::{ABOUT_PATIENTS, Standing, Visits, refuse_pinned, sees_everybody},
    window::{Days, Period, Window},
};
use crate::amount::Amount;

/// Most doctors of one answer; those with the most completed visits.
const ROWS_MAX: usize = 50;

/// What doctors do, in figures: appointments, patients seen and revenue, the most completed appointments first.
///
/// Administrators see all doctors, or one; a doctor sees the own figures, without revenue. Without dates it is this
/// month. For administrators, figures of doctors with 1 to 4 patients and of others who would tell them are left out and
/// flagged as suppressed; of doctors who are shown, cancelled and missed appointments are exact. There is no rating:
/// nobody records any.
#[derive(Deserialize, JsonSchema)]
pub(super) struct GetDoctorPerformance {
    /// Only this doctor: id, NPI or full name; doctors say `me`.
    provider: Option<Ref<kind::Practitioner>>,
    /// Your own organisation; any other is refused.
    organisation: Option<Ref<kind::Organization>>,
    /// First day, such as 2026-12-01.
    from: Option<String>,
    /// Last day.
    to: Option<String>,
    /// Instead of dates: the one that today is in.
    period: Option<Period>,
}

/// What doctors do.
#[derive(Serialize, JsonSchema)]
pub(super) struct DoctorPerformance {
    hospital_id: String,
    period: Days,
    /// The one doctor who is asked for, as in `results`.
    #[serde(flatten)]
    doctor: Option<DoctorRow>,
    results: Vec<DoctorRow>,
    count: usize,
    /// Whether doctors with fewer visits were left out.
    truncated: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    revenue_definition: Option<&'static str>,
}

#[derive(Debug, Clone, Serialize, JsonSchema)]
struct DoctorRow {
    /// By completed appointments; not where they are suppressed.
    #[serde(skip_serializing_if = "Option::is_none")]
    rank: Option<usize>,
    doctor_id: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    name: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    specialty: Option<String>,
    /// In the dates, however they stand, without those that were moved to another time.
    #[serde(skip_serializing_if = "Option::is_none")]
    appointment_count: Option<u64>,
    #[serde(rename = "appointmentCount", skip_serializing_if = "Option::is_none")]
    appointment_count_too: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    appointments_completed: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    appointments_cancelled: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    no_shows: Option<u64>,
    /// Different patients with a completed appointment.
    #[serde(skip_serializing_if = "Option::is_none")]
    patients_seen: Option<u64>,
    #[serde(flatten)]
    money: Option<Money>,
    #[serde(skip_serializing_if = "is_false")]
    suppressed: bool,
}

/// For who may see it.
#[derive(Debug, Clone, Serialize, JsonSchema)]
struct Money {
    /// Not where it is suppressed or in several currencies.
    #[serde(skip_serializing_if = "Option::is_none")]
    revenue: Option<Amount>,
    #[serde(skip_serializing_if = "Option::is_none")]
    currency: Option<String>,
    /// Where there are several currencies.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    revenue_by_currency: Vec<Worth>,
}

impl Tool for GetDoctorPerformance {
    const NAME: &'static str = "get_doctor_performance";
    const TITLE: &'static str = "Doctors in figures";
    const ALIASES: &'static [Alias] = &[alias("get_doctor_statistics")];
    const EFFECT: Effect = Effect::ReadOnly;
    const NEEDS: &'static [Need] = &[
        Need::Administer(Area::Figures),
        Need::search(ResourceType::APPOINTMENT),
        Need::search(ResourceType::PRACTITIONER),
        Need::search(ResourceType::PRACTITIONER_ROLE),
        Need::read(ResourceType::HEALTHCARE_SERVICE),
        Need::search_if_allowed(ResourceType::INVOICE),
        Need::search_if_allowed(ResourceType::PATIENT),
        Need::read_if_allowed(ResourceType::ORGANIZATION),
    ];
    const FROM_SESSION: &'static [Chosen] = &[Chosen::Practitioner];
    const RESOURCES: &'static [ResourceBinding] = &[resource("analytics://performance/doctors/{from}/{to}")];
    const KEYWORDS: &'static [&'static str] =
        &["ranking", "productivity", "workload", "analytics", "my figures", "rating"];
    type Output = DoctorPerformance;

    async fn run(self, cx: &mut ToolContext<'_>) -> Result<DoctorPerformance, ToolError> {
        refuse_foreign(self.organisation.as_ref(), cx)?;
        refuse_pinned(&[ResourceType::APPOINTMENT], cx)?;
        let window = Window::given(self.from.as_deref(), self.to.as_deref(), self.period, cx)?;
        let sees_all = sees_everybody(ABOUT_PATIENTS, cx);
        let wanted = self.provider.as_ref().map(Ref::id).cloned();
        let wanted = if sees_all { wanted } else { Some(own(wanted, cx)?) };
        // What is kept back of one depends on the others, so that one alone tells nothing that all don't.
        let read = if sees_all { None } else { wanted.as_ref() };
        let visits = Visits::within(&window, read, cx).await?;
        let prices = if sees_all { Prices::of(&visits, cx).await? } else { Prices::none() };
        let directory = Directory::read(cx).await?;
        let figures = Figures { visits: &visits, prices: &prices, directory: &directory, sees_all };
        let mut results = match &wanted {
            Some(wanted) => vec![figures.of(wanted)],
            None => figures.of_all(),
        };
        let truncated = results.len() > ROWS_MAX;
        results.truncate(ROWS_MAX);
        Ok(DoctorPerformance {
            hospital_id: cx.tenant().organization.to_string(),
            period: window.days(cx),
            doctor: wanted.and_then(|_| results.first().cloned()),
            count: results.len(),
            results,
            truncated,
            revenue_definition: sees_all.then_some(revenue::DEFINITION),
        })
    }
}

/// The caller's own entry, which is all that a doctor sees figures of.
fn own(wanted: Option<Id>, cx: &ToolContext<'_>) -> Result<Id, ToolError> {
    let own = cx.principal().practitioner.clone();
    match (own, wanted) {
        (Some(own), None) => Ok(own),
        (Some(own), Some(wanted)) if own == wanted => Ok(own),
        _ => Err(ToolError::PermissionDenied {
            needed: "figures of other clinicians; yours are `me`".to_owned(),
        }),
    }
}

/// What is known of some days.
struct Figures<'w> {
    visits: &'w Visits,
    prices: &'w Prices,
    directory: &'w Directory,
    sees_all: bool,
}

impl Figures<'_> {
    /// One clinician.
    fn of(&self, wanted: &Id) -> DoctorRow {
        match self.groups().iter_mut().find(|group| self.id(group) == Some(wanted.as_str())) {
            Some(group) => {
                // Doctors know their own patients.
                if !self.sees_all {
                    group.show_all();
                }
                self.row(group, wanted.as_str())
            }
            None => DoctorRow::idle(wanted.as_str(), self.directory, self.sees_all),
        }
    }

    /// Every doctor with visits, the busiest first; those whose figures are not shown last, by name.
    fn of_all(&self) -> Vec<DoctorRow> {
        let mut rows = Vec::new();
        for group in self.groups() {
            let Some(id) = self.id(&group) else { continue };
            let clinician = self.directory.clinician(id);
            if clinician.is_none_or(|clinician| clinician.profession == Profession::Doctor) {
                rows.push(self.row(&group, id));
            }
        }
        rows.sort_by(|one, other| {
            let order = |row: &DoctorRow| (row.appointments_completed, row.appointment_count);
            order(other).cmp(&order(one)).then_with(|| one.name.cmp(&other.name))
        });
        for (place, row) in rows.iter_mut().enumerate() {
            row.rank = row.appointments_completed.map(|_| place + 1);
        }
        rows
    }

    /// Of all clinicians, and of nobody known: what is kept back of one depends on all.
    fn groups(&self) -> Vec<Group<'_, Option<usize>>> {
        group::Work::of(self.visits, self.prices, self.directory).clinicians
    }

    fn id(&self, group: &Group<'_, Option<usize>>) -> Option<&str> {
        self.visits.practitioners.text(group.key?)
    }

    fn row(&self, group: &Group<'_, Option<usize>>, id: &str) -> DoctorRow {
        let revenue = group.revenue();
        let money = || Money {
            revenue: revenue.and_then(Revenue::amount),
            currency: revenue.and_then(Revenue::currency),
            revenue_by_currency: revenue.map(Revenue::by_currency).unwrap_or_default(),
        };
        DoctorRow {
            appointment_count: group.count(),
            appointment_count_too: group.count(),
            appointments_completed: group.count_of(Standing::Completed),
            appointments_cancelled: group.count_of(Standing::Cancelled),
            no_shows: group.count_of(Standing::NoShow),
            patients_seen: group.done(group.seen()),
            money: self.sees_all.then(money),
            suppressed: group.is_suppressed(),
            ..DoctorRow::idle(id, self.directory, self.sees_all)
        }
    }
}

impl DoctorRow {
    /// Of somebody without visits.
    fn idle(id: &str, directory: &Directory, sees_all: bool) -> Self {
        let clinician = directory.clinician(id);
        let nothing =
            Money { revenue: Some(Amount::default()), currency: None, revenue_by_currency: Vec::new() };
        Self {
            rank: None,
            doctor_id: id.to_owned(),
            name: clinician.and_then(|clinician| clinician.name.clone()),
            specialty: clinician.and_then(|clinician| clinician.specialty.clone()),
            appointment_count: Some(0),
            appointment_count_too: Some(0),
            appointments_completed: Some(0),
            appointments_cancelled: Some(0),
            no_shows: Some(0),
            patients_seen: Some(0),
            money: sees_all.then_some(nothing),
            suppressed: false,
        }
    }
}
