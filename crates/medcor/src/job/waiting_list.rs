//! Offering times that were given up to those on the waiting list: the server calls the tool that does it, on the
//! road of every call.

use medcor_fhir::{ResourceType, primitive::format_instant, search::Query};
use medcor_store::StoreError;
use medcor_tools::{Caller, Pipeline, ToolEntry};

use super::machine::Machine;

pub(super) const MACHINE: Machine = Machine {
    subject: "system:waiting-list",
    tool: "offer_freed_times",
    scopes: &[
        "system/Appointment.rus",
        "system/Schedule.rus",
        "system/Patient.r",
        "system/Practitioner.r",
        "system/PractitionerRole.rs",
        "system/Location.r",
        "system/Communication.c",
    ],
};
const MICROSECONDS_PER_MINUTE: i64 = 60_000_000;
/// A change is looked at by the round after it, and by one more in case that round failed.
const CHANGED_MICROSECONDS: i64 = 2 * MICROSECONDS_PER_MINUTE;
/// Offers run out without a change of any record: every ten minutes somebody looks.
const EVERY_MINUTES: i64 = 10;

/// Offers what is free in every organisation where somebody waits.
///
/// # Errors
///
/// When the database does not answer. A call that is refused is told to the log, and the next round tries again.
pub async fn offer_freed_times(pipeline: &Pipeline) -> Result<(), StoreError> {
    let Some((tool, _)) = pipeline.catalog().find(MACHINE.tool) else { return Ok(()) };
    for tenant in pipeline.store().identity().tenants().await?.into_iter().filter(|tenant| tenant.is_active) {
        let caller = MACHINE.caller(&tenant);
        if is_worth_it(pipeline, &caller, tool.entry).await? {
            // Somebody booked meanwhile: all offers of a call are one commit.
            let is_done = MACHINE.call(pipeline, &caller).await.is_some();
            if !is_done {
                MACHINE.call(pipeline, &caller).await;
            }
        }
    }
    Ok(())
}

/// Whether somebody waits and something may have become free. Nothing that is found leaves this function, so the
/// trail has no row of it.
async fn is_worth_it(pipeline: &Pipeline, caller: &Caller, tool: &ToolEntry) -> Result<bool, StoreError> {
    let Ok(permit) = caller.permit(tool) else { return Ok(false) };
    let store = pipeline.store();
    let now = store.clock().now();
    let since = format!("ge{}", format_instant(now - CHANGED_MICROSECONDS));
    let mut session = store.session(&permit);
    let mut has_any = async |parameter: &str, value: &str| {
        let Ok(mut query) = Query::new(ResourceType::APPOINTMENT).with(parameter, value) else {
            return Ok::<bool, StoreError>(false);
        };
        query.count = 1;
        Ok(!session.search(&query).await?.records.is_empty())
    };
    let is_time = now.div_euclid(MICROSECONDS_PER_MINUTE) % EVERY_MINUTES == 0;
    Ok(has_any("status", "waitlist").await? && (is_time || has_any("_lastUpdated", &since).await?))
}
