//! How fast records come in: an export of the measured database, imported into an empty one.

use std::{
    fs::{self, File},
    io::{BufRead, BufReader},
    path::PathBuf,
};

use super::{
    Failure,
    backend::{Backend, Engine},
    process,
    program::Programs,
};
use crate::report as tell;

/// NDJSON files with records.
#[derive(Debug)]
pub(super) struct Exported {
    folder: PathBuf,
    resources: usize,
}

/// How an import went.
#[derive(Debug)]
pub(super) struct Import {
    pub(super) resources: usize,
    pub(super) seconds: f64,
    pub(super) memory_max_kib: Option<u64>,
    /// Most memory of the last quarter over that of the second: 1 is flat.
    pub(super) memory_growth: Option<f64>,
}

impl Import {
    /// Its speed.
    #[expect(clippy::cast_precision_loss, reason = "shown without digits")]
    pub(super) fn resources_per_second(&self) -> f64 {
        self.resources as f64 / self.seconds
    }
}

/// Exports the hospital's records.
pub(super) fn export(programs: &Programs, backend: &Backend) -> Result<Exported, Failure> {
    let folder = backend.folder.with_file_name("exported");
    tell("exporting");
    process::run(backend.command(programs, "export").arg(&folder).args(["--tenant", "lakeside"]))?;
    let mut resources = 0;
    for file in fs::read_dir(&folder)? {
        resources += BufReader::new(File::open(file?.path())?).split(b'\n').count();
    }
    Ok(Exported { folder, resources })
}

/// Imports them into an empty database of this kind.
pub(super) fn import(programs: &Programs, engine: Engine, exported: &Exported) -> Result<Import, Failure> {
    tell(&format!("{}: importing {} resources", engine.name(), exported.resources));
    let folder = exported.folder.with_file_name(format!("{}-import", engine.name()));
    let backend = Backend::open(engine, programs, &folder)?;
    process::run(backend.command(programs, "tenant").args([
        "add",
        "lakeside",
        "--name",
        "Lakeside Hospital",
    ]))?;
    let mut command = backend.command(programs, "import");
    let finished = process::run(command.args(["--tenant", "lakeside"]).arg(&exported.folder))?;
    let memory = &finished.memory_kib;
    let most = |from: usize, to: usize| {
        memory.get(memory.len() * from / 4..memory.len() * to / 4)?.iter().max().copied()
    };
    let growth = most(3, 4).zip(most(1, 2)).map(|(late, early)| ratio(late, early));
    Ok(Import {
        resources: exported.resources,
        seconds: finished.seconds,
        memory_max_kib: most(0, 4),
        memory_growth: growth,
    })
}

#[expect(clippy::cast_precision_loss, reason = "shown with two digits")]
fn ratio(part: u64, whole: u64) -> f64 {
    part as f64 / whole.max(1) as f64
}
