//! Prescriptions: what, how much, how often.

use std::borrow::Cow;

use serde::Deserialize;
use serde_json::value::RawValue;

use super::{Annotation, CodeableConcept, Decimal, Period, Quantity, Range, Reference, Text};

/// `Medication`.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub struct Medication<'a> {
    /// Logical id, or the one within the record that contains it.
    #[serde(borrow)]
    pub id: Text<'a>,
    /// Which.
    #[serde(borrow)]
    pub code: Option<CodeableConcept<'a>>,
}

/// `MedicationRequest`: a prescription.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct MedicationRequest<'a> {
    /// Logical id.
    #[serde(borrow)]
    pub id: Text<'a>,
    /// Records that exist within this one only, of any type.
    #[serde(borrow)]
    pub contained: Vec<&'a RawValue>,
    /// `active`, `on-hold`, `cancelled`, `completed`, `stopped`, …
    #[serde(borrow)]
    pub status: Text<'a>,
    /// Why it has this status.
    #[serde(borrow)]
    pub status_reason: Option<CodeableConcept<'a>>,
    /// `order`, `plan`, `proposal`, …
    #[serde(borrow)]
    pub intent: Text<'a>,
    /// Whether it asks that the medication is *not* given (a modifier: FHIR R4 §2.1.0.6).
    pub do_not_perform: Option<bool>,
    /// Whether it is not prescribed here but reported, by the patient or by another source.
    pub reported_boolean: Option<bool>,
    /// Who reported it.
    #[serde(borrow)]
    pub reported_reference: Option<Reference<'a>>,
    /// What, as a code.
    #[serde(borrow)]
    pub medication_codeable_concept: Option<CodeableConcept<'a>>,
    /// What, as a record.
    #[serde(borrow)]
    pub medication_reference: Option<Reference<'a>>,
    /// When it was written.
    #[serde(borrow)]
    pub authored_on: Option<Text<'a>>,
    /// Who prescribed.
    #[serde(borrow)]
    pub requester: Option<Reference<'a>>,
    /// Why.
    #[serde(borrow)]
    pub reason_code: Vec<CodeableConcept<'a>>,
    /// The records that say why.
    #[serde(borrow)]
    pub reason_reference: Vec<Reference<'a>>,
    /// Notes.
    #[serde(borrow)]
    pub note: Vec<Annotation<'a>>,
    /// How to take it.
    #[serde(borrow)]
    pub dosage_instruction: Vec<Dosage<'a>>,
    /// How much is handed out.
    #[serde(borrow)]
    pub dispense_request: Option<DispenseRequest<'a>>,
}

impl<'a> MedicationRequest<'a> {
    /// Whether it asks that the medication is not given.
    pub fn forbids(&self) -> bool {
        self.do_not_perform == Some(true)
    }

    /// Whether it is an order of some kind, not only a proposal, a plan or an option.
    pub fn is_order(&self) -> bool {
        !matches!(self.intent.as_str(), "proposal" | "plan" | "option")
    }

    /// Whether somebody reported that the patient takes it. US Core records that with the intent `plan`.
    pub fn is_reported(&self) -> bool {
        self.reported_boolean == Some(true) || self.reported_reference.is_some()
    }

    /// What is prescribed, where this record says it itself: as a code, or as a medication within it.
    pub fn medication(&self) -> Option<Cow<'_, CodeableConcept<'a>>> {
        if let Some(concept) = &self.medication_codeable_concept {
            return Some(Cow::Borrowed(concept));
        }
        let wanted = self.medication_reference.as_ref()?.reference.as_deref()?.strip_prefix('#')?;
        let contained = self.contained.iter().filter_map(|text| serde_json::from_str(text.get()).ok());
        let medication =
            contained.into_iter().find(|medication: &Medication<'_>| medication.id == *wanted)?;
        medication.code.map(Cow::Owned)
    }
}

/// `MedicationDispense`: what was handed out.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct MedicationDispense<'a> {
    /// The prescriptions that allow it.
    #[serde(borrow)]
    pub authorizing_prescription: Vec<Reference<'a>>,
}

/// `MedicationRequest.dispenseRequest`.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct DispenseRequest<'a> {
    /// From when to when it may be handed out.
    #[serde(borrow)]
    pub validity_period: Option<Period<'a>>,
    /// How often it may be handed out again.
    pub number_of_repeats_allowed: Option<u32>,
    /// How much at a time.
    #[serde(borrow)]
    pub quantity: Option<Quantity<'a>>,
}

/// `Dosage`: how to take a medication.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct Dosage<'a> {
    /// In words.
    #[serde(borrow)]
    pub text: Option<Text<'a>>,
    /// For the patient.
    #[serde(borrow)]
    pub patient_instruction: Option<Text<'a>>,
    /// What else to heed.
    #[serde(borrow)]
    pub additional_instruction: Vec<CodeableConcept<'a>>,
    /// When.
    #[serde(borrow)]
    pub timing: Option<Timing<'a>>,
    /// Whether only as needed.
    pub as_needed_boolean: Option<bool>,
    /// For what, where only as needed.
    #[serde(borrow)]
    pub as_needed_codeable_concept: Option<CodeableConcept<'a>>,
    /// By which way.
    #[serde(borrow)]
    pub route: Option<CodeableConcept<'a>>,
    /// How much.
    #[serde(borrow)]
    pub dose_and_rate: Vec<DoseAndRate<'a>>,
}

/// `Dosage.doseAndRate`.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct DoseAndRate<'a> {
    /// How much.
    #[serde(borrow)]
    pub dose_quantity: Option<Quantity<'a>>,
    /// From how much to how much.
    #[serde(borrow)]
    pub dose_range: Option<Range<'a>>,
}

/// `Timing`.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub struct Timing<'a> {
    /// In words or as a code, such as `BID`.
    #[serde(borrow)]
    pub code: Option<CodeableConcept<'a>>,
    /// At these very moments.
    #[serde(borrow)]
    pub event: Vec<Text<'a>>,
    /// As numbers.
    #[serde(borrow)]
    pub repeat: Option<TimingRepeat<'a>>,
}

/// `Timing.repeat`.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct TimingRepeat<'a> {
    /// From when to when.
    #[serde(borrow)]
    pub bounds_period: Option<Period<'a>>,
    /// For how long.
    #[serde(borrow)]
    pub bounds_duration: Option<Quantity<'a>>,
    /// How often in a period.
    pub frequency: Option<u32>,
    /// How often at most.
    pub frequency_max: Option<u32>,
    /// The length of the period.
    #[serde(borrow)]
    pub period: Option<Decimal<'a>>,
    /// `s`, `min`, `h`, `d`, `wk`, `mo` or `a`.
    #[serde(borrow)]
    pub period_unit: Option<Text<'a>>,
    /// `mon` to `sun`.
    #[serde(borrow)]
    pub day_of_week: Vec<Text<'a>>,
    /// Such as `08:00:00`.
    #[serde(borrow)]
    pub time_of_day: Vec<Text<'a>>,
}
