//! One server with its data in a temporary folder.

use std::{
    fs::{self, File},
    hash::{BuildHasher, RandomState},
    io::{BufRead, BufReader},
    os::unix::process::CommandExt,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    sync::atomic::{AtomicU32, Ordering},
};

use crate::{Database, TestbedError, account::Account, variable};

/// Where distributions put the server's programs; each version has a folder.
const INSTALLED: &str = "/usr/lib/postgresql";
/// The role that owns the databases: no superuser, as in production.
pub(crate) const OWNER: &str = "medcor";
const SUPERUSER: &str = "postgres";

/// Starts the server, says so, waits until the process that reads and writes here is gone, and cleans up.
/// Closing a pipe needs nobody to act, so this also works when a test is killed.
const WATCHDOG: &str = r#"
"$1/pg_ctl" -D "$2/data" -l "$2/log" -t 120 -w -o "$3" start >/dev/null 2>&1 && echo ready
cat >/dev/null
"$1/pg_ctl" -D "$2/data" -m immediate -w stop >/dev/null 2>&1
rm -rf "$2"
"#;

/// Whether a commit waits for the disk.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Durability {
    /// No: for tests of what is computed.
    Off,
    /// Yes: for tests of crashes, and for measuring.
    On,
}

/// A running server.
#[derive(Debug)]
pub struct Cluster {
    address: Address,
    databases: AtomicU32,
    /// The watchdog ends when its standard input closes, at the latest with this process.
    watchdog: Option<Child>,
    /// Locked as long as a shared cluster is used.
    _user: Option<File>,
}

#[derive(Debug)]
enum Address {
    /// Our own, by its socket folder.
    Own(PathBuf),
    /// Somebody else's, by URL.
    Existing(String),
}

impl Cluster {
    /// A server that was there before.
    pub fn existing(url: &str) -> Self {
        Self {
            address: Address::Existing(url.to_owned()),
            databases: AtomicU32::new(0),
            watchdog: None,
            _user: None,
        }
    }

    /// Starts a server on a new folder.
    pub fn start(durability: Durability) -> Result<Self, TestbedError> {
        let programs = programs()?;
        let account = Account::unprivileged()?;
        let folder = new_folder()?;
        account.take_over(&folder)?;
        initialise(&programs, account, &folder)?;
        let mut command = account.command(Path::new("/bin/sh"));
        // Ctrl-C at a terminal ends the test, not its clean-up.
        command.process_group(0).args(["-c", WATCHDOG, "medcor-testbed"]).stdin(Stdio::piped());
        command.arg(&programs).arg(&folder).arg(options(&folder, durability));
        let watchdog = wait_until_ready(&programs, &folder, &mut command)?;
        let cluster = Self::at(folder, Some(watchdog), None);
        cluster.create_owner()?;
        Ok(cluster)
    }

    /// A server that several processes use.
    pub(crate) fn shared(folder: PathBuf, user: File) -> Self {
        Self::at(folder, None, Some(user))
    }

    /// Makes the role that owns the databases.
    pub(crate) fn create_owner(&self) -> Result<(), TestbedError> {
        let create = format!("CREATE ROLE {OWNER} LOGIN CREATEDB CREATEROLE");
        crate::database::run(&self.maintenance_url(), &[&create])
    }

    fn at(folder: PathBuf, watchdog: Option<Child>, user: Option<File>) -> Self {
        Self { address: Address::Own(folder), databases: AtomicU32::new(0), watchdog, _user: user }
    }

    /// A new database, empty.
    pub fn database(&self) -> Result<Database, TestbedError> {
        self.create("template1")
    }

    /// A new database with the content of this one, to which nobody may be connected.
    pub fn copy_of(&self, template: &Database) -> Result<Database, TestbedError> {
        self.create(template.name())
    }

    /// The folder of the server's socket; `None` for a server that was there before.
    pub fn socket_folder(&self) -> Option<&Path> {
        match &self.address {
            Address::Own(folder) => Some(folder),
            Address::Existing(_) => None,
        }
    }

    fn create(&self, template: &str) -> Result<Database, TestbedError> {
        let number = self.databases.fetch_add(1, Ordering::Relaxed);
        // A process that was killed leaves its databases, and its number may come again.
        let chance = RandomState::new().hash_one(number);
        let name = format!("medcor_test_{}_{number}_{chance:x}", std::process::id());
        let owner = match self.address {
            Address::Own(_) => format!(" OWNER {OWNER}"),
            Address::Existing(_) => String::new(),
        };
        let maintenance_url = self.maintenance_url();
        crate::database::run(
            &maintenance_url,
            &[&format!("CREATE DATABASE {name} TEMPLATE {template}{owner}")],
        )?;
        Ok(Database::new(&name, self.url(OWNER, &name), self.url(SUPERUSER, &name), maintenance_url))
    }

    fn maintenance_url(&self) -> String {
        match &self.address {
            Address::Own(_) => self.url(SUPERUSER, "postgres"),
            Address::Existing(url) => url.clone(),
        }
    }

