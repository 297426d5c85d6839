//! JSON Schemas of tools, in the narrow dialect that every client takes: an object at the root, no
//! combinators at the top, no `$ref`, no `null` alternatives.

use schemars::{JsonSchema, generate::SchemaSettings};
use serde_json::{Map, Value};

use crate::{Tool, reference::REFERENCE_KEYWORD, secret::SECRET_KEYWORD};

/// Marks a schema property that names something which is no record, such as an account: documented clients
/// send numbers for it too.
pub(crate) const NAME_KEYWORD: &str = "x-medcor-name";

/// Marks a member of an answer that would be written as null, which no schema of an answer allows.
const NULL_KEYWORD: &str = "x-medcor-null";

/// The schema of a tool's parameters, with the reference keyword still in it.
pub(crate) fn input_schema<T: Tool>() -> Value {
    let mut schema = generated::<T>(SchemaSettings::draft2020_12());
    walk(&mut schema, &mut simplify);
    if let Value::Object(root) = &mut schema {
        root.entry("type").or_insert_with(|| "object".into());
        root.entry("properties").or_insert_with(|| Value::Object(Map::new()));
        root.insert("additionalProperties".to_owned(), Value::Bool(false));
    }
    schema
}

/// The schema of what a tool answers. Nothing is required: what is not known is left out of an answer. Members that
/// would be null instead are marked, for [`written_as_null`].
///
/// It has no words: programs check answers against it, while models read the answers themselves, and the words
/// would be a third of what `tools/list` says.
pub(crate) fn output_schema<T: JsonSchema>() -> Value {
    let mut schema = generated::<T>(SchemaSettings::draft2020_12().for_serialize());
    walk(&mut schema, &mut mark_null_members);
    walk(&mut schema, &mut simplify);
    walk(&mut schema, &mut |object| {
        object.remove("required");
        object.remove("additionalProperties");
        // Else it is the schema of a member of that name.
        if object.get("description").is_some_and(Value::is_string) {
            object.remove("description");
        }
    });
    schema
}

/// The members of an answer that would be written as null: they want `skip_serializing_if`. Those of a type that
/// only an optional member flattens are not seen.
pub(crate) fn written_as_null(schema: &Value) -> Vec<String> {
    let Value::Object(object) = schema else { return Vec::new() };
    let properties = object.get("properties").and_then(Value::as_object).into_iter().flatten();
    let mut names = Vec::new();
    for (name, property) in properties {
        if property.get(NULL_KEYWORD).is_some() {
            names.push(name.clone());
        }
        names.extend(written_as_null(property));
    }
    names.extend(object.get("items").map(written_as_null).unwrap_or_default());
    names
}

fn generated<T: JsonSchema>(mut settings: SchemaSettings) -> Value {
    settings.inline_subschemas = true;
    settings.meta_schema = None;
    settings.into_generator().into_root_schema_for::<T>().to_value()
}

/// What is optional and yet required is there as null.
fn mark_null_members(object: &mut Map<String, Value>) {
    let Some(Value::Array(required)) = object.get("required").cloned() else { return };
    let Some(Value::Object(properties)) = object.get_mut("properties") else { return };
    for name in required.iter().filter_map(Value::as_str) {
        if let Some(Value::Object(property)) = properties.get_mut(name)
            && allows_null(property)
        {
            property.insert(NULL_KEYWORD.to_owned(), Value::Bool(true));
        }
    }
}

fn allows_null(schema: &Map<String, Value>) -> bool {
    let has_null = |alternatives: Option<&Value>| {
        let alternatives = alternatives.and_then(Value::as_array);
        alternatives.is_some_and(|all| all.iter().any(|one| *one == "null" || one["type"] == "null"))
    };
    has_null(schema.get("type")) || has_null(schema.get("anyOf"))
}

/// Calls `change` for every object of a schema, innermost first.
fn walk(schema: &mut Value, change: &mut dyn FnMut(&mut Map<String, Value>)) {
    match schema {
        Value::Object(object) => {
            object.values_mut().for_each(|value| walk(value, change));
            change(object);
        }
        Value::Array(values) => values.iter_mut().for_each(|value| walk(value, change)),
        _ => {}
    }
}

