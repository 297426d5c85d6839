//! Rate limits per client, user and effect: where the pipeline asks for them.

use crate::{Caller, Effect, ToolError};

/// How many calls are let through.
#[derive(Debug, Clone, Default)]
pub enum RateLimit {
    /// All.
    #[default]
    Off,
}

impl RateLimit {
    /// Lets the call through, or refuses it with the time to wait.
    #[expect(clippy::unnecessary_wraps, reason = "a limit that is on refuses")]
    pub(crate) fn admit(&self, _caller: &Caller, _effect: Effect) -> Result<(), ToolError> {
        match self {
            Self::Off => Ok(()),
        }
    }
}
