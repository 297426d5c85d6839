//! Tokens that come another way than in the `Authorization` header. Two documented systems carry them as an
//! argument of the call; in a URL, where logs and histories keep it, a token is refused.

use std::borrow::Cow;

use medcor_tools::{CompiledTool, ToolError};
use serde::Deserialize;
use serde_json::{Map, Value};

/// The names under which documented clients carry a token.
const NAMES: [&str; 2] = ["access_token", "token"];

/// The token among the arguments of a call, which is taken out of them: it must not come near validation,
/// hash, log and audit. A parameter of that name stays, since what it holds is the call's subject.
///
/// # Errors
///
/// `AUTH_INVALID` for what is no text, and for two tokens that are not the same.
pub(super) fn taken(tool: Option<&CompiledTool>, arguments: &mut Value) -> Result<Option<String>, ToolError> {
    let Value::Object(arguments) = arguments else { return Ok(None) };
    let mut found = None;
    for name in NAMES {
        if !arguments.contains_key(name) || is_parameter(tool, name) {
            continue;
        }
        if let Some(token) = text(arguments.shift_remove(name))? {
            if found.as_ref().is_some_and(|known| *known != token) {
                return Err(TWO);
            }
            found = Some(token);
        }
    }
    Ok(found)
}

/// The token among the arguments of a call, which stays there until [`taken`].
///
/// # Errors
///
/// `AUTH_INVALID` for what is no text, and for two tokens that are not the same.
pub(super) fn carried(arguments: &Value) -> Result<Option<String>, ToolError> {
    let [one, other] = NAMES.map(|name| arguments.get(name).cloned());
    either(text(one)?, text(other)?)
}

/// A call as it stands in the body of a request that came without the header.
#[derive(Deserialize)]
pub(super) struct Carrying<'m> {
    #[serde(borrow)]
    pub(super) name: Cow<'m, str>,
    #[serde(default)]
    arguments: Map<String, Value>,
}

impl<'m> Carrying<'m> {
    /// A call that came another way.
    pub(super) fn of(name: &'m str, arguments: &Value) -> Self {
        let arguments = arguments.as_object().cloned().unwrap_or_default();
        Self { name: Cow::Borrowed(name), arguments }
    }

    /// The token that the call carries, be it a parameter of the tool or not.
    ///
    /// # Errors
    ///
    /// `AUTH_INVALID` for what is no text, and for two tokens that are not the same.
    pub(super) fn token(mut self) -> Result<Option<String>, ToolError> {
        let [one, other] = NAMES.map(|name| self.arguments.remove(name));
        either(text(one)?, text(other)?)
    }
}

/// Whether the query of a URL has a token in it.
pub(super) fn is_in_query(query: &str) -> bool {
    query.split('&').any(|part| {
        let name = part.split('=').next().unwrap_or_default();
        NAMES.iter().chain(&["bearer_token"]).any(|known| name.eq_ignore_ascii_case(known))
    })
}

const TWO: ToolError = ToolError::AuthInvalid("the arguments carry two different ones");

fn either(one: Option<String>, other: Option<String>) -> Result<Option<String>, ToolError> {
    match (one, other) {
        (Some(one), Some(other)) if one != other => Err(TWO),
        (one, other) => Ok(one.or(other)),
    }
}

/// Nothing and an empty text are no token: clients that have none send them.
fn text(value: Option<Value>) -> Result<Option<String>, ToolError> {
    match value {
        None | Some(Value::Null) => Ok(None),
        Some(Value::String(token)) => Ok(Some(token).filter(|token| !token.is_empty())),
        Some(_) => Err(ToolError::AuthInvalid("the one among the arguments is no text")),
    }
}

fn is_parameter(tool: Option<&CompiledTool>, name: &str) -> bool {
    tool.is_some_and(|tool| tool.parameters().any(|known| known == name))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_token_is_taken_out_of_the_arguments() {
        let mut arguments = json!({ "mrn": "MRN001", "access_token": "t", "token": "t" });
        assert_eq!(taken(None, &mut arguments).unwrap().as_deref(), Some("t"));
        assert_eq!(arguments, json!({ "mrn": "MRN001" }));
        let mut none = json!({ "access_token": null, "token": "" });
        assert_eq!(taken(None, &mut none).unwrap(), None);
        assert_eq!(none, json!({}));
    }

    #[test]
    fn what_can_be_read_two_ways_is_refused() {
        for arguments in [json!({ "access_token": "a", "token": "b" }), json!({ "token": 1 })] {
            assert!(taken(None, &mut arguments.clone()).is_err(), "{arguments}");
            let call = json!({ "name": "get_patient", "arguments": arguments }).to_string();
            let call: Carrying<'_> = serde_json::from_str(&call).unwrap();
            assert!(call.token().is_err(), "{arguments}");
        }
    }

    #[test]
    fn a_token_in_a_url_is_seen() {
        for query in ["access_token=a", "a=b&token=", "Token=x&y", "ACCESS_TOKEN"] {
            assert!(is_in_query(query), "{query}");
        }
        assert!(!is_in_query("tokens=a&cursor=token"));
    }
}
