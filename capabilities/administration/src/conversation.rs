//! Conversations: a handle under which the server remembers patient, clinician and date between calls, and
//! by which a caller confines itself to one patient.

use jiff::civil::Date;
use medcor_fhir::{Id, ResourceType, primitive::format_instant};
use medcor_tools::{
    Alias, Capability, Conversation, Effect, Need, Ref, Tool, ToolContext, ToolError, alias, detail, kind,
    tool,
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

pub(super) static CONVERSATION: Capability = Capability {
    name: "conversation",
    description: "Remembering patient, doctor and date between calls.",
    tools: &[tool::<StartSession>(), tool::<PinPatient>(), tool::<EndSession>()],
    prompts: &[],
};

/// Begins a conversation and returns its handle; pass it as `session` with every later call of any tool.
///
/// The patient and doctor of each call, and the day of free times and bookings, are remembered: the patient
/// fills what later calls leave out, doctor and day what `list_appointment_slots`, `create_appointment` and
/// `check_and_book_appointment` do; answers say so in `filled_from_session`. With `session` it changes what is
/// remembered; a repeated call without begins another. It ends after 30 minutes without a call. With `pin` the
/// patient is the only one whose records the session can reach.
#[derive(Deserialize, JsonSchema)]
struct StartSession {
    /// To begin with: id, MRN, telephone number or full name.
    patient: Option<Ref<kind::Patient>>,
    /// To begin with: id, NPI or full name.
    provider: Option<Ref<kind::Practitioner>>,
    /// To begin with, such as 2026-05-01; no words.
    #[schemars(length(max = 40))]
    date: Option<String>,
    /// Whether every other patient is out of reach until the session ends.
    pin: Option<bool>,
}

/// What a session remembers.
#[derive(Serialize, JsonSchema)]
struct SessionView {
    status: &'static str,
    message: &'static str,
    /// The handle: pass it as `session`.
    session: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    patient_id: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    doctor_id: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    date: Option<String>,
    /// Whether the patient is the only one in reach.
    pinned: bool,
    /// When it is over unless it is used before.
    expires_at: String,
}

impl SessionView {
    fn of(session: String, conversation: &Conversation, message: &'static str) -> Self {
        Self {
            status: "success",
            message,
            session,
            patient_id: conversation.patient.as_ref().map(Id::to_string),
            doctor_id: conversation.practitioner.as_ref().map(Id::to_string),
            date: conversation.day.clone(),
            pinned: conversation.is_pinned,
            expires_at: format_instant(conversation.expires_at),
        }
    }
}

impl Tool for StartSession {
    const NAME: &'static str = "start_session";
    const TITLE: &'static str = "Start a session";
    const ALIASES: &'static [Alias] = &[alias("start_conversation")];
    const EFFECT: Effect = Effect::Creates;
    const NEEDS: &'static [Need] =
        &[Need::read(ResourceType::PRACTITIONER), Need::read_if_allowed(ResourceType::PATIENT)];
    // The handle is in it.
    const KEEPS_ANSWER: bool = false;
    const KEYWORDS: &'static [&'static str] = &["conversation", "memory", "remember", "context", "handle"];
    type Output = SessionView;

    async fn run(self, cx: &mut ToolContext<'_>) -> Result<SessionView, ToolError> {
        let wants_pin = self.pin == Some(true);
        let day = self.date.as_deref().map(day).transpose()?;
        if let Some(day) = day {
            cx.choose_day(day);
        }
        if let Some((handle, mut conversation)) = cx.conversation() {
            if wants_pin {
                let chosen = conversation.patient.clone().ok_or_else(nobody)?;
                conversation = cx.pin_conversation(&chosen).map_or(conversation, |(_, pinned)| pinned);
            }
            return Ok(SessionView::of(handle, &conversation, "The session goes on"));
        }
        let mut conversation = cx.new_conversation();
        conversation.patient = self.patient.map(|patient| patient.id().clone());
        conversation.practitioner = self.provider.map(|provider| provider.id().clone());
        conversation.day = day.map(|day| day.to_string());
        if wants_pin && conversation.patient.is_none() {
            return Err(nobody());
        }
        conversation.is_pinned = wants_pin;
        let handle = cx.begin_conversation(&conversation);
        Ok(SessionView::of(handle, &conversation, "Pass `session` with every later call"))
    }
}

fn day(text: &str) -> Result<Date, ToolError> {
    detail::day(text.trim()).map_err(|problem| ToolError::invalid("/date", problem))
}

fn nobody() -> ToolError {
    ToolError::invalid("/pin", "needs a patient: name whom to pin")
}

/// Confines a session to one patient: until it ends, no tool called with it reaches any other patient's
/// record, and nothing is administered.
///
/// Pass `session`; without one a new one begins, and its handle is in the answer. The pin can't be taken off
/// or moved: begin another session for another patient.
#[derive(Deserialize, JsonSchema)]
struct PinPatient {
    /// Who: id, MRN, telephone number or full name.
    patient: Ref<kind::Patient>,
}

impl Tool for PinPatient {
    const NAME: &'static str = "pin_patient";
    const TITLE: &'static str = "Pin a patient";
    const EFFECT: Effect = Effect::Creates;
    const NEEDS: &'static [Need] = &[Need::read(ResourceType::PATIENT)];
    // The handle is in it.
    const KEEPS_ANSWER: bool = false;
    const KEYWORDS: &'static [&'static str] = &["confine", "only this patient", "lock", "session"];
    type Output = SessionView;

    async fn run(self, cx: &mut ToolContext<'_>) -> Result<SessionView, ToolError> {
        const MESSAGE: &str = "No other patient is in reach of this session";
        if let Some((handle, conversation)) = cx.pin_conversation(self.patient.id()) {
            return Ok(SessionView::of(handle, &conversation, MESSAGE));
        }
        let mut conversation = cx.new_conversation();
        conversation.patient = Some(self.patient.id().clone());
        conversation.is_pinned = true;
        let handle = cx.begin_conversation(&conversation);
        Ok(SessionView::of(handle, &conversation, MESSAGE))
    }
}

/// Forgets a session at once: its patient, doctor, date and pin. Its handle opens nothing any more.
///
/// Pass the handle as `session`. Without one nothing happens.
#[derive(Deserialize, JsonSchema)]
struct EndSession {}

/// A session that was forgotten.
#[derive(Serialize, JsonSchema)]
struct EndedSession {
    status: &'static str,
    message: &'static str,
    /// Whether there was one.
    ended: bool,
}

impl Tool for EndSession {
    const NAME: &'static str = "end_session";
    const TITLE: &'static str = "Forget a session";
    const ALIASES: &'static [Alias] = &[alias("end_conversation")];
    const EFFECT: Effect = Effect::Updates;
    const NEEDS: &'static [Need] = &[Need::read(ResourceType::PRACTITIONER)];
    const KEYWORDS: &'static [&'static str] = &["conversation", "forget", "memory", "log out", "handle"];
    type Output = EndedSession;

    async fn run(self, cx: &mut ToolContext<'_>) -> Result<EndedSession, ToolError> {
        let ended = cx.end_conversation();
        let message = if ended {
            "The session is forgotten"
        } else {
            "No `session` was passed, so there is nothing to forget"
        };
        Ok(EndedSession { status: "success", message, ended })
    }
}
