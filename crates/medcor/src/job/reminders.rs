//! Sending reminders of medications when they are due: the server calls the tool that does it, on the road of
//! every call.

use medcor_fhir::{ResourceType, primitive::format_instant, search::Query};
use medcor_store::StoreError;
use medcor_tools::{Caller, Pipeline, ToolEntry};

use super::machine::Machine;

pub(super) const MACHINE: Machine = Machine {
    subject: "system:reminders",
    tool: "send_due_reminders",
    scopes: &[
        "system/Patient.r",
        "system/CommunicationRequest.rus",
        "system/Communication.c",
        "system/MedicationRequest.r",
        "system/MedicationStatement.rs",
    ],
};
/// Most calls of one round for one organisation.
const CALLS_MAX: usize = 20;

/// Sends what is due in every organisation.
///
/// # Errors
///
/// When the database does not answer. A call that is refused is told to the log, and the next round tries again.
pub async fn send_due_reminders(pipeline: &Pipeline) -> Result<(), StoreError> {
    let Some((tool, _)) = pipeline.catalog().find(MACHINE.tool) else { return Ok(()) };
    for tenant in pipeline.store().identity().tenants().await?.into_iter().filter(|tenant| tenant.is_active) {
        let caller = MACHINE.caller(&tenant);
        for _ in 0..CALLS_MAX {
            let has_more = is_due(pipeline, &caller, tool.entry).await?
                && MACHINE.call(pipeline, &caller).await.is_some_and(|answer| answer["has_more"] == true);
            if !has_more {
                break;
            }
        }
    }
    Ok(())
}

/// Whether anything is due. Nothing that is found leaves this function, so the trail has no row of it: it would
/// have one every minute.
async fn is_due(pipeline: &Pipeline, caller: &Caller, tool: &ToolEntry) -> Result<bool, StoreError> {
    let Ok(permit) = caller.permit(tool) else { return Ok(false) };
    let store = pipeline.store();
    let until = format!("le{}", format_instant(store.clock().now()));
    let query = Query::new(ResourceType::COMMUNICATION_REQUEST);
    let query = query.with("category", "reminder").and_then(|query| query.with("status", "active"));
    let Ok(mut query) = query.and_then(|query| query.with("occurrence", &until)) else { return Ok(false) };
    query.count = 1;
    Ok(!store.session(&permit).search(&query).await?.records.is_empty())
}
