//! Calls that the server makes by itself: of a job, or to tell a subscriber what a record says.

use std::time::Instant;

use serde_json::Value;

use super::{Call, Pipeline, Refusal};
use crate::{Answer, Caller};

impl Pipeline {
    /// Calls a tool as this caller, without a request of a client. It is not counted as a call of theirs; what an
    /// agent sees of how many patients is counted all the same, and so is its row in the trail written.
    pub async fn invoke_own(
        &self,
        caller: &Caller,
        door: &'static str,
        tool: &str,
        arguments: Value,
    ) -> Result<Answer, Refusal> {
        let request_id = self.store().clock().new_id();
        let (request_id, started) = (request_id.as_str(), Instant::now());
        self.invoke_admitted(Call { caller, tool, arguments, door, request_id, started, address: None }).await
    }
}
