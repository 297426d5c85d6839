//! Which webhooks there are, and how they do.

use std::collections::HashMap;

use medcor_fhir::primitive::format_instant;
use medcor_tools::{
    Area, Effect, Listing, ListingBuilder, Need, Tool, ToolContext, ToolError, Webhook, WebhookState,
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Map;

use super::{SUBSCRIPTION, manages};

/// Lists webhooks, the oldest first: where they go, what they tell, whether they are delivered and what stands in
/// the way.
///
/// Use it to see whether a program elsewhere is still told, before `list_webhook_failures` and `redeliver_webhook`.
/// Administrators see all of the organisation, programs their own. Secrets are never shown.
#[derive(Deserialize, JsonSchema)]
pub(super) struct ListWebhooks {
    /// Those that stand so alone.
    status: Option<Status>,
}

/// How a webhook stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
enum Status {
    /// The endpoint was not reached yet.
    Requested,
    /// Delivered.
    Active,
    /// Stopped until somebody looks: `error` says why, `redeliver_webhook` begins again.
    Error,
    /// Switched off by its receiver.
    Off,
}

/// A webhook.
#[derive(Serialize, JsonSchema)]
pub(super) struct Row {
    /// The id of its `Subscription`.
    id: String,
    /// `requested`, `active`, `error` or `off`.
    status: &'static str,
    /// Why it is not active any more.
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<String>,
    endpoint: String,
    topics: Vec<String>,
    /// `id-only` or `full-resource`.
    content: &'static str,
    /// Who made it: what is told is what they may see.
    owner_id: String,
    /// Through which program.
    client_id: String,
    created_at: String,
    /// Events that were delivered or given up.
    events: i64,
    /// Of them, given up and not delivered since.
    failures: i64,
    #[serde(skip_serializing_if = "Option::is_none")]
    last_delivery_at: Option<String>,
    /// Why the last attempt failed that did.
    #[serde(skip_serializing_if = "Option::is_none")]
    last_failure: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    last_failure_at: Option<String>,
    /// Attempts of the next event that failed.
    attempts: u32,
    /// When it is tried again.
    #[serde(skip_serializing_if = "Option::is_none")]
    next_attempt_at: Option<String>,
    /// Until when the secret before signs too.
    #[serde(skip_serializing_if = "Option::is_none")]
    previous_secret_until: Option<String>,
}

impl Tool for ListWebhooks {
    const NAME: &'static str = "list_webhooks";
    const TITLE: &'static str = "List webhooks";
    const EFFECT: Effect = Effect::ReadOnly;
    const NEEDS: &'static [Need] = &[Need::search(SUBSCRIPTION), Need::AdministerIfAllowed(Area::Clients)];
    const KEYWORDS: &'static [&'static str] = &["subscriptions", "notifications", "delivery", "endpoint"];
    type Output = Listing<Row>;

    async fn run(self, cx: &mut ToolContext<'_>) -> Result<Listing<Row>, ToolError> {
        let failures: HashMap<String, i64> =
            cx.records().webhook_failure_counts().await?.into_iter().collect();
        let webhooks = cx.records().webhooks().await?;
        let now = cx.now().as_microsecond();
        let wanted = |webhook: &&Webhook| {
            manages(webhook, cx) && self.status.is_none_or(|status| status.is(webhook.progress.state))
        };
        let mut rows = ListingBuilder::new();
        let mut is_cut = false;
        for webhook in webhooks.iter().filter(wanted) {
            let failures = failures.get(webhook.key.id.as_str()).copied().unwrap_or_default();
            if !rows.push(&Row::of(webhook, failures, now))? {
                is_cut = true;
                break;
            }
        }
        let mut applied = Map::new();
        if let Some(status) = self.status {
            applied.insert("status".to_owned(), status.state().name().into());
        }
        let rows = rows.finish(applied);
        Ok(if is_cut { rows.with_more(None) } else { rows })
    }
}

impl Status {
    fn state(self) -> WebhookState {
        match self {
            Self::Requested => WebhookState::Requested,
            Self::Active => WebhookState::Active,
            Self::Error => WebhookState::Error,
            Self::Off => WebhookState::Off,
        }
    }

    fn is(self, state: WebhookState) -> bool {
        self.state() == state
    }
}

impl Row {
    fn of(webhook: &Webhook, failures: i64, now: i64) -> Self {
        let progress = &webhook.progress;
        let is_waiting = progress.attempts > 0 && progress.due_at > now;
        Self {
            id: webhook.key.id.to_string(),
            status: progress.state.name(),
            error: progress.reason.clone(),
            endpoint: webhook.endpoint.clone(),
            topics: webhook.topics.split(',').map(str::to_owned).collect(),
            content: webhook.content.name(),
            owner_id: webhook.subject.to_string(),
            client_id: webhook.client.to_string(),
            created_at: format_instant(webhook.created_at),
            events: progress.events,
            failures,
            last_delivery_at: progress.last_delivery_at.map(format_instant),
            last_failure: progress.last_failure.clone(),
            last_failure_at: progress.last_failure_at.map(format_instant),
            attempts: progress.attempts,
            next_attempt_at: is_waiting.then(|| format_instant(progress.due_at)),
            previous_secret_until: (webhook.previous_until > now)
                .then(|| format_instant(webhook.previous_until)),
        }
    }
}
