//! A first look at a JSON-RPC message, before rmcp reads it: what it is, or how it is malformed.

mod shape;

use std::borrow::Cow;

use rmcp::{
    ErrorData,
    model::{ClientJsonRpcMessage, ClientRequest, JsonRpcMessage, ProtocolVersion},
};
use serde::Deserialize;
use serde_json::value::RawValue;

pub(in crate::door) use shape::flaw_of;

/// The outside of a message.
#[derive(Deserialize)]
pub(in crate::door) struct Message<'m> {
    #[serde(borrow)]
    pub(super) jsonrpc: Cow<'m, str>,
    #[serde(borrow)]
    pub(in crate::door) id: Option<&'m RawValue>,
    #[serde(borrow)]
    pub(in crate::door) method: Option<Cow<'m, str>>,
    #[serde(borrow)]
    pub(in crate::door) params: Option<&'m RawValue>,
}

/// Methods that rmcp would take for an extension's if their parameters are wrong.
const METHODS: &[&str] = &[
    "initialize",
    "server/discover",
    "ping",
    "tools/list",
    "tools/call",
    "resources/list",
    "resources/templates/list",
    "resources/read",
    "resources/subscribe",
    "resources/unsubscribe",
    "prompts/list",
    "prompts/get",
    "completion/complete",
    "logging/setLevel",
    "subscriptions/listen",
];

/// Those of them that 2026-07-28 has no more.
const GONE: [&str; 5] =
    ["initialize", "ping", "resources/subscribe", "resources/unsubscribe", "logging/setLevel"];

impl<'m> Message<'m> {
    /// Reads the outside.
    ///
    /// # Errors
    ///
    /// -32700 for what is no JSON, -32600 for what is no message of JSON-RPC 2.0.
    pub(in crate::door) fn read(body: &'m [u8]) -> Result<Self, ErrorData> {
        let message: Message<'m> = serde_json::from_slice(body).map_err(|error| {
            if error.is_data() {
                ErrorData::invalid_request("the body must be one JSON-RPC 2.0 message", None)
            } else {
                ErrorData::parse_error("the body is no JSON", None)
            }
        })?;
        if message.jsonrpc != "2.0" {
            return Err(ErrorData::invalid_request("jsonrpc must be \"2.0\"", None));
        }
        Ok(message)
    }

    /// Whether it begins a session.
    pub(in crate::door) fn is_initialize(&self) -> bool {
        self.method.as_deref() == Some("initialize")
    }

    /// Whether the version that the message is of has its method no more.
    fn is_gone(&self) -> bool {
        let method = self.method.as_deref().unwrap_or_default();
        let params = self.params.and_then(|params| serde_json::from_str::<OfVersion<'_>>(params.get()).ok());
        // Dates of this form compare as texts do.
        GONE.contains(&method)
            && params.is_some_and(|it| &*it.meta.version >= ProtocolVersion::V_2026_07_28.as_str())
    }

    /// Whether the method is one of the protocol's own.
    pub(in crate::door) fn is_of_protocol(&self) -> bool {
        let method = self.method.as_deref().unwrap_or_default();
        METHODS.contains(&method) || method.starts_with("notifications/")
    }

    /// Refuses parameters of a shape that nobody should read.
    ///
    /// # Errors
    ///
    /// -32602.
    pub(in crate::door) fn check_shape(&self) -> Result<(), ErrorData> {
        let Some(params) = self.params else { return Ok(()) };
        let flaw = shape::flaw_of(params.get());
        flaw.map_or(Ok(()), |flaw| Err(ErrorData::invalid_params(flaw.words(), None)))
    }

    /// Reads the inside as rmcp will.
    ///
    /// # Errors
    ///
    /// -32602 for known methods with wrong parameters, -32600 for what is no message.
    pub(in crate::door) fn check(&self, body: &[u8]) -> Result<(), ErrorData> {
        let method = self.method.as_deref().unwrap_or_default();
        let is_understood = match serde_json::from_slice::<ClientJsonRpcMessage>(body) {
            Ok(JsonRpcMessage::Request(request)) => {
                !matches!(request.request, ClientRequest::CustomRequest(_)) || !METHODS.contains(&method)
            }
            Ok(_) => true,
            Err(_) => false,
        };
        match (is_understood, METHODS.contains(&method)) {
            (true, _) => Ok(()),
            // rmcp says that there is no such method.
            (false, true) if self.is_gone() => Ok(()),
            (false, true) => Err(wrong_parameters(method)),
            (false, false) => {
                Err(ErrorData::invalid_request("the body must be one JSON-RPC 2.0 message", None))
            }
        }
    }
}

/// Parameters, as far as they say of which version they are.
#[derive(Deserialize)]
struct OfVersion<'m> {
    #[serde(rename = "_meta", borrow)]
    meta: VersionMeta<'m>,
}

#[derive(Deserialize)]
struct VersionMeta<'m> {
    #[serde(rename = "io.modelcontextprotocol/protocolVersion", borrow)]
    version: Cow<'m, str>,
}

fn wrong_parameters(method: &str) -> ErrorData {
    ErrorData::invalid_params(format!("the parameters of {method} are wrong or missing"), None)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn code(body: &str) -> i32 {
        let read = Message::read(body.as_bytes());
        read.and_then(|message| message.check(body.as_bytes())).map_or_else(|error| error.code.0, |()| 0)
    }

    #[test]
    fn what_is_no_json_is_told_from_what_is_no_message() {
        assert_eq!(code("{"), -32700);
        assert_eq!(code("\u{feff}{}"), -32700);
        assert_eq!(code(""), -32700);
        assert_eq!(code("[]"), -32600);
        assert_eq!(code(r#"{"id":1,"method":"ping"}"#), -32600);
        assert_eq!(code(r#"{"jsonrpc":"1.0","id":1,"method":"ping"}"#), -32600);
        assert_eq!(code(r#"{"jsonrpc":"2.0","jsonrpc":"2.0","id":1,"method":"ping"}"#), -32600);
        assert_eq!(code(r#"{"jsonrpc":"2.0"}"#), -32600);
    }

    #[test]
    fn wrong_parameters_of_a_known_method_are_no_unknown_method() {
        assert_eq!(code(r#"{"jsonrpc":"2.0","id":1,"method":"tools/call"}"#), -32602);
        assert_eq!(code(r#"{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":1}}"#), -32602);
        assert_eq!(code(r#"{"jsonrpc":"2.0","id":1,"method":"tools/call","params":[]}"#), -32602);
        let meta = r#"{"_meta":{"io.modelcontextprotocol/protocolVersion":"2026-07-28"}}"#;
        for (method, wanted) in [("logging/setLevel", 0), ("resources/subscribe", 0), ("tools/call", -32602)]
        {
            let body = format!(r#"{{"jsonrpc":"2.0","id":1,"method":"{method}","params":{meta}}}"#);
            assert_eq!(code(&body), wanted, "{method}");
            assert_eq!(code(&body.replace("2026-07-28", "2025-11-25")), -32602, "{method}");
        }
        assert_eq!(code(r#"{"jsonrpc":"2.0","id":1,"method":"tools/list","params":{}}"#), 0);
        assert_eq!(code(r#"{"jsonrpc":"2.0","id":1,"method":"tools/list"}"#), 0);
        assert_eq!(code(r#"{"jsonrpc":"2.0","id":1,"method":"no/such"}"#), 0);
        assert_eq!(code(r#"{"jsonrpc":"2.0","method":"notifications/initialized"}"#), 0);
    }
}
