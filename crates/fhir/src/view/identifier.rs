//! Identifiers: which of a record's numbers is the one that people know it by.

use serde::Deserialize;

use super::{CodeableConcept, Period, Text};
use crate::naming;

/// `Identifier`: a number or name that somebody gave.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub struct Identifier<'a> {
    /// `usual`, `official`, `temp`, `secondary` or `old`.
    #[serde(rename = "use", borrow)]
    pub usage: Option<Text<'a>>,
    /// What kind of identifier it is.
    #[serde(rename = "type", borrow)]
    pub kind: Option<CodeableConcept<'a>>,
    /// Within which it is unique.
    #[serde(borrow)]
    pub system: Option<Text<'a>>,
    /// The identifier itself.
    #[serde(borrow)]
    pub value: Option<Text<'a>>,
    /// When it was or is in use.
    #[serde(borrow)]
    pub period: Option<Period<'a>>,
}

impl Identifier<'_> {
    /// Whether it is of this kind, a code of HL7's table 0203, such as `MR`.
    pub fn is_kind(&self, code: &str) -> bool {
        self.kind.as_ref().is_some_and(|kind| kind.has(naming::IDENTIFIER_TYPE, code))
    }

    /// The medical record number among these: one of kind `MR`.
    pub fn medical_record_number(identifiers: &[Self]) -> Option<&str> {
        value_of(identifiers, |identifier| identifier.is_kind(naming::MEDICAL_RECORD_NUMBER))
    }

    /// The National Provider Identifier among these.
    pub fn npi(identifiers: &[Self]) -> Option<&str> {
        value_of(identifiers, |identifier| {
            identifier.system.as_deref() == Some(naming::NPI) || identifier.is_kind("NPI")
        })
    }

    /// The value in this system among these.
    pub fn in_system<'i>(identifiers: &'i [Self], system: &str) -> Option<&'i str> {
        value_of(identifiers, |identifier| identifier.system.as_deref() == Some(system))
    }
}

/// The first that fits; one that is no longer used only where there is no other.
fn value_of<'i>(
    identifiers: &'i [Identifier<'_>],
    fits: impl Fn(&Identifier<'_>) -> bool,
) -> Option<&'i str> {
    let is_old = |identifier: &&Identifier<'_>| identifier.usage.as_deref() == Some("old");
    let mut candidates =
        identifiers.iter().filter(|identifier| fits(identifier) && identifier.value.is_some());
    let first = candidates.next()?;
    let current = std::iter::once(first).chain(candidates).find(|identifier| !is_old(identifier));
    current.unwrap_or(first).value.as_deref()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_current_record_number_is_preferred_to_an_old_one() {
        let json = r#"[
            {"system":"urn:a","value":"x"},
            {"use":"old","type":{"coding":[{"system":"http://terminology.hl7.org/CodeSystem/v2-0203","code":"MR"}]},"value":"1"},
            {"type":{"coding":[{"system":"http://terminology.hl7.org/CodeSystem/v2-0203","code":"MR"}]},"value":"2"},
            {"system":"http://hl7.org/fhir/sid/us-npi","value":"1234567893"}
        ]"#;
        let identifiers: Vec<Identifier<'_>> = serde_json::from_str(json).unwrap();
        assert_eq!(Identifier::medical_record_number(&identifiers), Some("2"));
        assert_eq!(Identifier::medical_record_number(&identifiers[..2]), Some("1"));
        assert_eq!(Identifier::npi(&identifiers), Some("1234567893"));
        assert_eq!(Identifier::npi(&identifiers[..3]), None);
    }
}
