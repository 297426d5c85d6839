//! The chart at a glance.

use medcor_fhir::{
    ResourceType, naming::PREVISIT_QUESTIONNAIRE, primitive::format_instant, search::Query, view::Encounter,
};
use medcor_tools::{
    Effect, Need, Ref, ResourceBinding, Synonym, Tool, ToolContext, ToolError, kind, resource, synonym, view,
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{
    allergies::{AllergyRow, AllergyRows},
    care_plans::{CarePlanRow, CarePlanRows},
    conditions::{ConditionRow, ConditionRows, ENDED},
    immunizations::{ImmunizationRow, ImmunizationRows},
    laboratory::{ResultRow, ResultRows},
    latest::{LATEST_SCANNED, Latest},
    previsit::{PrevisitRow, PrevisitRows},
    procedures::{ProcedureRow, ProcedureRows},
};
use crate::{
    demographics::Demographics,
    encounters::{EncounterRow, EncounterRows},
    listing::{Paging, Subject, Success},
    medications::{PrescriptionRow, PrescriptionRows},
    section::{Section, Sections, parts},
    vital_row::{VitalRow, VitalRows},
    window::Window,
};

/// Rows of a section when the caller asks for no number.
const SECTION_ROWS_DEFAULT: u32 = 10;

/// Summarises a patient's chart: demographics, active allergies, active conditions, active medications,
/// the latest vital signs and laboratory values of each kind, vaccinations, procedures, encounters, care
/// plans and answers before visits.
///
/// Start here for questions about a patient. `sections` narrows it; `since` leaves out what happened
/// before, such as before the end of the last visit, but never allergies, conditions or medications that still stand. Each section has a few rows
/// and names the tool that lists all of them. What the caller may not see is listed under `withheld`.
#[derive(Deserialize, JsonSchema)]
pub(super) struct GetPatientSummary {
    /// Whose: id, MRN, telephone number or full name.
    patient: Ref<kind::Patient>,
    /// Only these sections; all when absent.
    sections: Option<Vec<SectionName>>,
    /// Only what happened on or after this date, such as 2026-05-01; or `last visit`: since the last visit
    /// ended.
    since: Option<String>,
    /// Most rows of a section, 10 when absent.
    #[schemars(range(min = 1, max = 30))]
    limit: Option<u32>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
enum SectionName {
    Demographics,
    Allergies,
    Conditions,
    Medications,
    Vitals,
    Labs,
    Immunizations,
    Procedures,
    Encounters,
    CarePlans,
    Previsit,
}

/// A chart at a glance.
#[derive(Serialize, JsonSchema)]
pub(super) struct PatientSummary {
    status: Success,
    id: String,
    #[serde(flatten)]
    demographics: Demographics,
    #[serde(skip_serializing_if = "Option::is_none")]
    allergies: Option<Section<AllergyRow<'static>>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    conditions: Option<Section<ConditionRow<'static>>>,
    /// What the patient takes: active orders and reports, no proposals, plans or orders not to give.
    #[serde(skip_serializing_if = "Option::is_none")]
    medications: Option<Section<PrescriptionRow<'static>>>,
    /// The latest value of each vital sign; `truncated` also where older ones were not looked at.
    #[serde(skip_serializing_if = "Option::is_none")]
    vitals: Option<Section<VitalRow<'static>>>,
    /// The latest value of each test, abnormal ones first; `truncated` also where older ones were not
    /// looked at.
    #[serde(skip_serializing_if = "Option::is_none")]
    labs: Option<Section<ResultRow<'static>>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    immunizations: Option<Section<ImmunizationRow<'static>>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    procedures: Option<Section<ProcedureRow<'static>>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    encounters: Option<Section<EncounterRow<'static>>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    care_plans: Option<Section<CarePlanRow<'static>>>,
    /// What the patient answered before visits.
    #[serde(skip_serializing_if = "Option::is_none")]
    previsit: Option<Section<PrevisitRow>>,
    /// Sections that the caller may not see.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    withheld: Vec<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    since: Option<String>,
}

impl Tool for GetPatientSummary {
    const NAME: &'static str = "get_patient_summary";
    const TITLE: &'static str = "Get a patient summary";
    const EFFECT: Effect = Effect::ReadOnly;
    const NEEDS: &'static [Need] = &[
        Need::read(ResourceType::PATIENT),
        Need::search_if_allowed(ResourceType::ALLERGY_INTOLERANCE),
        // The front desk and administrators have get_patient.
        Need::search(ResourceType::CONDITION),
        Need::search_if_allowed(ResourceType::MEDICATION_REQUEST),
        Need::search_if_allowed(ResourceType::OBSERVATION),
        Need::search_if_allowed(ResourceType::IMMUNIZATION),
        Need::search_if_allowed(ResourceType::PROCEDURE),
        Need::search_if_allowed(ResourceType::ENCOUNTER),
        Need::search_if_allowed(ResourceType::CARE_PLAN),
        Need::search_if_allowed(ResourceType::QUESTIONNAIRE_RESPONSE),
        Need::search_if_allowed(ResourceType::MEDICATION_DISPENSE),
        Need::read_if_allowed(ResourceType::MEDICATION),
        Need::read_if_allowed(ResourceType::PRACTITIONER),
        Need::read_if_allowed(ResourceType::ORGANIZATION),
        Need::read_if_allowed(ResourceType::LOCATION),
    ];
    const SYNONYMS: &'static [Synonym] =
        &[synonym("section", "sections"), synonym("include", "sections"), synonym("from", "since")];
    const RESOURCES: &'static [ResourceBinding] = &[
        resource("patients://summary/{patient}"),
        resource("patients://medical-profile/{patient}"),
        resource("pms://patients/{patient}/summary"),
    ];
    const KEYWORDS: &'static [&'static str] = &["chart", "overview", "history", "profile", "record"];
    type Output = PatientSummary;

    async fn run(self, cx: &mut ToolContext<'_>) -> Result<PatientSummary, ToolError> {
        let record = cx.record(&self.patient).await?;
        let subject = Subject::of_record(&record)?;
        let since = match self.since {
            Some(text) if is_last_visit(&text) => Some(end_of_last_visit(&subject, cx).await?),
            given => given,
        };
        let glance = Glance {
            window: Window::since(since.as_deref(), cx)?,
            subject,
            wanted: self.sections.unwrap_or_default(),
            limit: usize::try_from(self.limit.unwrap_or(SECTION_ROWS_DEFAULT)).unwrap_or(usize::MAX),
            paging: Paging::new(None, None, None),
        };
        let mut sections = Sections::new(glance.limit);
        Ok(PatientSummary {
            status: Success::Success,
            id: record.id.to_string(),
            demographics: Demographics::of(&record, cx)?,
            allergies: glance.allergies(&mut sections, cx).await?,
            conditions: glance.conditions(&mut sections, cx).await?,
            medications: glance.medications(&mut sections, cx).await?,
            vitals: glance.vitals(&mut sections, cx).await?,
            labs: glance.labs(&mut sections, cx).await?,
            immunizations: glance.immunizations(&mut sections, cx).await?,
            procedures: glance.procedures(&mut sections, cx).await?,
            encounters: glance.encounters(&mut sections, cx).await?,
            care_plans: glance.care_plans(&mut sections, cx).await?,
            previsit: glance.previsit(&mut sections, cx).await?,
            withheld: sections.into_withheld(),
            since,
        })
    }
}

