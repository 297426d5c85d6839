//! Who somebody is now who left something behind that goes on without a token: a webhook.

use std::sync::Arc;

use medcor_policy::{ClientId, Role, Scope, SubjectId, TenantId};
use medcor_tools::Caller;

use super::{Authenticator, TENANT_INACTIVE, principal_of_client, principal_of_user};
use crate::AuthError;

/// Who left something behind, as they were then.
#[derive(Debug, Clone, Copy)]
pub struct Owner<'o> {
    /// Whose.
    pub tenant: TenantId,
    /// Who.
    pub subject: &'o SubjectId,
    /// Through which program.
    pub client: &'o ClientId,
    /// What they were: a role that was given since does not count.
    pub roles: &'o [Role],
    /// What the token was narrowed to, separated by spaces.
    pub scopes: Option<&'o str>,
    /// When, microseconds since the epoch.
    pub since: i64,
}

impl Authenticator {
    /// The owner as a caller, with the rights that are left of those from then.
    ///
    /// # Errors
    ///
    /// [`AuthError::Invalid`] where the person, program or organisation is not active any more, or the person
    /// has taken back what the program was allowed.
    pub async fn caller_of(&self, owner: &Owner<'_>) -> Result<Arc<Caller>, AuthError> {
        let scopes = owner.scopes.map(scopes).transpose()?;
        let tenant = self.tenant(owner.tenant).await?.ok_or(TENANT_INACTIVE)?;
        let identity = self.store.identity();
        let mut principal = if owner.subject.0 == owner.client.0 {
            let client = identity.client(owner.client).await?;
            let client = client.filter(|client| client.is_active && client.tenant == owner.tenant);
            let client = client.ok_or(AuthError::Invalid("its client is not active"))?;
            principal_of_client(&client, &tenant, scopes.unwrap_or_default())
        } else {
            let user = identity.user(owner.subject).await?;
            let user = user.filter(|user| user.is_active && user.tenant == owner.tenant);
            let user = user.ok_or(AuthError::Invalid("its user is not active"))?;
            let is_withdrawn = !owner.client.is_first_party()
                && identity.is_withdrawn(owner.subject, owner.client, owner.since).await?;
            if is_withdrawn {
                return Err(AuthError::Invalid("its user has taken back what the program was allowed"));
            }
            principal_of_user(&user, &tenant, owner.client.clone(), scopes)
        };
        principal.roles.retain(|role| owner.roles.contains(role));
        Ok(Arc::new(Caller::new(principal)))
    }
}

fn scopes(text: &str) -> Result<Vec<Scope>, AuthError> {
    let scopes = text.split_ascii_whitespace().map(str::parse);
    scopes.collect::<Result<_, _>>().map_err(|_| AuthError::Invalid("one of its scopes is not known"))
}
