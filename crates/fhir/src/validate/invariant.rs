//! Invariants of R4's structures: rules between the members of one object. Those that hold between resources
//! are in [`super::contained`] and [`super::bundle`], those of references in [`super::reference`].

mod administrative;
mod clinical;
mod conformance;
mod datatype;

use serde_json::Value;

use super::Object;
use crate::primitive::TimeSpan;

/// A rule between the members of an object.
pub(crate) struct Invariant {
    /// The structures it holds for.
    pub(crate) on: &'static [&'static str],
    /// HL7's key.
    pub(crate) key: &'static str,
    /// What must be so.
    pub(crate) rule: &'static str,
    pub(crate) holds: fn(&Object) -> bool,
}

/// The invariants of a structure.
pub(crate) fn of(structure: &str) -> Vec<&'static Invariant> {
    let tables =
        [datatype::INVARIANTS, administrative::INVARIANTS, clinical::INVARIANTS, conformance::INVARIANTS];
    tables.into_iter().flatten().filter(|invariant| invariant.on.contains(&structure)).collect()
}

/// Whether an element is there: a value or, beside a primitive, extensions.
fn has(object: &Object, name: &str) -> bool {
    object.contains_key(name) || object.keys().any(|key| key.strip_prefix('_') == Some(name))
}

fn has_any(object: &Object, names: &[&str]) -> bool {
    names.iter().any(|name| has(object, name))
}

fn count_of(object: &Object, names: &[&str]) -> usize {
    names.iter().filter(|name| has(object, name)).count()
}

/// Whether a choice such as `value[x]` is there.
fn has_choice(object: &Object, name: &str) -> bool {
    object.keys().any(|key| {
        let rest = key.strip_prefix('_').unwrap_or(key).strip_prefix(name);
        rest.is_some_and(|rest| rest.starts_with(|letter: char| letter.is_ascii_uppercase()))
    })
}

fn text<'a>(object: &'a Object, name: &str) -> Option<&'a str> {
    object.get(name).and_then(Value::as_str)
}

/// Whether a primitive has one of these values.
fn is_one_of(object: &Object, name: &str, values: &[&str]) -> bool {
    text(object, name).is_some_and(|value| values.contains(&value))
}

fn number(object: &Object, name: &str) -> Option<f64> {
    object.get(name).and_then(Value::as_f64)
}

fn items<'a>(object: &'a Object, name: &str) -> &'a [Value] {
    object.get(name).and_then(Value::as_array).map_or(&[], Vec::as_slice)
}

/// Whether a `CodeableConcept` has a coding of this system with one of these codes.
fn is_coded(object: &Object, name: &str, system: &str, codes: &[&str]) -> bool {
    let codings = object.get(name).and_then(|concept| concept.get("coding")).and_then(Value::as_array);
    codings
        .into_iter()
        .flatten()
        .filter_map(Value::as_object)
        .any(|coding| text(coding, "system") == Some(system) && is_one_of(coding, "code", codes))
}

/// Whether `first` does not lie after `last`, as far as their precision tells; true where one is absent.
fn is_in_order(object: &Object, first: &str, last: &str) -> bool {
    let span = |name| text(object, name).and_then(TimeSpan::parse);
    match (span(first), span(last)) {
        (Some(first), Some(last)) => first.low < last.high,
        _ => true,
    }
}

/// Whether no two objects have the same value under `name`.
fn is_distinct(objects: &[Value], name: &str) -> bool {
    let mut seen: Vec<&Value> = objects.iter().filter_map(|object| object.get(name)).collect();
    let count = seen.len();
    seen.sort_by(|left, right| left.as_str().cmp(&right.as_str()));
    seen.dedup();
    seen.len() == count
}
