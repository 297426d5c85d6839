//! The `Idempotency-Key` header: the same as the argument `idempotency_key`, which writing tools take.

use axum::http::HeaderMap;
use medcor_tools::{Catalog, ToolError};
use serde_json::{Map, Value};

use super::invoke::Invocation;

const HEADER: &str = "idempotency-key";
pub(in crate::door) const ARGUMENT: &str = "idempotency_key";
/// What a tool that only names another calls the other's name and arguments.
const NAMES: [&str; 3] = ["tool", "name", "tool_name"];
const ARGUMENTS: [&str; 3] = ["arguments", "params", "parameters"];

/// Puts the header's key among the arguments. A tool that changes nothing takes none: it can be repeated
/// anyway.
///
/// # Errors
///
/// `VALIDATION_ERROR` for a header that is no key and for one that contradicts the argument.
pub(super) fn taken_over(
    headers: &HeaderMap,
    catalog: &Catalog,
    invocation: &mut Invocation,
) -> Result<(), ToolError> {
    match of(headers)? {
        Some(key) => put(catalog, &invocation.tool, &mut invocation.arguments, &key),
        None => Ok(()),
    }
}

/// The key of the header.
pub(in crate::door) fn of(headers: &HeaderMap) -> Result<Option<String>, ToolError> {
    let mut values = headers.get_all(HEADER).iter();
    let Some(value) = values.next() else { return Ok(None) };
    let key = value.to_str().ok().filter(|_| values.next().is_none());
    let key = key.ok_or_else(|| ToolError::invalid("/Idempotency-Key", "expected one text"))?;
    // A structured header (RFC 9651 §3.3.3) has quotes, and many clients leave them out.
    let key = key.trim();
    let plain = key.strip_prefix('"').and_then(|rest| rest.strip_suffix('"')).unwrap_or(key);
    Ok(Some(plain.to_owned()))
}

/// Puts a key among the arguments of a call that takes one.
pub(in crate::door) fn put(
    catalog: &Catalog,
    tool: &str,
    arguments: &mut Value,
    key: &str,
) -> Result<(), ToolError> {
    let named = catalog.meant(tool, arguments);
    let Value::Object(members) = arguments else { return Ok(()) };
    if named.iter().any(|tool| tool.entry.names_another()) {
        return put_within(catalog, members, key);
    }
    let takes_key = !named.is_empty() && named.iter().all(|tool| tool.parameters().any(|it| it == ARGUMENT));
    if !takes_key {
        return Ok(());
    }
    match members.get(ARGUMENT) {
        Some(Value::Null) | None => {
            members.insert(ARGUMENT.to_owned(), key.into());
            Ok(())
        }
        Some(Value::String(known)) if known == key => Ok(()),
        Some(_) => Err(ToolError::invalid(format!("/{ARGUMENT}"), "contradicts the Idempotency-Key header")),
    }
}

fn put_within(catalog: &Catalog, members: &mut Map<String, Value>, key: &str) -> Result<(), ToolError> {
    let name = NAMES.iter().find_map(|name| members.get(*name)?.as_str().map(str::to_owned));
    let Some(name) = name else { return Ok(()) };
    let is_forward = catalog.named(&name).iter().any(|tool| tool.entry.names_another());
    let within = ARGUMENTS.iter().find(|name| members.contains_key(**name)).unwrap_or(&ARGUMENTS[0]);
    if is_forward {
        // It is followed once only, and refused beyond.
        return Ok(());
    }
    let inner = members.entry(*within).or_insert_with(|| Value::Object(Map::new()));
    put(catalog, &name, inner, key)
}
