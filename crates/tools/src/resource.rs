//! MCP resources: URI templates bound to read-only tools.

use std::collections::BTreeMap;

use medcor_fhir::{Id, ResourceType};
use serde_json::{Map, Value};

/// A URI template whose variables are arguments of the tool beside which it is declared.
#[derive(Debug, Clone, Copy)]
pub struct ResourceBinding {
    /// Such as `patients://summary/{patient}`.
    pub template: &'static str,
    /// Arguments that the URI implies.
    pub arguments: &'static [(&'static str, &'static str)],
}

/// A URI template bound to the tool beside which it stands.
pub const fn resource(template: &'static str) -> ResourceBinding {
    ResourceBinding { template, arguments: &[] }
}

impl ResourceBinding {
    /// The arguments that the URI implies: `medications://active/{patient}` has `status: active`.
    #[must_use]
    pub const fn with(self, arguments: &'static [(&'static str, &'static str)]) -> Self {
        Self { template: self.template, arguments }
    }

    /// The names of its variables, in order.
    pub fn variables(&self) -> impl Iterator<Item = &'static str> {
        self.template.split(['/', ':']).filter_map(variable)
    }

    /// Whether the URI has no variables.
    pub fn is_fixed(&self) -> bool {
        self.variables().next().is_none()
    }

    /// The arguments that this URI gives the tool; `None` when the URI is another one.
    fn matched(&self, uri: &str) -> Option<Match> {
        let (scheme, path) = self.template.split_once("://")?;
        let (given_scheme, given_path) = uri.split_once("://")?;
        if !is_same_scheme(scheme, given_scheme) {
            return None;
        }
        let wanted: Vec<&str> = path.split('/').collect();
        let given: Vec<&str> = given_path.split('/').collect();
        if wanted.len() != given.len() {
            return None;
        }
        let mut matched = Match::default();
        for (wanted, given) in wanted.into_iter().zip(given) {
            match variable(wanted) {
                Some(name) => {
                    let value = percent_decoded(given)?;
                    if value.is_empty() {
                        return None;
                    }
                    matched.variables.insert(name, value);
                }
                None if wanted == given => matched.literals += 1,
                None => return None,
            }
        }
        Some(matched)
    }
}

#[derive(Default)]
struct Match {
    literals: usize,
    variables: BTreeMap<&'static str, String>,
}

/// A URI that a binding matched.
#[derive(Debug)]
pub struct BoundResource {
    /// The tool that reads it.
    pub tool: &'static str,
    /// The arguments of the call.
    pub arguments: Map<String, Value>,
    /// Those of them that stand in the URI.
    pub(crate) variables: Vec<&'static str>,
}

/// Which changes change what a URI shows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WatchedResource {
    /// The tool that reads it: whoever may not use that any more is told nothing.
    pub tool: &'static str,
    /// Types of record.
    pub types: Vec<ResourceType>,
    /// What each record is about, is or refers to, all of them: the records that the URI names.
    pub about: Vec<(ResourceType, Id)>,
    /// The one record that the URI is.
    pub record: Option<(ResourceType, Id)>,
}

/// The binding that this URI means: of several the one with most literal segments.
pub(crate) fn bound<'b>(
    bindings: impl Iterator<Item = (&'static str, &'b ResourceBinding)>,
    uri: &str,
) -> Option<BoundResource> {
    let matches =
        bindings.filter_map(|(tool, binding)| binding.matched(uri).map(|found| (tool, binding, found)));
    let (tool, binding, found) = matches.max_by_key(|(_, _, found)| found.literals)?;
    let mut arguments = Map::new();
    let mut variables = Vec::new();
    for (name, value) in found.variables {
        variables.push(name);
        arguments.insert(name.to_owned(), value.into());
    }
    for (name, value) in binding.arguments {
        arguments.insert((*name).to_owned(), (*value).into());
    }
    Some(BoundResource { tool, arguments, variables })
}

fn variable(segment: &'static str) -> Option<&'static str> {
    segment.strip_prefix('{')?.strip_suffix('}')
}

/// One documented scheme has an underscore, which RFC 3986 forbids; it is taken as raw text.
fn is_same_scheme(wanted: &str, given: &str) -> bool {
    wanted.eq_ignore_ascii_case(&given.replace('_', "-"))
}

/// Decodes `%XX` once; `None` when the result is not UTF-8 or an escape is cut short.
fn percent_decoded(text: &str) -> Option<String> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.bytes();
    while let Some(byte) = rest.next() {
        if byte == b'%' {
            let high = char::from(rest.next()?).to_digit(16)?;
            let low = char::from(rest.next()?).to_digit(16)?;
            bytes.push(u8::try_from(high * 16 + low).ok()?);
        } else {
            bytes.push(byte);
        }
    }
    String::from_utf8(bytes).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    const ACTIVE: ResourceBinding = resource("medications://active/{patient}").with(&[("status", "active")]);
    const UPCOMING: ResourceBinding = resource("patients://appointments/upcoming/{patient}");
    const OF_PATIENT: ResourceBinding = resource("patients://appointments/{patient}");
    const RECORDS: ResourceBinding = resource("medical-records://list/{patient}");

    fn read(uri: &str) -> Option<BoundResource> {
        let all = [("a", &ACTIVE), ("b", &UPCOMING), ("c", &OF_PATIENT), ("d", &RECORDS)];
        bound(all.into_iter(), uri)
    }

    #[test]
    fn names_come_raw_or_encoded_and_are_decoded_once() {
        for uri in ["medications://active/Zoë O'Hara", "medications://active/Zo%C3%AB%20O%27Hara"] {
            let bound = read(uri).unwrap();
            assert_eq!(bound.arguments["patient"], "Zoë O'Hara");
            assert_eq!(bound.arguments["status"], "active");
        }
        assert_eq!(read("medications://active/100%2525").unwrap().arguments["patient"], "100%25");
        assert!(read("medications://active/%F").is_none());
        assert!(read("medications://active/").is_none());
    }

    #[test]
    fn segments_decide_between_templates() {
        assert_eq!(read("patients://appointments/upcoming/Ada").unwrap().tool, "b");
        assert_eq!(read("patients://appointments/Ada").unwrap().tool, "c");
        assert!(read("patients://appointments/past/Ada").is_none());
    }

    #[test]
    fn the_documented_underscore_scheme_is_taken() {
        assert_eq!(read("medical_records://list/Ada").unwrap().tool, "d");
    }
}
