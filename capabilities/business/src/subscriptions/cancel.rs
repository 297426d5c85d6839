//! Ending a subscription.

use medcor_tools::{
    Area, Effect, Need, PlanSubscription, Synonym, Tool, ToolContext, ToolError,
    detail::{Problems, plain},
};
use schemars::JsonSchema;
use serde::Deserialize;

use super::{
    change::SUBSCRIPTION_SYNONYMS,
    period::{Period, Standing},
    row::{Saved, go_to, saved},
};

/// Ends a subscription: with today's period, or at once.
///
/// Until the end of its period it stays ACTIVE, and `update_subscription` with `auto_renew` takes that back. At once
/// is for good, and so it is where it has not begun. Records and people of the organisation stay as they are.
#[derive(Deserialize, JsonSchema)]
pub(super) struct CancelSubscription {
    /// Subscription: its id, or its number in your organisation.
    #[schemars(length(min = 1, max = 200), extend("x-medcor-name" = true))]
    subscription: String,
    /// Why, in one line.
    #[schemars(length(max = 200))]
    reason: Option<String>,
    /// true: over as of today. false: with the end of its period.
    immediate: Option<bool>,
}

impl Tool for CancelSubscription {
    const NAME: &'static str = "cancel_subscription";
    const TITLE: &'static str = "End a subscription";
    const EFFECT: Effect = Effect::Deletes;
    const IS_CONFIRMED: bool = true;
    const CONFIRMED_WITH: &'static [&'static str] = &["immediate"];
    const NEEDS: &'static [Need] = &[Need::Administer(Area::Plans), Need::AdministerIfAllowed(Area::Tenants)];
    const SYNONYMS: &'static [Synonym] = &SUBSCRIPTION_SYNONYMS;
    const KEYWORDS: &'static [&'static str] = &["unsubscribe", "terminate", "billing"];
    type Output = Saved;

    async fn run(self, cx: &mut ToolContext<'_>) -> Result<Saved, ToolError> {
        let mut problems = Problems::default();
        let reason = problems.checked("reason", self.reason.as_deref(), plain);
        problems.refuse()?;
        let (before, plan) = go_to(&self.subscription, cx).await?;
        let today = cx.today();
        let standing = Standing::of(&before, today);
        if !standing.is_open() {
            let message = format!("the subscription is over: {}", standing.name());
            return Err(ToolError::Precondition(message));
        }
        let is_immediate = self.immediate.unwrap_or(false);
        if before.cancelled_at.is_some() && !is_immediate {
            return Ok(saved(&before, &plan, "It was cancelled already".to_owned(), cx));
        }
        let ends = match standing {
            // What has not begun never does.
            Standing::Scheduled => before.starts,
            _ if is_immediate => today,
            _ => Period::of(&before, today).over,
        };
        let after = PlanSubscription {
            ends: Some(ends),
            renews: false,
            cancelled_at: Some(cx.now().as_microsecond()),
            cancellation_reason: reason.or_else(|| before.cancellation_reason.clone()),
            ..before
        };
        let known = cx.records().plan_subscriptions().await?;
        cx.records().change_plan_subscription(&after, &known)?;
        let when = if ends <= today {
            "Cancelled at once".to_owned()
        } else {
            format!("Cancelled; over from {ends} on")
        };
        Ok(saved(&after, &plan, when, cx))
    }
}
