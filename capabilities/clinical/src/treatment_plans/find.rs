//! Listing and showing plans.

use medcor_fhir::{ResourceType, search::Query, view::Appointment};
use medcor_tools::{
    Action, Alias, ArgumentProblem, Effect, Form, Listing, Need, Record, Ref, ResourceBinding, Synonym, Tool,
    ToolContext, ToolError, alias, kind, resource, synonym, view,
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Map, json};

use super::{
    PLAN_SYNONYMS,
    row::{PlanRow, PlanRows},
    status::ListedStatus,
};
use crate::listing::{Format, Paging, Subject, Success, listed};

/// Lists treatment plans, newest first: of a patient, of an appointment, or those that a doctor answers for.
///
/// Give patient, appointment or provider. All plans unless a `status` is asked for. The price list of services
/// is `list_services`.
#[derive(Deserialize, JsonSchema)]
pub(super) struct ListTreatmentPlans {
    /// Whose: id, MRN, telephone number or full name.
    patient: Option<Ref<kind::Patient>>,
    /// Only plans for which this clinician is responsible.
    provider: Option<Ref<kind::Practitioner>>,
    /// Only plans that were made at this appointment.
    appointment: Option<Ref<kind::Appointment>>,
    /// All when absent.
    status: Option<ListedStatus>,
    /// Your own organisation; any other has no plans here.
    organisation: Option<Ref<kind::Organization>>,
    /// Most rows, 20 when absent.
    #[schemars(range(min = 1, max = 100))]
    limit: Option<u32>,
    /// `next_cursor` of the answer to continue.
    cursor: Option<String>,
    /// `fhir` adds each whole FHIR resource.
    format: Option<Format>,
}

/// Plans.
#[derive(Serialize, JsonSchema)]
pub(super) struct PlanList {
    status: Success,
    #[serde(skip_serializing_if = "Option::is_none")]
    patient_id: Option<String>,
    /// Medical record number.
    #[serde(skip_serializing_if = "Option::is_none")]
    mrn: Option<String>,
    #[serde(flatten)]
    list: Listing<PlanRow>,
}

/// What reading plans needs.
macro_rules! reading {
    ($($more:expr),* $(,)?) => {
        &[
            Need::read_if_allowed(ResourceType::PRACTITIONER),
            Need::search_if_allowed(ResourceType::MEDICATION_REQUEST),
            $($more),*
        ]
    };
}