fn is_last_visit(text: &str) -> bool {
    let words = text.trim().to_lowercase().replace(['_', '-'], " ");
    matches!(words.as_str(), "last visit" | "the last visit" | "last encounter")
}

/// When the last visit that is over ended; the begin of one whose end nobody has written down.
async fn end_of_last_visit(subject: &Subject, cx: &mut ToolContext<'_>) -> Result<String, ToolError> {
    let refused = |problem: &str| Err(ToolError::invalid("/since", problem));
    if !cx.may_read(ResourceType::ENCOUNTER) {
        return refused("you may not see visits; give a date instead");
    }
    let now = format_instant(cx.now().as_microsecond());
    let query = subject.query(ResourceType::ENCOUNTER)?.with("status", "finished")?;
    let mut query = query.with("date", &format!("le{now}"))?.with("_sort", "-date")?;
    query.count = 1;
    let page = cx.records().search(&query).await?;
    let Some(record) = page.records.first() else {
        return refused("the chart has no visit that is over; leave it out, or give a date");
    };
    let visit: Encounter<'_> = view(record)?;
    let period = visit.period.unwrap_or_default();
    match period.end.or(period.start) {
        Some(moment) => Ok(moment.to_string()),
        None => refused("the chart does not say when the last visit was; give a date"),
    }
}

/// What is asked of the chart.
struct Glance {
    subject: Subject,
    window: Window,
    wanted: Vec<SectionName>,
    limit: usize,
    paging: Paging,
}

type Found<T> = Result<Option<Section<T>>, ToolError>;

impl Glance {
    fn wants(&self, name: SectionName) -> bool {
        self.wanted.is_empty() || self.wanted.contains(&name)
    }

    /// The newest first, since when it was asked for.
    fn recent(&self, resource_type: ResourceType) -> Result<Query, ToolError> {
        let query = self.subject.query(resource_type)?.with("_sort", "-date")?;
        self.window.narrowed(query, "date")
    }

