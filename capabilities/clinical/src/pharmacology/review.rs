//! `medication_review`: everything that speaks against what a patient takes, and what to do next.

use jiff::civil::Date;
use medcor_drugs::{CheckInput, Finding, FindingKind, Severity};
use medcor_fhir::{
    ResourceType,
    view::{BirthDate, Patient},
};
use medcor_tools::{Alias, Effect, Need, Ref, Tool, ToolContext, ToolError, alias, kind, view};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{REVIEW_NOTE, finding::FindingRow, interactions::unknown, named::Unrecognised};
use crate::{
    drug_facts::{DrugFacts, Origin, PARTIAL, Taken},
    listing::Subject,
};

/// Days after which a prescription should have been reviewed.
const REVIEW_DAYS: i32 = 365;
/// The same for controlled substances: 21 CFR 1306.22 ends refills of schedules III and IV after six months.
const CONTROLLED_REVIEW_DAYS: i32 = 183;
/// From so many medications on it is called polypharmacy.
const MANY_MEDICATIONS: usize = 5;

/// Reviews all that a patient takes now, prescribed, reported or planned: interactions, allergies, duplicates, doses, age and pregnancy, and
/// prescriptions that nobody has reviewed for a year. Ends with what to do next. Changes nothing.
#[derive(Deserialize, JsonSchema)]
pub(super) struct MedicationReview {
    /// Whose: id, MRN, telephone number or full name.
    patient: Ref<kind::Patient>,
}

/// A review.
#[derive(Serialize, JsonSchema)]
pub(super) struct ReviewedChart {
    /// `review_complete`, or `review_incomplete` where something was not checked.
    status: &'static str,
    patient_id: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    mrn: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    patient_name: Option<String>,
    review_date: String,
    total_medications: usize,
    /// What the patient takes: what is prescribed, the newest first, then what is reported, then what is planned.
    prescriptions: Vec<ReviewedRow>,
    /// The gravest first.
    interactions: Vec<FindingRow>,
    interaction_count: usize,
    /// Allergies, duplicates, doses, age and pregnancy, the gravest first.
    warnings: Vec<FindingRow>,
    /// Allergies of the chart.
    allergies: Vec<String>,
    /// What to do, the most urgent first.
    next_steps: Vec<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    unrecognised: Vec<Unrecognised>,
    note: &'static str,
}

/// One medication that was reviewed.
#[derive(Serialize, JsonSchema)]
struct ReviewedRow {
    id: String,
    /// The id again, as documented clients read it.
    medication_id: String,
    medication_name: String,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    ingredients: Vec<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    drug_class: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    dosage: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    frequency: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    prescribed_date: Option<String>,
    /// prescribed, reported or planned. What is reported or planned, and prescribed too, is listed once, unless it is
    /// reported in another dose or rhythm.
    origin: &'static str,
    /// Who reported or planned it.
    #[serde(skip_serializing_if = "Option::is_none")]
    reported_by: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    reported_date: Option<String>,
    /// Written longer ago than prescriptions stand without a review.
    is_overdue: bool,
}

impl Tool for MedicationReview {
    const NAME: &'static str = "medication_review";
    const TITLE: &'static str = "Review medications";
    const ALIASES: &'static [Alias] = &[alias("review_medications")];
    const EFFECT: Effect = Effect::ReadOnly;
    const NEEDS: &'static [Need] = &[
        Need::read(ResourceType::PATIENT),
        Need::search(ResourceType::MEDICATION_REQUEST),
        Need::search(ResourceType::ALLERGY_INTOLERANCE),
        Need::search_if_allowed(ResourceType::MEDICATION_STATEMENT),
        Need::search_if_allowed(ResourceType::CONDITION),
        Need::search_if_allowed(ResourceType::OBSERVATION),
        Need::read_if_allowed(ResourceType::MEDICATION),
        Need::read_if_allowed(ResourceType::PRACTITIONER),
    ];
    const KEYWORDS: &'static [&'static str] =
        &["polypharmacy", "reconciliation", "overdue", "duplicates", "deprescribing"];
    type Output = ReviewedChart;

    async fn run(self, cx: &mut ToolContext<'_>) -> Result<ReviewedChart, ToolError> {
        let record = cx.record(&self.patient).await?;
        let subject = Subject::of_record(&record)?;
        let patient_name = view::<Patient<'_>>(&record)?.display_name();
        let chart = DrugFacts::of(&subject, cx).await?;
        let today = cx.today();
        let findings = cx.drugs().check(&CheckInput {
            proposed: &chart.known_medications(),
            current: &[],
            allergies: &chart.known_allergies(),
            patient: chart.patient,
        });
        let overdue: Vec<&Taken> = chart.taken.iter().filter(|taken| is_overdue(taken, today)).collect();
        let mut next_steps: Vec<String> = findings
            .iter()
            .filter(|finding| finding.is_interruptive || finding.severity >= Severity::Major)
            .map(|finding| step(finding, &chart))
            .collect();
        let unrecognised = unknown(&chart);
        next_steps.extend(remaining_steps(&chart, &overdue, &unrecognised));
        let mut interactions = Vec::new();
        let mut warnings = Vec::new();
        for finding in findings {
            let is_interaction = finding.kind == FindingKind::Interaction;
            let row = FindingRow::of(finding, Some(&chart));
            if is_interaction { interactions.push(row) } else { warnings.push(row) }
        }
        let is_complete = unrecognised.is_empty() && !chart.is_partial;
        Ok(ReviewedChart {
            status: if is_complete { "review_complete" } else { "review_incomplete" },
            review_date: today.to_string(),
            total_medications: chart.taken.len(),
            prescriptions: chart.taken.iter().map(|taken| reviewed(taken, today)).collect(),
            interaction_count: interactions.len(),
            interactions,
            warnings,
            allergies: chart.allergies.iter().map(|known| known.name.clone()).collect(),
            next_steps,
            unrecognised,
            note: REVIEW_NOTE,
            patient_id: subject.patient_id,
            mrn: subject.mrn,
            patient_name,
        })
    }
}

