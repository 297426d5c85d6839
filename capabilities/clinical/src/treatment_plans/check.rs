//! The medications of a plan are checked like a prescription: against each other, against what the patient takes
//! and does not tolerate, and by age.

use medcor_drugs::{Dosage, Finding, Found, Frequency, Knowledge, MatchedBy, Medication};
use medcor_tools::{ArgumentProblem, ToolContext, ToolError};

use super::planned::PlannedMedication;
use crate::{
    drug_facts::{DrugFacts, Warning, kind_name, wants_reason},
    listing::Subject,
};

/// Most words of an intervention in which names of drugs are looked for.
const WORDS_MAX: usize = 60;
/// Shorter words are no names of drugs.
const WORD_LENGTH_MIN: usize = 4;
/// Most names that a refusal offers.
const OFFERED_MAX: usize = 5;

/// What a plan names.
pub(super) struct Named<'n> {
    pub(super) medications: &'n [PlannedMedication],
    /// Words in which names of drugs may stand.
    pub(super) intervention: Option<&'n str>,
    pub(super) override_reason: Option<&'n str>,
}

impl Named<'_> {
    /// What speaks against the plan, the gravest first.
    ///
    /// # Errors
    ///
    /// `VALIDATION_ERROR` for a name that is nearly a drug's, with those that are near, and for what is not to
    /// be given without a reason.
    pub(super) async fn warnings(
        &self,
        subject: &Subject,
        cx: &mut ToolContext<'_>,
    ) -> Result<Vec<Warning>, ToolError> {
        let knowledge = cx.drugs();
        let (proposed, unknown) = self.proposed(knowledge)?;
        if proposed.is_empty() && unknown.is_empty() {
            return Ok(Vec::new());
        }
        let mut facts = DrugFacts::of(subject, cx).await?;
        let doses = self.medications.iter().filter_map(|planned| planned.dosage.as_deref());
        let doses: Vec<Dosage> = doses.filter_map(|text| Dosage::parse(text).ok()).collect();
        facts.weigh(&doses, subject, cx).await?;
        let findings = facts.findings(&proposed, Vec::new(), knowledge);
        let grave: Vec<&Finding> = findings.iter().filter(|finding| wants_reason(finding)).collect();
        if self.override_reason.is_none() && !grave.is_empty() {
            let problems = grave.into_iter().map(|finding| refusal(finding, &facts)).collect();
            return Err(ToolError::Validation(problems));
        }
        let mut warnings: Vec<Warning> =
            findings.iter().map(|finding| Warning::of(finding, &facts)).collect();
        let taken = facts.unknown().map(|taken| taken.name.as_str());
        let unchecked: Vec<&str> = unknown.iter().map(String::as_str).chain(taken).collect();
        warnings.extend(Warning::unchecked(&unchecked, &facts));
        Ok(warnings)
    }

    /// The drugs that are named, and names that are no drug's that is known.
    fn proposed(&self, knowledge: &Knowledge) -> Result<(Vec<Medication>, Vec<String>), ToolError> {
        let (mut proposed, mut unknown, mut problems) = (Vec::new(), Vec::new(), Vec::new());
        for (place, planned) in self.medications.iter().enumerate() {
            let name = planned.name.trim();
            let medication = match knowledge.find(name) {
                Found::Exact(drug) => Medication::of(&drug),
                Found::Class(class) => Medication::of_class(&class, knowledge),
                Found::Candidates(near) if self.override_reason.is_none() => {
                    let near: Vec<&str> =
                        near.iter().take(OFFERED_MAX).map(|drug| drug.name.as_str()).collect();
                    let problem = format!(
                        "is no drug that is known; did you mean {}? With override_reason it is taken as it is, \
                         unchecked",
                        near.join(", ")
                    );
                    problems.push(ArgumentProblem { path: format!("/medications/{place}/name"), problem });
                    continue;
                }
                Found::Candidates(_) | Found::Unknown => {
                    unknown.push(name.to_owned());
                    continue;
                }
            };
            let dosage = planned.dosage.as_deref().and_then(|text| Dosage::parse(text).ok());
            let frequency = planned.frequency.as_deref().and_then(Frequency::parse);
            proposed.push(medication.named(name).with_dose(dosage, frequency));
        }
        if !problems.is_empty() {
            return Err(ToolError::Validation(problems));
        }
        proposed.extend(self.in_words(knowledge));
        Ok((proposed, unknown))
    }

    /// The drugs that an intervention in words names by their very names.
    fn in_words(&self, knowledge: &Knowledge) -> Vec<Medication> {
        let words = self.intervention.unwrap_or_default().split(|letter: char| !letter.is_alphanumeric());
        let mut found: Vec<Medication> = Vec::new();
        for word in words.filter(|word| word.chars().count() >= WORD_LENGTH_MIN).take(WORDS_MAX) {
            let Found::Exact(drug) = knowledge.find(word) else { continue };
            let is_name = matches!(drug.matched_by, MatchedBy::Ingredient | MatchedBy::Brand);
            let medication = Medication::of(&drug);
            let is_new = found.iter().all(|known| known.ingredients() != medication.ingredients());
            if is_name && is_new {
                found.push(medication.named(word));
            }
        }
        found
    }
}

fn refusal(finding: &Finding, facts: &DrugFacts) -> ArgumentProblem {
    let remark = facts.remark(finding).map(|remark| format!(" {remark}"));
    let problem = format!(
        "is needed: {} {} ({}{}) To plan it all the same, give the reason; it is kept in the plan",
        kind_name(finding.kind),
        finding.severity.name(),
        finding.description(),
        remark.unwrap_or_default(),
    );
    ArgumentProblem { path: "/override_reason".to_owned(), problem }
}
