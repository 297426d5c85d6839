//! A client that can send anything, right or wrong.

use std::net::SocketAddr;

use axum::http::{HeaderMap, StatusCode};
use http_body_util::{BodyExt, Full};
use hyper::{
    body::{Bytes, Incoming},
    client::conn::http1,
};
use hyper_util::rt::TokioIo;
use serde_json::{Value, json};
use tokio::{net::TcpStream, task::JoinHandle};

/// A request that is being put together.
pub(crate) struct Request {
    address: SocketAddr,
    builder: hyper::http::request::Builder,
    body: Bytes,
    has_host: bool,
}

/// An answer whose body is still to come.
pub(crate) struct Opened {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    body: Incoming,
    driven: JoinHandle<hyper::Result<()>>,
}

/// An answer, read to its end.
pub(crate) struct Reply {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) body: String,
}

impl Request {
    pub(crate) fn new(address: SocketAddr, method: &str, path: &str) -> Self {
        let builder = hyper::Request::builder().method(method).uri(path);
        Self { address, builder, body: Bytes::new(), has_host: false }
    }

    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    pub(crate) fn header(mut self, name: &str, value: &str) -> Self {
        self.has_host |= name.eq_ignore_ascii_case("host");
        self.builder = self.builder.header(name, value);
        self
    }

    pub(crate) fn bearer(self, token: &str) -> Self {
        self.header("authorization", &format!("Bearer {token}"))
    }

    pub(crate) fn body(mut self, body: impl Into<Bytes>) -> Self {
        self.body = body.into();
        self.header("content-type", "application/json")
    }

    pub(crate) fn form(mut self, body: &str) -> Self {
        self.body = Bytes::from(body.to_owned());
        self.header("content-type", "application/x-www-form-urlencoded")
    }

    /// A JSON-RPC request as clients before 2026-07-28 send it.
    pub(crate) fn rpc(self, id: impl Into<Value>, method: &str, params: Value) -> Self {
        let mut message = json!({ "jsonrpc": "2.0", "id": id.into(), "method": method });
        if !params.is_null() {
            message["params"] = params;
        }
        self.header("accept", "application/json, text/event-stream").body(message.to_string())
    }

    /// A JSON-RPC request as clients of 2026-07-28 send it.
    pub(crate) fn modern(self, id: impl Into<Value>, method: &str, params: Value) -> Self {
        self.modern_with(id, method, params, json!({}))
    }

    /// The same, of a client that can do this.
    pub(crate) fn modern_with(
        self,
        id: impl Into<Value>,
        method: &str,
        mut params: Value,
        capabilities: Value,
    ) -> Self {
        let mut meta = params.get("_meta").cloned().unwrap_or_else(|| json!({}));
        meta["io.modelcontextprotocol/protocolVersion"] = "2026-07-28".into();
        meta["io.modelcontextprotocol/clientInfo"] = json!({ "name": "it", "version": "1" });
        meta["io.modelcontextprotocol/clientCapabilities"] = capabilities;
        if params.is_null() {
            params = json!({});
        }
        params["_meta"] = meta;
        let name =
            params.get("name").or_else(|| params.get("uri")).and_then(Value::as_str).map(str::to_owned);
        let request = self
            .header("mcp-protocol-version", "2026-07-28")
            .header("mcp-method", method)
            .rpc(id, method, params);
        match name {
            Some(name) => request.header("mcp-name", &name),
            None => request,
        }
    }

    pub(crate) async fn send(self) -> Reply {
        self.open().await.rest().await
    }

    /// Sends it and reads the head of the answer.
    pub(crate) async fn open(self) -> Opened {
        self.try_open().await.expect("the server answers")
    }

    /// As [`Self::open`]; `None` where nobody answers.
    pub(crate) async fn try_open(self) -> Option<Opened> {
        let stream = TcpStream::connect(self.address).await.ok()?;
        let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await.ok()?;
        let driven = tokio::spawn(connection);
        let builder =
            if self.has_host { self.builder } else { self.builder.header("host", self.address.to_string()) };
        let request = builder.body(Full::new(self.body)).unwrap();
        let (parts, body) = sender.send_request(request).await.ok()?.into_parts();
        Some(Opened { status: parts.status, headers: parts.headers, body, driven })
    }
}

impl Opened {
    /// The next part of the body; `None` at its end.
    pub(crate) async fn next(&mut self) -> Option<String> {
        while let Some(frame) = self.body.frame().await {
            if let Ok(data) = frame.unwrap().into_data() {
                return Some(String::from_utf8(data.to_vec()).unwrap());
            }
        }
        None
    }

    /// As [`Self::next`], where being cut off is an end too.
    pub(crate) async fn next_or_cut(&mut self) -> Option<String> {
        while let Some(Ok(frame)) = self.body.frame().await {
            if let Ok(data) = frame.into_data() {
                return Some(String::from_utf8(data.to_vec()).unwrap());
            }
        }
        None
    }

    /// The whole answer, when it has ended.
    pub(crate) async fn rest(self) -> Reply {
        let body = self.body.collect().await.unwrap().to_bytes();
        self.driven.abort();
        let body = String::from_utf8(body.to_vec()).unwrap();
        Reply { status: self.status, headers: self.headers, body }
    }
}

impl Reply {
    pub(crate) fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().unwrap())
    }

    /// The JSON-RPC answer, whether it came as JSON or as the last event of a stream.
    pub(crate) fn rpc(&self) -> Value {
        let json = if self.header("content-type").starts_with("text/event-stream") {
            let mut data = self.body.lines().filter_map(|line| line.strip_prefix("data:"));
            data.rfind(|data| data.contains("jsonrpc")).unwrap_or_default()
        } else {
            &self.body
        };
        serde_json::from_str(json).unwrap_or_else(|_| panic!("{}: no JSON: {}", self.status, self.body))
    }

    pub(crate) fn result(&self) -> Value {
        let answer = self.rpc();
        answer.get("result").cloned().unwrap_or_else(|| panic!("no result: {answer}"))
    }

    /// The code of the JSON-RPC error.
    pub(crate) fn error_code(&self) -> i64 {
        self.rpc()["error"]["code"].as_i64().unwrap_or_else(|| panic!("no error: {}", self.body))
    }
}
