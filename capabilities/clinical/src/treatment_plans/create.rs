//! Making a plan: the plan and the medications that it names are one commit.

use jiff::ToSpan as _;
use medcor_fhir::{
    Id, ParsedResource, ResourceType,
    primitive::format_instant,
    view::{Patient, Practitioner},
};
use medcor_tools::{
    Alias, Effect, Form, Need, Ref, Synonym, Tool, ToolContext, ToolError, alias,
    detail::{Problems, plain},
    kind, synonym, view,
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::{
    check::Named,
    date::Days,
    find::patient_of,
    planned::{MEDICATIONS_MAX, PlannedMedication},
    row::{PlanRow, PlanRows, activity_code},
    status::PlanStatus,
};
use crate::{
    author::Author,
    drug_facts::Warning,
    listing::{Paging, Subject},
};

/// Makes a treatment plan for a patient: medications, interventions, instructions, follow-up.
///
/// Name it, or give the diagnosis. The medications are planned, not prescribed: `prescribe_medication` orders
/// them. They are checked like a prescription: what is found comes back in `warnings`, a contraindicated
/// combination or a known allergy is refused with the finding unless there is an `override_reason`. Without appointment and encounter it is tied to the patient's appointment of today, if there is one.
/// Wrong values are a `VALIDATION_ERROR` that lists every problem.
#[derive(Deserialize, JsonSchema)]
pub(super) struct CreateTreatmentPlan {
    /// For whom: id, MRN, telephone number or full name.
    patient: Ref<kind::Patient>,
    /// Who is responsible; you when absent.
    provider: Option<Ref<kind::Practitioner>>,
    /// Who prescribes its medications, where that is somebody else.
    prescriber: Option<Ref<kind::Practitioner>>,
    /// Such as Hypertension Management; the diagnosis when absent.
    #[schemars(length(min = 1, max = 200))]
    name: Option<String>,
    /// What is treated, such as hypertension.
    #[schemars(length(min = 1, max = 200))]
    diagnosis: Option<String>,
    /// What the plan is about.
    #[schemars(length(max = 4000))]
    description: Option<String>,
    /// What the patient is to take.
    #[schemars(length(max = 20))]
    medications: Option<Vec<PlannedMedication>>,
    /// What is done with medications, in words; `medications` is better.
    #[schemars(length(max = 2000))]
    medication_intervention: Option<String>,
    /// What the patient changes in daily life, in words.
    #[schemars(length(max = 2000))]
    lifestyle_intervention: Option<String>,
    /// What the patient is told.
    #[schemars(length(max = 4000))]
    instructions: Option<String>,
    /// First day, as YYYY-MM-DD; today when absent.
    start_date: Option<String>,
    /// Last day, as YYYY-MM-DD.
    end_date: Option<String>,
    /// When the patient comes back, as YYYY-MM-DD. It books nothing.
    follow_up_date: Option<String>,
    /// What kind of treatment it is; MEDICATION when absent.
    #[schemars(length(min = 1, max = 50))]
    treatment_type: Option<String>,
    /// The appointment at which it is made.
    appointment: Option<Ref<kind::Appointment>>,
    /// The encounter at which it is made.
    encounter: Option<Ref<kind::Encounter>>,
    /// ACTIVE when absent.
    status: Option<FirstStatus>,
    /// Why medications are planned in spite of a finding that a refusal named. Kept in the plan.
    #[schemars(length(min = 3, max = 1000))]
    override_reason: Option<String>,
    /// Your own organisation; any other is refused.
    organisation: Option<Ref<kind::Organization>>,
}

#[derive(Debug, Clone, Copy, Deserialize, JsonSchema)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
enum FirstStatus {
    Draft,
    Active,
}

/// A plan that was written.
#[derive(Serialize, JsonSchema)]
pub(super) struct SavedPlan {
    pub(super) success: bool,
    /// In words.
    pub(super) message: String,
    #[serde(flatten)]
    pub(super) plan: PlanRow,
    /// What speaks against the medications of a new plan, the gravest first.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(super) warnings: Vec<Warning>,
}

impl Tool for CreateTreatmentPlan {
    const NAME: &'static str = "create_treatment_plan";
    const TITLE: &'static str = "Make a treatment plan";
    const ALIASES: &'static [Alias] = &[
        alias("create_treatment")
            .form(Form::marked(&["patient"], "with a patient and without cost (the patient's plan)")),
        alias("create_care_plan"),
    ];
    const EFFECT: Effect = Effect::Creates;
    const NEEDS: &'static [Need] = &[
        Need::read(ResourceType::PATIENT),
        Need::create(ResourceType::CARE_PLAN),
        Need::create(ResourceType::MEDICATION_REQUEST),
        Need::search(ResourceType::MEDICATION_REQUEST),
        Need::search(ResourceType::ALLERGY_INTOLERANCE),
        Need::search_if_allowed(ResourceType::MEDICATION_STATEMENT),
        Need::search_if_allowed(ResourceType::CONDITION),
        Need::search_if_allowed(ResourceType::OBSERVATION),
        Need::read_if_allowed(ResourceType::PRACTITIONER),
        Need::read_if_allowed(ResourceType::ENCOUNTER),
        Need::read_if_allowed(ResourceType::APPOINTMENT),
        Need::search_if_allowed(ResourceType::APPOINTMENT),
        Need::read_if_allowed(ResourceType::ORGANIZATION),
    ];
    const SYNONYMS: &'static [Synonym] = &[
        synonym("prescribed_by_id", "prescriber"),
        synonym("prescribed_by", "prescriber"),
        synonym("appointment_id", "appointment"),
        synonym("title", "name"),
        synonym("type", "treatment_type"),
    ];
    const KEYWORDS: &'static [&'static str] = &["care plan", "therapy", "new plan"];
    type Output = SavedPlan;

    async fn run(self, cx: &mut ToolContext<'_>) -> Result<SavedPlan, ToolError> {
        let (texts, days) = self.checked(cx)?;
        let people = self.people(cx).await?;
        let visit = self.visit(&people.subject, cx).await?;
        let named = Named {
            medications: self.medications.as_deref().unwrap_or_default(),
            intervention: self.medication_intervention.as_deref(),
            override_reason: given(self.override_reason.as_deref()),
        };
        let warnings = named.warnings(&people.subject, cx).await?;
        let status = match self.status {
            Some(FirstStatus::Draft) => PlanStatus::Draft,
            Some(FirstStatus::Active) | None => PlanStatus::Active,
        };
        let paging = Paging::new(None, None, None);
        let mut rows = PlanRows::new(&paging);
        let subject = people.subject_reference();
        let mut activities = Vec::new();
        for medication in self.medications.iter().flatten() {
            let requester = people.prescriber.as_ref().or(people.caller.as_ref()).or(people.author.as_ref());
            let request = medication.resource(&subject, (status, requester), cx);
            let record = cx.records().create(ParsedResource::from_value(request)?)?;
            rows.planned.take(&record)?;
            let reference = format!("MedicationRequest/{}", record.id);
            activities
                .push(json!({ "reference": { "reference": reference, "display": medication.display() } }));
        }
        activities.extend(self.interventions(&days));
        let mut plan = self.resource(&texts, &days, status, cx);
        plan["subject"] = subject;
        people.add_to(&mut plan);
        visit.add_to(&mut plan);
        if !activities.is_empty() {
            plan["activity"] = Value::Array(activities);
        }
        let record = cx.records().create(ParsedResource::from_value(plan)?)?;
        let row = rows.row_of(&view(&record)?, &record)?;
        let message = format!("Made the treatment plan {} (ID: {})", texts.name, record.id);
        Ok(SavedPlan { success: true, message, plan: row, warnings })
    }
}

