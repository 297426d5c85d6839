//! All that a tool gets. There is no way from here to the store, another permit or the system clock.

use std::{
    net::IpAddr,
    sync::{Arc, OnceLock},
};

use jiff::{civil::Date, tz::TimeZone};
use medcor_drugs::Knowledge;
use medcor_fhir::{
    Id, ResourceType,
    search::{Query, name::fold},
};
use medcor_policy::{Action, Area, Principal, Role, Visibility};
use medcor_store::{Claim, Clock, Page, Record, Session, Store, identity::Tenant};
use serde::Deserialize;

use crate::{
    Caller, Catalog, FhirType, Logins, Ref, ToolError,
    conversation::Remembered,
    people::{Letter, LoggedIn},
};

/// The last page that can be asked for by its number.
pub(crate) const PAGE_MAX: u32 = 50;

const SECONDS_PER_MINUTE: i64 = 60;

/// What a running tool may use.
pub struct ToolContext<'c> {
    pub(crate) session: Session<'c>,
    pub(crate) caller: &'c Caller,
    pub(crate) permit: &'c medcor_policy::Permit,
    pub(crate) tenant: Arc<Tenant>,
    pub(crate) store: &'c Store,
    pub(crate) clock: &'c Clock,
    pub(crate) catalog: &'c Catalog,
    /// Records that resolving the arguments has read.
    pub(crate) resolved: Vec<Record>,
    pub(crate) logins: Option<&'c dyn Logins>,
    pub(crate) drugs: &'c Knowledge,
    /// Whether webhooks may call this machine.
    pub(crate) allows_loopback: bool,
    /// The permit in the organisation that the call went on to.
    pub(crate) elsewhere: &'c OnceLock<medcor_policy::Permit>,
    /// What is written to people once the call is committed.
    pub(crate) letters: Vec<Letter>,
    /// The id that answer, log and audit share.
    pub(crate) request_id: &'c str,
    /// Where the call came from.
    pub(crate) address: Option<IpAddr>,
    /// Who became known in this call.
    pub(crate) logged_in: Option<LoggedIn>,
    /// `event` of the audit row.
    pub(crate) event: &'static str,
    /// The conversation that the call is part of.
    pub(crate) conversation: Option<Remembered>,
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

    /// A page of a search: the one at the query's cursor, else the one of this number, counted from 1.
    ///
    /// # Errors
    ///
    /// A `VALIDATION_ERROR` for a number beyond [`PAGE_MAX`]: a cursor costs the same however far it is.
    pub async fn page(&mut self, mut query: Query, number: Option<u32>) -> Result<Page, ToolError> {
        let number = number.unwrap_or(1);
        if !(1..=PAGE_MAX).contains(&number) {
            let problem = format!("pages are numbered from 1 to {PAGE_MAX}; pass next_cursor to go on");
            return Err(ToolError::invalid("/page", problem));
        }
        for _ in 1..number {
            let mut page = self.session.pass(&query).await.map_err(ToolError::of_own_search)?;
            let last = page.records.len().checked_sub(1);
            query.cursor = last.filter(|_| page.has_more).and_then(|last| page.cursor_after(last));
            if query.cursor.is_none() {
                page.records.clear();
                return Ok(page);
            }
        }
        self.session.search(&query).await.map_err(ToolError::of_own_search)
    }

    /// Whether this call may read records of this type: what a tool leaves out for callers who may not.
    pub fn may_read(&self, resource_type: ResourceType) -> bool {
        self.permit.visibility(Action::Read, resource_type) != Visibility::Nothing
    }

    /// Whether the caller may do this to records of the type at large, and not only to those of the own chart:
    /// tells staff from patients. A pin changes nothing of it; what is outside of that stays out of reach.
    pub fn reaches_all(&self, action: Action, resource_type: ResourceType) -> bool {
        self.permit.reach(action, resource_type) == Visibility::Tenant
    }

    /// Whether this call may do this to the records of everybody: not in a conversation that is pinned to one
    /// patient. For work on all of them at once.
    pub fn sees_everybody(&self, action: Action, resource_type: ResourceType) -> bool {
        self.permit.visibility(action, resource_type) == Visibility::Tenant
    }

    /// Writes the audit row of this call under another `event` than that of every call, such as
    /// `AUDIT:BREAK_GLASS`, for those who watch for it.
    pub fn audit_as(&mut self, event: &'static str) {
        self.event = event;
    }

    /// Whether this call may administer this area.
    pub fn may_administer(&self, area: Area) -> bool {
        self.permit.administers(area)
    }

    /// Whether this call may give somebody this role.
    pub fn grants_role(&self, role: Role) -> bool {
        self.permit.grants_role(role)
    }

    /// Whether this call may give a client this role.
    pub fn grants_client_role(&self, role: Role) -> bool {
        self.permit.grants_client_role(role)
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

    /// Every organisation, where the caller may administer them; else its own alone.
    pub async fn tenants(&self) -> Result<Vec<Tenant>, ToolError> {
        if self.may_administer(Area::Tenants) {
            return Ok(self.store.identity().tenants().await?);
        }
        Ok(vec![Tenant::clone(&self.tenant)])
    }

    /// The organisation that the caller calls so: by id, number, short name or name; `default` is its own.
    ///
    /// # Errors
    ///
    /// `RESOURCE_NOT_FOUND` when there is none of that name among [`ToolContext::tenants`].
    pub async fn tenant_named(&self, text: &str) -> Result<Tenant, ToolError> {
        if is_own_name(&self.tenant, text) {
            return Ok(Tenant::clone(&self.tenant));
        }
        let tenants = self.tenants().await?;
        let named = tenants.into_iter().find(|tenant| is_named(tenant, text));
        named.ok_or_else(|| ToolError::not_found("organisation"))
    }

    /// Whether the database answers.
    pub async fn database_answers(&self) -> bool {
        match self.store.ping().await {
            Ok(()) => true,
            Err(error) => {
                tracing::warn!(cause = &error as &dyn std::error::Error, "the database does not answer");
                false
            }
        }
    }

    /// A new id, version 7 of UUIDs: its last twelve digits are random.
    pub fn new_id(&self) -> Id {
        self.clock.new_id()
    }

    /// The time.
    pub fn now(&self) -> jiff::Timestamp {
        self.clock.timestamp()
    }

    /// The time zone of the organisation; UTC where its name is unknown.
    pub fn time_zone(&self) -> TimeZone {
        time_zone_of(&self.tenant)
    }

    /// Today in the organisation's time zone.
    pub fn today(&self) -> Date {
        self.today_at(&self.tenant)
    }

    /// Today in the time zone of some organisation.
    pub fn today_at(&self, tenant: &Tenant) -> Date {
        self.now().to_zoned(time_zone_of(tenant)).date()
    }

    /// The first moment of a day in the organisation's time zone, in microseconds since the epoch: that of the next
    /// day is 23 to 25 hours later.
    ///
    /// # Errors
    ///
    /// `VALIDATION_ERROR` of this parameter, such as `/from`, at the ends of the calendar.
    pub fn midnight(&self, day: Date, parameter: &str) -> Result<i64, ToolError> {
        let start = day.to_zoned(self.time_zone());
        let start = start.map_err(|_out_of_range| ToolError::invalid(parameter, "is too far away"))?;
        Ok(start.timestamp().as_microsecond())
    }

    /// Lets one call alone make something that searches don't find yet: of two at once that claim the same name, one
    /// is told to repeat. The name is claimed for this minute and the next, after which a search finds the other's.
    pub fn claim_for_now(&mut self, name: &str) {
        let minute = self.now().as_second().div_euclid(SECONDS_PER_MINUTE);
        for minute in [minute, minute.saturating_add(1)] {
            self.records().claim(Claim(format!("{name}@{minute}")));
        }
    }

    /// What is known of drugs: the embedded tables, or those that the operator has put in their place.
    pub fn drugs(&self) -> &'c Knowledge {
        self.drugs
    }

    /// The catalogue, for the tools that search it.
    pub fn catalog(&self) -> &'c Catalog {
        self.catalog
    }
}

fn time_zone_of(tenant: &Tenant) -> TimeZone {
    TimeZone::get(&tenant.time_zone).unwrap_or(TimeZone::UTC)
}

/// Whether this is the organisation's id, number, short name or name.
fn is_named(tenant: &Tenant, text: &str) -> bool {
    tenant.organization.as_str() == text
        || tenant.id.to_string() == text
        || tenant.slug.eq_ignore_ascii_case(text)
        || fold(&tenant.name) == fold(text)
}

/// Like [`is_named`] for the caller's own organisation, which documented clients also call `default`.
pub(crate) fn is_own_name(tenant: &Tenant, text: &str) -> bool {
    text.eq_ignore_ascii_case("default") || is_named(tenant, text)
}

/// A typed view of a record, which borrows from its text: `let patient: Patient<'_> = view(&record)?`.
///
/// # Errors
///
/// `SERVER_ERROR` when what is stored is not what R4 says; writing has checked it.
pub fn view<'r, V: Deserialize<'r>>(record: &'r Record) -> Result<V, ToolError> {
    Ok(serde_json::from_str(&record.body)?)
}
