//! The example clients, each run as a newcomer runs it, against a clinic that is open: what it does is there
//! afterwards, and what its caller may not do is refused in the server's words.
//!
//! Node, its packages and Python are no part of the workspace. `.ci/run` installs them and makes their absence a
//! failure; where they are absent otherwise, these tests say so and test nothing.

mod javascript;
mod python;
mod typescript;

use std::{
    io::{BufRead, BufReader, Read},
    net::SocketAddr,
    path::{Path, PathBuf},
    process::{Child, ChildStdout, Command, Output, Stdio},
};

use medcor_policy::Role;
use serde_json::{Value, json};

use crate::support::{Clinic, patient, setting};

const FOLDER: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../examples");

/// The clock of these tests stands on a Wednesday.
pub(crate) const FRIDAY: &str = "2026-12-04";

/// A clinic with a patient, `ada`, and a cardiologist, `grace`, who has hours on every working day from nine.
pub(crate) async fn clinic() -> Clinic {
    let clinic = Clinic::start().await;
    clinic.put(patient("ada", ("Ada", "Lovelace"), "1985-03-15")).await;
    clinic.employ_cardiologist().await;
    for day in 0..5 {
        let hours =
            json!({ "provider": "grace", "day_of_week": day, "start_time": "09:00", "end_time": "12:00" });
        clinic.ok(Role::Receptionist, "create_appointment_slot", hours).await;
    }
    clinic
}

/// The appointments of `ada`.
async fn appointments(clinic: &Clinic) -> Vec<Value> {
    let mut found = clinic.ok(Role::Receptionist, "list_appointments", json!({ "patient": "ada" })).await;
    serde_json::from_value(found["results"].take()).unwrap()
}

/// How many patients have this family name.
async fn patients_called(clinic: &Clinic, family: &str) -> Value {
    let mut found = clinic.ok(Role::Receptionist, "search_patients", json!({ "query": family })).await;
    found["count"].take()
}

/// A program of the examples, as somebody.
struct Example {
    command: Command,
}

/// What became of it.
struct Ran {
    code: Option<i32>,
    output: String,
    errors: String,
}

/// One that goes on. It is ended with this value.
struct Running {
    child: Child,
    output: BufReader<ChildStdout>,
}

impl Example {
    fn new(program: impl AsRef<Path>, folder: &str, arguments: &[&str]) -> Self {
        let mut command = Command::new(program.as_ref());
        command.args(arguments).current_dir(Path::new(FOLDER).join(folder)).stdin(Stdio::null());
        command.env_remove("MEDCOR_URL").env_remove("MEDCOR_TOKEN").env("PYTHONDONTWRITEBYTECODE", "1");
        Self { command }
    }

    fn at(mut self, address: SocketAddr, token: &str) -> Self {
        self.command.env("MEDCOR_URL", format!("http://{address}")).env("MEDCOR_TOKEN", token);
        self
    }

    /// Runs it to its end; the server runs on this thread meanwhile.
    async fn run(mut self) -> Ran {
        let output = tokio::task::spawn_blocking(move || self.command.output()).await.unwrap();
        Ran::of(output.expect("the program runs"))
    }

    fn start(mut self) -> Running {
        let mut child =
            self.command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("it starts");
        let output = BufReader::new(child.stdout.take().expect("its output is piped"));
        Running { child, output }
    }
}

impl Ran {
    fn of(output: Output) -> Self {
        Self {
            code: output.status.code(),
            output: String::from_utf8(output.stdout).unwrap(),
            errors: String::from_utf8(output.stderr).unwrap(),
        }
    }

    /// What it printed, having done its work.
    #[track_caller]
    fn done(self) -> String {
        assert_eq!(self.code, Some(0), "{}\n{}", self.output, self.errors);
        self.output
    }

    /// What it said, having failed.
    #[track_caller]
    fn refused(self, code: &str) -> String {
        assert_eq!(self.code, Some(1), "{}\n{}", self.output, self.errors);
        assert!(self.errors.contains(&format!("{code}: ")), "{}", self.errors);
        self.errors
    }
}

impl Running {
    /// Its next line; the server runs on this thread meanwhile.
    async fn line(self) -> (Self, String) {
        let read = move || {
            let mut running = self;
            let mut line = String::new();
            running.output.read_line(&mut line).expect("its output is read");
            (running, line)
        };
        tokio::task::spawn_blocking(read).await.unwrap()
    }

    /// The rest of what it prints.
    async fn end(mut self) -> Ran {
        let end = move || {
            let (mut output, mut errors) = (String::new(), String::new());
            self.output.read_to_string(&mut output).expect("its output is read");
            let mut log = self.child.stderr.take().expect("its errors are piped");
            log.read_to_string(&mut errors).expect("its errors are read");
            let ended = self.child.wait().expect("it ends");
            Ran { code: ended.code(), output, errors }
        };
        tokio::task::spawn_blocking(end).await.unwrap()
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        if matches!(self.child.try_wait(), Ok(None)) {
            self.child.kill().expect("what runs can be ended");
        }
    }
}

/// Whether packages of Node were installed here; says so where they were not.
fn has_packages(folder: &str) -> bool {
    let is_there = Path::new(FOLDER).join(folder).join("node_modules").is_dir();
    if !is_there {
        assert!(
            setting("MEDCOR_REQUIRE_SDKS").is_none(),
            "examples/{folder}: its packages are not installed"
        );
        eprintln!("skipped: the packages of examples/{folder} are not installed (`npm ci` there)");
    }
    is_there
}

/// Python; `None`, after saying so, where there is none.
fn python() -> Option<PathBuf> {
    let program = PathBuf::from(setting("MEDCOR_SDK_PYTHON").unwrap_or_else(|| "python3".to_owned()));
    if Command::new(&program).arg("--version").output().is_ok() {
        return Some(program);
    }
    assert!(setting("MEDCOR_REQUIRE_SDKS").is_none(), "there is no Python");
    eprintln!("skipped: there is no Python");
    None
}
