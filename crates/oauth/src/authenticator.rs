//! From a bearer token to a caller, and back.

mod owner;
mod standing;

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use medcor_policy::{ClientId, Principal, Scope, SubjectId, TenantId};
use medcor_store::{
    Store,
    identity::{Client, Grant, GrantId, Tenant, User},
};
use medcor_tools::Caller;
use quick_cache::sync::Cache;

use crate::{
    AuthError,
    certificate::{self, ClientCertificate},
    claims::{Claims, Confirmation, EXPIRED},
    external::{self, External, ExternalSettings, Foreign},
    jws::{TOKEN_BYTES_MAX, Unverified},
    keys::Keys,
    opaque::sha256,
    server::{STDIO_CLIENT, TOKEN_CLIENT, resource},
};

pub use owner::Owner;
pub use standing::Standing;

/// Verified tokens kept at hand.
const TOKENS_CACHED: usize = 16 * 1024;
const USER_LIFETIME: Duration = Duration::from_mins(15);
const CLIENT_LIFETIME: Duration = Duration::from_hours(1);

/// Whose tokens are taken and for whom they are.
#[derive(Debug, Clone)]
pub struct TokenSettings {
    /// `iss` of the tokens that are issued and taken: the public URL.
    pub issuer: String,
    /// `aud` of the tokens that are issued and taken: the public URL of the MCP endpoint.
    pub audience: String,
    /// Another origin whose tokens are taken, made with the same keys where the public URL was not known.
    pub alias: Option<String>,
    /// How long a caller may act after a user, client or organisation was deactivated.
    pub liveness: Duration,
    /// The longest life of a token of our own.
    pub lifetime_max: Duration,
    /// Another provider whose tokens are taken.
    pub external: Option<ExternalSettings>,
}

impl TokenSettings {
    /// Settings for a server under this public origin, such as `https://mcp.example.org`.
    pub fn new(public_url: &str) -> Self {
        let origin = public_url.trim_end_matches('/');
        Self {
            issuer: origin.to_owned(),
            audience: format!("{origin}/mcp"),
            alias: None,
            liveness: Duration::from_secs(5),
            lifetime_max: CLIENT_LIFETIME,
            external: None,
        }
    }

    /// The issuer that these claims should have: the alias for those that say so.
    fn issuer_of(&self, claims: &Claims) -> &str {
        self.alias.as_deref().filter(|alias| claims.iss == *alias).unwrap_or(&self.issuer)
    }

    fn alias_audience(&self) -> Option<String> {
        self.alias.as_deref().map(|alias| format!("{alias}/mcp"))
    }
}

/// Verifies and issues tokens.
///
/// A token is verified once and remembered by its SHA-256 until it expires. The people behind it are
/// looked up again before they are older than [`TokenSettings::liveness`], by the first call that finds
/// them half as old.
pub struct Authenticator {
    store: Store,
    settings: TokenSettings,
    keys: Keys,
    external: Option<External>,
    verified: Cache<[u8; 32], Arc<Verified>>,
    started: Instant,
}

/// A token that verified, and its caller as the database had it.
struct Verified {
    token: Token,
    caller: Arc<Caller>,
    /// Milliseconds since the authenticator started.
    checked_at: AtomicU64,
    is_being_checked: AtomicBool,
}

/// What a token says.
#[derive(Clone)]
enum Token {
    Ours(Box<Claims>),
    Theirs(Box<Foreign>),
}

impl Token {
    fn ends_at_seconds(&self) -> i64 {
        match self {
            Self::Ours(claims) => claims.exp,
            Self::Theirs(foreign) => foreign.ends_at_seconds,
        }
    }

    fn login_at(&self) -> Option<i64> {
        match self {
            Self::Ours(claims) => claims.auth_time,
            Self::Theirs(foreign) => foreign.login_at_seconds,
        }
    }

    /// The certificate without which it is worth nothing.
    fn thumbprint(&self) -> Option<&str> {
        match self {
            Self::Ours(claims) => claims.cnf.as_ref().map(|confirmation| confirmation.thumbprint.as_str()),
            Self::Theirs(foreign) => foreign.thumbprint.as_deref(),
        }
    }
}

/// What an access token of a machine client is made from.
pub(crate) struct MachineToken<'a> {
    pub(crate) client: &'a Client,
    pub(crate) tenant: &'a Tenant,
    pub(crate) scopes: &'a str,
    pub(crate) resource: &'a str,
    pub(crate) lifetime: Duration,
    /// The certificate that it is bound to.
    pub(crate) binding: Option<&'a ClientCertificate>,
}

