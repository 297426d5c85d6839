//! Step-up to a better token: a call that the caller's roles allow and its token does not is refused as HTTP,
//! with all scopes that the operation needs (MCP, authorization: "Scope Challenge Handling"; RFC 6750 §3.1)
//! or the age that a login may have (RFC 9470 §3), before the library of the protocol sees it.

use std::borrow::Cow;

use medcor_tools::ToolError;
use serde::Deserialize;
use serde_json::Value;

use super::{McpHttp, message::Message};
use crate::door::{mcp::Asker, response::Answer};

/// What of a request's parameters says which tool is meant.
#[derive(Deserialize)]
struct Meant<'m> {
    #[serde(borrow)]
    name: Option<Cow<'m, str>>,
    #[serde(borrow)]
    uri: Option<Cow<'m, str>>,
    #[serde(default)]
    arguments: Value,
}

impl McpHttp {
    /// The refusal of a request whose token is too narrow or too old; its audit row is durable.
    pub(super) async fn step_up(&self, message: &Message<'_>, asker: &Asker) -> Option<Answer> {
        if !self.state.pipeline.may_step_up(&asker.caller) {
            return None;
        }
        let method = message.method.as_deref()?;
        if !matches!(method, "tools/call" | "resources/read" | "resources/subscribe") {
            return None;
        }
        let meant: Meant<'_> = serde_json::from_str(message.params?.get()).ok()?;
        let catalog = self.state.pipeline.catalog();
        let (name, arguments) = match (method, meant.name, meant.uri) {
            ("tools/call", Some(name), _) => (name, meant.arguments),
            ("resources/read" | "resources/subscribe", _, Some(uri)) => {
                (catalog.bound_resource(&uri)?.tool.into(), Value::Null)
            }
            _ => return None,
        };
        if catalog.meant(&name, &arguments).iter().any(|tool| !asker.view.shows(tool)) {
            return None;
        }
        let (meant, error) = self.state.pipeline.step_up(&asker.caller, &name, &arguments)?;
        Some(self.challenged(meant, error, asker).await)
    }

    async fn challenged(&self, tool: &str, error: ToolError, asker: &Asker) -> Answer {
        let call = asker.call(tool, Value::Null);
        let report = self.state.pipeline.refuse_call(&call, error).await;
        self.challenge.refusal(&report)
    }
}
