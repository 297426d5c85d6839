//! Passwords and client secrets: Argon2id in PHC form.

use crate::AuthError;

/// Hashes a password: Argon2id, 19 MiB, two passes, one lane (RFC 9106, OWASP's minimum).
pub fn hash_password(_password: &str) -> Result<String, AuthError> {
    todo!()
}

/// Whether the password is the one that was hashed.
pub fn verify_password(_password: &str, _hash: &str) -> bool {
    todo!()
}
