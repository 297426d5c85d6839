//! A finding as answers show it.

use medcor_drugs::{Finding, Severity};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::drug_facts::{DrugFacts, kind_name};

/// What speaks against a medication, or two together.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub(super) struct FindingRow {
    /// interaction, allergy, `cross_reaction`, `duplicate_ingredient`, `duplicate_class`, dose, pregnancy or age.
    kind: &'static str,
    medication_a: String,
    /// The other medication, or the allergen.
    #[serde(skip_serializing_if = "Option::is_none")]
    medication_b: Option<String>,
    /// high, medium or low.
    severity: &'static str,
    /// contraindicated, major, moderate or minor.
    clinical_severity: &'static str,
    /// Whether it should stop whoever prescribes; else it is to be known.
    is_interruptive: bool,
    description: String,
    effect: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    mechanism: Option<String>,
    /// What to do.
    management: String,
    ingredients: Vec<String>,
    source: String,
    /// Where it rests on what nobody prescribed here: who reported or planned it, and when.
    #[serde(skip_serializing_if = "Option::is_none")]
    reported: Option<String>,
    /// The records of the chart that it rests on.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    evidence: Vec<String>,
}

/// The least severity that is shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub(super) enum LeastSeverity {
    /// All.
    Minor,
    Moderate,
    Major,
    Contraindicated,
}

impl LeastSeverity {
    pub(super) fn admits(self, finding: &Finding) -> bool {
        let least = match self {
            Self::Minor => Severity::Minor,
            Self::Moderate => Severity::Moderate,
            Self::Major => Severity::Major,
            Self::Contraindicated => Severity::Contraindicated,
        };
        finding.severity >= least
    }
}

impl FindingRow {
    /// `facts` are of the chart that was checked, if one was.
    pub(super) fn of(finding: Finding, facts: Option<&DrugFacts>) -> Self {
        let mut records: Vec<String> = Vec::new();
        for record in facts.iter().flat_map(|facts| [facts.own_evidence(&finding), facts.evidence(&finding)])
        {
            records.extend(record.filter(|record| !records.contains(record)));
        }
        Self {
            kind: kind_name(finding.kind),
            reported: facts.and_then(|facts| facts.remark(&finding)),
            severity: finding.severity.grade(),
            clinical_severity: finding.severity.name(),
            is_interruptive: finding.is_interruptive,
            description: finding.description(),
            medication_a: finding.medication,
            medication_b: finding.other,
            effect: finding.effect,
            mechanism: finding.mechanism,
            management: finding.management,
            ingredients: finding.ingredients,
            source: finding.source,
            evidence: records,
        }
    }
}
