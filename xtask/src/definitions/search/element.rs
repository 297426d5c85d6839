//! The elements of R4's structures: where a step of a path leads, and of which data type it is.

use std::{collections::BTreeMap, error::Error, fmt};

use serde_json::Value;

use super::{super::package::Package, expression::Step};

/// A path to JSON members, as far as an element.
#[derive(Debug, Clone)]
pub(super) struct Root {
    /// As in the data file; empty for the resource itself.
    pub(super) path: String,
    /// The element's path in its structure definition.
    pub(super) element: String,
}

/// A path to values of one data type, as in the data file.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Path {
    members: String,
    /// The family of data types that are read alike.
    pub(super) data_type: String,
    /// The code system of a `code`, where its value set draws on one only.
    system: Option<String>,
}

impl fmt::Display for Path {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let path = if self.members.is_empty() { "." } else { &self.members };
        write!(formatter, "{path}:{}", self.data_type)?;
        match &self.system {
            Some(system) => write!(formatter, "@{system}"),
            None => Ok(()),
        }
    }
}

/// One element of a structure.
struct Element {
    types: Vec<String>,
    /// Where the children are, for an element that repeats the content of another.
    content: Option<String>,
    system: Option<String>,
}

/// Every element of every resource and data type, by its path.
pub(super) struct Elements {
    by_path: BTreeMap<String, Element>,
}

/// A place that a path has reached.
#[derive(Clone)]
struct Place {
    path: String,
    /// The path of the element whose children come next.
    element: String,
    /// For an element of several types the types that remain.
    types: Vec<String>,
    is_choice: bool,
    system: Option<String>,
}

impl Elements {
    pub(super) fn read(package: &Package) -> Result<Self, Box<dyn Error>> {
        let systems = systems_by_value_set(package)?;
        let mut by_path = BTreeMap::new();
        for structure in package.resources("StructureDefinition")? {
            // Profiles constrain the elements of their base.
            if structure["derivation"] == "constraint" || structure["kind"] == "logical" {
                continue;
            }
            for element in structure["snapshot"]["element"].as_array().into_iter().flatten() {
                let path = element["path"].as_str().ok_or("an element has no path")?;
                by_path.insert(path.to_owned(), read_element(element, &systems));
            }
        }
        Ok(Self { by_path })
    }

    /// The element that a union's part leads to from the type `base`; `None` if the part is another type's.
    pub(super) fn element(&self, base: &str, steps: &[Step]) -> Result<Option<Root>, Box<dyn Error>> {
        let found = self.walk(base, base, steps)?;
        Ok(found.map(|place| Root { path: place.path, element: place.element }))
    }

    /// The typed paths that a union's part leads to from the element `root` of the type `base`; none if the
    /// part is another type's.
    pub(super) fn typed_paths(
        &self,
        root: &str,
        base: &str,
        steps: &[Step],
    ) -> Result<Vec<Path>, Box<dyn Error>> {
        let Some(place) = self.walk(root, base, steps)? else {
            return Ok(Vec::new());
        };
        let is_deceased = steps.last() == Some(&Step::IsTrueOrPresent);
        if is_deceased {
            let Some((parent, name)) = place.path.rsplit_once('.').or(Some(("", place.path.as_str()))) else {
                return Err("the resource itself is always present".into());
            };
            if name != "deceased" {
                return Err(format!("presence of `{name}` is not supported").into());
            }
            return Ok(vec![Path { members: parent.to_owned(), data_type: name.to_owned(), system: None }]);
        }
        let typed = |data_type: &String| Path {
            members: if place.is_choice { chosen(&place.path, data_type) } else { place.path.clone() },
            data_type: family(data_type).to_owned(),
            system: place.system.clone().filter(|_| data_type == "code"),
        };
        Ok(place.types.iter().map(typed).collect())
    }

    fn walk(&self, root: &str, base: &str, steps: &[Step]) -> Result<Option<Place>, Box<dyn Error>> {
        let mut place = self.start(root);
        for (position, step) in steps.iter().enumerate() {
            match step {
                Step::Element(name) if position == 0 && is_type(name) => {
                    if name != base && !matches!(name.as_str(), "Resource" | "DomainResource") {
                        return Ok(None);
                    }
                }
                Step::Element(name) => place = self.child(&place, name)?,
                Step::Resource => place = Place { path: "/".to_owned(), ..self.start(base) },
                Step::Cast(data_type) => cast(&mut place, data_type)?,
                Step::First => place.path.push_str("[0]"),
                Step::WhereEquals(element, text) => place.path.extend(["[", element, "=", text, "]"]),
                Step::WhereHasExtension(url) => place.path.extend(["[~", url, "]"]),
                Step::WhereRefersTo(resource_type) => place.path.extend(["[>", resource_type, "]"]),
                Step::IsTrueOrPresent => {}
            }
        }
        Ok(Some(place))
    }

