//! Value sets of required bindings, expanded to their codes.

use std::{
    collections::{BTreeMap, BTreeSet},
    error::Error,
    fmt::Write as _,
};

use serde_json::Value;

use super::package::Package;

/// Value sets too large or too open to list. The server checks the form of their codes
/// (`crates/fhir/src/validate/code.rs`): name in the data file, and the value set.
const BY_FORM: [(&str, &str); 5] = [
    ("http://hl7.org/fhir/ValueSet/all-languages", "all-languages"),
    ("http://hl7.org/fhir/ValueSet/currencies", "currencies"),
    ("http://hl7.org/fhir/ValueSet/mimetypes", "mimetypes"),
    ("http://hl7.org/fhir/ValueSet/ucum-units", "ucum-units"),
    ("http://www.rfc-editor.org/bcp/bcp13.txt", "mimetypes"),
];

/// Value sets that HL7's package names and does not contain: a LOINC answer list.
const UNAVAILABLE: [&str; 1] = ["http://loinc.org/vs/LL379-9"];

/// How the codes of a binding are known.
pub(crate) enum Binding {
    /// Each of them.
    Listed,
    /// Their form only.
    ByForm,
    /// Not at all.
    Unavailable,
}

/// The value sets and code systems of a package, by URL.
pub(crate) struct Terminology {
    value_sets: BTreeMap<String, Value>,
    code_systems: BTreeMap<String, Value>,
}

/// Codes by code system.
type Codes = BTreeMap<String, BTreeSet<String>>;

impl Terminology {
    pub(crate) fn read(package: &Package) -> Result<Self, Box<dyn Error>> {
        Ok(Self {
            value_sets: by_url(package.resources("ValueSet")?),
            code_systems: by_url(package.resources("CodeSystem")?),
        })
    }

    pub(crate) fn binding(&self, value_set: &str) -> Result<Binding, Box<dyn Error>> {
        let url = without_version(value_set);
        if UNAVAILABLE.contains(&url) {
            return Ok(Binding::Unavailable);
        }
        if BY_FORM.iter().any(|(known, _)| *known == url) {
            return Ok(Binding::ByForm);
        }
        self.codes(url)?;
        Ok(Binding::Listed)
    }

    /// Writes the value set of this name: a line of its own and one line for each code system.
    pub(crate) fn write(&self, name: &str, result: &mut String) -> Result<(), Box<dyn Error>> {
        writeln!(result, "valueset {name}")?;
        if BY_FORM.iter().any(|(_, known)| *known == name) {
            return Ok(());
        }
        let mut urls = self.value_sets.keys().filter(|url| name_of(url) == name);
        let url = urls.next().ok_or_else(|| format!("value set {name} is gone"))?;
        if urls.next().is_some() {
            return Err(format!("two value sets have the name {name}").into());
        }
        for (system, codes) in self.codes(url)? {
            if codes.iter().any(|code| code.contains(char::is_whitespace)) {
                return Err(
                    format!("a code of {system} has white space, which the data file can't hold").into()
                );
            }
            let codes: Vec<&str> = codes.iter().map(String::as_str).collect();
            writeln!(result, " {system} {}", codes.join(" "))?;
        }
        Ok(())
    }

    fn codes(&self, url: &str) -> Result<Codes, Box<dyn Error>> {
        let value_set = self.value_sets.get(url).ok_or_else(|| format!("no value set {url}"))?;
        if value_set["compose"]["exclude"].is_array() {
            return Err(format!("value set {url} excludes codes, which is not implemented").into());
        }
        let mut codes = Codes::new();
        for include in value_set["compose"]["include"].as_array().into_iter().flatten() {
            for (system, included) in self.included(include).map_err(|error| format!("{url}: {error}"))? {
                codes.entry(system).or_default().extend(included);
            }
        }
        if codes.values().all(BTreeSet::is_empty) {
            return Err(format!("value set {url} has no codes").into());
        }
        Ok(codes)
    }

    fn included(&self, include: &Value) -> Result<Codes, Box<dyn Error>> {
        if include["filter"].is_array() {
            return Err("a filter is not implemented".into());
        }
        let value_sets = include["valueSet"].as_array();
        let Some(system) = include["system"].as_str() else {
            let mut codes = Codes::new();
            for url in value_sets.into_iter().flatten().filter_map(Value::as_str) {
                codes.extend(self.codes(without_version(url))?);
            }
            return Ok(codes);
        };
        if value_sets.is_some() {
            return Err("a code system within a value set is not implemented".into());
        }
        let mut codes = BTreeSet::new();
        if include["concept"].is_array() {
            collect_codes(include, &mut codes);
        } else {
            let code_system =
                self.code_systems.get(system).ok_or_else(|| format!("no code system {system}"))?;
            if code_system["content"] != "complete" {
                return Err(format!("code system {system} is not complete").into());
            }
            collect_codes(code_system, &mut codes);
        }
        Ok(Codes::from([(system.to_owned(), codes)]))
    }
}

/// The name of a value set in the data file: the last part of its URL.
pub(crate) fn name_of(value_set: &str) -> &str {
    let url = without_version(value_set);
    let by_form = BY_FORM.iter().find(|(known, _)| *known == url);
    by_form.map_or_else(|| url.rsplit('/').next().unwrap_or(url), |(_, name)| name)
}

fn by_url(resources: Vec<Value>) -> BTreeMap<String, Value> {
    let entry = |resource: Value| Some((resource["url"].as_str()?.to_owned(), resource));
    resources.into_iter().filter_map(entry).collect()
}

fn without_version(url: &str) -> &str {
    url.split('|').next().unwrap_or(url)
}

/// Concepts nest.
fn collect_codes(parent: &Value, codes: &mut BTreeSet<String>) {
    for concept in parent["concept"].as_array().into_iter().flatten() {
        codes.extend(concept["code"].as_str().map(str::to_owned));
        collect_codes(concept, codes);
    }
}
