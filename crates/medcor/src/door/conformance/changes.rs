//! Lists that fixtures say have changed, and who is told.

use rmcp::{ErrorData, model::CallToolResponse, service::SubscriptionContext};
use tokio::sync::broadcast;

use super::content;

/// A list that may be said to have changed.
#[derive(Clone, Copy)]
pub(super) enum List {
    Tools,
    Prompts,
}

/// Those who listen.
#[derive(Clone)]
pub(super) struct Changes(broadcast::Sender<List>);

impl Changes {
    pub(super) fn new() -> Self {
        Self(broadcast::channel(16).0)
    }

    /// Tells whoever listens; nobody may.
    pub(super) fn of(&self, list: List) -> CallToolResponse {
        let listening = self.0.send(list).unwrap_or_default();
        content::text(&format!("{listening} are told"))
    }

    /// Whether this request listens to changes of lists.
    pub(super) fn are_wanted(context: &SubscriptionContext) -> bool {
        let accepted = context.accepted();
        accepted.tools_list_changed == Some(true) || accepted.prompts_list_changed == Some(true)
    }

    /// Tells of changes until the request ends.
    pub(super) async fn tell(&self, context: &SubscriptionContext) -> Result<(), ErrorData> {
        let accepted = context.accepted();
        let (tools, prompts) =
            (accepted.tools_list_changed == Some(true), accepted.prompts_list_changed == Some(true));
        let mut changes = self.0.subscribe();
        loop {
            let change = tokio::select! {
                () = context.cancelled() => return Ok(()),
                change = changes.recv() => change,
            };
            let sent = match change {
                Ok(List::Tools) if tools => context.sink().notify_tool_list_changed().await,
                Ok(List::Prompts) if prompts => context.sink().notify_prompt_list_changed().await,
                Ok(_) => Ok(()),
                Err(_) => return Ok(()),
            };
            if sent.is_err() {
                return Ok(());
            }
        }
    }
}
