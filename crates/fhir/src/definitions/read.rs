//! Reads `structures.txt`. The file is part of the program and a test keeps it whole, so a broken line is a
//! bug and panics.

use std::{borrow::Cow, collections::HashMap, iter::Peekable, str::Lines};

use super::{
    Definitions, Element, Kind, Primitive, Structure, StructureId, SystemCodes, Targets, ValueSet, ValueSetId,
};
use crate::{ResourceType, validate::invariant};

pub(super) fn definitions(text: &'static str) -> Definitions {
    let mut reader = Reader {
        lines: text.lines().peekable(),
        open_types: "",
        value_set_ids: HashMap::new(),
        structure_ids: structure_ids(text),
    };
    let mut value_sets = Vec::new();
    let mut structures: Vec<Structure> = Vec::with_capacity(reader.structure_ids.len());
    while let Some(line) = reader.lines.next() {
        match line.split_once(' ') {
            Some(("open", types)) => reader.open_types = types,
            Some(("valueset", name)) => {
                reader.value_set_ids.insert(name, ValueSetId(small(value_sets.len())));
                value_sets.push(reader.value_set(name));
            }
            Some(("structure", rest)) => {
                let (name, base) = rest.split_once(' ').expect("a structure names its base");
                let base = reader.structure_ids.get(base).map(|id| &*structures[usize::from(id.0)].elements);
                let structure = reader.structure(name, base.unwrap_or_default());
                structures.push(structure);
            }
            _ => unreachable!("structures.txt has a line of an unknown kind"),
        }
    }
    let resources =
        ResourceType::all().map(|resource_type| reader.structure_ids[resource_type.name()]).collect();
    let element = reader.structure_ids["Element"];
    Definitions { structures: structures.into(), value_sets: value_sets.into(), resources, element }
}

/// Structures refer to one another in circles, so their positions are known before they are read.
fn structure_ids(text: &'static str) -> HashMap<&'static str, StructureId> {
    let lines = text.lines().filter_map(|line| line.strip_prefix("structure "));
    let names = lines.map(|line| line.split(' ').next().unwrap_or_default());
    names.enumerate().map(|(position, name)| (name, StructureId(small(position)))).collect()
}

struct Reader {
    lines: Peekable<Lines<'static>>,
    open_types: &'static str,
    value_set_ids: HashMap<&'static str, ValueSetId>,
    structure_ids: HashMap<&'static str, StructureId>,
}

impl Reader {
    /// The next line that belongs to the entry above it.
    fn indented(&mut self) -> Option<&'static str> {
        let line = self.lines.next_if(|line| line.starts_with(' '))?;
        line.strip_prefix(' ')
    }

    fn value_set(&mut self, name: &'static str) -> ValueSet {
        let mut systems = Vec::new();
        while let Some(line) = self.indented() {
            let mut words = line.split(' ');
            let system = words.next().expect("a line of codes names its code system");
            systems.push(SystemCodes { system, codes: words.collect() });
        }
        ValueSet { name, systems }
    }

    fn structure(&mut self, name: &'static str, inherited: &[Element]) -> Structure {
        let mut elements = inherited.to_vec();
        while let Some(line) = self.indented() {
            let mut words = line.split(' ');
            let element = words.next().expect("a line names an element");
            let path_name = element.strip_suffix("[x]").unwrap_or(element);
            elements.retain(|inherited| inherited.path_name != path_name);
            self.add_element(&mut elements, element, words);
        }
        elements.sort_by(|left, right| (left.name.len(), &left.name).cmp(&(right.name.len(), &right.name)));
        let required = number_required(&mut elements);
        let is_reference = name == "Reference";
        let is_resource = ResourceType::from_name(name).is_some();
        let invariants = invariant::of(name);
        Structure { name, elements: elements.into(), required, is_resource, is_reference, invariants }
    }

    fn add_element(
        &self,
        elements: &mut Vec<Element>,
        name: &'static str,
        mut words: impl Iterator<Item = &'static str>,
    ) {
        let cardinality = words.next().expect("a line has a cardinality");
        if cardinality.ends_with("..0") {
            return;
        }
        let (types, bindings): (Vec<_>, Vec<_>) = words.partition(|word| !word.starts_with('!'));
        let path_name = name.strip_suffix("[x]").unwrap_or(name);
        let is_choice = path_name.len() < name.len();
        let next_choice =
            elements.iter().filter_map(|element| element.choice).max().map_or(0, |last| last + 1);
        let types: Vec<&str> = match types[..] {
            ["*"] => self.open_types.split(' ').collect(),
            _ => types,
        };
        for of_type in types {
            let (of_type, targets) = of_type.split_once('(').unwrap_or((of_type, ""));
            elements.push(Element {
                name: if is_choice { choice_name(path_name, of_type) } else { Cow::Borrowed(name) },
                path_name,
                kind: self.kind(of_type),
                is_list: cardinality.ends_with('*'),
                required_bit: u64::from(cardinality.starts_with('1')),
                choice: is_choice.then_some(next_choice),
                value_set: bindings.first().map(|binding| self.value_set_ids[&binding[1..]]),
                targets: targets_of(targets.trim_end_matches(')')),
            });
        }
    }

    fn kind(&self, of_type: &str) -> Kind {
        if of_type == "Resource" {
            return Kind::Resource;
        }
        let structure = of_type.strip_prefix('@').unwrap_or(of_type);
        match Primitive::from_name(structure) {
            Some(primitive) => Kind::Primitive(primitive),
            None => Kind::Object(self.structure_ids[structure]),
        }
    }
}

/// Gives each required element a bit of its own, the types of a choice one together.
fn number_required(elements: &mut [Element]) -> u64 {
    let mut names: Vec<&str> = Vec::new();
    let mut required = 0;
    for element in elements.iter_mut().filter(|element| element.required_bit != 0) {
        let position = names.iter().position(|name| *name == element.path_name).unwrap_or_else(|| {
            names.push(element.path_name);
            names.len() - 1
        });
        element.required_bit = 1 << position;
        required |= element.required_bit;
    }
    required
}

/// `value` and `dateTime` give `valueDateTime`.
fn choice_name(path_name: &str, of_type: &str) -> Cow<'static, str> {
    let mut name = String::with_capacity(path_name.len() + of_type.len());
    name.push_str(path_name);
    name.extend(of_type.chars().take(1).map(|letter| letter.to_ascii_uppercase()));
    name.extend(of_type.chars().skip(1));
    name.into()
}

fn targets_of(names: &str) -> Targets {
    let mut targets = Targets::default();
    for name in names.split('|').filter(|name| !name.is_empty()) {
        targets.insert(ResourceType::from_name(name).expect("a target is an R4 resource type"));
    }
    targets
}

fn small(number: usize) -> u16 {
    u16::try_from(number).expect("R4 has fewer than 65536 structures")
}
