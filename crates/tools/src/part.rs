//! An answer that is made of what other tools answer: a report.

use serde_json::{Map, Value};

use crate::{ToolContext, ToolError};

/// There is no such tool, or it would change something: a mistake of ours.
#[derive(Debug, thiserror::Error)]
#[error("`{0}` is no tool that reads")]
struct NoPart(String);

impl ToolContext<'_> {
    /// What a tool that reads answers, within this call: under its permit and in its session, so as far as the caller
    /// and the needs of the running tool reach, and under its one audit row. The arguments have the tool's own names,
    /// and references in them are ids that this call has resolved.
    pub async fn part(&mut self, tool: &str, arguments: Map<String, Value>) -> Result<Value, ToolError> {
        let found = self.catalog.find(tool).map(|(found, _)| found.entry);
        let Some(entry) = found.filter(|entry| entry.effect.is_read_only() && !entry.names_another()) else {
            return Err(ToolError::Server(Box::new(NoPart(tool.to_owned()))));
        };
        let answer = (entry.run)(Value::Object(arguments), self).await?;
        Ok(serde_json::from_str(answer.json())?)
    }
}
