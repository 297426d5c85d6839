//! A plan as the tools take and show it.

use medcor_fhir::{primitive::format_instant, search::name::fold};
use medcor_tools::{BillingCycle, Plan, PlanKind, ToolContext, ToolError};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use crate::amount::Amount;

/// For whom a plan is.
#[derive(Debug, Clone, Copy, Deserialize, JsonSchema)]
#[serde(rename_all = "UPPERCASE")]
pub(super) enum PlanType {
    Free,
    Basic,
    Professional,
    Enterprise,
    Custom,
}

/// How often a plan is paid.
#[derive(Debug, Clone, Copy, Deserialize, JsonSchema)]
#[serde(rename_all = "UPPERCASE")]
pub(super) enum Cycle {
    Monthly,
    Quarterly,
    Annual,
    /// The same as ANNUAL.
    Yearly,
    /// The same as ANNUAL.
    Annually,
}

/// A plan. What is not said of it is left out.
#[derive(Serialize, JsonSchema)]
pub(super) struct PlanRow {
    pub(super) id: String,
    /// The same as `id`.
    plan_id: String,
    /// Counted from 1: older clients name plans so.
    number: i64,
    pub(super) name: String,
    /// BASIC, PROFESSIONAL, ENTERPRISE, FREE or CUSTOM.
    plan_type: &'static str,
    /// The same as `plan_type`.
    #[serde(rename = "type")]
    kind: &'static str,
    /// For one billing cycle.
    price: Amount,
    /// ISO 4217.
    #[serde(skip_serializing_if = "Option::is_none")]
    currency: Option<String>,
    /// MONTHLY, QUARTERLY or ANNUAL.
    billing_cycle: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    max_users: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    max_doctors: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    max_patients: Option<u32>,
    /// What it has, each by its name.
    #[schemars(with = "serde_json::Map<String, serde_json::Value>")]
    features: Box<RawValue>,
    #[serde(skip_serializing_if = "Option::is_none")]
    description: Option<String>,
    /// Whether it can be subscribed to.
    is_active: bool,
    created_at: String,
}

impl PlanType {
    pub(super) const fn of_store(self) -> PlanKind {
        match self {
            Self::Free => PlanKind::Free,
            Self::Basic => PlanKind::Basic,
            Self::Professional => PlanKind::Professional,
            Self::Enterprise => PlanKind::Enterprise,
            Self::Custom => PlanKind::Custom,
        }
    }
}

impl Cycle {
    pub(super) const fn of_store(self) -> BillingCycle {
        match self {
            Self::Monthly => BillingCycle::Monthly,
            Self::Quarterly => BillingCycle::Quarterly,
            Self::Annual | Self::Yearly | Self::Annually => BillingCycle::Annual,
        }
    }
}

impl PlanRow {
    pub(super) fn of(plan: &Plan) -> Result<Self, ToolError> {
        let id = plan.id.to_string();
        Ok(Self {
            plan_id: id.clone(),
            id,
            number: plan.number,
            name: plan.name.clone(),
            plan_type: plan.kind.name(),
            kind: plan.kind.name(),
            price: Amount::of_ten_thousandths(plan.price),
            currency: plan.currency.clone(),
            billing_cycle: plan.cycle.name(),
            max_users: plan.users_max,
            max_doctors: plan.doctors_max,
            max_patients: plan.patients_max,
            features: RawValue::from_string(plan.features.clone())?,
            description: plan.description.clone(),
            is_active: plan.is_active,
            created_at: format_instant(plan.created_at),
        })
    }
}

/// The plan that somebody calls so: by id, number or name.
///
/// # Errors
///
/// `RESOURCE_NOT_FOUND`.
pub(super) async fn named(text: &str, cx: &mut ToolContext<'_>) -> Result<Plan, ToolError> {
    let plans = cx.records().plans().await?;
    let text = text.trim();
    let is_it = |plan: &&Plan| plan.id.as_str() == text || plan.number.to_string() == text;
    let by_id = plans.iter().find(is_it);
    let found = by_id.or_else(|| plans.iter().find(|plan| fold(&plan.name) == fold(text)));
    found.cloned().ok_or_else(|| ToolError::not_found("plan"))
}
