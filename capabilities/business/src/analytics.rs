//! The organisation in figures, of which none is about a person: appointments, what they are worth, who does them,
//! what is asked for.

mod demand;
mod directory;
mod earnings;
mod group;
mod performance;
mod reports;
mod revenue;
mod small;
mod statistics;
mod system;
mod visits;
mod window;

use medcor_tools::{Capability, Ref, ToolContext, ToolError, kind, tool};

pub(super) static ANALYTICS: Capability = Capability {
    name: "analytics",
    description: "The organisation in figures: appointments, revenue, performance and demand; and reports that are kept.",
    tools: &[
        tool::<statistics::GetHospitalStatistics>(),
        tool::<earnings::GetRevenueAnalytics>(),
        tool::<performance::GetDoctorPerformance>(),
        tool::<demand::GetSpecialtyDemand>(),
        tool::<system::GetSystemStats>(),
        tool::<reports::GenerateReport>(),
        tool::<reports::GetReport>(),
        tool::<reports::ListReports>(),
    ],
    prompts: &[],
};

/// Figures are those of one organisation.
fn refuse_foreign(
    organisation: Option<&Ref<kind::Organization>>,
    cx: &ToolContext<'_>,
) -> Result<(), ToolError> {
    if organisation.is_some_and(|organisation| *organisation.id() != cx.tenant().organization) {
        return Err(ToolError::invalid(
            "/organisation",
            "is not your own; figures are of the whole organisation",
        ));
    }
    Ok(())
}

/// What is not so is left out of a row.
#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde passes a reference")]
fn is_false(value: &bool) -> bool {
    !value
}
