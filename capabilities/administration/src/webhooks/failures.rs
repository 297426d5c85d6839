//! Events that were given up, and trying them again.

use medcor_fhir::primitive::format_instant;
use medcor_tools::{
    Area, Effect, Listing, ListingBuilder, Need, ROWS_DEFAULT, Ref, Tool, ToolContext, ToolError,
    WebhookFailure, WebhookState, detail::Problems, kind,
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Map;

use super::{SUBSCRIPTION, managed};

/// Failures that are looked through for those that a caller names: as many as are kept.
const FAILURES_MAX: u32 = 1000;

/// Lists the events that a webhook gave up after the last attempt, the newest first.
///
/// Each says which record it is about and why it was not taken; the content of records is not kept. The newest 1000
/// are kept. `redeliver_webhook` tries them again. `RESOURCE_NOT_FOUND` when the webhook is not there or not yours.
#[derive(Deserialize, JsonSchema)]
pub(super) struct ListWebhookFailures {
    webhook: Ref<kind::Subscription>,
    /// Rows.
    #[schemars(range(min = 1, max = 100))]
    limit: Option<u32>,
    /// `next_cursor` of the answer before.
    cursor: Option<String>,
}

/// An event that was given up.
#[derive(Serialize, JsonSchema)]
pub(super) struct Row {
    /// Its number among the webhook's events.
    number: i64,
    /// The record: `Type/id`.
    focus: String,
    version: u32,
    /// When it happened.
    occurred_at: String,
    attempts: u32,
    /// When it was tried last.
    failed_at: String,
    /// Why that failed.
    reason: String,
    /// Whether it is about to be tried again.
    is_redelivering: bool,
}

impl Tool for ListWebhookFailures {
    const NAME: &'static str = "list_webhook_failures";
    const TITLE: &'static str = "List what a webhook could not deliver";
    const EFFECT: Effect = Effect::ReadOnly;
    const NEEDS: &'static [Need] = &[Need::read(SUBSCRIPTION), Need::AdministerIfAllowed(Area::Clients)];
    const KEYWORDS: &'static [&'static str] = &["dead letters", "undelivered", "failed deliveries"];
    type Output = Listing<Row>;

    async fn run(self, cx: &mut ToolContext<'_>) -> Result<Listing<Row>, ToolError> {
        let webhook = managed(&self.webhook, cx).await?;
        let before = match &self.cursor {
            None => i64::MAX,
            Some(cursor) => cursor
                .parse()
                .map_err(|_| ToolError::invalid("/cursor", "is no next_cursor of an answer before"))?,
        };
        let limit = self.limit.unwrap_or(ROWS_DEFAULT);
        let failures = cx.records().webhook_failures(&webhook, before, limit + 1).await?;
        let mut rows = ListingBuilder::new();
        let mut last = None;
        for failure in failures.iter().take(limit as usize) {
            if !rows.push(&Row::of(failure))? {
                break;
            }
            last = Some(failure.number);
        }
        let has_more = rows.len() < failures.len();
        let mut applied = Map::new();
        applied.insert("webhook".to_owned(), webhook.key.id.as_str().into());
        let rows = rows.finish(applied);
        Ok(if has_more { rows.with_more(last.map(|number| number.to_string())) } else { rows })
    }
}

impl Row {
    fn of(failure: &WebhookFailure) -> Self {
        Self {
            number: failure.number,
            focus: format!("{}/{}", failure.resource_type, failure.id),
            version: failure.version,
            occurred_at: format_instant(failure.at),
            attempts: failure.attempts,
            failed_at: format_instant(failure.failed_at),
            reason: failure.reason.clone(),
            is_redelivering: failure.is_wanted,
        }
    }
}

/// Tries again what a webhook could not deliver, and starts one again that is in error or off.
///
/// Use it when the receiver works again: all events that were given up, or those whose numbers you give, are sent
/// once more in their order, with the ids that they had, so that a receiver knows what it has; one that fails again
/// goes back to the list. What the owner may not see any more is left out. A webhook in error or off begins with
/// a handshake and goes on where it was.
#[derive(Deserialize, JsonSchema)]
pub(super) struct RedeliverWebhook {
    webhook: Ref<kind::Subscription>,
    /// Numbers as `list_webhook_failures` says them; all when absent.
    #[schemars(length(min = 1, max = 100))]
    numbers: Option<Vec<i64>>,
}

/// What is tried again.
#[derive(Serialize, JsonSchema)]
pub(super) struct TriedAgain {
    /// The webhook.
    id: String,
    /// `requested` where it begins with a handshake again, else as it was.
    status: &'static str,
    /// Events that are sent once more.
    redelivering: usize,
}

impl Tool for RedeliverWebhook {
    const NAME: &'static str = "redeliver_webhook";
    const TITLE: &'static str = "Deliver a webhook's events again";
    const EFFECT: Effect = Effect::Updates;
    const NEEDS: &'static [Need] =
        &[Need::read(SUBSCRIPTION), Need::update(SUBSCRIPTION), Need::AdministerIfAllowed(Area::Clients)];
    const KEYWORDS: &'static [&'static str] = &["retry", "resend", "dead letters", "reactivate"];
    type Output = TriedAgain;

    async fn run(self, cx: &mut ToolContext<'_>) -> Result<TriedAgain, ToolError> {
        let webhook = managed(&self.webhook, cx).await?;
        let known = cx.records().webhook_failures(&webhook, i64::MAX, FAILURES_MAX).await?;
        let mut problems = Problems::default();
        for (place, number) in self.numbers.iter().flatten().enumerate() {
            if !known.iter().any(|failure| failure.number == *number) {
                problems.add(&format!("numbers/{place}"), "is no event that this webhook gave up");
            }
        }
        problems.refuse()?;
        let redelivering = self.numbers.as_ref().map_or(known.len(), Vec::len);
        if redelivering > 0 {
            cx.records().want_webhook_failures(&webhook, self.numbers.as_deref())?;
        }
        let state = webhook.progress.state;
        let is_stopped = matches!(state, WebhookState::Error | WebhookState::Off);
        if is_stopped {
            cx.records().restart_webhook(&webhook)?;
        } else {
            cx.records().hasten_webhook(&webhook)?;
        }
        let status = if is_stopped { WebhookState::Requested } else { state };
        Ok(TriedAgain { id: webhook.key.id.to_string(), status: status.name(), redelivering })
    }
}
