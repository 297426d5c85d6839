//! A client of WebSocket by other hands than the server's.

use std::net::SocketAddr;

use super::asyncapi;
use axum::http::{HeaderMap, HeaderValue, StatusCode, header::HeaderName};
use futures_util::{SinkExt, StreamExt};
use serde_json::{Value, json};
use tokio::net::TcpStream;
use tokio_tungstenite::{
    WebSocketStream, client_async,
    tungstenite::{
        Error, Message,
        client::IntoClientRequest,
        protocol::frame::{Frame, coding::CloseCode},
    },
};

/// One connection.
pub(crate) struct WebSocket {
    address: SocketAddr,
    /// Whose messages are described.
    channel: Option<&'static str>,
    stream: WebSocketStream<TcpStream>,
    /// Of the answer to the handshake.
    pub(crate) headers: HeaderMap,
    next_id: u64,
}

/// A handshake that was refused.
#[derive(Debug)]
pub(crate) struct Refused {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) body: String,
}

impl WebSocket {
    /// Connects, sending these headers.
    pub(crate) async fn open(
        address: SocketAddr,
        path: &str,
        headers: &[(&str, &str)],
    ) -> Result<Self, Refused> {
        let mut request = format!("ws://{address}{path}").into_client_request().unwrap();
        for (name, value) in headers {
            let value = HeaderValue::from_str(value).unwrap();
            request.headers_mut().append(name.parse::<HeaderName>().unwrap(), value);
        }
        let connection = TcpStream::connect(address).await.unwrap();
        match client_async(request, connection).await {
            Ok((stream, answer)) => {
                let channel = (path == "/api/mcp/ws").then_some(asyncapi::CALLS);
                Ok(Self { address, channel, stream, headers: answer.headers().clone(), next_id: 0 })
            }
            Err(Error::Http(answer)) => {
                let (parts, body) = answer.into_parts();
                let body = String::from_utf8(body.unwrap_or_default()).unwrap();
                Err(Refused { status: parts.status, headers: parts.headers, body })
            }
            Err(error) => panic!("{error}"),
        }
    }

    /// Connects with a token.
    pub(crate) async fn with_token(address: SocketAddr, path: &str, token: &str) -> Self {
        Self::open(address, path, &[("authorization", &format!("Bearer {token}"))]).await.unwrap()
    }

    pub(crate) async fn send(&mut self, text: impl ToString) {
        self.stream.send(Message::text(text.to_string())).await.unwrap();
    }

    /// Sends a frame as it stands.
    pub(crate) async fn send_frame(&mut self, frame: Frame) {
        self.stream.send(Message::Frame(frame)).await.unwrap();
    }

    pub(crate) async fn send_binary(&mut self) {
        self.stream.send(Message::binary(vec![1, 2, 3])).await.unwrap();
    }

    /// The next message as JSON, which is as the document of the server describes it.
    pub(crate) async fn next(&mut self) -> Value {
        let text = match self.frame().await {
            Ok(text) => text,
            Err(code) => panic!("closed with {code:?}"),
        };
        let message = serde_json::from_str(&text).unwrap_or_else(|error| panic!("{error} in {text}"));
        if let Some(channel) = self.channel {
            asyncapi::check(self.address, channel, &message).await;
        }
        message
    }

    /// The code with which the server closes; what comes before is passed over. Zero where it said none.
    pub(crate) async fn closed(&mut self) -> u16 {
        loop {
            if let Err(code) = self.frame().await {
                return code;
            }
        }
    }

    /// A text, or the code of a close.
    async fn frame(&mut self) -> Result<String, u16> {
        loop {
            match self.stream.next().await {
                Some(Ok(Message::Text(text))) => return Ok(text.to_string()),
                Some(Ok(Message::Close(Some(close)))) => return Err(CloseCode::into(close.code)),
                Some(Ok(Message::Close(None)) | Err(_)) | None => return Err(0),
                Some(Ok(_)) => {}
            }
        }
    }

    /// Asks, and waits for the answer to this very request.
    pub(crate) async fn rpc(&mut self, method: &str, params: Value) -> Value {
        self.next_id += 1;
        let id = self.next_id;
        self.send(json!({ "jsonrpc": "2.0", "id": id, "method": method, "params": params })).await;
        loop {
            let message = self.next().await;
            if message["id"] == id && message.get("method").is_none() {
                return message;
            }
        }
    }

    /// Calls a tool; the result.
    pub(crate) async fn call(&mut self, tool: &str, arguments: Value) -> Value {
        let answer = self.rpc("tools/call", json!({ "name": tool, "arguments": arguments })).await;
        answer.get("result").cloned().unwrap_or_else(|| panic!("no result: {answer}"))
    }

    /// Asks as clients of 2026-07-28 do.
    pub(crate) async fn modern(&mut self, method: &str, mut params: Value) -> Value {
        params["_meta"] = json!({
            "io.modelcontextprotocol/protocolVersion": "2026-07-28",
            "io.modelcontextprotocol/clientInfo": { "name": "it", "version": "1" },
            "io.modelcontextprotocol/clientCapabilities": {}
        });
        self.rpc(method, params).await
    }

    /// Does not take what comes any more, and keeps the connection.
    pub(crate) fn into_connection(self) -> TcpStream {
        self.stream.into_inner()
    }
}
