//! Turning the names in arguments into ids, through the caller's own permit: what the caller may not see
//! is not there, and a near match is offered, never taken.

use medcor_fhir::{Id, ResourceType};
use medcor_store::{Lookup, LookupBy, Matched, Record};
use serde_json::{Map, Value};

use crate::{
    Candidate, CompiledTool, ToolContext, ToolError, argument::Folded, catalog::ReferencePath,
    context::is_own_name,
};

/// Resolves every reference in the arguments.
pub(super) async fn references(
    tool: &CompiledTool,
    folded: Folded,
    cx: &mut ToolContext<'_>,
) -> Result<Map<String, Value>, ToolError> {
    let Folded { arguments, lookups } = folded;
    let mut arguments = Value::Object(arguments);
    for path in tool.references() {
        let by = path.steps.first().and_then(|name| lookups.get(name)).copied().unwrap_or(LookupBy::Anything);
        let by = match by {
            // Digits that are left out could tell two patients apart.
            LookupBy::Phone if !tool.entry.effect.is_read_only() => LookupBy::PhoneInFull,
            LookupBy::Anything if !tool.entry.effect.is_read_only() => LookupBy::AnythingInFull,
            by => by,
        };
        let mut places = Vec::new();
        collect(&arguments, &path.steps, String::new(), &mut places);
        for place in places {
            let Some(slot) = arguments.pointer_mut(&place) else { continue };
            let Some(text) = slot.as_str().map(str::to_owned) else { continue };
            if let Some(id) = own_record(path.resource_type, text.trim(), cx) {
                *slot = id.as_str().into();
                continue;
            }
            let wanted = Wanted { path, place: &place, by, offers_near: tool.entry.effect.is_read_only() };
            let record = resolved(&wanted, &text, cx).await?;
            if let Some(slot) = arguments.pointer_mut(&place) {
                *slot = record.id.as_str().into();
            }
            cx.resolved.push(record);
        }
    }
    match arguments {
        Value::Object(arguments) => Ok(arguments),
        _ => unreachable!("built from an object above"),
    }
}

/// What the caller's own words for itself mean: `me`, and the names of its organisation.
fn own_record(resource_type: ResourceType, text: &str, cx: &ToolContext<'_>) -> Option<Id> {
    let principal = cx.principal();
    let is_self = text.eq_ignore_ascii_case("me") || text.eq_ignore_ascii_case("self");
    match resource_type {
        ResourceType::PATIENT if is_self => principal.patient.clone(),
        ResourceType::PRACTITIONER if is_self => principal.practitioner.clone(),
        ResourceType::ORGANIZATION => {
            is_own_name(cx.tenant(), text).then(|| cx.tenant().organization.clone())
        }
        _ => None,
    }
}

struct Wanted<'w> {
    path: &'w ReferencePath,
    place: &'w str,
    by: LookupBy,
    offers_near: bool,
}

/// JSON Pointers of the places that a path means.
fn collect(value: &Value, steps: &[String], pointer: String, places: &mut Vec<String>) {
    let Some((step, rest)) = steps.split_first() else {
        places.push(pointer);
        return;
    };
    if step == "*" {
        for (index, item) in value.as_array().into_iter().flatten().enumerate() {
            collect(item, rest, format!("{pointer}/{index}"), places);
        }
    } else if let Some(inner) = value.get(step) {
        collect(inner, rest, format!("{pointer}/{step}"), places);
    }
}

async fn resolved(wanted: &Wanted<'_>, text: &str, cx: &mut ToolContext<'_>) -> Result<Record, ToolError> {
    let resource_type = wanted.path.resource_type;
    // `Patient/123` is an id that says its type.
    let text = text
        .strip_prefix(resource_type.name())
        .and_then(|rest| rest.strip_prefix('/'))
        .unwrap_or(text)
        .trim();
    let lookup = Lookup { resource_type, text, by: wanted.by };
    // A tool may do without this type where the caller holds nothing of it: then nothing is there.
    if !cx.may_read(resource_type) {
        return Err(ToolError::not_found(resource_type.name()));
    }
    match cx.records().lookup(&lookup).await? {
        Matched::One(record) => Ok(record),
        Matched::Several(records) => Err(ToolError::Ambiguous {
            parameter: wanted.place.trim_start_matches('/').to_owned(),
            candidates: candidates(&records)?,
        }),
        Matched::Near(records) => Err(ToolError::NotFound {
            what: format!("{resource_type} for `{}`", wanted.place.trim_start_matches('/')),
            candidates: if wanted.offers_near { candidates(&records)? } else { Vec::new() },
        }),
    }
}

fn candidates(records: &[Record]) -> Result<Vec<Candidate>, ToolError> {
    records.iter().map(candidate).collect()
}

fn candidate(record: &Record) -> Result<Candidate, ToolError> {
    let value: Value = serde_json::from_str(&record.body)?;
    Ok(Candidate {
        id: record.id.to_string(),
        name: display_name(&value),
        detail: detail(record.resource_type, &value),
    })
}

fn display_name(value: &Value) -> String {
    let name = match value.get("name") {
        Some(Value::Array(names)) => names.first(),
        other => other,
    };
    match name {
        Some(Value::String(text)) => text.clone(),
        Some(name) => name.get("text").and_then(Value::as_str).map_or_else(|| joined(name), str::to_owned),
        None => String::new(),
    }
}

fn joined(name: &Value) -> String {
    let given = name.get("given").and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_str);
    let parts: Vec<&str> = given.chain(name.get("family").and_then(Value::as_str)).collect();
    parts.join(" ")
}

/// The least that tells two of a name apart.
fn detail(resource_type: ResourceType, value: &Value) -> Option<String> {
    match resource_type {
        ResourceType::PATIENT => {
            let year = value.get("birthDate")?.as_str()?.get(..4)?;
            Some(format!("born {year}"))
        }
        ResourceType::PRACTITIONER => {
            value.pointer("/qualification/0/code/text").and_then(Value::as_str).map(str::to_owned)
        }
        _ => value.get("status").and_then(Value::as_str).map(str::to_owned),
    }
}
