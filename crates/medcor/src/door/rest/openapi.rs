//! The `OpenAPI` 3.1 document, made of the catalogue and of the routes of this door.

mod part;
mod path;
mod schema;
mod webhook;

use medcor_tools::Catalog;
use serde_json::{Map, Value, json};

use crate::door::DoorSettings;

const ABOUT: &str = "Every tool of MedCor by HTTP. `POST /api/v1/mcp/tools/invoke` calls any of them; `POST /{tool}` is \
    the same for one, with its parameters and its answer described. The same calls go by MCP at `/mcp`, with the same \
    answers, errors, authority and audit. Entries without a version are those that documented clients use.\n\n\
    Streams of events and connections over WebSocket are described in [AsyncAPI](/api/asyncapi.json).\n\n\
    Parameters have further names that documented clients use (`patient_id`, `mrn` and `patient_name` for `patient`, \
    for example); docs/reference has them.";

/// The document.
pub(in crate::door) fn document(catalog: &Catalog, settings: &DoorSettings) -> Value {
    let mut paths = Map::new();
    path::add_entries(&mut paths, settings);
    path::add_resources(&mut paths, catalog, settings);
    path::add_tools(&mut paths, catalog, settings);
    path::add_logins(&mut paths);
    let toolsets = catalog.capabilities().iter();
    let mut tags: Vec<Value> = path::TAGS
        .iter()
        .map(|(name, description)| json!({ "name": name, "description": description }))
        .collect();
    tags.extend(toolsets.map(|it| json!({ "name": it.name, "description": it.description })));
    json!({
        "openapi": "3.1.0",
        "info": {
            "title": "MedCor",
            "version": env!("CARGO_PKG_VERSION"),
            "description": ABOUT,
            "license": { "name": "Apache-2.0", "identifier": "Apache-2.0" }
        },
        "servers": [{ "url": "/", "description": "This server." }],
        "security": [{ "bearer": [] }],
        "tags": tags,
        "paths": paths,
        "webhooks": webhook::webhooks(),
        "components": {
            "securitySchemes": {
                "bearer": {
                    "type": "http", "scheme": "bearer", "bearerFormat": "JWT",
                    "description": "An access token of this server, by a login or by OAuth 2.1."
                }
            },
            "schemas": schema::shared(catalog),
            "responses": path::shared_responses(),
            "headers": path::shared_headers()
        }
    })
}
