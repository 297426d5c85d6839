//! Whether messages are what the `AsyncAPI` document of their server says.

use std::{collections::HashMap, net::SocketAddr};

use axum::http::StatusCode;
use boon::{Compiler, SchemaIndex, Schemas};
use serde_json::Value;
use tokio::sync::OnceCell;

use super::Request;

const LOCATION: &str = "https://medcor.invalid/asyncapi.json";

/// The channels of the document.
pub(crate) const STREAM: &str = "events";
pub(crate) const CALLS: &str = "calls";

/// The document, and the schema of each message of a channel by its `type`.
struct Described {
    schemas: Schemas,
    messages: HashMap<(String, String), SchemaIndex>,
}

/// The document of a server.
pub(crate) async fn document(address: SocketAddr) -> Value {
    let reply = Request::new(address, "GET", "/api/asyncapi.json").send().await;
    assert_eq!((reply.status, reply.header("content-type")), (StatusCode::OK, "application/json"));
    serde_json::from_str(&reply.body).expect("the document is JSON")
}

/// Fails where a message of this channel is not described, or is another than described.
pub(crate) async fn check(address: SocketAddr, channel: &str, message: &Value) {
    // What is described depends on the program alone.
    static DESCRIBED: OnceCell<Described> = OnceCell::const_new();
    let described = DESCRIBED.get_or_init(|| async { Described::of(&document(address).await) }).await;
    let kind = message["type"].as_str().unwrap_or_else(|| panic!("{message} has no type"));
    let schema = described.messages.get(&(channel.to_owned(), kind.to_owned()));
    let schema = schema.unwrap_or_else(|| panic!("{kind} is not described as a message of {channel}"));
    if let Err(error) = described.schemas.validate(message, *schema) {
        panic!("{message} is not what is described: {error:#}");
    }
}

impl Described {
    fn of(document: &Value) -> Self {
        let mut compiler = Compiler::new();
        compiler.enable_format_assertions();
        compiler.add_resource(LOCATION, document.clone()).expect("the document is a resource");
        let mut schemas = Schemas::new();
        let mut messages = HashMap::new();
        for channel in [STREAM, CALLS] {
            let all = document["channels"][channel]["messages"].as_object().expect("a channel has messages");
            for reference in all.values() {
                let pointer =
                    reference["$ref"].as_str().and_then(|it| it.strip_prefix('#')).expect("a reference");
                let message = document.pointer(pointer).expect("it leads somewhere");
                let name = message["name"].as_str().expect("a message has a name");
                let schema = message["payload"]["$ref"].as_str().expect("a payload has a schema");
                let schema = compiler.compile(&format!("{LOCATION}{schema}"), &mut schemas);
                let schema = schema.unwrap_or_else(|error| panic!("the schema of {name}: {error}"));
                messages.insert((channel.to_owned(), name.to_owned()), schema);
            }
        }
        Self { schemas, messages }
    }
}
