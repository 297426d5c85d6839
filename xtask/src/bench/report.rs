//! The tables: what was measured, and the targets beside it.

use std::time::Duration;

use super::{
    backend::Engine,
    fan::{self, Fan},
    option::Options,
    round::{Rounds, Row},
    target,
    transfer::Import,
};

/// Everything that was measured.
#[derive(Debug)]
pub(super) struct Results {
    /// Memory of a server with the demonstration's data that nobody calls.
    pub(super) idle_memory_kib: Option<u64>,
    pub(super) engines: Vec<Figures>,
    /// The first engine with ten times the patients.
    pub(super) growth: Option<Rounds>,
}

/// What was measured of one database.
#[derive(Debug)]
pub(super) struct Figures {
    pub(super) engine: Engine,
    pub(super) rounds: Rounds,
    /// One fdatasync in the database's folder.
    pub(super) fsync: Duration,
    /// Median milliseconds of a lone `get_patient` that does not wait for the disk.
    pub(super) lone_without_disk: f64,
    pub(super) fan: Fan,
    /// Rows a second that pgbench inserts.
    pub(super) insert_rate: Option<f64>,
    /// `None` when it was left out.
    pub(super) import: Option<Import>,
    /// Milliseconds from starting the process to its first answer.
    pub(super) start: f64,
    /// Seconds that filling took.
    pub(super) seeding: f64,
}

impl Results {
    /// Answers that were not what was asked for.
    pub(super) fn wrong_answers(&self) -> u64 {
        let rounds = self.engines.iter().map(|figures| &figures.rounds).chain(&self.growth);
        rounds.flat_map(|rounds| &rounds.rows).flat_map(|row| &row.measurements).map(|span| span.errors).sum()
    }
}

/// Prints everything as Markdown.
#[expect(clippy::print_stdout, reason = "the tables are what the task is for")]
pub(super) fn print(options: &Options, results: &Results) {
    println!("# Benchmark\n");
    println!(
        "{} patients, {} s a measurement, median of {} rounds, {} processors. Compare ratios, not rates.",
        options.patients,
        options.seconds,
        options.rounds,
        std::thread::available_parallelism().map_or(0, usize::from)
    );
    for figures in &results.engines {
        println!("\n## {}\n\n{}\n\n{}", figures.engine.name(), table(&figures.rounds), facts(figures));
    }
    if let Some(growth) = &results.growth {
        println!("\n## Ten times the patients\n\n{}", table(growth));
    }
    println!("\n## Targets\n\n{}", targets(results));
}

fn table(rounds: &Rounds) -> String {
    let mut lines = vec![
        "| call | connections | calls/s | of ceiling | p50 ms | p95 ms | p99 ms | server CPU µs | database CPU µs | generator CPU µs | answer bytes | memory MiB | wrong |"
            .to_owned(),
        "|---|---:|---:|---:|---:|---:|---:|---:|---:|---:|---:|---:|---:|".to_owned(),
    ];
    lines.extend(rounds.rows.iter().map(line));
    lines.join("\n")
}

fn line(row: &Row) -> String {
    let wrong: u64 = row.measurements.iter().map(|span| span.errors).sum();
    let memory_kib = row.measurements.iter().filter_map(|span| span.server_memory_max_kib).max();
    let known = |figure: Option<f64>| figure.map_or_else(|| "–".to_owned(), |figure| format!("{figure:.1}"));
    let cells = [
        row.name.map_or("*ceiling*", |name| name.text()).to_owned(),
        row.connections.to_string(),
        format!("{:.0}", row.median(|span| span.calls_per_second)),
        row.share_of_ceiling().map_or_else(|| "–".to_owned(), |share| format!("{share:.2}")),
        format!("{:.2}", row.median(|span| span.p50_ms)),
        format!("{:.2}", row.median(|span| span.p95_ms)),
        format!("{:.2}", row.median(|span| span.p99_ms)),
        known(row.median_known(|span| span.server_cpu_us)),
        known(row.median_known(|span| span.database_cpu_us)),
        known(row.median_known(|span| span.generator_cpu_us)),
        format!("{:.0}", row.median(|span| span.answer_bytes)),
        memory_kib.map_or_else(|| "–".to_owned(), |kib| (kib / 1024).to_string()),
        wrong.to_string(),
    ];
    format!("| {} |", cells.join(" | "))
}

fn facts(figures: &Figures) -> String {
    let mut facts = vec![
        format!("- filled in {:.1} s", figures.seeding),
        format!("- start to the first answer: {:.0} ms", figures.start),
        format!(
            "- lone get_patient that does not wait for the disk: {:.2} ms; one fdatasync in the same folder: {:.2} ms",
            figures.lone_without_disk,
            figures.fsync.as_secs_f64() * 1000.0
        ),
    ];
    let fan = &figures.fan;
    facts.push(format!(
        "- {} streams of events hear of {} changes, {} times one does not: {:.1} ms after the answer (p99 {:.1}), all of \
         them after {:.1} ms (at most {:.1}); {:.1} µs of CPU for each stream and change, at most {} MiB",
        fan::STREAMS,
        fan.writes,
        fan.missing,
        fan.p50_ms,
        fan.p99_ms,
        fan.last_p50_ms,
        fan.last_max_ms,
        fan.server_cpu_us.unwrap_or(0.0),
        fan.server_memory_max_kib.unwrap_or(0) / 1024
    ));
    if let Some(rate) = figures.insert_rate {
        facts.push(format!("- pgbench, 16 clients, one row a transaction: {rate:.0} rows/s"));
    }
    if let Some(import) = &figures.import {
        facts.push(format!(
            "- import: {} resources in {:.1} s, {:.0} a second, at most {} MiB",
            import.resources,
            import.seconds,
            import.resources_per_second(),
            import.memory_max_kib.unwrap_or(0) / 1024
        ));
    }
    facts.join("\n")
}

fn targets(results: &Results) -> String {
    let mut lines =
        vec!["| database | work | target | measured | |".to_owned(), "|---|---|---|---:|---|".to_owned()];
    for verdict in target::verdicts(results) {
        let result = match verdict.is_met {
            Some(true) => "met",
            Some(false) => "**missed**",
            None => "not measured",
        };
        let measured = verdict.measured.unwrap_or_default();
        lines.push(format!(
            "| {} | {} | {} | {measured} | {result} |",
            verdict.engine, verdict.work, verdict.target
        ));
    }
    lines.join("\n")
}
