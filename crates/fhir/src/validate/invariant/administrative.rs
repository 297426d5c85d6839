//! Invariants of people, organisations, appointments, claims and the like.

use serde_json::Value;

use super::{Invariant, has, has_any, has_choice, is_one_of, items, text};
use crate::validate::Object;

pub(super) const INVARIANTS: &[Invariant] = &[
    Invariant {
        on: &["Patient.contact"],
        key: "pat-1",
        rule: "a contact has a name, a telecom, an address or an organization",
        holds: |contact| has_any(contact, &["name", "telecom", "address", "organization"]),
    },
    Invariant {
        on: &["Organization"],
        key: "org-1",
        rule: "an organization has an identifier or a name",
        holds: |organization| has_any(organization, &["identifier", "name"]),
    },
    Invariant {
        on: &["Organization"],
        key: "org-2",
        rule: "no address of an organization is of use home",
        holds: |organization| !has_home(organization, "address"),
    },
    Invariant {
        on: &["Organization"],
        key: "org-3",
        rule: "no telecom of an organization is of use home",
        holds: |organization| !has_home(organization, "telecom"),
    },
    Invariant {
        on: &["InsurancePlan"],
        key: "ipn-1",
        rule: "an insurance plan has an identifier or a name",
        holds: |plan| has_any(plan, &["identifier", "name"]),
    },
    Invariant {
        on: &["Appointment.participant"],
        key: "app-1",
        rule: "a participant has a type or an actor",
        holds: |participant| has_any(participant, &["type", "actor"]),
    },
    Invariant {
        on: &["Appointment"],
        key: "app-2",
        rule: "an appointment has a start and an end, or neither",
        holds: |appointment| has(appointment, "start") == has(appointment, "end"),
    },
    Invariant {
        on: &["Appointment"],
        key: "app-3",
        rule: "only a proposed, cancelled or waitlist appointment may have no start and end",
        holds: |appointment| {
            let may_lack_times = is_one_of(appointment, "status", &["proposed", "cancelled", "waitlist"]);
            may_lack_times || (has(appointment, "start") && has(appointment, "end"))
        },
    },
    Invariant {
        on: &["Appointment"],
        key: "app-4",
        rule: "only a cancelled or no-show appointment has a cancelationReason",
        holds: |appointment| {
            !has(appointment, "cancelationReason")
                || is_one_of(appointment, "status", &["cancelled", "no-show"])
        },
    },
    Invariant {
        on: &["AppointmentResponse"],
        key: "apr-1",
        rule: "a response has a participantType or an actor",
        holds: |response| has_any(response, &["participantType", "actor"]),
    },
    Invariant {
        on: &["CoverageEligibilityResponse.insurance.item"],
        key: "ces-1",
        rule: "an item has either a category or a productOrService",
        holds: |item| has(item, "category") != has(item, "productOrService"),
    },
    Invariant {
        on: &["Consent"],
        key: "ppc-1",
        rule: "a consent has a policy or a policyRule",
        holds: |consent| has_any(consent, &["policy", "policyRule"]),
    },
    Invariant {
        on: &["AuditEvent.entity"],
        key: "sev-1",
        rule: "an entity has a name or a query, not both",
        holds: |entity| !has(entity, "name") || !has(entity, "query"),
    },
    Invariant {
        on: &["List"],
        key: "lst-1",
        rule: "only an empty list has an emptyReason",
        holds: |list| !has(list, "emptyReason") || !has(list, "entry"),
    },
    Invariant {
        on: &["List"],
        key: "lst-2",
        rule: "only a list of mode changes has deleted entries",
        holds: |list| is_one_of(list, "mode", &["changes"]) || !has_in_entry(list, "deleted"),
    },
    Invariant {
        on: &["List"],
        key: "lst-3",
        rule: "only a list of mode working has dates of entries",
        holds: |list| is_one_of(list, "mode", &["working"]) || !has_in_entry(list, "date"),
    },
    Invariant {
        on: &["Linkage"],
        key: "lnk-1",
        rule: "a linkage has at least two items",
        holds: |linkage| items(linkage, "item").len() > 1,
    },
    Invariant {
        on: &["Group"],
        key: "grp-1",
        rule: "only an actual group has members",
        holds: |group| !has(group, "member") || group.get("actual") == Some(&Value::Bool(true)),
    },
    Invariant {
        on: &["Composition.section"],
        key: "cmp-1",
        rule: "a section has a text, entries or sections",
        holds: |section| has_any(section, &["text", "entry", "section"]),
    },
    Invariant {
        on: &["Composition.section"],
        key: "cmp-2",
        rule: "only an empty section has an emptyReason",
        holds: |section| !has(section, "emptyReason") || !has(section, "entry"),
    },
    Invariant {
        on: &["Parameters.parameter"],
        key: "inv-1",
        rule: "a parameter has exactly one of a value, a resource or parts",
        holds: |parameter| {
            let has_value = usize::from(has_choice(parameter, "value"));
            has_value + super::count_of(parameter, &["resource", "part"]) == 1
        },
    },
    Invariant {
        on: &["Task"],
        key: "inv-1",
        rule: "the last modification of a task is not before it was authored",
        holds: |task| super::is_in_order(task, "authoredOn", "lastModified"),
    },
    Invariant {
        on: &["MeasureReport"],
        key: "mrp-1",
        rule: "a report of data collection has no groups",
        holds: |report| !is_one_of(report, "type", &["data-collection"]) || !has(report, "group"),
    },
];

fn has_home(object: &Object, name: &str) -> bool {
    let objects = items(object, name).iter().filter_map(Value::as_object);
    objects.into_iter().any(|object| text(object, "use") == Some("home"))
}

fn has_in_entry(list: &Object, name: &str) -> bool {
    items(list, "entry").iter().filter_map(Value::as_object).any(|entry| has(entry, name))
}
