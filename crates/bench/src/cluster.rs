//! A PostgreSQL of its own for a benchmark: it lasts as long as this program's standard input.

use std::{
    io::{self, Read, Write},
    path::{Path, PathBuf},
    process::ExitCode,
};

use medcor_testbed::{Cluster, Durability, TestbedError};
use serde::Serialize;

/// What the benchmark needs to know about it.
#[derive(Debug, Serialize)]
struct Announcement<'a> {
    /// URL of an empty database, for its owner.
    url: &'a str,
    /// The name of that database.
    database: &'a str,
    /// The server's process.
    process: Option<u32>,
    /// The folder of the server's socket.
    socket_folder: Option<&'a Path>,
    /// The folder with PostgreSQL's programs.
    programs: PathBuf,
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
    let announcement = Announcement {
        url: database.url(),
        database: database.name(),
        process: process(&cluster),
        socket_folder: cluster.socket_folder(),
        programs: programs()?,
    };
    let line = serde_json::to_string(&announcement).expect("texts and numbers are JSON");
    let mut output = io::stdout();
    writeln!(output, "{line}").and_then(|()| output.flush()).map_err(TestbedError::Folder)?;
    io::stdin().read_to_end(&mut Vec::new()).map_err(TestbedError::Folder)?;
    Ok(())
}

/// Where all of PostgreSQL's programs are: what is in `PATH` may be links to some of them.
fn programs() -> Result<PathBuf, TestbedError> {
    let folder = medcor_testbed::programs()?;
    let initdb = std::fs::canonicalize(folder.join("initdb")).map_err(TestbedError::Folder)?;
    Ok(initdb.parent().map_or(folder, Path::to_path_buf))
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