fn simplify(object: &mut Map<String, Value>) {
    let is_schema = ["type", "anyOf", "oneOf", "enum", "const"].iter().any(|key| object.contains_key(*key));
    if !is_schema {
        return;
    }
    if object.get("title").is_some_and(Value::is_string) {
        object.remove("title");
    }
    drop_null_type(object);
    drop_null_alternative(object);
    constants_to_enum(object);
    anything_to_object(object);
    let is_foreign_format = object.get("format").and_then(Value::as_str).is_some_and(|format| {
        format.starts_with("uint") || format.starts_with("int") || matches!(format, "double" | "float")
    });
    if is_foreign_format {
        object.remove("format");
    }
    if object.get("default").is_some_and(Value::is_null) {
        object.remove("default");
    }
}

/// A member that may be anything has the schema `true`; clients read objects alone.
fn anything_to_object(object: &mut Map<String, Value>) {
    let properties = object.get_mut("properties").and_then(Value::as_object_mut);
    let properties = properties.into_iter().flat_map(|properties| properties.values_mut());
    for schema in properties.filter(|schema| **schema == Value::Bool(true)) {
        *schema = Value::Object(Map::new());
    }
    if let Some(items) = object.get_mut("items").filter(|items| **items == Value::Bool(true)) {
        *items = Value::Object(Map::new());
    }
}

/// `"type": ["string", "null"]` becomes `"type": "string"`.
fn drop_null_type(object: &mut Map<String, Value>) {
    let Some(Value::Array(types)) = object.get_mut("type") else { return };
    types.retain(|name| name != "null");
    if let [only] = types.as_slice() {
        let only = only.clone();
        object.insert("type".to_owned(), only);
    }
    if let Some(Value::Array(values)) = object.get_mut("enum") {
        values.retain(|value| !value.is_null());
    }
}

/// `"anyOf": [X, {"type": "null"}]` becomes X.
fn drop_null_alternative(object: &mut Map<String, Value>) {
    let Some(Value::Array(alternatives)) = object.get_mut("anyOf") else { return };
    alternatives.retain(|alternative| alternative.get("type").is_none_or(|name| name != "null"));
    let [Value::Object(only)] = alternatives.as_mut_slice() else { return };
    let only = std::mem::take(only);
    object.remove("anyOf");
    for (key, value) in only {
        object.entry(key).or_insert(value);
    }
}

/// An enumeration whose variants have descriptions comes as `oneOf` of constants; clients want `enum`.
/// The descriptions move into the description of the property.
fn constants_to_enum(object: &mut Map<String, Value>) {
    let Some(Value::Array(alternatives)) = object.get("oneOf") else { return };
    let mut values = Vec::new();
    let mut meanings = Vec::new();
    for alternative in alternatives {
        let constants = match (alternative.get("const"), alternative.get("enum")) {
            (Some(constant), _) => vec![constant.clone()],
            (None, Some(Value::Array(constants))) => constants.clone(),
            _ => return,
        };
        if let (Some(meaning), [Value::String(value)]) =
            (alternative.get("description").and_then(Value::as_str), constants.as_slice())
        {
            meanings.push(format!("{value}: {}", meaning.trim_end_matches('.')));
        }
        values.extend(constants);
    }
    object.remove("oneOf");
    object.insert("type".to_owned(), "string".into());
    object.insert("enum".to_owned(), Value::Array(values));
    if !meanings.is_empty() {
        let described = object.get("description").and_then(Value::as_str).unwrap_or_default();
        let text = format!("{described} {}.", meanings.join("; "));
        object.insert("description".to_owned(), text.trim().into());
    }
}

/// Takes the reference keyword out of a schema before it is published.
pub(crate) fn published(schema: &Value) -> Value {
    let mut schema = schema.clone();
    walk(&mut schema, &mut |object| {
        object.remove(REFERENCE_KEYWORD);
        object.remove(NAME_KEYWORD);
        if object.remove(SECRET_KEYWORD).is_some() {
            object.insert("writeOnly".to_owned(), Value::Bool(true));
        }
    });
    schema
}

#[cfg(test)]
mod tests {
    use serde::Serialize;

    use super::*;

    #[derive(Serialize, JsonSchema)]
    struct Report {
        rows: Vec<Row>,
        best: Option<Row>,
        #[serde(skip_serializing_if = "Option::is_none")]
        note: Option<String>,
    }

    #[derive(Serialize, JsonSchema)]
    struct Row {
        count: Option<u64>,
        #[serde(skip_serializing_if = "Option::is_none")]
        name: Option<String>,
    }

    #[test]
    fn a_member_that_would_be_null_is_told_and_one_that_is_left_out_is_not() {
        assert_eq!(written_as_null(&output_schema::<Report>()), ["count", "best", "count"]);
        assert!(written_as_null(&output_schema::<Vec<String>>()).is_empty());
    }
}
