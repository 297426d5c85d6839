//! Who a connection is of: nobody, until a token says so; then the owner of the newest token that came, which is
//! asked for again and again.

use std::{
    net::IpAddr,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Instant,
};

use futures_util::FutureExt;
use medcor_fhir::primitive::format_instant;
use medcor_oauth::ClientCertificate;
use medcor_policy::Principal;
use medcor_store::{AuditEvent, EventKind};
use medcor_tools::{Caller, ErrorCode, ErrorReport, RefusedRequest, ToolError};
use serde_json::Value;

use super::Closing;
use crate::{
    door::{
        DoorState,
        mcp::{Asker, View},
        mcp_http::as_caller_error,
    },
    events::{Known, Who},
};

/// Who a connection is of, and where it comes from.
pub(in crate::door) struct Identity {
    pub(in crate::door) state: DoorState,
    /// The door's name in the trail.
    pub(in crate::door) door: &'static str,
    pub(super) path: String,
    pub(super) certificate: Option<Arc<ClientCertificate>>,
    /// Of the handshake.
    pub(super) request_id: Arc<str>,
    pub(in crate::door) address: Option<IpAddr>,
    pub(super) bound: Mutex<Option<Bound>>,
}

/// The newest token, and whose it is.
#[derive(Clone)]
pub(super) struct Bound {
    token: Arc<str>,
    known: Known,
}

impl Identity {
    /// Whether somebody said who it is.
    pub(in crate::door) fn is_known(&self) -> bool {
        self.bound().is_some()
    }

    /// Who it is, where somebody said so.
    pub(in crate::door) fn known(&self) -> Option<Known> {
        self.bound().as_ref().map(|bound| bound.known.clone())
    }

    /// When the newest token ends, as text.
    pub(in crate::door) fn ends_at(&self) -> Option<String> {
        let ends_at_seconds = self.known()?.ends_at_seconds?;
        Some(format_instant(ends_at_seconds.saturating_mul(1_000_000)))
    }

    /// Takes a token: the first one says who it is, each further one has to be of the same caller.
    ///
    /// # Errors
    ///
    /// `AUTH_INVALID` for a token that is not good, or is somebody else's.
    pub(in crate::door) async fn take(&self, token: &str) -> Result<(), ToolError> {
        if self.bound().as_ref().is_some_and(|bound| *bound.token == *token) {
            return Ok(());
        }
        let known = self.owner(token).await?;
        let mut bound = self.bound();
        let is_other = |bound: &Bound| !is_same(bound.known.caller.principal(), known.caller.principal());
        if bound.as_ref().is_some_and(is_other) {
            return Err(ToolError::AuthInvalid("this connection is another caller's: open one of its own"));
        }
        *bound = Some(Bound { token: token.into(), known });
        Ok(())
    }

    /// How it is asked again who it is, by the newest token.
    pub(in crate::door) fn who(self: &Arc<Self>) -> Who {
        let identity = self.clone();
        Arc::new(move || {
            let identity = identity.clone();
            async move {
                let token = identity.bound().as_ref().map(|bound| bound.token.clone());
                identity.owner(&token.ok_or(ToolError::AuthRequired)?).await
            }
            .boxed()
        })
    }

    /// Looks whether it still may what it could.
    pub(super) async fn check(&self) -> Result<(), Closing> {
        let Some(Bound { token, known }) = self.bound().clone() else { return Ok(()) };
        let before = known.caller.principal();
        let (code, detail) = match self.owner(&token).await {
            Ok(now) if now.caller.principal().has_rights_of(before) => return Ok(()),
            Ok(_) => (ErrorCode::PermissionDenied, "rights_changed"),
            // Nothing is answered while the database is away, and it comes back.
            Err(error) if matches!(error.code(), ErrorCode::NotReady | ErrorCode::ServerError) => {
                return Ok(());
            }
            Err(error) => (error.code(), "token_not_valid"),
        };
        let event = AuditEvent::new(EventKind::Authentication, "end_stream")
            .of(before)
            .at_door(self.door, &self.request_id)
            .failed(code.name(), detail);
        if let Err(error) = self.state.pipeline.store().ledger().event(event).await {
            tracing::error!(
                error = &error as &dyn std::error::Error,
                "the end of a connection was not recorded"
            );
        }
        Err(Closing::Lost(code))
    }

    /// Whoever asks by a message, now: nobody, where nobody said.
    pub(in crate::door) fn asker(self: &Arc<Self>) -> Asker {
        let caller = self.known().map_or_else(Caller::anonymous, |known| known.caller);
        let request_id: Arc<str> = self.state.pipeline.store().clock().new_id().as_str().into();
        Asker {
            caller,
            view: View::everything(),
            request_id,
            door: self.door,
            started: Instant::now(),
            address: self.address,
            who: self.is_known().then(|| self.who()),
        }
    }

    /// Records a refusal, and makes its report.
    pub(in crate::door) async fn refuse(&self, asker: &Asker, action: &str, error: ToolError) -> ErrorReport {
        let pipeline = &self.state.pipeline;
        if asker.caller.is_anonymous() {
            let request_id = &asker.request_id;
            let refused = RefusedRequest { address: self.address, door: self.door, request_id };
            return pipeline.refuse(&refused, action, error).await;
        }
        pipeline.refuse_call(&asker.call(action, Value::Null), error).await
    }

    /// Records that nobody said who it is.
    pub(super) async fn remained_unknown(self: &Arc<Self>) {
        self.refuse(&self.asker(), "authenticate", ToolError::AuthRequired).await;
    }

    async fn owner(&self, token: &str) -> Result<Known, ToolError> {
        let certificate = self.certificate.as_deref();
        let known = self.state.authenticator.caller_until(token, &self.path, certificate).await;
        let (caller, ends_at) = known.map_err(as_caller_error)?;
        Ok(Known { caller, ends_at_seconds: Some(ends_at) })
    }

    fn bound(&self) -> MutexGuard<'_, Option<Bound>> {
        self.bound.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn is_same(one: &Principal, other: &Principal) -> bool {
    one.tenant == other.tenant && one.subject == other.subject && one.client == other.client
}
