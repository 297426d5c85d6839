//! PostgreSQL: pipelined reads on shared connections, long ones on a pool, and a few connections that
//! commit groups.

mod apply;
mod committer;
mod connect;
mod lane;
mod listener;
mod look;
mod lost;
mod migrate;
mod pipeline;
mod readers;
mod statements;
mod trail;
mod value;

use std::{
    ops::ControlFlow,
    sync::{Arc, OnceLock},
};

use medcor_fhir::{Id, ResourceType};
use medcor_policy::TenantId;
use tokio::{
    sync::{Notify, watch},
    task::JoinHandle,
};
use tokio_postgres::error::SqlState;

pub use self::connect::Fence;
pub(super) use self::connect::crosses_a_network_in_plain;
use self::{committer::Committer, connect::Connector, readers::Readers};
use super::{
    Settings,
    backend::Stored,
    statement::{Found, Lane, RECORD_COLUMNS, Row, Statement},
};
use crate::{StoreError, batch::Batch};

/// An open PostgreSQL database.
pub(crate) struct Postgres {
    readers: Readers,
    committer: Committer,
    notifier: JoinHandle<()>,
    connector: Connector,
    /// Changes with every commit of any instance that wrote events.
    committed: watch::Sender<u64>,
    /// Begun with the first follower: most processes have none.
    listener: OnceLock<JoinHandle<()>>,
    fence: Fence,
}

impl Postgres {
    /// Connects and checks or migrates the schema.
    pub(super) async fn open(url: &str, settings: &Settings) -> Result<Self, StoreError> {
        let connector = Connector::new(url)?;
        migrate::migrate(&connector, settings.applies_migrations).await?;
        let (_client, fence) = connector.open_fenced().await?;
        if fence == Fence::Bypassed {
            tracing::warn!("the database login is a superuser's: row-level security does not bind it");
        }
        let written = Arc::new(Notify::new());
        Ok(Self {
            readers: Readers::new(&connector, settings.readers)?,
            committer: Committer::start(&connector, settings, &written),
            notifier: tokio::spawn(notify(connector.clone(), written)),
            connector,
            committed: watch::Sender::new(0),
            listener: OnceLock::new(),
            fence,
        })
    }

    /// Whether the database itself keeps tenants apart.
    pub(super) fn fence(&self) -> Fence {
        self.fence
    }

    /// Changes with every commit of any instance that wrote events.
    pub(crate) fn committed(&self) -> watch::Receiver<u64> {
        self.listener
            .get_or_init(|| tokio::spawn(listener::listen(self.connector.clone(), self.committed.clone())));
        self.committed.subscribe()
    }

    pub(super) async fn rows(&self, lane: Lane, statement: Statement) -> Result<Vec<Row>, StoreError> {
        match lane {
            Lane::Inline | Lane::Snapshot => {
                self.readers.rows(&statement).await?.iter().map(value::row).collect()
            }
            Lane::Scan => {
                let mut rows = Vec::new();
                let keep = |row: &tokio_postgres::Row| {
                    rows.push(value::row(row)?);
                    Ok(ControlFlow::Continue(()))
                };
                self.readers.scan(&statement, keep).await?;
                Ok(rows)
            }
        }
    }

    pub(super) async fn records(&self, lane: Lane, statement: Statement) -> Result<Vec<Found>, StoreError> {
        match lane {
            Lane::Inline | Lane::Snapshot => {
                self.readers.rows(&statement).await?.iter().map(value::found).collect()
            }
            Lane::Scan => {
                let mut found = Vec::new();
                let keep = |row: &tokio_postgres::Row| {
                    found.push(value::found(row)?);
                    Ok(ControlFlow::Continue(()))
                };
                self.readers.scan(&statement, keep).await?;
                Ok(found)
            }
        }
    }

