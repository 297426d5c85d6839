//! From text to settings.

use std::{
    collections::BTreeMap,
    net::{IpAddr, Ipv4Addr, SocketAddr},
    path::PathBuf,
};

use medcor_store::{AuditDurability, Location};
use medcor_tools::{RateProblem, Rates};

use super::{
    Flags, TokenProfile,
    setting::{HOST_VARIABLE, LISTS, PORT_VARIABLE, SETTINGS},
};

const DEFAULT_PORT: u16 = 8002;
pub(super) const DEFAULT_ADDRESS: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), DEFAULT_PORT);
pub(super) const TOKEN_LIFETIME_SECONDS: u32 = 3600;
const LIFETIME_SECONDS: std::ops::RangeInclusive<u32> = 60..=86_400;

/// The texts of all settings, each from the first source that has it.
pub(super) struct Values {
    values: BTreeMap<&'static str, Given>,
}

/// What a source says.
struct Given {
    texts: Vec<String>,
    source: String,
}

impl Values {
    pub(super) fn new(
        flags: &Flags,
        environment: &BTreeMap<String, String>,
        from_file: BTreeMap<&'static str, Vec<String>>,
    ) -> Self {
        let mut values = BTreeMap::new();
        for (name, texts) in from_file {
            values.insert(name, Given { texts, source: format!("`{name}` in the settings file") });
        }
        if let Some(given) = documented_address(environment) {
            values.insert("listen", given);
        }
        for setting in SETTINGS {
            // An empty variable is how shells and compose files say "not set".
            let set = |variable: &&&str| environment.get(**variable).is_some_and(|text| !text.is_empty());
            let Some(variable) = setting.variables.iter().find(set) else { continue };
            let text = &environment[*variable];
            let texts = if LISTS.contains(&setting.name) {
                text.split(',').map(|part| part.trim().to_owned()).collect()
            } else {
                vec![text.clone()]
            };
            values.insert(setting.name, Given { texts, source: (*variable).to_owned() });
        }
        for (name, texts) in flags.iter().filter(|(_, texts)| !texts.is_empty()) {
            let source = format!("--{}", name.replace('_', "-"));
            values.insert(name, Given { texts: texts.clone(), source });
        }
        Self { values }
    }

    pub(super) fn text(&mut self, name: &str) -> Option<String> {
        self.values.remove(name)?.texts.pop()
    }

    /// The setting, if it is given and can be read; else its problem.
    pub(super) fn parsed<T>(
        &mut self,
        name: &str,
        problems: &mut Vec<String>,
        parse: impl Fn(&str) -> Result<T, Problem>,
    ) -> Option<T> {
        self.each(name, problems, parse).pop()
    }

    pub(super) fn each<T>(
        &mut self,
        name: &str,
        problems: &mut Vec<String>,
        parse: impl Fn(&str) -> Result<T, Problem>,
    ) -> Vec<T> {
        let Some(given) = self.values.remove(name) else { return Vec::new() };
        let mut parsed = Vec::new();
        for text in &given.texts {
            match parse(text) {
                Ok(value) => parsed.push(value),
                Err(Problem(expected)) => problems.push(format!("{}: {expected}", given.source)),
            }
        }
        parsed
    }
}

/// What was expected. Never repeats the value: it can hold a password.
#[derive(Debug)]
pub(super) struct Problem(String);

pub(super) fn expected<T>(what: &str) -> Result<T, Problem> {
    Err(Problem(format!("expected {what}")))
}

fn documented_address(environment: &BTreeMap<String, String>) -> Option<Given> {
    let set = |name: &str| environment.get(name).filter(|text| !text.is_empty());
    let (host, port) = (set(HOST_VARIABLE), set(PORT_VARIABLE));
    if host.is_none() && port.is_none() {
        return None;
    }
    let host = host.map_or("127.0.0.1", String::as_str);
    let port = port.map_or_else(|| DEFAULT_PORT.to_string(), Clone::clone);
    let address = if host.contains(':') { format!("[{host}]:{port}") } else { format!("{host}:{port}") };
    Some(Given { texts: vec![address], source: format!("{HOST_VARIABLE} and {PORT_VARIABLE}") })
}

