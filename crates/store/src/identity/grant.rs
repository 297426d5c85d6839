//! What people allowed clients, and the refresh tokens that came of it. A token is here as its SHA-256.

use std::fmt;

use medcor_policy::{ClientId, SubjectId, TenantId};

use super::{Identity, TokenHash, tenant_id, token_hash};
use crate::{
    Conflict, StoreError,
    batch::Change,
    database::{Row, Statement},
};

/// The columns that [`grant`] reads.
macro_rules! select_grants {
    () => {
        "SELECT id, tenant, subject, client, client_name, scopes, resource, session, authenticated_at,
             methods, created_at, used_at, expires_at, revoked_at
         FROM authorization_grant"
    };
}

/// The id of a grant: `sid` of its tokens.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct GrantId(pub String);

impl fmt::Display for GrantId {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(formatter)
    }
}

/// What a person allowed a client. Times are microseconds since the epoch.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Grant {
    /// Its id.
    pub id: GrantId,
    /// Whose organisation.
    pub tenant: TenantId,
    /// Who allowed it.
    pub subject: SubjectId,
    /// Whom.
    pub client: ClientId,
    /// The client's name as the person saw it.
    pub client_name: String,
    /// Scopes, separated by spaces; `None` is all that the person's roles allow.
    pub scopes: Option<String>,
    /// The `aud` of its access tokens (RFC 8707).
    pub resource: String,
    /// The browser session in which it was allowed: it ends with it.
    pub session: Option<String>,
    /// When the person last proved who they are.
    pub authenticated_at: i64,
    /// How (RFC 8176), separated by spaces.
    pub methods: String,
    /// When it was allowed.
    pub created_at: i64,
    /// When a token was last taken from it.
    pub used_at: i64,
    /// When it ends, whatever is refreshed.
    pub expires_at: i64,
    /// When it was revoked.
    pub revoked_at: Option<i64>,
}

impl Grant {
    /// Whether tokens may still be taken from it.
    pub fn is_live(&self, now: i64) -> bool {
        self.revoked_at.is_none() && now < self.expires_at
    }
}

/// A refresh token as it is kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RefreshToken {
    /// Its grant.
    pub grant: GrantId,
    /// When it ends, microseconds since the epoch.
    pub expires_at: i64,
    /// When it was exchanged.
    pub used_at: Option<i64>,
    /// For which one.
    pub successor: Option<TokenHash>,
}

/// A refresh token that takes the place of another.
#[derive(Debug, Clone, Copy)]
pub struct Rotation<'r> {
    /// The one that is given up.
    pub old: TokenHash,
    /// The one that takes its place.
    pub new: TokenHash,
    /// Their grant.
    pub grant: &'r GrantId,
    /// When the new one ends.
    pub expires_at: i64,
}

impl Identity {
    /// Adds a grant, with its first refresh token and when that ends where it has one.
    pub async fn create_grant(
        &self,
        grant: &Grant,
        refresh: Option<(TokenHash, i64)>,
    ) -> Result<(), StoreError> {
        let mut changes = vec![insert_grant(grant)];
        changes.extend(refresh.map(|(hash, expires_at)| insert_refresh(&hash, &grant.id, expires_at)));
        self.change(changes).await
    }

    /// The grant with this id.
    pub async fn grant(&self, id: &GrantId) -> Result<Option<Grant>, StoreError> {
        let sql = concat!(select_grants!(), " WHERE id = ?1");
        self.rows(sql, vec![id.0.as_str().into()]).await?.first().map(grant).transpose()
    }

    /// The grants of a person that are live, newest first.
    pub async fn grants_of(&self, subject: &SubjectId) -> Result<Vec<Grant>, StoreError> {
        let sql = concat!(
            select_grants!(),
            " WHERE subject = ?1 AND revoked_at IS NULL AND expires_at > ?2 ORDER BY created_at DESC, id DESC"
        );
        let values = vec![subject.0.as_str().into(), self.now().into()];
        self.rows(sql, values).await?.iter().map(grant).collect()
    }

    /// Whether tokens with this `sid` are to be refused: its grant was revoked, or its client is not to be
    /// used any more. `None` where there is no such grant, as of the tokens of programs that act for
    /// themselves.
    pub async fn is_revoked(&self, id: &GrantId) -> Result<Option<bool>, StoreError> {
        let sql = "SELECT g.revoked_at, r.is_active FROM authorization_grant g
                   LEFT JOIN client_registration r ON r.id = g.client WHERE g.id = ?1";
        let rows = self.rows(sql, vec![id.0.as_str().into()]).await?;
        let Some(row) = rows.first() else { return Ok(None) };
        Ok(Some(row.optional_integer(0)?.is_some() || row.optional_integer(1)? == Some(0)))
    }

    /// Whether a person has taken back since then what a program was allowed, or nobody is to use the program.
    pub async fn is_withdrawn(
        &self,
        subject: &SubjectId,
        client: &ClientId,
        since: i64,
    ) -> Result<bool, StoreError> {
        let sql = "SELECT 1 FROM authorization_grant WHERE subject = ?1 AND client = ?2 AND revoked_at >= ?3
                   UNION ALL SELECT 1 FROM client_registration WHERE id = ?2 AND is_active = 0";
        let values = vec![subject.0.as_str().into(), client.0.as_str().into(), since.into()];
        Ok(!self.rows(sql, values).await?.is_empty())
    }