    async fn allergies(
        &self,
        sections: &mut Sections,
        cx: &mut ToolContext<'_>,
    ) -> Found<AllergyRow<'static>> {
        if !self.wants(SectionName::Allergies) {
            return Ok(None);
        }
        let query = self.subject.query(ResourceType::ALLERGY_INTOLERANCE)?.with("_sort", "-date")?;
        sections.section(cx, parts::ALLERGIES, query, &mut AllergyRows::active(&self.paging)).await
    }

    async fn conditions(
        &self,
        sections: &mut Sections,
        cx: &mut ToolContext<'_>,
    ) -> Found<ConditionRow<'static>> {
        if !self.wants(SectionName::Conditions) {
            return Ok(None);
        }
        let query = self.subject.query(ResourceType::CONDITION)?;
        let query = query.with("clinical-status:not", ENDED)?.with("_sort", "-onset-date")?;
        sections.section(cx, parts::CONDITIONS, query, &mut ConditionRows::active(&self.paging)).await
    }

    async fn medications(
        &self,
        sections: &mut Sections,
        cx: &mut ToolContext<'_>,
    ) -> Found<PrescriptionRow<'static>> {
        if !self.wants(SectionName::Medications) {
            return Ok(None);
        }
        let query = self.subject.query(ResourceType::MEDICATION_REQUEST)?;
        let query = query.with("status", "active")?.with("_sort", "-authoredon")?;
        sections.section(cx, parts::MEDICATIONS, query, &mut PrescriptionRows::taken(&self.paging)).await
    }

    async fn vitals(&self, sections: &mut Sections, cx: &mut ToolContext<'_>) -> Found<VitalRow<'static>> {
        if !self.wants(SectionName::Vitals) || !sections.allows(parts::VITALS, cx) {
            return Ok(None);
        }
        let mut query = self.recent(ResourceType::OBSERVATION)?.with("category", "vital-signs")?;
        query.count = LATEST_SCANNED;
        let page = cx.records().search(&query).await?;
        let latest = Latest::of_each(&page)?;
        let mut rows = VitalRows::new(Some(&self.subject), &self.paging, self.window.clone());
        let section = latest.section(&mut rows, self.limit, parts::VITALS.tool)?;
        Ok(Some(sections.fitted(section)))
    }

    async fn labs(&self, sections: &mut Sections, cx: &mut ToolContext<'_>) -> Found<ResultRow<'static>> {
        if !self.wants(SectionName::Labs) || !sections.allows(parts::LABS, cx) {
            return Ok(None);
        }
        let mut query = self.recent(ResourceType::OBSERVATION)?.with("category", "laboratory")?;
        query.count = LATEST_SCANNED;
        let page = cx.records().search(&query).await?;
        let latest = Latest::of_each(&page)?.abnormal_first();
        let mut rows = ResultRows::new(&self.paging, self.window.clone());
        let section = latest.section(&mut rows, self.limit, parts::LABS.tool)?;
        Ok(Some(sections.fitted(section)))
    }

    async fn immunizations(
        &self,
        sections: &mut Sections,
        cx: &mut ToolContext<'_>,
    ) -> Found<ImmunizationRow<'static>> {
        if !self.wants(SectionName::Immunizations) {
            return Ok(None);
        }
        let mut rows = ImmunizationRows::new(&self.paging, self.window.clone());
        sections.section(cx, parts::IMMUNIZATIONS, self.recent(ResourceType::IMMUNIZATION)?, &mut rows).await
    }

    async fn procedures(
        &self,
        sections: &mut Sections,
        cx: &mut ToolContext<'_>,
    ) -> Found<ProcedureRow<'static>> {
        if !self.wants(SectionName::Procedures) {
            return Ok(None);
        }
        let mut rows = ProcedureRows::new(&self.paging, self.window.clone());
        sections.section(cx, parts::PROCEDURES, self.recent(ResourceType::PROCEDURE)?, &mut rows).await
    }

    async fn encounters(
        &self,
        sections: &mut Sections,
        cx: &mut ToolContext<'_>,
    ) -> Found<EncounterRow<'static>> {
        if !self.wants(SectionName::Encounters) {
            return Ok(None);
        }
        let mut rows = EncounterRows::new(&self.paging);
        sections.section(cx, parts::ENCOUNTERS, self.recent(ResourceType::ENCOUNTER)?, &mut rows).await
    }

    async fn care_plans(
        &self,
        sections: &mut Sections,
        cx: &mut ToolContext<'_>,
    ) -> Found<CarePlanRow<'static>> {
        if !self.wants(SectionName::CarePlans) {
            return Ok(None);
        }
        let query = self.subject.query(ResourceType::CARE_PLAN)?.with("status", "active")?;
        sections.section(cx, parts::CARE_PLANS, query.with("_sort", "-date")?, &mut CarePlanRows).await
    }

    async fn previsit(&self, sections: &mut Sections, cx: &mut ToolContext<'_>) -> Found<PrevisitRow> {
        if !self.wants(SectionName::Previsit) {
            return Ok(None);
        }
        let query = self.subject.query(ResourceType::QUESTIONNAIRE_RESPONSE)?;
        let query = query.with("questionnaire", PREVISIT_QUESTIONNAIRE)?.with("_sort", "-authored")?;
        let query = self.window.narrowed(query, "authored")?;
        sections.section(cx, parts::PREVISIT, query, &mut PrevisitRows).await
    }
}
