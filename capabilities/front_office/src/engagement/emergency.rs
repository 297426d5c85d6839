//! Emergencies that come in: reported, taken up, resolved.

use medcor_fhir::{
    ParsedResource, RawObject, ResourceType,
    naming::{COMMUNICATION_CATEGORY, MESSAGE_KIND},
    primitive::format_instant,
    search::Query,
};
use medcor_tools::{
    Alias, Effect, Format, FreeText, Listing, Need, ROWS_DEFAULT, Raw, Record, Ref, ResourceBinding, Synonym,
    Tool, ToolContext, ToolError, alias, kind, resource, synonym, view,
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Map, json, value::to_raw_value};

use super::message::{Message, caller, organisation, refuse_foreign, said, subject};

/// Our own code of such a message.
const EMERGENCY: &str = "emergency";

/// Keeps the report of an emergency for the staff to see and take up.
///
/// It calls nobody: where life may be in danger, say first that the emergency number is to be called.
#[derive(Deserialize, JsonSchema)]
pub(super) struct ReportEmergency {
    /// Whom it is about: id, MRN, telephone number or full name; patients say `me`.
    patient: Ref<kind::Patient>,
    /// What happened, in words.
    #[schemars(length(min = 1, max = 4000))]
    description: String,
    /// routine when absent.
    priority: Option<Priority>,
    /// Your own organisation; any other is refused.
    organisation: Option<Ref<kind::Organization>>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
enum Priority {
    Routine,
    Urgent,
    Critical,
}

impl Priority {
    /// FHIR `request-priority`.
    fn code(self) -> &'static str {
        match self {
            Self::Routine => "routine",
            Self::Urgent => "urgent",
            Self::Critical => "stat",
        }
    }
}

/// The documented word for a code of `request-priority`.
fn priority_word(code: Option<&str>) -> &'static str {
    match code {
        Some("stat") => "critical",
        Some("urgent" | "asap") => "urgent",
        _ => "routine",
    }
}

/// How an emergency stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
enum EmergencyStatus {
    Reported,
    /// Somebody has taken it up.
    InProgress,
    /// The same as `in_progress`.
    Acknowledged,
    Resolved,
    /// It was none.
    Cancelled,
}

impl EmergencyStatus {
    /// FHIR `event-status`; who took it up has received it.
    fn code(self) -> &'static str {
        match self {
            Self::Reported | Self::InProgress | Self::Acknowledged => "in-progress",
            Self::Resolved => "completed",
            Self::Cancelled => "stopped",
        }
    }

    fn of(message: &Message<'_>) -> Self {
        match message.status.as_str() {
            "completed" => Self::Resolved,
            "stopped" | "not-done" => Self::Cancelled,
            _ if message.received.is_some() => Self::InProgress,
            _ => Self::Reported,
        }
    }

    fn is_over(self) -> bool {
        matches!(self, Self::Resolved | Self::Cancelled)
    }
}

/// An emergency. What is not known is left out.
#[derive(Serialize, JsonSchema)]
pub(super) struct EmergencyRow {
    id: String,
    /// The same as `id`.
    emergency_id: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    patient_id: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    patient_name: Option<String>,
    /// routine, urgent or critical.
    priority: &'static str,
    /// reported, `in_progress`, resolved or cancelled.
    status: EmergencyStatus,
    #[serde(skip_serializing_if = "Option::is_none")]
    description: Option<FreeText>,
    #[serde(skip_serializing_if = "Option::is_none")]
    reported_at: Option<String>,
    /// When somebody took it up.
    #[serde(skip_serializing_if = "Option::is_none")]
    taken_up_at: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    notes: Option<FreeText>,
    clinic_id: String,
    updated_at: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    fhir: Option<Raw>,
}

impl EmergencyRow {
    fn of(record: &Record, format: Format, cx: &ToolContext<'_>) -> Result<Self, ToolError> {
        let message: Message<'_> = view(record)?;
        Ok(Self {
            id: record.id.to_string(),
            emergency_id: record.id.to_string(),
            patient_id: message.patient_id(),
            patient_name: message.patient_name(),
            priority: priority_word(message.priority.as_deref()),
            status: EmergencyStatus::of(&message),
            description: message.words(),
            reported_at: message.sent.as_ref().map(ToString::to_string),
            taken_up_at: message.received.as_ref().map(ToString::to_string),
            notes: message.notes(),
            clinic_id: cx.tenant().organization.to_string(),
            updated_at: format_instant(record.last_updated),
            fhir: format.resource_of(record)?,
        })
    }
}

