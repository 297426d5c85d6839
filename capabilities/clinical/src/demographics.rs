//! Who the patient is, in a few lines.

use medcor_fhir::view::{BirthDate, CodeableConcept, ContactPoint, Patient};
use medcor_tools::{Record, ToolContext, ToolError, view};
use schemars::JsonSchema;
use serde::Serialize;

/// Who the patient is.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct Demographics {
    pub(crate) patient_id: String,
    /// Medical record number.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) mrn: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    name: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    date_of_birth: Option<String>,
    /// Whole years, today or at death.
    #[serde(skip_serializing_if = "Option::is_none")]
    age: Option<u16>,
    #[serde(skip_serializing_if = "Option::is_none")]
    gender: Option<String>,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    deceased: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    deceased_date: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    phone: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    language: Option<String>,
}

impl Demographics {
    /// The demographics of a patient's record.
    pub(crate) fn of(record: &Record, cx: &ToolContext<'_>) -> Result<Self, ToolError> {
        let patient: Patient<'_> = view(record)?;
        let deceased_date = patient.deceased_date_time.as_deref();
        let last_day =
            deceased_date.and_then(|date| date.get(..10)?.parse().ok()).unwrap_or_else(|| cx.today());
        let birth = patient.birth_date.as_deref().and_then(BirthDate::parse);
        Ok(Self {
            patient_id: record.id.to_string(),
            mrn: patient.mrn().map(str::to_owned),
            name: patient.display_name(),
            date_of_birth: patient.birth_date.as_deref().map(str::to_owned),
            age: birth.and_then(|birth| birth.age_on(last_day)).map(|age| age.years),
            gender: patient.gender.as_deref().map(str::to_owned),
            deceased: patient.is_deceased(),
            deceased_date: deceased_date.map(str::to_owned),
            phone: phone(&patient.telecom),
            language: patient.communication.first().and_then(|it| language(&it.language)),
        })
    }
}

fn phone(telecom: &[ContactPoint<'_>]) -> Option<String> {
    let phone = telecom.iter().find(|contact| contact.system.as_deref() == Some("phone"))?;
    phone.value.as_deref().map(str::to_owned)
}

fn language(language: &CodeableConcept<'_>) -> Option<String> {
    language.text().map(str::to_owned)
}
