//! Codes, quantities, references and periods.

use std::ops::Deref;

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use super::{Identifier, Text};
use crate::{Id, ResourceType, primitive::TimeSpan};

/// `Coding`: one code of one system.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub struct Coding<'a> {
    /// The code system's URI.
    #[serde(borrow)]
    pub system: Option<Text<'a>>,
    /// The code.
    #[serde(borrow)]
    pub code: Option<Text<'a>>,
    /// What the code means, in words.
    #[serde(borrow)]
    pub display: Option<Text<'a>>,
}

impl Coding<'_> {
    /// Whether it is this code of this system.
    pub fn is(&self, system: &str, code: &str) -> bool {
        self.system.as_deref() == Some(system) && self.code.as_deref() == Some(code)
    }

    /// What it means, in words; else the code.
    pub fn text(&self) -> Option<&str> {
        self.display.as_deref().or(self.code.as_deref())
    }
}

/// `CodeableConcept`: a meaning, as codes and in words.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub struct CodeableConcept<'a> {
    /// The codes.
    #[serde(borrow)]
    pub coding: Vec<Coding<'a>>,
    /// The words.
    #[serde(borrow)]
    pub text: Option<Text<'a>>,
}

impl<'a> CodeableConcept<'a> {
    /// Its code in this system, else its first code, taken out.
    pub fn take_code(&mut self, system: &str) -> Option<Text<'a>> {
        let is_of_system = |coding: &Coding<'a>| coding.system.as_deref() == Some(system);
        let position = self.coding.iter().position(is_of_system).unwrap_or(0);
        self.coding.get_mut(position)?.code.take()
    }

    /// What it means, in words, taken out: as [`Self::text`].
    pub fn into_text(self) -> Option<Text<'a>> {
        let of_coding = |coding: Coding<'a>| coding.display.or(coding.code);
        self.text.or_else(|| self.coding.into_iter().find_map(of_coding))
    }

    /// What it means, in words: its own text, else what its first code displays, else that code.
    pub fn text(&self) -> Option<&str> {
        self.text.as_deref().or_else(|| self.coding.iter().find_map(Coding::text))
    }

    /// Its code in this system.
    pub fn code_in(&self, system: &str) -> Option<&str> {
        let coding = self.coding.iter().find(|coding| coding.system.as_deref() == Some(system))?;
        coding.code.as_deref()
    }

    /// Its first code, of whatever system.
    pub fn code(&self) -> Option<&str> {
        self.coding.iter().find_map(|coding| coding.code.as_deref())
    }

    /// Whether one of its codes is this one.
    pub fn has(&self, system: &str, code: &str) -> bool {
        self.coding.iter().any(|coding| coding.is(system, code))
    }
}

/// `Reference`: to another record.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub struct Reference<'a> {
    /// `Type/id`, `#contained` or a URL.
    #[serde(borrow)]
    pub reference: Option<Text<'a>>,
    /// The record by an identifier.
    #[serde(borrow)]
    pub identifier: Option<Box<Identifier<'a>>>,
    /// What it is, in words.
    #[serde(borrow)]
    pub display: Option<Text<'a>>,
}

impl Reference<'_> {
    /// The record on this server that it names, whatever its version.
    pub fn target(&self) -> Option<(ResourceType, Id)> {
        let mut parts = self.reference.as_deref()?.split('/');
        let resource_type = ResourceType::from_name(parts.next()?)?;
        let id = Id::new(parts.next()?)?;
        let is_relative = match parts.next() {
            None => true,
            Some(part) => part == "_history",
        };
        is_relative.then_some((resource_type, id))
    }

    /// The id of the record, if it is of this type and on this server.
    pub fn id_of(&self, resource_type: ResourceType) -> Option<Id> {
        let (found, id) = self.target()?;
        (found == resource_type).then_some(id)
    }
}

/// A decimal as it was written: `107.00` keeps its zeros.
#[derive(Debug, Clone, Copy, Deserialize, Serialize)]
#[serde(transparent)]
pub struct Decimal<'a>(#[serde(borrow)] &'a RawValue);

impl Decimal<'_> {
    /// The digits as they were written.
    pub fn as_str(&self) -> &str {
        self.0.get()
    }

    /// The nearest number, for comparing and computing.
    pub fn number(&self) -> Option<f64> {
        self.0.get().parse().ok().filter(|number: &f64| number.is_finite())
    }

    /// A copy that serialises with the digits as they were written.
    pub fn to_raw(&self) -> Box<RawValue> {
        self.0.to_owned()
    }
}