    pub(super) async fn scan<S: Send + 'static>(
        &self,
        statement: Statement,
        mut state: S,
        visit: fn(&mut S, Found) -> ControlFlow<()>,
    ) -> Result<S, StoreError> {
        self.readers.scan(&statement, |row| Ok(visit(&mut state, value::found(row)?))).await?;
        Ok(state)
    }

    pub(super) async fn stored(
        &self,
        tenant: TenantId,
        keys: &[(ResourceType, Id)],
    ) -> Result<Vec<Option<Stored>>, StoreError> {
        let mut stored = Vec::with_capacity(keys.len());
        let reads = keys.iter().map(|(resource_type, id)| self.stored_one(tenant, *resource_type, id));
        for found in futures_util::future::join_all(reads).await {
            stored.push(found?);
        }
        Ok(stored)
    }

    pub(super) async fn commit(&self, batch: Batch) -> Result<(), StoreError> {
        self.committer.commit(batch).await
    }

    pub(super) async fn size_bytes(&self) -> Result<u64, StoreError> {
        let sql = "SELECT pg_database_size(current_database())";
        let rows = self.rows(Lane::Inline, Statement::of_server(sql, Vec::new())).await?;
        let bytes = rows.first().map_or(Ok(0), |row| row.integer(0))?;
        Ok(u64::try_from(bytes).unwrap_or(0))
    }

    pub(super) async fn close(&self) {
        self.committer.close().await;
        self.notifier.abort();
        self.listener.get().into_iter().for_each(JoinHandle::abort);
        self.readers.close();
    }

    async fn stored_one(
        &self,
        tenant: TenantId,
        resource_type: ResourceType,
        id: &Id,
    ) -> Result<Option<Stored>, StoreError> {
        let sql = format!(
            "SELECT {RECORD_COLUMNS}, r.content_hash FROM resource r
             WHERE r.tenant = ?1 AND r.type = ?2 AND r.id = ?3"
        );
        let values = vec![tenant.into(), i64::from(resource_type.code()).into(), id.as_str().into()];
        let statement = Statement::of_tenant(tenant, sql, values);
        let found = self.records(Lane::Inline, statement).await?.pop();
        let Some(Found { record, keys }) = found else { return Ok(None) };
        let content_hash = keys.bytes(0)?.try_into().map(u128::from_be_bytes);
        let content_hash = content_hash.map_err(|_length| StoreError::Damaged("a hash has 16 bytes"))?;
        Ok(Some(Stored { record, content_hash }))
    }
}

/// The channel on which followers of the outbox listen.
const CHANNEL: &str = "medcor_event";

/// Wakes the followers of the outbox on every instance, once for all commits since the last time. Not in
/// the transactions themselves: theirs would have to commit one after the other.
async fn notify(connector: Connector, written: Arc<Notify>) {
    let mut client = None;
    loop {
        written.notified().await;
        let is_open = client.as_ref().is_some_and(|client: &tokio_postgres::Client| !client.is_closed());
        if !is_open {
            client = match connector.open_fenced().await {
                Ok((client, _fence)) => Some(client),
                // Followers look by themselves now and then.
                Err(_lost) => continue,
            };
        }
        let Some(client) = &client else { continue };
        let notify = format!("SET synchronous_commit = off; NOTIFY {CHANNEL}");
        if let Err(error) = client.batch_execute(&notify).await {
            tracing::warn!(error = &error as &dyn std::error::Error, "followers were not woken");
        }
    }
}

/// An error of the driver as the store's.
fn failure(error: tokio_postgres::Error) -> StoreError {
    match error.code() {
        Some(code) if *code == SqlState::QUERY_CANCELED => StoreError::TooCostly,
        _ => StoreError::Database(Box::new(Failure::of(error))),
    }
}

/// What PostgreSQL says, without the details in which it quotes rows and keys.
#[derive(Debug, thiserror::Error)]
enum Failure {
    #[error("PostgreSQL answers {severity} {code} ({place})")]
    Answered { severity: String, code: String, place: String },
    #[error(transparent)]
    Connection(tokio_postgres::Error),
}

impl Failure {
    fn of(error: tokio_postgres::Error) -> Self {
        let Some(answer) = error.as_db_error() else { return Self::Connection(error) };
        let named = [answer.table(), answer.constraint(), answer.routine()];
        Self::Answered {
            severity: answer.severity().to_owned(),
            code: answer.code().code().to_owned(),
            place: named.into_iter().flatten().collect::<Vec<&str>>().join(" "),
        }
    }
}

/// The text with PostgreSQL's marks.
fn wire_text(sql: &str) -> String {
    sql.replace('?', "$")
}
