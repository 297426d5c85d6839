//! Appointments: one, and many.

use jiff::{ToSpan, civil::Date};
use medcor_fhir::{
    ResourceType,
    primitive::format_instant,
    search::Query,
    view::{Appointment, Identifier, Patient},
};
use medcor_tools::{
    Alias, Effect, Format, Listing, ListingBuilder, Need, ROWS_DEFAULT, Ref, ResourceBinding, Role, Synonym,
    Tool, ToolContext, ToolError, alias, detail::Problems, kind, resource, synonym, view,
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::{
    answer::{AppointmentAnswer, Names},
    book::{Summary, own_organisation},
    status::{Status, StatusWord},
    when,
};

/// Most appointments that one call goes through; a cursor goes on.
const SCAN_MAX: usize = 1000;

/// Lists appointments in order of time: of a patient, of a clinician, on a day, by status.
///
/// Newest first for one patient, else earliest first. `period` is short for dates: TODAY, UPCOMING (from now on, without
/// those called off) or HISTORY. A clinician who names nobody sees the own list. Dates are days in the organisation's
/// time zone. The waiting list is `status: WAITLIST`.
#[derive(Deserialize, JsonSchema)]
pub(super) struct ListAppointments {
    /// Only of this patient: id, MRN, telephone number or full name; patients say `me`.
    patient: Option<Ref<kind::Patient>>,
    /// Only with this clinician: id, NPI or full name; clinicians say `me`.
    provider: Option<Ref<kind::Practitioner>>,
    /// Only appointments that stand like this.
    status: Option<StatusWord>,
    /// Only on this day, such as 2026-12-02.
    date: Option<String>,
    /// First day.
    from: Option<String>,
    /// Last day.
    to: Option<String>,
    /// Short for dates.
    period: Option<Period>,
    /// Your own organisation; any other is refused.
    organisation: Option<Ref<kind::Organization>>,
    /// Most rows, 20 when absent.
    #[schemars(range(min = 1, max = 100))]
    limit: Option<u32>,
    /// `next_cursor` of the answer before.
    cursor: Option<String>,
    #[serde(default)]
    format: Format,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "UPPERCASE")]
enum Period {
    Today,
    Upcoming,
    History,
}

/// Appointments.
#[derive(Serialize, JsonSchema)]
pub(super) struct Appointments {
    status: &'static str,
    /// Where they are of one patient.
    #[serde(skip_serializing_if = "Option::is_none")]
    patient_id: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    mrn: Option<String>,
    #[serde(flatten)]
    list: Listing<AppointmentAnswer>,
    /// The rows in short, where they are of one patient.
    #[serde(rename = "appointments", skip_serializing_if = "Option::is_none")]
    summaries: Option<Vec<Summary>>,
}

impl Tool for ListAppointments {
    const NAME: &'static str = "list_appointments";
    const TITLE: &'static str = "List appointments";
    const ALIASES: &'static [Alias] = &[alias("get_appointments"), alias("get_patient_appointments")];
    const EFFECT: Effect = Effect::ReadOnly;
    const NEEDS: &'static [Need] = &[
        Need::search(ResourceType::APPOINTMENT),
        Need::read_if_allowed(ResourceType::PATIENT),
        Need::read_if_allowed(ResourceType::PRACTITIONER),
        Need::read_if_allowed(ResourceType::LOCATION),
        Need::read_if_allowed(ResourceType::ORGANIZATION),
    ];
    const SYNONYMS: &'static [Synonym] = &[synonym("name", "patient")];
    const RESOURCES: &'static [ResourceBinding] = &[
        resource("appointments://doctor/{provider}"),
        resource("appointments://today/{organisation}").with(&[("period", "TODAY")]),
        resource("appointments://upcoming/{organisation}").with(&[("period", "UPCOMING")]),
        resource("patients://appointments/{patient}"),
        resource("patients://appointments/upcoming/{patient}").with(&[("period", "UPCOMING")]),
        resource("patients://appointments/history/{patient}").with(&[("period", "HISTORY")]),
        resource("patients://history/{patient}"),
        resource("healthcare://appointments"),
        resource("waitlist://all").with(&[("status", "WAITLIST")]),
    ];
    const KEYWORDS: &'static [&'static str] =
        &["calendar", "visits", "agenda", "who is next", "waiting list", "today"];
    type Output = Appointments;

    async fn run(self, cx: &mut ToolContext<'_>) -> Result<Appointments, ToolError> {
        own_organisation(self.organisation.as_ref(), cx)?;
        let mut applied = Map::new();
        let mut query = self.query(&mut applied, cx)?;
        query.count = if self.is_narrow() { 100 } else { self.limit.unwrap_or(ROWS_DEFAULT) };
        query.cursor.clone_from(&self.cursor);
        let (list, rows) = self.listed(query, applied, cx).await?;
        let (mut patient_id, mut mrn) = (None, None);
        if let Some(patient) = &self.patient {
            let record = cx.record(patient).await?;
            let own = view::<Patient<'_>>(&record)?.identifier;
            mrn = Identifier::medical_record_number(&own).map(str::to_owned);
            patient_id = Some(record.id.to_string());
        }
        let summaries = self.patient.is_some().then(|| rows.iter().map(Summary::of).collect());
        let list = if rows.is_empty() { list.with_hint("No appointment fits.") } else { list };
        Ok(Appointments { status: "success", patient_id, mrn, list, summaries })
    }
}

