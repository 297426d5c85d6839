//! What is measured, and for how long.

use std::path::PathBuf;

use super::{Failure, backend::Engine};

/// The help.
pub(crate) const USAGE: &str = "\
usage: cargo xtask bench [OPTION…]

  --quick           fewer patients and seconds, one round: for trying, not for quoting
  --growth          also ten times the patients
  --no-import       leave out exporting and importing
  --only ENGINE     sqlite or postgres
  --patients N      patients (10000)
  --seconds S       length of one measurement (3)
  --rounds N        measurements of which the median is taken (3)
  --folder DIR      where the databases are made (target/bench); it must not exist yet
  --programs DIR    measure the programs there (medcor, load, fan, constant, cluster) instead of building,
                    for instance those of another version
  --keep            leave the databases there
";

/// Number of connections, each with one call at a time.
const CONNECTIONS: [u16; 3] = [1, 16, 128];

/// What was asked for.
#[derive(Debug, Clone)]
pub(super) struct Options {
    pub(super) patients: u32,
    pub(super) seconds: f64,
    pub(super) rounds: usize,
    pub(super) connections: Vec<u16>,
    pub(super) engines: Vec<Engine>,
    pub(super) measures_growth: bool,
    pub(super) measures_import: bool,
    pub(super) keeps_data: bool,
    pub(super) folder: Option<PathBuf>,
    /// Where the programs are; they are built when it is `None`.
    pub(super) programs: Option<PathBuf>,
}

impl Options {
    pub(super) fn parse(arguments: &[String]) -> Result<Self, Failure> {
        let mut options = Self {
            patients: 10_000,
            seconds: 3.0,
            rounds: 3,
            connections: CONNECTIONS.to_vec(),
            engines: vec![Engine::Sqlite, Engine::Postgres],
            measures_growth: false,
            measures_import: true,
            keeps_data: false,
            folder: None,
            programs: None,
        };
        let mut arguments = arguments.iter();
        while let Some(argument) = arguments.next() {
            let mut value = || arguments.next().ok_or(USAGE);
            match argument.as_str() {
                "--quick" => (options.patients, options.seconds, options.rounds) = (1000, 1.0, 1),
                "--growth" => options.measures_growth = true,
                "--no-import" => options.measures_import = false,
                "--keep" => options.keeps_data = true,
                "--only" => options.engines = vec![Engine::named(value()?).ok_or(USAGE)?],
                "--patients" => options.patients = value()?.parse()?,
                "--seconds" => options.seconds = value()?.parse()?,
                "--rounds" => options.rounds = value()?.parse()?,
                "--folder" => options.folder = Some(value()?.into()),
                "--programs" => options.programs = Some(value()?.into()),
                _ => return Err(USAGE.into()),
            }
        }
        let is_bounded = (100..=1_000_000).contains(&options.patients)
            && (0.2..=60.0).contains(&options.seconds)
            && (1..=20).contains(&options.rounds);
        if is_bounded {
            Ok(options)
        } else {
            Err("100 to 1000000 patients, 0.2 to 60 seconds, 1 to 20 rounds".into())
        }
    }

    pub(super) fn data_folder(&self) -> PathBuf {
        let default = || PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../target/bench"));
        self.folder.clone().unwrap_or_else(default)
    }
}

#[cfg(test)]
mod tests {
    use super::Options;

    fn parse(line: &str) -> Option<Options> {
        let arguments: Vec<_> = line.split_whitespace().map(str::to_owned).collect();
        Options::parse(&arguments).ok()
    }

    #[test]
    fn a_later_option_overrides_a_quick_run() {
        let options = parse("--quick --patients 200 --only postgres").unwrap();
        assert_eq!((options.patients, options.rounds, options.engines.len()), (200, 1, 1));
    }

    #[test]
    fn what_is_unknown_unbounded_or_incomplete_is_refused() {
        for line in ["--fast", "--only oracle", "--patients", "--patients 5", "--seconds 900"] {
            assert!(parse(line).is_none(), "{line}");
        }
    }
}
