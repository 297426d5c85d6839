//! The composition root: what is made once and handed to commands and doors.

use std::{collections::BTreeMap, fs, io, net::IpAddr, path::Path, sync::Arc, thread, time::Duration};

use axum::http::Uri;
use futures_util::FutureExt;
use medcor_drugs::Knowledge;
use medcor_oauth::{
    Authenticator, AuthorizationServer, LoginDesk, ServerSettings, TokenSettings,
    account::{AccountSettings, Accounts},
};
use medcor_policy::TenantId;
use medcor_store::{AuditEntry, Clock, Fence, Location, Outcome, Settings, Store, audit::AuditKey};
use medcor_tools::{Pipeline, RateLimit, Strangers};

use crate::{
    catalog,
    command::CommandError,
    config::{Config, TokenProfile},
    mail::Mail,
};

/// Most threads for long scans.
const READERS_MAX: usize = 8;

/// What opening the store may do to its schema.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Schema {
    /// It is created or upgraded.
    Migrated,
    /// It is upgraded, except in production, where that is `medcor migrate`'s work.
    MigratedInTrials,
    /// It has to be there and current.
    Current,
}

/// Opens the store that the settings name. Its folder is made, readable for its owner alone.
pub async fn open_store(config: &Config, schema: Schema) -> Result<Store, CommandError> {
    let applies_migrations = match schema {
        Schema::Migrated => true,
        Schema::MigratedInTrials => !config.is_production,
        Schema::Current => false,
    };
    if let Location::Sqlite(path) = &config.database {
        let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
        if let Some(folder) = folder {
            create_private_folder(folder)?;
        }
    }
    let settings = Settings {
        location: config.database.clone(),
        audit_durability: config.audit_durability,
        clock: clock(config),
        readers: thread::available_parallelism().map_or(1, usize::from).min(READERS_MAX),
        applies_migrations,
    };
    let store = Store::open(settings).await?;
    if config.is_production && store.fence() == Some(Fence::Bypassed) {
        store.close().await;
        return Err(CommandError::UnfencedDatabase);
    }
    Ok(store)
}

/// Where callers reach a server whose settings do not say it.
pub const LOCAL_URL: &str = "http://127.0.0.1:8002";

/// The road of every call, over this store.
pub fn pipeline(
    store: &Store,
    config: &Config,
    logins: Arc<LoginDesk>,
    strangers: Arc<Strangers>,
) -> Result<Arc<Pipeline>, CommandError> {
    let rate_limit = match (&config.rate_limit, &config.database) {
        (None, _) => RateLimit::Off,
        (Some(rates), Location::Sqlite(_)) => RateLimit::new(rates.clone()),
        (Some(rates), Location::Postgres(_)) => RateLimit::shared(rates.clone()),
    };
    let pipeline = Pipeline::new(store.clone(), catalog::catalog()?, rate_limit);
    let pipeline = pipeline.with_logins(logins).with_strangers(strangers).with_drugs(drugs(config)?);
    Ok(Arc::new(pipeline.with_loopback_webhooks(config.webhook_loopback)))
}

/// The tables of drugs: the embedded ones, with the files of the folder that the settings name in their
/// place.
///
/// # Errors
///
/// Every problem of every file; files that are no CSV are not looked at.
pub fn drugs(config: &Config) -> Result<Arc<Knowledge>, CommandError> {
    let Some(folder) = &config.drug_tables else { return Ok(Knowledge::embedded().clone()) };
    let wrap = |path: &Path, source| CommandError::File { path: path.to_owned(), source };
    let mut files = BTreeMap::new();
    for entry in fs::read_dir(folder).map_err(|source| wrap(folder, source))? {
        let path = entry.map_err(|source| wrap(folder, source))?.path();
        let is_table = path.extension().is_some_and(|extension| extension.eq_ignore_ascii_case("csv"));
        let Some(name) = path.file_name().filter(|_| is_table) else { continue };
        let text = fs::read_to_string(&path).map_err(|source| wrap(&path, source))?;
        files.insert(name.to_string_lossy().into_owned(), text);
    }
    if files.is_empty() {
        let message = format!("`drug_tables`: {} has none of the tables", folder.display());
        return Err(CommandError::Usage(message));
    }
    let knowledge = Knowledge::from_files(&files);
    let knowledge =
        knowledge.map_err(|error| CommandError::Usage(format!("{}: {error}", folder.display())))?;
    tracing::info!(tables = knowledge.replaced().join(", "), "tables of drugs in place of the embedded ones");
    Ok(Arc::new(knowledge))
}

/// The logins of tools; what people are written goes by mail.
pub fn logins(
    store: &Store,
    authenticator: &Arc<Authenticator>,
    authorization: &Arc<AuthorizationServer>,
    accounts: &Arc<Accounts>,
    mail: &Arc<Mail>,
) -> Arc<LoginDesk> {
    let mail = mail.clone();
    let post = move |letter| {
        let mail = mail.clone();
        async move { mail.send(letter).await }.boxed()
    };
    LoginDesk::new(store, authenticator.clone(), authorization.clone(), accounts.clone(), Arc::new(post))
}

/// How many refusals of strangers have a row of their own.
pub fn strangers(config: &Config) -> Arc<Strangers> {
    Arc::new(config.rate_limit.as_ref().map(Strangers::new).unwrap_or_default())
}

/// The accounts of people.
pub async fn accounts(store: &Store, config: &Config) -> Result<Accounts, CommandError> {
    let public_url = config.public_url.as_deref().unwrap_or(LOCAL_URL);
    Ok(Accounts::open(store, AccountSettings::new(public_url)).await?)
}