impl ListAppointments {
    fn query(&self, applied: &mut Map<String, Value>, cx: &ToolContext<'_>) -> Result<Query, ToolError> {
        let order =
            if self.patient.is_some() && self.period != Some(Period::Upcoming) { "-date" } else { "date" };
        let mut query = Query::new(ResourceType::APPOINTMENT).with("_sort", order)?;
        if let Some(patient) = &self.patient {
            query = query.with("patient", &patient.reference())?;
            applied.insert("patient".to_owned(), patient.id().as_str().into());
        }
        if let Some(provider) = self.practitioner(cx) {
            query = query.with("actor", &format!("Practitioner/{provider}"))?;
            applied.insert("provider".to_owned(), provider.as_str().into());
        }
        if let Some(status) = self.status.and_then(StatusWord::status) {
            query = query.with("status", status.codes())?;
            applied.insert("status".to_owned(), status.word().into());
        }
        self.in_time(query, applied, cx)
    }

    /// The clinician who is asked for; the caller, where a clinician asks for nobody.
    fn practitioner(&self, cx: &ToolContext<'_>) -> Option<medcor_fhir::Id> {
        let principal = cx.principal();
        let own = principal.practitioner.clone().filter(|_| {
            let is_waitlist = self.status == Some(StatusWord::Waitlist);
            principal.roles.contains(&Role::Doctor) && self.patient.is_none() && !is_waitlist
        });
        self.provider.as_ref().map(|provider| provider.id().clone()).or(own)
    }

    fn in_time(
        &self,
        mut query: Query,
        applied: &mut Map<String, Value>,
        cx: &ToolContext<'_>,
    ) -> Result<Query, ToolError> {
        let mut problems = Problems::default();
        let mut day = |name: &str, text: &Option<String>| problems.checked(name, text.as_deref(), when::date);
        let (date, from, to) = (day("date", &self.date), day("from", &self.from), day("to", &self.to));
        let ways = [self.date.is_some(), self.from.is_some() || self.to.is_some(), self.period.is_some()];
        if ways.into_iter().filter(|is_given| *is_given).count() > 1 {
            problems.add("date", "give either date, from and to, or period");
        }
        problems.refuse()?;
        let today = cx.today();
        let (from, to) = match self.period {
            Some(Period::Today) => (Some(today), Some(today)),
            _ => (date.or(from), date.or(to)),
        };
        let midnight = |date: Date| cx.midnight(date, "/date");
        for (name, date) in [("from", from), ("to", to)] {
            if let Some(date) = date {
                applied.insert(name.to_owned(), date.to_string().into());
            }
        }
        if let Some(from) = from {
            query = query.with("date", &format!("ge{}", format_instant(midnight(from)?)))?;
        }
        if let Some(to) = to {
            query = query
                .with("date", &format!("lt{}", format_instant(midnight(to.saturating_add(1.day()))?)))?;
        }
        let now = format_instant(cx.now().as_microsecond());
        query = match self.period {
            Some(Period::Upcoming) => query.with("date", &format!("ge{now}"))?,
            Some(Period::History) => query.with("date", &format!("lt{now}"))?,
            _ => query,
        };
        if let Some(period) = self.period {
            applied.insert("period".to_owned(), serde_json::to_value(period)?);
        }
        Ok(query)
    }