/// An emergency that was written.
#[derive(Serialize, JsonSchema)]
pub(super) struct SavedEmergency {
    success: bool,
    /// In words.
    message: String,
    #[serde(flatten)]
    emergency: EmergencyRow,
    /// What the record does not do.
    #[serde(skip_serializing_if = "Option::is_none")]
    hint: Option<&'static str>,
}

impl Tool for ReportEmergency {
    const NAME: &'static str = "report_emergency";
    const TITLE: &'static str = "Report an emergency";
    const ALIASES: &'static [Alias] = &[alias("create_emergency")];
    const EFFECT: Effect = Effect::Creates;
    const NEEDS: &'static [Need] = &[
        Need::read(ResourceType::PATIENT),
        Need::create(ResourceType::COMMUNICATION),
        Need::read_if_allowed(ResourceType::PRACTITIONER),
        Need::read_if_allowed(ResourceType::ORGANIZATION),
    ];
    const KEYWORDS: &'static [&'static str] = &["urgent", "alert", "ambulance", "chest pain"];
    type Output = SavedEmergency;

    async fn run(self, cx: &mut ToolContext<'_>) -> Result<SavedEmergency, ToolError> {
        refuse_foreign(self.organisation.as_ref(), cx)?;
        let description = said("description", &self.description)?;
        let priority = self.priority.unwrap_or(Priority::Routine);
        let report = json!({
            "resourceType": "Communication",
            "status": EmergencyStatus::Reported.code(),
            "category": [{
                "coding": [
                    { "system": MESSAGE_KIND, "code": EMERGENCY },
                    { "system": COMMUNICATION_CATEGORY, "code": "alert" }
                ],
                "text": "Emergency"
            }],
            "priority": priority.code(),
            "subject": subject(&self.patient, cx).await?,
            "sent": format_instant(cx.now().as_microsecond()),
            "sender": caller(cx).await?,
            "recipient": [organisation(cx)],
            "payload": [{ "contentString": description }],
        });
        let record = cx.records().create(ParsedResource::from_value(report)?)?;
        Ok(SavedEmergency {
            success: true,
            message: format!("Emergency reported (ID: {})", record.id),
            emergency: EmergencyRow::of(&record, Format::Compact, cx)?,
            hint: Some(
                "Kept for the staff; it calls nobody. In danger of life call the emergency number now.",
            ),
        })
    }
}

/// Says how an emergency stands now, with a note.
///
/// One that is resolved or cancelled takes notes only; report a new one instead.
#[derive(Deserialize, JsonSchema)]
pub(super) struct UpdateEmergencyStatus {
    /// The id of the emergency, from `list_emergencies`.
    emergency: Ref<kind::Communication>,
    /// How it stands now.
    status: EmergencyStatus,
    /// What was done, in words.
    #[schemars(length(max = 4000))]
    notes: Option<String>,
}

impl Tool for UpdateEmergencyStatus {
    const NAME: &'static str = "update_emergency_status";
    const TITLE: &'static str = "Say how an emergency stands";
    const EFFECT: Effect = Effect::Updates;
    const NEEDS: &'static [Need] = &[
        Need::read(ResourceType::COMMUNICATION),
        Need::update(ResourceType::COMMUNICATION),
        Need::read_if_allowed(ResourceType::PRACTITIONER),
    ];
    const SYNONYMS: &'static [Synonym] =
        &[synonym("emergency_id", "emergency"), synonym("id", "emergency"), synonym("note", "notes")];
    const KEYWORDS: &'static [&'static str] = &["resolve", "take up", "alert"];
    type Output = SavedEmergency;

    async fn run(self, cx: &mut ToolContext<'_>) -> Result<SavedEmergency, ToolError> {
        let record = cx.record(&self.emergency).await?;
        let before: Message<'_> = view(&record)?;
        if !before.is(EMERGENCY) {
            return Err(ToolError::not_found("emergency"));
        }
        let known = EmergencyStatus::of(&before);
        let is_changed = word(known) != word(self.status);
        if known.is_over() && is_changed {
            let message = "the emergency is over; report a new one, or give its present status with notes";
            return Err(ToolError::Precondition(message.to_owned()));
        }
        let now = format_instant(cx.now().as_microsecond());
        let mut object = RawObject::parse(&record.body)?;
        object.set("status", &self.status.code())?;
        if self.status == EmergencyStatus::Reported {
            object.remove("received");
        } else if before.received.is_none() {
            object.set("received", &now)?;
        }
        if let Some(note) = self.notes.as_deref().map(str::trim).filter(|note| !note.is_empty()) {
            let mut notes = object.items("note")?;
            let author = caller(cx).await?;
            notes.push(to_raw_value(&json!({ "authorReference": author, "time": now, "text": note }))?);
            object.set("note", &notes)?;
        }
        let current = cx.records().update(&record, ParsedResource::parse(object.to_text()?)?)?;
        let emergency = EmergencyRow::of(&current, Format::Compact, cx)?;
        let message = format!("Emergency {} is {} now", current.id, word(emergency.status));
        Ok(SavedEmergency { success: true, message, emergency, hint: None })
    }
}

