//! Who the patient is, in a few lines.

use jiff::civil::Date;
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
    /// Whole years, today or at death; the fewest that are possible where a date is known in part only.
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
        Ok(Self {
            patient_id: record.id.to_string(),
            mrn: patient.mrn().map(str::to_owned),
            name: patient.display_name(),
            date_of_birth: patient.birth_date.as_deref().map(str::to_owned),
            age: age(&patient, cx.today()),
            gender: patient.gender.as_deref().map(str::to_owned),
            deceased: patient.is_deceased(),
            deceased_date: patient.deceased_date_time.as_deref().map(str::to_owned),
            phone: phone(&patient.telecom),
            language: patient.communication.first().and_then(|it| language(&it.language)),
        })
    }
}

/// The age today; of the dead the age that they reached, never the one that they would have today.
fn age(patient: &Patient<'_>, today: Date) -> Option<u16> {
    let birth = BirthDate::parse(patient.birth_date.as_deref()?)?;
    let last_day = match patient.deceased_date_time.as_deref() {
        Some(moment) => BirthDate::parse(moment.split('T').next()?)?.earliest(),
        // Died on a day that nobody wrote down.
        None if patient.is_deceased() => return None,
        None => today,
    };
    birth.age_on(last_day).map(|age| age.years)
}

fn phone(telecom: &[ContactPoint<'_>]) -> Option<String> {
    let phone = telecom.iter().find(|contact| contact.system.as_deref() == Some("phone"))?;
    phone.value.as_deref().map(str::to_owned)
}

fn language(language: &CodeableConcept<'_>) -> Option<String> {
    language.text().map(str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn age_of(json: &str) -> Option<u16> {
        age(&serde_json::from_str(json).unwrap(), "2026-12-02".parse().unwrap())
    }

    #[test]
    fn the_dead_stay_as_old_as_they_became() {
        assert_eq!(age_of(r#"{"birthDate":"1950-01-01"}"#), Some(76));
        for (death, years) in [("2019-05-06T10:00:00Z", 69), ("2019-05", 69), ("2019", 69)] {
            let json = format!(r#"{{"birthDate":"1950-01-01","deceasedDateTime":"{death}"}}"#);
            assert_eq!(age_of(&json), Some(years), "{death}");
        }
        assert_eq!(age_of(r#"{"birthDate":"1950-01-01","deceasedBoolean":true}"#), None);
        assert_eq!(age_of(r#"{"birthDate":"1950-01-01","deceasedDateTime":"unknown"}"#), None);
        assert_eq!(age_of(r#"{"birthDate":"1950-01-01","deceasedBoolean":false}"#), Some(76));
    }
}
