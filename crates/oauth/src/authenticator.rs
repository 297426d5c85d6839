//! From a bearer token to a caller.

use std::{sync::Arc, time::Duration};

use medcor_store::{
    Store, StoreError,
    identity::{Client, Tenant, User},
};
use medcor_tools::Caller;

/// Whose tokens are taken and for whom they are.
#[derive(Debug, Clone)]
pub struct TokenSettings {
    /// `iss` of the tokens that are issued and taken: the public URL.
    pub issuer: String,
    /// `aud` of the tokens that are issued and taken: the public URL of the MCP endpoint.
    pub audience: String,
    /// How long a caller may act after a user, client or organisation was deactivated.
    pub liveness: Duration,
}

impl TokenSettings {
    /// Settings for a server under this public origin, such as `https://mcp.example.org`.
    pub fn new(public_url: &str) -> Self {
        let origin = public_url.trim_end_matches('/');
        Self {
            issuer: origin.to_owned(),
            audience: format!("{origin}/mcp"),
            liveness: Duration::from_secs(5),
        }
    }
}

/// Why there is no caller.
#[derive(Debug, thiserror::Error)]
pub enum AuthError {
    /// The token does not verify. The reason is for the caller, and says nothing about others.
    #[error("{0}")]
    Invalid(&'static str),
    /// A scope that is not understood was asked for.
    #[error("`{0}` is not a scope")]
    UnknownScope(String),
    /// There is no such active user.
    #[error("there is no active user with this e-mail address")]
    NoSuchUser,
    /// A key or a hash can't be made or read.
    #[error("the cryptography failed: {0}")]
    Cryptography(&'static str),
    /// The store can't say.
    #[error("the identity store failed")]
    Store(#[from] StoreError),
}

/// Verifies and issues tokens.
pub struct Authenticator {
    _store: Store,
}

impl Authenticator {
    /// An authenticator over the keys and people of this store.
    pub async fn open(_store: &Store, _settings: TokenSettings) -> Result<Self, AuthError> {
        todo!()
    }

    /// The caller behind a bearer token.
    pub async fn caller(&self, _token: &str) -> Result<Arc<Caller>, AuthError> {
        todo!()
    }

    /// The user with this address as a caller, for doors that need no token.
    pub async fn caller_for_user(&self, _email: &str) -> Result<Arc<Caller>, AuthError> {
        todo!()
    }

    /// A token for a user; `scopes` narrows it, `None` is all that the roles allow. Fifteen minutes
    /// unless `lifetime` says otherwise.
    pub fn token_for_user(
        &self,
        _user: &User,
        _tenant: &Tenant,
        _scopes: Option<&str>,
        _lifetime: Option<Duration>,
    ) -> Result<String, AuthError> {
        todo!()
    }

    /// A token for a machine client with its registered scopes. Sixty minutes unless `lifetime` says
    /// otherwise.
    pub fn token_for_client(
        &self,
        _client: &Client,
        _tenant: &Tenant,
        _lifetime: Option<Duration>,
    ) -> Result<String, AuthError> {
        todo!()
    }
}
