//! Which reports there are, what they are made of, and who may have them.

use medcor_fhir::ResourceType;
use medcor_tools::{Area, ToolContext, ToolError};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::analytics::visits::{ABOUT_PATIENTS, sees_everybody};

/// What is reported.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(super) enum ReportType {
    PatientSummary,
    EncounterHistory,
    MedicationList,
    DailyCensus,
    PatientVolume,
    EncounterSummary,
    MedicationUsage,
}

type R = ResourceType;

/// The tools of the chart whose answers reports about a patient are.
pub(super) const SUMMARY: &str = "get_patient_summary";
pub(super) const ENCOUNTERS: &str = "list_encounters";
pub(super) const PRESCRIPTIONS: &str = "list_prescriptions";

const OF_SUMMARY: &[R] = &[
    R::PATIENT,
    R::ALLERGY_INTOLERANCE,
    R::CONDITION,
    R::MEDICATION_REQUEST,
    R::MEDICATION_DISPENSE,
    R::OBSERVATION,
    R::IMMUNIZATION,
    R::PROCEDURE,
    R::ENCOUNTER,
    R::CARE_PLAN,
    R::QUESTIONNAIRE_RESPONSE,
];
const OF_ENCOUNTERS: &[R] = &[R::PATIENT, R::ENCOUNTER, R::CONDITION];
const OF_MEDICATIONS: &[R] = &[R::PATIENT, R::MEDICATION_REQUEST, R::MEDICATION_DISPENSE, R::CONDITION];

impl ReportType {
    const ALL: [Self; 7] = [
        Self::PatientSummary,
        Self::EncounterHistory,
        Self::MedicationList,
        Self::DailyCensus,
        Self::PatientVolume,
        Self::EncounterSummary,
        Self::MedicationUsage,
    ];

    /// The documented word.
    pub(super) const fn word(self) -> &'static str {
        match self {
            Self::PatientSummary => "patient_summary",
            Self::EncounterHistory => "encounter_history",
            Self::MedicationList => "medication_list",
            Self::DailyCensus => "daily_census",
            Self::PatientVolume => "patient_volume",
            Self::EncounterSummary => "encounter_summary",
            Self::MedicationUsage => "medication_usage",
        }
    }

    /// The type of this word.
    pub(super) fn of(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.word() == word)
    }

    /// For people.
    pub(super) const fn title(self) -> &'static str {
        match self {
            Self::PatientSummary => "Patient summary",
            Self::EncounterHistory => "Encounter history",
            Self::MedicationList => "Medication list",
            Self::DailyCensus => "Daily census",
            Self::PatientVolume => "Patient volume",
            Self::EncounterSummary => "Encounter summary",
            Self::MedicationUsage => "Medication usage",
        }
    }

    /// Whether it is about one patient, and not about the organisation.
    pub(super) const fn is_about_patient(self) -> bool {
        self.part().is_some()
    }

    /// The types of a patient's records that it is made of.
    pub(super) const fn sources(self) -> &'static [ResourceType] {
        match self {
            Self::PatientSummary => OF_SUMMARY,
            Self::EncounterHistory => OF_ENCOUNTERS,
            Self::MedicationList => OF_MEDICATIONS,
            Self::DailyCensus | Self::PatientVolume | Self::EncounterSummary | Self::MedicationUsage => &[],
        }
    }

    /// The tool whose answer a report about a patient is.
    const fn part(self) -> Option<&'static str> {
        match self {
            Self::PatientSummary => Some(SUMMARY),
            Self::EncounterHistory => Some(ENCOUNTERS),
            Self::MedicationList => Some(PRESCRIPTIONS),
            Self::DailyCensus | Self::PatientVolume | Self::EncounterSummary | Self::MedicationUsage => None,
        }
    }

    /// Refuses whoever may not have what it is made of: clinical reports are for who sees charts, those of the
    /// organisation for who sees the figures of everybody.
    pub(super) fn check_rights(self, cx: &ToolContext<'_>) -> Result<(), ToolError> {
        let needed = match self.part() {
            Some(part) => (!cx.covers(part)).then_some("reports about patients, which nurses and doctors have"),
            None => (!has_figures(cx)).then_some(
                "reports about the organisation, which administrators have, and not in a conversation or with a token \
                 that is confined to one patient",
            ),
        };
        match needed {
            Some(needed) => Err(ToolError::PermissionDenied { needed: needed.to_owned() }),
            None => Ok(()),
        }
    }
}

/// Whether the caller has the figures of the whole organisation.
pub(super) fn has_figures(cx: &ToolContext<'_>) -> bool {
    cx.may_administer(Area::Figures) && sees_everybody(ABOUT_PATIENTS, cx)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_type_is_known_by_its_word() {
        for kind in ReportType::ALL {
            assert_eq!(ReportType::of(kind.word()), Some(kind));
            assert_eq!(serde_json::to_value(kind).unwrap(), kind.word());
            assert_eq!(kind.sources().is_empty(), !kind.is_about_patient());
        }
        assert_eq!(ReportType::of("payroll"), None);
    }
}
