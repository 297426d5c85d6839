//! The walk through a resource, beside the definitions of what it may consist of.

use std::collections::HashMap;

use serde_json::Value;

use super::{
    Object, PROBLEMS_MAX, Problem, ProblemKind, bundle, code, contained, format,
    place::Place,
    reference,
    spelling::{shown, suggestion},
};
use crate::{
    ResourceType,
    definitions::{CHOICES_MAX, DEFINITIONS, Definitions, Element, Kind, Primitive, Structure},
    resource::resource_type_of,
};

pub(super) fn problems(resource_type: ResourceType, value: &Value) -> Vec<Problem> {
    let mut walk =
        Walk { definitions: &DEFINITIONS, problems: Vec::new(), container: None, contained_types: None };
    walk.resource(value, &Place::Root(resource_type.name()));
    walk.problems
}

pub(super) struct Walk<'v> {
    definitions: &'static Definitions,
    problems: Vec<Problem>,
    /// Where a reference such as `#x` is looked up: the resource itself, or the one that contains it.
    container: Option<&'v Object>,
    /// What the container contains, by id; gathered when the first such reference is met.
    contained_types: Option<HashMap<&'v str, Option<ResourceType>>>,
}

/// An object, beside what it may consist of.
#[derive(Clone, Copy)]
struct Node<'v, 'a> {
    structure: &'static Structure,
    object: &'v Object,
    place: &'a Place<'a>,
}

impl<'v> Walk<'v> {
    pub(super) fn report(&mut self, place: &Place<'_>, kind: ProblemKind, message: impl Into<String>) {
        let listed = self.problems.len() + 1;
        if listed < PROBLEMS_MAX {
            self.problems.push(Problem::new(place.to_string(), kind, message));
        } else if listed == PROBLEMS_MAX {
            let message = format!("more than {} problems; the rest is not listed", PROBLEMS_MAX - 1);
            self.problems.push(Problem::new(place.to_string(), ProblemKind::TooCostly, message));
        }
    }

    /// Whether nothing more would be listed: hostile text has more problems than are worth the time.
    fn is_full(&self) -> bool {
        self.problems.len() >= PROBLEMS_MAX
    }