impl Tool for ListTreatmentPlans {
    const NAME: &'static str = "list_treatment_plans";
    const TITLE: &'static str = "List treatment plans";
    const ALIASES: &'static [Alias] = &[
        alias("list_treatments").form(Form::marked(
            &["patient", "provider", "appointment", "status"],
            "with a patient, a doctor or a status (plans of patients)",
        )),
        alias("get_treatment_plans"),
        alias("list_care_plans"),
    ];
    const EFFECT: Effect = Effect::ReadOnly;
    const NEEDS: &'static [Need] = reading![
        Need::search(ResourceType::CARE_PLAN),
        Need::read(ResourceType::PATIENT),
        Need::read_if_allowed(ResourceType::APPOINTMENT),
        Need::read_if_allowed(ResourceType::ORGANIZATION),
    ];
    const SYNONYMS: &'static [Synonym] = &[synonym("appointment_id", "appointment")];
    const RESOURCES: &'static [ResourceBinding] = &[
        resource("clinical://plans/active/{patient}").with(&[("status", "ACTIVE")]),
        resource("clinical://plans/history/{patient}").with(&[("status", "ALL")]),
        resource("clinical://plans/appointment/{appointment}"),
    ];
    const KEYWORDS: &'static [&'static str] = &["care plan", "therapy", "interventions"];
    type Output = PlanList;

    async fn run(self, cx: &mut ToolContext<'_>) -> Result<PlanList, ToolError> {
        if self.organisation.is_some_and(|organisation| *organisation.id() != cx.tenant().organization) {
            return Err(ToolError::invalid("/organisation", "is not your own"));
        }
        let subject = match &self.patient {
            Some(patient) => Some(Subject::of(patient, cx).await?),
            None => None,
        };
        let mut filter = subject.as_ref().map_or_else(Map::new, Subject::filter);
        let mut patient = subject.as_ref().map(|subject| subject.reference.clone());
        let appointment = self.appointment.as_ref().map(|appointment| appointment.id().clone());
        if let Some(appointment) = &self.appointment {
            let of_appointment = patient_of(&cx.record(appointment).await?, patient.as_deref())?;
            patient = patient.or(of_appointment);
            filter.insert("appointment".to_owned(), json!(appointment.id()));
        }
        let author = self.provider.as_ref().map(|provider| provider.id().clone());
        if let Some(author) = &author {
            filter.insert("provider".to_owned(), json!(author));
        }
        let sees_everybody = cx.sees_everybody(Action::Search, ResourceType::CARE_PLAN);
        if patient.is_none() && author.is_none() && sees_everybody {
            return Err(ToolError::invalid("/patient", "give patient, appointment or provider"));
        }
        let mut query = Query::new(ResourceType::CARE_PLAN);
        if let Some(patient) = &patient {
            query = query.with("patient", patient)?;
        }
        if let Some(status) = self.status {
            filter.insert("status".to_owned(), json!(status));
        }
        query = match self.status.and_then(ListedStatus::code) {
            Some(code) => query.with("status", code)?,
            None => query.with("status:not", "entered-in-error")?,
        };
        let query = query.with("_sort", "-date")?;
        let paging = Paging::new(self.limit, self.cursor, self.format);
        let mut rows = PlanRows::new(&paging).narrowed(author, appointment);
        let list = listed(cx, query, &paging, filter, &mut rows).await?;
        let hint = "No plan fits; create_treatment_plan makes one.";
        let list = if list.is_empty() && !list.is_truncated() { list.with_hint(hint) } else { list };
        let (patient_id, mrn) = subject.map(|subject| (subject.patient_id, subject.mrn)).unzip();
        Ok(PlanList { status: Success::Success, patient_id, mrn: mrn.flatten(), list })
    }
}

/// Shows one treatment plan: medications, interventions, instructions, follow-up, notes.
#[derive(Deserialize, JsonSchema)]
pub(super) struct GetTreatmentPlan {
    /// The id of the plan, from `list_treatment_plans`.
    plan: Ref<kind::CarePlan>,
    /// `fhir` adds the whole FHIR resource.
    format: Option<Format>,
}

impl Tool for GetTreatmentPlan {
    const NAME: &'static str = "get_treatment_plan";
    const TITLE: &'static str = "Show a treatment plan";
    const ALIASES: &'static [Alias] = &[alias("get_treatment_details")
        .form(Form::marked(&[], "with the id of a patient's plan").of_record("plan"))];
    const EFFECT: Effect = Effect::ReadOnly;
    const NEEDS: &'static [Need] = reading![Need::read(ResourceType::CARE_PLAN)];
    const SYNONYMS: &'static [Synonym] = &PLAN_SYNONYMS;
    const KEYWORDS: &'static [&'static str] = &["care plan"];
    type Output = PlanRow;

    async fn run(self, cx: &mut ToolContext<'_>) -> Result<PlanRow, ToolError> {
        let record = cx.record(&self.plan).await?;
        let paging = Paging::new(None, None, self.format);
        PlanRows::new(&paging).only(&record, cx).await
    }
}

/// The patient of an appointment, as `Patient/id`.
///
/// # Errors
///
/// `VALIDATION_ERROR` where another patient is asked for.
pub(super) fn patient_of(appointment: &Record, wanted: Option<&str>) -> Result<Option<String>, ToolError> {
    let appointment: Appointment<'_> = view(appointment)?;
    let patient = appointment.actor_id(ResourceType::PATIENT).map(|id| format!("Patient/{id}"));
    match wanted {
        Some(wanted) if patient.as_deref() == Some(wanted) => Ok(patient),
        None => Ok(patient),
        Some(_) => Err(ToolError::Validation(vec![ArgumentProblem {
            path: "/appointment".to_owned(),
            problem: "is not an appointment of this patient".to_owned(),
        }])),
    }
}
