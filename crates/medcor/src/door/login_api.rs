//! The documented logins, `POST /api/auth/login/`, `/refresh/` and `/logout/`: a thin front end of the same
//! accounts and grants.

mod issued;
mod program;

use std::sync::Arc;

use axum::{
    Router,
    body::Bytes,
    extract::{DefaultBodyLimit, FromRequest, FromRequestParts, Request},
    http::{HeaderValue, StatusCode, header},
    middleware::{self, Next},
    routing::post,
};
use medcor_oauth::{
    AuthError, IssuedTokens, SignIn as GrantOfSignIn,
    account::{AccountError, Authenticated, Credentials, SignIn},
};
use medcor_store::{AuditEvent, EventKind, identity::Grant};
use medcor_tools::{ErrorReport, RefusedRequest, ToolError};
use serde::Deserialize;
use serde_json::json;

use self::issued::issued;
use super::{
    DoorState, nul,
    response::{self, Answer},
    visitor::Visitor,
};

/// The door's name in the trail.
const DOOR: &str = "rest";
const BODY_BYTES_MAX: usize = 16 * 1024;
const REQUEST_SECONDS: u64 = 60;

/// `/api/auth/…` and `/authenticate`, with and without the slash at the end.
pub(super) fn routes(state: DoorState) -> Router {
    let mut router = Router::new();
    for prefix in ["/api", "/api/v1"] {
        router = router.route(&format!("{prefix}/auth/token/refresh/"), post(refresh));
        for slash in ["", "/"] {
            router = router
                .route(&format!("{prefix}/auth/login{slash}"), post(login))
                .route(&format!("{prefix}/auth/refresh{slash}"), post(refresh))
                .route(&format!("{prefix}/auth/logout{slash}"), post(logout));
        }
    }
    router
        .route("/authenticate", post(program::authenticate))
        .route("/authenticate/", post(program::authenticate))
        .layer(DefaultBodyLimit::max(BODY_BYTES_MAX))
        .layer(middleware::from_fn(guarded))
        .with_state(state)
}

#[derive(Deserialize)]
struct Login {
    /// Clients of one system call it otherwise.
    #[serde(alias = "username")]
    email: String,
    password: String,
    /// The second factor, once `mfa_required` asked for it.
    #[serde(default, alias = "otp", alias = "code")]
    mfa_code: Option<String>,
}

/// A refresh token, by either of its documented names.
#[derive(Deserialize)]
struct Refresh {
    #[serde(alias = "refresh")]
    refresh_token: String,
}

/// A JSON body and where it came from.
struct Asked<T> {
    state: DoorState,
    visitor: Visitor,
    body: T,
}

impl<T: serde::de::DeserializeOwned + Send> FromRequest<DoorState> for Asked<T> {
    type Rejection = Answer;

    async fn from_request(request: Request, state: &DoorState) -> Result<Self, Answer> {
        let (mut parts, body) = request.into_parts();
        let Ok(visitor) = Visitor::from_request_parts(&mut parts, state).await;
        // A form of another site can't send this type without asking the browser first.
        let media_type = parts.headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok());
        let is_json = media_type.is_some_and(|it| it.trim().starts_with("application/json"));
        let bytes = Bytes::from_request(Request::from_parts(parts, body), state).await;
        let body = match bytes {
            Ok(bytes) if is_json && !nul::is_in_json(&bytes) => {
                serde_json::from_slice(&bytes).map_err(|_| ())
            }
            _ => Err(()),
        };
        if let Ok(body) = body {
            return Ok(Self { state: state.clone(), visitor, body });
        }
        let error = ToolError::invalid("", "expected a JSON object with the documented members");
        let refused =
            RefusedRequest { address: visitor.address, door: DOOR, request_id: &visitor.request_id };
        let report = state.pipeline.refuse(&refused, "authenticate", error).await;
        Err(response::error(&report))
    }
}

async fn login(asked: Asked<Login>) -> Answer {
    let Asked { state, visitor, body } = asked;
    let code = body.mfa_code.as_deref().filter(|code| !code.is_empty());
    let credentials = Credentials { email: &body.email, password: &body.password, code };
    match state.accounts.sign_in(credentials, &visitor.visit(DOOR)).await {
        Ok(SignIn::Done(person)) => match enrolled(&state, &person).await {
            Ok(tokens) => issued(tokens, Some(&person)),
            Err(error) => failed(&state, &visitor.request_id, error),
        },
        Ok(SignIn::MfaRequired { .. }) => {
            let body = json!({
                "mfa_required": true,
                "methods": ["totp", "recovery_code"],
                "message": "send the same request with the code in `mfa_code`"
            });
            response::json(StatusCode::OK, body.to_string())
        }
        Err(error) => failed(&state, &visitor.request_id, error),
    }
}

