//! An encounter as a row of an answer, in the words of documented clients.

use medcor_fhir::{
    Id, ResourceType,
    primitive::format_instant,
    view::{CodeableConcept, Encounter, Reference, Text, VisitKind},
};
use medcor_tools::{FreeText, Raw, Record, ToolContext, ToolError, view};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{
    annotation::{notes, take_moment},
    listing::{Paging, Rows},
    names::{Names, unnamed},
};

/// What kind of visit or stay.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(super) enum EncounterType {
    OfficeVisit,
    FollowUp,
    Telehealth,
    Emergency,
    Inpatient,
    Observation,
    HomeHealth,
    Procedure,
    Other,
}

/// Where it stands; FHIR's own words are taken too.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(super) enum EncounterStatus {
    Scheduled,
    Arrived,
    InProgress,
    Completed,
    Cancelled,
    /// The same as scheduled.
    Planned,
    /// The same as completed.
    Finished,
}

/// One encounter.
#[derive(Serialize, JsonSchema)]
pub(crate) struct EncounterRow<'r> {
    #[schemars(with = "String")]
    id: Text<'r>,
    #[serde(skip_serializing_if = "Option::is_none")]
    patient_id: Option<String>,
    encounter_type: EncounterType,
    /// scheduled, arrived, `in_progress`, completed or cancelled; else the FHIR status.
    status: String,
    /// What kind of visit, in the words of the record.
    #[serde(rename = "type", skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<String>")]
    kind: Option<Text<'r>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<String>,
    /// What was found, in words.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    diagnoses: Vec<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    notes: Option<FreeText>,
    #[serde(skip_serializing_if = "Option::is_none")]
    appointment_id: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    provider: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    location: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    organisation: Option<String>,
    /// When it is, or was, to begin.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<String>")]
    scheduled_at: Option<Text<'r>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<String>")]
    started_at: Option<Text<'r>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<String>")]
    completed_at: Option<Text<'r>>,
    /// When the record was made, where that is known.
    #[serde(skip_serializing_if = "Option::is_none")]
    created_at: Option<String>,
    /// Where the patient went afterwards.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<String>")]
    discharged_to: Option<Text<'r>>,
    version: u32,
    #[serde(skip_serializing_if = "Option::is_none")]
    fhir: Option<Raw>,
}

impl EncounterStatus {
    /// FHIR's statuses of this meaning, for a search.
    pub(super) fn codes(self) -> &'static str {
        match self {
            Self::Arrived => "arrived,triaged",
            Self::InProgress => "in-progress,onleave",
            other => other.code(),
        }
    }

    /// FHIR's status.
    pub(super) fn code(self) -> &'static str {
        match self {
            Self::Scheduled | Self::Planned => "planned",
            Self::Arrived => "arrived",
            Self::InProgress => "in-progress",
            Self::Completed | Self::Finished => "finished",
            Self::Cancelled => "cancelled",
        }
    }

    /// The documented word.
    pub(super) fn word(self) -> &'static str {
        status_word(self.code())
    }
}

impl EncounterType {
    /// The code of HL7's class, and what kind of visit it is in words.
    pub(super) fn coded(self) -> (&'static str, &'static str) {
        match self {
            Self::OfficeVisit => ("AMB", "Office visit"),
            Self::FollowUp => ("AMB", "Follow-up encounter"),
            Self::Telehealth => ("VR", "Telehealth visit"),
            Self::Emergency => ("EMER", "Emergency visit"),
            Self::Inpatient => ("IMP", "Inpatient stay"),
            Self::Observation => ("OBSENC", "Observation stay"),
            Self::HomeHealth => ("HH", "Home visit"),
            Self::Procedure => ("SS", "Procedure"),
            Self::Other => ("FLD", "Other encounter"),
        }
    }
}

/// The documented word for FHIR's status.
pub(super) fn status_word(status: &str) -> &str {
    match status {
        "planned" => "scheduled",
        "arrived" | "triaged" => "arrived",
        "in-progress" | "onleave" => "in_progress",
        "finished" => "completed",
        other => other,
    }
}

fn encounter_type(encounter: &Encounter<'_>) -> EncounterType {
    match encounter.visit_kind() {
        VisitKind::OfficeVisit => EncounterType::OfficeVisit,
        VisitKind::FollowUp => EncounterType::FollowUp,
        VisitKind::Telehealth => EncounterType::Telehealth,
        VisitKind::Emergency => EncounterType::Emergency,
        VisitKind::Inpatient => EncounterType::Inpatient,
        VisitKind::Observation => EncounterType::Observation,
        VisitKind::HomeHealth => EncounterType::HomeHealth,
        VisitKind::Procedure => EncounterType::Procedure,
        VisitKind::Other => EncounterType::Other,
    }
}

/// A cross-version extension: R5's `Encounter.plannedStartDate`. In R4 `period` is when it took place.
pub(super) const PLANNED_START: &str =
    "http://hl7.org/fhir/5.0/StructureDefinition/extension-Encounter.plannedStartDate";

fn appointment_id(encounter: &Encounter<'_>) -> Option<String> {
    let id = encounter.appointment.iter().find_map(|it| it.id_of(ResourceType::APPOINTMENT))?;
    Some(id.to_string())
}

/// When a record was made: its first version says so, and later ones by an id that has the time in it
/// (RFC 9562 §5.7).
fn created_at(record: &Record) -> Option<String> {
    if record.version == 1 {
        return Some(format_instant(record.last_updated));
    }
    let id = record.id.as_str();
    let is_timed = id.len() == 36 && id.get(14..15) == Some("7");
    let digits = id.get(..8).zip(id.get(9..13)).filter(|_| is_timed);
    let (high, low) = digits?;
    let milliseconds = i64::from_str_radix(&format!("{high}{low}"), 16).ok()?;
    Some(format_instant(milliseconds * 1000))
}

