//! Search: every R4 search parameter with its paths, and the patient compartment, as lines of text.
//!
//! `crates/fhir/src/search/program.rs` reads them and documents the format.

mod element;
mod expression;

use std::{
    collections::{BTreeMap, BTreeSet},
    error::Error,
    fmt::Write as _,
};

use element::{Elements, Path};
use serde_json::Value;

use super::package::Package;

/// The parameters that stand for other types have this many targets: all.
const TARGETS_OF_ANY: usize = 140;

/// Compiles the `SearchParameter` resources.
pub(crate) fn compile_parameters(package: &Package) -> Result<Vec<u8>, Box<dyn Error>> {
    let elements = Elements::read(package)?;
    let definitions = package.resources("SearchParameter")?;
    let by_url: BTreeMap<&str, &Value> =
        definitions.iter().filter_map(|definition| Some((definition["url"].as_str()?, definition))).collect();
    let mut lines: BTreeMap<&str, BTreeMap<&str, String>> = BTreeMap::new();
    let mut problems = Vec::new();
    for definition in definitions.iter().filter(|definition| is_compiled(definition)) {
        for base in strings(&definition["base"]) {
            let code = text(definition, "code")?;
            let compiler = Compiler { elements: &elements, by_url: &by_url, base };
            match compiler.line(definition) {
                Ok(line) => {
                    let earlier = lines.entry(base).or_default().insert(code, line);
                    if earlier.is_some() {
                        problems.push(format!("{base}.{code} is defined twice"));
                    }
                }
                Err(problem) => problems.push(format!("{base}.{code}: {problem}")),
            }
        }
    }
    if !problems.is_empty() {
        return Err(problems.join("\n").into());
    }
    Ok(file(&lines).into_bytes())
}

/// Compiles the patient compartment: for each type the codes of the parameters that refer to the patient.
pub(crate) fn compile_patient_compartment(package: &Package) -> Result<Vec<u8>, Box<dyn Error>> {
    let definitions = package.resources("CompartmentDefinition")?;
    let patient = definitions
        .iter()
        .find(|definition| definition["id"] == "patient")
        .ok_or("the package has no CompartmentDefinition/patient")?;
    let mut content = String::new();
    for resource in patient["resource"].as_array().into_iter().flatten() {
        let codes: Vec<&str> = strings(&resource["param"]).collect();
        if !codes.is_empty() {
            writeln!(content, "{} {}", text(resource, "code")?, codes.join(" "))?;
        }
    }
    Ok(content.into_bytes())
}

/// HL7's examples of search parameters are none of R4's own; those without an expression have no path.
fn is_compiled(definition: &Value) -> bool {
    let is_example = definition["id"].as_str().is_some_and(|id| id.starts_with("example"));
    !is_example && definition["expression"].is_string()
}

fn file(lines: &BTreeMap<&str, BTreeMap<&str, String>>) -> String {
    let mut content = String::new();
    for (base, parameters) in lines {
        content.push_str(base);
        content.push('\n');
        for (code, line) in parameters {
            content.extend([" ", code, " ", line, "\n"]);
        }
    }
    content
}

/// Compiles parameters for one type.
struct Compiler<'a> {
    elements: &'a Elements,
    by_url: &'a BTreeMap<&'a str, &'a Value>,
    base: &'a str,
}

impl Compiler<'_> {
    /// What follows the code in the parameter's line.
    fn line(&self, definition: &Value) -> Result<String, Box<dyn Error>> {
        let kind = text(definition, "type")?;
        let expression = text(definition, "expression")?;
        match kind {
            "composite" => self.composite(definition, expression),
            // Location's `near` compares positions; it is known but has no path.
            "special" => Ok(kind.to_owned()),
            "reference" => {
                let paths = self.paths(&[self.base], expression, kind)?;
                Ok(format!("{kind} {paths}{}", targets(definition)))
            }
            _ => Ok(format!("{kind} {}", self.paths(&[self.base], expression, kind)?)),
        }
    }

    fn composite(&self, definition: &Value, expression: &str) -> Result<String, Box<dyn Error>> {
        let mut line = String::from("composite");
        let mut roots = Vec::new();
        for part in expression::parse(expression)? {
            if let Some(root) = self.elements.element(self.base, &part)? {
                write!(line, " {}", if root.path.is_empty() { "." } else { &root.path })?;
                roots.push(root.element);
            }
        }
        let roots: Vec<&str> = roots.iter().map(String::as_str).collect();
        let components = definition["component"].as_array().map(Vec::as_slice).unwrap_or_default();
        let kinds: Vec<&str> = components.iter().map(|part| self.kind(part)).collect::<Result<_, _>>()?;
        for (component, kind) in components.iter().zip(&kinds) {
            let expression = text(component, "expression")?;
            // R4 swapped the definitions of the two components of DocumentReference's `relationship`.
            let candidates = std::iter::once(kind).chain(&kinds);
            let mut found = candidates.map(|kind| (kind, self.paths(&roots, expression, kind)));
            let (kind, paths) = found
                .find_map(|(kind, paths)| Some((kind, paths.ok()?)))
                .ok_or_else(|| format!("nothing in `{expression}` can be compared"))?;
            write!(line, " | {kind} {paths}")?;
        }
        Ok(line)
    }

    /// How a component is compared: as the parameter that defines it.
    fn kind(&self, component: &Value) -> Result<&str, Box<dyn Error>> {
        let url = text(component, "definition")?;
        text(self.by_url.get(url).ok_or_else(|| format!("{url} is unknown"))?, "type")
    }

    /// The paths of an expression from any of these elements, compared as `kind`.
    fn paths(&self, roots: &[&str], expression: &str, kind: &str) -> Result<String, Box<dyn Error>> {
        let mut paths = BTreeSet::new();
        for part in expression::parse(expression)? {
            for root in roots {
                let found = self.elements.typed_paths(root, self.base, &part)?;
                paths.extend(found.into_iter().filter(|path| is_compared_as(kind, path)));
            }
        }
        if paths.is_empty() {
            return Err(format!("nothing in `{expression}` is compared as {kind}").into());
        }
        Ok(paths.iter().map(ToString::to_string).collect::<Vec<_>>().join(" "))
    }
}

/// Whether values of the path's data type can be compared as this kind (FHIR R4 §3.1.1.4).
fn is_compared_as(kind: &str, path: &Path) -> bool {
    let data_types: &[&str] = match kind {
        "number" => &["decimal", "integer", "Range"],
        "date" => &["date", "dateTime", "instant", "Period", "Timing"],
        "string" => &["string", "HumanName", "Address"],
        "token" => &[
            "code",
            "boolean",
            "deceased",
            "string",
            "uri",
            "Coding",
            "CodeableConcept",
            "Identifier",
            "ContactPoint",
        ],
        "reference" => &["Reference", "canonical", "uri", "Resource"],
        "quantity" => &["Quantity", "Money", "Range"],
        "uri" => &["uri", "canonical"],
        _ => &[],
    };
    data_types.contains(&path.data_type.as_str())
}

fn targets(definition: &Value) -> String {
    let targets: Vec<&str> = strings(&definition["target"]).collect();
    if targets.is_empty() || targets.len() > TARGETS_OF_ANY {
        return " > *".to_owned();
    }
    format!(" > {}", targets.join(" "))
}

fn strings(value: &Value) -> impl Iterator<Item = &str> {
    value.as_array().into_iter().flatten().filter_map(Value::as_str)
}

fn text<'a>(value: &'a Value, member: &str) -> Result<&'a str, Box<dyn Error>> {
    value[member].as_str().ok_or_else(|| format!("{member} is missing").into())
}
