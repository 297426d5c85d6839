//! Rounds: the ceiling and the server in turn, so that a noisy minute disturbs both.

use std::process::Command;

use super::{
    Failure,
    call::{Known, Name},
    load::{self, Aim, Measurement},
    option::Options,
    process::Running,
    server::Server,
};
use crate::report as tell;

/// One caller alone.
pub(super) const LONE: u16 = 1;
/// Connections at which CPU time and rates are judged.
pub(super) const BUSY: u16 = 16;

/// All that was measured of one server.
#[derive(Debug, Default)]
pub(super) struct Rounds {
    pub(super) rows: Vec<Row>,
}

/// One call at one number of connections, in every round.
#[derive(Debug)]
pub(super) struct Row {
    /// `None` is the ceiling.
    pub(super) name: Option<Name>,
    pub(super) connections: u16,
    pub(super) measurements: Vec<Measurement>,
    /// Calls a second as a share of the ceiling of the same round.
    pub(super) of_ceiling: Vec<f64>,
}

impl Rounds {
    /// What was measured of this call; `None` is the ceiling.
    pub(super) fn row(&self, name: Option<Name>, connections: u16) -> Option<&Row> {
        self.rows.iter().find(|row| row.name == name && row.connections == connections)
    }

    fn row_mut(&mut self, name: Option<Name>, connections: u16) -> &mut Row {
        let known = self.rows.iter().position(|row| row.name == name && row.connections == connections);
        let index = known.unwrap_or_else(|| {
            self.rows.push(Row { name, connections, measurements: Vec::new(), of_ceiling: Vec::new() });
            self.rows.len() - 1
        });
        &mut self.rows[index]
    }
}

impl Row {
    /// The median over the rounds.
    pub(super) fn median(&self, figure: impl Fn(&Measurement) -> f64) -> f64 {
        median(self.measurements.iter().map(figure).collect())
    }

    /// The median over the rounds of a figure that not every system tells.
    pub(super) fn median_known(&self, figure: impl Fn(&Measurement) -> Option<f64>) -> Option<f64> {
        let known: Vec<f64> = self.measurements.iter().filter_map(figure).collect();
        (!known.is_empty()).then(|| median(known))
    }

    /// The median share of the ceiling.
    pub(super) fn share_of_ceiling(&self) -> Option<f64> {
        (!self.of_ceiling.is_empty()).then(|| median(self.of_ceiling.clone()))
    }
}

/// Measures every call beside the ceiling.
pub(super) fn measure(options: &Options, server: &Server<'_>, known: &Known) -> Result<Rounds, Failure> {
    measure_calls(options, server, known, &Name::ALL)
}

/// Measures these calls beside the ceiling.
pub(super) fn measure_calls(
    options: &Options,
    server: &Server<'_>,
    known: &Known,
    names: &[Name],
) -> Result<Rounds, Failure> {
    let mut command = Command::new(&server.programs.constant);
    let (ceiling, ceiling_url) = Running::announced(command.arg("--answer").arg(&known.result_file))?;
    let mut rounds = Rounds::default();
    for number in 1..=options.rounds {
        tell(&format!("{}: round {number} of {}", server.backend.engine.name(), options.rounds));
        for &connections in &options.connections {
            let aim = Aim { url: &ceiling_url, process: ceiling.id(), connections, seconds: options.seconds };
            let most = load::measure_ceiling(server, &known.ceiling_call(), aim)?;
            let guards = if connections == BUSY { &Name::GUARDS[..] } else { &[] };
            let doors = if [LONE, BUSY].contains(&connections) { &Name::DOORS[..] } else { &[] };
            for &name in names.iter().chain(guards).chain(doors) {
                let measurement = load::measure(server, &known.call(name)?, connections, options.seconds)?;
                complain(name, &measurement);
                let row = rounds.row_mut(Some(name), connections);
                row.of_ceiling.push(measurement.calls_per_second / most.calls_per_second.max(1.0));
                row.measurements.push(measurement);
            }
            rounds.row_mut(None, connections).measurements.push(most);
        }
    }
    Ok(rounds)
}

/// `get_patient` by one caller alone: the median of the rounds' median latencies, in milliseconds.
pub(super) fn lone_caller(options: &Options, server: &Server<'_>, known: &Known) -> Result<f64, Failure> {
    let mut latencies = Vec::new();
    for _ in 0..options.rounds {
        let measurement = load::measure(server, &known.call(Name::GetPatient)?, 1, options.seconds)?;
        latencies.push(measurement.p50_ms);
    }
    Ok(median(latencies))
}

fn complain(name: Name, measurement: &Measurement) {
    for problem in &measurement.problems {
        tell(&format!("{}: {problem}", name.text()));
    }
}

fn median(mut figures: Vec<f64>) -> f64 {
    figures.sort_by(f64::total_cmp);
    let middle = figures.len() / 2;
    match (figures.len() % 2, figures.get(middle)) {
        (1, Some(figure)) => *figure,
        (0, Some(figure)) => f64::midpoint(*figure, figures[middle - 1]),
        _ => f64::NAN,
    }
}

#[cfg(test)]
mod tests {
    use super::median;

    #[test]
    #[expect(clippy::float_cmp, reason = "exact in binary")]
    fn a_median_is_the_middle_or_between_the_two() {
        assert_eq!(median(vec![3.0, 1.0, 2.0]), 2.0);
        assert_eq!(median(vec![4.0, 1.0, 2.0, 3.0]), 2.5);
    }
}
