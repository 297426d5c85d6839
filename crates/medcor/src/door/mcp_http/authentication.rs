//! Who asks, by the `Authorization` header, and what is said to everybody else.

use std::{net::IpAddr, sync::Arc};

use axum::http::{HeaderMap, header, request::Parts};
use futures_util::FutureExt;
use medcor_oauth::{AuthError, ClientCertificate};
use medcor_tools::{Caller, Refusal, RefusedRequest, ToolError};

use super::McpHttp;
use crate::{
    door::{
        DoorState,
        mcp::HTTP_DOOR,
        response::{self, Answer},
        visitor,
    },
    events::{Known, Who},
};

/// Who asks by these headers, over a connection with this certificate. A stream asks this again while it is
/// open.
pub(in crate::door) async fn caller_of(
    state: &DoorState,
    headers: &HeaderMap,
    certificate: Option<&ClientCertificate>,
    path: &str,
) -> Result<Arc<Caller>, ToolError> {
    let token = bearer_of(headers)?;
    state.authenticator.caller_by(token, path, certificate).await.map_err(as_caller_error)
}

/// As [`caller_of`], with when the token ends (seconds since the epoch).
pub(in crate::door) async fn known_of(
    state: &DoorState,
    headers: &HeaderMap,
    certificate: Option<&ClientCertificate>,
    path: &str,
) -> Result<(Arc<Caller>, i64), ToolError> {
    let token = bearer_of(headers)?;
    state.authenticator.caller_until(token, path, certificate).await.map_err(as_caller_error)
}

/// How it is asked again who asks by these headers.
pub(in crate::door) fn who_of(state: &DoorState, parts: &Parts) -> Who {
    let mut headers = HeaderMap::new();
    for value in parts.headers.get_all(header::AUTHORIZATION) {
        headers.append(header::AUTHORIZATION, value.clone());
    }
    let (state, headers) = (state.clone(), Arc::new(headers));
    let (certificate, path) = (certificate_of(parts).cloned(), Arc::<str>::from(parts.uri.path()));
    Arc::new(move || {
        let (state, headers) = (state.clone(), headers.clone());
        let (certificate, path) = (certificate.clone(), path.clone());
        async move {
            let (caller, ends_at) = known_of(&state, &headers, certificate.as_deref(), &path).await?;
            Ok(Known { caller, ends_at_seconds: Some(ends_at) })
        }
        .boxed()
    })
}

/// The token of the `Authorization` header.
pub(in crate::door) fn bearer_of(headers: &HeaderMap) -> Result<&str, ToolError> {
    let mut values = headers.get_all(header::AUTHORIZATION).iter();
    let value = values.next().ok_or(ToolError::AuthRequired)?;
    if values.next().is_some() {
        return Err(ToolError::AuthInvalid("there is more than one"));
    }
    let (scheme, token) = value.to_str().ok().and_then(|value| value.split_once(' ')).unwrap_or_default();
    if !scheme.eq_ignore_ascii_case("bearer") {
        return Err(ToolError::AuthRequired);
    }
    Ok(token.trim())
}

/// The certificate of whoever asks, where a proxy that is trusted named one.
pub(in crate::door) fn certificate_of(parts: &Parts) -> Option<&Arc<ClientCertificate>> {
    parts.extensions.get()
}

impl McpHttp {
    /// The network address of whoever asks.
    pub(super) fn address(&self, parts: &Parts) -> Option<IpAddr> {
        visitor::address(parts, &self.state.settings)
    }

    pub(super) async fn token_in_url(&self, parts: &Parts, request_id: &str) -> Answer {
        let problem = "a token is never in a URL: send it in the Authorization header";
        let error = ToolError::invalid("/access_token", problem);
        response::error(&self.refused(parts, request_id, error).await)
    }

    /// 401 with what a client needs to find out where tokens come from (RFC 9728 §5.1).
    pub(super) async fn unauthenticated(&self, error: ToolError, parts: &Parts, request_id: &str) -> Answer {
        self.challenge.refusal(&self.refused(parts, request_id, error).await)
    }

    async fn refused(&self, parts: &Parts, request_id: &str, error: ToolError) -> Refusal {
        let refused = RefusedRequest { address: self.address(parts), door: HTTP_DOOR, request_id };
        self.state.pipeline.refuse(&refused, "authenticate", error).await
    }
}

/// Why a token has no caller.
pub(in crate::door) fn as_caller_error(error: AuthError) -> ToolError {
    match error {
        AuthError::Invalid(reason) => ToolError::AuthInvalid(reason),
        AuthError::ProviderUnavailable => ToolError::NotReady,
        AuthError::Store(error) => error.into(),
        other => ToolError::Server(Box::new(other)),
    }
}
