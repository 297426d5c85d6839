//! What is to be reached, and whether it was.

use super::{
    backend::Engine,
    call::{BATCHED, Name},
    report::{Figures, Results},
    round::{BUSY, LONE, Rounds, Row},
};

/// One figure beside its target.
#[derive(Debug)]
pub(super) struct Verdict {
    pub(super) engine: &'static str,
    pub(super) work: String,
    pub(super) target: String,
    pub(super) measured: Option<String>,
    pub(super) is_met: Option<bool>,
}

/// The reads.
const READS: [Name; 3] = [Name::GetPatient, Name::SearchPatients, Name::GetVitalSigns];
const KIB_PER_MIB: f64 = 1024.0;

/// Every target with what was measured.
pub(super) fn verdicts(results: &Results) -> Vec<Verdict> {
    let mut verdicts = Vec::new();
    for figures in &results.engines {
        let mut judge = Judge { engine: figures.engine.name(), verdicts: &mut verdicts };
        match figures.engine {
            Engine::Sqlite => judge.sqlite(figures),
            Engine::Postgres => {
                let sqlite = results.engines.iter().find(|other| other.engine == Engine::Sqlite);
                judge.postgres(figures, sqlite);
            }
        }
        judge.either(figures);
    }
    let mut judge = Judge { engine: "sqlite", verdicts: &mut verdicts };
    judge.at_most(
        "memory idle with the demonstration's data",
        40.0,
        "MiB",
        results.idle_memory_kib.map(mebibytes),
    );
    let first = results.engines.first();
    if let (Some(grown), Some(first)) = (&results.growth, first) {
        judge.engine = first.engine.name();
        judge.growth(&first.rounds, grown);
    }
    verdicts
}

struct Judge<'v> {
    engine: &'static str,
    verdicts: &'v mut Vec<Verdict>,
}

