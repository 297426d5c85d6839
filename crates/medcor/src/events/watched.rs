//! What a resource of MCP is made of: which changes mean that a client should read it again.

use medcor_fhir::{Id, ResourceType};
use medcor_store::Record;
use medcor_tools::WatchedResource;

use super::Change;

/// Whether the change is one of what the resource shows.
pub(crate) fn is_of(change: &Change, watched: &WatchedResource) -> bool {
    let record = &change.record;
    if let Some((resource_type, id)) = &watched.record {
        return record.resource_type == *resource_type && record.id == *id;
    }
    watched.types.contains(&record.resource_type)
        && watched.about.iter().all(|(resource_type, id)| names(record, *resource_type, id))
}

/// Whether the record is this one, is about this patient or refers to it.
fn names(record: &Record, resource_type: ResourceType, id: &Id) -> bool {
    let is_itself = record.resource_type == resource_type && record.id == *id;
    let is_about = resource_type == ResourceType::PATIENT && record.about().any(|patient| patient == id);
    is_itself || is_about || refers_to(&record.body, &format!("{resource_type}/{id}"))
}

/// A reference ends with its text, or goes on with a version.
fn refers_to(body: &str, reference: &str) -> bool {
    body.match_indices(reference).any(|(at, _)| {
        let before = body.get(..at).and_then(|before| before.chars().next_back());
        let after = body.get(at + reference.len()..).and_then(|after| after.chars().next());
        matches!(before, Some('"' | '/')) && matches!(after, Some('"' | '/'))
    })
}

#[cfg(test)]
mod tests {
    use super::refers_to;

    #[test]
    fn a_reference_is_found_as_a_whole() {
        for body in [
            r#"{"actor":{"reference":"Practitioner/7"}}"#,
            r#"{"actor":{"reference":"https://here/fhir/Practitioner/7/_history/2"}}"#,
        ] {
            assert!(refers_to(body, "Practitioner/7"), "{body}");
        }
        for body in [r#"{"reference":"Practitioner/70"}"#, r#"{"text":"see Practitioner/7."}"#] {
            assert!(!refers_to(body, "Practitioner/7"), "{body}");
        }
    }
}
