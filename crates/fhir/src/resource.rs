//! A resource as it came, beside its parsed form.

mod edit;
mod json;
mod members;
mod stamp;

use serde_json::Value;

pub use edit::RawObject;

use crate::{
    Id, Problem, ProblemKind, ResourceType,
    validate::{
        place::Place,
        spelling::{shown, suggestion},
    },
};

/// Most bytes of one resource.
pub const RESOURCE_BYTES_MAX: usize = 4 * 1024 * 1024;
/// Deepest nesting of one resource: objects and arrays inside one another, the resource itself included.
pub const RESOURCE_DEPTH_MAX: usize = 64;

/// A syntactically sound resource: the text as it came (decimals' precision and member order survive
/// in it) and the parsed value for validation and indexing.
#[derive(Debug, Clone)]
pub struct ParsedResource {
    resource_type: ResourceType,
    text: String,
    value: Value,
}

impl ParsedResource {
    /// Parses JSON text. Refuses bad JSON, duplicate keys, too deep or too large text, an absent or
    /// unknown `resourceType`; it does not validate content (see [`crate::validate::validate`]).
    pub fn parse(text: impl Into<String>) -> Result<Self, Vec<Problem>> {
        let text = text.into();
        if text.len() > RESOURCE_BYTES_MAX {
            return Err(vec![too_large()]);
        }
        let value = json::parse(&text)?;
        let resource_type =
            resource_type_of(&value, &Place::Root("Resource")).map_err(|problem| vec![problem])?;
        Ok(Self { resource_type, text, value })
    }

    /// Takes a value built by our own code; its text is its compact serialisation.
    pub fn from_value(value: Value) -> Result<Self, Vec<Problem>> {
        let resource_type =
            resource_type_of(&value, &Place::Root("Resource")).map_err(|problem| vec![problem])?;
        if depth(&value) > RESOURCE_DEPTH_MAX {
            return Err(vec![json::too_deep(resource_type.name().to_owned())]);
        }
        let text = value.to_string();
        if text.len() > RESOURCE_BYTES_MAX {
            return Err(vec![too_large()]);
        }
        Ok(Self { resource_type, text, value })
    }

    /// The resource type.
    pub fn resource_type(&self) -> ResourceType {
        self.resource_type
    }

    /// The `id` that it carries, if it is a valid one.
    pub fn id(&self) -> Option<Id> {
        self.value.get("id").and_then(Value::as_str).and_then(Id::new)
    }

    /// The text as it came.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// The text as it came, without a copy.
    pub fn into_text(self) -> String {
        self.text
    }

    /// The parsed value. Decimals may have lost trailing zeros; the text has not.
    pub fn value(&self) -> &Value {
        &self.value
    }

    /// The text with `id`, `meta.versionId` and `meta.lastUpdated` set and every other byte of every
    /// other member kept (other members of `meta` too).
    ///
    /// A member that is there is replaced where it stands; an absent `id` follows `resourceType`, an
    /// absent `meta` follows `id`. Stamping twice alike gives the same text.
    pub fn stamped(&self, id: &Id, version: u32, last_updated: &str) -> String {
        stamp::stamped(&self.text, id, version, last_updated)
    }

    /// A number that is equal for equal content: every member but `id`, `meta.versionId` and
    /// `meta.lastUpdated`, in their order and with their bytes.
    ///
    /// It is the same on every machine and in every release (FNV-1a, 128 bits), so it may be stored, and
    /// [`Self::stamped`] does not change it. White space between top-level members does not count. It
    /// tells an unchanged record from a changed one; it is no protection against forgery.
    pub fn content_hash(&self) -> u128 {
        stamp::content_hash(&self.text)
    }
}

/// The type that a resource says it is of; the problem, if it does not.
pub(crate) fn resource_type_of(value: &Value, place: &Place<'_>) -> Result<ResourceType, Problem> {
    let Some(object) = value.as_object() else {
        let message = "a resource is a JSON object";
        return Err(Problem::new(place.to_string(), ProblemKind::Structure, message));
    };
    let problem = |kind, message: &str| Problem::new(format!("{place}.resourceType"), kind, message);
    let Some(member) = object.get("resourceType") else {
        let message = "`resourceType` is missing: it names the type, such as \"Patient\"";
        return Err(problem(ProblemKind::Required, message));
    };
    let Some(name) = member.as_str() else {
        return Err(problem(ProblemKind::Structure, "`resourceType` is a JSON string"));
    };
    ResourceType::from_name(name).ok_or_else(|| {
        let suggestion = suggestion(name, ResourceType::all().map(ResourceType::name));
        let message = format!("`{}` is not an R4 resource type{suggestion}", shown(name));
        problem(ProblemKind::Structure, &message)
    })
}

fn too_large() -> Problem {
    let message = format!("a resource has at most {RESOURCE_BYTES_MAX} bytes");
    Problem::new("Resource", ProblemKind::TooCostly, message)
}

fn depth(value: &Value) -> usize {
    match value {
        Value::Object(object) => 1 + object.values().map(depth).max().unwrap_or(0),
        Value::Array(array) => 1 + array.iter().map(depth).max().unwrap_or(0),
        _ => 0,
    }
}