/// `Quantity`, and its kinds `Age`, `Count`, `Distance`, `Duration` and `SimpleQuantity`.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub struct Quantity<'a> {
    /// How much.
    #[serde(borrow)]
    pub value: Option<Decimal<'a>>,
    /// `<`, `<=`, `>=` or `>`.
    #[serde(borrow)]
    pub comparator: Option<Text<'a>>,
    /// The unit in words.
    #[serde(borrow)]
    pub unit: Option<Text<'a>>,
    /// The system of the coded unit, mostly UCUM.
    #[serde(borrow)]
    pub system: Option<Text<'a>>,
    /// The coded unit.
    #[serde(borrow)]
    pub code: Option<Text<'a>>,
}

impl<'a> Quantity<'a> {
    /// The unit in words, else its code, taken out.
    pub fn into_unit(self) -> Option<Text<'a>> {
        self.unit.or(self.code)
    }

    /// The unit in words, else its code.
    pub fn unit(&self) -> Option<&str> {
        self.unit.as_deref().or(self.code.as_deref())
    }

    /// Comparator, value and unit, such as `< 5.0 mmol/L`; `None` without a value.
    pub fn text(&self) -> Option<String> {
        let value = self.value?;
        let parts = [self.comparator.as_deref(), Some(value.as_str()), self.unit()];
        let parts: Vec<&str> = parts.into_iter().flatten().collect();
        Some(parts.join(" "))
    }
}

/// `Period`: from and to, both inside, either open.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub struct Period<'a> {
    /// From.
    #[serde(borrow)]
    pub start: Option<Text<'a>>,
    /// To.
    #[serde(borrow)]
    pub end: Option<Text<'a>>,
}

impl Period<'_> {
    /// Whether this moment, in microseconds since the epoch, is inside.
    pub fn contains(&self, moment: i64) -> bool {
        let span = |text: &Option<Text<'_>>| text.as_deref().and_then(TimeSpan::parse);
        let has_begun = span(&self.start).is_none_or(|start| start.low <= moment);
        let has_ended = span(&self.end).is_some_and(|end| end.high <= moment);
        has_begun && !has_ended
    }
}

impl Deref for Decimal<'_> {
    type Target = str;
    fn deref(&self) -> &str {
        self.0.get()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_decimal_keeps_its_zeros() {
        let quantity: Quantity<'_> =
            serde_json::from_str(r#"{"value":107.00,"unit":"mm[Hg]","comparator":"<"}"#).unwrap();
        assert_eq!(quantity.text().as_deref(), Some("< 107.00 mm[Hg]"));
        assert_eq!(quantity.value.unwrap().number(), Some(107.0));
        assert_eq!(serde_json::to_string(&quantity.value).unwrap(), "107.00");
    }

    #[test]
    fn a_concept_says_its_own_words_before_those_of_its_codes() {
        for (json, text) in [
            (r#"{"text":"Asthma","coding":[{"code":"195967001"}]}"#, Some("Asthma")),
            (r#"{"coding":[{"code":"a"},{"code":"b","display":"B"}]}"#, Some("a")),
            (r#"{"coding":[{"system":"s","code":"a","display":"A"}]}"#, Some("A")),
            ("{}", None),
        ] {
            let concept: CodeableConcept<'_> = serde_json::from_str(json).unwrap();
            assert_eq!(concept.text(), text, "{json}");
        }
    }

    #[test]
    fn only_a_relative_reference_names_a_record_of_this_server() {
        for (text, id) in [
            ("Patient/p1", Some("p1")),
            ("Patient/p1/_history/2", Some("p1")),
            ("Practitioner/p1", None),
            ("https://example.org/Patient/p1", None),
            ("urn:uuid:0b0a", None),
            ("#p1", None),
        ] {
            let reference = Reference { reference: Some(text.into()), ..Reference::default() };
            let found = reference.id_of(ResourceType::PATIENT);
            assert_eq!(found.as_ref().map(Id::as_str), id, "{text}");
        }
    }

    #[test]
    fn a_period_includes_its_whole_last_day() {
        let period = Period { start: None, end: Some("2026-01-31".into()) };
        let noon = TimeSpan::parse("2026-01-31T12:00:00Z").unwrap().low;
        assert!(period.contains(noon));
        assert!(!period.contains(noon + 86_400_000_000));
    }
}