    /// Whether rows are left out that the search finds.
    fn is_narrow(&self) -> bool {
        self.period == Some(Period::Upcoming) || self.status.is_some()
    }

    fn fits(&self, status: Status) -> bool {
        let is_wanted = self.status.and_then(StatusWord::status).is_none_or(|wanted| {
            // SCHEDULED includes what is confirmed: it stands in the calendar all the same.
            wanted == status || (wanted == Status::Scheduled && status == Status::Confirmed)
        });
        is_wanted && !(self.period == Some(Period::Upcoming) && status.is_over())
    }

    async fn listed(
        &self,
        mut query: Query,
        applied: Map<String, Value>,
        cx: &mut ToolContext<'_>,
    ) -> Result<(Listing<AppointmentAnswer>, Vec<AppointmentAnswer>), ToolError> {
        let limit = usize::try_from(self.limit.unwrap_or(ROWS_DEFAULT)).unwrap_or(usize::MAX);
        let mut list = ListingBuilder::new();
        let mut rows: Vec<AppointmentAnswer> = Vec::new();
        let mut scanned = 0;
        loop {
            let page = cx.records().search(&query).await.map_err(ToolError::of_own_search)?;
            let names = Names::of(&page.records, cx).await?;
            for (index, record) in page.records.iter().enumerate() {
                let status = Status::of(&view::<Appointment<'_>>(record)?);
                if !self.fits(status) {
                    continue;
                }
                let row = AppointmentAnswer::of(record, &names, self.format, cx)?;
                if rows.len() == limit || !list.push(&row)? {
                    let before = index.checked_sub(1);
                    let cursor = before.map_or_else(|| query.cursor.clone(), |last| page.cursor_after(last));
                    return Ok((list.finish(applied).with_more(cursor), rows));
                }
                rows.push(row);
            }
            scanned += page.records.len();
            let end = page.records.len().checked_sub(1).filter(|_| page.has_more);
            let Some(cursor) = end.and_then(|end| page.cursor_after(end)) else {
                return Ok((list.finish(applied), rows));
            };
            if scanned >= SCAN_MAX || rows.len() == limit {
                return Ok((list.finish(applied).with_more(Some(cursor)), rows));
            }
            query.cursor = Some(cursor);
        }
    }
}

/// Shows one appointment: who, when, where, how it stands, why.
///
/// An unknown id is `RESOURCE_NOT_FOUND`; find ids with `list_appointments`.
#[derive(Deserialize, JsonSchema)]
pub(super) struct GetAppointmentDetails {
    /// Appointment: id or identifier.
    appointment: Ref<kind::Appointment>,
    #[serde(default)]
    format: Format,
}

impl Tool for GetAppointmentDetails {
    const NAME: &'static str = "get_appointment_details";
    const TITLE: &'static str = "Show an appointment";
    const ALIASES: &'static [Alias] = &[alias("get_appointment_by_id"), alias("get_appointment")];
    const EFFECT: Effect = Effect::ReadOnly;
    const NEEDS: &'static [Need] = &[
        Need::read(ResourceType::APPOINTMENT),
        Need::read_if_allowed(ResourceType::PATIENT),
        Need::read_if_allowed(ResourceType::PRACTITIONER),
        Need::read_if_allowed(ResourceType::LOCATION),
    ];
    const SYNONYMS: &'static [Synonym] =
        &[synonym("appointment_id", "appointment"), synonym("id", "appointment")];
    const KEYWORDS: &'static [&'static str] = &["visit", "booking"];
    type Output = AppointmentAnswer;

    async fn run(self, cx: &mut ToolContext<'_>) -> Result<AppointmentAnswer, ToolError> {
        let record = cx.record(&self.appointment).await?;
        AppointmentAnswer::of_one(&record, self.format, cx).await
    }
}
