//! Settings: by flag, then environment, then file. The only reader of the environment and of the
//! settings file.

mod identity;
mod parse;
mod setting;

use std::{
    collections::BTreeMap,
    fmt,
    net::{IpAddr, SocketAddr},
    path::{Path, PathBuf},
};

use jiff::Timestamp;
use medcor_oauth::ExternalSettings;
use medcor_store::{AuditDurability, Location};
use medcor_tools::Rates;

use self::parse::Values;
pub use self::setting::{SETTINGS, Setting, WITHOUT_EFFECT};

/// Name of the settings file in the data folder.
const FILE_NAME: &str = "medcor.toml";
/// Name of the SQLite file in the data folder.
const DATABASE_NAME: &str = "medcor.sqlite";

/// How long access tokens live.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum TokenProfile {
    /// 15 minutes for people, 60 for clients that act for themselves.
    #[default]
    Standard,
    /// 5 minutes for all.
    Strict,
}

/// Checked settings.
#[expect(clippy::struct_excessive_bools, reason = "each is a setting of its own, on or off")]
#[derive(Debug, Clone)]
pub struct Config {
    /// The folder for everything that MedCor keeps beside a database server.
    pub data: PathBuf,
    /// The settings file, if there is one.
    pub file: Option<PathBuf>,
    /// Where the server listens.
    pub listen: Vec<SocketAddr>,
    /// Where the records are.
    pub database: Location,
    /// Under which URL callers reach the server, without a slash at its end.
    pub public_url: Option<String>,
    /// A fixed time instead of the system's, microseconds since the epoch.
    pub fixed_time: Option<i64>,
    /// When an answer may leave.
    pub audit_durability: AuditDurability,
    /// Whether what only suits a trial is refused.
    pub is_production: bool,
    /// For how long a token is valid.
    pub token_lifetime_seconds: u32,
    /// The SMTP server that takes letters; may hold a password.
    pub smtp_url: Option<String>,
    /// From whom letters are.
    pub mail_from: Option<String>,
    /// How long tokens live.
    pub token_profile: TokenProfile,
    /// Whether clients may register themselves.
    pub client_registration: bool,
    /// Hosts whose clients may be known by the URL of their metadata.
    pub client_document_hosts: Vec<String>,
    /// Proxies whose `X-Forwarded-For` is believed.
    pub trusted_proxies: Vec<IpAddr>,
    /// Proxies whose `Client-Cert` is believed.
    pub certificate_proxies: Vec<IpAddr>,
    /// Most connections.
    pub connections_max: usize,
    /// Most connections from one network.
    pub connections_per_network: usize,
    /// Most calls of one batch over REST, where it is not the usual number.
    pub batch_calls_max: Option<usize>,
    /// Since when entries of REST without a version should not be used.
    pub api_deprecated_at: Option<Timestamp>,
    /// Until when they work.
    pub api_sunset_at: Option<Timestamp>,
    /// Another provider of identities whose tokens are taken.
    pub identity_provider: Option<ExternalSettings>,
    /// Authorities, in DER, whose certificates prove the subject of a client.
    pub client_authorities: Vec<Vec<u8>>,
    /// How many calls callers may make; `None` is no limit.
    pub rate_limit: Option<Rates>,
    /// Further hosts that requests may name.
    pub allowed_hosts: Vec<String>,
    /// Origins of web pages that may call.
    pub allowed_origins: Vec<String>,
    /// Whether production may reach a database on another machine without TLS.
    pub allows_plain_database: bool,
    /// Whether webhooks may call this machine.
    pub webhook_loopback: bool,
    /// The key that signs the heads of the audit trail.
    pub audit_key_file: Option<PathBuf>,
    /// The folder with tables of drugs in place of embedded ones.
    pub drug_tables: Option<PathBuf>,
    /// What is logged, in the syntax of `tracing`'s filters.
    pub log: String,
    /// What is set and does nothing, for a person.
    pub notes: Vec<String>,
}

/// Settings that are not usable: every problem at once.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub struct ConfigError {
    /// What is wrong, each with where it was set and what is expected.
    pub problems: Vec<String>,
}

impl fmt::Display for ConfigError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.problems.as_slice() {
            [one] => write!(formatter, "a setting is not usable: {one}"),
            several => {
                write!(formatter, "{} settings are not usable:", several.len())?;
                several.iter().try_for_each(|problem| write!(formatter, "\n  {problem}"))
            }
        }
    }
}

/// What the command line says, by the name of the setting.
pub type Flags = BTreeMap<&'static str, Vec<String>>;

/// Reads the environment and the settings file and checks everything.
pub fn load(flags: &Flags, file: Option<&Path>) -> Result<Config, ConfigError> {
    let environment = environment();
    let file = match file {
        Some(file) => File::Named(file.to_owned()),
        None => File::In(data_folder(flags, &environment)),
    };
    resolve(flags, &environment, &file)
}

/// Where the settings file is looked for: the one setting that can't come from it.
fn data_folder(flags: &Flags, environment: &BTreeMap<String, String>) -> PathBuf {
    let by_flag = flags.get("data").and_then(|values| values.first());
    let by_environment = || environment.get("MEDCOR_DATA").filter(|value| !value.is_empty());
    by_flag.or_else(by_environment).map_or_else(|| PathBuf::from("medcor-data"), PathBuf::from)
}

