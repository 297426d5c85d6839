//! The provisions of a consent, read as rules.

use medcor_fhir::{ResourceType, primitive::TimeSpan};
use serde_json::Value;

use super::{Around, Kind, Named, Rule, Who};
use crate::Role;

/// Deepest nesting of provisions that is read; what stands below it is taken for a denial of everything.
const DEPTH_MAX: u8 = 8;

/// Consents to research, and advance directives, say nothing of who may see records.
pub(super) fn is_about_something_else(consent: &Value) -> bool {
    let codings = consent.pointer("/scope/coding").and_then(Value::as_array).into_iter().flatten();
    let mut codes = codings.filter_map(|coding| coding.get("code")?.as_str());
    codes.any(|code| matches!(code, "research" | "adr"))
}

/// The base policy of a consent, of which its provisions are exceptions. HL7's codes for it are `OPTIN` and
/// `OPTOUT`, each also with a letter for its exceptions, and `EMRGONLY`.
pub(super) fn base(consent: &Value) -> Option<Kind> {
    let policy = consent.get("policyRule")?;
    let codes = list(policy, "coding").filter_map(|coding| coding.get("code")?.as_str());
    let words = codes.chain(policy.get("text").and_then(Value::as_str));
    let letters = |word: &str| -> String { word.chars().filter(char::is_ascii_alphabetic).collect() };
    let kinds = words.filter_map(|word| {
        let word = letters(word).to_ascii_uppercase();
        let denies = word.starts_with("OPTOUT") || word == "EMRGONLY";
        let permits = word.starts_with("OPTIN");
        denies.then_some(Kind::Denies).or(permits.then_some(Kind::Permits))
    });
    // Of two the denial wins.
    kinds.max_by_key(|kind| *kind == Kind::Denies)
}

/// Reads a provision and those in it. What one does not say it has from the one around it.
///
/// FHIR R4 wants a type of every provision but the root. Without one, what stands in it is excepted from a
/// permission around it; from a denial it excepts nothing.
pub(super) fn read(provision: &Value, around: &Around, rules: &mut Vec<Rule>) {
    let said = match provision.get("type").and_then(Value::as_str) {
        Some("deny") => Some(Kind::Denies),
        Some("permit") => Some(Kind::Permits),
        _ => None,
    };
    let is_exception = said.is_none() && around.kind == Some(Kind::Permits) && has_conditions(provision);
    let kind = if is_exception { Some(Kind::Denies) } else { said.or(around.kind) };
    let has_own_kind = is_exception || said.is_some();
    let actors = actors(provision);
    let types = types(provision);
    let (from, to) = period(provision);
    let rule = Rule {
        denies: kind == Some(Kind::Denies),
        depth: around.rule.depth + 1,
        actors: if actors.is_empty() { around.rule.actors.clone() } else { actors },
        types: if types.is_empty() { around.rule.types.clone() } else { types },
        from: from.max(around.rule.from),
        to: to.min(around.rule.to),
    };
    // A permission under conditions that nothing here can judge permits nothing.
    let is_conditional = around.is_conditional || has_other_conditions(provision);
    let is_understood = rule.denies || (!is_conditional && rule.types.len() < ResourceType::all().len());
    if has_own_kind && is_understood {
        rules.push(rule.clone());
    }
    if rule.depth == DEPTH_MAX {
        if provision.get("provision").is_some() {
            let depth = rule.depth + 1;
            rules.push(Rule { denies: true, depth, actors: Vec::new(), types: Vec::new(), ..rule });
        }
        return;
    }
    // A denial holds whatever its conditions say, so what is excepted from it is not under them.
    let is_conditional = is_conditional && !(has_own_kind && rule.denies);
    let around = Around { kind, rule, is_conditional };
    for inner in list(provision, "provision") {
        read(inner, &around, rules);
    }
}

/// Whether anything but time and the provisions in it narrows a provision.
fn has_conditions(provision: &Value) -> bool {
    provision.get("actor").is_some() || provision.get("class").is_some() || has_other_conditions(provision)
}

fn has_other_conditions(provision: &Value) -> bool {
    ["action", "securityLabel", "purpose", "code", "dataPeriod", "data"]
        .iter()
        .any(|name| provision.get(name).is_some())
}

fn actors(provision: &Value) -> Vec<Named> {
    let named = |actor: &Value| {
        let reference = actor.get("reference");
        let text = reference.and_then(|reference| reference.get("reference")).and_then(Value::as_str);
        // A logical reference names somebody who can't be told.
        let is_logical = reference.is_some_and(|reference| reference.get("identifier").is_some());
        let who = text.map(Who::of).or(is_logical.then_some(Who::Unknown));
        Named { who, role: actor.get("role").and_then(role), holder: None }
    };
    list(provision, "actor").map(named).collect()
}

/// One of our roles, by code or by word; participation codes of HL7 are none.
fn role(concept: &Value) -> Option<Role> {
    let codes = list(concept, "coding").filter_map(|coding| coding.get("code")?.as_str());
    codes.chain(concept.get("text").and_then(Value::as_str)).find_map(|word| word.parse().ok())
}

/// Classes are types of resources. One that is not means records that nothing here can tell apart, so it is
/// taken for all of them.
fn types(provision: &Value) -> Vec<ResourceType> {
    let mut types = Vec::new();
    for class in list(provision, "class") {
        let code = class.get("code").and_then(Value::as_str).unwrap_or_default();
        match ResourceType::from_name(code) {
            Some(resource_type) => types.push(resource_type),
            None => return ResourceType::all().collect(),
        }
    }
    types
}

pub(super) fn period(provision: &Value) -> (i64, i64) {
    let moment = |name: &str| {
        let text = provision.pointer(&format!("/period/{name}")).and_then(Value::as_str)?;
        TimeSpan::parse(text)
    };
    let from = moment("start").map_or(i64::MIN, |span| span.low);
    let to = moment("end").map_or(i64::MAX, |span| span.high);
    (from, to)
}

fn list<'v>(value: &'v Value, name: &str) -> impl Iterator<Item = &'v Value> {
    value.get(name).and_then(Value::as_array).into_iter().flatten()
}
