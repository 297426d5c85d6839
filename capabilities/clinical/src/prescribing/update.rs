//! Changing a prescription. What was ordered is never rewritten: a change ends the prescription and writes its
//! successor, which names it and its own prescriber.

use medcor_fhir::{
    ParsedResource, RawObject, ResourceType,
    view::{CodeableConcept, MedicationRequest},
};
use medcor_tools::{
    ArgumentProblem, Effect, Need, Ref, Synonym, Tool, ToolContext, ToolError, kind, synonym, view,
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::value::{RawValue, to_raw_value};

use super::{
    discontinue::{ended, release},
    order::Order,
    refill::supplies,
    standing::{Named, Standing},
    write::Request,
};
use crate::{
    adherence::end_reminders,
    author::Author,
    drug_facts::Warning,
    listing::{Paging, Rows, Subject, Success},
    medications::{PrescriptionRow, PrescriptionRows, dosage},
};

/// Changes a prescription: dose, frequency, refills or instructions; or holds and resumes it.
///
/// Name the patient and the medication, or the prescription. Another dose, frequency, number of refills or
/// instruction ends the prescription and writes its successor, checked like a new one; its reminders end, since
/// they say the old dose. What is so already changes nothing.
#[derive(Deserialize, JsonSchema)]
pub(super) struct UpdatePrescription {
    /// Whose: id, MRN, telephone number or full name. Not needed with `prescription`.
    patient: Option<Ref<kind::Patient>>,
    /// What, as the prescription names it.
    #[schemars(length(min = 1, max = 200))]
    medication: Option<String>,
    /// Id of the prescription.
    prescription: Option<Ref<kind::MedicationRequest>>,
    /// How much at a time from now on, such as 20 mg.
    #[schemars(length(min = 1, max = 80))]
    new_dosage: Option<String>,
    /// How often from now on, such as twice daily.
    #[schemars(length(min = 1, max = 120))]
    new_frequency: Option<String>,
    /// How often it may be handed out again from now on; what is left when absent.
    #[schemars(range(min = 0, max = 99))]
    refills: Option<u32>,
    /// What the patient is told from now on.
    #[schemars(length(max = 1000))]
    instructions: Option<String>,
    /// `on-hold` interrupts it, `active` resumes it. Alone.
    status: Option<Standstill>,
    /// Why it is changed.
    #[schemars(length(min = 1, max = 500))]
    reason: Option<String>,
    /// Why it is prescribed in spite of a finding that a refusal named. Kept in the record.
    #[schemars(length(min = 3, max = 1000))]
    override_reason: Option<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
enum Standstill {
    Active,
    OnHold,
}

/// The prescription as it is now.
#[derive(Serialize, JsonSchema)]
pub(super) struct UpdatedPrescription {
    status: Success,
    message: String,
    id: String,
    prescription_id: String,
    medication_id: String,
    patient_id: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    mrn: Option<String>,
    /// Whether anything was changed.
    changed: bool,
    /// The prescription that was ended.
    #[serde(skip_serializing_if = "Option::is_none")]
    replaced_prescription_id: Option<String>,
    reminders_ended: u32,
    #[schemars(with = "PrescriptionRow<'static>")]
    medication: Box<RawValue>,
    warnings: Vec<Warning>,
    /// Records of the findings that were overridden.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    detected_issues: Vec<String>,
}

impl Tool for UpdatePrescription {
    const NAME: &'static str = "update_prescription";
    const TITLE: &'static str = "Change a prescription";
    const EFFECT: Effect = Effect::Updates;
    const IS_CONFIRMED: bool = true;
    const NEEDS_FRESH_LOGIN: bool = true;
    const NEEDS: &'static [Need] = &[
        Need::read(ResourceType::PATIENT),
        Need::search(ResourceType::MEDICATION_REQUEST),
        Need::create(ResourceType::MEDICATION_REQUEST),
        Need::update(ResourceType::MEDICATION_REQUEST),
        Need::search(ResourceType::ALLERGY_INTOLERANCE),
        Need::search_if_allowed(ResourceType::MEDICATION_STATEMENT),
        Need::search_if_allowed(ResourceType::CONDITION),
        Need::search_if_allowed(ResourceType::OBSERVATION),
        Need::create_if_allowed(ResourceType::DETECTED_ISSUE),
        Need::search_if_allowed(ResourceType::MEDICATION_DISPENSE),
        Need::search_if_allowed(ResourceType::COMMUNICATION_REQUEST),
        Need::update_if_allowed(ResourceType::COMMUNICATION_REQUEST),
        Need::read_if_allowed(ResourceType::PRACTITIONER),
        Need::read_if_allowed(ResourceType::MEDICATION),
    ];
    const SYNONYMS: &'static [Synonym] = &[
        synonym("medication_name", "medication"),
        synonym("drug", "medication"),
        synonym("prescription_id", "prescription"),
        synonym("medication_id", "prescription"),
        synonym("dosage", "new_dosage"),
        synonym("frequency", "new_frequency"),
    ];
    const KEYWORDS: &'static [&'static str] = &["dose", "change", "adjust", "hold", "resume", "medication"];
    type Output = UpdatedPrescription;

    async fn run(self, cx: &mut ToolContext<'_>) -> Result<UpdatedPrescription, ToolError> {
        let is_order = self.changes_order();
        match (is_order, self.status) {
            (false, None) => {
                let what = "give what changes: new_dosage, new_frequency, refills, instructions or status";
                return Err(ToolError::invalid("", what));
            }
            (true, Some(_)) => {
                return Err(ToolError::invalid("/status", "is changed alone; resume the prescription first"));
            }
            _ => {}
        }
        let named = Named {
            patient: self.patient.as_ref(),
            medication: self.medication.as_deref(),
            prescription: self.prescription.as_ref(),
            statuses: "active,on-hold",
        };
        let (subject, found) = named.find(cx).await?;
        match self.status {
            Some(status) => hold(status, self.reason.as_deref(), subject, &found, cx).await,
            None => self.replace(subject, &found, cx).await,
        }
    }
}

