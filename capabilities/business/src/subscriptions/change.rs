//! Changing a subscription.

use medcor_tools::{Area, Effect, Need, PlanSubscription, Synonym, Tool, ToolContext, ToolError, synonym};
use schemars::JsonSchema;
use serde::Deserialize;

use super::{
    create::refuse_overlap,
    period::{Period, Standing},
    plan,
    row::{Saved, go_to, saved},
};

/// Changes the plan of a subscription, from today on and with the new plan's billing cycle, or whether it renews.
///
/// Without renewal it ends with today's period. Renewal takes back that it ends, also where it was cancelled to the
/// end of its period. One that is over is a PRECONDITION: `create_subscription` makes another.
#[derive(Deserialize, JsonSchema)]
pub(super) struct UpdateSubscription {
    /// Subscription: its id, or its number in your organisation.
    #[schemars(length(min = 1, max = 200), extend("x-medcor-name" = true))]
    subscription: String,
    /// The new plan: id, number or whole name.
    #[schemars(length(min = 1, max = 200), extend("x-medcor-name" = true))]
    plan: Option<String>,
    /// Whether a next period follows each.
    auto_renew: Option<bool>,
}

/// What the parameter is called by documented clients.
pub(super) const SUBSCRIPTION_SYNONYMS: [Synonym; 2] =
    [synonym("subscription_id", "subscription"), synonym("id", "subscription")];

impl Tool for UpdateSubscription {
    const NAME: &'static str = "update_subscription";
    const TITLE: &'static str = "Change a subscription";
    const EFFECT: Effect = Effect::Updates;
    const NEEDS: &'static [Need] = &[Need::Administer(Area::Plans), Need::AdministerIfAllowed(Area::Tenants)];
    const SYNONYMS: &'static [Synonym] =
        &[SUBSCRIPTION_SYNONYMS[0], SUBSCRIPTION_SYNONYMS[1], synonym("plan_id", "plan")];
    const KEYWORDS: &'static [&'static str] = &["upgrade", "downgrade", "renewal", "billing"];
    type Output = Saved;

    async fn run(self, cx: &mut ToolContext<'_>) -> Result<Saved, ToolError> {
        if self.plan.is_none() && self.auto_renew.is_none() {
            return Err(ToolError::invalid("/plan", "nothing to change is given: give plan or auto_renew"));
        }
        let (before, mut plan) = go_to(&self.subscription, cx).await?;
        refuse_over(&before, cx)?;
        let mut after = before.clone();
        if let Some(text) = &self.plan {
            let wanted = plan::named(text, cx).await?;
            if !wanted.is_active && wanted.id != before.plan {
                let problem = "can't be subscribed to any more; list_subscription_plans shows which can";
                return Err(ToolError::invalid("/plan", problem));
            }
            if wanted.id != before.plan {
                after.plan = wanted.id.clone();
                after.cycle = wanted.cycle;
            }
            plan = wanted;
        }
        match self.auto_renew {
            Some(true) if !before.renews => {
                after.renews = true;
                after.ends = None;
                after.cancelled_at = None;
                after.cancellation_reason = None;
            }
            Some(false) if before.renews => {
                after.renews = false;
                after.ends = Some(Period::of(&before, cx.today()).over);
            }
            _ => {}
        }
        if after == before {
            return Ok(saved(&before, &plan, "Nothing to change".to_owned(), cx));
        }
        let known = cx.records().plan_subscriptions().await?;
        refuse_overlap(&after, &known)?;
        cx.records().change_plan_subscription(&after, &known)?;
        let message = format!("Changed the subscription of {}", cx.tenant().name);
        Ok(saved(&after, &plan, message, cx))
    }
}

fn refuse_over(subscription: &PlanSubscription, cx: &ToolContext<'_>) -> Result<(), ToolError> {
    if Standing::of(subscription, cx.today()).is_open() {
        return Ok(());
    }
    Err(ToolError::Precondition("the subscription is over; make another with create_subscription".to_owned()))
}
