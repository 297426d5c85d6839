//! From orders to staged records: read, checked, written, all or none.

use medcor_fhir::{Id, ParsedResource, ResourceType};
use medcor_tools::{Action, ArgumentProblem, Claim, Record, Ref, ToolContext, ToolError, kind};

use super::{
    check::{Concern, concerns, identical, unchecked},
    once,
    order::{Order, Prescription, Spelling},
    record::Occasion,
};
use crate::{
    author::Author,
    drug_facts::{DrugFacts, Warning},
    listing::Subject,
};

/// What a call orders for one patient.
pub(super) struct Request<'r> {
    pub(super) subject: &'r Subject,
    /// Each with the path of its arguments: empty for a single one, `/prescriptions/2` in a batch.
    pub(super) orders: Vec<(String, &'r Order)>,
    pub(super) provider: Option<&'r Ref<kind::Practitioner>>,
    pub(super) encounter: Option<&'r Ref<kind::Encounter>>,
    /// The prescription that the new one takes the place of.
    pub(super) prior: Option<&'r Record>,
}

/// A prescription that is staged.
pub(super) struct Written {
    pub(super) record: Record,
    pub(super) warnings: Vec<Warning>,
    /// The `DetectedIssue`s that say why it was written in spite of a finding.
    pub(super) issues: Vec<Id>,
}

/// An order that may be written.
struct Checked {
    prescription: Prescription,
    concerns: Vec<Concern>,
    warnings: Vec<Warning>,
}

impl Request<'_> {
    /// Reads, checks and stages all of them, or none.
    ///
    /// # Errors
    ///
    /// `VALIDATION_ERROR` with every problem of every order, findings that want a reason among them; `PRECONDITION`
    /// for a caller who is no practitioner; `PERMISSION_DENIED` for one who prescribes in another's name.
    pub(super) async fn write(&self, cx: &mut ToolContext<'_>) -> Result<Vec<Written>, ToolError> {
        let author = prescriber(self.provider, cx).await?;
        let encounter = match self.encounter {
            Some(encounter) => {
                self.subject.own_encounter(encounter, cx).await?;
                Some(encounter.reference())
            }
            None => None,
        };
        let checked = self.checked(cx).await?;
        let occasion =
            Occasion { subject: self.subject, author: &author, encounter, now: cx.now(), prior: self.prior };
        checked.into_iter().map(|checked| staged(checked, &occasion, cx)).collect()
    }

    fn spelling(&self) -> Spelling {
        if self.prior.is_some() { Spelling::AsRecorded } else { Spelling::Checked }
    }

    async fn checked(&self, cx: &mut ToolContext<'_>) -> Result<Vec<Checked>, ToolError> {
        let knowledge = cx.drugs();
        let mut problems = Vec::new();
        let mut read: Vec<(&str, Prescription)> = Vec::new();
        for (path, order) in &self.orders {
            if let Some(prescription) = order.read(path, self.spelling(), cx, &mut problems) {
                read.push((path, prescription));
            }
        }
        let facts = self.facts(&read, cx).await?;
        let mut concerns_of = Vec::new();
        for (index, (path, prescription)) in read.iter().enumerate() {
            let before: Vec<&Prescription> = read.iter().take(index).map(|(_, other)| other).collect();
            self.refuse_twice(path, prescription, (&facts, &before), &mut problems)?;
            let concerns = concerns(&facts, prescription, &before, knowledge);
            if prescription.override_reason.is_none() {
                let grave = concerns.iter().filter(|concern| concern.wants_reason());
                problems.extend(grave.map(|concern| ArgumentProblem {
                    path: format!("{path}/override_reason"),
                    problem: concern.refusal(),
                }));
            }
            concerns_of.push(concerns);
        }
        if !problems.is_empty() {
            return Err(ToolError::Validation(problems));
        }
        let mut checked = Vec::new();
        for ((_, prescription), concerns) in read.into_iter().zip(concerns_of) {
            let mut warnings: Vec<Warning> = concerns.iter().map(|concern| concern.warning(&facts)).collect();
            warnings.extend(unchecked(&facts, &prescription));
            checked.push(Checked { prescription, concerns, warnings });
        }
        Ok(checked)
    }

    /// The chart as it is without what is replaced.
    async fn facts(
        &self,
        read: &[(&str, Prescription)],
        cx: &mut ToolContext<'_>,
    ) -> Result<DrugFacts, ToolError> {
        let mut facts = DrugFacts::of(self.subject, cx).await?;
        if let Some(prior) = self.prior {
            facts = facts.without(&prior.id);
        }
        let doses: Vec<_> = read.iter().map(|(_, prescription)| prescription.dosage.clone()).collect();
        facts.weigh(&doses, self.subject, cx).await?;
        Ok(facts)
    }

    /// Refuses what the patient has already in the same dose and rhythm, and what one call orders twice.
    fn refuse_twice(
        &self,
        path: &str,
        prescription: &Prescription,
        (facts, before): (&DrugFacts, &[&Prescription]),
        problems: &mut Vec<ArgumentProblem>,
    ) -> Result<(), ToolError> {
        if let Some(known) = identical(facts, prescription) {
            let problem = format!(
                "is prescribed already in this dose and rhythm, as MedicationRequest/{known}: record a refill, or \
                 change or discontinue that one"
            );
            if self.orders.len() == 1 {
                return Err(ToolError::Conflict(format!("the medication {problem}")));
            }
            problems.push(ArgumentProblem { path: format!("{path}/medication"), problem });
        }
        if before.iter().any(|other| other.is_same_medication(prescription)) {
            let problem = "is ordered twice in this call".to_owned();
            problems.push(ArgumentProblem { path: format!("{path}/medication"), problem });
        }
        Ok(())
    }
}

