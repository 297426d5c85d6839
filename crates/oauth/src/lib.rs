//! Tokens and passwords: who is calling. No patient data.
//!
//! Tokens are JWTs (RFC 7519) signed with Ed25519 and nothing else: a key says its algorithm, a token
//! never does. What a caller may do comes from the database, not from the token, which can only narrow it.

pub mod account;
mod authenticator;
mod certificate;
mod claims;
mod client_secret;
pub mod egress;
mod external;
mod jws;
mod keys;
mod logins;
mod network;
mod opaque;
mod password;
mod refusal;
mod server;

use medcor_store::StoreError;

pub use authenticator::{Authenticator, Owner, Standing, TokenSettings};
pub use certificate::{BadCertificate, ClientCertificate, certificates_in, registered_subject};
pub use client_secret::hash_made_secret;
pub use external::ExternalSettings;
pub use logins::{LoginDesk, Post, new_secret};
pub use password::{hash_password, verify_password};
pub use refusal::RefusalCode;
pub use server::{
    Answer, Answerer, AuthorizationError, AuthorizationRequest, AuthorizationServer, ClientRequest,
    ConsentQuestion, Endpoint, IssuedTokens, OWN_CLIENT, Origin, ServerSettings, SignIn, StartedDevice,
    are_registrable_keys, operator_registration,
};

/// Why there is no caller, or no token.
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
    /// The authorization server refuses, in the words of OAuth.
    #[error("{description}")]
    Refused {
        /// Which kind of refusal.
        code: RefusalCode,
        /// For whoever writes the client.
        description: &'static str,
    },
    /// A key or a hash can't be made or read.
    #[error("the cryptography failed: {0}")]
    Cryptography(&'static str),
    /// The identity provider's keys can't be read; later.
    #[error("the identity provider can't be asked")]
    ProviderUnavailable,
    /// The store can't say.
    #[error("the identity store failed")]
    Store(#[from] StoreError),
}
