//! The list of settings: names, meanings, defaults. `docs/reference/config.md` is generated from it.

use std::collections::BTreeMap;

use super::Config;

/// One setting.
#[derive(Debug)]
pub struct Setting {
    /// Its name in the settings file; as a flag with `-` for `_`.
    pub name: &'static str,
    /// The environment variables that set it, the first that is set wins.
    pub variables: &'static [&'static str],
    /// What holds without it.
    pub default: &'static str,
    /// What it means.
    pub meaning: &'static str,
}

const fn setting(
    name: &'static str,
    variables: &'static [&'static str],
    default: &'static str,
    meaning: &'static str,
) -> Setting {
    Setting { name, variables, default, meaning }
}

/// Every setting.
pub const SETTINGS: &[Setting] = &[
    setting(
        "data",
        &["MEDCOR_DATA"],
        "./medcor-data",
        "Folder for the SQLite database, its settings file and credentials.",
    ),
    setting(
        "listen",
        &["MEDCOR_LISTEN"],
        "127.0.0.1:8002",
        "Addresses that the server listens on. In the environment separated by commas.",
    ),
    setting(
        "database_url",
        &["MEDCOR_DATABASE_URL", "MCP_DATABASE_URL"],
        "sqlite in the data folder",
        "postgres://user@host/name, or sqlite:PATH.",
    ),
    setting(
        "public_url",
        &["MEDCOR_PUBLIC_URL"],
        "http://ADDRESS of the first listener",
        "The URL under which callers reach the server, when a proxy stands before it.",
    ),
    setting(
        "clock",
        &["MEDCOR_CLOCK"],
        "the system's clock",
        "A fixed time (RFC 3339), refused in production.",
    ),
    setting(
        "audit_durability",
        &["MEDCOR_AUDIT_DURABILITY"],
        "disk",
        "When an answer may leave: its audit row is on `disk`, or the operating system has it (`os`).",
    ),
    setting("production", &["MEDCOR_PRODUCTION"], "false", "Refuses what only suits a trial."),
    setting(
        "token_lifetime_seconds",
        &["MEDCOR_TOKEN_LIFETIME_SECONDS", "MCP_JWT_EXPIRY"],
        "3600",
        "For how long a token of `medcor token` is valid, 60 to 86400. The server takes none that lives longer.",
    ),
    setting(
        "smtp_url",
        &["MEDCOR_SMTP_URL"],
        "none: no letter is sent; where the public URL is loopback, links are printed to the log",
        "The server that takes letters with invitations and new passwords, such as \
         smtps://user:password@mail.example.org.",
    ),
    setting(
        "mail_from",
        &["MEDCOR_MAIL_FROM"],
        "none; needed with `smtp_url`",
        "From whom letters are, such as `MedCor <medcor@example.org>`.",
    ),
    setting(
        "token_profile",
        &["MEDCOR_TOKEN_PROFILE"],
        "standard",
        "How long access tokens live that clients get: `standard` is 15 minutes, and 60 for clients that act \
         for themselves; `strict` is 5 minutes for both, and closes registration unless it is opened.",
    ),
    setting(
        "client_registration",
        &["MEDCOR_CLIENT_REGISTRATION"],
        "true; false with the profile `strict`",
        "Whether applications may register themselves (RFC 7591). Without it an administrator registers \
         each.",
    ),
    setting(
        "client_document_hosts",
        &["MEDCOR_CLIENT_DOCUMENT_HOSTS"],
        "none",
        "Hosts, separated by commas, whose applications may show the URL of their metadata instead of \
         registering; `*` is any. The server then fetches from them.",
    ),
    setting(
        "trusted_proxies",
        &["MEDCOR_TRUSTED_PROXIES"],
        "none",
        "Addresses of proxies, separated by commas, whose X-Forwarded-For says where a login comes from. \
         Without it everybody behind a proxy shares one limit of failed logins.",
    ),
    setting(
        "certificate_proxies",
        &["MEDCOR_CERTIFICATE_PROXIES"],
        "none: Client-Cert is refused from everybody",
        "Addresses of proxies, separated by commas, that end TLS and whose Client-Cert is the certificate of a \
         client. Only of proxies that remove what clients send under that name.",
    ),
    setting(
        "connections_max",
        &["MEDCOR_CONNECTIONS_MAX"],
        "1024",
        "Most connections at once. Each open stream of events and each WebSocket is one; the process needs as many \
         file descriptors, and some more.",
    ),
    setting(
        "connections_per_network",
        &["MEDCOR_CONNECTIONS_PER_NETWORK"],
        "512",
        "Most connections at once from one network (an IPv4 address, a /64 of IPv6). The \
         proxies in `trusted_proxies` and `certificate_proxies` are not counted.",
    ),
    setting(
        "batch_calls_max",
        &["MEDCOR_BATCH_CALLS_MAX"],
        "10",
        "Most calls of one batch over REST, 1 to 100.",
    ),
    setting(
        "api_deprecated_at",
        &["MEDCOR_API_DEPRECATED_AT"],
        "none: nothing is said",
        "The day since which entries of REST without a version should not be used: their answers say so \
         (`Deprecation`, RFC 9745) and where the versioned ones are.",
    ),
    setting(
        "api_sunset_at",
        &["MEDCOR_API_SUNSET_AT"],
        "none: nothing is said",
        "The day until which they work, which their answers say too (`Sunset`, RFC 8594). They go on working: \
         removing them is a later version's matter.",
    ),
    setting(
        "client_authorities",
        &["MEDCOR_CLIENT_AUTHORITIES"],
        "none: clients are known by their very certificate alone",
        "A file of certificates (PEM) of the authorities that issue certificates to clients \
         (tls_client_auth).",
    ),
    setting(
        "identity_issuer",
        &["MEDCOR_IDENTITY_ISSUER"],
        "none",
        "The issuer of another OpenID provider whose tokens are taken, letter for letter as in its tokens.",
    ),
    setting(
        "identity_audience",
        &["MEDCOR_IDENTITY_AUDIENCE"],
        "none; needed with `identity_issuer`",
        "The audience (`aud`) of the provider's tokens for this server.",
    ),
    setting(
        "identity_clients",
        &["MEDCOR_IDENTITY_CLIENTS"],
        "any, for tokens with one audience",
        "Clients of the provider (`azp`) whose tokens are taken.",
    ),
    setting(
        "identity_role_claim",
        &["MEDCOR_IDENTITY_ROLE_CLAIM"],
        "roles",
        "The claim of the provider's tokens that says what somebody is, such as realm_access.roles.",
    ),
    setting(
        "identity_roles",
        &["MEDCOR_IDENTITY_ROLES"],
        "none; needed with `identity_issuer`",
        "Which of its values is which role, such as Physicians=doctor. In the environment separated by \
         commas.",
    ),
    setting(
        "identity_tenant_claim",
        &["MEDCOR_IDENTITY_TENANT_CLAIM"],
        "none: everybody is of the one organisation in `identity_tenants`",
        "The claim that says to which organisation somebody belongs.",
    ),
    setting(
        "identity_tenants",
        &["MEDCOR_IDENTITY_TENANTS"],
        "none; needed with `identity_issuer`",
        "Which of its values is which organisation by slug, such as north-hospital=north. In the environment \
         separated by commas.",
    ),
    setting(
        "identity_acr",
        &["MEDCOR_IDENTITY_ACR"],
        "any",
        "Values of `acr` of which a token of the provider has to have one.",
    ),
    setting(
        "identity_link_by_email",
        &["MEDCOR_IDENTITY_LINK_BY_EMAIL"],
        "false",
        "Whether somebody whose e-mail address the provider has verified becomes the account with this \
         address, where nobody of the provider is linked to it yet. Without it accounts are linked by \
         `medcor user link`.",
    ),
    setting(
        "identity_at_jwt",
        &["MEDCOR_IDENTITY_AT_JWT"],
        "false",
        "Whether tokens of the provider have to say that they are access tokens (`typ` is at+jwt, RFC 9068).",
    ),
    setting(
        "rate_limit",
        &["MEDCOR_RATE_LIMIT", "MCP_RATE_LIMIT"],
        "on",
        "Calls a minute for each client and user: `on` (patient=20, agent=30, receptionist, nurse and other \
         clients 100, doctor and admin 200, burst=30; anonymous=20 logins by a tool from each network), one \
         number for all, or such as `doctor=400,agent=60,burst=50`. `off` is refused in production.",
    ),
    setting(
        "allowed_host",
        &["MEDCOR_ALLOWED_HOST"],
        "that of the public URL, and loopback",
        "Further values of `Host` that requests may have, such as mcp.internal or mcp.internal:8443. In the \
         environment separated by commas.",
    ),
    setting(
        "allowed_origin",
        &["MEDCOR_ALLOWED_ORIGIN"],
        "that of the public URL",
        "Origins of web pages that may call and read answers of MCP, REST, events and OAuth (CORS), such as \
         https://app.example.org. In the environment separated by commas.",
    ),
    setting(
        "database_plain",
        &["MEDCOR_DATABASE_PLAIN"],
        "false",
        "Whether production may reach a database on another machine without TLS, for networks that encrypt \
         themselves.",
    ),
    setting(
        "webhook_loopback",
        &["MEDCOR_WEBHOOK_LOOPBACK"],
        "false",
        "Whether webhooks may call this machine, also without TLS, where an organisation's `webhook_hosts` has the \
         address: for development, refused in production.",
    ),
    setting(
        "audit_key_file",
        &["MEDCOR_AUDIT_KEY_FILE"],
        "none",
        "The Ed25519 key that signs the heads of the audit trail daily, kept outside of the database. Made by \
         `medcor audit key FILE`.",
    ),
    setting(
        "drug_tables",
        &["MEDCOR_DRUG_TABLES"],
        "none: the embedded tables",
        "A folder with tables of drugs (CSV) in place of the embedded ones of the same name; what is wrong with \
         them is said before the server starts. docs/drug-tables.md has the columns.",
    ),
    setting(
        "log",
        &["MEDCOR_LOG", "MCP_LOG_LEVEL"],
        "info",
        "error, warn, info, debug, trace, or a filter such as `info,medcor_store=debug`.",
    ),
];

