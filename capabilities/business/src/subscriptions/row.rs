//! A subscription as the tools find and show it.

use jiff::civil::Date;
use medcor_fhir::primitive::format_instant;
use medcor_tools::{FormerPlan, FreeText, Plan, PlanSubscription, Tenant, ToolContext, ToolError};
use schemars::JsonSchema;
use serde::Serialize;

use super::period::{Period, Standing, day_before};
use crate::amount::Amount;

/// A subscription. What is not known is left out.
#[derive(Serialize, JsonSchema)]
pub(super) struct SubscriptionRow {
    pub(super) id: String,
    /// The same as `id`.
    subscription_id: String,
    /// Counted from 1 in the organisation.
    number: i64,
    /// Whose.
    hospital_id: String,
    /// The same as `hospital_id`.
    tenant_id: String,
    /// The organisation's name.
    hospital: String,
    plan_id: String,
    /// The plan's name.
    plan: String,
    plan_type: &'static str,
    /// Of the plan, for one `plan_billing_cycle`.
    price: Amount,
    /// ISO 4217.
    #[serde(skip_serializing_if = "Option::is_none")]
    currency: Option<String>,
    /// MONTHLY, QUARTERLY or ANNUAL: what `price` is for.
    plan_billing_cycle: &'static str,
    /// MONTHLY, QUARTERLY or ANNUAL: how long the periods of this subscription are.
    billing_cycle: &'static str,
    /// SCHEDULED, ACTIVE, CANCELLED or EXPIRED.
    pub(super) status: &'static str,
    is_active: bool,
    start_date: String,
    /// The last day, where there is one.
    #[serde(skip_serializing_if = "Option::is_none")]
    end_date: Option<String>,
    /// First and last day of today's period, where it is on or to come.
    #[serde(skip_serializing_if = "Option::is_none")]
    current_period_start: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    current_period_end: Option<String>,
    /// When the next period begins.
    #[serde(skip_serializing_if = "Option::is_none")]
    next_billing_date: Option<String>,
    /// Whether a next period follows each.
    auto_renew: bool,
    /// Whether it was cancelled and ends with its period.
    cancel_at_period_end: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    cancelled_at: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    cancellation_reason: Option<FreeText>,
    /// What it was to before, the first first.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    former_plans: Vec<FormerRow>,
    created_at: String,
}

/// A plan that a subscription was to.
#[derive(Serialize, JsonSchema)]
struct FormerRow {
    plan_id: String,
    plan: String,
    /// MONTHLY, QUARTERLY or ANNUAL.
    billing_cycle: &'static str,
    /// When it changed.
    until: String,
}

/// A subscription that was made or changed.
#[derive(Serialize, JsonSchema)]
pub(super) struct Saved {
    pub(super) success: bool,
    /// In words.
    pub(super) message: String,
    #[serde(flatten)]
    pub(super) subscription: SubscriptionRow,
}

impl SubscriptionRow {
    /// As it is on this day.
    pub(super) fn of(subscription: &PlanSubscription, plan: &Plan, tenant: &Tenant, today: Date) -> Self {
        let standing = Standing::of(subscription, today);
        let id = subscription.id.to_string();
        let organization = tenant.organization.to_string();
        let period = standing.is_open().then(|| Period::of(subscription, today));
        let next = period.map(|period| period.over).filter(|over| subscription.ends != Some(*over));
        let last_day = |ends: Date| day_before(ends).max(subscription.starts).to_string();
        Self {
            subscription_id: id.clone(),
            id,
            number: subscription.number,
            hospital_id: organization.clone(),
            tenant_id: organization,
            hospital: tenant.name.clone(),
            plan_id: plan.id.to_string(),
            plan: plan.name.clone(),
            plan_type: plan.kind.name(),
            price: Amount::of_ten_thousandths(plan.price),
            currency: plan.currency.clone(),
            plan_billing_cycle: plan.cycle.name(),
            billing_cycle: subscription.cycle.name(),
            status: standing.name(),
            is_active: standing == Standing::Active,
            start_date: subscription.starts.to_string(),
            end_date: subscription.ends.map(last_day),
            current_period_start: period.map(|period| period.first.to_string()),
            current_period_end: period.map(|period| period.last().to_string()),
            next_billing_date: next.map(|day| day.to_string()),
            auto_renew: subscription.renews,
            cancel_at_period_end: standing.is_open() && subscription.cancelled_at.is_some(),
            cancelled_at: subscription.cancelled_at.map(format_instant),
            cancellation_reason: subscription.cancellation_reason.as_deref().and_then(FreeText::new),
            former_plans: Vec::new(),
            created_at: format_instant(subscription.created_at),
        }
    }
}

impl SubscriptionRow {
    /// With what it was to before.
    pub(super) fn with_former(mut self, former: &[FormerPlan], plans: &[Plan]) -> Self {
        let own = former.iter().filter(|former| former.subscription.as_str() == self.id);
        self.former_plans = own
            .map(|former| FormerRow {
                plan_id: former.plan.to_string(),
                plan: plans
                    .iter()
                    .find(|plan| plan.id == former.plan)
                    .map_or_else(String::new, |it| it.name.clone()),
                billing_cycle: former.cycle.name(),
                until: format_instant(former.until),
            })
            .collect();
        self
    }
}

/// What a tool answers that made or changed a subscription of the organisation in which the call is.
pub(super) fn saved(
    subscription: &PlanSubscription,
    plan: &Plan,
    message: String,
    cx: &ToolContext<'_>,
) -> Saved {
    let subscription = SubscriptionRow::of(subscription, plan, cx.tenant(), cx.today());
    Saved { success: true, message, subscription }
}

/// The subscription that somebody calls so, by id or by its number in the own organisation, and its plan. The call
/// goes on in its organisation.
///
/// # Errors
///
/// `RESOURCE_NOT_FOUND`, also where it is another organisation's and the caller does not administer these.
pub(super) async fn go_to(
    text: &str,
    cx: &mut ToolContext<'_>,
) -> Result<(PlanSubscription, Plan), ToolError> {
    let text = text.trim();
    let mut found = cx.records().plan_subscription(text).await?;
    if found.is_none() {
        let own = cx.records().plan_subscriptions().await?;
        found = own.into_iter().find(|known| known.number.to_string() == text);
    }
    let subscription = found.ok_or_else(|| ToolError::not_found("subscription"))?;
    if subscription.tenant != cx.tenant().id {
        let tenants = cx.tenants().await?;
        let tenant = tenants.into_iter().find(|tenant| tenant.id == subscription.tenant);
        cx.enter(tenant.ok_or_else(|| ToolError::not_found("subscription"))?)?;
    }
    let plans = cx.records().plans().await?;
    let plan = plans.into_iter().find(|plan| plan.id == subscription.plan);
    Ok((subscription, plan.ok_or_else(|| ToolError::not_found("plan"))?))
}
