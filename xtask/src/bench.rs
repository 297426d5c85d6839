//! `cargo xtask bench`: how fast the release build is beside ceilings measured in the same run, on both
//! databases, and whether the project's targets are met. `docs/benchmark.md` says how to read it.

mod backend;
mod call;
mod disk;
mod fan;
mod load;
mod option;
mod process;
mod program;
mod report;
mod round;
mod server;
mod target;
mod transfer;

use std::{error::Error, fs, path::Path};

use crate::report as tell;
use backend::{Backend, Engine};
use call::Name;
use option::Options;
use program::Programs;
use report::{Figures, Results};
use server::Server;

pub(crate) use option::USAGE;

type Failure = Box<dyn Error>;

/// Measures, and prints the tables on standard output. Fails when an answer was wrong, never because a
/// target was missed: figures of a shared machine are for people to judge.
pub(crate) fn run(arguments: &[String]) -> Result<(), Failure> {
    let options = Options::parse(arguments)?;
    let programs = match &options.programs {
        Some(folder) => Programs::of_folder(folder)?,
        None => Programs::build()?,
    };
    let folder = options.data_folder();
    if folder.exists() {
        return Err(
            format!("{} is there already: remove it, or name another --folder", folder.display()).into()
        );
    }
    fs::create_dir_all(&folder)?;
    let measured = measure_all(&options, &programs, &folder);
    if !options.keeps_data {
        fs::remove_dir_all(&folder)?;
    }
    let results = measured?;
    report::print(&options, &results);
    match results.wrong_answers() {
        0 => Ok(()),
        count => Err(format!("{count} answers were wrong, the figures don't count").into()),
    }
}

fn measure_all(options: &Options, programs: &Programs, folder: &Path) -> Result<Results, Failure> {
    let idle_memory_kib = server::idle_memory(programs, &folder.join("demonstration"))?;
    let mut results = Results { idle_memory_kib, engines: Vec::new(), growth: None };
    let mut exported = None;
    for engine in &options.engines {
        let backend = Backend::open(*engine, programs, &folder.join(engine.name()))?;
        let figures = measure(options, programs, &backend, &mut exported)?;
        results.engines.push(figures);
    }
    if options.measures_growth {
        let engine = *options.engines.first().ok_or("no engine is measured")?;
        let backend = Backend::open(engine, programs, &folder.join("growth"))?;
        results.growth = Some(grown(options, programs, &backend)?);
    }
    Ok(results)
}

/// Everything about one database.
fn measure(
    options: &Options,
    programs: &Programs,
    backend: &Backend,
    exported: &mut Option<transfer::Exported>,
) -> Result<Figures, Failure> {
    let engine = backend.engine;
    tell(&format!("{}: filling it with {} patients", engine.name(), options.patients));
    let seeding = server::seed(programs, backend, options.patients)?;
    tell(&format!("{}: {seeding:.1} s", engine.name()));
    let start = server::start_milliseconds(programs, backend)?;
    let server = Server::start(programs, backend, server::AuditDurability::Disk)?;
    let known = call::Known::ask(&server, options.patients)?;
    let rounds = round::measure(options, &server, &known)?;
    let fsync = disk::fdatasync(&backend.folder)?;
    let lone_without_disk = {
        drop(server);
        let server = Server::start(programs, backend, server::AuditDurability::OperatingSystem)?;
        round::lone_caller(options, &server, &known)?
    };
    let fan = fan::measure(programs, backend)?;
    let insert_rate = match engine {
        Engine::Sqlite => None,
        Engine::Postgres => Some(backend.insert_rate(options.seconds)?),
    };
    let import = match exported {
        _ if !options.measures_import => None,
        Some(exported) => Some(transfer::import(programs, engine, exported)?),
        None => {
            let exported = exported.insert(transfer::export(programs, backend)?);
            Some(transfer::import(programs, engine, exported)?)
        }
    };
    Ok(Figures { engine, rounds, fsync, lone_without_disk, fan, insert_rate, import, start, seeding })
}

/// The same calls on ten times the patients.
fn grown(options: &Options, programs: &Programs, backend: &Backend) -> Result<round::Rounds, Failure> {
    let patients = options.patients.saturating_mul(10);
    tell(&format!("growth: filling {} with {patients} patients", backend.engine.name()));
    server::seed(programs, backend, patients)?;
    let server = Server::start(programs, backend, server::AuditDurability::Disk)?;
    let known = call::Known::ask(&server, patients)?;
    let options = Options { connections: vec![16], patients, ..options.clone() };
    round::measure_calls(&options, &server, &known, &Name::ALL)
}
