//! REST: the documented paths under `/api/mcp/…`, the same under `/api/v1/mcp/…`, and the entries of older
//! clients at the root. Who asks, what is asked, and how the answer is said; everything else is the road's.

mod asyncapi;
mod documents;
mod invoke;
pub(super) mod key;
pub(super) mod manners;
pub(super) mod openapi;
mod prompts;
mod resources;
mod tools;

use std::{net::IpAddr, sync::Arc, time::Instant};

use axum::{
    Router,
    body::{Body, Bytes},
    http::{Request, header, request::Parts},
    routing::{get, post},
};
use medcor_tools::{Caller, Catalog, ErrorReport, Exposure, RefusedRequest, ToolError};
use serde_json::Value;

use super::{
    DoorState, batch,
    body::{self, Unread},
    challenge::Challenge,
    mcp::{Asker, Failure, Mcp, View},
    mcp_http::{as_caller_error, caller_of, certificate_of},
    response::{self, Answer},
    token,
    visitor::{self, RequestId},
};
pub(super) use invoke::Invocation;

/// The door's name in the trail.
const DOOR: &str = "rest";
/// The documented prefix, and the one with a version.
const PREFIXES: [&str; 2] = ["/api", "/api/v1"];

/// REST over the road that MCP goes too.
#[derive(Clone)]
pub(super) struct Rest {
    state: DoorState,
    pub(super) mcp: Arc<Mcp>,
    challenge: Arc<Challenge>,
    openapi: documents::Document,
    asyncapi: documents::Document,
}

/// Every path of this door, and the tools by name at the root where no other route is.
pub(super) fn routes(state: DoorState, mcp: Arc<Mcp>) -> Router {
    let challenge = Arc::new(Challenge::of(&state.settings));
    let mut router = Router::new();
    for prefix in PREFIXES {
        for slash in ["", "/"] {
            router = router
                .route(&format!("{prefix}/mcp/tools/invoke{slash}"), post(invoke::invoke))
                .route(&format!("{prefix}/mcp/tools{slash}"), get(tools::listed))
                .route(&format!("{prefix}/mcp/batch{slash}"), post(batch::batch))
                .route(&format!("{prefix}/mcp/prompts/get{slash}"), post(prompts::get))
                .route(&format!("{prefix}/mcp/resources/{{collection}}{slash}"), get(resources::list))
                .route(&format!("{prefix}/mcp/resources/{{collection}}/{{id}}{slash}"), get(resources::item))
                .route(
                    &format!("{prefix}/mcp/resources/analytics/reports/{{id}}{slash}"),
                    get(resources::report),
                );
        }
    }
    for slash in ["", "/"] {
        router = router
            .route(&format!("/api/docs{slash}"), get(documents::swagger_ui))
            .route(&format!("/api/redoc{slash}"), get(documents::redoc));
    }
    router
        .route("/api/openapi.json", get(documents::openapi))
        .route("/api/asyncapi.json", get(documents::asyncapi))
        .route("/api/docs/assets/{name}", get(documents::asset))
        .route("/call", post(invoke::call))
        .route("/tools", get(tools::listed))
        .fallback(invoke::by_name)
        .with_state(Rest {
            state,
            mcp,
            challenge,
            openapi: documents::Document::default(),
            asyncapi: documents::Document::default(),
        })
}

/// A request without its body.
pub(super) struct Head {
    pub(super) parts: Parts,
    request_id: Arc<str>,
    address: Option<IpAddr>,
    started: Instant,
}

impl Head {
    pub(super) fn of(rest: &Rest, request: Request<Body>) -> (Self, Body) {
        let (parts, body) = request.into_parts();
        let request_id = parts.extensions.get::<RequestId>().map(|id| id.0.clone());
        let address = visitor::address(&parts, &rest.state.settings);
        let request_id = request_id.unwrap_or_else(|| "unknown".into());
        (Self { parts, request_id, address, started: Instant::now() }, body)
    }

    fn asker(&self, caller: Arc<Caller>) -> Asker {
        Asker {
            caller,
            view: View::everything(),
            request_id: self.request_id.clone(),
            door: DOOR,
            started: self.started,
            address: self.address,
            who: None,
        }
    }
}

impl Rest {
    pub(super) fn catalog(&self) -> &Catalog {
        self.state.pipeline.catalog()
    }

    /// Most calls of one batch.
    pub(super) fn batch_calls_max(&self) -> usize {
        self.state.settings.batch_calls_max
    }

