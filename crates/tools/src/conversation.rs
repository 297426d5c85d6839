//! The memory of a conversation: a handle that any call may carry as `session`. It is taken out before the
//! arguments are checked; what the call leaves out is filled from what earlier calls chose, and the answer
//! says so. A pin narrows the permit itself, so no argument can reach past it.

use std::sync::Arc;

use medcor_fhir::{Id, ResourceType};
use medcor_policy::{Need, Permit};
use medcor_store::{Conversation, Session};
use serde_json::{Map, Value, json};

use crate::{Answer, CompiledTool, ToolContext, ToolError, catalog::Implied, tool::ToolEntry};

/// The name of the argument that any call may have.
pub(crate) const SESSION_ARGUMENT: &str = "session";
/// The member of an answer that says what was filled.
const FILLED: &str = "filled_from_session";
/// The parameter of a date.
const DATE: &str = "date";
/// Longest date that is remembered.
const DATE_LENGTH_MAX: usize = 40;
/// Longest handle that is looked for.
const HANDLE_LENGTH_MAX: usize = 100;

/// The conversation of one call.
#[derive(Debug)]
pub(crate) struct Remembered {
    handle: String,
    before: Conversation,
    after: Conversation,
    filled: Map<String, Value>,
}

/// What is remembered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Choice {
    Patient,
    Practitioner,
    Day,
}

impl Choice {
    const ALL: [Self; 3] = [Self::Patient, Self::Practitioner, Self::Day];

    /// The one parameter of a tool that means it.
    fn parameter(self, tool: &CompiledTool) -> Option<&str> {
        let wanted = match self {
            Self::Patient => ResourceType::PATIENT,
            Self::Practitioner => ResourceType::PRACTITIONER,
            Self::Day => return tool.parameters().find(|name| *name == DATE),
        };
        let mut named = tool.references().iter().filter(|path| path.resource_type == wanted);
        match (named.next().map(|path| path.steps.as_slice()), named.next()) {
            (Some([only]), None) => Some(only),
            _ => None,
        }
    }
}

/// The handle among the arguments of a call, taken out of them.
///
/// # Errors
///
/// A `VALIDATION_ERROR` for what is no text, and for two handles that are not the same.
pub(crate) fn taken(arguments: &mut Value, known: Option<String>) -> Result<Option<String>, ToolError> {
    let Value::Object(arguments) = arguments else { return Ok(known) };
    let path = format!("/{SESSION_ARGUMENT}");
    let handle = match arguments.shift_remove(SESSION_ARGUMENT) {
        None | Some(Value::Null) => return Ok(known),
        Some(Value::String(handle)) if handle.trim().is_empty() => return Ok(known),
        Some(Value::String(handle)) if handle.len() <= HANDLE_LENGTH_MAX => handle.trim().to_owned(),
        Some(_) => return Err(ToolError::invalid(path, "is not a handle of `start_session`")),
    };
    match known {
        Some(known) if known != handle => Err(ToolError::invalid(path, "is given twice, and differs")),
        _ => Ok(Some(handle)),
    }
}

/// The permit of a call in a conversation.
///
/// # Errors
///
/// `PERMISSION_DENIED` where a tool needs more than one patient leaves.
pub(crate) fn narrowed(
    permit: Arc<Permit>,
    conversation: &Conversation,
    entry: &ToolEntry,
) -> Result<Arc<Permit>, ToolError> {
    let Some(pin) = conversation.patient.as_ref().filter(|_| conversation.is_pinned) else {
        return Ok(permit);
    };
    let pinned = permit.pinned_to(pin);
    let is_lost = |need: &&Need| matches!(need, Need::Administer(area) if !pinned.administers(*area));
    if entry.needs.iter().any(|need| is_lost(&need)) {
        let needed = "this in a session that is pinned to one patient".to_owned();
        return Err(ToolError::PermissionDenied { needed });
    }
    Ok(Arc::new(pinned))
}

/// That there is no such conversation, whoever else has one of this handle.
pub(crate) fn unknown() -> ToolError {
    ToolError::not_found("open session of yours (`start_session` begins one)")
}

impl Remembered {
    pub(crate) fn of(handle: String, conversation: Conversation) -> Self {
        Self { handle, before: conversation.clone(), after: conversation, filled: Map::new() }
    }

    fn view(&self) -> (String, Conversation) {
        (self.handle.clone(), self.after.clone())
    }

    fn remembered(&self, choice: Choice) -> Option<&str> {
        match choice {
            Choice::Patient => self.before.patient.as_ref().map(Id::as_str),
            Choice::Practitioner => self.before.practitioner.as_ref().map(Id::as_str),
            Choice::Day => self.before.day.as_deref(),
        }
    }