impl Judge<'_> {
    fn sqlite(&mut self, figures: &Figures) {
        for (connections, cpu_us_max) in [(BUSY, 58.0), (128, 52.0)] {
            let row = figures.rounds.row(Some(Name::GetPatient), connections);
            let work = format!("get_patient, {connections} connections");
            self.at_least(&work, 0.6, "of the ceiling", row.and_then(Row::share_of_ceiling));
            self.at_most(&work, cpu_us_max, "µs CPU", row.and_then(cpu));
        }
        for (name, cpu_us_max) in [
            (Name::SearchPatients, 100.0),
            (Name::GetVitalSigns, 150.0),
            (Name::RecordVitalSigns, 200.0),
            (Name::ToolsList, 40.0),
        ] {
            let row = figures.rounds.row(Some(name), BUSY);
            self.at_most(
                &format!("{}, {BUSY} connections", name.text()),
                cpu_us_max,
                "µs CPU",
                row.and_then(cpu),
            );
        }
        let of = |name| figures.rounds.row(Some(name), BUSY).and_then(cpu);
        let times = of(Name::Prescribe).zip(of(Name::RecordVitalSigns)).map(|(one, other)| one / other);
        self.at_most("prescribing with all checks", 3.0, "times recording a vital sign", times);
        let writes = figures.rounds.row(Some(Name::RecordVitalSigns), BUSY);
        self.at_least("record_vital_signs, 16 connections", 1500.0, "calls/s", writes.map(rate));
        self.guards(&figures.rounds);
        self.doors(&figures.rounds);
        self.lone_caller(figures);
    }

    /// A call that validation refuses has passed every guard and left its audit row, but read nothing. What it
    /// costs more than a page without a caller is the guards, and MCP's own framing.
    fn guards(&mut self, rounds: &Rounds) {
        let of = |name| rounds.row(Some(name), BUSY).and_then(cpu);
        let guards = of(Name::Refused).zip(of(Name::Page)).map(|(refused, page)| refused - page);
        self.at_most("auth, policy, validation, audit (refused call less a page)", 25.0, "µs CPU", guards);
    }

    /// REST carries what MCP carries, in a smaller envelope; a batch shares the request, the caller and the wait
    /// for the trail.
    fn doors(&mut self, rounds: &Rounds) {
        let rate_of = |name| rounds.row(Some(name), BUSY).map(rate);
        let share = rate_of(Name::Rest).zip(rate_of(Name::GetPatient)).map(|(rest, mcp)| rest / mcp);
        self.at_least("get_patient by REST, 16 connections", 0.85, "of MCP over HTTP", share);
        for connections in [LONE, BUSY] {
            let cost_of = |name| rounds.row(Some(name), connections).and_then(cpu);
            let times = cost_of(Name::Rest).zip(cost_of(Name::Batch));
            let times = times.map(|(rest, batch)| f64::from(BATCHED) * rest / batch);
            let work = format!("a batch of ten beside ten calls, {connections} connections");
            self.at_least(&work, 4.0, "times cheaper in CPU", times);
        }
        let lone = |name| rounds.row(Some(name), LONE).map(rate);
        let times = lone(Name::Batch).zip(lone(Name::Rest));
        let times = times.map(|(batch, rest)| f64::from(BATCHED) * batch / rest);
        self.at_least("calls a second of one caller in batches of ten", 4.0, "times those alone", times);
        let times = rate_of(Name::Batch).zip(rate_of(Name::Rest));
        let times = times.map(|(batch, rest)| f64::from(BATCHED) * batch / rest);
        self.at_least("calls a second in batches of ten", 4.0, "times those alone", times);
    }

    /// The same server answers one caller with and without waiting for the disk: the difference is to be
    /// one fsync.
    fn lone_caller(&mut self, figures: &Figures) {
        let waiting = figures.rounds.row(Some(Name::GetPatient), 1).map(|row| row.median(|span| span.p50_ms));
        let fsync_ms = figures.fsync.as_secs_f64() * 1000.0;
        let fsyncs = waiting.map(|waiting| (waiting - figures.lone_without_disk) / fsync_ms.max(0.001));
        self.at_most("one lone caller waits for the disk", 1.3, "fdatasync", fsyncs);
    }

    fn postgres(&mut self, figures: &Figures, sqlite: Option<&Figures>) {
        for name in READS {
            for connections in [BUSY, 128] {
                let of = |figures: &Figures| figures.rounds.row(Some(name), connections).map(rate);
                let share = of(figures).zip(sqlite.and_then(of)).map(|(here, there)| here / there);
                self.at_least(
                    &format!("{}, {connections} connections", name.text()),
                    0.5,
                    "of SQLite",
                    share,
                );
            }
        }
        let writes = figures.rounds.row(Some(Name::RecordVitalSigns), BUSY).map(rate);
        let share = writes.zip(figures.insert_rate).map(|(writes, inserts)| writes / inserts);
        self.at_least("record_vital_signs, 16 connections", 0.5, "of pgbench's inserts", share);
    }

    fn either(&mut self, figures: &Figures) {
        let resources_per_second_min = match figures.engine {
            Engine::Sqlite => 10_000.0,
            Engine::Postgres => 5_000.0,
        };
        let import = figures.import.as_ref();
        let import_rate = import.map(super::transfer::Import::resources_per_second);
        self.at_least("import", resources_per_second_min, "resources/s", import_rate);
        self.at_most(
            "import, late memory over early",
            1.25,
            "times",
            import.and_then(|import| import.memory_growth),
        );
        self.at_most("start to the first answer", 100.0, "ms", Some(figures.start));
        let memory =
            figures.rounds.rows.iter().filter(|row| row.name.is_some()).flat_map(|row| &row.measurements);
        let memory_kib_max = memory.filter_map(|span| span.server_memory_max_kib).max();
        self.at_most("memory in all these runs", 200.0, "MiB", memory_kib_max.map(mebibytes));
    }

    fn growth(&mut self, before: &Rounds, grown: &Rounds) {
        for name in Name::ALL {
            let of = |rounds: &Rounds| rounds.row(Some(name), BUSY).and_then(cpu);
            let times = of(grown).zip(of(before)).map(|(grown, before)| grown / before);
            self.at_most(&format!("{} at ten times the patients", name.text()), 1.3, "times the CPU", times);
        }
    }

    fn at_most(&mut self, work: &str, most: f64, unit: &str, measured: Option<f64>) {
        let is_met = measured.map(|measured| measured <= most);
        self.add(work, format!("at most {most} {unit}"), measured, is_met);
    }

    fn at_least(&mut self, work: &str, least: f64, unit: &str, measured: Option<f64>) {
        let is_met = measured.map(|measured| measured >= least);
        self.add(work, format!("at least {least} {unit}"), measured, is_met);
    }

    fn add(&mut self, work: &str, target: String, measured: Option<f64>, is_met: Option<bool>) {
        let shown = |figure: f64| if figure < 10.0 { format!("{figure:.2}") } else { format!("{figure:.0}") };
        let measured = measured.map(shown);
        self.verdicts.push(Verdict { engine: self.engine, work: work.to_owned(), target, measured, is_met });
    }
}

fn cpu(row: &Row) -> Option<f64> {
    row.median_known(|span| span.server_cpu_us)
}

fn rate(row: &Row) -> f64 {
    row.median(|span| span.calls_per_second)
}

#[expect(clippy::cast_precision_loss, reason = "shown without digits")]
fn mebibytes(kib: u64) -> f64 {
    kib as f64 / KIB_PER_MIB
}
