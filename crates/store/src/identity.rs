//! Tenants, people, machine clients, keys. No patient data.

use medcor_fhir::Id;
use medcor_policy::{ClientId, Role, SubjectId, TenantId};

use crate::{Store, StoreError};

/// An organisation whose records are apart from all others.
#[derive(Debug, Clone)]
pub struct Tenant {
    /// Its number.
    pub id: TenantId,
    /// Its UUID, which is also the id of its `Organization`.
    pub organization: Id,
    /// Short name for URLs and commands, unique.
    pub slug: String,
    /// Display name.
    pub name: String,
    /// IANA time zone, such as `Europe/London`.
    pub time_zone: String,
    /// Whether it may be used.
    pub is_active: bool,
}

/// A person who can log in.
#[derive(Debug, Clone)]
pub struct User {
    /// The id; `sub` of the user's tokens.
    pub id: SubjectId,
    /// Whose.
    pub tenant: TenantId,
    /// Unique across tenants, lower case.
    pub email: String,
    /// For greeting.
    pub display_name: String,
    /// What the user is.
    pub roles: Vec<Role>,
    /// Argon2id in PHC form.
    pub password_hash: Option<String>,
    /// The user's own `Patient`.
    pub patient: Option<Id>,
    /// The user's own `Practitioner`.
    pub practitioner: Option<Id>,
    /// Whether the user may log in.
    pub is_active: bool,
}

/// A program that acts for itself.
#[derive(Debug, Clone)]
pub struct Client {
    /// Its id.
    pub id: ClientId,
    /// Whose.
    pub tenant: TenantId,
    /// The application, such as `copilot-studio`.
    pub app_id: String,
    /// For people.
    pub display_name: String,
    /// What it is.
    pub role: Role,
    /// SMART scopes, separated by spaces.
    pub scopes: String,
    /// Argon2id in PHC form.
    pub secret_hash: String,
    /// Whether it may be used.
    pub is_active: bool,
}

/// A key that signs tokens.
#[derive(Clone)]
pub struct SigningKey {
    /// Its `kid`.
    pub id: String,
    /// Ed25519 in PKCS #8 DER.
    pub pkcs8: Vec<u8>,
}

/// The part of the store that knows who can log in.
#[derive(Clone)]
pub struct Identity {
    store: Store,
}

impl Identity {
    pub(crate) fn new(store: Store) -> Self {
        Self { store }
    }

    /// Every tenant, in order of number.
    pub async fn tenants(&self) -> Result<Vec<Tenant>, StoreError> {
        todo!()
    }

    /// Adds a tenant; its number is assigned.
    pub async fn create_tenant(
        &self,
        _organization: Id,
        _slug: &str,
        _name: &str,
        _time_zone: &str,
    ) -> Result<Tenant, StoreError> {
        todo!()
    }

    /// The user with this e-mail address, in any case.
    pub async fn user_by_email(&self, _email: &str) -> Result<Option<User>, StoreError> {
        todo!()
    }

    /// The user with this id.
    pub async fn user(&self, _id: &SubjectId) -> Result<Option<User>, StoreError> {
        todo!()
    }

    /// Users of a tenant, in order of e-mail address.
    pub async fn users(&self, _tenant: TenantId) -> Result<Vec<User>, StoreError> {
        todo!()
    }

    /// Adds users; nothing is added if one of them exists.
    pub async fn create_users(&self, _users: &[User]) -> Result<(), StoreError> {
        todo!()
    }

    /// The client with this id.
    pub async fn client(&self, _id: &ClientId) -> Result<Option<Client>, StoreError> {
        todo!()
    }

    /// Adds clients; nothing is added if one of them exists.
    pub async fn create_clients(&self, _clients: &[Client]) -> Result<(), StoreError> {
        todo!()
    }

    /// The signing keys, newest first; one is made where there is none.
    pub async fn signing_keys(&self) -> Result<Vec<SigningKey>, StoreError> {
        todo!()
    }
}
