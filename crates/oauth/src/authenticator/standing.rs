//! What stands for a token where the token itself must not be: behind a ticket.

use std::sync::Arc;

use medcor_tools::Caller;
use serde::{Deserialize, Serialize};

use super::{Authenticator, Token};
use crate::{AuthError, claims::Claims, opaque::sha256};

/// What a good token said: see [`Authenticator::standing`]. Written down, it is no secret; whoever reads it from
/// anywhere but our own database must not believe it.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Standing {
    claims: Claims,
    key_id: String,
}

impl Authenticator {
    /// What a token says, without the signature that makes it a token: for a ticket that opens a stream in its
    /// place. Its caller can be asked for as long as the token would be good.
    ///
    /// # Errors
    ///
    /// [`AuthError::Invalid`] for tokens of another provider, and for those that are worth nothing without a
    /// certificate.
    pub async fn standing(&self, token: &str, path: &str) -> Result<Standing, AuthError> {
        match &self.verified(token, path).await?.token {
            Token::Ours(claims) if claims.cnf.is_some() => {
                Err(AuthError::Invalid("it is bound to a certificate, which a ticket would leave behind"))
            }
            Token::Ours(claims) => {
                Ok(Standing { claims: Claims::clone(claims), key_id: claims.key_id.clone() })
            }
            Token::Theirs(_) => Err(AuthError::Invalid("it is from another issuer: send it in the header")),
        }
    }

    /// The caller of a ticket, as the database has it now, and when the token behind it ends.
    pub async fn caller_standing(&self, standing: &Standing) -> Result<(Arc<Caller>, i64), AuthError> {
        // Turned over, so that it is the fingerprint of no text that somebody could bring as a token.
        let fingerprint = sha256(standing.claims.jti.as_bytes()).map(|byte| !byte);
        let verified = if let Some(verified) = self.verified.get(&fingerprint) {
            self.known(fingerprint, &verified).await?
        } else {
            let claims = Claims { key_id: standing.key_id.clone(), ..standing.claims.clone() };
            claims.check(self.settings.issuer_of(&claims), self.now_seconds())?;
            let token = Token::Ours(Box::new(claims));
            let principal = self.principal(&token).await?;
            self.remember(fingerprint, token, principal)
        };
        Ok((verified.caller.clone(), verified.token.ends_at_seconds()))
    }
}
