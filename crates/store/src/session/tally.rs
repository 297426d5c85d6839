//! Figures of many records, of which none is handed out: the audit row names nobody for them.

use std::ops::ControlFlow;

use medcor_fhir::{ResourceType, search::Query};
use medcor_policy::{Action, Area, TenantId};

use super::{Session, limit};
use crate::{
    Record, StoreError,
    database::{Lane, Statement},
    records::search::tally::{self, Tally},
};

impl Session<'_> {
    /// Adds up all records that match, as far as the permit sees, in no order, in one statement and so as of one
    /// moment. `take` is shown each without the elements that the caller does not see, and breaks where it has enough.
    /// What it keeps of a single record must not reach the caller: nobody is noted as seen.
    pub async fn tally<T: Send + 'static>(
        &mut self,
        query: &Query,
        sum: T,
        take: fn(&mut T, &Record) -> ControlFlow<()>,
    ) -> Result<T, StoreError> {
        self.check_conditions(query)?;
        let limits = self.limits(Action::Search, query.resource_type).await?;
        let withheld = self.permit.withheld(query.resource_type).to_vec();
        let tally = Tally { sum, take, trim: limit::without, withheld };
        tally::tally(self.store.backend(), (self.permit, &limits), query, tally).await
    }

    /// The same for records that the caller does not see: of whoever has the figures of the whole organisation, as far
    /// as consents let. Which types policy says ([`medcor_policy::Permit::for_figures`]).
    pub async fn tally_for_figures<T: Send + 'static>(
        &mut self,
        query: &Query,
        sum: T,
        take: fn(&mut T, &Record) -> ControlFlow<()>,
    ) -> Result<T, StoreError> {
        let resource_type = query.resource_type;
        let Some(permit) = self.permit.for_figures(resource_type) else {
            return Err(StoreError::OutsidePermit { action: Action::Search, resource_type });
        };
        let limits = self.limits_of(&permit, Action::Search, resource_type).await?;
        let withheld = permit.withheld(resource_type).to_vec();
        let tally = Tally { sum, take, trim: limit::without, withheld };
        tally::tally(self.store.backend(), (&permit, &limits), query, tally).await
    }

    /// How many current records of this type were first stored between two moments (microseconds since the epoch,
    /// the second outside), as far as the permit searches them.
    pub async fn count_first_stored(
        &mut self,
        resource_type: ResourceType,
        between: (i64, i64),
    ) -> Result<u64, StoreError> {
        let limits = self.limits(Action::Search, resource_type).await?;
        let backend = self.store.backend();
        tally::first_stored(backend, (self.permit, &limits), resource_type, between).await
    }

    /// How many current records of this type each organisation of the server has. For whoever administers them.
    pub async fn count_everywhere(
        &mut self,
        resource_type: ResourceType,
    ) -> Result<Vec<(TenantId, u64)>, StoreError> {
        if !self.permit.administers(Area::Tenants) {
            return Err(StoreError::OutsidePermit { action: Action::Search, resource_type });
        }
        let mut counts = Vec::new();
        // Tenant by tenant: no statement reaches over the fence between them.
        for tenant in self.store.identity().tenants().await? {
            let sql = "SELECT count(*) FROM resource WHERE tenant = ?1 AND type = ?2 AND state = 0";
            let values = vec![tenant.id.into(), i64::from(resource_type.code()).into()];
            let statement = Statement::of_tenant(tenant.id, sql, values);
            let rows = self.store.backend().rows(Lane::Scan, statement).await?;
            let count = rows.first().ok_or(StoreError::Damaged("a count has no row"))?.integer(0)?;
            counts.push((tenant.id, u64::try_from(count).unwrap_or(0)));
        }
        Ok(counts)
    }
}
