//! Figures: every record of a search is added up where it is found, in one statement, and none is handed out.

use std::{ops::ControlFlow, sync::Arc};

use medcor_fhir::{ResourceType, search::Query};
use medcor_policy::Permit;

use super::{
    Dialect, Rarest, condition, permitted,
    plan::{Pass, Plan, Slice},
    position::Order,
    rarest,
    residual::Residual,
    sql::Values,
};
use crate::{
    Record, StoreError,
    database::{Backend, Found, Lane},
    sight::Limits,
};

/// Adds one record up; breaks where it is enough.
pub(crate) type Take<T> = fn(&mut T, &Record) -> ControlFlow<()>;
/// What of a record is not for the caller.
pub(crate) type Trim = fn(Record, &[&'static str]) -> Result<Record, StoreError>;

/// What is added up, and how.
pub(crate) struct Tally<T> {
    pub(crate) sum: T,
    pub(crate) take: Take<T>,
    pub(crate) trim: Trim,
    pub(crate) withheld: Vec<&'static str>,
}

/// A tally on its way through the records.
struct Passing<T> {
    tally: Tally<T>,
    residual: Residual,
    error: Option<StoreError>,
}

/// Adds up all records that match, as far as the permit sees.
pub(crate) async fn tally<T: Send + 'static>(
    backend: &Backend,
    (permit, limits): (&Permit, &Limits),
    query: &Query,
    tally: Tally<T>,
) -> Result<T, StoreError> {
    let visibility = permitted(permit, query.resource_type)?;
    let mut values = Values::new(permit.tenant(), query.resource_type);
    let compile = |filter| condition::compile(&mut values, query.resource_type, filter);
    let mut compiled: Vec<_> = query.filters.iter().map(compile).collect();
    if rarest(backend, &values, &visibility, &mut compiled).await? == Rarest::Nobody {
        return Ok(tally.sum);
    }
    let plan = Plan::new(backend.dialect(), values, (&visibility, limits), compiled);
    let mut order = Order::of(query);
    // Sums have no order. SQLite is told by it which index to read; PostgreSQL knows, and would sort the bodies.
    if backend.dialect() == Dialect::Postgres {
        order.keys.clear();
    }
    let form = super::chart_form(backend, &plan).await?;
    let slice = Slice { form, order: &order, pass: Pass::All, after: None, limit: None };
    let statement = plan.records(slice);
    let residual = Residual::new(&Arc::new(query.clone()), &plan.residual);
    let passing = Passing { tally, residual, error: None };
    let passed = backend.scan(statement, passing, Passing::visit).await?;
    match passed.error {
        Some(error) => Err(error),
        None => Ok(passed.tally.sum),
    }
}

/// How many current records of a type were first stored between two moments, as far as the permit sees.
pub(crate) async fn first_stored(
    backend: &Backend,
    (permit, limits): (&Permit, &Limits),
    resource_type: ResourceType,
    (from, to): (i64, i64),
) -> Result<u64, StoreError> {
    let visibility = permitted(permit, resource_type)?;
    let values = Values::new(permit.tenant(), resource_type);
    let plan = Plan::new(backend.dialect(), values, (&visibility, limits), Vec::new());
    let rows = backend.rows(Lane::Scan, plan.count_first_stored(from, to)).await?;
    let count = rows.first().ok_or(StoreError::Damaged("a count has no row"))?.integer(0)?;
    u64::try_from(count).map_err(|_negative| StoreError::Damaged("a count is negative"))
}

impl<T> Passing<T> {
    fn visit(&mut self, found: Found) -> ControlFlow<()> {
        match self.add(found.record) {
            Ok(flow) => flow,
            Err(error) => {
                self.error = Some(error);
                ControlFlow::Break(())
            }
        }
    }

    fn add(&mut self, record: Record) -> Result<ControlFlow<()>, StoreError> {
        if !self.residual.holds(&record)? {
            return Ok(ControlFlow::Continue(()));
        }
        let record = (self.tally.trim)(record, &self.tally.withheld)?;
        Ok((self.tally.take)(&mut self.tally.sum, &record))
    }
}

#[cfg(test)]
mod tests {
    use std::{fs, path::Path};

    use medcor_policy::{TenantId, Visibility};
    use rusqlite::{Connection, params_from_iter};

    use super::*;
    use crate::{
        database::Statement,
        records::search::{condition::compile, plan::ChartForm},
    };

    fn database() -> Connection {
        let connection = Connection::open_in_memory().unwrap();
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("migrations/sqlite");
        let mut files: Vec<_> = fs::read_dir(folder).unwrap().map(|file| file.unwrap().path()).collect();
        files.sort();
        for file in files {
            connection.execute_batch(&fs::read_to_string(file).unwrap()).unwrap();
        }
        connection
    }

    /// How SQLite goes about it, in its words.
    fn explained(statement: &Statement) -> String {
        let connection = database();
        let mut prepared = connection.prepare(&format!("EXPLAIN QUERY PLAN {}", statement.sql)).unwrap();
        let steps = prepared.query_map(params_from_iter(&statement.values), |row| row.get::<_, String>(3));
        steps.unwrap().map(Result::unwrap).collect::<Vec<String>>().join("\n")
    }

    fn plan(query: &Query) -> Plan {
        let mut values = Values::new(TenantId(1), query.resource_type);
        let compiled =
            query.filters.iter().map(|filter| compile(&mut values, query.resource_type, filter)).collect();
        Plan::new(Dialect::Sqlite, values, (&Visibility::Tenant, &Limits::default()), compiled)
    }

    #[test]
    fn days_are_read_off_the_index_on_the_moment() {
        let query = Query::new(ResourceType::APPOINTMENT).with("_sort", "date").unwrap();
        let query = query.with("date", "sa2026-12-01T23:59:59.999Z").unwrap();
        let query = query.with("date", "lt2027-01-01T00:00:00Z").unwrap();
        let order = Order::of(&query);
        let slice =
            Slice { form: ChartForm::Straight, order: &order, pass: Pass::All, after: None, limit: None };
        let steps = explained(&plan(&query).records(slice));
        assert_eq!(
            steps,
            "SEARCH r USING INDEX resource_by_moment (tenant=? AND type=? AND moment>? AND moment<?)"
        );
    }

    #[test]
    fn whoever_is_new_is_read_off_the_index_on_the_last_change() {
        let statement = plan(&Query::new(ResourceType::PATIENT)).count_first_stored(1, 2);
        let steps = explained(&statement);
        assert!(steps.contains("resource_by_update (tenant=? AND type=? AND last_updated>?)"), "{steps}");
        assert!(steps.contains("history_by_version (tenant=? AND type=? AND id=? AND version=?)"), "{steps}");
    }
}