    fn start(&self, root: &str) -> Place {
        let (path, element) = (String::new(), root.to_owned());
        let types = self.by_path.get(root).map(|element| element.types.clone()).unwrap_or_default();
        Place { path, element, types, is_choice: false, system: None }
    }

    fn child(&self, place: &Place, name: &str) -> Result<Place, Box<dyn Error>> {
        let parent = self.children_of(place)?;
        let path = match place.path.as_str() {
            "" | "/" => format!("{}{name}", place.path),
            path => format!("{path}.{name}"),
        };
        let plain = format!("{parent}.{name}");
        let (element, is_choice) =
            if self.by_path.contains_key(&plain) { (plain, false) } else { (format!("{plain}[x]"), true) };
        let Some(found) = self.by_path.get(&element) else {
            return Err(format!("{parent} has no element {name}").into());
        };
        let (types, system) = (found.types.clone(), found.system.clone());
        Ok(Place { path, element, types, is_choice, system })
    }

    /// The path below which the children of a place are defined.
    fn children_of(&self, place: &Place) -> Result<String, Box<dyn Error>> {
        if let Some(content) = self.by_path.get(&place.element).and_then(|element| element.content.as_ref()) {
            return Ok(content.clone());
        }
        match place.types.as_slice() {
            [only] if self.by_path.contains_key(only) && !is_backbone(only) => Ok(only.clone()),
            [] => Ok(place.element.clone()),
            [only] if is_backbone(only) => Ok(place.element.clone()),
            _ => Err(format!("{} is of several types", place.path).into()),
        }
    }
}

fn read_element(element: &Value, systems: &BTreeMap<String, String>) -> Element {
    let code = |data_type: &Value| data_type["code"].as_str().map(str::to_owned);
    let types = element["type"].as_array().into_iter().flatten().filter_map(code).collect();
    let content = element["contentReference"].as_str().and_then(|content| content.strip_prefix('#'));
    let value_set = element["binding"]["valueSet"].as_str().unwrap_or_default();
    let value_set = value_set.split('|').next().unwrap_or_default();
    Element { types, content: content.map(str::to_owned), system: systems.get(value_set).cloned() }
}

/// The code system of each value set that draws on one only.
fn systems_by_value_set(package: &Package) -> Result<BTreeMap<String, String>, Box<dyn Error>> {
    let mut systems = BTreeMap::new();
    for value_set in package.resources("ValueSet")? {
        let includes = value_set["compose"]["include"].as_array().map(Vec::as_slice).unwrap_or_default();
        let [include] = includes else { continue };
        if let (Some(url), Some(system)) = (value_set["url"].as_str(), include["system"].as_str()) {
            systems.insert(url.to_owned(), system.to_owned());
        }
    }
    Ok(systems)
}

fn cast(place: &mut Place, data_type: &str) -> Result<(), Box<dyn Error>> {
    // R4 writes `DateTime` once.
    let is_wanted = |candidate: &String| candidate.eq_ignore_ascii_case(data_type);
    let Some(found) = place.types.iter().find(|candidate| is_wanted(candidate)).cloned() else {
        return Err(format!("{} is never of type {data_type}", place.path).into());
    };
    if place.is_choice {
        place.path = chosen(&place.path, &found);
        place.is_choice = false;
    }
    place.types = vec![found];
    Ok(())
}

/// The member name of a choice: `valueQuantity`.
fn chosen(path: &str, data_type: &str) -> String {
    let mut letters = data_type.chars();
    let first = letters.next().map(|letter| letter.to_ascii_uppercase());
    format!("{path}{}{}", first.map(String::from).unwrap_or_default(), letters.as_str())
}

fn is_backbone(data_type: &str) -> bool {
    matches!(data_type, "BackboneElement" | "Element")
}

/// Data types that are read alike go by one name.
fn family(data_type: &str) -> &str {
    match data_type {
        "markdown" => "string",
        "id" | "http://hl7.org/fhirpath/System.String" => "code",
        "positiveInt" | "unsignedInt" => "integer",
        "url" | "oid" | "uuid" => "uri",
        "Age" | "Count" | "Distance" | "Duration" | "SimpleQuantity" | "MoneyQuantity" => "Quantity",
        other => other,
    }
}

/// Whether a path's first name is that of a type: elements begin with a small letter.
fn is_type(name: &str) -> bool {
    name.starts_with(|letter: char| letter.is_ascii_uppercase())
}
