//! What kind of visit or stay an encounter is, in words.

use super::{CodeableConcept, Encounter};

/// What kind of visit or stay.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum VisitKind {
    /// At the office.
    OfficeVisit,
    /// At the office, once more for the same.
    FollowUp,
    /// By telephone or video.
    Telehealth,
    /// At the emergency department.
    Emergency,
    /// With nights.
    Inpatient,
    /// Until it is known what follows.
    Observation,
    /// At the patient's home.
    HomeHealth,
    /// For a procedure, without a night.
    Procedure,
    /// What HL7 has no other class for.
    Other,
}

impl VisitKind {
    /// The documented word, such as `office_visit`.
    pub const fn word(self) -> &'static str {
        match self {
            Self::OfficeVisit => "office_visit",
            Self::FollowUp => "follow_up",
            Self::Telehealth => "telehealth",
            Self::Emergency => "emergency",
            Self::Inpatient => "inpatient",
            Self::Observation => "observation",
            Self::HomeHealth => "home_health",
            Self::Procedure => "procedure",
            Self::Other => "other",
        }
    }
}

impl Encounter<'_> {
    /// The class of HL7's `v3-ActCode` decides; of an office visit its type may say more.
    pub fn visit_kind(&self) -> VisitKind {
        match self.class.code.as_deref().unwrap_or_default() {
            "VR" => VisitKind::Telehealth,
            "EMER" => VisitKind::Emergency,
            "IMP" | "ACUTE" | "NONAC" => VisitKind::Inpatient,
            "OBSENC" => VisitKind::Observation,
            "HH" => VisitKind::HomeHealth,
            "SS" => VisitKind::Procedure,
            "AMB" => {
                let is_follow_up = self.kind.iter().filter_map(CodeableConcept::text).any(|text| {
                    let text = text.to_lowercase();
                    text.contains("follow-up") || text.contains("follow up")
                });
                if is_follow_up { VisitKind::FollowUp } else { VisitKind::OfficeVisit }
            }
            _ => VisitKind::Other,
        }
    }
}
