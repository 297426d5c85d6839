//! Listing and showing plans.

use medcor_tools::{
    Area, Effect, Listing, Need, ROWS_DEFAULT, Stretch, Synonym, Tool, ToolContext, ToolError, synonym,
};
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::Map;

use super::plan::{self, PlanRow, PlanType};

/// Lists the plans that organisations can subscribe to, in the order in which they were made: price, cycle, limits,
/// features.
///
/// Plans that can't be subscribed to any more are in the list unless `is_active` is true. Which plan an organisation
/// has lists `list_subscriptions`.
#[derive(Deserialize, JsonSchema)]
pub(super) struct ListSubscriptionPlans {
    /// Only plans of this type.
    plan_type: Option<PlanType>,
    /// Only plans that can be subscribed to, or only those that can't.
    is_active: Option<bool>,
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

impl Tool for ListSubscriptionPlans {
    const NAME: &'static str = "list_subscription_plans";
    const TITLE: &'static str = "List subscription plans";
    const EFFECT: Effect = Effect::ReadOnly;
    const NEEDS: &'static [Need] = &[Need::Administer(Area::Plans)];
    const SYNONYMS: &'static [Synonym] = &[synonym("type", "plan_type"), synonym("active_only", "is_active")];
    const KEYWORDS: &'static [&'static str] = &["pricing", "billing", "tiers"];
    type Output = Listing<PlanRow>;

    async fn run(self, cx: &mut ToolContext<'_>) -> Result<Listing<PlanRow>, ToolError> {
        let kind = self.plan_type.map(PlanType::of_store);
        let mut plans = cx.records().plans().await?;
        plans.retain(|plan| {
            kind.is_none_or(|kind| plan.kind == kind)
                && self.is_active.is_none_or(|is_active| plan.is_active == is_active)
        });
        let mut applied = Map::new();
        if let Some(kind) = kind {
            applied.insert("plan_type".to_owned(), kind.name().into());
        }
        if let Some(is_active) = self.is_active {
            applied.insert("is_active".to_owned(), is_active.into());
        }
        let rows = plans.iter().map(PlanRow::of).collect::<Result<Vec<_>, _>>()?;
        let stretch = Stretch::of((self.limit, self.page), self.cursor.as_deref(), ROWS_DEFAULT);
        Listing::of_rows(&rows, stretch, applied, |row| &row.id)
    }
}

/// Shows one plan: price, cycle, limits, features.
///
/// An unknown one is `RESOURCE_NOT_FOUND`; `list_subscription_plans` shows all.
#[derive(Deserialize, JsonSchema)]
pub(super) struct GetSubscriptionPlanDetails {
    /// Plan: id, number or whole name.
    #[schemars(length(min = 1, max = 200), extend("x-medcor-name" = true))]
    plan: String,
}

impl Tool for GetSubscriptionPlanDetails {
    const NAME: &'static str = "get_subscription_plan_details";
    const TITLE: &'static str = "Show a subscription plan";
    const EFFECT: Effect = Effect::ReadOnly;
    const NEEDS: &'static [Need] = &[Need::Administer(Area::Plans)];
    const SYNONYMS: &'static [Synonym] =
        &[synonym("plan_id", "plan"), synonym("id", "plan"), synonym("name", "plan")];
    const KEYWORDS: &'static [&'static str] = &["pricing", "billing"];
    type Output = PlanRow;

    async fn run(self, cx: &mut ToolContext<'_>) -> Result<PlanRow, ToolError> {
        PlanRow::of(&plan::named(&self.plan, cx).await?)
    }
}
