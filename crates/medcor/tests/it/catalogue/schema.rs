//! Schemas: every client takes them, and none changes unseen.

use std::collections::{BTreeSet, HashMap};

use medcor::catalog;
use medcor_tools::{Alias, Catalog, CompiledTool};
use serde_json::Value;

const NAME_LENGTH_MAX: usize = 40;
const DESCRIPTION_LENGTH_MIN: usize = 40;
/// Some clients refuse more than 1,024 characters.
const DESCRIPTION_LENGTH_MAX: usize = 1024;
const PROPERTY_NAME_LENGTH_MAX: usize = 64;
/// Where the snapshots lie, beside `main.rs`.
const SNAPSHOTS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/it/snapshots");

fn catalog() -> std::sync::Arc<Catalog> {
    catalog::catalog().expect("the catalogue compiles")
}

#[test]
fn every_tool_is_named_titled_and_described() {
    let mut problems = Vec::new();
    for tool in catalog().tools() {
        let (name, text) = (tool.entry.name, tool.description.trim());
        if name.len() > NAME_LENGTH_MAX || tool.entry.title.is_empty() {
            problems.push(format!("{name}: its name is too long or its title empty"));
        }
        let length = text.chars().count();
        if !(DESCRIPTION_LENGTH_MIN..=DESCRIPTION_LENGTH_MAX).contains(&length) || !text.ends_with('.') {
            problems.push(format!("{name}: a description of {length} characters: {text}"));
        }
    }
    assert!(problems.is_empty(), "{problems:#?}");
}

#[test]
fn every_schema_is_in_the_dialect_that_all_clients_take() {
    let mut problems = Vec::new();
    for tool in catalog().tools() {
        for (side, schema) in [("input", &tool.input_schema), ("output", &tool.output_schema)] {
            let mut found = Vec::new();
            check_root(schema, &mut found);
            check_inside(schema, "", &mut found);
            problems
                .extend(found.into_iter().map(|problem| format!("{} {side}: {problem}", tool.entry.name)));
        }
    }
    assert!(problems.is_empty(), "{problems:#?}");
}

fn check_root(schema: &Value, problems: &mut Vec<String>) {
    if schema["type"] != "object" {
        problems.push("its root is no object".to_owned());
    }
    for combinator in ["anyOf", "oneOf", "allOf", "not", "if", "enum", "const"] {
        if schema.get(combinator).is_some() {
            problems.push(format!("`{combinator}` at its root"));
        }
    }
}

fn check_inside(schema: &Value, path: &str, problems: &mut Vec<String>) {
    for keyword in ["$ref", "$defs", "definitions", "x-medcor-reference"] {
        if schema.get(keyword).is_some() {
            problems.push(format!("`{keyword}` at `{path}`"));
        }
    }
    if schema.get("type").is_some_and(Value::is_array) {
        problems.push(format!("several types at `{path}`"));
    }
    for (name, property) in schema["properties"].as_object().into_iter().flatten() {
        let is_plain = name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"_.-".contains(&byte));
        if !is_plain || name.is_empty() || name.len() > PROPERTY_NAME_LENGTH_MAX {
            problems.push(format!("the name `{name}` at `{path}`"));
        }
        check_inside(property, &format!("{path}/{name}"), problems);
    }
    for keyword in ["items", "additionalProperties"] {
        if schema.get(keyword).is_some_and(Value::is_object) {
            check_inside(&schema[keyword], &format!("{path}/{keyword}"), problems);
        }
    }
    for keyword in ["anyOf", "oneOf", "allOf"] {
        for alternative in schema[keyword].as_array().into_iter().flatten() {
            check_inside(alternative, &format!("{path}/{keyword}"), problems);
        }
    }
}

#[test]
fn every_parameter_is_described_and_no_other_is_taken() {
    let mut problems = Vec::new();
    for tool in catalog().tools() {
        if tool.input_schema["additionalProperties"] != false {
            problems.push(format!("{} takes unknown parameters", tool.entry.name));
        }
        undescribed(&tool.input_schema, tool.entry.name, &mut problems);
    }
    assert!(problems.is_empty(), "{problems:#?}");
}