/// What an access token of a grant is made from.
pub(crate) struct AccessToken<'a> {
    pub(crate) user: &'a User,
    pub(crate) tenant: &'a Tenant,
    pub(crate) grant: &'a Grant,
    pub(crate) scopes: Option<&'a str>,
    pub(crate) lifetime: Duration,
}

impl Authenticator {
    /// An authenticator over the keys and people of this store.
    pub async fn open(store: &Store, settings: TokenSettings) -> Result<Self, AuthError> {
        Ok(Self {
            store: store.clone(),
            external: settings.external.clone().map(External::new).transpose()?,
            keys: Keys::open(store.identity(), settings.liveness / 2).await?,
            settings,
            verified: Cache::new(TOKENS_CACHED),
            started: Instant::now(),
        })
    }

    /// The caller behind a bearer token.
    pub async fn caller(&self, token: &str) -> Result<Arc<Caller>, AuthError> {
        self.caller_at(token, "").await
    }

    /// The caller behind a bearer token that is for the whole server, or for this path alone.
    pub async fn caller_at(&self, token: &str, path: &str) -> Result<Arc<Caller>, AuthError> {
        self.caller_by(token, path, None).await
    }

    /// As [`Self::caller_at`], for a client that showed this certificate. Without it a token that is bound
    /// to one is worth nothing.
    pub async fn caller_by(
        &self,
        token: &str,
        path: &str,
        certificate: Option<&ClientCertificate>,
    ) -> Result<Arc<Caller>, AuthError> {
        let verified = self.verified(token, path).await?;
        if let Some(thumbprint) = verified.token.thumbprint() {
            let now = self.now_seconds();
            let is_shown = certificate.is_some_and(|it| it.thumbprint() == thumbprint && it.is_valid_at(now));
            if !is_shown {
                return Err(AuthError::Invalid("it is bound to a certificate that was not shown"));
            }
        }
        Ok(verified.caller.clone())
    }

    /// As [`Self::caller_by`], with when the token ends (seconds since the epoch).
    pub async fn caller_until(
        &self,
        token: &str,
        path: &str,
        certificate: Option<&ClientCertificate>,
    ) -> Result<(Arc<Caller>, i64), AuthError> {
        let caller = self.caller_by(token, path, certificate).await?;
        Ok((caller, self.good(token).await?.token.ends_at_seconds()))
    }

    /// The claims of a token for any resource of this server, if it is good now.
    pub(crate) async fn believed(&self, token: &str) -> Result<Claims, AuthError> {
        match &self.good(token).await?.token {
            Token::Ours(claims) => Ok(Claims::clone(claims)),
            Token::Theirs(_) => Err(AuthError::Invalid("it is from another issuer")),
        }
    }

    async fn verified(&self, token: &str, path: &str) -> Result<Arc<Verified>, AuthError> {
        let verified = self.good(token).await?;
        // A provider's token has one audience, which was checked: the whole server.
        let Token::Ours(claims) = &verified.token else { return Ok(verified) };
        let audience = &claims.aud;
        let is_of_alias = self.settings.alias_audience().is_some_and(|alias| alias == *audience);
        if !is_of_alias && !resource::is_good_at(audience, &self.settings.audience, path) {
            return Err(AuthError::Invalid("it is for another server"));
        }
        Ok(verified)
    }

    async fn good(&self, token: &str) -> Result<Arc<Verified>, AuthError> {
        let bytes_max = if self.external.is_some() { external::TOKEN_BYTES_MAX } else { TOKEN_BYTES_MAX };
        if token.len() > bytes_max {
            return Err(AuthError::Invalid("it is too long"));
        }
        let fingerprint = sha256(token.as_bytes());
        match self.verified.get(&fingerprint) {
            Some(verified) => self.known(fingerprint, &verified).await,
            None => self.unknown(fingerprint, token).await,
        }
    }

    /// The caller behind a bearer token, and when the token ends, in seconds since the epoch.
    pub async fn owner(&self, token: &str) -> Result<(Arc<Caller>, i64), AuthError> {
        let verified = self.good(token).await?;
        Ok((verified.caller.clone(), verified.token.ends_at_seconds()))
    }

    /// The user with this address as the caller of a program that the operator began at this time (seconds
    /// since the epoch), for doors that need no token. Naming the user counts as a login.
    pub async fn caller_for_user(&self, email: &str, began_at: i64) -> Result<Arc<Caller>, AuthError> {
        let user = self.store.identity().user_by_email(email).await?;
        let user = user.filter(|user| user.is_active).ok_or(AuthError::NoSuchUser)?;
        let tenant = self.tenant(user.tenant).await?.ok_or(AuthError::NoSuchUser)?;
        let client = ClientId(STDIO_CLIENT.to_owned());
        let caller = Caller::new(principal_of_user(&user, &tenant, client, None));
        Ok(Arc::new(caller.with_login_at(Some(began_at))))
    }