/// The settings of a TOML file, as texts. Unknown keys and values of the wrong kind are problems.
pub(super) fn file_values(text: &str, problems: &mut Vec<String>) -> BTreeMap<&'static str, Vec<String>> {
    let table = match text.parse::<toml::Table>() {
        Ok(table) => table,
        Err(error) => {
            problems.push(format!("the settings file is not TOML: {}", error.message()));
            return BTreeMap::new();
        }
    };
    let mut values = BTreeMap::new();
    for (key, value) in &table {
        let Some(setting) = SETTINGS.iter().find(|setting| setting.name == key) else {
            let known: Vec<&str> = SETTINGS.iter().map(|setting| setting.name).collect();
            problems
                .push(format!("`{key}` in the settings file is no setting; known are {}", known.join(", ")));
            continue;
        };
        let texts = match value {
            toml::Value::Array(items) if LISTS.contains(&setting.name) => items.iter().map(scalar).collect(),
            value => scalar(value).map(|text| vec![text]),
        };
        match texts {
            Some(texts) => drop(values.insert(setting.name, texts)),
            None => problems
                .push(format!("`{key}` in the settings file is a list or a table; expected one value")),
        }
    }
    values
}

fn scalar(value: &toml::Value) -> Option<String> {
    match value {
        toml::Value::String(text) => Some(text.clone()),
        toml::Value::Integer(number) => Some(number.to_string()),
        toml::Value::Boolean(boolean) => Some(boolean.to_string()),
        toml::Value::Datetime(time) => Some(time.to_string()),
        _ => None,
    }
}

pub(super) fn listen_address(text: &str) -> Result<SocketAddr, Problem> {
    let with_address = text.strip_prefix("localhost:").map(|port| format!("127.0.0.1:{port}"));
    let with_address = with_address.as_deref().unwrap_or(text);
    if let Ok(address) = with_address.parse() {
        return Ok(address);
    }
    match text.trim_start_matches(':').parse::<u16>() {
        Ok(port) => Ok(SocketAddr::new(DEFAULT_ADDRESS.ip(), port)),
        Err(_) => expected("an address and a port, such as 127.0.0.1:8002, [::1]:8002 or 0.0.0.0:80"),
    }
}

pub(super) fn database(text: &str) -> Result<Location, Problem> {
    if text.starts_with("postgres://") || text.starts_with("postgresql://") {
        return Ok(Location::Postgres(text.to_owned()));
    }
    let path = text.strip_prefix("sqlite:").map(|path| path.strip_prefix("//").unwrap_or(path));
    match path {
        Some(path) if !path.is_empty() => Ok(Location::Sqlite(PathBuf::from(path))),
        _ => expected("postgres://user@host/name or sqlite:PATH"),
    }
}

pub(super) fn public_url(text: &str) -> Result<String, Problem> {
    let host = text.strip_prefix("https://").or_else(|| text.strip_prefix("http://"));
    let has_host = host.is_some_and(|host| !host.is_empty() && !host.starts_with('/'));
    if !has_host || text.contains(['?', '#', '@', ' ']) {
        return expected("a URL such as https://medcor.example.org, without a query");
    }
    Ok(text.trim_end_matches('/').to_owned())
}

pub(super) fn time(text: &str) -> Result<i64, Problem> {
    match text.parse::<jiff::Timestamp>() {
        Ok(time) => Ok(time.as_microsecond()),
        Err(_) => expected("a time with its zone, such as 2026-12-02T09:00:00Z"),
    }
}

pub(super) fn addresses(text: &str) -> Result<Vec<IpAddr>, Problem> {
    let parsed: Result<_, _> = text.split(',').map(|address| address.trim().parse()).collect();
    parsed.or_else(|_| expected("network addresses separated by commas, such as 10.0.0.1,10.0.0.2"))
}

pub(super) fn connections(text: &str) -> Result<usize, Problem> {
    match text.parse() {
        Ok(number) if (1..=100_000).contains(&number) => Ok(number),
        _ => expected("a number of connections between 1 and 100000"),
    }
}

pub(super) fn batch_calls(text: &str) -> Result<usize, Problem> {
    match text.parse() {
        Ok(number) if (1..=100).contains(&number) => Ok(number),
        _ => expected("a number of calls between 1 and 100"),
    }
}

