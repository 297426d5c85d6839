//! What a subscriber wants to hear of: names of events, of collections, and of FHIR types.

use std::sync::{Arc, PoisonError, RwLock};

use medcor_fhir::ResourceType;

/// The answer to one of the caller's own calls.
pub const TOOL_RESPONSE: &str = "tool_response";
/// Any change of a record.
pub const RESOURCE_UPDATE: &str = "resource_update";
/// A new appointment.
pub const APPOINTMENT_CREATED: &str = "appointment_created";
/// A new patient.
pub const PATIENT_REGISTERED: &str = "patient_registered";
/// A patient was reminded.
pub const REMINDER_DUE: &str = "reminder_due";
/// A result that is critical.
pub const CRITICAL_RESULT: &str = "critical_result";
/// Somebody opened a record in an emergency.
pub const BREAK_GLASS: &str = "break_glass";
/// The stream is alive. Every stream has these.
pub const HEARTBEAT: &str = "heartbeat";
/// The token ends soon.
pub const AUTH_REFRESH: &str = "auth_refresh";
/// Something was missed.
pub const RESET: &str = "reset";
/// The stream ends.
pub const ERROR_EVENT: &str = "error_event";

/// The events that can be asked for, and the type of record from which one is derived.
pub const EVENTS: &[(&str, Option<ResourceType>)] = &[
    (RESOURCE_UPDATE, None),
    (TOOL_RESPONSE, None),
    (APPOINTMENT_CREATED, Some(ResourceType::APPOINTMENT)),
    (PATIENT_REGISTERED, Some(ResourceType::PATIENT)),
    (REMINDER_DUE, Some(ResourceType::COMMUNICATION)),
    (CRITICAL_RESULT, Some(ResourceType::OBSERVATION)),
    (BREAK_GLASS, Some(ResourceType::AUDIT_EVENT)),
    (HEARTBEAT, None),
    (AUTH_REFRESH, None),
    (RESET, None),
    (ERROR_EVENT, None),
];

/// The documented collections, and the names that documented URIs have for further ones. A type stands once;
/// one that does not is called by its FHIR name.
pub const COLLECTIONS: &[(&str, &[ResourceType])] = &[
    ("appointments", &[ResourceType::APPOINTMENT]),
    ("patients", &[ResourceType::PATIENT]),
    ("doctors", &[ResourceType::PRACTITIONER, ResourceType::PRACTITIONER_ROLE]),
    ("hospitals", &[ResourceType::ORGANIZATION]),
    ("treatments", &[ResourceType::CARE_PLAN, ResourceType::HEALTHCARE_SERVICE]),
    (
        "medical_records",
        &[ResourceType::DOCUMENT_REFERENCE, ResourceType::DIAGNOSTIC_REPORT, ResourceType::CONDITION],
    ),
    ("prescriptions", &[ResourceType::MEDICATION_REQUEST]),
    ("encounters", &[ResourceType::ENCOUNTER]),
    ("observations", &[ResourceType::OBSERVATION]),
    ("notes", &[ResourceType::COMPOSITION]),
    ("allergies", &[ResourceType::ALLERGY_INTOLERANCE]),
    ("reminders", &[ResourceType::COMMUNICATION_REQUEST]),
];

/// What a subscriber wants to hear of.
#[derive(Debug, Clone)]
pub enum Topics {
    /// Everything that the subscriber may see.
    All,
    /// These events and types.
    These(Arc<[Topic]>),
    /// Types that may change.
    Watched(WatchedTypes),
}

/// Types of record of which a subscriber hears; they may change while it does.
#[derive(Debug, Clone, Default)]
pub struct WatchedTypes(Arc<RwLock<Vec<ResourceType>>>);

impl WatchedTypes {
    /// Hears of these types from now on.
    pub fn set(&self, types: Vec<ResourceType>) {
        *self.0.write().unwrap_or_else(PoisonError::into_inner) = types;
    }

    fn contain(&self, resource_type: ResourceType) -> bool {
        self.0.read().unwrap_or_else(PoisonError::into_inner).contains(&resource_type)
    }
}

/// One topic.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Topic {
    /// An event by its name.
    Event(&'static str),
    /// Changes of records of this type.
    Type(ResourceType),
}

/// Names that mean nothing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UnknownTopics(pub Vec<String>);

impl Topics {
    /// Everything that the subscriber may see.
    pub fn all() -> Self {
        Self::All
    }

    /// Records of types that may change.
    pub fn watched(types: &WatchedTypes) -> Self {
        Self::Watched(types.clone())
    }

    /// Names separated by commas: of events (`appointment_created`), collections (`appointments`) and FHIR types
    /// (`Observation`). An empty text is everything.
    pub fn parse(names: &str) -> Result<Self, UnknownTopics> {
        let (mut wanted, mut unknown) = (Vec::new(), Vec::new());
        for name in names.split(',').map(str::trim).filter(|name| !name.is_empty()) {
            let meant = named(name);
            if meant.is_empty() {
                unknown.push(name.to_owned());
            }
            wanted.extend(meant);
        }
        match (wanted.is_empty(), unknown.is_empty()) {
            (_, false) => Err(UnknownTopics(unknown)),
            (true, true) => Ok(Self::all()),
            (false, true) => Ok(Self::These(wanted.into())),
        }
    }