/// Rows of encounters that were not taken back.
pub(crate) struct EncounterRows<'p> {
    kind: Option<EncounterType>,
    names: Names,
    paging: &'p Paging,
}

impl<'p> EncounterRows<'p> {
    pub(crate) fn new(paging: &'p Paging) -> Self {
        Self { kind: None, names: Names::default(), paging }
    }

    /// Only those of this type.
    pub(super) fn of_type(self, kind: Option<EncounterType>) -> Self {
        Self { kind, ..self }
    }

    fn takes(&self, encounter: &Encounter<'_>) -> bool {
        encounter.status != "entered-in-error"
            && self.kind.is_none_or(|kind| kind == encounter_type(encounter))
    }
}

fn provider<'e, 'a>(encounter: &'e Encounter<'a>) -> Option<&'e Reference<'a>> {
    encounter.participant.iter().find_map(|participant| participant.individual.as_ref())
}

fn location<'e, 'a>(encounter: &'e Encounter<'a>) -> Option<&'e Reference<'a>> {
    encounter.location.first().map(|location| &location.location)
}

impl Rows for EncounterRows<'_> {
    type Row<'r> = EncounterRow<'r>;

    fn is_narrow(&self) -> bool {
        self.kind.is_some()
    }

    async fn prepare(&mut self, cx: &mut ToolContext<'_>, records: &[Record]) -> Result<(), ToolError> {
        let mut wanted: Vec<(ResourceType, Id)> = Vec::new();
        for record in records {
            let encounter: Encounter<'_> = view(record)?;
            if self.takes(&encounter) {
                let references =
                    [provider(&encounter), location(&encounter), encounter.service_provider.as_ref()];
                let reasons = encounter.reason_reference.first();
                wanted.extend(references.into_iter().flatten().chain(reasons).filter_map(unnamed));
            }
        }
        self.names.learn(wanted, cx).await
    }

    fn row<'r>(&mut self, record: &'r Record) -> Result<Option<EncounterRow<'r>>, ToolError> {
        let mut encounter: Encounter<'r> = view(record)?;
        if !self.takes(&encounter) {
            return Ok(None);
        }
        let name =
            |reference: Option<&Reference<'_>>| reference.and_then(|reference| self.names.of(reference));
        let reason = encounter.reason_code.first().and_then(|reason| reason.text().map(str::to_owned));
        let reason = reason.or_else(|| name(encounter.reason_reference.first()));
        let (provider, location) = (name(provider(&encounter)), name(location(&encounter)));
        let organisation = name(encounter.service_provider.as_ref());
        let (start, end) = encounter.period.take().map_or((None, None), |period| (period.start, period.end));
        let has_begun = !matches!(encounter.status.as_str(), "planned" | "arrived" | "triaged" | "cancelled");
        let displays = encounter.diagnosis.iter().filter_map(|it| it.condition.display.as_ref());
        let diagnoses = displays.map(Text::to_string).collect();
        let appointment_id = appointment_id(&encounter);
        let planned = take_moment(&mut encounter.extension, PLANNED_START);
        let discharge = encounter.hospitalization.take().and_then(|stay| stay.discharge_disposition);
        Ok(Some(EncounterRow {
            patient_id: record.patient.as_ref().map(ToString::to_string),
            encounter_type: encounter_type(&encounter),
            status: status_word(&encounter.status).to_owned(),
            kind: encounter.kind.into_iter().find_map(CodeableConcept::into_text),
            reason,
            provider,
            location,
            organisation,
            diagnoses,
            notes: notes(&encounter.extension),
            appointment_id,
            scheduled_at: planned.or_else(|| start.clone().filter(|_| !has_begun)),
            started_at: start.filter(|_| has_begun),
            completed_at: end.filter(|_| encounter.status == "finished"),
            created_at: created_at(record),
            version: record.version,
            discharged_to: discharge.and_then(CodeableConcept::into_text),
            fhir: self.paging.fhir(record)?,
            id: encounter.id,
        }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kind(json: &str) -> EncounterType {
        encounter_type(&serde_json::from_str(json).unwrap())
    }

    #[test]
    fn the_class_decides_the_type_and_of_visits_their_own_words() {
        assert_eq!(kind(r#"{"class":{"code":"EMER"}}"#), EncounterType::Emergency);
        assert_eq!(kind(r#"{"class":{"code":"AMB"}}"#), EncounterType::OfficeVisit);
        assert_eq!(
            kind(r#"{"class":{"code":"AMB"},"type":[{"text":"Follow-up encounter"}]}"#),
            EncounterType::FollowUp
        );
        assert_eq!(kind(r#"{"class":{"code":"unheard-of"}}"#), EncounterType::Other);
    }

    #[test]
    fn every_word_that_is_searched_for_is_answered_with_the_same_word() {
        for (status, word) in [
            (EncounterStatus::Scheduled, "scheduled"),
            (EncounterStatus::Arrived, "arrived"),
            (EncounterStatus::InProgress, "in_progress"),
            (EncounterStatus::Completed, "completed"),
            (EncounterStatus::Cancelled, "cancelled"),
        ] {
            assert!(status.codes().split(',').all(|code| status_word(code) == word));
            assert_eq!(serde_json::to_value(status).unwrap(), word);
        }
    }
}