    /// What the resource walked through, or its container, contains.
    pub(super) fn contained_types(&mut self) -> &HashMap<&'v str, Option<ResourceType>> {
        let container = self.container;
        self.contained_types.get_or_insert_with(|| container.map(contained::types).unwrap_or_default())
    }

    /// A resource that stands alone: `#x` in it means what it contains itself.
    fn resource(&mut self, value: &'v Value, place: &Place<'_>) {
        let outer = std::mem::replace(&mut self.container, value.as_object());
        let outer_types = self.contained_types.take();
        self.contained_resource(value, place);
        self.container = outer;
        self.contained_types = outer_types;
    }

    /// A resource within the container.
    fn contained_resource(&mut self, value: &'v Value, place: &Place<'_>) {
        let resource_type = match resource_type_of(value, place) {
            Ok(resource_type) => resource_type,
            Err(Problem { path, kind, message }) => return self.report(&Place::Root(&path), kind, message),
        };
        let Some(object) = value.as_object() else { return };
        self.members(Node { structure: self.definitions.resource(resource_type), object, place });
        if object.contains_key("contained") {
            contained::check(self, object, place);
        }
        if resource_type == ResourceType::BUNDLE {
            bundle::check(self, object, place);
        }
    }

    fn members(&mut self, node: Node<'v, '_>) {
        let Node { structure, object, place } = node;
        let has_companions = object.keys().any(|name| name.starts_with('_'));
        let mut tally = Tally::default();
        for (name, value) in object {
            if self.is_full() {
                return;
            }
            let Some(element) = structure.element(name) else {
                self.other_member(node, name, value, &mut tally);
                continue;
            };
            let may_have_companion = has_companions && matches!(element.kind, Kind::Primitive(_));
            let companion = if may_have_companion { object.get(&format!("_{name}")) } else { None };
            let values = Values { value: Some(value), companion };
            let is_present = self.element(element, values, &Place::Member(place, element.path_name));
            self.count(node, element, is_present, &mut tally);
        }
        if structure.required & !tally.present != 0 {
            self.report_missing(node, structure.required & !tally.present);
        }
        for invariant in &structure.invariants {
            if !(invariant.holds)(object) {
                let message = format!("{}: {}", invariant.key, invariant.rule);
                self.report(place, ProblemKind::Invariant, message);
            }
        }
    }

    /// A member that is no element by its name.
    fn other_member(&mut self, node: Node<'v, '_>, name: &str, value: &'v Value, tally: &mut Tally) {
        let Node { structure, object, place } = node;
        if name == "resourceType" && structure.is_resource {
            return;
        }
        let primitive_name = name.strip_prefix('_').unwrap_or_default();
        let Some(element) = structure.element(primitive_name) else {
            return self.report(
                &Place::Member(place, name),
                ProblemKind::Structure,
                unknown_element(structure, name),
            );
        };
        if !matches!(element.kind, Kind::Primitive(_)) {
            let message = format!("`{primitive_name}` is no primitive: its extensions stand in itself");
            return self.report(&Place::Member(place, name), ProblemKind::Structure, message);
        }
        if object.contains_key(primitive_name) {
            // It was seen together with its value.
            return;
        }
        let values = Values { value: None, companion: Some(value) };
        let is_present = self.element(element, values, &Place::Member(place, element.path_name));
        self.count(node, element, is_present, tally);
    }

    fn count(&mut self, node: Node<'v, '_>, element: &Element, is_present: bool, tally: &mut Tally) {
        if is_present {
            tally.present |= element.required_bit;
        }
        let Some(chosen) = element.choice.and_then(|choice| tally.chosen.get_mut(usize::from(choice))) else {
            return;
        };
        *chosen += 1;
        if *chosen == 2 {
            let message = format!("only one of its types may be given, such as `{}`", element.name);
            self.report(&Place::Member(node.place, element.path_name), ProblemKind::Structure, message);
        }
    }

    fn report_missing(&mut self, node: Node<'v, '_>, missing: u64) {
        let mut reported = 0;
        for element in node.structure.elements() {
            let is_new = element.required_bit & missing & !reported != 0;
            if is_new {
                reported |= element.required_bit;
                let choice = if element.choice.is_some() { "[x]" } else { "" };
                let message =
                    format!("`{}{choice}` is required in {}", element.path_name, node.structure.name);
                self.report(&Place::Member(node.place, element.path_name), ProblemKind::Required, message);
            }
        }
    }

    /// Whether there is something: a value, or for a primitive an extension in its place.
    fn element(&mut self, element: &Element, values: Values<'v>, place: &Place<'_>) -> bool {
        if !element.is_list {
            return self.one(element, values, place);
        }
        let (Some(items), Some(companions)) =
            (self.items(values.value, place), self.items(values.companion, place))
        else {
            return true;
        };
        if let Kind::Primitive(_) = element.kind {
            return self.primitives(element, items, companions, place);
        }
        for (index, item) in items.iter().enumerate() {
            let values = Values { value: Some(item), companion: None };
            self.one(element, values, &Place::Item(place, index));
        }
        !items.is_empty()
    }

    fn items(&mut self, value: Option<&'v Value>, place: &Place<'_>) -> Option<&'v [Value]> {
        match value {
            None => Some(&[]),
            Some(Value::Array(items)) if items.is_empty() => {
                self.report(
                    place,
                    ProblemKind::Structure,
                    "an array has at least one item; leave the element out",
                );
                Some(&[])
            }
            Some(Value::Array(items)) => Some(items),
            Some(value) => {
                let message = format!("expected an array, not {}", json_kind(value));
                self.report(place, ProblemKind::Structure, message);
                None
            }
        }
    }

    fn one(&mut self, element: &Element, values: Values<'v>, place: &Place<'_>) -> bool {
        let value = match element.kind {
            Kind::Primitive(primitive) => return self.primitive(element, primitive, values, place),
            Kind::Resource => {
                let Some(value) = values.value else { return false };
                if element.path_name == "contained" {
                    self.contained_resource(value, place);
                } else {
                    self.resource(value, place);
                }
                return true;
            }
            Kind::Object(id) => (self.definitions.structure(id), values.value),
        };
        let (structure, Some(value)) = value else { return false };
        let Some(object) = self.object(structure, value, place) else { return true };
        self.members(Node { structure, object, place });
        if structure.is_reference {
            reference::check(self, object, element.targets, place);
        } else if let Some(value_set) = element.value_set {
            code::check_concept(self, object, self.definitions.value_set(value_set), place);
        }
        true
    }

    fn object(&mut self, structure: &Structure, value: &'v Value, place: &Place<'_>) -> Option<&'v Object> {
        let Value::Object(object) = value else {
            let message = format!("expected an object ({}), not {}", structure.name, json_kind(value));
            self.report(place, ProblemKind::Structure, message);
            return None;
        };
        let has_content = object.keys().any(|name| name != "id");
        if !has_content {
            let message = "ele-1: an object has at least one member besides `id`; leave the element out";
            self.report(place, ProblemKind::Invariant, message);
        }
        Some(object)
    }

    fn primitives(
        &mut self,
        element: &Element,
        items: &'v [Value],
        companions: &'v [Value],
        place: &Place<'_>,
    ) -> bool {
        let Kind::Primitive(primitive) = element.kind else { return false };
        let are_aligned = items.is_empty() || companions.is_empty() || items.len() == companions.len();
        if !are_aligned {
            let message =
                format!("`{0}` and `_{0}` have as many items each, null where there is none", element.name);
            self.report(place, ProblemKind::Structure, message);
        }
        let mut is_present = false;
        for index in 0..items.len().max(companions.len()) {
            let given = |values: &'_ [Value]| values.get(index).is_some_and(|value| !value.is_null());
            let place = Place::Item(place, index);
            if !given(items) && !given(companions) {
                self.report(
                    &place,
                    ProblemKind::Structure,
                    "null stands only where an extension replaces a value",
                );
                continue;
            }
            let values = Values {
                value: items.get(index).filter(|value| !value.is_null()),
                companion: companions.get(index).filter(|value| !value.is_null()),
            };
            is_present |= self.primitive(element, primitive, values, &place);
        }
        is_present
    }

    fn primitive(
        &mut self,
        element: &Element,
        primitive: Primitive,
        values: Values<'v>,
        place: &Place<'_>,
    ) -> bool {
        if let Some(value) = values.value {
            match format::problem(primitive, value) {
                Some((kind, message)) => self.report(place, kind, message),
                None => {
                    if let (Some(value_set), Some(code)) = (element.value_set, value.as_str()) {
                        code::check_code(self, code, self.definitions.value_set(value_set), place);
                    }
                }
            }
        }
        let has_extension =
            values.companion.is_some_and(|companion| self.companion(companion, values.value, place));
        values.value.is_some() || has_extension
    }

    /// What stands beside a primitive (`_birthDate`); whether it has extensions.
    fn companion(&mut self, companion: &'v Value, value: Option<&Value>, place: &Place<'_>) -> bool {
        let Value::Object(object) = companion else {
            let message = format!("expected an object beside the primitive, not {}", json_kind(companion));
            self.report(place, ProblemKind::Structure, message);
            return false;
        };
        let has_extension = object.contains_key("extension");
        if object.is_empty() || (value.is_none() && !has_extension) {
            let message = "ele-1: a primitive has a value or extensions";
            self.report(place, ProblemKind::Invariant, message);
        }
        self.members(Node { structure: self.definitions.element(), object, place });
        has_extension
    }
}

