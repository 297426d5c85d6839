//! A MedCor under test, from filling its database to its first answer.

use std::{
    cell::Cell,
    fs,
    io::{Read, Write},
    net::{TcpListener, TcpStream},
    path::{Path, PathBuf},
    process::Stdio,
    thread,
    time::{Duration, Instant},
};

use serde_json::{Value, json};

use super::{
    Failure,
    backend::{Backend, Engine},
    process::{self, Running},
    program::Programs,
};

/// Until a doctor logs in again: well within the life of an access token.
const LOGIN_EVERY: Duration = Duration::from_mins(10);
/// A server that is not ready by then is broken.
const READY_WITHIN: Duration = Duration::from_secs(30);
/// Between two questions whether it is ready.
const ASK_EVERY: Duration = Duration::from_millis(1);
/// Until a server that has started has given back what only its start needed.
const SETTLED_AFTER: Duration = Duration::from_secs(3);
/// Starts of which the median is taken.
const STARTS: usize = 5;

/// When answers leave.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum AuditDurability {
    /// After the disk has the audit row.
    Disk,
    /// After the operating system has it.
    OperatingSystem,
}

/// A running server, at which a doctor logs in.
#[derive(Debug)]
pub(super) struct Server<'b> {
    running: Running,
    pub(super) programs: &'b Programs,
    pub(super) backend: &'b Backend,
    pub(super) url: String,
    token_file: PathBuf,
    logged_in_at: Cell<Option<Instant>>,
    /// From starting its process to its first answer.
    ready_after: Duration,
}

impl<'b> Server<'b> {
    /// Starts it and waits until it is ready.
    pub(super) fn start(
        programs: &'b Programs,
        backend: &'b Backend,
        durability: AuditDurability,
    ) -> Result<Self, Failure> {
        Self::start_with(programs, backend, durability, &[])
    }

    /// The same with further arguments.
    pub(super) fn start_with(
        programs: &'b Programs,
        backend: &'b Backend,
        durability: AuditDurability,
        arguments: &[&str],
    ) -> Result<Self, Failure> {
        let token_file = backend.folder.join("token");
        let flag = match durability {
            AuditDurability::Disk => "disk",
            AuditDurability::OperatingSystem => "os",
        };
        let flags = [&["--audit-durability", flag, "--rate-limit", "off"], arguments].concat();
        let (running, address, ready_after) = serve(programs, backend, &flags)?;
        let url = format!("http://{address}/mcp");
        Ok(Self { running, programs, backend, url, token_file, logged_in_at: Cell::default(), ready_after })
    }

    /// A file with a token that is good for minutes. It is that of a doctor who logs in: the patients whom
    /// an agent looks at are counted.
    pub(super) fn token_file(&self) -> Result<&Path, Failure> {
        if self.logged_in_at.get().is_none_or(|at| at.elapsed() > LOGIN_EVERY) {
            fs::write(&self.token_file, token(self.backend, &self.url)?)?;
            self.logged_in_at.set(Some(Instant::now()));
        }
        Ok(&self.token_file)
    }

    pub(super) fn process(&self) -> u32 {
        self.running.id()
    }
}

/// Fills the database with patients who all have the same number of records; the seconds it took.
pub(super) fn seed(programs: &Programs, backend: &Backend, patients: u32) -> Result<f64, Failure> {
    let mut command = backend.command(programs, "seed");
    let finished = process::run(command.args(["--uniform", "--patients", &patients.to_string()]))?;
    Ok(finished.seconds)
}

/// The median time from starting a server on a filled database to its first answer.
pub(super) fn start_milliseconds(programs: &Programs, backend: &Backend) -> Result<f64, Failure> {
    let mut times = Vec::new();
    for _ in 0..STARTS {
        let server = Server::start(programs, backend, AuditDurability::Disk)?;
        times.push(server.ready_after.as_secs_f64() * 1000.0);
    }
    times.sort_by(f64::total_cmp);
    times.get(STARTS / 2).copied().ok_or_else(|| "no start was measured".into())
}

/// The memory of a server with the demonstration's data that nobody calls.
pub(super) fn idle_memory(programs: &Programs, folder: &Path) -> Result<Option<u64>, Failure> {
    let backend = Backend::open(Engine::Sqlite, programs, folder)?;
    // A server that has just made the data would be measured with what that took.
    drop(serve(programs, &backend, &["--demo"])?);
    let (running, _, _) = serve(programs, &backend, &[])?;
    thread::sleep(SETTLED_AFTER);
    Ok(process::memory(running.id()))
}

fn serve(
    programs: &Programs,
    backend: &Backend,
    flags: &[&str],
) -> Result<(Running, String, Duration), Failure> {
    let address = TcpListener::bind("127.0.0.1:0")?.local_addr()?.to_string();
    let log = fs::OpenOptions::new().create(true).append(true).open(backend.folder.join("log"))?;
    let mut command = backend.command(programs, "serve");
    command.args(["--listen", &address]).args(flags);
    let started = Instant::now();
    let mut running = Running::start(command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(log))?;
    while !is_ready(&address) {
        if let Some(status) = running.ended()? {
            let log = fs::read_to_string(backend.folder.join("log"))?;
            return Err(format!("the server ended with {status}: {log}").into());
        }
        if started.elapsed() > READY_WITHIN {
            return Err("the server does not get ready".into());
        }
        thread::sleep(ASK_EVERY);
    }
    Ok((running, address, started.elapsed()))
}

fn is_ready(address: &str) -> bool {
    let ask = || -> std::io::Result<String> {
        let mut stream = TcpStream::connect(address)?;
        stream.set_read_timeout(Some(Duration::from_secs(1)))?;
        write!(stream, "GET /health/readiness HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n")?;
        let mut answer = String::new();
        stream.read_to_string(&mut answer)?;
        Ok(answer)
    };
    ask().is_ok_and(|answer| answer.starts_with("HTTP/1.1 200"))
}

/// A token of a doctor of the hospital whose patients a benchmark has.
fn token(backend: &Backend, url: &str) -> Result<String, Failure> {
    let credentials: Value =
        serde_json::from_slice(&fs::read(backend.folder.join("demo-credentials.json"))?)?;
    let users = credentials["users"].as_array().ok_or("the credentials name no users")?;
    let doctor = users.iter().find(|user| user["role"] == "doctor" && user["hospital"] == "lakeside");
    let doctor = doctor.ok_or("the hospital has no doctor")?;
    let body = json!({ "email": doctor["email"], "password": doctor["password"] }).to_string();
    let address = url.trim_start_matches("http://").trim_end_matches("/mcp");
    let mut stream = TcpStream::connect(address)?;
    stream.set_read_timeout(Some(READY_WITHIN))?;
    let head = format!(
        "POST /api/auth/login/ HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\
         Content-Type: application/json\r\nContent-Length: {}",
        body.len()
    );
    write!(stream, "{head}\r\n\r\n{body}")?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer)?;
    let (_, body) = answer.split_once("\r\n\r\n").ok_or("the login is no answer")?;
    let issued: Value = serde_json::from_str(body)?;
    let token = issued["access_token"].as_str().or(issued["access"].as_str());
    Ok(token.ok_or_else(|| format!("the doctor can't log in: {body}"))?.to_owned())
}
