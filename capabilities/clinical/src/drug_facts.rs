//! What checks of drugs need of a patient's chart, gathered in one place: what is taken, whether prescribed or only
//! reported or planned, what is not tolerated, age, pregnancy, weight.

mod patient;
mod taken;
mod warning;

use medcor_drugs::{
    Allergy, CheckInput, Dosage, Finding, FindingKind, Knowledge, Medication, PatientFacts, Per,
};
use medcor_fhir::{Id, ResourceType, naming, view::AllergyIntolerance};
use medcor_tools::{ToolContext, ToolError, view};

pub(crate) use self::{
    taken::{Origin, Taken, prescription},
    warning::{Warning, kind_name, wants_reason},
};
use crate::listing::Subject;

/// Most records of one kind that are looked at; an answer says so where there are more.
const LOOKED_AT_MAX: u32 = 200;

/// What an answer says where `is_partial`.
pub(crate) const PARTIAL: &str = "Not all of the chart was looked at: there are more than 200 records of one kind, or \
                                  your access leaves out what is reported.";

/// A patient's chart as far as checks of drugs need it.
pub(crate) struct DrugFacts {
    /// What is taken: what is prescribed first, the newest first, then what is reported, then what is planned. What is
    /// prescribed, too, and in no other dose or rhythm, is not among the others.
    pub(crate) taken: Vec<Taken>,
    /// What is not tolerated.
    pub(crate) allergies: Vec<KnownAllergy>,
    pub(crate) patient: PatientFacts,
    /// Whether there is more than what was looked at.
    pub(crate) is_partial: bool,
}

/// An allergy that stands.
pub(crate) struct KnownAllergy {
    pub(crate) id: Id,
    pub(crate) name: String,
    /// `None` where it is to nothing that the tables have.
    pub(crate) allergy: Option<Allergy>,
}

impl DrugFacts {
    pub(crate) async fn of(subject: &Subject, cx: &mut ToolContext<'_>) -> Result<Self, ToolError> {
        let (taken, is_all_taken) = taken::taken(subject, cx).await?;
        let (allergies, are_all_allergies) = allergies(subject, cx).await?;
        let doses = taken.iter().filter_map(|taken| taken.parsed_dose.clone()).collect::<Vec<_>>();
        let mut facts = Self {
            taken,
            allergies,
            patient: patient::facts(subject, cx).await?,
            is_partial: !(is_all_taken && are_all_allergies),
        };
        facts.weigh(&doses, subject, cx).await?;
        Ok(facts)
    }

    /// Reads the weight, where one of these doses goes by it.
    pub(crate) async fn weigh(
        &mut self,
        doses: &[Dosage],
        subject: &Subject,
        cx: &mut ToolContext<'_>,
    ) -> Result<(), ToolError> {
        let is_by_weight = doses.iter().any(|dose| dose.per.as_ref().is_some_and(Per::is_kilogram));
        if is_by_weight && self.patient.weight_kg.is_none() {
            self.patient.weight_kg = patient::weight_kg(subject, cx).await?;
        }
        Ok(())
    }

    /// The same without this prescription, which another takes the place of.
    #[must_use]
    pub(crate) fn without(mut self, replaced: &Id) -> Self {
        let is_replaced =
            |taken: &Taken| taken.resource_type == ResourceType::MEDICATION_REQUEST && taken.id == *replaced;
        self.taken.retain(|taken| !is_replaced(taken));
        self
    }

    /// Everything that speaks against these, with each other, with what is ordered beside them and with the chart.
    pub(crate) fn findings(
        &self,
        proposed: &[Medication],
        beside: Vec<Medication>,
        knowledge: &Knowledge,
    ) -> Vec<Finding> {
        let mut current = self.current(proposed);
        current.extend(beside);
        let allergies = self.known_allergies();
        let input = CheckInput { proposed, current: &current, allergies: &allergies, patient: self.patient };
        knowledge.check(&input)
    }

    /// What the tables have of what is taken.
    pub(crate) fn known_medications(&self) -> Vec<Medication> {
        self.taken.iter().filter_map(|taken| taken.medication.clone()).collect()
    }

