//! MCP over Streamable HTTP: who asks, whose session it is, and which of rmcp's services answers.

mod authentication;
mod carried;
mod direct;
mod message;
mod sessions;
mod step_up;
mod watch;

use std::{sync::Arc, time::Instant};

use axum::{
    body::{Body, Bytes},
    http::{HeaderMap, HeaderValue, Method, Request, StatusCode, header, request::Parts},
};
use http_body_util::Full;
use hyper::body::Incoming;
use medcor_store::{AuditEvent, EventKind};
use medcor_tools::{ErrorCode, ToolError};
use rmcp::{
    ErrorData,
    model::{JsonRpcError, RequestId},
    transport::streamable_http_server::{
        StreamableHttpServerConfig, StreamableHttpService,
        session::{local::LocalSessionManager, never::NeverSessionManager},
    },
};
use tokio_util::sync::CancellationToken;

#[cfg(feature = "conformance")]
use super::conformance::{self, Fixtures as Handler};
#[cfg(not(feature = "conformance"))]
use super::mcp::Handler;
use super::{
    DoorState, body,
    challenge::Challenge,
    mcp::{Asker, HTTP_DOOR, Mcp, View},
    response::{self, Answer},
    token,
};
pub(super) use authentication::{as_caller_error, bearer_of, caller_of, certificate_of, known_of, who_of};
pub(super) use direct::{Direct, What};
pub(super) use message::{Message, flaw_of};
use sessions::Sessions;
pub(super) use watch::RECHECK;
use watch::Watch;

const SESSION_ID: &str = "mcp-session-id";
const BOTH_MEDIA_TYPES: HeaderValue = HeaderValue::from_static("application/json, text/event-stream");

/// MCP over HTTP.
pub(super) struct McpHttp {
    state: DoorState,
    mcp: Arc<Mcp>,
    sessions: Arc<Sessions>,
    with_sessions: StreamableHttpService<Handler, LocalSessionManager>,
    /// Also for old clients that send calls without a session: nothing here needs one.
    without_sessions: StreamableHttpService<Handler, NeverSessionManager>,
    challenge: Challenge,
}

impl McpHttp {
    pub(super) fn new(state: DoorState, stop: &CancellationToken) -> Self {
        let mcp = Mcp::new(state.pipeline.clone(), Some(state.authenticator.clone()), state.hub.clone());
        let sessions = Arc::new(Sessions::new());
        // Hosts and origins are checked at the edge, for all doors alike.
        let config = StreamableHttpServerConfig::default()
            .disable_allowed_hosts()
            .disable_allowed_origins()
            .with_max_request_body_bytes(body::BYTES_MAX)
            .with_cancellation_token(stop.child_token());
        let stateless = config.clone().with_legacy_session_mode(false).with_json_response(true);
        let handler = Handler::of_requests(mcp.clone());
        let other = handler.clone();
        Self {
            with_sessions: StreamableHttpService::new(
                move || Ok(handler.for_session()),
                sessions.manager(),
                config,
            ),
            without_sessions: StreamableHttpService::new(
                move || Ok(other.clone()),
                Arc::new(NeverSessionManager::default()),
                stateless,
            ),
            challenge: Challenge::of(&state.settings),
            state,
            mcp,
            sessions,
        }
    }

    /// Whether this door answers at this path.
    pub(super) fn is_at(path: &str) -> bool {
        path.strip_prefix("/mcp").is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
    }

    /// The road of calls, which other doors share.
    pub(super) fn mcp(&self) -> &Arc<Mcp> {
        &self.mcp
    }

    /// Waits for calls whose clients are gone.
    pub(super) async fn finished(&self) {
        self.mcp.finished().await;
    }

    pub(super) async fn answer(&self, request: Request<Incoming>, request_id: Arc<str>) -> Answer {
        let (parts, body) = request.into_parts();
        let Some(view) = View::of_path(parts.uri.path(), self.state.pipeline.catalog()) else {
            return response::line(StatusCode::NOT_FOUND, "there is no such toolset");
        };
        if parts.uri.query().is_some_and(token::is_in_query) {
            return self.token_in_url(&parts, &request_id).await;
        }
        let is_post = parts.method == Method::POST;
        let certificate = certificate_of(&parts).map(Arc::as_ref);
        let caller = match caller_of(&self.state, &parts.headers, certificate, parts.uri.path()).await {
            Ok(caller) => caller,
            Err(ToolError::AuthRequired) if is_post && !parts.headers.contains_key(header::AUTHORIZATION) => {
                return self.post_without_header(parts, body, view, request_id).await;
            }
            Err(error) => return self.unauthenticated(error, &parts, &request_id).await,
        };
        let asker = Asker::new(caller, view, request_id, self.address(&parts));
        if let Some(refusal) = self.turned_away(&parts, &asker).await {
            return refusal;
        }
        if !is_post {
            return self.stream(parts, asker).await;
        }
        match body::read(body).await {
            Ok(body) => self.post(parts, body, asker).await,
            Err(unread) => unread.line(),
        }
    }

    /// The refusal of a request that is beyond its caller's rate or of another's session.
    async fn turned_away(&self, parts: &Parts, asker: &Asker) -> Option<Answer> {
        if let Err(report) = self.mcp.admit(asker).await {
            return Some(response::error(&report));
        }
        let id = parts.headers.get(SESSION_ID)?;
        let principal = asker.caller.principal();
        if id.to_str().is_ok_and(|id| self.sessions.is_of(id, principal)) {
            return None;
        }
        Some(self.foreign_session(asker).await)
    }

