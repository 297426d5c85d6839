//! What a person can try once the server is ready: lines that work as printed. Never a token or a
//! password: terminals have long memories.

use std::{env, fmt, path::PathBuf};

use medcor_policy::Role;
use medcor_store::{Location, Store};
use serde_json::json;

use super::CommandError;
use crate::config::Config;

const STOP: &str = "Ctrl-C stops the server.";

/// The text that `serve` prints.
pub(super) struct Invitation {
    url: String,
    /// How this program was called.
    program: PathBuf,
    /// The flags that other commands need to find the same database.
    location: Vec<String>,
    /// Somebody who can read charts.
    user: Option<String>,
    credentials: Option<PathBuf>,
}

impl Invitation {
    pub(super) async fn new(store: &Store, config: &Config, url: &str) -> Result<Self, CommandError> {
        let credentials = config.data.join(super::seed::CREDENTIALS_NAME);
        Ok(Self {
            url: url.to_owned(),
            program: env::current_exe().unwrap_or_else(|_| PathBuf::from("medcor")),
            location: location(config),
            user: clinician(store).await?,
            credentials: credentials.is_file().then_some(credentials),
        })
    }

    /// `medcor SUBCOMMAND --data …` for a shell.
    fn command(&self, subcommand: &str) -> String {
        let here = env::current_dir().unwrap_or_default();
        let program = self.program.strip_prefix(&here).unwrap_or(&self.program).display().to_string();
        let location = self.location.iter().map(|part| format!(" {}", quoted(part)));
        format!("{} {subcommand}{}", quoted(&program), location.collect::<String>())
    }
}

impl fmt::Display for Invitation {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { url, user, .. } = self;
        writeln!(formatter, "MedCor {} is ready: {url}", env!("CARGO_PKG_VERSION"))?;
        if let Some(credentials) = &self.credentials {
            writeln!(formatter, "Demonstration accounts: {}", credentials.display())?;
        }
        let Some(user) = user else {
            writeln!(formatter, "\nNobody can read records yet. Load some and add a person:")?;
            writeln!(formatter, "  {}", self.command("import PATH"))?;
            writeln!(formatter, "  {}", self.command("user add --role doctor --email you@example.org"))?;
            return write!(formatter, "\n{STOP}");
        };
        let token = self.command(&format!("token --user {user}"));
        let call = json!({
            "jsonrpc": "2.0", "id": 1, "method": "tools/call",
            "params": {"name": "list_patients", "arguments": {"limit": 3}}
        });
        let desktop =
            json!({"mcpServers": {"medcor": {"command": self.program, "args": self.stdio_arguments(user)}}});
        let code = json!({"servers": {"medcor": {"type": "http", "url": format!("{url}/mcp")}}});
        let socket = url.replacen("http", "ws", 1);
        let link = self.command(&format!("user reset-link {user}"));
        write!(
            formatter,
            "
Try it:
  TOKEN=$({token})
  curl -s {url}/mcp -H \"Authorization: Bearer $TOKEN\" -H 'Content-Type: application/json' \\
    -H 'Accept: application/json, text/event-stream' \\
    -d '{call}'

Doors:
  MCP over HTTP:  {url}/mcp   (toolsets: {url}/mcp/x/core, {url}/mcp/readonly)
  MCP, WebSocket: {socket}/ws
  REST:           {url}/api/v1/mcp/tools/invoke   (described: {url}/api/docs/)
  Events:         {url}/api/mcp/sse, {socket}/api/mcp/ws   (described: {url}/api/asyncapi.json)
  Health:         {url}/health/readiness

Clients:
  Claude Desktop:   {desktop}
  VS Code mcp.json: {code}
  Claude Code:      claude mcp add --transport http medcor {url}/mcp
                    (these two open {url}/login; for a password: {link})
  Inspector:        npx @modelcontextprotocol/inspector --cli {url}/mcp --transport http --header \"Authorization: Bearer $TOKEN\" --method tools/list

{STOP}",
        )
    }
}

impl Invitation {
    /// For a program that starts us from another folder.
    fn stdio_arguments(&self, user: &str) -> Vec<String> {
        let mut arguments = vec!["stdio".to_owned(), "--user".to_owned(), user.to_owned()];
        arguments.extend(self.location.iter().cloned());
        arguments
    }
}

/// The flags that lead to the same database. A URL with a password is left to the environment.
fn location(config: &Config) -> Vec<String> {
    let data = std::path::absolute(&config.data).unwrap_or_else(|_| config.data.clone());
    let mut flags = vec!["--data".to_owned(), data.display().to_string()];
    match &config.database {
        Location::Sqlite(path) if path.starts_with(&config.data) => {}
        Location::Sqlite(path) => {
            let path = std::path::absolute(path).unwrap_or_else(|_| path.clone());
            flags.extend(["--database-url".to_owned(), format!("sqlite:{}", path.display())]);
        }
        Location::Postgres(url) if !has_password(url) => {
            flags.extend(["--database-url".to_owned(), url.clone()]);
        }
        Location::Postgres(_) => {}
    }
    if let Some(url) = &config.public_url {
        flags.extend(["--public-url".to_owned(), url.clone()]);
    }
    flags
}

fn has_password(url: &str) -> bool {
    let authority = url.split_once("://").map_or(url, |(_, rest)| rest);
    let user = authority.split(['/', '?']).next().and_then(|authority| authority.rsplit_once('@'));
    user.is_some_and(|(user, _)| user.contains(':')) || url.contains("password=")
}

/// Somebody who can read charts: a doctor of the first organisation that has one.
async fn clinician(store: &Store) -> Result<Option<String>, CommandError> {
    let mut anybody = None;
    for tenant in store.identity().tenants().await? {
        for user in store.identity().users(tenant.id).await? {
            if user.roles.contains(&Role::Doctor) {
                return Ok(Some(user.email));
            }
            anybody = anybody.or(Some(user.email));
        }
    }
    Ok(anybody)
}

/// As a shell takes it for one word.
fn quoted(text: &str) -> String {
    let is_plain = |letter: char| letter.is_ascii_alphanumeric() || "-_./:@=%+,".contains(letter);
    if !text.is_empty() && text.chars().all(is_plain) {
        text.to_owned()
    } else {
        format!("'{}'", text.replace('\'', r"'\''"))
    }
}

#[cfg(test)]
mod tests {
    use super::{has_password, quoted};

    #[test]
    fn a_word_for_the_shell_is_quoted_where_it_must_be() {
        assert_eq!(quoted("/usr/bin/medcor"), "/usr/bin/medcor");
        assert_eq!(quoted("it's $HOME"), r"'it'\''s $HOME'");
        assert_eq!(quoted(""), "''");
    }

    #[test]
    fn a_url_with_a_password_is_known() {
        assert!(has_password("postgres://me:secret@db/medcor"));
        assert!(has_password("postgres://db/medcor?user=me&password=secret"));
        assert!(!has_password("postgres://me@db:5432/medcor"));
        assert!(!has_password("postgres://db/medcor"));
    }
}
