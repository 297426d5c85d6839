//! Contained resources (FHIR R4 §2.3.0.3, dom-2 to dom-5).

use std::collections::{HashMap, HashSet};

use serde_json::Value;

use super::{Object, ProblemKind, place::Place, walk::Walk};
use crate::ResourceType;

pub(super) fn check(walk: &mut Walk<'_>, resource: &Object, place: &Place<'_>) {
    let mut names = HashSet::new();
    resource.values().for_each(|member| collect_local_names(member, &mut names));
    let place = Place::Member(place, "contained");
    for (index, value) in contained_in(resource).iter().enumerate() {
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
        let id = object.get("id").and_then(Value::as_str);
        let is_referred_to = id.is_some_and(|id| names.contains(id));
        if !is_referred_to && !refers_to_container(value) {
            report(
                "dom-3: a contained resource has an id that is referred to as #id, or refers to its container",
            );
        }
    }
}

fn refers_to_container(contained: &Value) -> bool {
    let mut names = HashSet::new();
    collect_local_names(contained, &mut names);
    names.contains("")
}

/// What a resource contains: the types by id; none where it names no type of R4.
pub(super) fn types(resource: &Object) -> HashMap<&str, Option<ResourceType>> {
    contained_in(resource).iter().filter_map(id_and_type).collect()
}

fn id_and_type(contained: &Value) -> Option<(&str, Option<ResourceType>)> {
    let id = contained.get("id")?.as_str()?;
    let name = contained.get("resourceType").and_then(Value::as_str);
    Some((id, name.and_then(ResourceType::from_name)))
}

fn contained_in(resource: &Object) -> &[Value] {
    resource.get("contained").and_then(Value::as_array).map_or(&[], Vec::as_slice)
}

/// Every text that begins with `#`, without it: references to contained resources, and canonical URLs too.
fn collect_local_names<'a>(value: &'a Value, names: &mut HashSet<&'a str>) {
    match value {
        Value::String(text) => names.extend(text.strip_prefix('#')),
        Value::Array(items) => items.iter().for_each(|item| collect_local_names(item, names)),
        Value::Object(members) => members.values().for_each(|member| collect_local_names(member, names)),
        _ => {}
    }
}