    fn url(&self, role: &str, database: &str) -> String {
        match &self.address {
            Address::Own(folder) => {
                let host = folder.to_string_lossy().replace('%', "%25").replace('/', "%2F");
                format!("postgres://{role}@{host}/{database}")
            }
            Address::Existing(url) => with_database(url, database),
        }
    }
}

impl Drop for Cluster {
    fn drop(&mut self) {
        let Some(mut watchdog) = self.watchdog.take() else { return };
        drop(watchdog.stdin.take());
        if let Err(error) = watchdog.wait() {
            assert!(std::thread::panicking(), "the watchdog of a cluster can't be waited for: {error}");
        }
    }
}

/// The folder with the server's programs: that of `initdb` in `PATH`, else the newest installed.
pub fn programs() -> Result<PathBuf, TestbedError> {
    let in_path = variable("PATH").unwrap_or_default();
    let mut folders: Vec<PathBuf> = std::env::split_paths(&in_path).collect();
    let mut installed: Vec<(u32, PathBuf)> = Vec::new();
    for entry in fs::read_dir(INSTALLED).into_iter().flatten().flatten() {
        if let Ok(version) = entry.file_name().to_string_lossy().parse() {
            installed.push((version, entry.path().join("bin")));
        }
    }
    installed.sort_by_key(|(version, _)| std::cmp::Reverse(*version));
    folders.extend(installed.into_iter().map(|(_, folder)| folder));
    let is_complete = |folder: &PathBuf| folder.join("initdb").is_file() && folder.join("pg_ctl").is_file();
    folders.into_iter().find(is_complete).ok_or(TestbedError::NotInstalled("initdb"))
}

/// A folder for temporary files whose name is short: a socket's path has at most 107 bytes.
pub(crate) fn short_temporary_folder() -> PathBuf {
    let folder = Some(std::env::temp_dir()).filter(|folder| folder.as_os_str().len() < 60);
    folder.unwrap_or_else(|| PathBuf::from("/tmp"))
}

fn new_folder() -> Result<PathBuf, TestbedError> {
    static FOLDERS: AtomicU32 = AtomicU32::new(0);
    let number = FOLDERS.fetch_add(1, Ordering::Relaxed);
    let folder = short_temporary_folder().join(format!("medcor-testbed-{}-{number}", std::process::id()));
    fs::create_dir(&folder).map_err(TestbedError::Folder)?;
    Ok(folder)
}

pub(crate) fn initialise(programs: &Path, account: Account, folder: &Path) -> Result<(), TestbedError> {
    let program = programs.join("initdb");
    let output = account
        .command(&program)
        .arg("-D")
        .arg(folder.join("data"))
        .args(["--username", SUPERUSER, "--auth", "trust", "--encoding", "UTF8", "--locale", "C"])
        .args(["--no-sync", "--no-instructions"])
        .output()
        .map_err(|source| TestbedError::Program { program: program.clone(), source })?;
    if output.status.success() {
        return Ok(());
    }
    Err(TestbedError::Failed { program, message: String::from_utf8_lossy(&output.stderr).into_owned() })
}

/// The server's settings.
pub(crate) fn options(folder: &Path, durability: Durability) -> String {
    let durable = match durability {
        Durability::Off => "-c fsync=off -c full_page_writes=off",
        Durability::On => "-c fsync=on -c synchronous_commit=on",
    };
    format!(
        "-c listen_addresses='' -c unix_socket_directories='{}' -c max_connections=300 {durable}",
        folder.display()
    )
}

/// Starts the watchdog and waits for its server.
pub(crate) fn wait_until_ready(
    programs: &Path,
    folder: &Path,
    command: &mut Command,
) -> Result<Child, TestbedError> {
    let error = |source| TestbedError::Program { program: PathBuf::from("/bin/sh"), source };
    command.stdout(Stdio::piped()).stderr(Stdio::null());
    let mut watchdog = command.spawn().map_err(error)?;
    let mut line = String::new();
    if let Some(output) = watchdog.stdout.take() {
        BufReader::new(output).read_line(&mut line).map_err(error)?;
    }
    if line.trim() == "ready" {
        return Ok(watchdog);
    }
    let message = fs::read_to_string(folder.join("log")).unwrap_or_default();
    Err(TestbedError::Failed { program: programs.join("pg_ctl"), message })
}

/// The URL with another database's name.
fn with_database(url: &str, database: &str) -> String {
    let (address, query) = url.split_once('?').map_or((url, None), |(address, query)| (address, Some(query)));
    let start = address.find("://").map_or(0, |position| position + 3);
    let end =
        address.get(start..).and_then(|rest| rest.find('/')).map_or(address.len(), |slash| start + slash);
    let server = address.get(..end).unwrap_or(address);
    match query {
        Some(query) => format!("{server}/{database}?{query}"),
        None => format!("{server}/{database}"),
    }
}

#[cfg(test)]
mod tests {
    use super::with_database;

    #[test]
    fn a_database_is_exchanged_in_a_url() {
        assert_eq!(
            with_database("postgres://a:b@host:5432/old?sslmode=require", "new"),
            "postgres://a:b@host:5432/new?sslmode=require"
        );
        assert_eq!(with_database("postgres://host", "new"), "postgres://host/new");
    }
}
