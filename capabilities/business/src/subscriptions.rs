//! Plans of this server, and the subscriptions of organisations to them. Neither is a record: they are the
//! platform's, and docs/decisions/0022 says where they live.

mod cancel;
mod change;
mod create;
mod create_plan;
mod list;
mod period;
mod plan;
mod plans;
mod row;

use medcor_tools::{Capability, tool};

pub(super) static SUBSCRIPTIONS: Capability = Capability {
    name: "subscriptions",
    description: "Plans of this server, and which of them organisations have subscribed to.",
    tools: &[
        tool::<plans::ListSubscriptionPlans>(),
        tool::<plans::GetSubscriptionPlanDetails>(),
        tool::<create_plan::CreateSubscriptionPlan>(),
        tool::<list::ListSubscriptions>(),
        tool::<create::CreateSubscription>(),
        tool::<change::UpdateSubscription>(),
        tool::<cancel::CancelSubscription>(),
    ],
    prompts: &[],
};
