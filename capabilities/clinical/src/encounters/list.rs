//! A patient's encounters.

use medcor_fhir::ResourceType;
use medcor_tools::{Alias, Effect, Need, Ref, Synonym, Tool, ToolContext, ToolError, alias, kind, synonym};
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::json;

use super::row::{EncounterRow, EncounterRows, EncounterStatus, EncounterType};
use crate::{
    listing::{Format, Paging, PatientList, Subject, listed},
    window::Window,
};

/// Lists a patient's visits and stays, newest first: type, status, reason, provider, when.
///
/// For what was found and done in one of them use `get_encounter`.
#[derive(Deserialize, JsonSchema)]
pub(super) struct ListEncounters {
    /// Whose: id, MRN, telephone number or full name.
    patient: Ref<kind::Patient>,
    /// Only encounters that stand like this.
    status: Option<EncounterStatus>,
    /// Only encounters of this type.
    encounter_type: Option<EncounterType>,
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

impl Tool for ListEncounters {
    const NAME: &'static str = "list_encounters";
    const TITLE: &'static str = "List encounters";
    const ALIASES: &'static [Alias] = &[alias("get_encounters"), alias("get_patient_encounters")];
    const EFFECT: Effect = Effect::ReadOnly;
    const NEEDS: &'static [Need] = &[
        Need::read(ResourceType::PATIENT),
        Need::search(ResourceType::ENCOUNTER),
        Need::read_if_allowed(ResourceType::PRACTITIONER),
        Need::read_if_allowed(ResourceType::LOCATION),
        Need::read_if_allowed(ResourceType::ORGANIZATION),
        Need::read_if_allowed(ResourceType::CONDITION),
    ];
    const SYNONYMS: &'static [Synonym] = &[synonym("type", "encounter_type")];
    const KEYWORDS: &'static [&'static str] = &["visit", "admission", "stay", "history"];
    type Output = PatientList<EncounterRow<'static>>;

    async fn run(self, cx: &mut ToolContext<'_>) -> Result<Self::Output, ToolError> {
        let subject = Subject::of(&self.patient, cx).await?;
        let window = Window::new(self.from.as_deref(), self.to.as_deref(), cx)?;
        let paging = Paging::new(self.limit, self.cursor, self.format);
        let mut filter = subject.filter();
        window.echo(&mut filter);
        let mut query = subject.query(ResourceType::ENCOUNTER)?.with("_sort", "-date")?;
        if let Some(status) = self.status {
            query = query.with("status", status.codes())?;
            filter.insert("status".to_owned(), json!(status));
        }
        if let Some(kind) = self.encounter_type {
            filter.insert("encounter_type".to_owned(), json!(kind));
        }
        let query = window.narrowed(query, "date")?;
        let mut rows = EncounterRows::new(&paging).of_type(self.encounter_type);
        let list = listed(cx, query, &paging, filter, &mut rows).await?;
        Ok(subject.list(list))
    }
}