    /// Who asks by the header, let in.
    ///
    /// # Errors
    ///
    /// The refusal, whose audit row is durable.
    pub(super) async fn asker(&self, head: &Head) -> Result<Asker, Answer> {
        self.without_token_in_address(head).await?;
        match self.header_caller(&head.parts).await {
            Ok(caller) => self.let_in(head.asker(caller)).await,
            Err(error) => Err(self.unauthenticated(head, error).await),
        }
    }

    /// Who calls a tool, and how: by the header, by a token among the arguments, or as nobody where the tool
    /// logs in.
    ///
    /// # Errors
    ///
    /// The refusal, whose audit row is durable.
    async fn asked(
        &self,
        (head, body): (&Head, Body),
        read: impl FnOnce(&[u8]) -> Result<Invocation, ToolError>,
    ) -> Result<(Asker, Invocation), Answer> {
        if head.parts.headers.contains_key(header::AUTHORIZATION) {
            let asker = self.asker(head).await?;
            let body = self.body(body, &asker).await?;
            return match read(&body) {
                Ok(invocation) => Ok((asker, invocation)),
                Err(error) => Err(self.refused(&asker, "", error).await),
            };
        }
        self.without_token_in_address(head).await?;
        let body = body::read(body).await.map_err(Unread::line)?;
        let invocation = read(&body).map_err(|_| ToolError::AuthRequired);
        let known = match invocation {
            Ok(invocation) => self.carried_caller(&invocation).await.map(|caller| (caller, invocation)),
            Err(error) => Err(error),
        };
        match known {
            Ok((caller, invocation)) => Ok((self.let_in(head.asker(caller)).await?, invocation)),
            Err(error) => Err(self.unauthenticated(head, error).await),
        }
    }

    async fn header_caller(&self, parts: &Parts) -> Result<Arc<Caller>, ToolError> {
        let certificate = certificate_of(parts).map(Arc::as_ref);
        caller_of(&self.state, &parts.headers, certificate, parts.uri.path()).await
    }

    async fn carried_caller(&self, invocation: &Invocation) -> Result<Arc<Caller>, ToolError> {
        if let Some(token) = token::carried(&invocation.arguments)? {
            return self.state.authenticator.caller(&token).await.map_err(as_caller_error);
        }
        let found = self.state.pipeline.catalog().find(&invocation.tool);
        let logs_in = found.is_some_and(|(tool, _)| tool.entry.exposure == Exposure::BeforeLogin);
        if logs_in { Ok(Caller::anonymous()) } else { Err(ToolError::AuthRequired) }
    }

    async fn let_in(&self, asker: Asker) -> Result<Asker, Answer> {
        match self.mcp.admit(&asker).await {
            Ok(()) => Ok(asker),
            Err(report) => Err(response::error(&report)),
        }
    }

    /// The body of a known caller's request.
    pub(super) async fn body(&self, body: Body, asker: &Asker) -> Result<Bytes, Answer> {
        match body::read(body).await {
            Ok(body) => Ok(body),
            Err(unread) => {
                let (status, words) = unread.words();
                let mut answer = self.refused(asker, "", ToolError::invalid("", words)).await;
                *answer.status_mut() = status;
                Err(answer)
            }
        }
    }

    /// A token in a URL stays in logs and histories, so it is refused.
    async fn without_token_in_address(&self, head: &Head) -> Result<(), Answer> {
        if !head.parts.uri.query().is_some_and(token::is_in_query) {
            return Ok(());
        }
        let problem = "a token is never in a URL: send it in the Authorization header";
        Err(self.unauthenticated(head, ToolError::invalid("/access_token", problem)).await)
    }

    /// The refusal of a request of nobody who is known.
    async fn unauthenticated(&self, head: &Head, error: ToolError) -> Answer {
        let request_id = &*head.request_id;
        let refused = RefusedRequest { address: head.address, door: DOOR, request_id };
        let report = self.state.pipeline.refuse(&refused, "authenticate", error).await;
        self.challenge.refusal(&report)
    }

    /// The refusal of a known caller's request; its audit row is durable.
    pub(super) async fn refused(&self, asker: &Asker, tool: &str, error: ToolError) -> Answer {
        self.challenge.refusal(&self.recorded(asker, tool, error).await)
    }

    pub(super) async fn recorded(&self, asker: &Asker, tool: &str, error: ToolError) -> ErrorReport {
        let call = asker.call(tool, Value::Null);
        self.state.pipeline.refuse_call(&call, error).await
    }

    fn failed(&self, failure: &Failure) -> Answer {
        self.challenge.refusal(report_of(failure))
    }
}

/// REST has one kind of refusal.
pub(in crate::door) fn report_of(failure: &Failure) -> &ErrorReport {
    match failure {
        Failure::NoSuchTool(report) | Failure::Refused(report) => report,
    }
}
