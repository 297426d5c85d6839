//! How long it takes until many streams of events have heard of a change.

use std::{fmt::Write, fs, process::Command};

use serde::Deserialize;

use super::{
    Failure,
    backend::Backend,
    process,
    program::Programs,
    server::{AuditDurability, Server},
};
use crate::report as tell;

/// Streams.
pub(super) const STREAMS: usize = 1000;
/// Streams of events that one caller may have open.
const STREAMS_PER_CALLER: usize = 16;
/// Connections besides streams.
const PLACES_MORE: usize = 24;

/// What the generator reports.
#[derive(Debug, Clone, Deserialize)]
pub(super) struct Fan {
    pub(super) writes: u32,
    pub(super) missing: usize,
    pub(super) p50_ms: f64,
    pub(super) p99_ms: f64,
    pub(super) last_p50_ms: f64,
    pub(super) last_max_ms: f64,
    pub(super) server_cpu_us: Option<f64>,
    pub(super) server_memory_max_kib: Option<u64>,
}

/// Measures it on a server with places for all of them, each of whom is a nurse of the hospital.
pub(super) fn measure(programs: &Programs, backend: &Backend) -> Result<Fan, Failure> {
    tell(&format!("{}: {STREAMS} streams of events", backend.engine.name()));
    let settings = backend.folder.join("fan.toml");
    let places = STREAMS + PLACES_MORE;
    fs::write(
        &settings,
        format!("connections_max = \"{places}\"\nconnections_per_network = \"{places}\"\n"),
    )?;
    let config = settings.to_str().ok_or("the folder's name is no text")?;
    let emails: Vec<String> = (0..STREAMS.div_ceil(STREAMS_PER_CALLER))
        .map(|number| format!("fan{number}@lakeside.example"))
        .collect();
    for email in &emails {
        let mut command = backend.command(programs, "user");
        command.args(["add", "--email", email, "--role", "nurse", "--tenant", "lakeside"]);
        process::run(&mut command)?;
    }
    let server = Server::start_with(programs, backend, AuditDurability::Disk, &["--config", config])?;
    let root = server.url.trim_end_matches("mcp");
    let mut tokens = String::new();
    for email in &emails {
        let mut command = backend.command(programs, "token");
        command.args(["--user", email, "--public-url", root.trim_end_matches('/')]);
        writeln!(tokens, "{}", process::run(&mut command)?.output.trim())?;
    }
    let subscribers = backend.folder.join("subscribers");
    fs::write(&subscribers, tokens)?;
    let mut command = Command::new(&programs.fan);
    command.args(["--json", "--url", root, "--patient", "MRN000000", "--streams", &STREAMS.to_string()]);
    command.arg("--subscribers-file").arg(&subscribers).arg("--bearer-file").arg(server.token_file()?);
    let output = command.args(["--server", &server.process().to_string()]).output()?;
    serde_json::from_slice(&output.stdout).map_err(|error| {
        let said = String::from_utf8_lossy(&output.stderr);
        format!("the generator says nothing of use ({error}): {said}").into()
    })
}
