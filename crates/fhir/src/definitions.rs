//! HL7's R4 definitions, compiled by `cargo xtask definitions` into data files beside this module.
//!
//! What a resource or data type consists of: read once, on first use, into tables that borrow their names
//! from the data file.

mod read;

use std::{borrow::Cow, sync::LazyLock};

use crate::{ResourceType, validate::invariant::Invariant};

/// Every structure of R4.
pub(crate) static DEFINITIONS: LazyLock<Definitions> =
    LazyLock::new(|| read::definitions(include_str!("definitions/structures.txt")));

/// Reads the definitions now, so that the first validation need not wait a few milliseconds for them.
pub fn load() {
    LazyLock::force(&DEFINITIONS);
}

/// Choices such as `value[x]` in one structure, at most. `ElementDefinition` has the most.
pub(crate) const CHOICES_MAX: usize = 8;

/// The structures of all resources and data types, and the value sets they are bound to.
pub(crate) struct Definitions {
    structures: Box<[Structure]>,
    value_sets: Box<[ValueSet]>,
    /// By code of the resource type.
    resources: Box<[StructureId]>,
    element: StructureId,
}

impl Definitions {
    pub(crate) fn structure(&self, id: StructureId) -> &Structure {
        &self.structures[usize::from(id.0)]
    }

    pub(crate) fn resource(&self, resource_type: ResourceType) -> &Structure {
        self.structure(self.resources[usize::from(resource_type.code())])
    }

    /// What the companion of a primitive (`_birthDate`) consists of.
    pub(crate) fn element(&self) -> &Structure {
        self.structure(self.element)
    }

    pub(crate) fn value_set(&self, id: ValueSetId) -> &ValueSet {
        &self.value_sets[usize::from(id.0)]
    }
}

/// The position of a structure in the table.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct StructureId(u16);

/// The position of a value set in the table.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct ValueSetId(u16);

/// A resource, a data type, or an object nested in one, such as `Patient.contact`.
pub(crate) struct Structure {
    pub(crate) name: &'static str,
    /// By length of name, then by name: most comparisons of a search then compare two numbers.
    elements: Box<[Element]>,
    /// What must be there, one bit each.
    pub(crate) required: u64,
    /// Whether it is a resource, which names its type.
    pub(crate) is_resource: bool,
    /// Whether it is a `Reference`, which has rules of its own.
    pub(crate) is_reference: bool,
    pub(crate) invariants: Vec<&'static Invariant>,
}

impl Structure {
    /// The element with this name in JSON.
    pub(crate) fn element(&self, name: &str) -> Option<&Element> {
        let key = (name.len(), name);
        let found = self.elements.binary_search_by(|element| (element.name.len(), &*element.name).cmp(&key));
        found.ok().map(|position| &self.elements[position])
    }

    pub(crate) fn elements(&self) -> &[Element] {
        &self.elements
    }
}

/// One member that a structure may have. A choice is one element for each of its types.
#[derive(Clone)]
pub(crate) struct Element {
    /// The name in JSON: `valueQuantity`.
    pub(crate) name: Cow<'static, str>,
    /// The name in `FHIRPath`: `value`.
    pub(crate) path_name: &'static str,
    pub(crate) kind: Kind,
    pub(crate) is_list: bool,
    /// The bit in [`Structure::required`], or 0. The types of a choice share one.
    pub(crate) required_bit: u64,
    /// Which choice of its structure it belongs to.
    pub(crate) choice: Option<u8>,
    /// What its codes must come from.
    pub(crate) value_set: Option<ValueSetId>,
    /// The types that a reference may point to.
    pub(crate) targets: Targets,
}

/// What the value of an element is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Primitive(Primitive),
    Object(StructureId),
    /// Any resource.
    Resource,
}

/// The primitive types of R4 (§2.24.0.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Primitive {
    Base64Binary,
    Boolean,
    Canonical,
    Code,
    Date,
    DateTime,
    Decimal,
    Id,
    Instant,
    Integer,
    Markdown,
    Oid,
    PositiveInt,
    String,
    Time,
    UnsignedInt,
    Uri,
    Url,
    Uuid,
    Xhtml,
}

