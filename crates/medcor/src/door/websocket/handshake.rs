//! From a request to a connection (RFC 6455 §4.2): who asks, and what was agreed on. A token comes in the
//! `Authorization` header or, from a browser, as a subprotocol `bearer.<token>` beside one that can be selected.

use std::sync::{Arc, LazyLock, Mutex};

use axum::{
    body::Body,
    extract::Request,
    http::{HeaderMap, HeaderValue, StatusCode, header, request::Parts},
};
use hyper_util::rt::TokioIo;
use medcor_tools::{ErrorCode, RefusedRequest, ToolError};
use yawc::{CompressionLevel, DeflatePool, Options, WebSocket};

use super::{Identity, socket::Socket};
use crate::door::{
    DoorState,
    edge::Seat,
    mcp_http::{bearer_of, certificate_of},
    oauth::MCP_METADATA,
    response::{self, Answer},
    token, visitor,
    visitor::RequestId,
};

/// The subprotocol that is selected where it is offered. The one with a token never is: answers are no place
/// for it.
const SUBPROTOCOL: &str = "mcp";
const BEARER_PREFIX: &str = "bearer.";
/// Messages below this many bytes are not worth compressing.
const COMPRESSED_BYTES_MIN: usize = 1024;
/// States of compression that are kept for the next message of any connection.
const DEFLATE_POOLED: usize = 8;

/// An accepted handshake.
pub(in crate::door) struct Opened {
    /// What says so to the client.
    pub(in crate::door) answer: Answer,
    pub(in crate::door) identity: Arc<Identity>,
    pub(in crate::door) upgrade: Upgrade,
}

/// A connection that is there once its answer has been sent.
pub(in crate::door) struct Upgrade {
    stream: hyper::upgrade::OnUpgrade,
    extensions: Option<String>,
    /// Its place among the connections of the server.
    pub(super) seat: Option<Seat>,
}

/// Accepts a handshake, or refuses it: the row of the trail is then durable.
pub(in crate::door) async fn opened(
    state: &DoorState,
    door: &'static str,
    mut request: Request,
) -> Result<Opened, Answer> {
    if !is_upgrade(request.headers()) {
        return Err(upgrade_required());
    }
    let seat = request.extensions_mut().remove::<Seat>();
    let stream = hyper::upgrade::on(&mut request);
    let accepted = WebSocket::upgrade_with_options(&mut request, options());
    let (parts, _body) = request.into_parts();
    let request_id = parts.extensions.get::<RequestId>();
    let identity = Arc::new(Identity {
        state: state.clone(),
        door,
        path: parts.uri.path().trim_end_matches('/').to_owned(),
        certificate: certificate_of(&parts).cloned(),
        request_id: request_id.map_or_else(|| "unknown".into(), |id| id.0.clone()),
        address: visitor::address(&parts, &state.settings),
        bound: Mutex::default(),
    });
    if let Err(error) = identified(&identity, &parts.headers, parts.uri.query()).await {
        return Err(refusal(&identity, error).await);
    }
    if identity.is_known() {
        let asker = crate::door::mcp::Asker { request_id: identity.request_id.clone(), ..identity.asker() };
        let request = asker.call("", serde_json::Value::Null);
        if let Err(report) = state.pipeline.admit_request(&request).await {
            return Err(response::error(&report));
        }
    }
    let Ok((accepted, _)) = accepted else { return Err(upgrade_required()) };
    let mut answer = accepted.map(Body::new);
    let extensions = answer.headers().get(header::SEC_WEBSOCKET_EXTENSIONS);
    let extensions = extensions.and_then(|value| value.to_str().ok()).map(str::to_owned);
    if offered(&parts.headers).any(|protocol| protocol == SUBPROTOCOL) {
        let selected = HeaderValue::from_static(SUBPROTOCOL);
        answer.headers_mut().insert(header::SEC_WEBSOCKET_PROTOCOL, selected);
    }
    Ok(Opened { answer, identity, upgrade: Upgrade { stream, extensions, seat } })
}

/// Records a handshake that the fence refuses before it comes here; `None` for whatever is no handshake, and for
/// one whose answer is the fence's.
pub(in crate::door) async fn turned_away(
    state: &DoorState,
    parts: &Parts,
    request_id: &str,
) -> Option<Answer> {
    if !is_upgrade(&parts.headers) {
        return None;
    }
    let is_of_events = parts.uri.path().trim_end_matches('/') == super::EVENTS_PATH;
    let door =
        if is_of_events { crate::door::events_websocket::DOOR } else { crate::door::mcp_websocket::DOOR };
    let refused = RefusedRequest { address: visitor::address(parts, &state.settings), door, request_id };
    let error = ToolError::PermissionDenied { needed: "connections of this page".to_owned() };
    let report = state.pipeline.refuse(&refused, "open_connection", error).await;
    (report.code != ErrorCode::PermissionDenied).then(|| response::error(&report))
}

