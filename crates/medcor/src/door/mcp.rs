//! MCP, whatever carries it: what a request may see, and its road to the pipeline.

mod completion;
mod handler;
mod listing;
mod result;
mod run_to_end;
mod view;

use std::{sync::Arc, time::Instant};

use medcor_tools::{Answer, Call, Caller, CompiledTool, ErrorReport, Pipeline, ToolError};
use serde_json::Value;
use tokio_util::task::TaskTracker;

pub(super) use handler::Handler;
pub(super) use listing::{Era, Listing};
pub(super) use result::{protocol_error, refusal};
pub(super) use view::View;

use listing::Listings;

/// What every MCP request needs, once a server.
pub(super) struct Mcp {
    pipeline: Arc<Pipeline>,
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
}

/// How a call ended, other than well.
pub(super) enum Failure {
    /// There is no such tool: an error of the protocol (MCP, tools: "Error Handling").
    NoSuchTool(Box<ErrorReport>),
    /// A result that tells the model what went wrong.
    Refused(Box<ErrorReport>),
}

impl Mcp {
    pub(super) fn new(pipeline: Arc<Pipeline>) -> Arc<Self> {
        let listings = Listings::new(pipeline.catalog().clone());
        Arc::new(Self { pipeline, listings, calls: TaskTracker::new() })
    }

    pub(super) fn pipeline(&self) -> &Arc<Pipeline> {
        &self.pipeline
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
        let (mcp, asker, tool) = (self.clone(), asker.clone(), tool.to_owned());
        let call = async move { mcp.invoke(&asker, &tool, arguments).await };
        run_to_end::run_to_end(call, &self.calls).await
    }

    /// Waits for the calls whose clients are gone.
    pub(super) async fn finished(&self) {
        self.calls.close();
        self.calls.wait().await;
    }

    async fn invoke(&self, asker: &Asker, tool: &str, mut arguments: Value) -> Result<Answer, Failure> {
        drop_tokens(self.pipeline.catalog().find(tool).map(|(tool, _)| tool), &mut arguments);
        let call = Call {
            caller: &asker.caller,
            tool,
            arguments,
            door: asker.door,
            request_id: &asker.request_id,
            started: asker.started,
        };
        let Some((known, _)) = self.pipeline.catalog().find(tool) else {
            return match self.pipeline.invoke(call).await {
                Ok(answer) => Ok(answer),
                Err(report) => Err(Failure::NoSuchTool(Box::new(report))),
            };
        };
        if !asker.view.shows(known) {
            let needed = format!("`{}` at this address", known.entry.name);
            let report = self.pipeline.refuse_call(&call, ToolError::PermissionDenied { needed }).await;
            return Err(Failure::Refused(Box::new(report)));
        }
        self.pipeline.invoke(call).await.map_err(|report| Failure::Refused(Box::new(report)))
    }
}

/// Two documented systems carry the token as an argument too. The caller is known already, and a token
/// must not come near validation, log and audit.
fn drop_tokens(tool: Option<&CompiledTool>, arguments: &mut Value) {
    let Value::Object(arguments) = arguments else { return };
    for name in ["access_token", "token"] {
        let is_parameter = || tool.is_some_and(|tool| tool.parameters().any(|known| known == name));
        if arguments.contains_key(name) && !is_parameter() {
            arguments.shift_remove(name);
        }
    }
}