    /// A token that the operator makes for a user; `scopes` narrows it, `None` is all that the roles allow.
    /// Fifteen minutes unless `lifetime` says otherwise. Whoever brings it is an agent; making it counts as
    /// a login. It is of a grant of its own, by which it can be ended.
    pub async fn token_for_user(
        &self,
        user: &User,
        tenant: &Tenant,
        scopes: Option<&str>,
        lifetime: Option<Duration>,
    ) -> Result<String, AuthError> {
        if let Some(foreign) = scopes.and_then(first_unknown) {
            return Err(AuthError::UnknownScope(foreign.to_owned()));
        }
        let (now, lifetime) = (self.store.clock().now(), lifetime.unwrap_or(USER_LIFETIME));
        let grant = Grant {
            id: GrantId(self.store.clock().new_id().to_string()),
            tenant: tenant.id,
            subject: user.id.clone(),
            client: ClientId(TOKEN_CLIENT.to_owned()),
            client_name: "medcor token".to_owned(),
            scopes: scopes.map(str::to_owned),
            resource: self.settings.audience.clone(),
            session: None,
            authenticated_at: now,
            methods: String::new(),
            created_at: now,
            used_at: now,
            expires_at: now.saturating_add(i64::try_from(lifetime.as_micros()).unwrap_or(i64::MAX)),
            revoked_at: None,
        };
        self.store.identity().create_grant(&grant, None).await?;
        self.access_token(&AccessToken { user, tenant, grant: &grant, scopes, lifetime })
    }

    /// A token for a machine client with its registered scopes. Sixty minutes unless `lifetime` says
    /// otherwise.
    pub fn token_for_client(
        &self,
        client: &Client,
        tenant: &Tenant,
        lifetime: Option<Duration>,
    ) -> Result<String, AuthError> {
        let id = &client.id.0;
        let lifetime = lifetime.unwrap_or(CLIENT_LIFETIME);
        self.signed(&Claims {
            scope: Some(client.scopes.clone()),
            ..self.claims(id, id, client.role.name(), tenant, lifetime)
        })
    }

    /// A token of a grant.
    pub(crate) fn access_token(&self, of: &AccessToken<'_>) -> Result<String, AuthError> {
        let role = of.user.roles.first().map_or("", |role| role.name());
        self.signed(&Claims {
            aud: of.grant.resource.clone(),
            user_id: Some(of.user.id.0.clone()),
            email: Some(of.user.email.clone()),
            scope: of.scopes.map(str::to_owned),
            sid: of.grant.id.0.clone(),
            auth_time: Some(of.grant.authenticated_at.div_euclid(1_000_000)),
            amr: of.grant.methods.split_whitespace().map(str::to_owned).collect(),
            ..self.claims(&of.user.id.0, &of.grant.client.0, role, of.tenant, of.lifetime)
        })
    }

    /// A token for a machine client, narrowed to some of its scopes, for one resource.
    pub(crate) fn machine_token(&self, of: &MachineToken<'_>) -> Result<String, AuthError> {
        let id = &of.client.id.0;
        self.signed(&Claims {
            scope: Some(of.scopes.to_owned()),
            aud: of.resource.to_owned(),
            cnf: of.binding.map(|it| Confirmation { thumbprint: it.thumbprint().to_owned() }),
            ..self.claims(id, id, of.client.role.name(), of.tenant, of.lifetime)
        })
    }

    /// Signs a token of another type than an access token.
    pub(crate) fn signed_as(&self, of: &str, claims: &serde_json::Value) -> Result<String, AuthError> {
        self.keys.newest()?.sign_as(of, claims)
    }

    /// The public halves of the signing keys.
    pub(crate) fn public_jwks(&self) -> Vec<serde_json::Value> {
        self.keys.all().iter().map(|key| key.public_jwk()).collect()
    }

    /// Reads the signing keys again, as after a rotation.
    pub(crate) async fn reread_keys(&self) -> Result<(), AuthError> {
        self.keys.reread().await
    }

    /// `iss` of every token.
    pub(crate) fn issuer(&self) -> &str {
        &self.settings.issuer
    }

    /// Whose tokens are taken: our own, and those of the other provider.
    pub(crate) fn issuers(&self) -> Vec<&str> {
        std::iter::once(self.issuer()).chain(self.external.as_ref().map(External::issuer)).collect()
    }

