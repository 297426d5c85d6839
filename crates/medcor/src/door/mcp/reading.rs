//! Prompts that know the clinic: what a prompt reads, it reads by calls of the person who asks, each with the
//! authority, the checks and the audit row of its tool.

use std::{collections::BTreeMap, sync::Arc};

use medcor_tools::{PromptPart, PromptReading};
use rmcp::model::JsonObject;
use serde_json::Value;

use super::{Asker, Failure, Mcp};

impl Mcp {
    /// The whole text of a prompt. What can't be read is said to be missing, so that nobody takes it for
    /// nothing.
    pub(super) async fn filled(self: &Arc<Self>, asker: &Asker, parts: Vec<PromptPart>) -> String {
        let mut text = String::new();
        for part in parts {
            match part {
                PromptPart::Text(words) => text.push_str(&words),
                PromptPart::Reading(reading) => text.push_str(&self.read(asker, reading).await),
            }
        }
        text
    }

    async fn read(self: &Arc<Self>, asker: &Asker, reading: PromptReading) -> String {
        if let Some(argument) = reading.lacks {
            return format!("(not read: `{argument}` was not given)");
        }
        let arguments = Value::Object(reading.arguments.clone());
        match self.call(asker, reading.tool, arguments).await {
            Ok(answer) => reading.fenced(answer.json()),
            Err(Failure::Refused(report) | Failure::NoSuchTool(report)) => {
                format!("(not read: {} of {})", report.code.name(), reading.tool)
            }
        }
    }
}

/// Arguments of prompts are strings. `initial_data`, which documented clients send as an object or as
/// its JSON, stands for its members.
pub(super) fn prompt_arguments(given: JsonObject) -> BTreeMap<String, String> {
    let mut arguments = BTreeMap::new();
    for (name, value) in given {
        match (name.as_str(), value) {
            ("initial_data", Value::Object(members)) => arguments.extend(prompt_arguments(members)),
            ("initial_data", Value::String(text)) => match serde_json::from_str(&text) {
                Ok(Value::Object(members)) => arguments.extend(prompt_arguments(members)),
                _ => _ = arguments.insert(name, text),
            },
            (_, Value::String(text)) => _ = arguments.insert(name, text),
            (_, Value::Null) => {}
            (_, value) => _ = arguments.insert(name, value.to_string()),
        }
    }
    arguments
}
