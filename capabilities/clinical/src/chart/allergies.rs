//! Allergies and intolerances.

use medcor_fhir::{
    ResourceType, naming,
    view::{AllergyIntolerance, AllergyReaction, Text},
};
use medcor_tools::{
    Alias, Effect, FreeText, Need, Raw, Record, Ref, Tool, ToolContext, ToolError, alias, kind, view,
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::json;

use crate::listing::{Format, Paging, PatientList, Rows, Subject, fenced, listed, notes};

/// Lists a patient's allergies and intolerances: to what, which reaction, how severe.
///
/// Active ones only, unless another `status` is asked for. An empty list means that none is recorded,
/// which is not the same as "no known allergies": that is recorded as an entry of its own.
#[derive(Deserialize, JsonSchema)]
pub(super) struct GetAllergies {
    /// Whose allergies: id, MRN, telephone number or full name.
    patient: Ref<kind::Patient>,
    /// `active` when absent.
    status: Option<AllergyStatus>,
    /// Most rows, 20 when absent.
    #[schemars(range(min = 1, max = 100))]
    limit: Option<u32>,
    /// `next_cursor` of the answer to continue.
    cursor: Option<String>,
    /// `fhir` adds each whole FHIR resource.
    format: Option<Format>,
}

/// Whether an allergy still stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
enum AllergyStatus {
    Active,
    Inactive,
    Resolved,
    All,
}

/// One allergy or intolerance.
#[derive(Serialize, JsonSchema)]
pub(crate) struct AllergyRow<'r> {
    #[schemars(with = "String")]
    id: Text<'r>,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<String>")]
    allergen: Option<Text<'r>>,
    /// RxNorm, else SNOMED CT or whatever code the record has.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<String>")]
    code: Option<Text<'r>>,
    /// What happened.
    #[serde(skip_serializing_if = "Option::is_none")]
    reaction: Option<String>,
    /// Of the worst reaction: mild, moderate or severe.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<String>")]
    severity: Option<Text<'r>>,
    /// How dangerous the next exposure may be: low, high or unable-to-assess.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<String>")]
    criticality: Option<Text<'r>>,
    /// allergy or intolerance.
    #[serde(rename = "type", skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<String>")]
    kind: Option<Text<'r>>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schemars(with = "Vec<String>")]
    category: Vec<Text<'r>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<String>")]
    onset_date: Option<Text<'r>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<String>")]
    recorded_date: Option<Text<'r>>,
    /// active, inactive or resolved.
    #[schemars(with = "String")]
    status: Text<'r>,
    /// confirmed, unconfirmed, refuted, …
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<String>")]
    verification: Option<Text<'r>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    note: Option<FreeText>,
    #[serde(skip_serializing_if = "Option::is_none")]
    fhir: Option<Raw>,
}

impl Tool for GetAllergies {
    const NAME: &'static str = "get_allergies";
    const TITLE: &'static str = "Get allergies";
    const ALIASES: &'static [Alias] = &[alias("get_patient_allergies"), alias("list_allergies")];
    const EFFECT: Effect = Effect::ReadOnly;
    const NEEDS: &'static [Need] =
        &[Need::read(ResourceType::PATIENT), Need::search(ResourceType::ALLERGY_INTOLERANCE)];
    const KEYWORDS: &'static [&'static str] = &["intolerance", "adverse reaction", "hypersensitivity"];
    type Output = PatientList<AllergyRow<'static>>;

    async fn run(self, cx: &mut ToolContext<'_>) -> Result<Self::Output, ToolError> {
        let subject = Subject::of(&self.patient, cx).await?;
        let paging = Paging::new(self.limit, self.cursor, self.format);
        let status = self.status.unwrap_or(AllergyStatus::Active);
        let mut filter = subject.filter();
        filter.insert("status".to_owned(), json!(status));
        let query = subject.query(ResourceType::ALLERGY_INTOLERANCE)?.with("_sort", "-date")?;
        let mut rows = AllergyRows { status, paging: &paging };
        let mut list = listed(cx, query, &paging, filter, &mut rows).await?;
        if list.is_empty() {
            list = list.with_hint("None is recorded. That does not mean that the patient has none.");
        }
        Ok(subject.list(list))
    }
}

/// Rows of allergies of a status. An allergy that says nothing of its status counts as active: leaving
/// it out could hurt somebody.
pub(crate) struct AllergyRows<'p> {
    status: AllergyStatus,
    paging: &'p Paging,
}

impl<'p> AllergyRows<'p> {
    pub(crate) fn active(paging: &'p Paging) -> Self {
        Self { status: AllergyStatus::Active, paging }
    }

    pub(crate) fn every(paging: &'p Paging) -> Self {
        Self { status: AllergyStatus::All, paging }
    }

    fn takes(&self, clinical: &str, verification: Option<&str>) -> bool {
        let is_taken_back = verification == Some("entered-in-error");
        let stands = match self.status {
            AllergyStatus::All => true,
            AllergyStatus::Active => clinical == "active" && verification != Some("refuted"),
            AllergyStatus::Inactive => clinical == "inactive",
            AllergyStatus::Resolved => clinical == "resolved",
        };
        stands && !is_taken_back
    }
}

impl Rows for AllergyRows<'_> {
    type Row<'r> = AllergyRow<'r>;

    fn row<'r>(&mut self, record: &'r Record) -> Result<Option<AllergyRow<'r>>, ToolError> {
        let mut allergy: AllergyIntolerance<'r> = view(record)?;
        let status = allergy.clinical_status.take_code(CLINICAL_STATUS).unwrap_or(Text::from("active"));
        let verification = allergy.verification_status.take_code(VERIFICATION_STATUS);
        if !self.takes(&status, verification.as_deref()) {
            return Ok(None);
        }
        let worst = allergy.reaction.iter().max_by_key(|reaction| severity_rank(reaction));
        Ok(Some(AllergyRow {
            reaction: reaction_text(&allergy.reaction),
            severity: worst.and_then(|reaction| reaction.severity.clone()),
            code: allergy.code.take_code(naming::RXNORM),
            allergen: allergy.code.into_text(),
            criticality: allergy.criticality,
            kind: allergy.kind,
            category: allergy.category,
            onset_date: allergy.onset_date_time.or(allergy.onset_string),
            recorded_date: allergy.recorded_date,
            status,
            verification,
            note: notes(&allergy.note),
            fhir: self.paging.fhir(record)?,
            id: allergy.id,
        }))
    }
}

pub(super) const CLINICAL_STATUS: &str = "http://terminology.hl7.org/CodeSystem/allergyintolerance-clinical";
pub(super) const VERIFICATION_STATUS: &str =
    "http://terminology.hl7.org/CodeSystem/allergyintolerance-verification";

fn severity_rank(reaction: &AllergyReaction<'_>) -> u8 {
    match reaction.severity.as_deref() {
        Some("severe") => 3,
        Some("moderate") => 2,
        Some("mild") => 1,
        _ => 0,
    }
}

fn reaction_text(reactions: &[AllergyReaction<'_>]) -> Option<String> {
    let words = reactions.iter().flat_map(|reaction| &reaction.manifestation);
    let words: Vec<&str> = words.filter_map(|manifestation| manifestation.text()).collect();
    if !words.is_empty() {
        return Some(words.join(", "));
    }
    reactions.iter().find_map(|reaction| reaction.description.as_deref().map(fenced))
}