/// Whose tokens are taken. Without a public URL it is the same whatever address is listened on, so that
/// `medcor token` need not know it.
pub fn token_settings(config: &Config) -> TokenSettings {
    let url = config.public_url.as_deref().unwrap_or(LOCAL_URL);
    TokenSettings { lifetime_max: lifetime_max(config), ..TokenSettings::new(url) }
}

/// No token lives longer: neither one of `medcor token`, nor any of the server's own.
fn lifetime_max(config: &Config) -> Duration {
    let settings = server_settings(config);
    let by_command = Duration::from_secs(config.token_lifetime_seconds.into());
    by_command.max(settings.access_lifetime).max(settings.client_lifetime)
}

/// How letters leave a server that is reached under this URL.
pub fn mail(config: &Config, url: &str) -> Result<Mail, CommandError> {
    let is_trial = !config.is_production && is_loopback(url);
    let mail = Mail::new(config.smtp_url.as_deref(), config.mail_from.as_deref(), is_trial);
    mail.map_err(|error| CommandError::Usage(error.to_string()))
}

/// Whether a URL leads to this machine alone (RFC 6761 §6.3, RFC 8252 §8.3).
fn is_loopback(url: &str) -> bool {
    let Ok(url) = url.parse::<Uri>() else { return false };
    let host = url.host().unwrap_or_default().trim_matches(['[', ']']);
    host.eq_ignore_ascii_case("localhost")
        || host.parse::<IpAddr>().is_ok_and(|address| address.is_loopback())
}

/// Whose tokens a server takes that is reached under this URL. Where nobody said so, those that
/// `medcor token` made without knowing it are taken too.
pub fn token_settings_at(config: &Config, url: &str) -> TokenSettings {
    let alias = config.public_url.is_none().then(|| LOCAL_URL.to_owned());
    TokenSettings {
        alias,
        external: config.identity_provider.clone(),
        lifetime_max: lifetime_max(config),
        ..TokenSettings::new(url)
    }
}

/// Which clients the authorization server takes.
pub fn server_settings(config: &Config) -> ServerSettings {
    ServerSettings {
        registration_is_open: config.client_registration,
        document_hosts: config.client_document_hosts.clone(),
        takes_certificates: !config.certificate_proxies.is_empty(),
        client_authorities: config.client_authorities.clone(),
        ..match config.token_profile {
            TokenProfile::Standard => ServerSettings::default(),
            TokenProfile::Strict => ServerSettings::strict(),
        }
    }
}

/// The key that signs the audit trail, where the settings name one. Others must not be able to read it.
pub fn audit_key(config: &Config) -> Result<Option<AuditKey>, CommandError> {
    let Some(path) = &config.audit_key_file else { return Ok(None) };
    let wrap = |source| CommandError::File { path: path.clone(), source };
    #[cfg(unix)]
    {
        let mode = std::os::unix::fs::PermissionsExt::mode(&fs::metadata(path).map_err(wrap)?.permissions());
        if mode & 0o077 != 0 {
            let message = format!("others can read the key of the audit trail: chmod 600 {}", path.display());
            return Err(CommandError::Usage(message));
        }
    }
    let key = AuditKey::from_pem(&fs::read_to_string(path).map_err(wrap)?);
    key.map(Some).map_err(|error| CommandError::Usage(format!("{}: {error}", path.display())))
}

/// The clock that the settings name.
pub fn clock(config: &Config) -> Clock {
    config.fixed_time.map_or_else(Clock::system, Clock::fixed)
}

/// Makes a folder, and those above it, that only its owner can look into. One that is there stays as it is.
pub fn create_private_folder(path: &Path) -> Result<(), CommandError> {
    let mut builder = fs::DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(path).map_err(|source| CommandError::File { path: path.to_owned(), source })
}

/// Writes a file that only its owner can read.
pub fn write_private_file(path: &Path, content: &[u8]) -> Result<(), CommandError> {
    let written = open_private_file(path).and_then(|mut file| io::Write::write_all(&mut file, content));
    written.map_err(|source| CommandError::File { path: path.to_owned(), source })
}

/// Opens a new file for writing that only its owner can read. What was there, a link too, makes way: it
/// could have another mode or lead elsewhere.
pub fn open_private_file(path: &Path) -> io::Result<fs::File> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        Ok(()) | Err(_) => {}
    }
    let mut options = fs::OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(path)
}

/// The audit row of what the operator does on the command line: no value of a parameter, only names.
pub fn command_entry(
    store: &Store,
    event: &str,
    tenant: Option<TenantId>,
    action: &str,
    parameters: &[&str],
) -> AuditEntry {
    AuditEntry {
        at: store.clock().now(),
        event: event.to_owned(),
        tenant,
        subject: None,
        client: None,
        roles: Vec::new(),
        action: action.to_owned(),
        parameters: parameters.iter().map(|name| (*name).to_owned()).collect(),
        patients: Vec::new(),
        outcome: Outcome::Success,
        latency_microseconds: 0,
        request_id: store.clock().new_id().to_string(),
        door: "command".to_owned(),
        object: None,
        detail: None,
        address: None,
    }
}

#[cfg(test)]
mod tests {
    use super::is_loopback;

    #[test]
    fn links_are_printed_only_where_the_url_leads_to_this_machine() {
        for own in
            ["http://127.0.0.1:8002", "http://localhost:8002", "https://LOCALHOST", "http://[::1]:8002"]
        {
            assert!(is_loopback(own), "{own}");
        }
        for other in ["https://mcp.example.org", "http://10.0.0.5:8002", "http://localhost.example.org", ""] {
            assert!(!is_loopback(other), "{other}");
        }
    }
}
