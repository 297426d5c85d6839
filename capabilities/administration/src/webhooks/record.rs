//! The `Subscription` of a webhook says how it stands.

use medcor_fhir::{ParsedResource, RawObject};
use medcor_tools::{Effect, Need, Record, Tool, ToolContext, ToolError};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::SUBSCRIPTION;

/// Records of one call.
const RECORDS_MAX: usize = 50;

/// Writes into the `Subscription` records of webhooks how they stand: requested, active, error or off.
///
/// The server does this by itself within a minute of a change; call it to have the records right at once.
#[derive(Deserialize, JsonSchema)]
pub(super) struct RecordWebhookStates {}

/// What was written.
#[derive(Serialize, JsonSchema)]
pub(super) struct Recorded {
    /// Records that were changed.
    recorded: usize,
    /// Whether there are further ones.
    has_more: bool,
}

impl Tool for RecordWebhookStates {
    const NAME: &'static str = "record_webhook_states";
    const TITLE: &'static str = "Record how webhooks stand";
    const EFFECT: Effect = Effect::Updates;
    const NEEDS: &'static [Need] =
        &[Need::read(SUBSCRIPTION), Need::search(SUBSCRIPTION), Need::update(SUBSCRIPTION)];
    type Output = Recorded;

    async fn run(self, cx: &mut ToolContext<'_>) -> Result<Recorded, ToolError> {
        let mut webhooks = cx.records().webhooks().await?;
        webhooks.retain(|webhook| !webhook.is_recorded);
        let has_more = webhooks.len() > RECORDS_MAX;
        webhooks.truncate(RECORDS_MAX);
        for webhook in &webhooks {
            // The record could have been taken away by an import.
            if let Some(current) = cx.records().read(SUBSCRIPTION, &webhook.key.id).await? {
                let progress = &webhook.progress;
                stage(&current, progress.state.name(), progress.reason.as_deref(), cx)?;
            }
            cx.records().webhook_is_recorded(webhook)?;
        }
        Ok(Recorded { recorded: webhooks.len(), has_more })
    }
}

/// Stages the `Subscription` with this status.
pub(super) fn stage(
    current: &Record,
    status: &str,
    error: Option<&str>,
    cx: &mut ToolContext<'_>,
) -> Result<(), ToolError> {
    let mut object = RawObject::parse(&current.body)?;
    object.set("status", &status)?;
    match error {
        Some(error) => object.set("error", &error)?,
        None => object.remove("error"),
    }
    cx.records().update(current, ParsedResource::parse(object.to_text()?)?)?;
    Ok(())
}
