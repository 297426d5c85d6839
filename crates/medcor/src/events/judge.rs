//! Whether a subscriber may know of an event, by its permit of now. What `fhir_read` would show, and nothing
//! else, is told.

use std::sync::Arc;

use medcor_fhir::ResourceType;
use medcor_policy::{Area, Permit};
use medcor_store::{EventAction, Record, RecordEvent, Session, Store, StoreError};
use medcor_tools::{Caller, Catalog};

use super::{Change, Heard};

/// The tool whose permit decides: it reads any record that its caller may.
const READ_TOOL: &str = "fhir_read";
/// Uses of the way past consent that are looked through for one.
const EMERGENCIES_MAX: u32 = 1000;

/// What of the event the caller is told, if anything.
pub(crate) async fn heard(
    (store, catalog): (&Store, &Catalog),
    caller: &Caller,
    event: &Arc<RecordEvent>,
) -> Result<Option<Heard>, StoreError> {
    let Some(permit) = permit(catalog, caller) else { return Ok(None) };
    let mut session = store.session(&permit);
    let seen = match seen(&mut session, event).await {
        // Its roles open nothing of the type.
        Err(StoreError::OutsidePermit { .. }) => None,
        seen => seen?,
    };
    if let Some(record) = seen {
        return Ok(Some(Heard::Change(Change { event: event.clone(), record })));
    }
    let is_emergency = is_emergency(&mut session, &permit, event).await?;
    Ok(is_emergency.then(|| Heard::Emergency(RecordEvent::clone(event))))
}

/// The permit by which events are judged.
fn permit(catalog: &Catalog, caller: &Caller) -> Option<Arc<Permit>> {
    let (tool, _) = catalog.find(READ_TOOL)?;
    caller.permit(tool.entry).ok()
}

/// The record as the caller sees it. Of one that was deleted, the version before: who saw that is told that it
/// is gone.
async fn seen(session: &mut Session<'_>, event: &RecordEvent) -> Result<Option<Record>, StoreError> {
    if event.action == EventAction::Deleted {
        let before = event.version.saturating_sub(1);
        let before = session.read_version(event.resource_type, &event.id, before).await?;
        return Ok(before.filter(|before| !before.is_deleted));
    }
    session.read(event.resource_type, &event.id).await
}

/// The use of an emergency access stands in the outbox as a new `AuditEvent` that is no record. Those know of it
/// who review the trail.
async fn is_emergency(
    session: &mut Session<'_>,
    permit: &Permit,
    event: &RecordEvent,
) -> Result<bool, StoreError> {
    let may_be = event.resource_type == ResourceType::AUDIT_EVENT && event.action == EventAction::Created;
    if !may_be || !permit.administers(Area::Audit) {
        return Ok(false);
    }
    let uses = session.emergencies(EMERGENCIES_MAX).await?;
    Ok(uses.iter().any(|access| access.id == event.id))
}