/// What to do about a finding.
fn step(finding: &Finding, chart: &DrugFacts) -> String {
    match chart.remark(finding) {
        Some(remark) => format!("{} {remark}", finding.description()),
        None => finding.description(),
    }
}

/// What to do beside what was found.
fn remaining_steps(chart: &DrugFacts, overdue: &[&Taken], unrecognised: &[Unrecognised]) -> Vec<String> {
    let mut steps = Vec::new();
    if chart.is_partial {
        steps.push(PARTIAL.to_owned());
    }
    if !unrecognised.is_empty() {
        let names: Vec<&str> = unrecognised.iter().map(|unknown| unknown.name.as_str()).collect();
        steps.push(format!("Check by hand, the drug tables do not have: {}.", names.join(", ")));
    }
    if !overdue.is_empty() {
        let names: Vec<&str> = overdue.iter().map(|taken| taken.name.as_str()).collect();
        steps.push(format!("Renew or stop what was prescribed long ago: {}.", names.join(", ")));
    }
    let reported = chart.taken.iter().filter(|taken| taken.origin != Origin::Prescribed);
    let reported: Vec<&str> = reported.map(|taken| taken.name.as_str()).collect();
    if !reported.is_empty() {
        steps.push(format!(
            "Ask whether it is really taken, nobody prescribed it here: {}.",
            reported.join(", ")
        ));
    }
    if chart.taken.len() >= MANY_MEDICATIONS {
        let count = chart.taken.len();
        steps.push(format!("Ask of each of the {count} medications whether it is still needed."));
    }
    if chart.allergies.is_empty() {
        steps.push("No allergy is recorded: ask, and record the answer, also that there is none.".to_owned());
    }
    steps
}

/// Whether a prescription is older than it may be without a review. One without a date is not judged.
fn is_overdue(taken: &Taken, today: Date) -> bool {
    if taken.origin != Origin::Prescribed {
        return false;
    }
    let day = taken.date.as_deref().map(|date| date.get(..10).unwrap_or(date)).and_then(BirthDate::parse);
    let Some(written) = day.map(|day| day.earliest()) else { return false };
    let ingredients = taken.medication.as_ref().map_or(&[][..], |medication| medication.ingredients());
    let schedules = ingredients.iter().filter_map(|ingredient| ingredient.schedule.as_deref());
    let is_controlled = schedules.into_iter().any(|schedule| schedule.starts_with("C-"));
    let limit = if is_controlled { CONTROLLED_REVIEW_DAYS } else { REVIEW_DAYS };
    (today - written).get_days() > limit
}

fn reviewed(taken: &Taken, today: Date) -> ReviewedRow {
    let ingredients = taken.medication.as_ref().map_or(&[][..], |medication| medication.ingredients());
    let is_prescribed = taken.origin == Origin::Prescribed;
    ReviewedRow {
        id: taken.id.to_string(),
        medication_id: taken.id.to_string(),
        medication_name: taken.name.clone(),
        ingredients: ingredients.iter().map(|ingredient| ingredient.name.clone()).collect(),
        drug_class: ingredients.first().map(|ingredient| ingredient.class.clone()),
        dosage: taken.dosage.clone(),
        frequency: taken.frequency.clone(),
        prescribed_date: taken.date.clone().filter(|_| is_prescribed),
        origin: taken.origin.name(),
        reported_by: taken.origin.by().map(str::to_owned),
        reported_date: taken.date.clone().filter(|_| !is_prescribed),
        is_overdue: is_overdue(taken, today),
    }
}
