//! Webhooks: programs elsewhere that are told what happens. Each is a `Subscription`; its secret is shown once and
//! is in no record.

mod create;
mod failures;
mod list;
mod record;

use medcor_fhir::ResourceType;
use medcor_tools::{
    Alias, Area, Capability, Effect, Exposure, Need, Ref, Secret, Tool, ToolContext, ToolError, Webhook,
    WebhookState, alias, kind, tool,
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use self::{
    create::CreateWebhook,
    failures::{ListWebhookFailures, RedeliverWebhook},
    list::ListWebhooks,
    record::RecordWebhookStates,
};

pub(super) static WEBHOOKS: Capability = Capability {
    name: "webhooks",
    description: "Programs elsewhere that are told what happens: make, list, end, deliver again.",
    tools: &[
        tool::<CreateWebhook>(),
        tool::<ListWebhooks>(),
        tool::<DeleteWebhook>(),
        tool::<RotateWebhookSecret>(),
        tool::<ListWebhookFailures>(),
        tool::<RedeliverWebhook>(),
        tool::<RecordWebhookStates>(),
    ],
    prompts: &[],
};

const SUBSCRIPTION: ResourceType = ResourceType::SUBSCRIPTION;
/// For how long the secret before signs too.
const OVERLAP_HOURS: i64 = 24;
const MICROSECONDS_PER_HOUR: i64 = 60 * 60 * 1_000_000;

/// The webhook that an argument means, where it is the caller's or the caller administers programs. Another's looks
/// like none.
async fn managed(
    reference: &Ref<kind::Subscription>,
    cx: &mut ToolContext<'_>,
) -> Result<Webhook, ToolError> {
    let found = known(reference, cx).await?;
    if found.progress.state == WebhookState::Ended { Err(ToolError::not_found("webhook")) } else { Ok(found) }
}

/// The same, also where it was ended.
async fn known(reference: &Ref<kind::Subscription>, cx: &mut ToolContext<'_>) -> Result<Webhook, ToolError> {
    let found = cx.records().webhook(reference.id()).await?.filter(|webhook| manages(webhook, cx));
    found.ok_or_else(|| ToolError::not_found("webhook"))
}

fn manages(webhook: &Webhook, cx: &ToolContext<'_>) -> bool {
    webhook.subject == cx.principal().subject || cx.may_administer(Area::Clients)
}

/// Ends a webhook: nothing is sent any more, its secret and its undelivered events are forgotten.
///
/// Its `Subscription` stays as a record with the status `off`; ending it again changes nothing. To have it again, make another with
/// `create_webhook`. `RESOURCE_NOT_FOUND` when there is none of this id, or it is not yours.
#[derive(Deserialize, JsonSchema)]
struct DeleteWebhook {
    webhook: Ref<kind::Subscription>,
}

/// A webhook that was ended.
#[derive(Serialize, JsonSchema)]
struct Ended {
    /// The webhook.
    id: String,
    /// `off`.
    status: &'static str,
    /// In words.
    message: &'static str,
}

impl Tool for DeleteWebhook {
    const NAME: &'static str = "delete_webhook";
    const TITLE: &'static str = "End a webhook";
    const ALIASES: &'static [Alias] = &[alias("delete_webhook_subscription")];
    const EFFECT: Effect = Effect::Deletes;
    const NEEDS: &'static [Need] = &[
        Need::read(SUBSCRIPTION),
        Need::update(SUBSCRIPTION),
        Need::delete(SUBSCRIPTION),
        Need::AdministerIfAllowed(Area::Clients),
    ];
    const KEYWORDS: &'static [&'static str] = &["stop notifications", "unsubscribe", "remove endpoint"];
    type Output = Ended;

    async fn run(self, cx: &mut ToolContext<'_>) -> Result<Ended, ToolError> {
        let webhook = known(&self.webhook, cx).await?;
        if webhook.progress.state != WebhookState::Ended {
            let current = cx.record(&self.webhook).await?;
            record::stage(&current, "off", None, cx)?;
            cx.records().end_webhook(&webhook)?;
        }
        Ok(Ended {
            id: webhook.key.id.to_string(),
            status: "off",
            message: "nothing is sent any more; a message that was on its way may still arrive",
        })
    }
}

/// Gives a webhook another signing secret and hands it out, once.
///
/// For a day messages carry two signatures, one of each secret, so that the receiver can change over without losing
/// any: it takes a message when one of them fits. Keep the secret where the receiver alone can read it: nobody can be
/// shown it again. Takes a login within the last 15 minutes.
#[derive(Deserialize, JsonSchema)]
struct RotateWebhookSecret {
    webhook: Ref<kind::Subscription>,
}

/// Another secret.
#[derive(Serialize, JsonSchema)]
struct Rotated {
    /// The webhook.
    id: String,
    /// `whsec_` and the key in base64. Shown this once.
    secret: Secret,
    /// Until when the secret before signs too.
    previous_until: String,
    /// In words.
    message: &'static str,
}

impl Tool for RotateWebhookSecret {
    const NAME: &'static str = "rotate_webhook_secret";
    const TITLE: &'static str = "Change a webhook's secret";
    const EFFECT: Effect = Effect::Creates;
    const NEEDS_FRESH_LOGIN: bool = true;
    const NEEDS: &'static [Need] =
        &[Need::read(SUBSCRIPTION), Need::update(SUBSCRIPTION), Need::AdministerIfAllowed(Area::Clients)];
    const EXPOSURE: Exposure = Exposure::Sensitive;
    type Output = Rotated;

    async fn run(self, cx: &mut ToolContext<'_>) -> Result<Rotated, ToolError> {
        let webhook = managed(&self.webhook, cx).await?;
        let until = cx.now().as_microsecond() + OVERLAP_HOURS * MICROSECONDS_PER_HOUR;
        let secret = cx.records().rotate_webhook_secret(&webhook, until).await?;
        Ok(Rotated {
            id: webhook.key.id.to_string(),
            secret: Secret::new(secret),
            previous_until: medcor_fhir::primitive::format_instant(until),
            message: "keep the secret where the receiver alone can read it; it is not shown again",
        })
    }
}