/// A member and, for a primitive, what stands beside it under its name with `_`.
#[derive(Clone, Copy)]
struct Values<'a> {
    value: Option<&'a Value>,
    companion: Option<&'a Value>,
}

/// What of a structure has been seen.
#[derive(Default)]
struct Tally {
    present: u64,
    chosen: [u8; CHOICES_MAX],
}

fn unknown_element(structure: &Structure, name: &str) -> String {
    let mut hint = suggestion(name, structure.elements().iter().map(|element| &*element.name));
    if hint.is_empty() {
        hint = choice_hint(structure, name).unwrap_or_default();
    }
    format!("`{}` is not an element of {}{hint}", shown(name), structure.name)
}

/// The names of the choice that `name` begins like: of `value[x]` for `valueFoo`.
fn choice_hint(structure: &Structure, name: &str) -> Option<String> {
    let choices = structure.elements().iter().filter(|element| element.choice.is_some());
    let begins_like = |element: &&Element| name.starts_with(element.path_name);
    let choice = choices.clone().filter(begins_like).max_by_key(|element| element.path_name.len())?.choice;
    let names: Vec<&str> =
        choices.filter(|element| element.choice == choice).map(|element| &*element.name).collect();
    (names.len() <= code::LISTED_MAX).then(|| format!("; it may have one of {}", names.join(", ")))
}

pub(super) fn json_kind(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "true or false",
        Value::Number(_) => "a number",
        Value::String(_) => "a string",
        Value::Array(_) => "an array",
        Value::Object(_) => "an object",
    }
}
