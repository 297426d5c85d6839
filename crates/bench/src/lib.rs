//! What the programs that measure a server share: its address, connections to it, and what it uses.

pub mod connection;
pub mod process;
pub mod target;

use std::time::Duration;

/// The latency in milliseconds that this share of the measurements did not exceed, by nearest rank.
#[must_use]
pub fn percentile(sorted: &[Duration], percent: usize) -> f64 {
    let rank = (sorted.len() * percent).div_ceil(100).max(1);
    sorted.get(rank - 1).map_or(0.0, |latency| latency.as_secs_f64() * 1000.0)
}

/// A share, or a mean; of nothing it is of one.
#[must_use]
#[expect(clippy::cast_precision_loss, reason = "shown with three digits")]
pub fn ratio(part: u64, whole: usize) -> f64 {
    part as f64 / whole.max(1) as f64
}

/// Tells the person at the terminal what went wrong.
#[expect(clippy::print_stderr, reason = "a program of its own has no log")]
pub fn complain(problem: &str) {
    eprintln!("{problem}");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    #[expect(clippy::float_cmp, reason = "whole milliseconds")]
    fn percentiles_are_by_nearest_rank() {
        let latencies: Vec<_> = (1..=10).map(Duration::from_millis).collect();
        assert_eq!(percentile(&latencies, 50), 5.0);
        assert_eq!(percentile(&latencies, 99), 10.0);
        assert_eq!(percentile(&latencies, 100), 10.0);
        assert_eq!(percentile(&[], 50), 0.0);
    }
}
