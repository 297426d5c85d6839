//! Tokens and passwords: who is calling. No patient data.

mod authenticator;
mod password;

pub use authenticator::{AuthError, Authenticator, TokenSettings};
pub use password::{hash_password, verify_password};