/// The beginning of a day, UTC.
pub(super) fn date(text: &str) -> Result<jiff::Timestamp, Problem> {
    let day = text.parse::<jiff::civil::Date>().ok();
    match day.and_then(|day| day.to_zoned(jiff::tz::TimeZone::UTC).ok()) {
        Some(day) => Ok(day.timestamp()),
        None => expected("a date, such as 2027-06-30"),
    }
}

pub(super) fn hosts(text: &str) -> Result<Vec<String>, Problem> {
    let is_host = |host: &str| {
        let is_plain = host.bytes().all(|byte| byte.is_ascii_alphanumeric() || b".-".contains(&byte));
        host == "*" || (is_plain && host.contains('.'))
    };
    let hosts: Vec<String> = text.split(',').map(|host| host.trim().to_owned()).collect();
    if hosts.iter().all(|host| is_host(host)) {
        return Ok(hosts);
    }
    expected("names of hosts separated by commas, such as claude.ai,vscode.dev, or * for any")
}

pub(super) fn durability(text: &str) -> Result<AuditDurability, Problem> {
    match text {
        "disk" => Ok(AuditDurability::Disk),
        "os" => Ok(AuditDurability::Os),
        _ => expected("disk or os"),
    }
}

pub(super) fn token_profile(text: &str) -> Result<TokenProfile, Problem> {
    match text {
        "standard" => Ok(TokenProfile::Standard),
        "strict" => Ok(TokenProfile::Strict),
        _ => expected("standard or strict"),
    }
}

pub(super) fn boolean(text: &str) -> Result<bool, Problem> {
    match text.to_ascii_lowercase().as_str() {
        "true" | "1" | "yes" | "on" => Ok(true),
        "false" | "0" | "no" | "off" => Ok(false),
        _ => expected("true or false"),
    }
}

/// `None` is no limit.
pub(super) fn rate_limit(text: &str) -> Result<Option<Rates>, Problem> {
    match text {
        "off" => Ok(None),
        "on" => Ok(Some(Rates::default())),
        text => {
            text.parse().map(Some).map_err(|problem: RateProblem| Problem(format!("expected on, {problem}")))
        }
    }
}

pub(super) fn word(text: &str) -> Result<String, Problem> {
    if text.is_empty() { expected("a word") } else { Ok(text.to_owned()) }
}

pub(super) fn allowed_host(text: &str) -> Result<String, Problem> {
    if text.is_empty() || text.contains(['/', ' ', '@', '*']) {
        return expected("a host such as mcp.internal or mcp.internal:8443, without a scheme");
    }
    Ok(text.to_owned())
}

pub(super) fn allowed_origin(text: &str) -> Result<String, Problem> {
    let url = public_url(text)?;
    let host = url.split_once("://").map_or("", |(_, host)| host);
    if host.contains('/') {
        return expected("an origin such as https://app.example.org, without a path");
    }
    Ok(url)
}

pub(super) fn lifetime(text: &str) -> Result<u32, Problem> {
    match text.parse() {
        Ok(seconds) if LIFETIME_SECONDS.contains(&seconds) => Ok(seconds),
        _ => expected("seconds between 60 and 86400"),
    }
}

