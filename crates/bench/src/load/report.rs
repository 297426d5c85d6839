//! What was measured, for people and for programs.

use medcor_bench::{
    complain, percentile,
    process::{ProcessUsage, Usage},
    ratio,
};
use serde::Serialize;

use crate::caller::Window;

/// One measured span.
#[derive(Debug, Serialize)]
pub(crate) struct Report {
    connections: u16,
    seconds: f64,
    calls: usize,
    /// Wrong answers, those of the warm-up too.
    pub(crate) errors: u64,
    problems: Vec<String>,
    calls_per_second: f64,
    p50_ms: f64,
    p95_ms: f64,
    p99_ms: f64,
    max_ms: f64,
    answer_bytes: f64,
    /// CPU time of the server a call, in microseconds.
    server_cpu_us: Option<f64>,
    database_cpu_us: Option<f64>,
    generator_cpu_us: Option<f64>,
    server_memory_kib: Option<u64>,
    server_memory_max_kib: Option<u64>,
}

impl Report {
    pub(crate) fn new(connections: u16, window: Window, before: &Usage, after: &Usage) -> Self {
        let Window { duration, mut latencies, bytes, errors, problems } = window;
        latencies.sort_unstable();
        let calls = latencies.len();
        let cpu = |before: Option<ProcessUsage>, after: Option<ProcessUsage>| {
            let used = after?.cpu_nanoseconds.saturating_sub(before?.cpu_nanoseconds);
            Some(ratio(used, calls) / 1000.0)
        };
        Self {
            connections,
            seconds: duration.as_secs_f64(),
            calls,
            errors,
            problems,
            calls_per_second: ratio(calls as u64, 1) / duration.as_secs_f64().max(f64::EPSILON),
            p50_ms: percentile(&latencies, 50),
            p95_ms: percentile(&latencies, 95),
            p99_ms: percentile(&latencies, 99),
            max_ms: percentile(&latencies, 100),
            answer_bytes: ratio(bytes, calls),
            server_cpu_us: cpu(before.server, after.server),
            database_cpu_us: cpu(before.database, after.database),
            generator_cpu_us: cpu(before.generator, after.generator),
            server_memory_kib: before.server.map(|usage| usage.memory_kib),
            server_memory_max_kib: after.server.map(|usage| usage.memory_max_kib),
        }
    }

    #[expect(clippy::print_stdout, reason = "the report is this program's purpose")]
    pub(crate) fn print_json(&self) {
        println!("{}", serde_json::to_string(self).expect("numbers and texts are JSON"));
    }

    #[expect(clippy::print_stdout, reason = "the report is this program's purpose")]
    pub(crate) fn print_text(&self) {
        println!(
            "{} connections, {} calls in {:.1} s, {} wrong: {:.0} calls/s, {:.0} bytes each",
            self.connections, self.calls, self.seconds, self.errors, self.calls_per_second, self.answer_bytes
        );
        println!(
            "ms: p50 {:.3}, p95 {:.3}, p99 {:.3}, most {:.3}",
            self.p50_ms, self.p95_ms, self.p99_ms, self.max_ms
        );
        let figure =
            |figure: Option<f64>| figure.map_or_else(|| "?".to_owned(), |figure| format!("{figure:.1}"));
        println!(
            "µs of CPU a call: server {}, database {}, generator {}",
            figure(self.server_cpu_us),
            figure(self.database_cpu_us),
            figure(self.generator_cpu_us)
        );
        if let (Some(before), Some(most)) = (self.server_memory_kib, self.server_memory_max_kib) {
            println!("KiB of memory: before {before}, most {most}");
        }
        for problem in &self.problems {
            complain(problem);
        }
    }
}

/// Prints an answer as it came.
#[expect(clippy::print_stdout, reason = "asked for with --once")]
pub(crate) fn show(answer: &[u8]) {
    println!("{}", String::from_utf8_lossy(answer));
}