    /// `aud` of the tokens that are good for the whole server.
    pub(crate) fn audience(&self) -> &str {
        &self.settings.audience
    }

    async fn known(
        &self,
        fingerprint: [u8; 32],
        verified: &Arc<Verified>,
    ) -> Result<Arc<Verified>, AuthError> {
        if verified.token.ends_at_seconds() <= self.now_seconds() {
            self.verified.remove(&fingerprint);
            return Err(EXPIRED);
        }
        let age = self.age_of(verified);
        let is_ours_to_check =
            age * 2 >= self.settings.liveness && !verified.is_being_checked.swap(true, Ordering::Relaxed);
        if age < self.settings.liveness && !is_ours_to_check {
            return Ok(verified.clone());
        }
        let principal = match self.principal(&verified.token).await {
            Ok(principal) => principal,
            Err(error) => {
                if matches!(error, AuthError::Invalid(_)) {
                    self.verified.remove(&fingerprint);
                }
                verified.is_being_checked.store(false, Ordering::Relaxed);
                return Err(error);
            }
        };
        if verified.caller.principal().has_rights_of(&principal) {
            verified.checked_at.store(self.elapsed_milliseconds(), Ordering::Relaxed);
            verified.is_being_checked.store(false, Ordering::Relaxed);
            return Ok(verified.clone());
        }
        Ok(self.remember(fingerprint, verified.token.clone(), principal))
    }

    async fn unknown(&self, fingerprint: [u8; 32], token: &str) -> Result<Arc<Verified>, AuthError> {
        let external = self.external.as_ref().filter(|external| external.is_named_by(token));
        let token = match external {
            Some(external) => Token::Theirs(Box::new(external.verified(token, self.now_seconds()).await?)),
            None => Token::Ours(Box::new(self.own(token).await?)),
        };
        let principal = self.principal(&token).await?;
        Ok(self.remember(fingerprint, token, principal))
    }

    /// The claims of a token of our own.
    async fn own(&self, token: &str) -> Result<Claims, AuthError> {
        let unverified = Unverified::parse(token)?;
        let key = self.keys.key(unverified.key_id()).await?;
        let mut claims: Claims = unverified.verified_by(&key)?;
        claims.key_id.clone_from(&key.id);
        claims.check(self.settings.issuer_of(&claims), self.now_seconds())?;
        if u64::try_from(claims.exp.saturating_sub(claims.iat)).unwrap_or(0)
            > self.settings.lifetime_max.as_secs()
        {
            return Err(AuthError::Invalid("it lives longer than tokens do here"));
        }
        Ok(claims)
    }

    fn remember(&self, fingerprint: [u8; 32], token: Token, principal: Principal) -> Arc<Verified> {
        let caller = Caller::new(principal).with_login_at(token.login_at());
        let verified = Arc::new(Verified {
            token,
            caller: Arc::new(caller),
            checked_at: AtomicU64::new(self.elapsed_milliseconds()),
            is_being_checked: AtomicBool::new(false),
        });
        self.verified.insert(fingerprint, verified.clone());
        verified
    }

    /// Who a token speaks of, as the database has them now.
    async fn principal(&self, token: &Token) -> Result<Principal, AuthError> {
        match (token, &self.external) {
            (Token::Ours(claims), _) => self.own_principal(claims).await,
            (Token::Theirs(foreign), Some(external)) => external.principal(&self.store, foreign).await,
            (Token::Theirs(_), None) => Err(AuthError::Invalid("it is from another issuer")),
        }
    }

    async fn own_principal(&self, claims: &Claims) -> Result<Principal, AuthError> {
        self.keys.check(&claims.key_id).await?;
        let principal = if claims.is_of_client() {
            self.client_principal(claims).await?
        } else {
            self.user_principal(claims).await?
        };
        match self.store.identity().is_revoked(&GrantId(claims.sid.clone())).await? {
            Some(true) => return Err(AuthError::Invalid("it was revoked")),
            None if !claims.is_of_client() => return Err(AuthError::Invalid("nobody granted it")),
            Some(false) | None => {}
        }
        if principal.organization.as_str() != claims.hospital_id {
            return Err(AuthError::Invalid("it is of another organisation"));
        }
        Ok(principal)
    }

    async fn user_principal(&self, claims: &Claims) -> Result<Principal, AuthError> {
        let user = self.store.identity().user(&SubjectId(claims.sub.clone())).await?;
        let user = user.filter(|user| user.is_active).ok_or(AuthError::Invalid("its user is not active"))?;
        let tenant = self.tenant(user.tenant).await?.ok_or(TENANT_INACTIVE)?;
        let client = ClientId(claims.client_id.clone());
        Ok(principal_of_user(&user, &tenant, client, claims.scopes()))
    }