async fn refresh(asked: Asked<Refresh>) -> Answer {
    let Asked { state, visitor, body } = asked;
    let grant = match state.authorization.grant_of_refresh_token(&body.refresh_token).await {
        Ok(grant) => grant,
        Err(error) => return failed(&state, &visitor.request_id, AccountError::Failed(error)),
    };
    let row = Row { action: "refresh_token", grant: grant.as_ref() };
    match state.authorization.refresh_sign_in(&body.refresh_token).await {
        Ok(tokens) => match recorded(&state, &visitor, row, None).await {
            Ok(()) => issued(tokens, None),
            Err(error) => failed(&state, &visitor.request_id, error),
        },
        Err(AuthError::Refused { .. } | AuthError::Invalid(_)) => {
            let refusal = Some("refresh_not_valid");
            match recorded(&state, &visitor, row, refusal).await {
                Ok(()) => {
                    refused(&state, &visitor.request_id, "the refresh token is not valid; log in again")
                }
                Err(error) => failed(&state, &visitor.request_id, error),
            }
        }
        Err(error) => failed(&state, &visitor.request_id, AccountError::Failed(error)),
    }
}

/// Whatever token comes, the answer is the same: what it would have ended is ended.
async fn logout(asked: Asked<Refresh>) -> Answer {
    let Asked { state, visitor, body } = asked;
    let grant = state.authorization.grant_of_refresh_token(&body.refresh_token).await;
    let ended = match (grant, state.authorization.sign_out(&body.refresh_token).await) {
        (Ok(grant), Ok(is_ended)) => {
            let row = Row { action: "logout", grant: grant.as_ref() };
            recorded(&state, &visitor, row, (!is_ended).then_some("no_such_token")).await
        }
        (Err(error), _) | (_, Err(error)) => Err(AccountError::Failed(error)),
    };
    match ended {
        Ok(()) => response::json(StatusCode::OK, r#"{"success":true,"message":"logged out"}"#),
        Err(error) => failed(&state, &visitor.request_id, error),
    }
}

/// Tokens for somebody who has the second factor that the organisation wants.
async fn enrolled(state: &DoorState, person: &Authenticated) -> Result<IssuedTokens, AccountError> {
    if state.accounts.must_enrol(&person.user, &person.methods).await? {
        return Err(AccountError::MustEnrol);
    }
    Ok(begun(state, person).await?)
}

async fn begun(state: &DoorState, person: &Authenticated) -> Result<IssuedTokens, AuthError> {
    let sign_in = GrantOfSignIn {
        user: &person.user,
        tenant: &person.tenant,
        session: None,
        authenticated_at: person.at,
        methods: &person.methods.join(" "),
    };
    state.authorization.sign_in(&sign_in).await
}

/// What a row of the trail says of a refresh token.
#[derive(Clone, Copy)]
struct Row<'g> {
    action: &'static str,
    /// Whose it is or was.
    grant: Option<&'g Grant>,
}

async fn recorded(
    state: &DoorState,
    visitor: &Visitor,
    row: Row<'_>,
    refusal: Option<&'static str>,
) -> Result<(), AccountError> {
    let visit = visitor.visit(DOOR);
    let kind = if row.action == "logout" { EventKind::Authentication } else { EventKind::Token };
    let mut event = AuditEvent::new(kind, row.action).at_door(DOOR, visit.request_id);
    if let Some(grant) = row.grant {
        event = event.of_tenant(grant.tenant).by(grant.subject.clone()).through(grant.client.clone());
        event = event.about("grant", &grant.id.0);
    }
    if let Some(address) = visit.address {
        event = event.from_address(address);
    }
    if let Some(detail) = refusal {
        event = event.failed("AUTH_INVALID", detail);
    }
    Ok(state.pipeline.store().ledger().event(event).await?)
}

/// The account's row of the trail is written already.
fn failed(state: &DoorState, request_id: &Arc<str>, error: AccountError) -> Answer {
    let error = match error {
        AccountError::Wait { wait_seconds } => ToolError::RateLimit { retry_after_seconds: wait_seconds },
        AccountError::Busy => ToolError::NotReady,
        AccountError::Failed(error) => {
            let cause = &error as &dyn std::error::Error;
            tracing::error!(request.id = &**request_id, error = cause, "a login failed");
            ToolError::Server(Box::new(error))
        }
        // Whoever sees this has shown the right password.
        AccountError::MustEnrol => return refused(state, request_id, &error.to_string()),
        _ => return refused(state, request_id, "the e-mail address, the password or the code is wrong"),
    };
    let mut answer = response::error(&report(state, request_id, &error));
    if let ToolError::RateLimit { retry_after_seconds } = error {
        answer.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from(retry_after_seconds));
    }
    answer
}

fn refused(state: &DoorState, request_id: &str, message: &str) -> Answer {
    let mut report = report(state, request_id, &ToolError::AuthInvalid(""));
    message.clone_into(&mut report.message);
    response::error(&report)
}

fn report(state: &DoorState, request_id: &str, error: &ToolError) -> ErrorReport {
    ErrorReport::new(error, request_id, state.pipeline.store().clock().timestamp().to_string())
}

/// Answers with tokens are kept by nobody on the way (RFC 6749 §5.1), and none takes for ever.
async fn guarded(request: Request, next: Next) -> Answer {
    let limit = std::time::Duration::from_secs(REQUEST_SECONDS);
    let mut answer = response::to_its_end(next.run(request), limit).await;
    answer.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    answer.headers_mut().insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    answer
}
