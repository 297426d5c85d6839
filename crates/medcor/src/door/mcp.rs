//! MCP, whatever carries it: what a request may see, and its road to the pipeline.

mod asking;
mod batch;
mod completion;
mod handler;
mod listing;
mod progress;
mod reading;
mod result;
mod run_to_end;
mod subscriptions;
mod view;

use std::{net::IpAddr, sync::Arc, time::Instant};

use medcor_oauth::Authenticator;
use medcor_tools::{Answer, Call, Caller, ErrorReport, Pipeline, ToolError};
use serde_json::Value;
use tokio_util::task::TaskTracker;

pub(super) use handler::Handler;
pub(super) use listing::{Era, Listing};
pub(super) use result::{protocol_error, refusal};
pub(super) use view::View;

use asking::Asked;
use listing::Listings;

use super::{mcp_http::as_caller_error, token};
use crate::events::{Hub, Who};

/// What every MCP request needs, once a server.
pub(super) struct Mcp {
    pipeline: Arc<Pipeline>,
    authenticator: Option<Arc<Authenticator>>,
    hub: Arc<Hub>,
    listings: Listings,
    /// Calls whose client is gone.
    calls: TaskTracker,
}

/// Who asks, and how. Put into the request by the door.
#[derive(Clone)]
pub(super) struct Asker {
    pub(super) caller: Arc<Caller>,
    pub(super) view: Arc<View>,
    pub(super) request_id: Arc<str>,
    /// The door's name in the audit trail.
    pub(super) door: &'static str,
    pub(super) started: Instant,
    /// The network address that it came from, where there is one.
    pub(super) address: Option<IpAddr>,
    /// How it is asked again who it is, where more may follow than an answer.
    pub(super) who: Option<Who>,
}

impl Asker {
    /// Who asks by an HTTP request, now.
    pub(super) fn new(
        caller: Arc<Caller>,
        view: Arc<View>,
        request_id: Arc<str>,
        address: Option<IpAddr>,
    ) -> Self {
        Self { caller, view, request_id, door: HTTP_DOOR, started: Instant::now(), address, who: None }
    }

    /// A call of this tool by whoever asks.
    pub(super) fn call<'c>(&'c self, tool: &'c str, arguments: Value) -> Call<'c> {
        Call {
            caller: &self.caller,
            tool,
            arguments,
            door: self.door,
            request_id: &self.request_id,
            started: self.started,
            address: self.address,
        }
    }
}

/// MCP over HTTP, in the audit trail.
pub(super) const HTTP_DOOR: &str = "mcp-http";

/// How a call ended, other than well.
pub(super) enum Failure {
    /// There is no such tool: an error of the protocol (MCP, tools: "Error Handling").
    NoSuchTool(Box<ErrorReport>),
    /// A result that tells the model what went wrong.
    Refused(Box<ErrorReport>),
}

impl Mcp {
    /// Without an authenticator, as where the operator named the caller, tokens among the arguments are
    /// taken out and nothing else.
    pub(super) fn new(
        pipeline: Arc<Pipeline>,
        authenticator: Option<Arc<Authenticator>>,
        hub: Arc<Hub>,
    ) -> Arc<Self> {
        let listings = Listings::new(pipeline.catalog().clone());
        Arc::new(Self { pipeline, authenticator, hub, listings, calls: TaskTracker::new() })
    }

    pub(super) fn pipeline(&self) -> &Arc<Pipeline> {
        &self.pipeline
    }

    pub(super) fn hub(&self) -> &Arc<Hub> {
        &self.hub
    }

    /// What this caller may see.
    pub(super) fn listing(&self, asker: &Asker) -> Arc<Listing> {
        self.listings.of(asker)
    }

    /// Calls a tool. The call runs to its end, and to its audit row, even if the returned future is
    /// dropped because the client has gone; its answer is then dropped.
    pub(super) async fn call(
        self: &Arc<Self>,
        asker: &Asker,
        tool: &str,
        arguments: Value,
    ) -> Result<Answer, Failure> {
        self.call_asking(asker, tool, arguments, Asked::Unable).await
    }

    async fn call_asking(
        self: &Arc<Self>,
        asker: &Asker,
        tool: &str,
        arguments: Value,
        standing: Asked,
    ) -> Result<Answer, Failure> {
        let (mcp, asker, tool) = (self.clone(), asker.clone(), tool.to_owned());
        let call = async move { mcp.invoke(&asker, &tool, arguments, &standing).await };
        run_to_end::run_to_end(call, &self.calls).await
    }

    /// Whether a person may have to confirm calls of this name.
    pub(super) fn may_be_asked_about(&self, tool: &str) -> bool {
        let named = self.pipeline.catalog().named(tool);
        named.iter().any(|tool| tool.entry.is_confirmed || tool.entry.names_another())
    }

    /// Lets a request in before it is read, or refuses it for there being too many.
    pub(super) async fn admit(&self, asker: &Asker) -> Result<(), ErrorReport> {
        self.pipeline.admit_request(&asker.call("", Value::Null)).await
    }

    /// Waits for the calls whose clients are gone.
    pub(super) async fn finished(&self) {
        self.calls.close();
        self.calls.wait().await;
    }

    async fn invoke(
        &self,
        asker: &Asker,
        tool: &str,
        mut arguments: Value,
        standing: &Asked,
    ) -> Result<Answer, Failure> {
        let found = self.pipeline.catalog().find(tool).map(|(tool, _)| tool);
        let carried = match token::taken(found, &mut arguments) {
            Ok(None) => Ok(None),
            Ok(Some(token)) => self.carried(asker, &token).await,
            Err(error) => Err(error),
        };
        let (carried, refusal) = match carried {
            Ok(carried) => (carried, None),
            Err(error) => (None, Some(error)),
        };
        let call = Call { caller: carried.as_ref().unwrap_or(&asker.caller), ..asker.call(tool, arguments) };
        if let Some(error) = refusal {
            let report = self.pipeline.refuse_call(&call, error).await;
            return Err(Failure::Refused(Box::new(report)));
        }
        if found.is_none() {
            return match self.pipeline.invoke(call).await {
                Ok(answer) => Ok(answer),
                Err(report) => Err(Failure::NoSuchTool(Box::new(report))),
            };
        }
        let meant = self.pipeline.catalog().meant(tool, &call.arguments);
        if let Some(hidden) = meant.iter().find(|tool| !asker.view.shows(tool)) {
            let needed = format!("`{}` at this address", hidden.entry.name);
            let report = self.pipeline.refuse_call(&call, ToolError::PermissionDenied { needed }).await;
            return Err(Failure::Refused(Box::new(report)));
        }
        let invoked = self.pipeline.invoke_asking(call, standing.asking()).await;
        invoked.map_err(|report| Failure::Refused(Box::new(report)))
    }

    /// Who calls by a token among the arguments. It takes the place of the header's caller only in the
    /// organisation of that caller: a session and its answers belong to one.
    async fn carried(&self, asker: &Asker, token: &str) -> Result<Option<Arc<Caller>>, ToolError> {
        let Some(authenticator) = &self.authenticator else { return Ok(None) };
        let caller = authenticator.caller(token).await.map_err(as_caller_error)?;
        let is_same = caller.principal().tenant == asker.caller.principal().tenant;
        if is_same || asker.caller.is_anonymous() {
            return Ok(Some(caller));
        }
        Err(ToolError::AuthInvalid(
            "the one among the arguments is of another organisation than the header's",
        ))
    }
}