/// Settings that can be given several times.
pub(super) const LISTS: &[&str] = &[
    "listen",
    "allowed_host",
    "allowed_origin",
    "identity_clients",
    "identity_roles",
    "identity_tenants",
    "identity_acr",
];

/// Documented variables of other servers that mean nothing here, with what to know instead.
pub const WITHOUT_EFFECT: &[(&str, &str)] = &[
    ("MCP_JWT_SECRET", "tokens are signed with Ed25519 keys that the database keeps"),
    ("MCP_WEBSOCKET_ENABLED", "every door is open on every listener"),
    ("MCP_CACHE_TTL", "caches are invalidated by writes"),
    ("MCP_SSE_HEARTBEAT_INTERVAL", "the interval is fixed"),
];

/// Set by two variables together: the documented `MCP_SERVER_HOST` and `MCP_SERVER_PORT`.
pub(super) const HOST_VARIABLE: &str = "MCP_SERVER_HOST";
pub(super) const PORT_VARIABLE: &str = "MCP_SERVER_PORT";

/// For tests and builds; no settings.
const FOREIGN: &[&str] = &["MEDCOR_TEST_", "MEDCOR_REQUIRE_", "MEDCOR_SDK_", "MEDCOR_WRITE_"];

/// What only suits a trial.
pub(super) fn unfit_for_production(config: &Config) -> Vec<String> {
    let mut problems = Vec::new();
    if config.fixed_time.is_some() {
        problems.push(
            "`clock`: a fixed time is for demonstrations and tests; leave out --production, or --clock"
                .to_owned(),
        );
    }
    if config.identity_provider.as_ref().is_some_and(|provider| provider.issuer.starts_with("http:")) {
        problems.push(
            "`identity_issuer`: without https anybody on the way could be the provider; leave out \
             --production, or give a provider with https"
                .to_owned(),
        );
    }
    if config.public_url.as_ref().is_some_and(|url| url.starts_with("http:")) {
        problems.push(
            "`public_url`: without https passwords and tokens are read on the way; leave out --production, or \
             give the https URL of the proxy before the server"
                .to_owned(),
        );
    }
    if config.smtp_url.as_deref().is_some_and(is_mail_in_plain) {
        problems.push(
            "`smtp_url`: one-time links would be read on the way; leave out --production, or give smtps://, \
             smtp://…?tls=required or a server on this machine"
                .to_owned(),
        );
    }
    if config.webhook_loopback {
        problems.push(
            "`webhook_loopback`: webhooks that call this machine reach what only it can reach; leave out \
             --production, or the setting"
                .to_owned(),
        );
    }
    if config.rate_limit.is_none() {
        problems.push(
            "`rate_limit`: without limits one caller can take the whole server; leave out --production, or \
             give numbers instead of off"
                .to_owned(),
        );
    }
    if config.database.crosses_a_network_in_plain() && !config.allows_plain_database {
        problems.push(
            "`database_url`: the database is on another machine and the way to it is not encrypted; add \
             ?sslmode=verify-full (and &sslrootcert=FILE for an authority of your own), or set \
             database_plain where the network encrypts itself"
                .to_owned(),
        );
    }
    problems
}

