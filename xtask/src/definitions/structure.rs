//! Structures: elements, cardinalities, types, reference targets and required bindings, as lines of text that
//! a reviewer can read in a diff. `crates/fhir/src/definitions/README.md` describes the format.

use std::{
    collections::{BTreeMap, BTreeSet},
    error::Error,
    fmt::Write as _,
};

use serde_json::Value;

use super::{
    package::Package,
    terminology::{Binding, Terminology, name_of},
};

/// What others derive from comes first, so that the reader of the file meets no unknown base.
const FIRST: [&str; 5] = ["Element", "BackboneElement", "Quantity", "Resource", "DomainResource"];

/// Stands for the list of every type that an open choice such as `Extension.value[x]` allows.
const OPEN_TYPES: &str = "*";

const TARGET_ANY: &str = "http://hl7.org/fhir/StructureDefinition/Resource";

pub(crate) fn compile(package: &Package) -> Result<Vec<u8>, Box<dyn Error>> {
    let definitions = package.resources("StructureDefinition")?;
    let mut compiler = Compiler {
        terminology: Terminology::read(package)?,
        type_of_profile: types_of_profiles(&definitions),
        open_types: open_types(&definitions)?,
        bindings: BTreeSet::new(),
        inherited: BTreeMap::new(),
        structures: String::new(),
    };
    let mut by_name: BTreeMap<&str, &Value> = definitions
        .iter()
        .filter(|definition| is_base(definition))
        .filter_map(|definition| Some((definition["type"].as_str()?, definition)))
        .collect();
    let bases: Vec<&Value> = FIRST.iter().filter_map(|name| by_name.remove(name)).collect();
    for definition in bases.into_iter().chain(by_name.into_values()) {
        compiler.add(definition)?;
    }
    compiler.finish()
}

/// A type of its own: neither a profile of another one, nor a logical model, nor a primitive.
fn is_base(definition: &Value) -> bool {
    let is_profile = definition["derivation"] == "constraint";
    let kind = definition["kind"].as_str().unwrap_or_default();
    !is_profile && matches!(kind, "resource" | "complex-type")
}

fn types_of_profiles(definitions: &[Value]) -> BTreeMap<String, String> {
    let entry = |definition: &Value| {
        Some((definition["url"].as_str()?.to_owned(), definition["type"].as_str()?.to_owned()))
    };
    definitions.iter().filter_map(entry).collect()
}

/// The types of `Extension.value[x]`, which are those of every open choice.
fn open_types(definitions: &[Value]) -> Result<String, Box<dyn Error>> {
    let extension = definitions
        .iter()
        .find(|definition| definition["id"] == "Extension")
        .ok_or("the package has no definition of Extension")?;
    let element = elements(extension)?
        .find(|element| element["path"] == "Extension.value[x]")
        .ok_or("Extension has no value[x]")?;
    let codes: Vec<&str> = types(element).filter_map(|of_type| of_type["code"].as_str()).collect();
    Ok(codes.join(" "))
}

struct Compiler {
    terminology: Terminology,
    type_of_profile: BTreeMap<String, String>,
    open_types: String,
    /// Names of the bindings in use.
    bindings: BTreeSet<String>,
    /// The lines of each structure by element name, its base's included.
    inherited: BTreeMap<String, BTreeMap<String, String>>,
    structures: String,
}

impl Compiler {
    /// Adds a type and the structures nested in it: `Patient`, `Patient.contact`, …
    fn add(&mut self, definition: &Value) -> Result<(), Box<dyn Error>> {
        let root = text(definition, "type")?;
        let base = definition["baseDefinition"].as_str().and_then(|url| url.rsplit('/').next());
        let mut bases: BTreeMap<&str, &str> = BTreeMap::from([(root, base.unwrap_or_default())]);
        let mut children: BTreeMap<&str, Vec<&Value>> = BTreeMap::new();
        let mut order = vec![root];
        for element in elements(definition)? {
            let path = text(element, "path")?;
            let Some((parent, _)) = path.rsplit_once('.') else { continue };
            if !children.contains_key(parent) && parent != root {
                order.push(parent);
            }
            children.entry(parent).or_default().push(element);
            let type_code = types(element).next().and_then(|of_type| of_type["code"].as_str());
            bases.insert(path, type_code.unwrap_or_default());
        }
        for name in order {
            let base = bases.get(name).ok_or("an element has no parent")?;
            self.add_structure(name, base, children.get(name).map_or(&[], Vec::as_slice))?;
        }
        Ok(())
    }

    fn add_structure(&mut self, name: &str, base: &str, children: &[&Value]) -> Result<(), Box<dyn Error>> {
        let mut known = self.inherited.get(base).cloned().unwrap_or_default();
        writeln!(self.structures, "structure {name} {base}")?;
        for element in children {
            let path = text(element, "path")?;
            let short_name = path.rsplit('.').next().unwrap_or_default();
            let line = self.element_line(element, short_name)?;
            // Every snapshot repeats what its base says; only what it says otherwise is written.
            if known.get(short_name) != Some(&line) {
                writeln!(self.structures, " {line}")?;
                known.insert(short_name.to_owned(), line);
            }
        }
        self.inherited.insert(name.to_owned(), known);
        Ok(())
    }