    /// The same beside what is proposed. What is planned is carried out by proposing it: it is no duplicate of that.
    pub(crate) fn current(&self, proposed: &[Medication]) -> Vec<Medication> {
        let is_carried_out = |taken: &Taken, medication: &Medication| {
            let is_planned = matches!(taken.origin, Origin::Planned(_));
            is_planned && proposed.iter().any(|other| other.ingredients() == medication.ingredients())
        };
        let known = self.taken.iter().filter_map(|taken| Some((taken, taken.medication.as_ref()?)));
        known
            .filter(|(taken, medication)| !is_carried_out(taken, medication))
            .map(|(_, medication)| medication.clone())
            .collect()
    }

    /// What the tables have of what is not tolerated.
    pub(crate) fn known_allergies(&self) -> Vec<Allergy> {
        self.allergies.iter().filter_map(|known| known.allergy.clone()).collect()
    }

    /// Names of what is taken and in no table.
    pub(crate) fn unknown(&self) -> impl Iterator<Item = &Taken> {
        self.taken.iter().filter(|taken| taken.medication.is_none())
    }

    /// The record of the other medication, or of the allergy, that a finding rests on.
    pub(crate) fn evidence(&self, finding: &Finding) -> Option<String> {
        let other = finding.other.as_deref()?;
        if is_of_allergy(finding.kind) {
            let known = self.allergies.iter().find(|known| known.name == other)?;
            return Some(known.reference());
        }
        self.named(other).map(Taken::reference)
    }

    /// The record of the medication itself, where it is one of the chart.
    pub(crate) fn own_evidence(&self, finding: &Finding) -> Option<String> {
        self.named(&finding.medication).map(Taken::reference)
    }

    /// What must be known of a finding that rests on what nobody prescribed: who said it, and when.
    pub(crate) fn remark(&self, finding: &Finding) -> Option<String> {
        let other = finding.other.as_deref().filter(|_| !is_of_allergy(finding.kind));
        let own = Some(finding.medication.as_str());
        let other = other.filter(|other| Some(*other) != own);
        let named = [own, other].into_iter().flatten().filter_map(|name| self.named(name));
        let remarks: Vec<String> = named.filter_map(Taken::remark).collect();
        (!remarks.is_empty()).then(|| remarks.join(" "))
    }

    fn named(&self, name: &str) -> Option<&Taken> {
        self.taken.iter().find(|taken| taken.name == name)
    }
}

impl KnownAllergy {
    pub(crate) fn reference(&self) -> String {
        format!("AllergyIntolerance/{}", self.id)
    }
}

fn is_of_allergy(kind: FindingKind) -> bool {
    matches!(kind, FindingKind::Allergy | FindingKind::CrossReaction)
}

async fn allergies(
    subject: &Subject,
    cx: &mut ToolContext<'_>,
) -> Result<(Vec<KnownAllergy>, bool), ToolError> {
    let mut query = subject.query(ResourceType::ALLERGY_INTOLERANCE)?;
    query.count = LOOKED_AT_MAX;
    let page = cx.records().search(&query).await?;
    let mut allergies = Vec::new();
    for record in &page.records {
        let intolerance: AllergyIntolerance<'_> = view(record)?;
        // One that says nothing of its status counts: leaving it out could hurt somebody.
        let is_over = matches!(intolerance.clinical_status.code(), Some("inactive" | "resolved"));
        let is_void = matches!(intolerance.verification_status.code(), Some("refuted" | "entered-in-error"));
        let Some(name) = intolerance.code.text().filter(|_| !is_over && !is_void) else { continue };
        let allergy = cx.drugs().allergy(name, intolerance.code.code_in(naming::RXNORM));
        let is_intolerance = intolerance.kind.as_deref() == Some("intolerance");
        allergies.push(KnownAllergy {
            id: record.id.clone(),
            name: name.to_owned(),
            allergy: if is_intolerance { allergy.map(Allergy::as_intolerance) } else { allergy },
        });
    }
    Ok((allergies, !page.has_more))
}
