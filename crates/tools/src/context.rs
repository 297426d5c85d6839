//! All that a tool gets. There is no way from here to the store, another permit or the system clock.

use std::sync::Arc;

use medcor_fhir::{Id, ResourceType};
use medcor_policy::{Action, Principal, Visibility};
use medcor_store::{Clock, Record, Session, identity::Tenant};
use serde::Deserialize;

use crate::{Caller, Catalog, FhirType, Ref, ToolError};

/// What a running tool may use.
pub struct ToolContext<'c> {
    pub(crate) session: Session<'c>,
    pub(crate) caller: &'c Caller,
    pub(crate) permit: &'c medcor_policy::Permit,
    pub(crate) tenant: Arc<Tenant>,
    pub(crate) clock: &'c Clock,
    pub(crate) catalog: &'c Catalog,
    /// Records that resolving the arguments has read.
    pub(crate) resolved: Vec<Record>,
}

impl<'c> ToolContext<'c> {
    /// The records that this call may see and change.
    pub fn records(&mut self) -> &mut Session<'c> {
        &mut self.session
    }

    /// The record that an argument refers to. Resolving has read it already.
    pub async fn record<R: FhirType>(&mut self, reference: &Ref<R>) -> Result<Record, ToolError> {
        let known = self
            .resolved
            .iter()
            .find(|record| record.resource_type == R::TYPE && record.id == *reference.id());
        if let Some(record) = known {
            return Ok(record.clone());
        }
        self.read(R::TYPE, reference.id()).await
    }

    /// One record.
    ///
    /// # Errors
    ///
    /// `RESOURCE_NOT_FOUND` when it is absent or not the caller's to see.
    pub async fn read(&mut self, resource_type: ResourceType, id: &Id) -> Result<Record, ToolError> {
        let record = self.session.read(resource_type, id).await?;
        record.ok_or_else(|| ToolError::not_found(resource_type.name()))
    }

    /// Whether this call may read records of this type: what a tool leaves out for callers who may not.
    pub fn may_read(&self, resource_type: ResourceType) -> bool {
        self.permit.visibility(Action::Read, resource_type) != Visibility::Nothing
    }

    /// Who calls.
    pub fn principal(&self) -> &'c Principal {
        self.caller.principal()
    }

    /// The caller, for what depends on which tools may be used.
    pub fn caller(&self) -> &'c Caller {
        self.caller
    }

    /// The organisation whose records these are.
    pub fn tenant(&self) -> &Tenant {
        &self.tenant
    }

    /// The time.
    pub fn now(&self) -> jiff::Timestamp {
        self.clock.timestamp()
    }

    /// The time zone of the organisation; UTC where its name is unknown.
    pub fn time_zone(&self) -> jiff::tz::TimeZone {
        jiff::tz::TimeZone::get(&self.tenant.time_zone).unwrap_or(jiff::tz::TimeZone::UTC)
    }

    /// Today in the organisation's time zone.
    pub fn today(&self) -> jiff::civil::Date {
        self.now().to_zoned(self.time_zone()).date()
    }

    /// The catalogue, for the tools that search it.
    pub fn catalog(&self) -> &'c Catalog {
        self.catalog
    }
}

/// A typed view of a record, which borrows from its text: `let patient: Patient<'_> = view(&record)?`.
///
/// # Errors
///
/// `SERVER_ERROR` when what is stored is not what R4 says; writing has checked it.
pub fn view<'r, V: Deserialize<'r>>(record: &'r Record) -> Result<V, ToolError> {
    Ok(serde_json::from_str(&record.body)?)
}