impl Upgrade {
    /// The connection, once the answer has been sent; `None` where the client was gone before.
    pub(super) async fn socket(self, identity: &Identity) -> Option<(Socket, Option<Seat>)> {
        let stream = match self.stream.await {
            Ok(stream) => TokioIo::new(stream),
            Err(error) => {
                tracing::debug!(%error, "a connection was gone before it was upgraded");
                return None;
            }
        };
        let patience = identity.state.settings.websocket.patience;
        match Socket::new(stream, self.extensions.as_deref(), options(), patience) {
            Ok(socket) => Some((socket, self.seat)),
            Err(error) => {
                tracing::error!(%error, "what was agreed on can't be done");
                None
            }
        }
    }
}

/// Whether the client wants to speak WebSocket.
pub(super) fn is_upgrade(headers: &HeaderMap) -> bool {
    let says = |name: header::HeaderName, wanted: &str| {
        let values = headers.get_all(name).into_iter().filter_map(|value| value.to_str().ok());
        values.flat_map(|value| value.split(',')).any(|value| value.trim().eq_ignore_ascii_case(wanted))
    };
    says(header::UPGRADE, "websocket") && says(header::CONNECTION, "upgrade")
}

/// Nothing is kept of one message for the next: an idle connection costs no window, and what one caller reads
/// says nothing about what another one wrote.
fn options() -> Options {
    static POOL: LazyLock<DeflatePool> = LazyLock::new(|| DeflatePool::new(DEFLATE_POOLED));
    Options::default()
        .with_compression_level(CompressionLevel::fast())
        .server_no_context_takeover()
        .client_no_context_takeover()
        .with_compression_threshold(COMPRESSED_BYTES_MIN)
        .with_deflate_pool(POOL.clone())
}

/// Takes the token that the handshake carries, where it carries one.
async fn identified(identity: &Identity, headers: &HeaderMap, query: Option<&str>) -> Result<(), ToolError> {
    if query.is_some_and(token::is_in_query) {
        let problem = "a token is never in a URL: send it in the Authorization header, as a subprotocol \
                       or in the first message";
        return Err(ToolError::invalid("/access_token", problem));
    }
    let in_header = headers.contains_key(header::AUTHORIZATION).then(|| bearer_of(headers)).transpose()?;
    let mut tokens = offered(headers).filter_map(|protocol| protocol.strip_prefix(BEARER_PREFIX));
    let token = match (in_header, tokens.next(), tokens.next()) {
        (None, None, _) => return Ok(()),
        (Some(token), None, _) | (None, Some(token), None) => token,
        (Some(token), Some(same), None) if token == same => token,
        _ => return Err(ToolError::AuthInvalid("there is more than one")),
    };
    identity.take(token).await
}

fn offered(headers: &HeaderMap) -> impl Iterator<Item = &str> {
    let values = headers.get_all(header::SEC_WEBSOCKET_PROTOCOL).into_iter();
    values.filter_map(|value| value.to_str().ok()).flat_map(|value| value.split(',')).map(str::trim)
}

async fn refusal(identity: &Identity, error: ToolError) -> Answer {
    let pipeline = &identity.state.pipeline;
    let Identity { address, door, request_id, .. } = identity;
    let refused = RefusedRequest { address: *address, door, request_id };
    let mut answer = response::error(&pipeline.refuse(&refused, "authenticate", error).await);
    if answer.status() == StatusCode::UNAUTHORIZED {
        let origin = identity.state.settings.public_url.trim_end_matches('/');
        let challenge = format!("Bearer resource_metadata=\"{origin}{MCP_METADATA}\"");
        if let Ok(challenge) = HeaderValue::from_str(&challenge) {
            answer.headers_mut().insert(header::WWW_AUTHENTICATE, challenge);
        }
    }
    answer
}

fn upgrade_required() -> Answer {
    let mut answer = response::line(
        StatusCode::UPGRADE_REQUIRED,
        "this address speaks WebSocket, version 13, over HTTP/1.1",
    );
    let headers = answer.headers_mut();
    headers.insert(header::UPGRADE, HeaderValue::from_static("websocket"));
    headers.insert(header::CONNECTION, HeaderValue::from_static("upgrade"));
    headers.insert(header::SEC_WEBSOCKET_VERSION, HeaderValue::from_static("13"));
    answer
}