impl UpdatePrescription {
    fn changes_order(&self) -> bool {
        self.new_dosage.is_some()
            || self.new_frequency.is_some()
            || self.refills.is_some()
            || self.instructions.is_some()
    }

    /// Ends the prescription and writes its successor.
    async fn replace(
        &self,
        subject: Subject,
        found: &Standing,
        cx: &mut ToolContext<'_>,
    ) -> Result<UpdatedPrescription, ToolError> {
        let request: MedicationRequest<'_> = view(&found.record)?;
        if request.status != "active" {
            let what = format!("the prescription is {}; only an active one is changed", request.status);
            return Err(ToolError::Precondition(what));
        }
        if request.dosage_instruction.len() > 1 {
            let what = "the prescription has several doses; discontinue it and prescribe it anew";
            return Err(ToolError::Precondition(what.to_owned()));
        }
        let order = self.order(&subject, found, &request, cx).await?;
        if !self.differs(&order, &request) {
            return answer(subject, &found.record, Outcome::default());
        }
        let ordered = Request {
            subject: &subject,
            orders: vec![(String::new(), &order)],
            provider: None,
            encounter: None,
            prior: Some(&found.record),
        };
        // What the old one claimed is free for its successor.
        release(&subject, &found.name, &request, cx);
        let written = ordered.write(cx).await?.pop().ok_or_else(|| ToolError::not_found("prescription"))?;
        let author = Author::of_caller(cx).await?;
        let reason = self.reason.as_deref().map(str::trim).filter(|reason| !reason.is_empty());
        let reason = reason.unwrap_or("replaced by a changed prescription");
        let text = ended(&found.record, reason, author.as_ref(), cx)?;
        cx.records().update(&found.record, ParsedResource::parse(text)?)?;
        let reminders_ended = end_reminders(&subject, &found.record.id, cx).await?;
        let outcome = Outcome {
            changed: true,
            replaced: Some(found.record.id.to_string()),
            reminders_ended,
            warnings: written.warnings,
            issues: written.issues.iter().map(ToString::to_string).collect(),
        };
        answer(subject, &written.record, outcome)
    }

    /// The order as it is from now on.
    async fn order(
        &self,
        subject: &Subject,
        found: &Standing,
        request: &MedicationRequest<'_>,
        cx: &mut ToolContext<'_>,
    ) -> Result<Order, ToolError> {
        let mut problems = Vec::new();
        let mut known = |given: &Option<String>, known: Option<String>, path: &str| {
            let text = given.clone().or(known);
            if text.is_none() {
                let problem =
                    "is needed, since the prescription does not say it so that it can be kept".to_owned();
                problems.push(ArgumentProblem { path: path.to_owned(), problem });
            }
            text.unwrap_or_default()
        };
        let first = request.dosage_instruction.first();
        let dosage = known(&self.new_dosage, first.and_then(dosage::dose), "/new_dosage");
        let frequency = known(&self.new_frequency, first.and_then(dosage::frequency), "/new_frequency");
        if !problems.is_empty() {
            return Err(ToolError::Validation(problems));
        }
        let kept = first.and_then(|dosage| dosage.patient_instruction.as_deref()).map(str::to_owned);
        let route = first.and_then(|dosage| dosage.route.as_ref()).and_then(CodeableConcept::text);
        let refills = match self.refills {
            Some(refills) => Some(refills),
            None => refills_left(subject, found, request, cx).await?,
        };
        Ok(Order {
            medication: found.name.clone(),
            dosage,
            frequency,
            route: route.map(str::to_owned),
            refills,
            quantity: None,
            start_date: None,
            duration_days: None,
            instructions: self.instructions.clone().or(kept),
            indication: None,
            override_reason: self.override_reason.clone(),
        })
    }