/// What a plan is called and is about, checked.
struct Texts {
    name: String,
    diagnosis: Option<String>,
    treatment_type: String,
}

/// Who takes part in a plan.
struct People {
    subject: Subject,
    name: Option<String>,
    author: Option<Value>,
    prescriber: Option<Value>,
    caller: Option<Value>,
}

/// Where a plan is made.
#[derive(Default)]
struct Visit {
    appointment: Option<Id>,
    encounter: Option<Id>,
}

impl CreateTreatmentPlan {
    fn checked(&self, cx: &ToolContext<'_>) -> Result<(Texts, Days), ToolError> {
        let mut problems = Problems::default();
        if self.organisation.as_ref().is_some_and(|it| *it.id() != cx.tenant().organization) {
            problems.add("organisation", "is not your own");
        }
        let name = problems.checked("name", self.name.as_deref(), plain);
        let diagnosis = problems.checked("diagnosis", self.diagnosis.as_deref(), plain);
        if self.name.is_none() && self.diagnosis.is_none() {
            problems.add("name", "give a name or the diagnosis");
        }
        let treatment_type = problems.checked("treatment_type", self.treatment_type.as_deref(), plain);
        let given = (self.start_date.as_deref(), self.end_date.as_deref(), self.follow_up_date.as_deref());
        let days = Days::checked(given, cx.today(), &mut problems);
        let medications = self.medications.as_deref().unwrap_or_default();
        if medications.len() > MEDICATIONS_MAX {
            problems.add("medications", format!("has more than {MEDICATIONS_MAX} medications"));
        }
        for (place, medication) in medications.iter().enumerate() {
            medication.check(place, &mut problems);
        }
        problems.refuse()?;
        let name = name.or_else(|| diagnosis.clone()).unwrap_or_default();
        let treatment_type = treatment_type.map_or_else(|| "MEDICATION".to_owned(), |it| it.to_uppercase());
        Ok((Texts { name, diagnosis, treatment_type }, days))
    }

