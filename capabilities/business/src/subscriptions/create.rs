//! Subscribing to a plan.

use jiff::{Span, civil::Date};
use medcor_tools::{
    Area, Effect, Need, Plan, PlanSubscription, Synonym, Tool, ToolContext, ToolError,
    detail::{self, Problems},
    synonym,
};
use schemars::JsonSchema;
use serde::Deserialize;

use super::{
    period::Standing,
    plan::{self, Cycle},
    row::{Saved, saved},
};

/// Subscriptions of one organisation, with those that are over.
const SUBSCRIPTIONS_MAX: usize = 1000;
/// How far in the past or future a subscription may begin or end.
const YEARS_MAX: i32 = 10;

/// Subscribes an organisation to a plan of this server: your own, or for a platform administrator any.
///
/// An organisation has one subscription at a time: where another covers one of the days it is a CONFLICT, and
/// `update_subscription` changes the plan of that one.
#[derive(Deserialize, JsonSchema)]
pub(super) struct CreateSubscription {
    /// Hospital or clinic: id, number, short name or name. Your own when absent.
    #[schemars(extend("x-medcor-name" = true))]
    organisation: Option<String>,
    /// Plan: id, number or whole name.
    #[schemars(length(min = 1, max = 200), extend("x-medcor-name" = true))]
    plan: String,
    /// The first day, YYYY-MM-DD; today when absent.
    start_date: Option<String>,
    /// The last day, YYYY-MM-DD; none when absent.
    end_date: Option<String>,
    /// How long a period is; the plan's cycle when absent.
    billing_cycle: Option<Cycle>,
    /// Whether a next period follows each; false goes with one period, or with `end_date`.
    auto_renew: Option<bool>,
}

impl Tool for CreateSubscription {
    const NAME: &'static str = "create_subscription";
    const TITLE: &'static str = "Subscribe to a plan";
    const EFFECT: Effect = Effect::Creates;
    const NEEDS: &'static [Need] = &[Need::Administer(Area::Plans), Need::AdministerIfAllowed(Area::Tenants)];
    const SYNONYMS: &'static [Synonym] =
        &[synonym("plan_id", "plan"), synonym("cycle", "billing_cycle"), synonym("from", "start_date")];
    const KEYWORDS: &'static [&'static str] = &["billing", "buy", "sign up"];
    type Output = Saved;

    async fn run(self, cx: &mut ToolContext<'_>) -> Result<Saved, ToolError> {
        if let Some(text) = &self.organisation {
            let tenant = cx.tenant_named(text).await?;
            cx.enter(tenant)?;
        }
        let plan = plan::named(&self.plan, cx).await?;
        let mut subscription = self.checked(&plan, cx)?;
        let known = cx.records().plan_subscriptions().await?;
        if known.len() >= SUBSCRIPTIONS_MAX {
            return Err(ToolError::Conflict(format!("there are {SUBSCRIPTIONS_MAX} subscriptions already")));
        }
        refuse_overlap(&subscription, &known)?;
        subscription.number = known.iter().map(|known| known.number).max().unwrap_or(0) + 1;
        cx.records().begin_plan_subscription(&subscription, &known)?;
        let word = match Standing::of(&subscription, cx.today()) {
            Standing::Scheduled => "is subscribed from then on",
            _ => "is subscribed",
        };
        let message = format!("{} {word}: {}", cx.tenant().name, plan.name);
        Ok(saved(&subscription, &plan, message, cx))
    }
}

impl CreateSubscription {
    fn checked(&self, plan: &Plan, cx: &ToolContext<'_>) -> Result<PlanSubscription, ToolError> {
        let mut problems = Problems::default();
        let today = cx.today();
        let starts = problems.checked("start_date", self.start_date.as_deref(), |text| near_day(text, today));
        let last = problems.checked("end_date", self.end_date.as_deref(), |text| near_day(text, today));
        let starts = starts.unwrap_or(today);
        if last.is_some_and(|last| last < starts) {
            problems.add("end_date", "is before start_date");
        }
        if last.is_some_and(|last| last < today) {
            problems.add("end_date", "is over: a subscription that ended before today is none");
        }
        if !plan.is_active {
            problems.add("plan", "can't be subscribed to any more; list_subscription_plans shows which can");
        }
        if last.is_some() && self.auto_renew == Some(true) {
            problems.add("auto_renew", "does not go with end_date: what renews has no end");
        }
        problems.refuse()?;
        let cycle = self.billing_cycle.map_or(plan.cycle, Cycle::of_store);
        let renews = last.is_none() && self.auto_renew.unwrap_or(true);
        let one_period = || starts.saturating_add(Span::new().months(cycle.months()));
        let after_last = last.map(|last| last.saturating_add(Span::new().days(1)));
        let ends = if renews { None } else { Some(after_last.unwrap_or_else(one_period)) };
        if ends.is_some_and(|ends| ends <= today) {
            let problem = "with one period it is over already: give a later day, an end_date or auto_renew";
            return Err(ToolError::invalid("/start_date", problem));
        }
        Ok(PlanSubscription {
            id: cx.new_id(),
            tenant: cx.tenant().id,
            number: 0,
            plan: plan.id.clone(),
            starts,
            ends,
            cycle,
            renews,
            cancelled_at: None,
            cancellation_reason: None,
            created_at: cx.now().as_microsecond(),
            version: 1,
        })
    }
}

/// An organisation has one subscription at a time.
pub(super) fn refuse_overlap(
    subscription: &PlanSubscription,
    known: &[PlanSubscription],
) -> Result<(), ToolError> {
    let other = known.iter().find(|known| known.id != subscription.id && known.overlaps(subscription));
    match other {
        Some(other) => Err(ToolError::Conflict(format!(
            "another subscription covers some of these days: id {}; change it with update_subscription or end it \
             with cancel_subscription",
            other.id
        ))),
        None => Ok(()),
    }
}

/// A day that is not far away.
fn near_day(text: &str, today: Date) -> Result<Date, &'static str> {
    let day = detail::day(text)?;
    let span = Span::new().years(YEARS_MAX);
    let is_near = (today.saturating_sub(span)..=today.saturating_add(span)).contains(&day);
    if is_near { Ok(day) } else { Err("is more than 10 years away") }
}