    fn element_line(&mut self, element: &Value, name: &str) -> Result<String, Box<dyn Error>> {
        let minimum = element["min"].as_u64().ok_or("an element has no minimum")?;
        let maximum = text(element, "max")?;
        let types = self.types_of(element)?;
        let mut line = format!("{name} {minimum}..{maximum} {types}");
        if let Some(binding) = self.binding_of(element)? {
            write!(line, " !{binding}")?;
        }
        Ok(line)
    }

    fn types_of(&self, element: &Value) -> Result<String, Box<dyn Error>> {
        if let Some(reference) = element["contentReference"].as_str() {
            return Ok(format!("@{}", reference.trim_start_matches('#')));
        }
        let path = text(element, "path")?;
        let mut names = Vec::new();
        for of_type in types(element) {
            let code = text(of_type, "code")?;
            names.push(match code {
                "Element" | "BackboneElement" => format!("@{path}"),
                "Reference" => self.reference(of_type)?,
                _ if path == "Resource.id" || (code.starts_with("http:") && is_resource_id(element)) => {
                    "id".to_owned()
                }
                _ if code.starts_with("http:") => fhir_type(of_type).unwrap_or("string").to_owned(),
                _ => code.to_owned(),
            });
        }
        let without_targets: Vec<&str> =
            names.iter().map(|name| name.split('(').next().unwrap_or_default()).collect();
        let is_open = without_targets.join(" ") == self.open_types;
        Ok(if is_open { OPEN_TYPES.to_owned() } else { names.join(" ") })
    }

    /// `Reference(Patient|Group)`; plain `Reference` where any type may be referred to.
    fn reference(&self, of_type: &Value) -> Result<String, Box<dyn Error>> {
        let mut targets = BTreeSet::new();
        for profile in of_type["targetProfile"].as_array().into_iter().flatten() {
            let profile = profile.as_str().ok_or("a target profile is no text")?;
            if profile == TARGET_ANY {
                return Ok("Reference".to_owned());
            }
            let target =
                self.type_of_profile.get(profile).ok_or_else(|| format!("unknown profile {profile}"))?;
            targets.insert(target.as_str());
        }
        if targets.is_empty() {
            return Ok("Reference".to_owned());
        }
        let targets: Vec<&str> = targets.into_iter().collect();
        Ok(format!("Reference({})", targets.join("|")))
    }

    fn binding_of(&mut self, element: &Value) -> Result<Option<String>, Box<dyn Error>> {
        let Some(value_set) = required_value_set(element) else { return Ok(None) };
        let name = name_of(value_set);
        if matches!(self.terminology.binding(value_set)?, Binding::Unavailable) {
            return Ok(None);
        }
        self.bindings.insert(name.to_owned());
        Ok(Some(name.to_owned()))
    }

    fn finish(self) -> Result<Vec<u8>, Box<dyn Error>> {
        let mut result = format!("open {}\n", self.open_types);
        for name in &self.bindings {
            self.terminology.write(name, &mut result)?;
        }
        result.push_str(&self.structures);
        Ok(result.into_bytes())
    }
}

/// The value set that the element's codes must come from: that of a required binding, or the widest one that
/// a weaker binding of a plain code allows at most.
fn required_value_set(element: &Value) -> Option<&str> {
    const MAX_VALUE_SET: &str = "http://hl7.org/fhir/StructureDefinition/elementdefinition-maxValueSet";
    let binding = &element["binding"];
    if binding["strength"] == "required" {
        return binding["valueSet"].as_str();
    }
    let is_code = types(element).all(|of_type| of_type["code"] == "code") && types(element).next().is_some();
    let extensions = binding["extension"].as_array()?;
    let widest = extensions.iter().find(|extension| extension["url"] == MAX_VALUE_SET)?;
    is_code.then(|| widest["valueCanonical"].as_str()).flatten()
}

/// Snapshots of resources give their `id` as a plain string; the specification (R4 §2.26.3) says `id`.
fn is_resource_id(element: &Value) -> bool {
    element["base"]["path"] == "Resource.id"
}

/// The FHIR type of an element whose type is given as one of `FHIRPath`.
fn fhir_type(of_type: &Value) -> Option<&str> {
    let extensions = of_type["extension"].as_array()?;
    let fhir_type = extensions.iter().find(|extension| {
        extension["url"] == "http://hl7.org/fhir/StructureDefinition/structuredefinition-fhir-type"
    })?;
    fhir_type["valueUrl"].as_str()
}

fn elements(definition: &Value) -> Result<impl Iterator<Item = &Value>, Box<dyn Error>> {
    let elements = definition["snapshot"]["element"].as_array().ok_or("a definition has no snapshot")?;
    Ok(elements.iter())
}

fn types(element: &Value) -> impl Iterator<Item = &Value> {
    element["type"].as_array().into_iter().flatten()
}

fn text<'a>(object: &'a Value, member: &str) -> Result<&'a str, Box<dyn Error>> {
    object[member].as_str().ok_or_else(|| format!("`{member}` is missing").into())
}
