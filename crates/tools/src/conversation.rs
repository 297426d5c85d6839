//! The memory of a conversation: a handle that any call may carry as `session`. It is taken out before the
//! arguments are checked; what the call leaves out is filled from what earlier calls chose, and the answer
//! says so. A pin narrows the permit itself, so no argument can reach past it.

use std::sync::Arc;

use jiff::civil::Date;
use medcor_fhir::{Id, ResourceType};
use medcor_policy::{Need, Permit};
use medcor_store::{Conversation, Session};
use serde_json::{Map, Value, json};

use crate::{Answer, Chosen, CompiledTool, ToolContext, ToolError, catalog::Implied, tool::ToolEntry};

/// The name of the argument that any call may have.
pub(crate) const SESSION_ARGUMENT: &str = "session";
/// The member of an answer that says what was filled.
const FILLED: &str = "filled_from_session";
/// The parameter of a date.
const DATE: &str = "date";
/// The parameter of a clinician whom somebody is to see.
const PROVIDER: &str = "provider";
/// With these nobody means the remembered clinician.
const BESIDE_PROVIDER: [&str; 1] = ["specialty"];
/// With these nobody means the remembered day.
const BESIDE_DATE: [&str; 3] = ["from", "to", "period"];
/// A time of day, which can name a day too where a caller writes both in one.
const START_TIME: &str = "start_time";
/// Times of day in words.
const TIMES_OF_DAY: [&str; 4] = ["morning", "noon", "afternoon", "evening"];
/// Longest time of day in figures, such as `09:30:00`.
const TIME_LENGTH_MAX: usize = 8;
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

impl Chosen {
    const ALL: [Self; 3] = [Self::Patient, Self::Practitioner, Self::Day];

    /// The parameter of a tool that means it.
    fn parameter(self, tool: &CompiledTool) -> Option<&str> {
        match self {
            Self::Patient => {
                let mut named = references(tool, ResourceType::PATIENT);
                named.next().filter(|only| !only.is_empty() && named.next().is_none())
            }
            Self::Practitioner => references(tool, ResourceType::PRACTITIONER).find(|name| *name == PROVIDER),
            Self::Day => tool.parameters().find(|name| *name == DATE),
        }
    }
}

/// The parameters that refer to records of this type; those inside of others have no name here.
fn references(tool: &CompiledTool, wanted: ResourceType) -> impl Iterator<Item = &str> {
    let paths = tool.references().iter().filter(move |path| path.resource_type == wanted);
    paths.map(|path| if let [only] = path.steps.as_slice() { only.as_str() } else { "" })
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

    fn remembered(&self, chosen: Chosen) -> Option<&str> {
        match chosen {
            Chosen::Patient => self.before.patient.as_ref().map(Id::as_str),
            Chosen::Practitioner => self.before.practitioner.as_ref().map(Id::as_str),
            Chosen::Day => self.before.day.as_deref(),
        }
    }

    /// Adds what the call leaves out. A tool that writes is given a patient where it can't do without, or one
    /// is pinned; one that reads always. A clinician and a day are added for tools that say so alone.
    pub(crate) fn fill(&mut self, tool: &CompiledTool, implied: Implied, arguments: &mut Value) {
        if arguments.is_null() {
            *arguments = json!({});
        }
        let Value::Object(arguments) = arguments else { return };
        for chosen in Chosen::ALL {
            let (Some(parameter), Some(value)) = (chosen.parameter(tool), self.remembered(chosen)) else {
                continue;
            };
            let is_implied = implied.iter().any(|(name, _)| *name == parameter);
            let is_given = is_implied || given(tool, arguments, parameter).is_some();
            if !is_given && self.is_wanted(chosen, parameter, tool, arguments) {
                let value: Value = value.into();
                self.filled.insert(parameter.to_owned(), value.clone());
                arguments.insert(parameter.to_owned(), value);
            }
        }
    }

    fn is_wanted(
        &self,
        chosen: Chosen,
        parameter: &str,
        tool: &CompiledTool,
        arguments: &Map<String, Value>,
    ) -> bool {
        let is_taken = tool.entry.from_session.contains(&chosen);
        let has_any = |names: &[&str]| names.iter().any(|name| given(tool, arguments, name).is_some());
        match chosen {
            Chosen::Patient => {
                self.before.is_pinned
                    || is_taken && (tool.entry.effect.is_read_only() || tool.requires(parameter))
            }
            Chosen::Practitioner => is_taken && !has_any(&BESIDE_PROVIDER),
            Chosen::Day => {
                let may_name_day =
                    given(tool, arguments, START_TIME).is_some_and(|time| !is_time_of_day(time));
                is_taken && !has_any(&BESIDE_DATE) && !may_name_day
            }
        }
    }

    /// Remembers what the call chose; references are resolved. Of days those alone that are written out: words
    /// mean another day tomorrow, and a tool that knows which says so by [`ToolContext::choose_day`].
    pub(crate) fn note(&mut self, tool: &CompiledTool, arguments: &Map<String, Value>, today: Date) {
        for chosen in Chosen::ALL {
            let text = chosen.parameter(tool).and_then(|parameter| arguments.get(parameter)?.as_str());
            match (chosen, text) {
                (Chosen::Patient, Some(text)) if !self.before.is_pinned => {
                    self.after.patient = Id::new(text).or(self.after.patient.take());
                }
                (Chosen::Practitioner, Some(text)) => {
                    self.after.practitioner = Id::new(text).or(self.after.practitioner.take());
                }
                (Chosen::Day, _) if !tool.entry.from_session.contains(&Chosen::Day) => {}
                (Chosen::Day, Some(text)) => {
                    // Nobody is seen in the past.
                    let day = written_day(text).filter(|day| *day >= today);
                    self.after.day = day.map(|day| day.to_string());
                }
                (Chosen::Day, None) if BESIDE_DATE.iter().any(|name| arguments.contains_key(*name)) => {
                    self.after.day = None;
                }
                _ => {}
            }
        }
    }

    /// Stages what is remembered from now on.
    pub(crate) fn keep(&self, session: &mut Session<'_>) {
        session.remember(&self.handle, &self.before, &self.after);
    }
}

