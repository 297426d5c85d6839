//! What clients read before they log in (RFC 9728). It names no authorization server, because there is none
//! yet: tokens come from `medcor token`.

use axum::{Router, http::StatusCode, routing::get};
use serde_json::json;

use super::{DoorSettings, response};

/// Where the MCP endpoint's metadata is, under the public origin.
pub(super) const MCP_METADATA: &str = "/.well-known/oauth-protected-resource/mcp";
const ROOT_METADATA: &str = "/.well-known/oauth-protected-resource";

/// The metadata documents.
pub(super) fn routes(settings: &DoorSettings) -> Router {
    let document = json!({
        "resource": format!("{}/mcp", settings.public_url.trim_end_matches('/')),
        "resource_name": "MedCor",
        "bearer_methods_supported": ["header"],
    })
    .to_string();
    let answer = move || async move { response::json(StatusCode::OK, document) };
    Router::new().route(MCP_METADATA, get(answer.clone())).route(ROOT_METADATA, get(answer))
}