fn undescribed(schema: &Value, path: &str, problems: &mut Vec<String>) {
    for (name, property) in schema["properties"].as_object().into_iter().flatten() {
        let path = format!("{path}/{name}");
        let text = property["description"].as_str().unwrap_or_default();
        if text.chars().count() < 3 || !text.ends_with('.') {
            problems.push(format!("{path}: `{text}`"));
        }
        undescribed(property, &path, problems);
    }
    if schema["items"].is_object() {
        undescribed(&schema["items"], &format!("{path}/*"), problems);
    }
}

#[test]
fn no_name_means_two_tools_but_overloads_and_every_alias_is_found() {
    let catalog = catalog();
    let mut meanings: HashMap<&str, Vec<&str>> = HashMap::new();
    for tool in catalog.tools() {
        for name in std::iter::once(tool.entry.name).chain(tool.entry.aliases.iter().map(|alias| alias.name))
        {
            meanings.entry(name).or_default().push(tool.entry.name);
            let named: Vec<&str> = catalog.named(name).iter().map(|named| named.entry.name).collect();
            assert!(named.contains(&tool.entry.name), "`{name}` is not found");
        }
    }
    let overloads: Vec<&str> = catalog.overloads().collect();
    for (name, tools) in meanings {
        let is_overload = overloads.contains(&name);
        assert_eq!(tools.len() > 1, is_overload, "`{name}` means {tools:?}");
    }
}

#[test]
fn what_an_alias_or_a_uri_implies_is_a_parameter_of_its_tool() {
    for tool in catalog().tools() {
        let known: BTreeSet<&str> = tool.parameters().collect();
        let of_aliases = tool.entry.aliases.iter().flat_map(|alias| alias.arguments);
        let of_uris = tool.entry.resources.iter().flat_map(|binding| binding.arguments);
        let names = of_aliases.chain(of_uris).map(|(name, _)| *name);
        let variables = tool.entry.resources.iter().flat_map(medcor_tools::ResourceBinding::variables);
        for name in names.chain(variables) {
            assert!(known.contains(name), "`{name}` is no parameter of {}", tool.entry.name);
        }
    }
}

#[test]
fn the_short_list_for_agents_names_tools_that_exist() {
    let catalog = catalog();
    for name in catalog::CORE_TOOLS {
        let found = catalog.find(name);
        assert!(found.is_some_and(|(tool, _)| tool.entry.name == *name), "there is no tool `{name}`");
    }
    assert!(catalog::CORE_TOOLS.len() <= 25);
}

#[test]
fn the_schema_of_no_tool_changes_unseen() {
    let catalog = catalog();
    let mut expected = BTreeSet::from(
        ["matrix.snap", "relations.snap", "it__openapi__openapi_paths.snap", "it__asyncapi__asyncapi.snap"]
            .map(str::to_owned),
    );
    insta::with_settings!({ snapshot_path => SNAPSHOTS, prepend_module_to_snapshot => false, omit_expression => true }, {
        for tool in catalog.tools() {
            let name = format!("input_{}", tool.entry.name);
            insta::assert_json_snapshot!(name.clone(), contract(tool));
            expected.insert(format!("{name}.snap"));
        }
    });
    for entry in std::fs::read_dir(SNAPSHOTS).expect("there are snapshots") {
        let name = entry.expect("the folder is read").file_name().to_string_lossy().into_owned();
        assert!(expected.contains(&name), "`{name}` is the snapshot of nothing");
    }
}

/// What callers of a tool rely on.
fn contract(tool: &CompiledTool) -> Value {
    let name = |alias: &Alias| match &alias.form {
        Some(form) => format!("{} {}", alias.name, form.meaning),
        None => alias.name.to_owned(),
    };
    let aliases: Vec<String> = tool.entry.aliases.iter().map(name).collect();
    let resources: Vec<&str> = tool.entry.resources.iter().map(|binding| binding.template).collect();
    serde_json::json!({ "aliases": aliases, "resources": resources, "parameters": tool.input_schema })
}
