//! `medcor version`: what this program is.

use clap::Args;

use super::{CommandError, Ending, terminal};

/// Shows the version of MedCor and of the standards it speaks.
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  medcor version")]
pub(super) struct Version {}

impl Version {
    pub(super) fn run(self) -> Result<Ending, CommandError> {
        let Self {} = self;
        let version = env!("CARGO_PKG_VERSION");
        terminal::print(&format!("medcor {version}\nFHIR R4 (4.0.1)\nMCP 2025-03-26 to 2026-07-28"))?;
        Ok(Ending::Done)
    }
}
