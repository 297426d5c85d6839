//! Tenants, people, clients, keys and what they hold. No patient data.

mod assertion;
mod certificate;
mod client;
mod code;
mod device;
pub(crate) mod ending;
mod external;
mod factor;
mod failure;
mod grant;
mod key;
mod link;
mod passkey;
mod password;
mod registration;
mod secret;
mod session;
mod tenant;
mod ticket;
mod user;

use medcor_fhir::Id;
use medcor_policy::{Role, TenantId};

pub use self::{
    client::Client,
    code::AuthorizationCode,
    device::{DeviceAuthorization, DeviceState},
    factor::Totp,
    failure::{Admission, LoginCounters},
    grant::{Grant, GrantId, RefreshToken, Rotation},
    key::SigningKey,
    link::LinkPurpose,
    passkey::{Challenge, Passkey},
    password::NewPassword,
    registration::{AuthMethod, DeviceLimits, Registration, RegistrationLimits, Source, UnknownAuthMethod},
    session::{BrowserSession, SEEN_EVERY_MICROSECONDS},
    tenant::Tenant,
    user::User,
};
use crate::{
    AuditEvent, Conflict, Store, StoreError,
    batch::{Batch, Change},
    database::{Lane, Row, SqlValue, Statement},
    ledger,
};

/// SHA-256 of a code, token or other secret of at least 112 bits: what is kept of it.
pub type TokenHash = [u8; 32];

/// The part of the store that knows who can log in.
#[derive(Clone)]
pub struct Identity {
    store: Store,
}

impl Identity {
    pub(crate) fn new(store: Store) -> Self {
        Self { store }
    }

    pub(crate) fn store(&self) -> &Store {
        &self.store
    }

    async fn rows(&self, sql: &'static str, values: Vec<SqlValue>) -> Result<Vec<Row>, StoreError> {
        self.store.count_identity_call();
        self.store.backend().rows(Lane::Inline, Statement::of_server(sql, values)).await
    }

    async fn change(&self, changes: Vec<Change>) -> Result<(), StoreError> {
        self.commit(Batch { changes, ..Batch::default() }).await
    }

    async fn commit(&self, batch: Batch) -> Result<(), StoreError> {
        self.store.count_identity_call();
        self.store.backend().commit(batch).await
    }

    /// How often the database was asked about, or told of, people and clients since the store was opened:
    /// what a refused login costs must not depend on whom it names.
    pub fn calls(&self) -> u64 {
        self.store.identity_calls()
    }

    /// As [`Self::change`]; `false` where one of them changes nothing, and then none does.
    async fn once(&self, changes: Vec<Change>) -> Result<bool, StoreError> {
        self.once_with(changes, Vec::new()).await
    }

    /// As [`Self::once`], with what goes along and may find nothing.
    async fn once_with(&self, changes: Vec<Change>, sweeps: Vec<Statement>) -> Result<bool, StoreError> {
        match self.commit(Batch { changes, sweeps, ..Batch::default() }).await {
            Ok(()) => Ok(true),
            Err(StoreError::Conflict(_)) => Ok(false),
            Err(error) => Err(error),
        }
    }

    /// Runs one statement; whether any row changed.
    async fn changes_something(&self, sql: &'static str, values: Vec<SqlValue>) -> Result<bool, StoreError> {
        self.once(vec![server_change(sql, values, "row")]).await
    }

    fn now(&self) -> i64 {
        self.store.clock().now()
    }

    /// Runs statements that must all change something, with a row of the trail; else nothing is written
    /// and the answer is `false`.
    async fn audited_if_changed(&self, changes: Vec<Change>, event: &AuditEvent) -> Result<bool, StoreError> {
        self.audited_with(changes, Vec::new(), event).await
    }

    /// As [`Self::audited_if_changed`], with what goes along and may find nothing.
    async fn audited_with(
        &self,
        changes: Vec<Change>,
        sweeps: Vec<Statement>,
        event: &AuditEvent,
    ) -> Result<bool, StoreError> {
        let audit = vec![ledger::audit_row(&event.entry(self.store.clock()))?];
        match self.commit(Batch { changes, sweeps, audit, ..Batch::default() }).await {
            Ok(()) => Ok(true),
            Err(StoreError::Conflict(_)) => Ok(false),
            Err(error) => Err(error),
        }
    }
}

/// A statement on tables that belong to no tenant, which must change at least one row of `what`.
fn server_change(sql: &'static str, values: Vec<SqlValue>, what: &'static str) -> Change {
    Change { statement: Statement::of_server(sql, values), otherwise: Conflict::Claimed(what.to_owned()) }
}

fn tenant_id(row: &Row, column: usize) -> Result<TenantId, StoreError> {
    let number = i32::try_from(row.integer(column)?);
    number.map(TenantId).map_err(|_| StoreError::Damaged("a tenant's number is too large"))
}

fn optional_id(row: &Row, column: usize) -> Result<Option<Id>, StoreError> {
    let Some(text) = row.optional_text(column)? else {
        return Ok(None);
    };
    Id::new(text).map(Some).ok_or(StoreError::Damaged("an id is not an id"))
}

fn role(name: &str) -> Result<Role, StoreError> {
    name.parse().map_err(|_| StoreError::Damaged("a role is unknown"))
}

fn token_hash(bytes: &[u8]) -> Result<TokenHash, StoreError> {
    bytes.try_into().map_err(|_length| StoreError::Damaged("a token's hash has 32 bytes"))
}
