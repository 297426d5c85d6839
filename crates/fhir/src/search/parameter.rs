//! The search parameters of each resource type.

use crate::ResourceType;

/// A search parameter of one resource type. Stable: databases keep it. R4's own parameters come first,
/// in the order (type, code); MedCor's additions for names have numbers from 60,000.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ParameterId(pub u16);

/// How a parameter's values are compared (FHIR R4 §3.1.1.4).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum SearchKind {
    /// `number`.
    Number,
    /// `date`.
    Date,
    /// `string`.
    String,
    /// `token`.
    Token,
    /// `reference`.
    Reference,
    /// `composite`.
    Composite,
    /// `quantity`.
    Quantity,
    /// `uri`.
    Uri,
    /// `special`: has rules of its own.
    Special,
}

/// One search parameter of one type.
#[derive(Debug)]
pub struct SearchParameter {
    /// Its stable number.
    pub id: ParameterId,
    /// The type it searches.
    pub resource_type: ResourceType,
    /// Its code, such as `birthdate`.
    pub code: &'static str,
    /// How values are compared.
    pub kind: SearchKind,
    /// For references: what they may point to.
    pub targets: Vec<ResourceType>,
    /// For composites: the components, in order.
    pub components: Vec<Component>,
}

/// One component of a composite parameter: how its value is compared.
#[derive(Debug)]
pub struct Component {
    /// The component's own kind.
    pub kind: SearchKind,
}

/// All parameters of this type, in order of code. `_id`, `_lastUpdated` and the other parameters of
/// every type are handled by [`super::query`] and are not listed here unless R4 defines a path for them.
pub fn parameters(_resource_type: ResourceType) -> &'static [SearchParameter] {
    todo!()
}

/// The parameter of this code.
pub fn parameter(_resource_type: ResourceType, _code: &str) -> Option<&'static SearchParameter> {
    todo!()
}

/// The parameter with this number.
pub fn parameter_by_id(_id: ParameterId) -> Option<&'static SearchParameter> {
    todo!()
}
