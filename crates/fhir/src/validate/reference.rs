//! References: what they may point to (FHIR R4 §2.3.0).

use serde_json::Value;

use super::{
    Object, ProblemKind,
    code::LISTED_MAX,
    place::Place,
    spelling::{shown, suggestion},
    walk::Walk,
};
use crate::{Id, ResourceType, definitions::Targets};

pub(super) fn check(walk: &mut Walk<'_>, reference: &Object, targets: Targets, place: &Place<'_>) {
    let text = reference.get("reference").and_then(Value::as_str);
    let target = text.map_or(Ok(Target::Unknown), |text| target_of(walk, text));
    let target_type = match target {
        Ok(Target::Known(target_type)) => Some(target_type),
        Ok(Target::Unknown) => None,
        Err(Unusable(message)) => {
            walk.report(&Place::Member(place, "reference"), ProblemKind::Reference, message);
            None
        }
    };
    check_allowed(walk, target_type, targets, &Place::Member(place, "reference"));
    let Some(named) = reference.get("type").and_then(Value::as_str) else { return };
    let place = Place::Member(place, "type");
    let Some(named_type) = ResourceType::from_name(named) else {
        // A type that is no R4 resource is given as the URL of its definition.
        if !named.contains(':') {
            let message = format!("`{}` is not an R4 resource type", shown(named));
            walk.report(&place, ProblemKind::Reference, message);
        }
        return;
    };
    check_allowed(walk, Some(named_type), targets, &place);
    if target_type.is_some_and(|target_type| target_type != named_type) {
        walk.report(&place, ProblemKind::Reference, "`type` is the type that `reference` points to");
    }
}

enum Target {
    Known(ResourceType),
    /// An absolute URL or URN that does not tell the type of what it points to.
    Unknown,
}

/// A reference that points nowhere; the text says why.
struct Unusable(String);

fn target_of(walk: &mut Walk<'_>, text: &str) -> Result<Target, Unusable> {
    if let Some(id) = text.strip_prefix('#') {
        return contained_target(walk, id);
    }
    let is_absolute = text.split('/').next().is_some_and(|first| first.contains(':'));
    if is_absolute {
        let target_type = instance_type(text).filter(|_| text.starts_with("http"));
        return Ok(target_type.map_or(Target::Unknown, Target::Known));
    }
    // A conditional reference, as in the entries of a transaction: `Practitioner?identifier=…`.
    let name = text.split(['/', '?']).next().unwrap_or_default();
    let Some(target_type) = ResourceType::from_name(name) else {
        let suggestion = suggestion(name, ResourceType::all().map(ResourceType::name));
        let message = "is not an R4 resource type; expected Type/id, #id, a URL or a URN";
        return Err(Unusable(format!("`{}` {message}{suggestion}", shown(name))));
    };
    let is_conditional = text.as_bytes().get(name.len()) == Some(&b'?');
    if !is_conditional && instance_type(text) != Some(target_type) {
        return Err(Unusable(format!("expected {name}/id, the id of 1 to 64 letters, digits, '-' or '.'")));
    }
    Ok(Target::Known(target_type))
}

fn contained_target(walk: &mut Walk<'_>, id: &str) -> Result<Target, Unusable> {
    if id.is_empty() {
        // The container itself.
        return Ok(Target::Unknown);
    }
    match walk.contained_types().get(id) {
        Some(target_type) => Ok(target_type.map_or(Target::Unknown, Target::Known)),
        None => Err(Unusable(format!("ref-1: no contained resource has the id `{}`", shown(id)))),
    }
}

/// The type of `…/Type/id` and of `…/Type/id/_history/version`.
fn instance_type(url: &str) -> Option<ResourceType> {
    let url = url.split_once("/_history/").map_or(url, |(instance, _)| instance);
    let mut segments = url.rsplit('/');
    let id = segments.next().and_then(Id::new);
    id.and_then(|_| segments.next()).and_then(ResourceType::from_name)
}

fn check_allowed(walk: &mut Walk<'_>, target: Option<ResourceType>, targets: Targets, place: &Place<'_>) {
    let Some(target) = target.filter(|target| !targets.allow(*target)) else { return };
    let names: Vec<&str> = targets.iter().map(ResourceType::name).collect();
    let message = if names.len() <= LISTED_MAX {
        format!("{target} is not allowed here, only {}", names.join(", "))
    } else {
        format!("{target} is not allowed here")
    };
    walk.report(place, ProblemKind::Reference, message);
}
