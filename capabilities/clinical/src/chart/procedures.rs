//! What was done to the patient.

use medcor_fhir::{
    Id, ResourceType, naming,
    view::{CodeableConcept, Procedure, Text},
};
use medcor_tools::{
    Alias, Effect, FreeText, Need, Raw, Record, Ref, Synonym, Tool, ToolContext, ToolError, alias, kind,
    synonym, view,
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{
    listing::{Format, Paging, PatientList, Rows, Subject, listed, notes},
    names::{Names, unnamed},
    window::Window,
    words::Words,
};

/// Lists the procedures that were done to a patient, or are planned, newest first.
///
/// For the priced services that the organisation offers use the services tools.
#[derive(Deserialize, JsonSchema)]
pub(super) struct ListProcedures {
    /// Whose: id, MRN, telephone number or full name.
    patient: Ref<kind::Patient>,
    /// Only procedures of this name or code, such as colonoscopy.
    #[schemars(length(min = 1, max = 100))]
    name: Option<String>,
    /// Not before this date or date-time, such as 2026-05-01.
    from: Option<String>,
    /// Not after this date or date-time; a date includes its whole day.
    to: Option<String>,
    /// Most rows, 20 when absent.
    #[schemars(range(min = 1, max = 100))]
    limit: Option<u32>,
    /// `next_cursor` of the answer to continue.
    cursor: Option<String>,
    /// `fhir` adds each whole FHIR resource.
    format: Option<Format>,
}

/// One procedure.
#[derive(Serialize, JsonSchema)]
pub(crate) struct ProcedureRow<'r> {
    #[schemars(with = "String")]
    id: Text<'r>,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<String>")]
    name: Option<Text<'r>>,
    /// SNOMED CT, else whatever code the record has.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<String>")]
    code: Option<Text<'r>>,
    /// completed, in-progress, preparation, not-done, stopped, …
    #[schemars(with = "String")]
    status: Text<'r>,
    /// When, or from when.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<String>")]
    date: Option<Text<'r>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<String>")]
    end_date: Option<Text<'r>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    performer: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<String>")]
    body_site: Option<Text<'r>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<String>")]
    outcome: Option<Text<'r>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    note: Option<FreeText>,
    #[serde(skip_serializing_if = "Option::is_none")]
    fhir: Option<Raw>,
}

impl Tool for ListProcedures {
    const NAME: &'static str = "list_procedures";
    const TITLE: &'static str = "List procedures";
    const ALIASES: &'static [Alias] = &[alias("get_patient_procedures")];
    const EFFECT: Effect = Effect::ReadOnly;
    const NEEDS: &'static [Need] = &[
        Need::read(ResourceType::PATIENT),
        Need::search(ResourceType::PROCEDURE),
        Need::read_if_allowed(ResourceType::PRACTITIONER),
        Need::read_if_allowed(ResourceType::CONDITION),
    ];
    const SYNONYMS: &'static [Synonym] =
        &[synonym("procedure", "name"), synonym("procedure_name", "name"), synonym("code", "name")];
    const KEYWORDS: &'static [&'static str] = &["surgery", "operation", "intervention", "history"];
    type Output = PatientList<ProcedureRow<'static>>;

    async fn run(self, cx: &mut ToolContext<'_>) -> Result<Self::Output, ToolError> {
        let subject = Subject::of(&self.patient, cx).await?;
        let window = Window::new(self.from.as_deref(), self.to.as_deref(), cx)?;
        let paging = Paging::new(self.limit, self.cursor, self.format);
        let mut filter = subject.filter();
        window.echo(&mut filter);
        if let Some(name) = &self.name {
            filter.insert("name".to_owned(), name.as_str().into());
        }
        let query = subject.query(ResourceType::PROCEDURE)?.with("_sort", "-date")?;
        let query = window.narrowed(query, "date")?;
        let mut rows = ProcedureRows::new(&paging, window);
        rows.words = Words::given(self.name.as_deref(), "/name")?;
        let list = listed(cx, query, &paging, filter, &mut rows).await?;
        Ok(subject.list(list))
    }
}

/// Rows of procedures that were not taken back.
pub(crate) struct ProcedureRows<'p> {
    words: Option<Words>,
    window: Window,
    names: Names,
    paging: &'p Paging,
}

impl<'p> ProcedureRows<'p> {
    pub(crate) fn new(paging: &'p Paging, window: Window) -> Self {
        Self { words: None, window, names: Names::default(), paging }
    }

    fn takes(&self, procedure: &Procedure<'_>) -> bool {
        procedure.status != "entered-in-error"
            && self.window.holds_day(procedure.performed_date_time.as_deref().unwrap_or_default())
            && self.words.as_ref().is_none_or(|words| words.name(&procedure.code))
    }
}

impl Rows for ProcedureRows<'_> {
    type Row<'r> = ProcedureRow<'r>;

    fn is_narrow(&self) -> bool {
        self.words.is_some()
    }

    async fn prepare(&mut self, cx: &mut ToolContext<'_>, records: &[Record]) -> Result<(), ToolError> {
        let mut wanted: Vec<(ResourceType, Id)> = Vec::new();
        for record in records {
            let procedure: Procedure<'_> = view(record)?;
            if self.takes(&procedure) {
                let performer = procedure.performer.first().map(|performer| &performer.actor);
                wanted.extend(performer.into_iter().chain(&procedure.reason_reference).filter_map(unnamed));
            }
        }
        self.names.learn(wanted, cx).await
    }

    fn row<'r>(&mut self, record: &'r Record) -> Result<Option<ProcedureRow<'r>>, ToolError> {
        let mut procedure: Procedure<'r> = view(record)?;
        if !self.takes(&procedure) {
            return Ok(None);
        }
        let (start, end) =
            procedure.performed_period.map_or((None, None), |period| (period.start, period.end));
        let reason = procedure.reason_code.first().and_then(|reason| reason.text().map(str::to_owned));
        Ok(Some(ProcedureRow {
            code: procedure.code.take_code(naming::SNOMED_CT),
            name: procedure.code.into_text(),
            status: procedure.status,
            date: procedure.performed_date_time.or(start).or(procedure.performed_string),
            end_date: end,
            performer: procedure.performer.first().and_then(|performer| self.names.of(&performer.actor)),
            reason: reason
                .or_else(|| procedure.reason_reference.first().and_then(|reason| self.names.of(reason))),
            body_site: procedure.body_site.into_iter().next().and_then(CodeableConcept::into_text),
            outcome: procedure.outcome.and_then(CodeableConcept::into_text),
            note: notes(&procedure.note),
            fhir: self.paging.fhir(record)?,
            id: procedure.id,
        }))
    }
}