    /// Adds what the call leaves out. A tool that writes is given what it can't do without, and a pinned
    /// patient; one that reads whatever it takes, so that a list is of the chosen patient and doctor.
    pub(crate) fn fill(&mut self, tool: &CompiledTool, implied: Implied, arguments: &mut Value) {
        if arguments.is_null() {
            *arguments = json!({});
        }
        let Value::Object(arguments) = arguments else { return };
        for choice in Choice::ALL {
            let (Some(parameter), Some(value)) = (choice.parameter(tool), self.remembered(choice)) else {
                continue;
            };
            let is_given = arguments
                .iter()
                .any(|(name, value)| !value.is_null() && tool.parameter_of(name) == Some(parameter));
            let is_implied = implied.iter().any(|(name, _)| *name == parameter);
            let is_pin = choice == Choice::Patient && self.before.is_pinned;
            let is_wanted = tool.entry.effect.is_read_only() || tool.requires(parameter) || is_pin;
            if !is_given && !is_implied && is_wanted {
                let value: Value = value.into();
                self.filled.insert(parameter.to_owned(), value.clone());
                arguments.insert(parameter.to_owned(), value);
            }
        }
    }

    /// Remembers what the call chose; references are resolved.
    pub(crate) fn note(&mut self, tool: &CompiledTool, arguments: &Map<String, Value>) {
        for choice in Choice::ALL {
            let given = choice.parameter(tool).and_then(|parameter| arguments.get(parameter)?.as_str());
            let Some(given) = given else { continue };
            match choice {
                Choice::Patient if self.before.is_pinned => {}
                Choice::Patient => self.after.patient = Id::new(given).or(self.after.patient.take()),
                Choice::Practitioner => {
                    self.after.practitioner = Id::new(given).or(self.after.practitioner.take());
                }
                Choice::Day if given.len() > DATE_LENGTH_MAX => {}
                Choice::Day => self.after.day = Some(given.to_owned()),
            }
        }
    }

    /// Stages what is remembered from now on.
    pub(crate) fn keep(&self, session: &mut Session<'_>) {
        session.remember(&self.handle, &self.before, &self.after);
    }
}

/// The answer, with what was filled from the conversation.
pub(crate) fn told(conversation: Option<&Remembered>, answer: Answer) -> Answer {
    match conversation {
        Some(conversation) if !conversation.filled.is_empty() => {
            answer.with_member(FILLED, &conversation.filled)
        }
        _ => answer,
    }
}

/// For the tools that begin and pin a conversation.
impl ToolContext<'_> {
    /// The handle of this call's conversation and what it remembers, with what this call chose; `None` where
    /// the call has none.
    pub fn conversation(&self) -> Option<(String, Conversation)> {
        self.conversation.as_ref().map(Remembered::view)
    }

    /// A conversation that begins now.
    pub fn new_conversation(&self) -> Conversation {
        Conversation::begun_at(self.clock.now())
    }

    /// Stages a new conversation of this caller; its handle is shown once.
    pub fn begin_conversation(&mut self, conversation: &Conversation) -> String {
        self.session.begin_conversation(conversation)
    }

    /// Stages the end of this call's conversation; whether it has one. Nothing of it is remembered.
    pub fn end_conversation(&mut self) -> bool {
        let Some(conversation) = self.conversation.take() else { return false };
        self.session.end_conversation(&conversation.handle);
        true
    }

    /// Makes this patient the only one in sight of the calls that follow; `None` where the call has no
    /// conversation. A pin is never taken off.
    pub fn pin_conversation(&mut self, patient: &Id) -> Option<(String, Conversation)> {
        let conversation = self.conversation.as_mut()?;
        conversation.after.patient = Some(patient.clone());
        conversation.after.is_pinned = true;
        Some(conversation.view())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_handle_is_taken_out_of_the_arguments() {
        let mut arguments = json!({ "patient": "ada", "session": " session_1 " });
        assert_eq!(taken(&mut arguments, None).unwrap().as_deref(), Some("session_1"));
        assert_eq!(arguments, json!({ "patient": "ada" }));
        for none in [json!({ "session": null }), json!({ "session": "" }), json!({}), json!(null)] {
            assert_eq!(taken(&mut none.clone(), None).unwrap(), None, "{none}");
        }
        for wrong in [json!({ "session": 1 }), json!({ "session": "x".repeat(101) })] {
            assert!(taken(&mut wrong.clone(), None).is_err(), "{wrong}");
        }
        let mut inner = json!({ "session": "b" });
        assert!(taken(&mut inner.clone(), Some("a".to_owned())).is_err());
        assert_eq!(taken(&mut inner, Some("b".to_owned())).unwrap().as_deref(), Some("b"));
    }
}
