//! What speaks against a medication, as answers that write one say it.

use medcor_drugs::{Finding, FindingKind, Severity};
use schemars::JsonSchema;
use serde::Serialize;

use super::DrugFacts;

/// Something that speaks against a medication, or that it could not be checked.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub(crate) struct Warning {
    /// interaction, allergy, `cross_reaction`, `duplicate_ingredient`, `duplicate_class`, dose, pregnancy, age, or
    /// unchecked.
    kind: &'static str,
    /// contraindicated, major, moderate or minor.
    #[serde(skip_serializing_if = "Option::is_none")]
    severity: Option<&'static str>,
    description: String,
    /// The other medication, or the allergen.
    #[serde(skip_serializing_if = "Option::is_none")]
    other: Option<String>,
    /// Where it rests on what nobody prescribed here: who reported or planned it, and when.
    #[serde(skip_serializing_if = "Option::is_none")]
    reported: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    management: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    source: Option<String>,
    /// It was written in spite of this, for the reason that was given.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    overridden: bool,
}

impl Warning {
    pub(crate) fn of(finding: &Finding, facts: &DrugFacts) -> Self {
        Self {
            kind: kind_name(finding.kind),
            severity: Some(finding.severity.name()),
            description: finding.description(),
            other: finding.other.clone(),
            reported: facts.remark(finding),
            management: Some(finding.management.clone()),
            source: Some(finding.source.clone()),
            overridden: wants_reason(finding),
        }
    }

    /// That these are in no table, and that not all of the chart was looked at, where it is so.
    pub(crate) fn unchecked(names: &[&str], facts: &DrugFacts) -> Vec<Self> {
        let mut descriptions = Vec::new();
        if !names.is_empty() {
            descriptions.push(format!("not in the drug tables, so not checked: {}", names.join("; ")));
        }
        if facts.is_partial {
            descriptions.push(super::PARTIAL.to_owned());
        }
        let unchecked = |description| Self {
            kind: "unchecked",
            severity: None,
            description,
            other: None,
            reported: None,
            management: None,
            source: None,
            overridden: false,
        };
        descriptions.into_iter().map(unchecked).collect()
    }
}

/// Whether it is written in spite of this only for a reason: not to be given at all, or the patient is allergic to the
/// very thing.
pub(crate) fn wants_reason(finding: &Finding) -> bool {
    let is_direct = finding.kind == FindingKind::Allergy && finding.is_interruptive;
    finding.severity == Severity::Contraindicated || is_direct
}

/// The word for a kind of finding.
pub(crate) fn kind_name(kind: FindingKind) -> &'static str {
    match kind {
        FindingKind::Interaction => "interaction",
        FindingKind::Allergy => "allergy",
        FindingKind::CrossReaction => "cross_reaction",
        FindingKind::DuplicateIngredient => "duplicate_ingredient",
        FindingKind::DuplicateClass => "duplicate_class",
        FindingKind::Dose => "dose",
        FindingKind::Pregnancy => "pregnancy",
        FindingKind::Age => "age",
    }
}
