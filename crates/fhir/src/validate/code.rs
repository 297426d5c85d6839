//! Required bindings: codes that must come from a value set.

use serde_json::Value;

use super::{
    Object, ProblemKind,
    place::Place,
    spelling::{shown, suggestion},
    walk::Walk,
};
use crate::definitions::ValueSet;

/// Most allowed codes or names that a message lists.
pub(super) const LISTED_MAX: usize = 12;

/// Checks a `code`.
pub(super) fn check_code(walk: &mut Walk<'_>, code: &str, value_set: &ValueSet, place: &Place<'_>) {
    if value_set.systems.is_empty() {
        let form = Form::of(value_set.name);
        if !form.has(code) {
            walk.report(place, ProblemKind::CodeInvalid, format!("expected {}", form.expected()));
        }
    } else if !value_set.has_code(code) {
        walk.report(place, ProblemKind::CodeInvalid, not_allowed(code, value_set));
    }
}

/// Checks a `CodeableConcept`: one of its codings comes from the value set.
///
/// One without codings is let pass when an extension says why (FHIR R4 §2.5.1: `data-absent-reason`).
pub(super) fn check_concept(walk: &mut Walk<'_>, concept: &Object, value_set: &ValueSet, place: &Place<'_>) {
    let codings = || concept.get("coding").and_then(Value::as_array).into_iter().flatten();
    let is_allowed = |coding: &Value| {
        let system = coding.get("system").and_then(Value::as_str).unwrap_or_default();
        let code = coding.get("code").and_then(Value::as_str).unwrap_or_default();
        if value_set.systems.is_empty() {
            Form::of(value_set.name).has(code)
        } else {
            value_set.has_coding(system, code)
        }
    };
    let is_absent_for_a_reason = codings().next().is_none() && concept.contains_key("extension");
    if codings().any(is_allowed) || is_absent_for_a_reason {
        return;
    }
    let systems: Vec<&str> = value_set.systems.iter().map(|codes| codes.system).collect();
    let message = format!(
        "one coding comes from the value set {}, system {}, {}",
        value_set.name,
        systems.join(" or "),
        allowed(value_set)
    );
    walk.report(place, ProblemKind::CodeInvalid, message);
}

fn not_allowed(code: &str, value_set: &ValueSet) -> String {
    let suggestion = suggestion(code, value_set.codes());
    format!("`{}` is not a code of {}, {}{suggestion}", shown(code), value_set.name, allowed(value_set))
}

fn allowed(value_set: &ValueSet) -> String {
    let count = value_set.codes().count();
    if count > LISTED_MAX {
        return format!("which has {count} codes");
    }
    let codes: Vec<&str> = value_set.codes().collect();
    format!("which has {}", codes.join(", "))
}

/// The form of codes that are too many to list.
enum Form {
    Language,
    Currency,
    MimeType,
    Unit,
}

impl Form {
    fn of(value_set: &str) -> Self {
        match value_set {
            "all-languages" => Self::Language,
            "currencies" => Self::Currency,
            "mimetypes" => Self::MimeType,
            _ => Self::Unit,
        }
    }

    fn expected(&self) -> &'static str {
        match self {
            Self::Language => "a language such as `en` or `en-US` (BCP 47)",
            Self::Currency => "a currency of three capital letters such as `USD` (ISO 4217)",
            Self::MimeType => "a MIME type such as `application/pdf` (BCP 13)",
            Self::Unit => "a unit such as `mg` (UCUM)",
        }
    }

    fn has(&self, code: &str) -> bool {
        match self {
            Self::Language => is_language(code),
            Self::Currency => code.len() == 3 && code.bytes().all(|byte| byte.is_ascii_uppercase()),
            Self::MimeType => is_mime_type(code),
            Self::Unit => !code.is_empty() && code.bytes().all(|byte| byte.is_ascii_graphic()),
        }
    }
}

/// Subtags of one to eight letters and digits, the first of letters only (RFC 5646 §2.1).
fn is_language(code: &str) -> bool {
    let mut subtags = code.split('-');
    let is_first = |subtag: &str| subtag.bytes().all(|byte| byte.is_ascii_alphabetic());
    let is_subtag = |subtag: &str| {
        (1..=8).contains(&subtag.len()) && subtag.bytes().all(|byte| byte.is_ascii_alphanumeric())
    };
    subtags.next().is_some_and(|subtag| is_subtag(subtag) && is_first(subtag)) && subtags.all(is_subtag)
}

/// A type and a subtype of RFC 6838 §4.2's letters, whatever its parameters say, or one of FHIR's short names
/// for its own formats (R4 §3.1.0.1.11).
fn is_mime_type(code: &str) -> bool {
    if matches!(code, "json" | "xml" | "ttl") {
        return true;
    }
    let is_name = |name: &str| {
        let is_letter = |byte: u8| byte.is_ascii_alphanumeric() || b"!#$&-^_.+*".contains(&byte);
        !name.is_empty() && name.bytes().all(is_letter)
    };
    let essence = code.split(';').next().unwrap_or_default().trim_end();
    essence.split_once('/').is_some_and(|(kind, subtype)| is_name(kind) && is_name(subtype))
}

#[cfg(test)]
mod tests {
    use super::Form;

    #[test]
    fn codes_too_many_to_list_are_checked_by_their_form() {
        for (form, good, bad) in [
            (Form::Language, ["en", "de-CH", "zh-Hans-CN"], ["", "en_US", "-en"]),
            (Form::Currency, ["USD", "EUR", "CHF"], ["usd", "US", "€"]),
            (
                Form::MimeType,
                ["text/plain", "application/fhir+json; fhirVersion=4.0", "image/*"],
                ["pdf", "/", "a b/c"],
            ),
            (Form::Unit, ["mg", "mm[Hg]", "10*3/uL"], ["", "m g", "µg"]),
        ] {
            assert!(good.iter().all(|code| form.has(code)), "{}", form.expected());
            assert!(!bad.iter().any(|code| form.has(code)), "{}", form.expected());
        }
    }
}