/// Whether letters would leave this machine unencrypted, or could be made to.
fn is_mail_in_plain(url: &str) -> bool {
    let Some(rest) = url.strip_prefix("smtp://") else { return false };
    let (place, query) = rest.split_once('?').unwrap_or((rest, ""));
    let host = place.rsplit_once('@').map_or(place, |(_, host)| host);
    let is_here = ["localhost", "127.0.0.1", "[::1]"].iter().any(|own| {
        host.strip_prefix(own).is_some_and(|rest| rest.is_empty() || rest.starts_with([':', '/']))
    });
    !is_here && !query.split('&').any(|pair| pair == "tls=required")
}

/// What is set in the environment and does nothing.
pub(super) fn notes(environment: &BTreeMap<String, String>) -> Vec<String> {
    let is_known = |name: &str| {
        let is_foreign = FOREIGN.iter().any(|prefix| name.starts_with(prefix));
        is_foreign || SETTINGS.iter().any(|setting| setting.variables.contains(&name))
    };
    let mut notes = Vec::new();
    for name in environment.keys() {
        if let Some((_, instead)) = WITHOUT_EFFECT.iter().find(|(known, _)| known == name) {
            notes.push(format!("{name} is set and has no effect: {instead}"));
        } else if name.starts_with("MEDCOR_") && !is_known(name) {
            notes.push(format!("{name} is set and is no setting of MedCor"));
        }
    }
    notes
}
