//! Contained resources (FHIR R4 §2.3.0.3, dom-2 to dom-5).

use serde_json::Value;

use super::{Object, ProblemKind, place::Place, walk::Walk};

pub(super) fn check(walk: &mut Walk<'_>, resource: &Object, place: &Place<'_>) {
    let Some(contained) = resource.get("contained").and_then(Value::as_array) else { return };
    let place = Place::Member(place, "contained");
    for (index, value) in contained.iter().enumerate() {
        let place = Place::Item(&place, index);
        let Some(object) = value.as_object() else { continue };
        let mut report = |message| walk.report(&place, ProblemKind::Invariant, message);
        if object.contains_key("contained") {
            report("dom-2: a contained resource contains no others");
        }
        let meta = object.get("meta").and_then(Value::as_object);
        if meta.is_some_and(|meta| meta.contains_key("versionId") || meta.contains_key("lastUpdated")) {
            report("dom-4: a contained resource has no meta.versionId and no meta.lastUpdated");
        }
        if meta.is_some_and(|meta| meta.contains_key("security")) {
            report("dom-5: a contained resource has no security label");
        }
        if !is_referred_to(resource, object) {
            report(
                "dom-3: a contained resource has an id that is referred to as #id, or refers to its container",
            );
        }
    }
}

fn is_referred_to(resource: &Object, contained: &Object) -> bool {
    let refers_to_container = contained.values().any(|value| has_text(value, "#"));
    let id = contained.get("id").and_then(Value::as_str);
    refers_to_container
        || id.is_some_and(|id| resource.values().any(|value| has_text(value, &format!("#{id}"))))
}

fn has_text(value: &Value, wanted: &str) -> bool {
    match value {
        Value::String(text) => text == wanted,
        Value::Array(items) => items.iter().any(|item| has_text(item, wanted)),
        Value::Object(members) => members.values().any(|member| has_text(member, wanted)),
        _ => false,
    }
}