/// The caller's own practitioner (DECISIONS 10). An argument may name the same person and nobody else.
async fn prescriber(
    provider: Option<&Ref<kind::Practitioner>>,
    cx: &mut ToolContext<'_>,
) -> Result<Author, ToolError> {
    let own = cx.principal().practitioner.clone();
    if let Some(provider) = provider
        && own.as_ref() != Some(provider.id())
    {
        return Err(ToolError::PermissionDenied {
            needed: "prescribing in the name of somebody else; leave `provider` out".to_owned(),
        });
    }
    let author = Author::of_caller(cx).await?;
    let what = "only a clinician prescribes, and your account is not tied to a practitioner; an administrator can \
                tie it";
    author.ok_or_else(|| ToolError::Precondition(what.to_owned()))
}

/// Stages the records of one prescription.
fn staged(checked: Checked, occasion: &Occasion<'_>, cx: &mut ToolContext<'_>) -> Result<Written, ToolError> {
    let Checked { prescription, concerns, warnings } = checked;
    let request = ParsedResource::from_value(occasion.request(&prescription)?)?;
    let record = cx.records().create(request)?;
    let mut issues = Vec::new();
    for concern in concerns.iter().filter(|concern| concern.wants_reason()) {
        let Some(reason) = &prescription.override_reason else { continue };
        if !cx.reaches_all(Action::Create, ResourceType::DETECTED_ISSUE) {
            let needed = "recording why a finding is overridden (create on DetectedIssue)".to_owned();
            return Err(ToolError::PermissionDenied { needed });
        }
        let issue = ParsedResource::from_value(occasion.issue(concern, &record.id, reason))?;
        issues.push(cx.records().create(issue)?.id);
    }
    // Of two calls at the same time one claims the minute of the other: neither sees the other's record.
    let (dose, rhythm) = (prescription.dosage.to_string(), prescription.frequency.words());
    let ordered = [prescription.name.as_str(), &dose, &rhythm];
    for claim in once::claims(&occasion.subject.patient_id, ordered, occasion.now) {
        cx.records().claim(Claim(claim));
    }
    Ok(Written { record, warnings, issues })
}
