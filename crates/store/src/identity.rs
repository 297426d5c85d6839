//! Tenants, people, machine clients, keys. No patient data.

use medcor_fhir::Id;
use medcor_policy::{ClientId, Role, SubjectId, TenantId};
use ring::{rand::SystemRandom, signature::Ed25519KeyPair};

use crate::{
    Conflict, Store, StoreError,
    batch::{Batch, Change},
    database::{Lane, Row, SqlValue, Statement},
};

/// The columns that [`user`] reads.
macro_rules! select_users {
    () => {
        "SELECT id, tenant, email, display_name, roles, password_hash, patient, practitioner, is_active
         FROM user_account"
    };
}

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
        let sql = "SELECT number, organization, slug, name, time_zone, is_active FROM tenant ORDER BY number";
        self.rows(sql, Vec::new()).await?.iter().map(tenant).collect()
    }

    /// Adds a tenant; its number is assigned.
    pub async fn create_tenant(
        &self,
        organization: Id,
        slug: &str,
        name: &str,
        time_zone: &str,
    ) -> Result<Tenant, StoreError> {
        let insert = Statement::of_server(
            "INSERT INTO tenant (number, organization, slug, name, time_zone, is_active)
             SELECT coalesce(max(number), 0) + 1, ?1, ?2, ?3, ?4, 1 FROM tenant WHERE true
             ON CONFLICT DO NOTHING",
            vec![organization.as_str().into(), slug.into(), name.into(), time_zone.into()],
        );
        self.change(vec![Change { statement: insert, otherwise: Conflict::Claimed(slug.to_owned()) }])
            .await?;
        let tenants = self.tenants().await?;
        let created = tenants.into_iter().find(|tenant| tenant.organization == organization);
        created.ok_or(StoreError::Damaged("a tenant that was added is missing"))
    }

    /// The user with this e-mail address, in any case.
    pub async fn user_by_email(&self, email: &str) -> Result<Option<User>, StoreError> {
        let sql = concat!(select_users!(), " WHERE email = ?1");
        self.rows(sql, vec![email.to_lowercase().into()]).await?.first().map(user).transpose()
    }

    /// The user with this id.
    pub async fn user(&self, id: &SubjectId) -> Result<Option<User>, StoreError> {
        let sql = concat!(select_users!(), " WHERE id = ?1");
        self.rows(sql, vec![id.0.as_str().into()]).await?.first().map(user).transpose()
    }

    /// Users of a tenant, in order of e-mail address.
    pub async fn users(&self, tenant: TenantId) -> Result<Vec<User>, StoreError> {
        let sql = concat!(select_users!(), " WHERE tenant = ?1 ORDER BY email");
        self.rows(sql, vec![tenant.into()]).await?.iter().map(user).collect()
    }

    /// Adds users; nothing is added if one of them exists.
    pub async fn create_users(&self, users: &[User]) -> Result<(), StoreError> {
        let insert = |user: &User| Change {
            statement: Statement::of_server(
                "INSERT INTO user_account (id, tenant, email, display_name, roles, password_hash, patient,
                     practitioner, is_active)
                 VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9) ON CONFLICT DO NOTHING",
                vec![
                    user.id.0.as_str().into(),
                    user.tenant.into(),
                    user.email.to_lowercase().into(),
                    user.display_name.as_str().into(),
                    user.roles.iter().map(|role| role.name()).collect::<Vec<_>>().join(" ").into(),
                    user.password_hash.as_deref().into(),
                    user.patient.as_ref().map(Id::as_str).into(),
                    user.practitioner.as_ref().map(Id::as_str).into(),
                    user.is_active.into(),
                ],
            ),
            otherwise: Conflict::Claimed(format!("user {}", user.id)),
        };
        self.change(users.iter().map(insert).collect()).await
    }

    /// Lets a user in, or out: within seconds the user's tokens are good no more.
    pub async fn set_user_active(&self, id: &SubjectId, is_active: bool) -> Result<(), StoreError> {
        let statement = Statement::of_server(
            "UPDATE user_account SET is_active = ?2 WHERE id = ?1",
            vec![id.0.as_str().into(), is_active.into()],
        );
        self.change(vec![Change { statement, otherwise: Conflict::Claimed(format!("user {id}")) }]).await
    }

    /// The client with this id.
    pub async fn client(&self, id: &ClientId) -> Result<Option<Client>, StoreError> {
        let sql = "SELECT id, tenant, app_id, display_name, role, scopes, secret_hash, is_active
                   FROM client WHERE id = ?1";
        self.rows(sql, vec![id.0.as_str().into()]).await?.first().map(client).transpose()
    }

    /// Adds clients; nothing is added if one of them exists.
    pub async fn create_clients(&self, clients: &[Client]) -> Result<(), StoreError> {
        let insert = |client: &Client| Change {
            statement: Statement::of_server(
                "INSERT INTO client (id, tenant, app_id, display_name, role, scopes, secret_hash, is_active)
                 VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8) ON CONFLICT DO NOTHING",
                vec![
                    client.id.0.as_str().into(),
                    client.tenant.into(),
                    client.app_id.as_str().into(),
                    client.display_name.as_str().into(),
                    client.role.name().into(),
                    client.scopes.as_str().into(),
                    client.secret_hash.as_str().into(),
                    client.is_active.into(),
                ],
            ),
            otherwise: Conflict::Claimed(format!("client {}", client.id)),
        };
        self.change(clients.iter().map(insert).collect()).await
    }

    /// The signing keys, newest first; one is made where there is none.
    pub async fn signing_keys(&self) -> Result<Vec<SigningKey>, StoreError> {
        let known = self.known_signing_keys().await?;
        if !known.is_empty() {
            return Ok(known);
        }
        let pkcs8 = Ed25519KeyPair::generate_pkcs8(&SystemRandom::new())
            .map_err(|error| StoreError::Database(error.to_string().into()))?;
        let id = self.store.clock().new_id();
        // Whoever opens the store at the same moment must come to the same key, hence the condition.
        let insert = Statement::of_server(
            "INSERT INTO signing_key (id, pkcs8, created_at)
             SELECT ?1, ?2, ?3 WHERE NOT EXISTS (SELECT 1 FROM signing_key)",
            vec![id.as_str().into(), pkcs8.as_ref().into(), self.store.clock().now().into()],
        );
        let otherwise = Conflict::Claimed("signing key".to_owned());
        match self.change(vec![Change { statement: insert, otherwise }]).await {
            Ok(()) | Err(StoreError::Conflict(_)) => self.known_signing_keys().await,
            Err(error) => Err(error),
        }
    }

    async fn known_signing_keys(&self) -> Result<Vec<SigningKey>, StoreError> {
        let sql = "SELECT id, pkcs8 FROM signing_key ORDER BY created_at DESC, id DESC";
        let rows = self.rows(sql, Vec::new()).await?;
        let key = |row: &Row| Ok(SigningKey { id: row.text(0)?.to_owned(), pkcs8: row.bytes(1)?.to_owned() });
        rows.iter().map(key).collect()
    }

    async fn rows(&self, sql: &'static str, values: Vec<SqlValue>) -> Result<Vec<Row>, StoreError> {
        self.store.backend().rows(Lane::Inline, Statement::of_server(sql, values)).await
    }

    async fn change(&self, changes: Vec<Change>) -> Result<(), StoreError> {
        self.store.backend().commit(Batch { changes, ..Batch::default() }).await
    }
}

