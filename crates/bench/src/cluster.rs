//! A PostgreSQL of its own for a benchmark: it lasts as long as this program's standard input.

use std::{
    io::{self, Read, Write},
    process::ExitCode,
};

use medcor_testbed::{Cluster, Durability, TestbedError};
use serde::Serialize;

/// What the benchmark needs to know about it.
#[derive(Debug, Serialize)]
struct Announcement<'a> {
    /// URL of an empty database, for its owner.
    url: &'a str,
    /// The server's process.
    process: Option<u32>,
}

fn main() -> ExitCode {
    match run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            complain(&error);
            ExitCode::FAILURE
        }
    }
}

fn run() -> Result<(), TestbedError> {
    let cluster = Cluster::start(Durability::On)?;
    let database = cluster.database()?;
    let announcement = Announcement { url: database.url(), process: process(&cluster) };
    let line = serde_json::to_string(&announcement).expect("texts and numbers are JSON");
    let mut output = io::stdout();
    writeln!(output, "{line}").and_then(|()| output.flush()).map_err(TestbedError::Folder)?;
    io::stdin().read_to_end(&mut Vec::new()).map_err(TestbedError::Folder)?;
    Ok(())
}

/// The first line of `postmaster.pid` is the server's process.
fn process(cluster: &Cluster) -> Option<u32> {
    let path = cluster.socket_folder()?.join("data/postmaster.pid");
    std::fs::read_to_string(path).ok()?.lines().next()?.trim().parse().ok()
}

#[expect(clippy::print_stderr, reason = "a program of its own has no log")]
fn complain(error: &TestbedError) {
    eprintln!("{error}");
}
