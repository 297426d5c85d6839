//! MCP over standard input and output, acting as one user.

use std::sync::Arc;

use medcor_tools::{Caller, Pipeline};

/// Serves MCP on standard input and output until the input ends. Nothing else may write to standard
/// output meanwhile; logs go to standard error.
pub async fn serve(_pipeline: Arc<Pipeline>, _caller: Arc<Caller>) -> std::io::Result<()> {
    todo!()
}
