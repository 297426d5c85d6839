//! Validation of one resource against the R4 definitions, all problems at once.

mod bundle;
mod code;
mod contained;
mod format;
pub(crate) mod invariant;
mod narrative;
pub(crate) mod place;
mod reference;
pub(crate) mod spelling;
mod walk;

use serde_json::{Map, Value};

use crate::ParsedResource;

/// Most problems reported for one resource.
pub const PROBLEMS_MAX: usize = 100;

/// One thing that is wrong, and where.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct Problem {
    /// The FHIRPath of the place, such as `Patient.contact[0].gender`. A choice stands without its type
    /// (`Observation.value`), an unknown element as it came.
    pub path: String,
    /// What kind of problem it is.
    pub kind: ProblemKind,
    /// What is wrong and what was expected. Never repeats free text of the resource.
    pub message: String,
}

impl Problem {
    pub(crate) fn new(path: impl Into<String>, kind: ProblemKind, message: impl Into<String>) -> Self {
        Self { path: path.into(), kind, message: message.into() }
    }
}

/// The kinds of problem, named for the FHIR `issue-type` they are reported as.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum ProblemKind {
    /// Not JSON, duplicate key, wrong JSON kind, unknown element, too many or too few.
    Structure,
    /// A required element is absent.
    Required,
    /// A primitive of the wrong format.
    Value,
    /// A code outside a required binding.
    CodeInvalid,
    /// A reference to a type that is not allowed here.
    Reference,
    /// An invariant does not hold.
    Invariant,
    /// Too large, too deep, too many.
    TooCostly,
}

/// Every problem of this resource; empty when it is valid R4.
///
/// Resources inside it (contained ones, entries of a Bundle, parameters) are validated with it. Of more than
/// [`PROBLEMS_MAX`] problems the first are listed, and a last one says that there are more.
pub fn validate(resource: &ParsedResource) -> Vec<Problem> {
    walk::problems(resource.resource_type(), resource.value())
}

/// The members of a JSON object.
type Object = Map<String, Value>;
