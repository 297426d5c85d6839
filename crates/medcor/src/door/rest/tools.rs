//! `GET /api/mcp/tools` and `GET /tools`: the tools that the caller may use, as MCP lists them.

use axum::{
    body::Body,
    extract::State,
    http::{Request, StatusCode},
};
use medcor_tools::ToolError;
use serde_json::{Value, json};

use super::{Head, Rest};
use crate::door::response::{self, Answer};

/// The one parameter: also every other name under which a tool can be called.
const INCLUDE_ALIASES: &str = "include=aliases";

pub(super) async fn listed(State(rest): State<Rest>, request: Request<Body>) -> Answer {
    let (head, _) = Head::of(&rest, request);
    let asker = match rest.asker(&head).await {
        Ok(asker) => asker,
        Err(refusal) => return refusal,
    };
    let with_aliases = match head.parts.uri.query() {
        None | Some("") => false,
        Some(INCLUDE_ALIASES) => true,
        Some(_) => {
            let error = ToolError::invalid("/include", "the only parameter is `include=aliases`");
            return rest.refused(&asker, "", error).await;
        }
    };
    let mut tools = Vec::new();
    for tool in &rest.mcp.listing(&asker).tools {
        let listed = json!(tool);
        if with_aliases {
            tools.extend(aliases(&rest, &tool.name, &listed));
        }
        tools.push(listed);
    }
    let metadata = json!({
        "count": tools.len(), "server_name": "medcor", "version": env!("CARGO_PKG_VERSION")
    });
    response::json(StatusCode::OK, json!({ "tools": tools, "metadata": metadata }).to_string())
}

/// The tool once more by each of its other names.
fn aliases(rest: &Rest, name: &str, listed: &Value) -> Vec<Value> {
    let Some((tool, _)) = rest.state.pipeline.catalog().find(name) else { return Vec::new() };
    let named = |alias: &medcor_tools::Alias| {
        let mut listed = listed.clone();
        listed["name"] = alias.name.into();
        listed["alias_of"] = name.into();
        listed
    };
    tool.entry.aliases.iter().map(named).collect()
}
