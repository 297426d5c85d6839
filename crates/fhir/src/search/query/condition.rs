//! One condition: a parameter's name with its modifier, and its alternatives.

use super::{
    Filter, Modifier, VALUES_MAX,
    refusal::Refusal,
    suggest, text,
    value::{self, Form},
};
use crate::{
    Id, ResourceType,
    search::{
        SearchKind, SearchParameter,
        parameter::{Reading, parameter},
        program::DataType,
    },
};

/// Reads a condition.
pub(super) fn parse(resource_type: ResourceType, name: &str, value: &str) -> Result<Filter, Refusal> {
    let (code, modifier) = match name.split_once(':') {
        Some((code, modifier)) => (code, Some(modifier)),
        None => (name, None),
    };
    if let Some(reason) = unsupported(name, code) {
        return Err(Refusal::Unsupported(reason));
    }
    if matches!(code, "_id" | "_lastUpdated") && modifier.is_some() {
        return Err(Refusal::NoModifier);
    }
    match code {
        "_id" => alternatives(value, id).map(Filter::Id),
        "_lastUpdated" => alternatives(value, value::date).map(Filter::LastUpdated),
        _ => {
            let parameter = parameter(resource_type, code)
                .ok_or_else(|| suggest::unknown_parameter(resource_type, code))?;
            if parameter.kind == SearchKind::Special {
                return Err(Refusal::Unsupported("searching by distance is not supported"));
            }
            let modifier = modifier.map(|modifier| read_modifier(parameter, modifier, value)).transpose()?;
            let form = form(parameter, modifier.as_ref());
            let values = match modifier {
                Some(Modifier::Missing(_)) => Vec::new(),
                _ => alternatives(value, |alternative| form.parse(alternative))?,
            };
            Ok(Filter::Parameter { parameter, modifier, values })
        }
    }
}

/// Why a parameter that FHIR knows is refused (FHIR R4 §3.1.1.3: what a server leaves out it must not ignore).
fn unsupported(name: &str, code: &str) -> Option<&'static str> {
    match code {
        "_has" => Some("_has is not supported: search the other type and use the ids that it refers to"),
        "_include" | "_revinclude" => Some("including other records is not supported: search them by id"),
        "_filter" => {
            Some("_filter is not supported: repeat parameters (AND) or separate values by commas (OR)")
        }
        "_text" | "_content" => Some("full-text search is not supported"),
        "_list" | "_query" | "_type" | "_contained" | "_containedType" | "_score" => Some("not supported"),
        "_summary" | "_elements" | "_format" | "_pretty" => {
            Some("not a condition: it shapes the answer and is not supported here")
        }
        _ if name.contains('.') => {
            Some("chained parameters are not supported: search the other type first and use its ids")
        }
        _ => None,
    }
}

fn alternatives<T>(value: &str, read: impl Fn(&str) -> Result<T, Refusal>) -> Result<Vec<T>, Refusal> {
    let parts = text::split(value, ',');
    if parts.len() > VALUES_MAX {
        return Err(Refusal::TooMany { most: VALUES_MAX, what: "values" });
    }
    parts.into_iter().map(read).collect()
}

fn id(alternative: &str) -> Result<Id, Refusal> {
    Id::new(alternative).ok_or(Refusal::Expected("an id: 1 to 64 letters, digits, '-' or '.'"))
}

fn read_modifier(parameter: &SearchParameter, modifier: &str, value: &str) -> Result<Modifier, Refusal> {
    let known = match (parameter.kind, modifier) {
        (_, "missing") => match value {
            "true" => Some(Modifier::Missing(true)),
            "false" => Some(Modifier::Missing(false)),
            _ => return Err(Refusal::Expected("true or false")),
        },
        (SearchKind::String, "exact") => Some(Modifier::Exact),
        (SearchKind::String, "contains") => Some(Modifier::Contains),
        (SearchKind::Token, "not") => Some(Modifier::Not),
        (SearchKind::Token, "text") => Some(Modifier::Text),
        (SearchKind::Token, "of-type") if has_identifiers(parameter) => Some(Modifier::OfType),
        (SearchKind::Reference, "identifier") => Some(Modifier::Identifier),
        (SearchKind::Reference, name) => {
            let target = ResourceType::from_name(name);
            target.filter(|target| parameter.targets.contains(target)).map(Modifier::Type)
        }
        (SearchKind::Uri, "above") => Some(Modifier::Above),
        (SearchKind::Uri, "below") => Some(Modifier::Below),
        _ => None,
    };
    known.ok_or_else(|| Refusal::UnknownModifier { possible: possible_modifiers(parameter) })
}

fn possible_modifiers(parameter: &SearchParameter) -> String {
    match parameter.kind {
        SearchKind::String => "missing, exact, contains".to_owned(),
        SearchKind::Token if has_identifiers(parameter) => "missing, not, text, of-type".to_owned(),
        SearchKind::Token => "missing, not, text".to_owned(),
        SearchKind::Reference => format!("missing, identifier, {}", target_names(parameter)),
        SearchKind::Uri => "missing, above, below".to_owned(),
        SearchKind::Number
        | SearchKind::Date
        | SearchKind::Quantity
        | SearchKind::Composite
        | SearchKind::Special => "missing".to_owned(),
    }
}

fn target_names(parameter: &SearchParameter) -> String {
    /// So many names still help a reader.
    const NAMED_MAX: usize = 12;
    if parameter.targets.len() > NAMED_MAX {
        return "a resource type".to_owned();
    }
    parameter.targets.iter().map(|target| target.name()).collect::<Vec<_>>().join(", ")
}

fn has_identifiers(parameter: &SearchParameter) -> bool {
    parameter.paths.iter().any(|path| path.data_type == DataType::Identifier)
}

/// In which form the alternatives of this parameter are written.
fn form<'a>(parameter: &'a SearchParameter, modifier: Option<&Modifier>) -> Form<'a> {
    match (parameter.kind, modifier) {
        (SearchKind::Token, Some(Modifier::Text)) => Form::Text,
        (SearchKind::Token, Some(Modifier::OfType)) => Form::OfType,
        (SearchKind::Reference, Some(Modifier::Identifier)) => {
            Form::Token { paths: &[], reading: Reading::Plain }
        }
        (SearchKind::Reference, Some(Modifier::Type(target))) => {
            Form::Reference { targets: &parameter.targets, of_type: Some(*target) }
        }
        (SearchKind::String, Some(Modifier::Exact)) => Form::ExactText,
        _ => Form::of_parameter(parameter),
    }
}