fn tenant(row: &Row) -> Result<Tenant, StoreError> {
    Ok(Tenant {
        id: tenant_id(row, 0)?,
        organization: Id::new(row.text(1)?).ok_or(StoreError::Damaged("a tenant's UUID is not an id"))?,
        slug: row.text(2)?.to_owned(),
        name: row.text(3)?.to_owned(),
        time_zone: row.text(4)?.to_owned(),
        is_active: row.integer(5)? != 0,
    })
}

fn user(row: &Row) -> Result<User, StoreError> {
    Ok(User {
        id: SubjectId(row.text(0)?.to_owned()),
        tenant: tenant_id(row, 1)?,
        email: row.text(2)?.to_owned(),
        display_name: row.text(3)?.to_owned(),
        roles: row.text(4)?.split_whitespace().map(role).collect::<Result<_, _>>()?,
        password_hash: row.optional_text(5)?.map(str::to_owned),
        patient: optional_id(row, 6)?,
        practitioner: optional_id(row, 7)?,
        is_active: row.integer(8)? != 0,
    })
}

fn client(row: &Row) -> Result<Client, StoreError> {
    Ok(Client {
        id: ClientId(row.text(0)?.to_owned()),
        tenant: tenant_id(row, 1)?,
        app_id: row.text(2)?.to_owned(),
        display_name: row.text(3)?.to_owned(),
        role: role(row.text(4)?)?,
        scopes: row.text(5)?.to_owned(),
        secret_hash: row.text(6)?.to_owned(),
        is_active: row.integer(7)? != 0,
    })
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
