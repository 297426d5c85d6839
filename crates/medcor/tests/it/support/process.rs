//! The doors: of a region in this process, and of the program itself in another.

use std::{
    io::{BufRead, BufReader, Read},
    net::SocketAddr,
    path::Path,
    process::{Child, Command, Stdio},
    thread::{self, JoinHandle},
    time::{Duration, Instant},
};

use tokio::{net::TcpListener, sync::oneshot};
use tokio_util::sync::CancellationToken;

use super::{http::Client, region::Region, setting};

/// A region's doors, open until it is dropped.
pub(crate) struct Doors {
    pub(crate) address: SocketAddr,
    stop: CancellationToken,
}

impl Doors {
    pub(crate) async fn open(region: &Region) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let address = listener.local_addr().expect("a bound listener has an address");
        let stop = CancellationToken::new();
        tokio::spawn(medcor::door::serve(vec![listener], region.door_state(), stop.clone()));
        Self { address, stop }
    }

    pub(crate) async fn client(&self, token: &str) -> Client {
        Client::connect(self.address, token).await.expect("the door is open")
    }
}

impl Drop for Doors {
    fn drop(&mut self) {
        self.stop.cancel();
    }
}

/// The program that the tests were built with, or the one that `MEDCOR_PROGRAM` names: a release build, for proofs that
/// judge times.
fn program() -> String {
    setting("MEDCOR_PROGRAM").unwrap_or_else(|| env!("CARGO_BIN_EXE_medcor").to_owned())
}

/// Where a program keeps its data.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Place<'p> {
    pub(crate) folder: &'p Path,
    /// PostgreSQL, else SQLite in the folder.
    pub(crate) database_url: Option<&'p str>,
}

impl Place<'_> {
    /// The program with these arguments, which finds nothing of its settings in the environment but that a
    /// token may live for a day: some tests are long.
    pub(crate) fn command(&self, arguments: &[&str]) -> Command {
        self.command_of(&program(), arguments)
    }

    /// The same of another build of the program.
    pub(crate) fn command_of(&self, program: &str, arguments: &[&str]) -> Command {
        let mut command = Command::new(program);
        command.args(arguments).arg("--data").arg(self.folder);
        if let Some(url) = self.database_url {
            command.args(["--database-url", url]);
        }
        command.env_clear().env("MEDCOR_TOKEN_LIFETIME_SECONDS", "86400").stdin(Stdio::null());
        command
    }

    /// Runs a command to its end and gives what it prints.
    pub(crate) fn run(&self, arguments: &[&str]) -> String {
        let output = self.command(arguments).output().expect("the program runs");
        let errors = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "medcor {arguments:?} ended with {}: {errors}", output.status);
        String::from_utf8(output.stdout).expect("the program prints UTF-8")
    }
}

/// The program, serving. It is killed with this value.
pub(crate) struct Program {
    pub(crate) address: SocketAddr,
    /// From the start of the process to the first answer that it is ready.
    pub(crate) ready_after: Duration,
    child: Child,
    log: Option<JoinHandle<String>>,
}

impl Program {
    pub(crate) async fn start(place: Place<'_>, arguments: &[&str]) -> Self {
        Self::start_as(&program(), place, arguments).await
    }

    /// Starts another build of the program.
    pub(crate) async fn start_as(program: &str, place: Place<'_>, arguments: &[&str]) -> Self {
        let started = Instant::now();
        let mut command = place.command_of(program, &["serve", "--listen", "127.0.0.1:0"]);
        // Loads of tests are not what the limits are for.
        command.args(["--rate-limit", "off"]).args(arguments).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().expect("the program starts");
        let mut errors = child.stderr.take().expect("the log is piped");
        let log = thread::spawn(move || {
            let mut text = Vec::new();
            errors.read_to_end(&mut text).expect("the log is read");
            String::from_utf8_lossy(&text).into_owned()
        });
        let (send, line) = oneshot::channel();
        let output = BufReader::new(child.stdout.take().expect("the output is piped"));
        thread::spawn(move || {
            let mut lines = output.lines().map_while(Result::ok);
            let first = lines.next().unwrap_or_default();
            // The rest of what it prints for people has to go somewhere.
            send.send(first).is_ok().then(|| lines.for_each(drop))
        });
        let line = line.await.expect("the output is read");
        let Some(address) = address_in(&line) else {
            panic!("the server printed `{line}` and logged {}", log.join().unwrap_or_default());
        };
        let mut client = Client::connect(address, "").await.expect("the server listens");
        let response = client.send("GET", "/health/readiness", "", b"").await.expect("the server answers");
        assert_eq!(response.status, 200, "{}", response.text());
        Self { address, ready_after: started.elapsed(), child, log: Some(log) }
    }

    pub(crate) async fn client(&self, token: &str) -> Client {
        Client::connect(self.address, token).await.expect("the server listens")
    }

    /// The memory that it holds; `None` where the system does not say.
    pub(crate) fn resident_kib(&self) -> Option<u64> {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.child.id())).ok()?;
        let line = status.lines().find(|line| line.starts_with("VmRSS:"))?;
        line.split_whitespace().nth(1)?.parse().ok()
    }

    /// Sends SIGKILL, waits until the process is gone and gives what it logged.
    pub(crate) fn kill(mut self) -> String {
        self.end();
        let log = self.log.take().expect("the log is taken once");
        log.join().expect("the log is read to its end")
    }

    fn end(&mut self) {
        self.child.kill().expect("the process can be killed");
        self.child.wait().expect("the process ends");
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        if self.log.is_some() {
            self.end();
        }
    }
}

/// The address in `MedCor 0.1.0 is ready: http://127.0.0.1:40123`.
fn address_in(line: &str) -> Option<SocketAddr> {
    line.split_once("http://")?.1.trim().parse().ok()
}
