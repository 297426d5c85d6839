//! Listing subscriptions.

use medcor_tools::{
    Area, Effect, Listing, Need, PLAN_SUBSCRIPTIONS_MAX, ROWS_DEFAULT, Stretch, Tool, ToolContext, ToolError,
};
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::Map;

use super::row::SubscriptionRow;

/// How a subscription stands.
#[derive(Debug, Clone, Copy, Deserialize, JsonSchema)]
#[serde(rename_all = "UPPERCASE")]
enum Status {
    Scheduled,
    Active,
    Cancelled,
    Expired,
}

/// Lists the subscriptions of your organisation to plans of this server, with those that are over.
///
/// A platform administrator who names no organisation sees those of all.
#[derive(Deserialize, JsonSchema)]
pub(super) struct ListSubscriptions {
    /// Only of this hospital or clinic: id, number, short name or name.
    #[schemars(extend("x-medcor-name" = true))]
    organisation: Option<String>,
    /// Only those that stand so today.
    status: Option<Status>,
    /// Rows.
    #[schemars(range(min = 1, max = 100))]
    limit: Option<u32>,
    /// Number of the page, from 1; a cursor is better.
    #[schemars(range(min = 1, max = 50))]
    page: Option<u32>,
    /// `next_cursor` of the answer before.
    #[schemars(length(max = 200))]
    cursor: Option<String>,
}

impl Tool for ListSubscriptions {
    const NAME: &'static str = "list_subscriptions";
    const TITLE: &'static str = "List subscriptions to plans";
    const EFFECT: Effect = Effect::ReadOnly;
    const NEEDS: &'static [Need] = &[Need::Administer(Area::Plans), Need::AdministerIfAllowed(Area::Tenants)];
    const KEYWORDS: &'static [&'static str] = &["billing", "which plan", "renewal"];
    type Output = Listing<SubscriptionRow>;

    async fn run(self, cx: &mut ToolContext<'_>) -> Result<Listing<SubscriptionRow>, ToolError> {
        let mut applied = Map::new();
        if let Some(text) = &self.organisation {
            let tenant = cx.tenant_named(text).await?;
            cx.enter(tenant)?;
        }
        let is_everywhere = self.organisation.is_none() && cx.may_administer(Area::Tenants);
        let subscriptions = if is_everywhere {
            cx.records().all_plan_subscriptions().await?
        } else {
            applied.insert("organisation".to_owned(), cx.tenant().organization.as_str().into());
            cx.records().plan_subscriptions().await?
        };
        if let Some(status) = self.status {
            applied.insert("status".to_owned(), status.name().into());
        }
        let plans = cx.records().plans().await?;
        let former = if is_everywhere { Vec::new() } else { cx.records().former_plans().await? };
        let tenants = if is_everywhere { cx.tenants().await? } else { vec![cx.tenant().clone()] };
        let mut rows = Vec::new();
        for subscription in &subscriptions {
            let tenant = tenants.iter().find(|tenant| tenant.id == subscription.tenant);
            let plan = plans.iter().find(|plan| plan.id == subscription.plan);
            let tenant = tenant.ok_or_else(|| ToolError::not_found("organisation"))?;
            let plan = plan.ok_or_else(|| ToolError::not_found("plan"))?;
            let row = SubscriptionRow::of(subscription, plan, tenant, cx.today_at(tenant));
            let row = row.with_former(&former, &plans);
            if self.status.is_none_or(|status| row.status == status.name()) {
                rows.push(row);
            }
        }
        let stretch = Stretch::of((self.limit, self.page), self.cursor.as_deref(), ROWS_DEFAULT);
        let listing = Listing::of_rows(&rows, stretch, applied, |row| &row.id)?;
        let is_cut = subscriptions.len() >= PLAN_SUBSCRIPTIONS_MAX;
        Ok(if is_cut {
            listing.with_hint("There are more than are looked at; name an organisation.")
        } else {
            listing
        })
    }
}

impl Status {
    const fn name(self) -> &'static str {
        match self {
            Self::Scheduled => "SCHEDULED",
            Self::Active => "ACTIVE",
            Self::Cancelled => "CANCELLED",
            Self::Expired => "EXPIRED",
        }
    }
}