    async fn people(&self, cx: &mut ToolContext<'_>) -> Result<People, ToolError> {
        let record = cx.record(&self.patient).await?;
        let patient: Patient<'_> = view(&record)?;
        let caller = Author::of_caller(cx).await?.map(|author| json!(author));
        let author = match &self.provider {
            Some(provider) => Some(practitioner(provider, cx).await?),
            None => None,
        };
        let prescriber = match &self.prescriber {
            Some(prescriber) => Some(practitioner(prescriber, cx).await?),
            None => None,
        };
        Ok(People {
            subject: Subject::of_record(&record)?,
            name: patient.display_name(),
            author,
            prescriber,
            caller,
        })
    }

    async fn visit(&self, subject: &Subject, cx: &mut ToolContext<'_>) -> Result<Visit, ToolError> {
        if let Some(encounter) = &self.encounter {
            subject.own_encounter(encounter, cx).await?;
        }
        if let Some(appointment) = &self.appointment {
            patient_of(&cx.record(appointment).await?, Some(&subject.reference))?;
        }
        let mut visit = Visit {
            appointment: self.appointment.as_ref().map(|appointment| appointment.id().clone()),
            encounter: self.encounter.as_ref().map(|encounter| encounter.id().clone()),
        };
        if visit.appointment.is_none() && visit.encounter.is_none() {
            visit.appointment = appointment_of_today(subject, cx).await?;
        }
        Ok(visit)
    }

    fn resource(&self, texts: &Texts, days: &Days, status: PlanStatus, cx: &ToolContext<'_>) -> Value {
        let mut period = json!({ "start": days.start.to_string() });
        if let Some(end) = days.end {
            period["end"] = end.to_string().into();
        }
        let mut plan = json!({
            "resourceType": "CarePlan",
            "status": status.code(),
            "intent": "plan",
            "category": [{ "text": texts.treatment_type }],
            "title": texts.name,
            "period": period,
            "created": format_instant(cx.now().as_microsecond()),
        });
        if let Some(description) = given(self.description.as_deref()) {
            plan["description"] = description.into();
        }
        if let Some(reason) = given(self.override_reason.as_deref()) {
            plan["note"] = json!([{ "time": plan["created"], "text": format!("Planned in spite of findings: {reason}") }]);
        }
        if let Some(diagnosis) = &texts.diagnosis {
            plan["addresses"] = json!([{ "display": diagnosis }]);
        }
        plan
    }

