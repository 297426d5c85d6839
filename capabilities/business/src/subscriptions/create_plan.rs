//! Making a plan.

use medcor_fhir::search::name::fold;
use medcor_tools::{
    Area, Effect, Need, Plan, PlanKind, Synonym, Tool, ToolContext, ToolError,
    detail::{Problems, name, plain},
    synonym,
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Number, Value};

use super::plan::{Cycle, PlanRow, PlanType};
use crate::{amount::Amount, price_list::currency};

/// Plans of one server.
const PLANS_MAX: usize = 500;
/// Bytes of a plan's features as JSON.
const FEATURES_BYTES_MAX: usize = 4096;

/// Adds a plan to which every organisation of this server can subscribe.
///
/// A name that another plan has is a CONFLICT. Prices stay as they are made: another price is another plan.
#[derive(Deserialize, JsonSchema)]
pub(super) struct CreateSubscriptionPlan {
    /// Such as Professional monthly.
    #[schemars(length(min = 1, max = 200))]
    name: String,
    /// For one billing cycle.
    #[schemars(range(min = 0.0, max = 1_000_000_000.0))]
    price: Number,
    /// How often it is paid.
    billing_cycle: Cycle,
    /// What it has: an object with a member for each, such as `{"sms_reminders": true}`.
    features: Option<Map<String, Value>>,
    /// For whom it is; CUSTOM when absent.
    plan_type: Option<PlanType>,
    /// ISO 4217, such as USD.
    currency: Option<String>,
    /// Most people who log in; no limit when absent.
    #[schemars(range(min = 1))]
    max_users: Option<u32>,
    /// Most doctors; no limit when absent.
    #[schemars(range(min = 1))]
    max_doctors: Option<u32>,
    /// Most patients; no limit when absent.
    #[schemars(range(min = 1))]
    max_patients: Option<u32>,
    /// In one line, for whoever chooses.
    #[schemars(length(max = 200))]
    description: Option<String>,
    /// Whether it can be subscribed to; true when absent.
    is_active: Option<bool>,
}

/// A plan that was made.
#[derive(Serialize, JsonSchema)]
pub(super) struct Created {
    success: bool,
    /// In words.
    message: String,
    #[serde(flatten)]
    plan: PlanRow,
}

impl Tool for CreateSubscriptionPlan {
    const NAME: &'static str = "create_subscription_plan";
    const TITLE: &'static str = "Add a subscription plan";
    const EFFECT: Effect = Effect::Creates;
    const NEEDS: &'static [Need] = &[Need::Administer(Area::Plans), Need::Administer(Area::Tenants)];
    const SYNONYMS: &'static [Synonym] =
        &[synonym("cost", "price"), synonym("type", "plan_type"), synonym("cycle", "billing_cycle")];
    const KEYWORDS: &'static [&'static str] = &["pricing", "billing", "new plan"];
    type Output = Created;

    async fn run(self, cx: &mut ToolContext<'_>) -> Result<Created, ToolError> {
        let mut plan = self.checked(cx)?;
        let known = cx.records().plans().await?;
        if known.len() >= PLANS_MAX {
            return Err(ToolError::Conflict(format!("there are {PLANS_MAX} plans already")));
        }
        if let Some(same) = known.iter().find(|known| fold(&known.name) == fold(&plan.name)) {
            return Err(ToolError::Conflict(format!("a plan of this name is there already: id {}", same.id)));
        }
        plan.number = known.iter().map(|known| known.number).max().unwrap_or(0) + 1;
        cx.records().create_plan(&plan)?;
        Ok(Created {
            success: true,
            message: format!("Added the plan {}", plan.name),
            plan: PlanRow::of(&plan)?,
        })
    }
}

impl CreateSubscriptionPlan {
    fn checked(&self, cx: &ToolContext<'_>) -> Result<Plan, ToolError> {
        let mut problems = Problems::default();
        let name = problems.checked("name", Some(&self.name), name);
        let currency = problems.checked("currency", self.currency.as_deref(), currency);
        let description = problems.checked("description", self.description.as_deref(), plain);
        let price = Amount::of_price(&self.price).map_err(|problem| problems.add("price", problem));
        let features = Value::Object(self.features.clone().unwrap_or_default()).to_string();
        if features.len() > FEATURES_BYTES_MAX {
            problems.add("features", format!("are more than {FEATURES_BYTES_MAX} bytes of JSON"));
        }
        problems.refuse()?;
        Ok(Plan {
            id: cx.new_id(),
            number: 0,
            name: name.unwrap_or_default(),
            kind: self.plan_type.map_or(PlanKind::Custom, PlanType::of_store),
            price: price.ok().and_then(Amount::ten_thousandths).unwrap_or_default(),
            currency,
            cycle: self.billing_cycle.of_store(),
            users_max: self.max_users,
            doctors_max: self.max_doctors,
            patients_max: self.max_patients,
            features,
            description,
            is_active: self.is_active.unwrap_or(true),
            created_at: cx.now().as_microsecond(),
        })
    }
}
