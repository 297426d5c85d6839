//! One-time tickets: opaque, good once and for half a minute, for one stream of whoever got it. No token is ever
//! in a URL.

use axum::{
    extract::{Request, State},
    http::{HeaderValue, StatusCode, header, request::Parts},
};
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use medcor_oauth::Standing;
use medcor_store::{AuditEvent, EventKind, identity::TokenHash};
use medcor_tools::{RefusedRequest, ToolError};
use ring::{
    digest::{SHA256, digest},
    rand::{SecureRandom, SystemRandom},
};
use serde_json::json;

use super::{
    DOOR, EventsSse, refusal,
    request::{call, request_id},
};
use crate::{
    door::{
        DoorState,
        mcp_http::{as_caller_error, bearer_of, certificate_of, known_of},
        response::{self, Answer},
        visitor,
    },
    events::Known,
};

/// How long a ticket is good, in seconds.
const LIFETIME_SECONDS: i64 = 30;
/// By which scanners of leaked secrets know it.
const PREFIX: &str = "mct_";
/// Longest ticket that is looked at.
const BYTES_MAX: usize = 128;

/// Gives a ticket to whoever asks with a token.
pub(super) async fn issue(State(door): State<EventsSse>, request: Request) -> Answer {
    let (parts, _body) = request.into_parts();
    let (state, request_id) = (&door.state, request_id(&parts));
    let address = visitor::address(&parts, &state.settings);
    let known = match known(state, &parts).await {
        Ok(known) => known,
        Err(error) => {
            let refused = RefusedRequest { address, door: DOOR, request_id: &request_id };
            return refusal(state, &state.pipeline.refuse(&refused, "issue_stream_ticket", error).await);
        }
    };
    let call = call(&known, (address, &request_id));
    if let Err(report) = state.pipeline.admit_request(&call).await {
        return refusal(state, &report);
    }
    let event = AuditEvent::new(EventKind::Events, "issue_stream_ticket")
        .of(known.caller.principal())
        .at_door(DOOR, &request_id);
    match issued(state, &parts, &event).await {
        Ok(ticket) => given(&ticket),
        Err(error) => refusal(state, &state.pipeline.refuse_call(&call, error).await),
    }
}

async fn known(state: &DoorState, parts: &Parts) -> Result<Known, ToolError> {
    let certificate = certificate_of(parts).map(AsRef::as_ref);
    let (caller, ends_at) = known_of(state, &parts.headers, certificate, parts.uri.path()).await?;
    Ok(Known { caller, ends_at_seconds: Some(ends_at) })
}

async fn issued(state: &DoorState, parts: &Parts, event: &AuditEvent) -> Result<String, ToolError> {
    let token = bearer_of(&parts.headers)?;
    let standing = state.authenticator.standing(token, parts.uri.path()).await.map_err(as_caller_error)?;
    let mut secret = [0; 32];
    SystemRandom::new().fill(&mut secret).map_err(|_unspecified| ToolError::NotReady)?;
    let ticket = format!("{PREFIX}{}", URL_SAFE_NO_PAD.encode(secret));
    let ends_at = state.pipeline.store().clock().now() + LIFETIME_SECONDS * 1_000_000;
    let standing = serde_json::to_string(&standing)?;
    let identity = state.pipeline.store().identity();
    let is_kept = identity.add_stream_ticket(hash(&ticket), &standing, ends_at, event).await?;
    // 256 random bits are never there already.
    is_kept.then_some(ticket).ok_or(ToolError::NotReady)
}

fn given(ticket: &str) -> Answer {
    let body = json!({
        "ticket": ticket,
        "expires_in": LIFETIME_SECONDS,
        "url": format!("/api/mcp/sse?ticket={ticket}")
    });
    let mut answer = response::json(StatusCode::OK, body.to_string());
    answer.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    answer
}

/// What a ticket stands for, which is then used up.
pub(super) async fn used(state: &DoorState, ticket: &str) -> Result<Standing, ToolError> {
    const UNKNOWN: ToolError = ToolError::AuthInvalid("the ticket was used, is too old or was never given");
    if ticket.len() > BYTES_MAX || !ticket.starts_with(PREFIX) {
        return Err(UNKNOWN);
    }
    let standing = state.pipeline.store().identity().use_stream_ticket(hash(ticket)).await?;
    let standing = standing.ok_or(UNKNOWN)?;
    Ok(serde_json::from_str(&standing)?)
}

fn hash(ticket: &str) -> TokenHash {
    digest(&SHA256, ticket.as_bytes()).as_ref().try_into().expect("SHA-256 has 32 bytes")
}