fn word(status: EmergencyStatus) -> &'static str {
    match status {
        EmergencyStatus::Reported => "reported",
        EmergencyStatus::InProgress | EmergencyStatus::Acknowledged => "in progress",
        EmergencyStatus::Resolved => "resolved",
        EmergencyStatus::Cancelled => "cancelled",
    }
}

/// Lists emergencies, newest first.
///
/// All of them unless a status is asked for; `open` is what is not resolved or cancelled.
#[derive(Deserialize, JsonSchema)]
pub(super) struct ListEmergencies {
    /// Whom they are about: id, MRN, telephone number or full name.
    patient: Option<Ref<kind::Patient>>,
    /// All when absent.
    status: Option<ListedStatus>,
    /// Most rows, 20 when absent.
    #[schemars(range(min = 1, max = 100))]
    limit: Option<u32>,
    /// `next_cursor` of the answer to continue.
    cursor: Option<String>,
    #[serde(default)]
    format: Format,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
enum ListedStatus {
    Open,
    Resolved,
    Cancelled,
    All,
}

impl Tool for ListEmergencies {
    const NAME: &'static str = "list_emergencies";
    const TITLE: &'static str = "List emergencies";
    const ALIASES: &'static [Alias] = &[alias("get_emergencies")];
    const EFFECT: Effect = Effect::ReadOnly;
    const NEEDS: &'static [Need] =
        &[Need::search(ResourceType::COMMUNICATION), Need::read(ResourceType::PATIENT)];
    const RESOURCES: &'static [ResourceBinding] = &[resource("emergency://all")];
    const KEYWORDS: &'static [&'static str] = &["alert", "urgent"];
    type Output = Listing<EmergencyRow>;

    async fn run(self, cx: &mut ToolContext<'_>) -> Result<Listing<EmergencyRow>, ToolError> {
        let mut applied = Map::new();
        let kind = format!("{MESSAGE_KIND}|{EMERGENCY}");
        let mut query = Query::new(ResourceType::COMMUNICATION).with("category", &kind)?;
        if let Some(patient) = &self.patient {
            applied.insert("patient".to_owned(), patient.id().as_str().into());
            query = query.with("patient", &patient.reference())?;
        }
        if let Some(status) = self.status {
            applied.insert("status".to_owned(), json!(status));
        }
        query = match self.status {
            Some(ListedStatus::Open) => query.with("status", "preparation,in-progress,on-hold")?,
            Some(ListedStatus::Resolved) => query.with("status", "completed")?,
            Some(ListedStatus::Cancelled) => query.with("status", "stopped,not-done")?,
            Some(ListedStatus::All) | None => query.with("status:not", "entered-in-error")?,
        };
        let mut query = query.with("_sort", "-sent")?;
        query.count = self.limit.unwrap_or(ROWS_DEFAULT);
        query.cursor = self.cursor;
        let page = cx.records().search(&query).await.map_err(ToolError::of_own_search)?;
        let listing = Listing::of_page(&page, applied, |record| EmergencyRow::of(record, self.format, cx))?;
        let is_empty = listing.is_empty();
        Ok(if is_empty { listing.with_hint("No emergency; report_emergency keeps one.") } else { listing })
    }
}
