//! MCP over standard input and output, acting as one user.

mod checked;

use std::sync::Arc;

use futures_util::FutureExt;
use medcor_oauth::{AuthError, Authenticator};
use medcor_tools::{Caller, Pipeline, ToolError};
use rmcp::{
    ServiceExt,
    service::ServerInitializeError,
    transport::{async_rw::AsyncRwTransport, io::stdio_pipes},
};

use super::mcp::{Handler, Mcp};
use crate::events::{Hub, HubSettings, Known, Who};

const DOOR: &str = "mcp-stdio";

/// Serves MCP on standard input and output until the input ends. Nothing else may write to standard
/// output meanwhile; logs go to standard error.
pub async fn serve(pipeline: Arc<Pipeline>, user: LocalUser) -> std::io::Result<()> {
    let hub = Hub::new(pipeline.clone(), HubSettings::default());
    let mcp = Mcp::new(pipeline, None, hub);
    let handler = Handler::of_user(mcp.clone(), Arc::new(user), DOOR);
    let (input, output) = stdio_pipes();
    let (checked, refusals) = checked::input(input);
    let transport = checked::Transport::new(AsyncRwTransport::new(checked, output), refusals);
    let server = match handler.serve(transport).await {
        Ok(server) => server,
        // Input that ends before anything was asked.
        Err(ServerInitializeError::ConnectionClosed(_)) => return Ok(()),
        Err(error) => return Err(std::io::Error::other(error)),
    };
    server.waiting().await.map_err(std::io::Error::other)?;
    mcp.finished().await;
    Ok(())
}

/// The user as whom this process acts. There is no token that could expire, so every request looks whether
/// the user still may.
pub struct LocalUser {
    authenticator: Arc<Authenticator>,
    email: String,
    /// When the operator began to act as this user, seconds since the epoch.
    began_at: i64,
}

impl LocalUser {
    /// The user with this address.
    ///
    /// # Errors
    ///
    /// [`AuthError::NoSuchUser`] for strangers and for people who were let out.
    pub async fn open(authenticator: Arc<Authenticator>, email: &str) -> Result<Self, AuthError> {
        let began_at = authenticator.now_seconds();
        authenticator.caller_for_user(email, began_at).await?;
        Ok(Self { authenticator, email: email.to_owned(), began_at })
    }

    /// How it is asked again whether the user still may.
    pub(super) fn who(self: &Arc<Self>) -> Who {
        let user = self.clone();
        Arc::new(move || {
            let user = user.clone();
            async move { Ok(Known { caller: user.caller().await?, ends_at_seconds: None }) }.boxed()
        })
    }

    /// The user as a caller, as the database has it now.
    pub(super) async fn caller(&self) -> Result<Arc<Caller>, ToolError> {
        let caller = self.authenticator.caller_for_user(&self.email, self.began_at).await;
        caller.map_err(|error| match error {
            AuthError::NoSuchUser => ToolError::AuthInvalid("its user is not active"),
            AuthError::Store(error) => error.into(),
            other => ToolError::Server(Box::new(other)),
        })
    }
}
