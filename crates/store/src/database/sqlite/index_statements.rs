//! Adds and removes index rows, with statements prepared once.

use medcor_policy::TenantId;
use rusqlite::{Connection, Statement};

use crate::{StoreError, records::index_row::IndexRow};

pub(super) struct IndexStatements<'c> {
    add: PerTable<'c>,
    remove: PerTable<'c>,
}

struct PerTable<'c> {
    string: Statement<'c>,
    token: Statement<'c>,
    reference: Statement<'c>,
    date: Statement<'c>,
    number: Statement<'c>,
    uri: Statement<'c>,
}

impl<'c> IndexStatements<'c> {
    pub(super) fn prepare(connection: &'c Connection) -> Result<Self, StoreError> {
        // Two values of a record can be equal once they are cut, so a row may be there already.
        let add = "INSERT INTO {table} ({columns}) VALUES ({values}) ON CONFLICT DO NOTHING";
        let remove = "DELETE FROM {table} WHERE ({columns}) = ({values})";
        Ok(Self { add: PerTable::prepare(connection, add)?, remove: PerTable::prepare(connection, remove)? })
    }

    pub(super) fn add(&mut self, tenant: TenantId, row_id: i64, rows: &[IndexRow]) -> Result<(), StoreError> {
        self.add.execute(tenant, row_id, rows)
    }

    pub(super) fn remove(
        &mut self,
        tenant: TenantId,
        row_id: i64,
        rows: &[IndexRow],
    ) -> Result<(), StoreError> {
        self.remove.execute(tenant, row_id, rows)
    }
}

impl<'c> PerTable<'c> {
    fn prepare(connection: &'c Connection, pattern: &str) -> Result<Self, StoreError> {
        let prepare = |table: &str, columns: &str| {
            let count = columns.split(',').count();
            let values: Vec<String> = (1..=count).map(|number| format!("?{number}")).collect();
            let sql = pattern.replace("{table}", table).replace("{columns}", columns);
            connection.prepare(&sql.replace("{values}", &values.join(", ")))
        };
        Ok(Self {
            string: prepare("index_string", "tenant, parameter, row_id, folded, exact")?,
            token: prepare("index_token", "tenant, parameter, row_id, code, system")?,
            reference: prepare("index_reference", "tenant, parameter, row_id, target, target_type")?,
            date: prepare("index_date", "tenant, parameter, row_id, low, high")?,
            number: prepare("index_number", "tenant, parameter, row_id, low, high, system, code, unit")?,
            uri: prepare("index_uri", "tenant, parameter, row_id, value")?,
        })
    }

    fn execute(&mut self, tenant: TenantId, row_id: i64, rows: &[IndexRow]) -> Result<(), StoreError> {
        let tenant = tenant.0;
        for row in rows {
            match row {
                IndexRow::String { parameter, folded, exact } => {
                    self.string.execute((tenant, parameter.0, row_id, folded, exact))
                }
                IndexRow::Token { parameter, code, system } => {
                    self.token.execute((tenant, parameter.0, row_id, code, system))
                }
                IndexRow::Reference { parameter, target, target_type } => {
                    self.reference.execute((tenant, parameter.0, row_id, target, target_type))
                }
                IndexRow::Date { parameter, low, high } => {
                    self.date.execute((tenant, parameter.0, row_id, low, high))
                }
                IndexRow::Number { parameter, low, high, system, code, unit } => {
                    self.number.execute((tenant, parameter.0, row_id, low.0, high.0, system, code, unit))
                }
                IndexRow::Uri { parameter, value } => self.uri.execute((tenant, parameter.0, row_id, value)),
            }?;
        }
        Ok(())
    }
}
