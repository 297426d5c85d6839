//! What a request for a stream says: who asks, by header or by ticket, and what for.

use std::{net::IpAddr, sync::Arc, time::Instant};

use axum::{
    extract::Query,
    http::{header, request::Parts},
};
use futures_util::FutureExt;
use medcor_oauth::Standing;
use medcor_tools::{ArgumentProblem, Call, RefusedRequest, ToolError};
use serde_json::Value;

use super::{DOOR, refusal, ticket};
use crate::{
    door::{
        DoorState,
        mcp_http::{as_caller_error, who_of},
        response::Answer,
        token,
        visitor::{self, RequestId},
    },
    events::{Detail, Known, Topics, Who},
};

const LAST_EVENT_ID: &str = "last-event-id";

/// A request for a stream.
pub(super) struct Asked {
    pub(super) known: Known,
    /// How it is asked again who it is.
    pub(super) who: Who,
    pub(super) wanted: Wanted,
    pub(super) request_id: Arc<str>,
    address: Option<IpAddr>,
}

/// What is asked for.
pub(super) struct Wanted {
    pub(super) topics: Topics,
    pub(super) detail: Detail,
    pub(super) last_event_id: Option<String>,
    ticket: Option<String>,
}

impl Asked {
    /// Reads the request; its refusal is in the trail.
    pub(super) async fn read(state: &DoorState, parts: &Parts) -> Result<Self, Answer> {
        let request_id = request_id(parts);
        let address = visitor::address(parts, &state.settings);
        let refused = RefusedRequest { address, door: DOOR, request_id: &request_id };
        if parts.uri.query().is_some_and(token::is_in_query) {
            let problem = "a token is never in a URL: send it in the Authorization header, or get a ticket";
            let error = ToolError::invalid("/access_token", problem);
            return Err(refusal(state, &state.pipeline.refuse(&refused, "open_stream", error).await));
        }
        let wanted = Wanted::of(parts);
        let ticket = wanted.as_ref().ok().and_then(|wanted| wanted.ticket.as_deref());
        let identified = identified(state, parts, ticket).await;
        let (known, who) = match identified {
            Ok(identified) => identified,
            Err(error) => {
                return Err(refusal(state, &state.pipeline.refuse(&refused, "open_stream", error).await));
            }
        };
        let call = call(&known, (address, &request_id));
        if let Err(report) = state.pipeline.admit_request(&call).await {
            return Err(refusal(state, &report));
        }
        match wanted {
            Ok(wanted) => Ok(Self { known, who, wanted, request_id, address }),
            Err(error) => Err(refusal(state, &state.pipeline.refuse_call(&call, error).await)),
        }
    }

    /// The refusal of a caller who is known.
    pub(super) async fn refusal(&self, state: &DoorState, error: ToolError) -> Answer {
        let call = call(&self.known, (self.address, &self.request_id));
        refusal(state, &state.pipeline.refuse_call(&call, error).await)
    }
}

pub(super) fn request_id(parts: &Parts) -> Arc<str> {
    parts.extensions.get::<RequestId>().map_or_else(|| "unknown".into(), |id| id.0.clone())
}

pub(super) fn call<'c>(known: &'c Known, (address, request_id): (Option<IpAddr>, &'c str)) -> Call<'c> {
    Call {
        caller: &known.caller,
        tool: "",
        arguments: Value::Null,
        door: DOOR,
        request_id,
        started: Instant::now(),
        address,
    }
}

/// Who asks. A ticket is used up by this.
async fn identified(
    state: &DoorState,
    parts: &Parts,
    ticket: Option<&str>,
) -> Result<(Known, Who), ToolError> {
    let who = match ticket {
        Some(_) if parts.headers.contains_key(header::AUTHORIZATION) => {
            return Err(ToolError::AuthInvalid("there is a ticket beside it"));
        }
        Some(ticket) => who_stands(state, ticket::used(state, ticket).await?),
        None => who_of(state, parts),
    };
    Ok((who().await?, who))
}

/// How it is asked again who got a ticket.
fn who_stands(state: &DoorState, standing: Standing) -> Who {
    let (state, standing) = (state.clone(), Arc::new(standing));
    Arc::new(move || {
        let (state, standing) = (state.clone(), standing.clone());
        async move {
            let known = state.authenticator.caller_standing(&standing).await;
            let (caller, ends_at) = known.map_err(as_caller_error)?;
            Ok(Known { caller, ends_at_seconds: Some(ends_at) })
        }
        .boxed()
    })
}

impl Wanted {
    /// Every parameter is understood or refused: one that was overlooked would widen what is told.
    fn of(parts: &Parts) -> Result<Self, ToolError> {
        let given = Query::<Vec<(String, String)>>::try_from_uri(&parts.uri);
        let Ok(Query(given)) = given else {
            return Err(ToolError::invalid("", "the query of the URL can't be read"));
        };
        let header = parts.headers.get(LAST_EVENT_ID).and_then(|id| id.to_str().ok()).map(str::to_owned);
        let mut wanted =
            Self { topics: Topics::all(), detail: Detail::Ids, last_event_id: None, ticket: None };
        let mut problems = Vec::new();
        for (name, value) in given {
            match name.as_str() {
                "topics" | "events" | "resources" => match Topics::parse(&value) {
                    Ok(topics) => wanted.topics = topics,
                    Err(unknown) => problems.push(problem(
                        &name,
                        &format!(
                            "not known: {}; names of events, collections and FHIR types are, such as \
                         appointment_created, appointments, Observation",
                            unknown.0.join(", ")
                        ),
                    )),
                },
                "data" => match value.as_str() {
                    "ids" => wanted.detail = Detail::Ids,
                    "full" => wanted.detail = Detail::Full,
                    _ => problems.push(problem(&name, "`ids` or `full`")),
                },
                "last_event_id" | "lastEventId" => wanted.last_event_id = Some(value),
                "ticket" => wanted.ticket = Some(value),
                _ => problems.push(problem(&name, "not known; topics, data, last_event_id and ticket are")),
            }
        }
        // A browser that connects again sends the header, and the URL that it was opened with.
        wanted.last_event_id = header.or(wanted.last_event_id).filter(|id| !id.is_empty());
        if problems.is_empty() { Ok(wanted) } else { Err(ToolError::Validation(problems)) }
    }
}

fn problem(name: &str, problem: &str) -> ArgumentProblem {
    ArgumentProblem { path: format!("/{name}"), problem: problem.to_owned() }
}