    async fn client_principal(&self, claims: &Claims) -> Result<Principal, AuthError> {
        let client = self.store.identity().client(&ClientId(claims.client_id.clone())).await?;
        let client =
            client.filter(|client| client.is_active).ok_or(AuthError::Invalid("its client is not active"))?;
        if let Some(confirmation) = &claims.cnf {
            self.check_binding(&client, &confirmation.thumbprint).await?;
        }
        if claims.iat < self.store.identity().tokens_not_before(&client.id).await? {
            return Err(AuthError::Invalid("its client got another secret since"));
        }
        let tenant = self.tenant(client.tenant).await?.ok_or(TENANT_INACTIVE)?;
        Ok(principal_of_client(&client, &tenant, claims.scopes().unwrap_or_default()))
    }

    /// Whether the certificate that a token is bound to is still one of the client's, where these are known
    /// one by one.
    async fn check_binding(&self, client: &Client, thumbprint: &str) -> Result<(), AuthError> {
        let registered = self.store.identity().certificates_of(&client.id).await?;
        let is_taken_away = registered.iter().any(|certificate| certificate::is_very_one(certificate))
            && !registered.contains(&certificate::very_one(thumbprint));
        if is_taken_away { Err(AuthError::Invalid("its certificate was taken away")) } else { Ok(()) }
    }

    async fn tenant(&self, id: TenantId) -> Result<Option<Tenant>, AuthError> {
        let tenants = self.store.identity().tenants().await?;
        Ok(tenants.into_iter().find(|tenant| tenant.id == id && tenant.is_active))
    }

    fn claims(&self, subject: &str, client: &str, role: &str, tenant: &Tenant, lifetime: Duration) -> Claims {
        let now = self.now_seconds();
        let lifetime_seconds = i64::try_from(lifetime.as_secs()).unwrap_or(i64::MAX);
        Claims {
            iss: self.settings.issuer.clone(),
            aud: self.settings.audience.clone(),
            sub: subject.to_owned(),
            client_id: client.to_owned(),
            user_id: None,
            email: None,
            role: role.to_owned(),
            hospital_id: tenant.organization.to_string(),
            scope: None,
            jti: self.store.clock().new_id().to_string(),
            sid: self.store.clock().new_id().to_string(),
            auth_time: None,
            amr: Vec::new(),
            cnf: None,
            iat: now,
            nbf: None,
            exp: now.saturating_add(lifetime_seconds),
            key_id: String::new(),
        }
    }

    fn signed(&self, claims: &Claims) -> Result<String, AuthError> {
        self.keys.newest()?.sign(claims)
    }

    /// Seconds since the epoch.
    pub fn now_seconds(&self) -> i64 {
        self.store.clock().now().div_euclid(1_000_000)
    }

    fn elapsed_milliseconds(&self) -> u64 {
        u64::try_from(self.started.elapsed().as_millis()).unwrap_or(u64::MAX)
    }

    fn age_of(&self, verified: &Verified) -> Duration {
        let checked_at = verified.checked_at.load(Ordering::Relaxed);
        Duration::from_millis(self.elapsed_milliseconds().saturating_sub(checked_at))
    }
}

const TENANT_INACTIVE: AuthError = AuthError::Invalid("its organisation is not active");

fn first_unknown(scopes: &str) -> Option<&str> {
    scopes.split_ascii_whitespace().find(|scope| scope.parse::<Scope>().is_err())
}

fn principal_of_user(
    user: &User,
    tenant: &Tenant,
    client: ClientId,
    scopes: Option<Vec<Scope>>,
) -> Principal {
    Principal {
        tenant: tenant.id,
        organization: tenant.organization.clone(),
        subject: user.id.clone(),
        client,
        roles: user.roles.clone(),
        scopes,
        patient: user.patient.clone(),
        practitioner: user.practitioner.clone(),
    }
}

/// A client holds no scope that it is no longer registered for.
fn principal_of_client(client: &Client, tenant: &Tenant, scopes: Vec<Scope>) -> Principal {
    let registered: Vec<&str> = client.scopes.split_ascii_whitespace().collect();
    let scopes = scopes.into_iter().filter(|scope| registered.contains(&scope.as_str())).collect();
    Principal {
        tenant: tenant.id,
        organization: tenant.organization.clone(),
        subject: SubjectId(client.id.0.clone()),
        client: client.id.clone(),
        roles: vec![client.role],
        scopes: Some(scopes),
        patient: None,
        practitioner: None,
    }
}
