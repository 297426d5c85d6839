//! What holds between the entries of a Bundle and its type (FHIR R4 §2.36.4, bdl-1 to bdl-12).

use std::collections::HashSet;

use serde_json::Value;

use super::{Object, ProblemKind, place::Place, walk::Walk};

pub(super) fn check(walk: &mut Walk<'_>, bundle: &Object, place: &Place<'_>) {
    let bundle_type = bundle.get("type").and_then(Value::as_str).unwrap_or_default();
    check_bundle(walk, bundle, bundle_type, place);
    let entries_place = Place::Member(place, "entry");
    let entries = bundle.get("entry").and_then(Value::as_array).into_iter().flatten();
    let mut seen = HashSet::new();
    for (index, entry) in entries.enumerate() {
        let Some(entry) = entry.as_object() else { continue };
        let place = Place::Item(&entries_place, index);
        check_entry(walk, entry, bundle_type, &place);
        let version = entry.get("resource").and_then(|resource| resource.pointer("/meta/versionId"));
        let full_url = entry.get("fullUrl").and_then(Value::as_str);
        let is_new = full_url.is_none_or(|url| seen.insert((url, version.and_then(Value::as_str))));
        if !is_new && bundle_type != "history" {
            let message = "bdl-7: another entry has the same fullUrl and version";
            walk.report(&place, ProblemKind::Invariant, message);
        }
    }
}

fn check_bundle(walk: &mut Walk<'_>, bundle: &Object, bundle_type: &str, place: &Place<'_>) {
    let first_type = bundle.get("entry").and_then(|entries| entries.pointer("/0/resource/resourceType"));
    let first_type = first_type.and_then(Value::as_str).unwrap_or_default();
    let identifier = bundle.get("identifier");
    let has_identifier_member = |name| identifier.is_some_and(|identifier| identifier.get(name).is_some());
    let is_document = bundle_type == "document";
    for (holds, message) in [
        (
            !bundle.contains_key("total") || matches!(bundle_type, "searchset" | "history"),
            "bdl-1: only a searchset or history has a total",
        ),
        (
            !is_document || (has_identifier_member("system") && has_identifier_member("value")),
            "bdl-9: a document has an identifier with a system and a value",
        ),
        (!is_document || bundle.contains_key("timestamp"), "bdl-10: a document has a timestamp"),
        (
            !is_document || first_type == "Composition",
            "bdl-11: the first resource of a document is a Composition",
        ),
        (
            bundle_type != "message" || first_type == "MessageHeader",
            "bdl-12: the first resource of a message is a MessageHeader",
        ),
    ] {
        if !holds {
            walk.report(place, ProblemKind::Invariant, message);
        }
    }
}

fn check_entry(walk: &mut Walk<'_>, entry: &Object, bundle_type: &str, place: &Place<'_>) {
    let has = |name| entry.contains_key(name);
    let is_request = matches!(bundle_type, "batch" | "transaction" | "history");
    let is_response = matches!(bundle_type, "batch-response" | "transaction-response" | "history");
    let full_url = entry.get("fullUrl").and_then(Value::as_str).unwrap_or_default();
    for (holds, message) in [
        (!has("search") || bundle_type == "searchset", "bdl-2: only an entry of a searchset has `search`"),
        (
            has("request") == is_request,
            "bdl-3: an entry of a batch, transaction or history has `request`, no other has",
        ),
        (
            has("response") == is_response,
            "bdl-4: an entry of a batch-response, transaction-response or history has `response`, no other has",
        ),
        (
            has("resource") || has("request") || has("response"),
            "bdl-5: an entry has a resource, a request or a response",
        ),
        (!full_url.contains("/_history/"), "bdl-8: a fullUrl names no version"),
    ] {
        if !holds {
            walk.report(place, ProblemKind::Invariant, message);
        }
    }
}
