//! Read-only connections. A short read takes one, runs on the caller's own thread and puts it back, so
//! there are never more than threads that read at once.

use std::{
    ops::{ControlFlow, Range},
    path::{Path, PathBuf},
    sync::{
        Arc, LazyLock, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use medcor_fhir::{Id, ResourceType};
use medcor_policy::TenantId;
use rusqlite::{
    CachedStatement, Connection, ToSql, params_from_iter,
    types::{ToSqlOutput, ValueRef},
};

use super::connection;
use crate::{
    Record, StoreError,
    batch::STATE_DELETED,
    database::{
        backend::Stored,
        statement::{Found, RECORD_COLUMN_COUNT, RECORD_COLUMNS, Row, SqlValue, Statement},
    },
};

/// Longest time of a read that runs on the caller's thread: far more than one should take, and short
/// enough that a wrong plan does not stop a server.
const INLINE_TIME_MAX: Duration = Duration::from_secs(2);
/// Steps of SQLite's machine between two looks at the time.
const STEPS_PER_LOOK: i32 = 4000;

/// A record by its key, whatever its state.
static STORED: LazyLock<String> = LazyLock::new(|| {
    format!(
        "SELECT {RECORD_COLUMNS}, r.content_hash FROM resource r WHERE tenant = ?1 AND type = ?2 AND id = ?3"
    )
});

/// The connections for short reads.
pub(super) struct Readers {
    path: PathBuf,
    /// The one that was used last is taken first: its cache is warm. `None` when the store is closed.
    idle: Mutex<Option<Vec<Reader>>>,
}

impl Readers {
    pub(super) fn new(path: &Path) -> Self {
        Self { path: path.to_owned(), idle: Mutex::new(Some(Vec::new())) }
    }

    pub(super) fn with<T>(
        &self,
        read: impl FnOnce(&Reader) -> Result<T, StoreError>,
    ) -> Result<T, StoreError> {
        let idle = self.lock().as_mut().ok_or(StoreError::NotReady)?.pop();
        let reader = match idle {
            Some(reader) => reader,
            None => Reader::open(&self.path)?,
        };
        reader.set_deadline(INLINE_TIME_MAX);
        let answer = read(&reader);
        if let Some(idle) = self.lock().as_mut() {
            idle.push(reader);
        }
        answer
    }

    pub(super) fn close(&self) {
        *self.lock() = None;
    }

    fn lock(&self) -> MutexGuard<'_, Option<Vec<Reader>>> {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A read-only connection whose statements end at a deadline.
pub(super) struct Reader {
    connection: Connection,
    opened: Instant,
    /// Microseconds after `opened`.
    deadline: Arc<AtomicU64>,
}

impl Reader {
    pub(super) fn open(path: &Path) -> Result<Self, StoreError> {
        let mut connection = connection::open_reader(path)?;
        let opened = Instant::now();
        let deadline = Arc::new(AtomicU64::new(u64::MAX));
        let limit = Arc::clone(&deadline);
        let is_late = move || microseconds(opened.elapsed()) > limit.load(Ordering::Relaxed);
        connection.progress_handler(STEPS_PER_LOOK, Some(is_late))?;
        Ok(Self { connection, opened, deadline })
    }

    pub(super) fn set_deadline(&self, from_now: Duration) {
        self.deadline.store(microseconds(self.opened.elapsed() + from_now), Ordering::Relaxed);
    }

    pub(super) fn rows(&self, statement: &Statement) -> Result<Vec<Row>, StoreError> {
        let mut prepared = self.prepare(statement)?;
        let columns = prepared.column_count();
        let mut rows = prepared.query(params_from_iter(&statement.values))?;
        let mut found = Vec::new();
        while let Some(row) = rows.next()? {
            found.push(values(row, 0..columns)?);
        }
        Ok(found)
    }

    pub(super) fn records(&self, statement: &Statement) -> Result<Vec<Found>, StoreError> {
        let mut found = Vec::new();
        self.scan(statement, |record| {
            found.push(record);
            ControlFlow::Continue(())
        })?;
        Ok(found)
    }

    pub(super) fn scan(
        &self,
        statement: &Statement,
        mut visit: impl FnMut(Found) -> ControlFlow<()>,
    ) -> Result<(), StoreError> {
        let mut prepared = self.prepare(statement)?;
        let columns = prepared.column_count();
        let mut rows = prepared.query(params_from_iter(&statement.values))?;
        while let Some(row) = rows.next()? {
            let found = Found { record: record(row)?, keys: values(row, RECORD_COLUMN_COUNT..columns)? };
            if visit(found).is_break() {
                break;
            }
        }
        Ok(())
    }

    pub(super) fn stored(
        &self,
        tenant: TenantId,
        resource_type: ResourceType,
        id: &Id,
    ) -> Result<Option<Stored>, StoreError> {
        let mut prepared = self.connection.prepare_cached(&STORED)?;
        let mut rows = prepared.query((tenant.0, resource_type.code(), id.as_str()))?;
        let Some(row) = rows.next()? else {
            return Ok(None);
        };
        let content_hash = u128::from_be_bytes(row.get(RECORD_COLUMN_COUNT)?);
        Ok(Some(Stored { record: record(row)?, content_hash }))
    }

    fn prepare(&self, statement: &Statement) -> Result<CachedStatement<'_>, StoreError> {
        Ok(self.connection.prepare_cached(&statement.sql)?)
    }
}

/// The record in the first columns.
fn record(row: &rusqlite::Row<'_>) -> Result<Record, StoreError> {
    let resource_type = row.get(0).map(ResourceType::from_code)?;
    let patient = match row.get_ref(4)?.as_str_or_null().map_err(rusqlite::Error::from)? {
        Some(patient) => Some(Id::new(patient).ok_or(StoreError::Damaged("a patient's id is not an id"))?),
        None => None,
    };
    Ok(Record {
        resource_type: resource_type.ok_or(StoreError::Damaged("a type's number is unknown"))?,
        id: Id::new(row.get_ref(1)?.as_str().map_err(rusqlite::Error::from)?)
            .ok_or(StoreError::Damaged("an id is not an id"))?,
        version: row.get(2)?,
        last_updated: row.get(3)?,
        patient,
        is_deleted: row.get::<_, i64>(5)? == STATE_DELETED,
        body: row.get(6)?,
    })
}

fn values(row: &rusqlite::Row<'_>, columns: Range<usize>) -> Result<Row, StoreError> {
    let mut values = Vec::with_capacity(columns.len());
    for column in columns {
        values.push(match row.get_ref(column)? {
            ValueRef::Null => SqlValue::Null,
            ValueRef::Integer(number) => SqlValue::Integer(number),
            ValueRef::Real(number) => SqlValue::Real(number),
            ValueRef::Text(text) => match std::str::from_utf8(text) {
                Ok(text) => SqlValue::Text(text.into()),
                Err(_) => return Err(StoreError::Damaged("a text is not UTF-8")),
            },
            ValueRef::Blob(bytes) => SqlValue::Blob(bytes.into()),
        });
    }
    Ok(Row(values))
}

impl ToSql for SqlValue {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        Ok(ToSqlOutput::Borrowed(match self {
            Self::Null => ValueRef::Null,
            Self::Integer(number) => ValueRef::Integer(*number),
            Self::Real(number) => ValueRef::Real(*number),
            Self::Text(text) => ValueRef::Text(text.as_bytes()),
            Self::Blob(bytes) => ValueRef::Blob(bytes),
        }))
    }
}

fn microseconds(duration: Duration) -> u64 {
    u64::try_from(duration.as_micros()).unwrap_or(u64::MAX)
}