/// Which file has settings.
#[derive(Debug)]
enum File {
    /// This one, which has to exist.
    Named(PathBuf),
    /// The one in this folder, if there is one.
    In(PathBuf),
}

fn environment() -> BTreeMap<String, String> {
    let ours = |name: &str| name.starts_with("MEDCOR_") || name.starts_with("MCP_");
    std::env::vars_os()
        .filter_map(|(name, value)| Some((name.into_string().ok()?, value.to_string_lossy().into_owned())))
        .filter(|(name, _)| ours(name))
        .collect()
}

fn resolve(
    flags: &Flags,
    environment: &BTreeMap<String, String>,
    file: &File,
) -> Result<Config, ConfigError> {
    let mut problems = Vec::new();
    let (path, text) = read(file, &mut problems);
    let from_file = text.map(|text| parse::file_values(&text, &mut problems)).unwrap_or_default();
    let mut values = Values::new(flags, environment, from_file);
    let data = PathBuf::from(values.text("data").unwrap_or_else(|| "medcor-data".to_owned()));
    let database = values.parsed("database_url", &mut problems, parse::database);
    let listen = values.each("listen", &mut problems, parse::listen_address);
    let token_profile =
        values.parsed("token_profile", &mut problems, parse::token_profile).unwrap_or_default();
    let config = Config {
        database: database.unwrap_or_else(|| Location::Sqlite(data.join(DATABASE_NAME))),
        data,
        file: path,
        listen: if listen.is_empty() { vec![parse::DEFAULT_ADDRESS] } else { listen },
        public_url: values.parsed("public_url", &mut problems, parse::public_url),
        fixed_time: values.parsed("clock", &mut problems, parse::time),
        audit_durability: values
            .parsed("audit_durability", &mut problems, parse::durability)
            .unwrap_or(AuditDurability::Disk),
        is_production: values.parsed("production", &mut problems, parse::boolean).unwrap_or(false),
        token_lifetime_seconds: values
            .parsed("token_lifetime_seconds", &mut problems, parse::lifetime)
            .unwrap_or(parse::TOKEN_LIFETIME_SECONDS),
        smtp_url: values.text("smtp_url"),
        mail_from: values.text("mail_from"),
        token_profile,
        client_registration: values
            .parsed("client_registration", &mut problems, parse::boolean)
            .unwrap_or(token_profile == TokenProfile::Standard),
        client_document_hosts: values
            .parsed("client_document_hosts", &mut problems, parse::hosts)
            .unwrap_or_default(),
        trusted_proxies: values
            .parsed("trusted_proxies", &mut problems, parse::addresses)
            .unwrap_or_default(),
        certificate_proxies: values
            .parsed("certificate_proxies", &mut problems, parse::addresses)
            .unwrap_or_default(),
        connections_max: values
            .parsed("connections_max", &mut problems, parse::connections)
            .unwrap_or(crate::door::CONNECTIONS),
        connections_per_network: values
            .parsed("connections_per_network", &mut problems, parse::connections)
            .unwrap_or(crate::door::CONNECTIONS_PER_NETWORK),
        batch_calls_max: values.parsed("batch_calls_max", &mut problems, parse::batch_calls),
        api_deprecated_at: values.parsed("api_deprecated_at", &mut problems, parse::date),
        api_sunset_at: values.parsed("api_sunset_at", &mut problems, parse::date),
        identity_provider: identity::provider(&mut values, &mut problems),
        client_authorities: identity::authorities(&mut values, &mut problems),
        rate_limit: values
            .parsed("rate_limit", &mut problems, parse::rate_limit)
            .unwrap_or_else(|| Some(Rates::default())),
        allowed_hosts: values.each("allowed_host", &mut problems, parse::allowed_host),
        allowed_origins: values.each("allowed_origin", &mut problems, parse::allowed_origin),
        allows_plain_database: values
            .parsed("database_plain", &mut problems, parse::boolean)
            .unwrap_or(false),
        webhook_loopback: values.parsed("webhook_loopback", &mut problems, parse::boolean).unwrap_or(false),
        audit_key_file: values.text("audit_key_file").map(PathBuf::from),
        drug_tables: values.text("drug_tables").map(PathBuf::from),
        log: values.parsed("log", &mut problems, parse::log).unwrap_or_else(|| "info".to_owned()),
        notes: setting::notes(environment),
    };
    if config.is_production {
        problems.extend(setting::unfit_for_production(&config));
    }
    if problems.is_empty() { Ok(config) } else { Err(ConfigError { problems }) }
}

fn read(file: &File, problems: &mut Vec<String>) -> (Option<PathBuf>, Option<String>) {
    let (path, has_to_exist) = match file {
        File::Named(path) => (path.clone(), true),
        File::In(folder) => (folder.join(FILE_NAME), false),
    };
    match std::fs::read_to_string(&path) {
        Ok(text) => (Some(path), Some(text)),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound && !has_to_exist => (None, None),
        Err(error) => {
            problems.push(format!("the file {} can't be read: {error}", path.display()));
            (None, None)
        }
    }
}
