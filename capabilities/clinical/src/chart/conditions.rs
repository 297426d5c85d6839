//! Problems and diagnoses.

use medcor_fhir::{
    ResourceType, naming,
    view::{Condition, Text},
};
use medcor_tools::{
    Alias, Effect, FreeText, Need, Raw, Record, Ref, Synonym, Tool, ToolContext, ToolError, alias, kind,
    synonym, view,
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::json;

use crate::{
    listing::{Format, Paging, PatientList, Rows, Subject, listed, notes},
    words::Words,
};

const CLINICAL_STATUS: &str = "http://terminology.hl7.org/CodeSystem/condition-clinical";
const VERIFICATION_STATUS: &str = "http://terminology.hl7.org/CodeSystem/condition-ver-status";

/// The statuses of what is over. R4 does not ask for a status, so the others cannot be searched for
/// without losing what has none.
pub(super) const ENDED: &str = "inactive,remission,resolved";

/// Lists a patient's problems and diagnoses, the active ones first, then the newest first.
///
/// With `status` only those of that status; `active` includes relapses and recurrences, and conditions
/// whose record gives no status and no end, which otherwise come last.
#[derive(Deserialize, JsonSchema)]
pub(super) struct ListConditions {
    /// Whose: id, MRN, telephone number or full name.
    patient: Ref<kind::Patient>,
    /// All when absent.
    status: Option<ConditionStatus>,
    /// Only conditions of this name or code, such as diabetes.
    #[schemars(length(min = 1, max = 100))]
    name: Option<String>,
    /// Most rows, 20 when absent.
    #[schemars(range(min = 1, max = 100))]
    limit: Option<u32>,
    /// `next_cursor` of the answer to continue.
    cursor: Option<String>,
    /// `fhir` adds each whole FHIR resource.
    format: Option<Format>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
enum ConditionStatus {
    Active,
    Inactive,
    Remission,
    Resolved,
    All,
}

/// One condition.
#[derive(Serialize, JsonSchema)]
pub(crate) struct ConditionRow<'r> {
    #[schemars(with = "String")]
    id: Text<'r>,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<String>")]
    name: Option<Text<'r>>,
    /// SNOMED CT, else whatever code the record has.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<String>")]
    code: Option<Text<'r>>,
    /// active, recurrence, relapse, inactive, remission or resolved. A condition whose record gives no
    /// status is active unless it says that it ended or was refuted.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<String>")]
    status: Option<Text<'r>>,
    /// Where it is not confirmed: unconfirmed, provisional, differential, refuted.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<String>")]
    verification: Option<Text<'r>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<String>")]
    severity: Option<Text<'r>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<String>")]
    onset_date: Option<Text<'r>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<String>")]
    resolved_date: Option<Text<'r>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<String>")]
    recorded_date: Option<Text<'r>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    note: Option<FreeText>,
    #[serde(skip_serializing_if = "Option::is_none")]
    fhir: Option<Raw>,
}

impl Tool for ListConditions {
    const NAME: &'static str = "list_conditions";
    const TITLE: &'static str = "List conditions";
    const ALIASES: &'static [Alias] = &[
        alias("get_conditions"),
        alias("get_patient_conditions"),
        alias("get_problem_list").with(&[("status", "active")]),
    ];
    const EFFECT: Effect = Effect::ReadOnly;
    const NEEDS: &'static [Need] =
        &[Need::read(ResourceType::PATIENT), Need::search(ResourceType::CONDITION)];
    const SYNONYMS: &'static [Synonym] = &[
        synonym("condition", "name"),
        synonym("condition_name", "name"),
        synonym("diagnosis", "name"),
        synonym("code", "name"),
        synonym("clinical_status", "status"),
    ];
    const KEYWORDS: &'static [&'static str] = &["diagnosis", "problem list", "disease", "history"];
    type Output = PatientList<ConditionRow<'static>>;

    async fn run(self, cx: &mut ToolContext<'_>) -> Result<Self::Output, ToolError> {
        let subject = Subject::of(&self.patient, cx).await?;
        let paging = Paging::new(self.limit, self.cursor, self.format);
        let status = self.status.unwrap_or(ConditionStatus::All);
        let mut filter = subject.filter();
        let mut query = subject.query(ResourceType::CONDITION)?;
        if let Some((parameter, codes)) = status.condition() {
            query = query.with(parameter, codes)?;
            filter.insert("status".to_owned(), json!(status));
        }
        // In order of its codes `active` comes before all others and `resolved` after them.
        query = query.with("_sort", "clinical-status,-onset-date")?;
        if let Some(name) = &self.name {
            filter.insert("name".to_owned(), name.as_str().into());
        }
        let words = Words::given(self.name.as_deref(), "/name")?;
        let only_active = status == ConditionStatus::Active;
        let mut rows = ConditionRows { words, only_active, paging: &paging };
        let list = listed(cx, query, &paging, filter, &mut rows).await?;
        Ok(subject.list(list))
    }
}

impl ConditionStatus {
    /// What to search for; `None` is all.
    fn condition(self) -> Option<(&'static str, &'static str)> {
        match self {
            Self::Active => Some(("clinical-status:not", ENDED)),
            Self::Inactive => Some(("clinical-status", "inactive")),
            Self::Remission => Some(("clinical-status", "remission")),
            Self::Resolved => Some(("clinical-status", "resolved")),
            Self::All => None,
        }
    }
}

/// Rows of conditions that were not taken back.
pub(crate) struct ConditionRows<'p> {
    words: Option<Words>,
    only_active: bool,
    paging: &'p Paging,
}

impl<'p> ConditionRows<'p> {
    pub(crate) fn new(paging: &'p Paging) -> Self {
        Self { words: None, only_active: false, paging }
    }

    /// Only conditions that still stand, of a search that leaves out those that [`ENDED`].
    pub(crate) fn active(paging: &'p Paging) -> Self {
        Self { only_active: true, ..Self::new(paging) }
    }
}

impl Rows for ConditionRows<'_> {
    type Row<'r> = ConditionRow<'r>;

    fn is_narrow(&self) -> bool {
        self.words.is_some()
    }

    fn row<'r>(&mut self, record: &'r Record) -> Result<Option<ConditionRow<'r>>, ToolError> {
        let mut condition: Condition<'r> = view(record)?;
        let verification = condition.verification_status.take_code(VERIFICATION_STATUS);
        let is_taken_back = verification.as_deref() == Some("entered-in-error");
        if is_taken_back || self.words.as_ref().is_some_and(|words| !words.name(&condition.code)) {
            return Ok(None);
        }
        let is_refuted = verification.as_deref() == Some("refuted");
        let may_stand = !is_refuted && !condition.is_abated();
        let status = condition.clinical_status.take_code(CLINICAL_STATUS);
        let status = status.or_else(|| may_stand.then(|| Text::from("active")));
        if self.only_active && (is_refuted || status.is_none()) {
            return Ok(None);
        }
        let onset = condition.onset_date_time.or(condition.onset_period.and_then(|period| period.start));
        Ok(Some(ConditionRow {
            code: condition.code.take_code(naming::SNOMED_CT),
            name: condition.code.into_text(),
            status,
            verification: verification.filter(|verification| *verification != "confirmed"),
            severity: condition.severity.and_then(medcor_fhir::view::CodeableConcept::into_text),
            onset_date: onset.or(condition.onset_string),
            resolved_date: condition.abatement_date_time.or(condition.abatement_string),
            recorded_date: condition.recorded_date,
            note: notes(&condition.note),
            fhir: self.paging.fhir(record)?,
            id: condition.id,
        }))
    }
}