/// What a call gives for a parameter, by whichever name of it.
fn given<'a>(tool: &CompiledTool, arguments: &'a Map<String, Value>, parameter: &str) -> Option<&'a Value> {
    let mut named = arguments.iter().filter(|(name, value)| {
        !value.is_null() && tool.parameter_of(name).unwrap_or(name.as_str()) == parameter
    });
    named.next().map(|(_, value)| value)
}

/// Whether this is a time of day and nothing else.
fn is_time_of_day(time: &Value) -> bool {
    let Some(text) = time.as_str().map(str::trim) else { return false };
    let is_in_figures =
        text.len() <= TIME_LENGTH_MAX && text.starts_with(|first: char| first.is_ascii_digit());
    is_in_figures || TIMES_OF_DAY.iter().any(|word| text.eq_ignore_ascii_case(word))
}

/// A day that is written out, alone or before a time of day.
fn written_day(text: &str) -> Option<Date> {
    let (day, rest) = text.trim().split_at_checked("2026-12-11".len())?;
    let is_alone = rest.is_empty() || rest.starts_with(['T', 't', ' ']);
    day.parse().ok().filter(|_| is_alone)
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

    /// Remembers the day that this call turned out to mean, where it has a conversation.
    pub fn choose_day(&mut self, day: Date) {
        if let Some(conversation) = &mut self.conversation {
            conversation.after.day = Some(day.to_string());
        }
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
    fn a_day_is_remembered_only_where_it_is_written_out() {
        for (text, day) in [
            ("2026-12-11", Some("2026-12-11")),
            (" 2026-12-11T10:00 ", Some("2026-12-11")),
            ("2026-12-11 at 10:00", Some("2026-12-11")),
            ("next Friday", None),
            ("2026-12-111", None),
            ("2026-13-01", None),
            ("ÄÄÄÄÄÄÄÄÄÄÄ", None),
        ] {
            assert_eq!(written_day(text).map(|day| day.to_string()).as_deref(), day, "{text}");
        }
    }

    #[test]
    fn a_time_that_may_name_a_day_is_no_time_of_day() {
        for (text, is_time) in [
            ("10:00", true),
            ("2:30 PM", true),
            ("Morning", true),
            ("2026-12-11T10:00", false),
            ("tomorrow", false),
            ("next Friday at 10:00", false),
        ] {
            assert_eq!(is_time_of_day(&json!(text)), is_time, "{text}");
        }
    }

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