pub(super) fn log(text: &str) -> Result<String, Problem> {
    // Documented servers write the levels in capitals, and one says WARNING.
    let filter = text.to_ascii_lowercase().replace("warning", "warn");
    let levels = ["error", "warn", "info", "debug", "trace", "off"];
    let is_filter = filter.contains(['=', ',']) && tracing_subscriber::EnvFilter::try_new(text).is_ok();
    if levels.contains(&filter.as_str()) {
        Ok(filter)
    } else if is_filter {
        Ok(text.to_owned())
    } else {
        expected("error, warn, info, debug, trace or a filter such as info,medcor_store=debug")
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;
    use crate::config::{Config, ConfigError, File, resolve};

    fn environment(pairs: &[(&str, &str)]) -> BTreeMap<String, String> {
        pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
    }

    fn resolved(flags: &[(&'static str, &str)], variables: &[(&str, &str)]) -> Result<Config, ConfigError> {
        let flags = flags.iter().map(|(name, value)| (*name, vec![(*value).to_owned()])).collect();
        resolve(&flags, &environment(variables), &File::In(PathBuf::from("/no/such/folder")))
    }

    fn problems(text: &str) -> Vec<String> {
        let mut problems = Vec::new();
        file_values(text, &mut problems);
        problems
    }

    #[test]
    fn without_any_setting_the_defaults_hold() {
        let config = resolved(&[], &[]).unwrap();
        assert_eq!(config.listen, [DEFAULT_ADDRESS]);
        assert_eq!(config.data, Path::new("medcor-data"));
        assert!(
            matches!(config.database, Location::Sqlite(path) if path == Path::new("medcor-data/medcor.sqlite"))
        );
        assert!(!config.is_production);
    }

    #[test]
    fn the_strict_profile_closes_registration_unless_it_is_opened() {
        let strict = [("MEDCOR_TOKEN_PROFILE", "strict")];
        assert!(!resolved(&[], &strict).unwrap().client_registration);
        let opened = [strict[0], ("MEDCOR_CLIENT_REGISTRATION", "on")];
        assert!(resolved(&[], &opened).unwrap().client_registration);
        assert!(resolved(&[], &[("MEDCOR_TOKEN_PROFILE", "lax")]).is_err());
    }

    #[test]
    fn a_flag_wins_over_the_environment_and_the_environment_over_the_file() {
        let file = file_values(
            "listen = [\"127.0.0.1:1\"]\nlog = \"trace\"\nclock = 2026-01-01T00:00:00Z",
            &mut Vec::new(),
        );
        let flags = Flags::from([("log", vec!["error".to_owned()])]);
        let mut values = Values::new(
            &flags,
            &environment(&[("MEDCOR_LISTEN", "127.0.0.1:2"), ("MEDCOR_LOG", "debug")]),
            file,
        );
        let mut problems = Vec::new();
        assert_eq!(values.parsed("log", &mut problems, log).as_deref(), Some("error"));
        assert_eq!(values.each("listen", &mut problems, listen_address), ["127.0.0.1:2".parse().unwrap()]);
        assert_eq!(values.parsed("clock", &mut problems, time), Some(1_767_225_600_000_000));
        assert!(problems.is_empty(), "{problems:?}");
    }

    #[test]
    fn the_documented_variables_mean_what_they_meant() {
        let variables = [
            ("MCP_SERVER_HOST", "0.0.0.0"),
            ("MCP_SERVER_PORT", "9000"),
            ("MCP_DATABASE_URL", "postgresql://medcor@db/medcor"),
            ("MCP_JWT_EXPIRY", "900"),
            ("MCP_LOG_LEVEL", "WARNING"),
            ("MCP_JWT_SECRET", "s3cret"),
        ];
        let config = resolved(&[], &variables).unwrap();
        assert_eq!(config.listen, ["0.0.0.0:9000".parse().unwrap()]);
        assert!(matches!(config.database, Location::Postgres(_)));
        assert_eq!((config.token_lifetime_seconds, config.log.as_str()), (900, "warn"));
        assert_eq!(config.notes.len(), 1);
        assert!(!config.notes[0].contains("s3cret"));
    }

    #[test]
    fn every_wrong_value_is_named_at_once_and_none_is_repeated() {
        let error = resolved(
            &[("listen", "nowhere"), ("clock", "yesterday")],
            &[("MEDCOR_DATABASE_URL", "mysql://me:hunter2@db"), ("MCP_JWT_EXPIRY", "5")],
        )
        .unwrap_err();
        assert_eq!(error.problems.len(), 4, "{error}");
        for name in ["--listen", "--clock", "MEDCOR_DATABASE_URL", "MCP_JWT_EXPIRY"] {
            assert!(error.to_string().contains(name), "{error}");
        }
        assert!(!error.to_string().contains("hunter2"));
    }

    #[test]
    fn a_fixed_time_is_refused_in_production() {
        let error = resolved(&[("clock", "2026-12-02T09:00:00Z"), ("production", "true")], &[]).unwrap_err();
        assert!(error.to_string().contains("--production"), "{error}");
    }

    #[test]
    fn limits_and_lists_are_set_in_every_way() {
        let config = resolved(
            &[("rate_limit", "doctor=400"), ("allowed_host", "mcp.internal")],
            &[("MEDCOR_ALLOWED_ORIGIN", "https://a.example.org, https://b.example.org")],
        );
        let config = config.unwrap();
        assert_eq!(config.rate_limit.unwrap().of(medcor_tools::Role::Doctor), 400);
        assert_eq!(config.allowed_hosts, ["mcp.internal"]);
        assert_eq!(config.allowed_origins, ["https://a.example.org", "https://b.example.org"]);
        assert_eq!(resolved(&[("rate_limit", "off")], &[]).unwrap().rate_limit, None);
        let all = resolved(&[], &[("MCP_RATE_LIMIT", "60")]).unwrap().rate_limit.unwrap();
        assert_eq!(all.of(medcor_tools::Role::Patient), 60);
        let listed = file_values("allowed_host = [\"a\", \"b\"]", &mut Vec::new());
        assert_eq!(listed["allowed_host"], ["a", "b"]);
        for (name, text) in [
            ("rate_limit", "fast"),
            ("allowed_host", "https://mcp.internal"),
            ("allowed_origin", "mcp.internal"),
            ("allowed_origin", "https://a.example.org/page"),
        ] {
            assert_eq!(resolved(&[(name, text)], &[]).unwrap_err().problems.len(), 1, "{name} {text}");
        }
    }

    #[test]
    fn production_wants_limits_and_an_encrypted_way_to_its_database() {
        let far = ("database_url", "postgres://medcor@db.example.org/medcor");
        let production = ("production", "true");
        assert_eq!(resolved(&[production, far], &[]).unwrap_err().problems.len(), 1);
        assert_eq!(resolved(&[production, ("rate_limit", "off")], &[]).unwrap_err().problems.len(), 1);
        assert!(resolved(&[production, far, ("database_plain", "true")], &[]).is_ok());
        let encrypted = "postgres://medcor@db.example.org/medcor?sslmode=verify-full";
        assert!(resolved(&[production, ("database_url", encrypted)], &[]).is_ok());
        assert!(resolved(&[far], &[]).is_ok());
    }

    #[test]
    fn production_wants_encryption_towards_people_and_their_mail() {
        for (name, text, is_fit) in [
            ("public_url", "http://mcp.example.org", false),
            ("public_url", "https://mcp.example.org", true),
            ("smtp_url", "smtp://user:hunter2@mail.example.org", false),
            ("smtp_url", "smtp://mail.example.org?tls=opportunistic", false),
            ("smtp_url", "smtp://localhost.example.org", false),
            ("smtp_url", "smtp://mail.example.org:587?tls=required", true),
            ("smtp_url", "smtps://user:hunter2@mail.example.org", true),
            ("smtp_url", "smtp://localhost:25", true),
        ] {
            let problems = resolved(&[("production", "true"), (name, text)], &[]).map(drop);
            let problems = problems.map_or_else(|error| error.problems, |()| Vec::new());
            assert_eq!(problems.is_empty(), is_fit, "{text}: {problems:?}");
            assert!(!problems.concat().contains("hunter2"));
            assert!(resolved(&[(name, text)], &[]).is_ok(), "{text} suits a trial");
        }
    }

    #[test]
    fn an_unknown_key_of_the_file_is_a_problem_that_names_the_known_ones() {
        let problems = problems("listn = \"127.0.0.1:1\"\n[database]\nurl = \"x\"");
        assert_eq!(problems.len(), 2, "{problems:?}");
        assert!(problems[0].contains("`listn`") || problems[1].contains("`listn`"));
        assert!(problems[0].contains("listen"));
        assert_eq!(super::tests::problems("listen = [").len(), 1);
    }

    #[test]
    fn a_variable_with_a_slip_of_the_pen_is_noted() {
        assert_eq!(resolved(&[], &[("MEDCOR_LISTN", "1")]).unwrap().notes.len(), 1);
        assert!(resolved(&[], &[("MEDCOR_TEST_DATABASE_URL", "1")]).unwrap().notes.is_empty());
    }

    #[test]
    fn an_address_is_written_in_any_usual_way() {
        for text in ["127.0.0.1:80", "localhost:80", ":80", "80"] {
            assert_eq!(listen_address(text).unwrap().to_string(), "127.0.0.1:80", "{text}");
        }
        for text in ["", "example.org:80", "127.0.0.1", "127.0.0.1:99999"] {
            assert!(listen_address(text).is_err(), "{text}");
        }
    }
}