    /// Whether anything that was given is not so already.
    fn differs(&self, order: &Order, request: &MedicationRequest<'_>) -> bool {
        let first = request.dosage_instruction.first();
        let is_same_dose = || {
            let known = first.and_then(dosage::dose).and_then(|text| medcor_drugs::Dosage::parse(&text).ok());
            known.is_some() && known == medcor_drugs::Dosage::parse(&order.dosage).ok()
        };
        let is_same_frequency = || {
            let words =
                super::frequency::Frequency::parse(&order.frequency).map(|frequency| frequency.words());
            words.is_some() && words == first.and_then(dosage::frequency)
        };
        let is_same_instruction = || {
            let known = first.and_then(|dosage| dosage.patient_instruction.as_deref());
            self.instructions.as_deref().map(str::trim) == known
        };
        let allowed = request.dispense_request.as_ref().and_then(|it| it.number_of_repeats_allowed);
        (self.new_dosage.is_some() && !is_same_dose())
            || (self.new_frequency.is_some() && !is_same_frequency())
            || (self.instructions.is_some() && !is_same_instruction())
            || self.refills.is_some_and(|refills| allowed != Some(refills))
    }
}

/// What became of a change.
#[derive(Default)]
struct Outcome {
    changed: bool,
    replaced: Option<String>,
    reminders_ended: u32,
    warnings: Vec<Warning>,
    issues: Vec<String>,
}

/// The repeats of the old prescription that were not used up.
async fn refills_left(
    subject: &Subject,
    found: &Standing,
    request: &MedicationRequest<'_>,
    cx: &mut ToolContext<'_>,
) -> Result<Option<u32>, ToolError> {
    let allowed = request.dispense_request.as_ref().and_then(|it| it.number_of_repeats_allowed);
    let Some(allowed) = allowed.filter(|_| cx.may_read(ResourceType::MEDICATION_DISPENSE)) else {
        return Ok(allowed);
    };
    let supplied = u32::try_from(supplies(subject, &found.record.id, cx).await?.len()).unwrap_or(u32::MAX);
    Ok(Some(allowed.saturating_sub(supplied.saturating_sub(1))))
}

/// Interrupts or resumes: the order stays what it is.
async fn hold(
    status: Standstill,
    reason: Option<&str>,
    subject: Subject,
    found: &Standing,
    cx: &mut ToolContext<'_>,
) -> Result<UpdatedPrescription, ToolError> {
    let request: MedicationRequest<'_> = view(&found.record)?;
    let wanted = match status {
        Standstill::Active => "active",
        Standstill::OnHold => "on-hold",
    };
    if request.status == wanted {
        return answer(subject, &found.record, Outcome::default());
    }
    if !matches!(request.status.as_str(), "active" | "on-hold") {
        let what = format!("the prescription is {}; only an active one is held or resumed", request.status);
        return Err(ToolError::Precondition(what));
    }
    let mut object = RawObject::parse(&found.record.body)?;
    object.set("status", &wanted)?;
    match reason.map(str::trim).filter(|reason| !reason.is_empty()) {
        Some(reason) => object.set("statusReason", &serde_json::json!({ "text": reason }))?,
        None => object.remove("statusReason"),
    }
    let record = cx.records().update(&found.record, ParsedResource::parse(object.to_text()?)?)?;
    let reminders_ended = match status {
        Standstill::OnHold => end_reminders(&subject, &record.id, cx).await?,
        Standstill::Active => 0,
    };
    answer(subject, &record, Outcome { changed: true, reminders_ended, ..Outcome::default() })
}

fn answer(
    subject: Subject,
    record: &medcor_tools::Record,
    outcome: Outcome,
) -> Result<UpdatedPrescription, ToolError> {
    let paging = Paging::new(None, None, None);
    let row = PrescriptionRows::new(&paging).row(record)?;
    Ok(UpdatedPrescription {
        status: Success::Success,
        message: match (outcome.changed, &outcome.replaced) {
            (false, _) => "It is so already; nothing was changed",
            (true, Some(_)) => "The prescription was replaced by a changed one",
            (true, None) => "The prescription was changed",
        }
        .to_owned(),
        id: record.id.to_string(),
        prescription_id: record.id.to_string(),
        medication_id: record.id.to_string(),
        patient_id: subject.patient_id,
        mrn: subject.mrn,
        changed: outcome.changed,
        replaced_prescription_id: outcome.replaced,
        reminders_ended: outcome.reminders_ended,
        medication: to_raw_value(&row)?,
        warnings: outcome.warnings,
        detected_issues: outcome.issues,
    })
}