    /// Revokes a grant; `false` where it was revoked before or is not there.
    pub async fn revoke_grant(&self, id: &GrantId, because: &str) -> Result<bool, StoreError> {
        let sql = "UPDATE authorization_grant SET revoked_at = ?2, revoked_because = ?3
                   WHERE id = ?1 AND revoked_at IS NULL";
        self.revoked(sql, &id.0, because).await
    }

    /// Revokes every grant of a browser session; `false` where there was none.
    pub async fn revoke_grants_of_session(&self, session: &str, because: &str) -> Result<bool, StoreError> {
        let sql = "UPDATE authorization_grant SET revoked_at = ?2, revoked_because = ?3
                   WHERE session = ?1 AND revoked_at IS NULL";
        self.revoked(sql, session, because).await
    }

    /// The refresh token with this hash.
    pub async fn refresh_token(&self, hash: &TokenHash) -> Result<Option<RefreshToken>, StoreError> {
        let sql = "SELECT grant_id, expires_at, used_at, successor FROM refresh_token WHERE hash = ?1";
        self.rows(sql, vec![hash.as_slice().into()]).await?.first().map(refresh_token).transpose()
    }

    /// Exchanges a refresh token that was not used and whose grant is live; else nothing happens and it is
    /// `false`. Of many exchanges of one token at once, one succeeds.
    pub async fn rotate(&self, rotation: &Rotation<'_>) -> Result<bool, StoreError> {
        let now = self.now();
        let use_up = Statement::of_server(
            "UPDATE refresh_token SET used_at = ?2, successor = ?3
             WHERE hash = ?1 AND used_at IS NULL AND expires_at > ?2 AND grant_id = ?4 AND EXISTS (
                 SELECT 1 FROM authorization_grant g
                 WHERE g.id = ?4 AND g.revoked_at IS NULL AND g.expires_at > ?2)",
            vec![
                rotation.old.as_slice().into(),
                now.into(),
                rotation.new.as_slice().into(),
                rotation.grant.0.as_str().into(),
            ],
        );
        let touch = Statement::of_server(
            "UPDATE authorization_grant SET used_at = ?2 WHERE id = ?1",
            vec![rotation.grant.0.as_str().into(), now.into()],
        );
        let otherwise = || Conflict::Claimed("refresh token".to_owned());
        self.once(vec![
            Change { statement: use_up, otherwise: otherwise() },
            insert_refresh(&rotation.new, rotation.grant, rotation.expires_at),
            Change { statement: touch, otherwise: otherwise() },
        ])
        .await
    }

    /// Adds the first refresh token of a grant.
    pub async fn create_refresh_token(
        &self,
        hash: &TokenHash,
        grant: &GrantId,
        expires_at: i64,
    ) -> Result<(), StoreError> {
        self.change(vec![insert_refresh(hash, grant, expires_at)]).await
    }

    async fn revoked(&self, sql: &'static str, of: &str, because: &str) -> Result<bool, StoreError> {
        let statement = Statement::of_server(sql, vec![of.into(), self.now().into(), because.into()]);
        self.once(vec![Change { statement, otherwise: Conflict::Claimed("grant".to_owned()) }]).await
    }
}

pub(super) fn insert_grant(grant: &Grant) -> Change {
    let statement = Statement::of_server(
        "INSERT INTO authorization_grant (id, tenant, subject, client, client_name, scopes, resource, session,
             authenticated_at, methods, created_at, used_at, expires_at, revoked_at)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14) ON CONFLICT DO NOTHING",
        vec![
            grant.id.0.as_str().into(),
            grant.tenant.into(),
            grant.subject.0.as_str().into(),
            grant.client.0.as_str().into(),
            grant.client_name.as_str().into(),
            grant.scopes.as_deref().into(),
            grant.resource.as_str().into(),
            grant.session.as_deref().into(),
            grant.authenticated_at.into(),
            grant.methods.as_str().into(),
            grant.created_at.into(),
            grant.used_at.into(),
            grant.expires_at.into(),
            grant.revoked_at.into(),
        ],
    );
    Change { statement, otherwise: Conflict::Claimed(format!("grant {}", grant.id)) }
}

fn insert_refresh(hash: &TokenHash, grant: &GrantId, expires_at: i64) -> Change {
    let statement = Statement::of_server(
        "INSERT INTO refresh_token (hash, grant_id, expires_at) VALUES (?1, ?2, ?3) ON CONFLICT DO NOTHING",
        vec![hash.as_slice().into(), grant.0.as_str().into(), expires_at.into()],
    );
    Change { statement, otherwise: Conflict::Claimed("refresh token".to_owned()) }
}

fn grant(row: &Row) -> Result<Grant, StoreError> {
    Ok(Grant {
        id: GrantId(row.text(0)?.to_owned()),
        tenant: tenant_id(row, 1)?,
        subject: SubjectId(row.text(2)?.to_owned()),
        client: ClientId(row.text(3)?.to_owned()),
        client_name: row.text(4)?.to_owned(),
        scopes: row.optional_text(5)?.map(str::to_owned),
        resource: row.text(6)?.to_owned(),
        session: row.optional_text(7)?.map(str::to_owned),
        authenticated_at: row.integer(8)?,
        methods: row.text(9)?.to_owned(),
        created_at: row.integer(10)?,
        used_at: row.integer(11)?,
        expires_at: row.integer(12)?,
        revoked_at: row.optional_integer(13)?,
    })
}

fn refresh_token(row: &Row) -> Result<RefreshToken, StoreError> {
    Ok(RefreshToken {
        grant: GrantId(row.text(0)?.to_owned()),
        expires_at: row.integer(1)?,
        used_at: row.optional_integer(2)?,
        successor: row.optional_bytes(3)?.map(token_hash).transpose()?,
    })
}
