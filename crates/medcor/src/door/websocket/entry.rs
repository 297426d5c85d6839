//! Whose a call is: the owner of the token that it carries, the connection's, or nobody's, for a tool that logs
//! in.

use std::{borrow::Cow, sync::Arc};

use medcor_tools::{Answer, ErrorReport, Exposure, ToolError};
use serde::Deserialize;

use super::Identity;
use crate::door::{
    mcp::{Asker, Mcp},
    token::Carrying,
};

/// A message that may go on.
pub(in crate::door) struct Entered {
    pub(in crate::door) asker: Asker,
    /// Whether the call is one of a tool that logs in.
    pub(in crate::door) logs_in: bool,
}

/// Lets a message in, which may be a call. A refusal is in the trail.
pub(in crate::door) async fn entered(
    identity: &Arc<Identity>,
    mcp: &Mcp,
    call: Option<Carrying<'_>>,
) -> Result<Entered, ErrorReport> {
    let asker = identity.asker();
    let logs_in = call.as_ref().is_some_and(|call| {
        let found = identity.state.pipeline.catalog().find(&call.name);
        found.is_some_and(|(tool, _)| tool.entry.exposure == Exposure::BeforeLogin)
    });
    let carried = call.map(Carrying::token).transpose().map(Option::flatten);
    let known = match carried {
        Ok(Some(token)) => identity.take(&token).await,
        Ok(None) if asker.caller.is_anonymous() && !logs_in => Err(ToolError::AuthRequired),
        Ok(None) => Ok(()),
        Err(error) => Err(error),
    };
    // Where somebody calls, what is wrong with a token among the arguments is the call's refusal.
    if let Err(error) = known
        && asker.caller.is_anonymous()
    {
        return Err(identity.refuse(&asker, "authenticate", error).await);
    }
    let asker = Asker { request_id: asker.request_id, started: asker.started, ..identity.asker() };
    mcp.admit(&asker).await?;
    Ok(Entered { asker, logs_in })
}

/// The connection is of whoever logged in on it.
pub(in crate::door) async fn logged_in(identity: &Identity, answer: &Answer) {
    #[derive(Deserialize)]
    struct Issued<'a> {
        #[serde(borrow)]
        access_token: Cow<'a, str>,
    }
    let Ok(issued) = serde_json::from_str::<Issued<'_>>(answer.json()) else { return };
    if let Err(error) = identity.take(&issued.access_token).await {
        tracing::debug!(code = error.code().name(), "a login does not change whose a connection is");
    }
}