    /// What can be told of records alone, as webhooks do: names as in [`Self::parse`] but for those of events that
    /// are of one stream.
    ///
    /// # Errors
    ///
    /// The names that mean nothing there.
    pub fn of_records(names: &str) -> Result<Self, UnknownTopics> {
        let is_of_stream = |name: &&str| {
            [TOOL_RESPONSE, HEARTBEAT, AUTH_REFRESH, RESET, ERROR_EVENT]
                .iter()
                .any(|known| known.eq_ignore_ascii_case(name))
        };
        let mut unknown: Vec<String> =
            names.split(',').map(str::trim).filter(is_of_stream).map(str::to_owned).collect();
        match Self::parse(names) {
            Ok(topics) if unknown.is_empty() => Ok(topics),
            Ok(_) => Err(UnknownTopics(unknown)),
            Err(UnknownTopics(further)) => {
                unknown.extend(further);
                Err(UnknownTopics(unknown))
            }
        }
    }

    /// Whether records of this type can be of any interest.
    pub fn cover(&self, resource_type: ResourceType) -> bool {
        let topics = match self {
            Self::All => return true,
            Self::Watched(types) => return types.contain(resource_type),
            Self::These(topics) => topics,
        };
        topics.iter().any(|topic| match *topic {
            Topic::Type(known) => known == resource_type,
            Topic::Event(RESOURCE_UPDATE) => true,
            Topic::Event(name) => {
                EVENTS.iter().any(|(known, of)| *known == name && *of == Some(resource_type))
            }
        })
    }

    /// Whether an event of this name is wanted, which is about a record of this type where it is about one.
    pub fn want(&self, name: &str, of: Option<ResourceType>) -> bool {
        let topics = match self {
            Self::All => return true,
            // Whoever watches wants changes, whatever they are called.
            Self::Watched(types) => return of.is_some_and(|of| types.contain(of)),
            Self::These(topics) => topics,
        };
        topics.iter().any(|topic| match *topic {
            Topic::Type(known) => Some(known) == of,
            Topic::Event(known) => known == name,
        })
    }

    /// For the trail.
    pub fn name(&self) -> String {
        let topics = match self {
            Self::All => return "all".to_owned(),
            Self::Watched(_) => return "watched".to_owned(),
            Self::These(topics) => topics,
        };
        let names = topics.iter().map(|topic| match topic {
            Topic::Type(resource_type) => resource_type.name(),
            Topic::Event(name) => name,
        });
        names.collect::<Vec<&str>>().join(",")
    }
}

fn named(name: &str) -> Vec<Topic> {
    if let Some((event, _)) = EVENTS.iter().find(|(known, _)| known.eq_ignore_ascii_case(name)) {
        return vec![Topic::Event(event)];
    }
    let folded = name.replace('-', "_");
    if let Some((_, types)) = COLLECTIONS.iter().find(|(known, _)| known.eq_ignore_ascii_case(&folded)) {
        return types.iter().copied().map(Topic::Type).collect();
    }
    let of_fhir = ResourceType::all().find(|known| known.name().eq_ignore_ascii_case(name));
    of_fhir.map(Topic::Type).into_iter().collect()
}

/// What a collection of records of this type is called.
pub fn collection(resource_type: ResourceType) -> &'static str {
    let known = COLLECTIONS.iter().find(|(_, types)| types.contains(&resource_type));
    known.map_or(resource_type.name(), |(name, _)| name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_events_collections_and_types_are_understood() {
        let topics = Topics::parse("appointments, patient_registered,observation").unwrap();
        for (resource_type, is_covered) in [
            (ResourceType::APPOINTMENT, true),
            (ResourceType::PATIENT, true),
            (ResourceType::OBSERVATION, true),
            (ResourceType::ENCOUNTER, false),
        ] {
            assert_eq!(topics.cover(resource_type), is_covered, "{resource_type}");
        }
        assert!(topics.want(RESOURCE_UPDATE, Some(ResourceType::APPOINTMENT)));
        assert!(topics.want(PATIENT_REGISTERED, Some(ResourceType::PATIENT)));
        assert!(!topics.want(RESOURCE_UPDATE, Some(ResourceType::PATIENT)), "only who is registered");
        assert!(!topics.want(TOOL_RESPONSE, None));
        assert!(matches!(Topics::parse(" ").unwrap(), Topics::All));
        assert_eq!(Topics::parse("appointments,nonsense").unwrap_err().0, ["nonsense"]);
    }

    #[test]
    fn what_is_of_one_stream_is_no_topic_of_records() {
        assert!(Topics::of_records("appointments,break_glass").is_ok());
        let unknown = Topics::of_records("heartbeat,appointments,nonsense").unwrap_err();
        assert_eq!(unknown.0, ["heartbeat", "nonsense"]);
    }

    #[test]
    fn no_type_is_of_two_collections() {
        let types: Vec<ResourceType> = COLLECTIONS.iter().flat_map(|(_, types)| *types).copied().collect();
        for resource_type in &types {
            assert_eq!(types.iter().filter(|known| *known == resource_type).count(), 1, "{resource_type}");
        }
    }
}
