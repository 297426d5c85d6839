//! Requests without the `Authorization` header: a call that carries its token among its arguments, or one of
//! the tools that log in. Everything else is refused. None of it is on the way of other calls.

use std::sync::Arc;

use axum::http::{HeaderValue, header, request::Parts};
use hyper::body::Incoming;
use medcor_tools::{Caller, Exposure, ToolError};

use super::{McpHttp, as_caller_error, message::Message};
use crate::door::{
    body,
    mcp::{Asker, View},
    response::Answer,
    token::Carrying,
};

impl McpHttp {
    pub(super) async fn post_without_header(
        &self,
        mut parts: Parts,
        body: Incoming,
        view: Arc<View>,
        request_id: Arc<str>,
    ) -> Answer {
        let body = match body::read(body).await {
            Ok(body) => body,
            Err(unread) => return unread.line(),
        };
        match self.carried_caller(&body).await {
            Ok((caller, token)) => {
                // A stream asks its request again who called.
                if let Some(token) = token {
                    parts.headers.insert(header::AUTHORIZATION, token);
                }
                let asker = Asker::new(caller, view, request_id, self.address(&parts));
                if let Some(refusal) = self.turned_away(&parts, &asker).await {
                    return refusal;
                }
                self.post(parts, body, asker).await
            }
            Err(error) => self.unauthenticated(error, &parts, &request_id).await,
        }
    }

    /// Who calls: the owner of the token that the call carries, or nobody, for a tool that logs in.
    async fn carried_caller(&self, body: &[u8]) -> Result<(Arc<Caller>, Option<HeaderValue>), ToolError> {
        let message = Message::read(body).map_err(|_| ToolError::AuthRequired)?;
        let params = message.params.filter(|_| message.method.as_deref() == Some("tools/call"));
        let call = params.and_then(|params| serde_json::from_str::<Carrying<'_>>(params.get()).ok());
        let call = call.ok_or(ToolError::AuthRequired)?;
        let found = self.state.pipeline.catalog().find(&call.name);
        let logs_in = found.is_some_and(|(tool, _)| tool.entry.exposure == Exposure::BeforeLogin);
        match call.token()? {
            Some(token) => {
                let caller = self.state.authenticator.caller(&token).await.map_err(as_caller_error)?;
                let mut header = HeaderValue::from_str(&format!("Bearer {token}")).ok();
                if let Some(header) = &mut header {
                    header.set_sensitive(true);
                }
                Ok((caller, header))
            }
            None if logs_in => Ok((Caller::anonymous(), None)),
            None => Err(ToolError::AuthRequired),
        }
    }
}
