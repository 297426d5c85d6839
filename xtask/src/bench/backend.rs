//! The databases under test: a file, or a PostgreSQL of its own that syncs every commit.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use serde::Deserialize;

use super::{Failure, process, process::Running, program::Programs};

/// Which database.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Engine {
    Sqlite,
    Postgres,
}

impl Engine {
    pub(super) fn named(name: &str) -> Option<Self> {
        [Self::Sqlite, Self::Postgres].into_iter().find(|engine| engine.name() == name)
    }

    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Sqlite => "sqlite",
            Self::Postgres => "postgres",
        }
    }
}

/// An empty database, and the data folder of servers on it.
#[derive(Debug)]
pub(super) struct Backend {
    pub(super) engine: Engine,
    pub(super) folder: PathBuf,
    cluster: Option<Cluster>,
}

#[derive(Debug)]
struct Cluster {
    running: Option<Running>,
    announcement: Announcement,
}

#[derive(Debug, Deserialize)]
struct Announcement {
    url: String,
    process: Option<u32>,
    programs: PathBuf,
    socket_folder: PathBuf,
    database: String,
}

/// Connections that insert at once.
const INSERTING: &str = "16";

impl Backend {
    pub(super) fn open(engine: Engine, programs: &Programs, folder: &Path) -> Result<Self, Failure> {
        fs::create_dir_all(folder)?;
        let cluster = match engine {
            Engine::Sqlite => None,
            Engine::Postgres => {
                let (running, line) = Running::announced(&mut Command::new(&programs.cluster))?;
                Some(Cluster { running: Some(running), announcement: serde_json::from_str(&line)? })
            }
        };
        Ok(Self { engine, folder: folder.to_owned(), cluster })
    }

    /// A `medcor` command on this database.
    pub(super) fn command(&self, programs: &Programs, name: &str) -> Command {
        let mut command = Command::new(&programs.medcor);
        command.arg(name).arg("--data").arg(&self.folder);
        if let Some(cluster) = &self.cluster {
            command.arg("--database-url").arg(&cluster.announcement.url);
        }
        command
    }

    /// The database's own process.
    pub(super) fn process(&self) -> Option<u32> {
        self.cluster.as_ref().and_then(|cluster| cluster.announcement.process)
    }

    /// Rows a second that PostgreSQL's own tool inserts one by one, each in a durable transaction.
    pub(super) fn insert_rate(&self, seconds: f64) -> Result<f64, Failure> {
        let Announcement { programs, socket_folder, database, .. } =
            &self.cluster.as_ref().ok_or("only PostgreSQL has pgbench")?.announcement;
        let connect = |name: &str| {
            let mut command = Command::new(programs.join(name));
            command.arg("--host").arg(socket_folder).args(["--username", "medcor"]);
            command
        };
        let table = "CREATE TABLE IF NOT EXISTS bench_row (id bigserial PRIMARY KEY, body text NOT NULL)";
        process::run(connect("psql").args([
            "--no-psqlrc",
            "--quiet",
            "--command",
            table,
            "--dbname",
            database,
        ]))?;
        let script = self.folder.join("insert.sql");
        fs::write(&script, "INSERT INTO bench_row (body) VALUES (repeat('x', 600));\n")?;
        let seconds = format!("{:.0}", seconds.max(2.0));
        let finished = process::run(
            connect("pgbench")
                .args(["--no-vacuum", "--client", INSERTING, "--time", &seconds, "--file"])
                .arg(&script)
                .arg(database),
        )?;
        let rate = finished.output.lines().find_map(|line| line.strip_prefix("tps = "));
        let rate = rate.and_then(|rest| rest.split(' ').next()?.parse().ok());
        rate.ok_or_else(|| format!("pgbench says no rate: {}", finished.output).into())
    }
}

impl Drop for Cluster {
    fn drop(&mut self) {
        let finished = self.running.take().map_or(Ok(()), Running::finish);
        assert!(finished.is_ok() || std::thread::panicking(), "the cluster can't be ended: {finished:?}");
    }
}