impl Primitive {
    fn from_name(name: &str) -> Option<Self> {
        Some(match name {
            "base64Binary" => Self::Base64Binary,
            "boolean" => Self::Boolean,
            "canonical" => Self::Canonical,
            "code" => Self::Code,
            "date" => Self::Date,
            "dateTime" => Self::DateTime,
            "decimal" => Self::Decimal,
            "id" => Self::Id,
            "instant" => Self::Instant,
            "integer" => Self::Integer,
            "markdown" => Self::Markdown,
            "oid" => Self::Oid,
            "positiveInt" => Self::PositiveInt,
            "string" => Self::String,
            "time" => Self::Time,
            "unsignedInt" => Self::UnsignedInt,
            "uri" => Self::Uri,
            "url" => Self::Url,
            "uuid" => Self::Uuid,
            "xhtml" => Self::Xhtml,
            _ => return None,
        })
    }
}

/// The resource types that a reference may point to, one bit each; none means any.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Targets([u64; 3]);

impl Targets {
    fn insert(&mut self, resource_type: ResourceType) {
        let code = usize::from(resource_type.code());
        self.0[code / 64] |= 1 << (code % 64);
    }

    pub(crate) fn allow(&self, resource_type: ResourceType) -> bool {
        self.allow_any() || self.names(resource_type)
    }

    pub(crate) fn allow_any(&self) -> bool {
        self.0 == [0; 3]
    }

    /// The types named, in alphabetical order.
    pub(crate) fn iter(self) -> impl Iterator<Item = ResourceType> {
        ResourceType::all().filter(move |resource_type| self.names(*resource_type))
    }

    fn names(&self, resource_type: ResourceType) -> bool {
        let code = usize::from(resource_type.code());
        self.0[code / 64] & (1 << (code % 64)) != 0
    }
}

/// The codes of a required binding.
pub(crate) struct ValueSet {
    pub(crate) name: &'static str,
    /// Empty where the server checks the form of a code only: languages, currencies, units, MIME types.
    pub(crate) systems: Vec<SystemCodes>,
}

/// The codes that one code system contributes.
pub(crate) struct SystemCodes {
    pub(crate) system: &'static str,
    /// In alphabetical order.
    pub(crate) codes: Box<[&'static str]>,
}

impl ValueSet {
    pub(crate) fn has_code(&self, code: &str) -> bool {
        self.systems.iter().any(|codes| codes.codes.binary_search(&code).is_ok())
    }

    pub(crate) fn has_coding(&self, system: &str, code: &str) -> bool {
        self.systems.iter().any(|codes| codes.system == system && codes.codes.binary_search(&code).is_ok())
    }

    pub(crate) fn codes(&self) -> impl Iterator<Item = &'static str> {
        self.systems.iter().flat_map(|codes| codes.codes.iter().copied())
    }
}

#[cfg(test)]
mod tests {
    use super::{CHOICES_MAX, DEFINITIONS, Kind, Primitive};
    use crate::ResourceType;

    #[test]
    fn every_resource_type_has_a_structure_of_its_name() {
        for resource_type in ResourceType::all() {
            assert_eq!(DEFINITIONS.resource(resource_type).name, resource_type.name());
        }
    }

    #[test]
    fn a_choice_is_one_element_for_each_type() {
        let observation = DEFINITIONS.resource(ResourceType::OBSERVATION);
        let value = observation.element("valueQuantity").expect("Observation has it");
        assert_eq!(value.path_name, "value");
        let Kind::Object(quantity) = value.kind else { panic!("a Quantity is an object") };
        assert_eq!(DEFINITIONS.structure(quantity).name, "Quantity");
        let value = observation.element("valueDateTime").expect("Observation has it");
        assert_eq!(value.kind, Kind::Primitive(Primitive::DateTime));
        assert!(observation.element("valueAddress").is_none());
        assert!(observation.element("value").is_none());
    }

    #[test]
    fn no_structure_has_more_choices_than_the_walk_can_watch() {
        let choices = DEFINITIONS.structures.iter().flat_map(|structure| &structure.elements);
        let most = choices.filter_map(|element| element.choice).max();
        assert!(most.is_some_and(|most| usize::from(most) < CHOICES_MAX));
    }
}