    /// A session that is not there, or not this caller's.
    async fn foreign_session(&self, asker: &Asker) -> Answer {
        let event = AuditEvent::new(EventKind::Authentication, "resume_session")
            .of(asker.caller.principal())
            .at_door(HTTP_DOOR, &asker.request_id)
            .failed(ErrorCode::ResourceNotFound.name(), "session_not_bound");
        match self.state.pipeline.store().ledger().event(event).await {
            Ok(()) => response::line(StatusCode::NOT_FOUND, "there is no such session; initialize again"),
            Err(error) => {
                tracing::error!(error = &error as &dyn std::error::Error, "a refusal was not recorded");
                response::line(StatusCode::SERVICE_UNAVAILABLE, "the server is not ready")
            }
        }
    }

    /// `GET` and `DELETE` of a session; rmcp refuses other methods.
    async fn stream(&self, mut parts: Parts, asker: Asker) -> Answer {
        let closed = parts.headers.get(SESSION_ID).filter(|_| parts.method == Method::DELETE).cloned();
        let watch = Watch::of(self, &parts, &asker);
        parts.extensions.insert(asker);
        let answer = self.with_sessions.handle(Request::from_parts(parts, Full::<Bytes>::default())).await;
        if let Some(id) = closed.as_ref().and_then(|id| id.to_str().ok()) {
            self.sessions.forget(id);
        }
        watch.over(answer.map(Body::new))
    }

    async fn post(&self, mut parts: Parts, body: Bytes, mut asker: Asker) -> Answer {
        asker.started = Instant::now();
        if !is_json(&parts.headers) {
            // rmcp says 415.
            return self.by_rmcp(parts, body, asker, false).await;
        }
        let message = match Message::read(&body) {
            Ok(message) => message,
            Err(error) => return malformed(None, error),
        };
        if let Err(error) = message.check_shape() {
            return malformed(id_of(&message), error);
        }
        if let Some(refusal) = self.step_up(&message, &asker).await {
            return refusal;
        }
        widen_accept(&mut parts.headers);
        let direct = Direct::of(&message, &parts.headers);
        #[cfg(feature = "conformance")]
        let direct = direct.filter(|(_, what)| !conformance::is_of_suite(what));
        if let Some((direct, what)) = direct.filter(|direct| !self.asks(direct, &parts.headers)) {
            return self.directly(&direct, what, &asker).await;
        }
        if let Err(error) = message.check(&body) {
            return malformed(id_of(&message), error);
        }
        let opens_session = message.is_initialize();
        self.by_rmcp(parts, body, asker, opens_session).await
    }

    /// Whether a person may be asked before this is done, which takes more than one answer.
    fn asks(&self, (direct, what): &(Direct<'_>, What<'_>), headers: &HeaderMap) -> bool {
        let What::Call { tool, .. } = what else { return false };
        direct.may_ask(headers.contains_key(SESSION_ID)) && self.mcp.may_be_asked_about(tool)
    }

    async fn directly(&self, direct: &Direct<'_>, what: What<'_>, asker: &Asker) -> Answer {
        match what {
            What::List => direct.listed(self.mcp.listing(asker).first_tools(direct.era())),
            What::Call { tool, arguments } => {
                let result = self.mcp.call(asker, &tool, arguments).await;
                direct.called(result)
            }
        }
    }

    async fn by_rmcp(&self, mut parts: Parts, body: Bytes, mut asker: Asker, opens_session: bool) -> Answer {
        asker.who = Some(who_of(&self.state, &parts));
        let has_session = parts.headers.contains_key(SESSION_ID);
        let caller = asker.caller.clone();
        let watch = Watch::of(self, &parts, &asker);
        parts.extensions.insert(asker);
        let request = Request::from_parts(parts, Full::new(body));
        if !opens_session && !has_session {
            return watch.over(self.without_sessions.handle(request).await.map(Body::new));
        }
        let answer = self.with_sessions.handle(request).await;
        let opened = answer.headers().get(SESSION_ID).filter(|_| opens_session);
        if let Some(id) = opened.and_then(|id| id.to_str().ok()) {
            self.sessions.bind(id.to_owned(), caller.principal()).await;
        }
        watch.over(answer.map(Body::new))
    }
}

fn is_json(headers: &HeaderMap) -> bool {
    let value = headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let essence = value.split(';').next().unwrap_or_default();
    essence.trim().eq_ignore_ascii_case("application/json")
}

/// rmcp wants both media types named. Clients that take anything, or JSON, are served as well: with a
/// stream only where they hold a session.
fn widen_accept(headers: &mut HeaderMap) {
    let takes_json = match headers.get(header::ACCEPT).map(HeaderValue::to_str) {
        None => true,
        Some(Ok(accept)) => {
            let accept = accept.to_ascii_lowercase();
            ["*/*", "application/*", "application/json"].iter().any(|wanted| accept.contains(wanted))
        }
        Some(Err(_)) => false,
    };
    if takes_json {
        headers.insert(header::ACCEPT, BOTH_MEDIA_TYPES);
    }
}

fn id_of(message: &Message<'_>) -> Option<RequestId> {
    message.id.and_then(|id| serde_json::from_str(id.get()).ok())
}

fn malformed(id: Option<RequestId>, error: ErrorData) -> Answer {
    let error = JsonRpcError::new(id, error);
    let body = serde_json::to_string(&error).expect("an error of strings and numbers can be written");
    response::json(StatusCode::BAD_REQUEST, body)
}
