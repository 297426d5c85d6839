//! An answer that is made of what other tools answer: a report.

use medcor_policy::{Need, Visibility};
use serde_json::{Map, Value};

use crate::{ToolContext, ToolEntry, ToolError};

/// The running tool has named a part that it can't have: a mistake of ours.
#[derive(Debug, thiserror::Error)]
enum NoPart {
    #[error("`{0}` is no tool that only reads and that anybody may call at any time")]
    Unfit(String),
    #[error("the needs of the running tool don't cover those of `{0}`")]
    Uncovered(String),
}

impl ToolContext<'_> {
    /// What a tool that reads answers, within this call: under its permit and in its session, so as far as the caller
    /// and the needs of the running tool reach, and under its one audit row. The arguments have the tool's own names,
    /// and references in them are ids that this call has resolved.
    ///
    /// # Errors
    ///
    /// `SERVER_ERROR` for a tool that is no part: one that changes something, is confirmed, wants a fresh login or stands
    /// in no list; and where this call does not cover it, which a tool asks first ([`ToolContext::covers`]).
    pub async fn part(&mut self, tool: &str, arguments: Map<String, Value>) -> Result<Value, ToolError> {
        let found = self.part_named(tool).map(|entry| (entry.run, self.covers_all(entry.needs)));
        let run = match found {
            Some((run, true)) => run,
            Some((_, false)) => return Err(ToolError::Server(Box::new(NoPart::Uncovered(tool.to_owned())))),
            None => return Err(ToolError::Server(Box::new(NoPart::Unfit(tool.to_owned())))),
        };
        let answer = run(Value::Object(arguments), self).await?;
        Ok(serde_json::from_str(answer.json())?)
    }

    /// Whether this call may do all that a part can't do without.
    pub fn covers(&self, tool: &str) -> bool {
        self.part_named(tool).is_some_and(|entry| self.covers_all(entry.needs))
    }

    fn part_named(&self, tool: &str) -> Option<&ToolEntry> {
        let entry = self.catalog.find(tool)?.0.entry;
        let is_part = entry.effect.is_read_only()
            && entry.is_listed()
            && !(entry.names_another() || entry.is_confirmed || entry.needs_fresh_login);
        is_part.then_some(entry)
    }

    fn covers_all(&self, needs: &[Need]) -> bool {
        needs.iter().all(|need| match *need {
            Need::Record { action, resource_type } => {
                self.permit.visibility(action, resource_type) != Visibility::Nothing
            }
            Need::Administer(area) => self.permit.administers(area),
            // Which types it opens is not said, so nobody can say that they are covered.
            Need::AnyRecord { .. } => false,
            Need::Optional { .. } | Need::AdministerIfAllowed(_) => true,
        })
    }
}