    /// What is to be done besides medications.
    fn interventions(&self, days: &Days) -> Vec<Value> {
        let said = [
            ("medication", "Medication", self.medication_intervention.as_deref()),
            ("lifestyle", "Lifestyle", self.lifestyle_intervention.as_deref()),
            ("instructions", "Instructions", self.instructions.as_deref()),
        ];
        let said = said.into_iter().filter_map(|(kind, word, text)| Some(detail(kind, word, given(text)?)));
        said.chain(days.follow_up.map(|day| follow_up(&day.to_string()))).collect()
    }
}

/// An activity in words.
pub(super) fn detail(kind: &str, word: &str, text: &str) -> Value {
    json!({ "detail": { "code": activity_code(kind, word), "status": "not-started", "description": text } })
}

/// The day on which the patient comes back.
pub(super) fn follow_up(day: &str) -> Value {
    json!({ "detail": {
        "kind": "Appointment",
        "code": activity_code("follow-up", "Follow-up"),
        "status": "not-started",
        "scheduledPeriod": { "start": day, "end": day },
    } })
}

fn given(text: Option<&str>) -> Option<&str> {
    text.map(str::trim).filter(|text| !text.is_empty())
}

impl People {
    fn subject_reference(&self) -> Value {
        match &self.name {
            Some(name) => json!({ "reference": self.subject.reference, "display": name }),
            None => json!({ "reference": self.subject.reference }),
        }
    }

    fn add_to(&self, plan: &mut Value) {
        if let Some(author) = self.author.as_ref().or(self.caller.as_ref()) {
            plan["author"] = author.clone();
        }
        if let Some(prescriber) = &self.prescriber {
            plan["contributor"] = json!([prescriber]);
        }
    }
}

impl Visit {
    fn add_to(&self, plan: &mut Value) {
        if let Some(appointment) = &self.appointment {
            plan["supportingInfo"] = json!([{ "reference": format!("Appointment/{appointment}") }]);
        }
        if let Some(encounter) = &self.encounter {
            plan["encounter"] = json!({ "reference": format!("Encounter/{encounter}") });
        }
    }
}

async fn practitioner(
    reference: &Ref<kind::Practitioner>,
    cx: &mut ToolContext<'_>,
) -> Result<Value, ToolError> {
    let record = cx.record(reference).await?;
    let practitioner: Practitioner<'_> = view(&record)?;
    let mut clinician = json!({ "reference": reference.reference() });
    if let Some(name) = practitioner.display_name() {
        clinician["display"] = name.into();
    }
    Ok(clinician)
}

/// The patient's appointment of today, in the organisation's time zone, where there is exactly one.
async fn appointment_of_today(subject: &Subject, cx: &mut ToolContext<'_>) -> Result<Option<Id>, ToolError> {
    if !cx.may_read(ResourceType::APPOINTMENT) {
        return Ok(None);
    }
    let today = cx.today();
    let (from, to) = (cx.midnight(today, "/")?, cx.midnight(today.saturating_add(1.day()), "/")?);
    let mut query = subject
        .query(ResourceType::APPOINTMENT)?
        .with("status", "booked,arrived,checked-in,fulfilled")?
        .with("date", &format!("ge{}", format_instant(from)))?
        .with("date", &format!("lt{}", format_instant(to)))?;
    query.count = 2;
    let page = cx.records().search(&query).await?;
    Ok(match page.records.as_slice() {
        [only] => Some(only.id.clone()),
        _ => None,
    })
}
