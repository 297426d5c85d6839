//! Ending one reminder.

use medcor_fhir::{ParsedResource, RawObject, ResourceType};
use medcor_tools::{Effect, Need, Ref, Synonym, Tool, ToolContext, ToolError, kind, synonym};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::json;

use super::{
    create::release_claims,
    reminder::{Reminder, ended_at},
};
use crate::listing::{Subject, Success};

/// Ends a reminder of a medication: nobody is reminded any more, and no later dose is expected. What was taken stays.
///
/// To change its times or its dose, end it and make another with `create_medication_reminder`. One that has ended
/// already is answered as it is. The prescription goes on; `discontinue_medication` ends both.
#[derive(Deserialize, JsonSchema)]
pub(super) struct EndMedicationReminder {
    /// Id of the reminder, from `create_medication_reminder` or `get_adherence`.
    reminder: Ref<kind::CommunicationRequest>,
    /// Why; kept in the record.
    #[schemars(length(min = 1, max = 500))]
    reason: Option<String>,
}

/// The reminder that was ended.
#[derive(Serialize, JsonSchema)]
pub(super) struct EndedReminder {
    status: Success,
    message: String,
    id: String,
    reminder_id: String,
    patient_id: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    mrn: Option<String>,
    medication: String,
    /// Whether it had ended before, and nothing was changed.
    had_ended: bool,
}

impl Tool for EndMedicationReminder {
    const NAME: &'static str = "end_medication_reminder";
    const TITLE: &'static str = "End a medication reminder";
    const EFFECT: Effect = Effect::Updates;
    const NEEDS: &'static [Need] = &[
        Need::read(ResourceType::PATIENT),
        Need::read(ResourceType::COMMUNICATION_REQUEST),
        Need::update(ResourceType::COMMUNICATION_REQUEST),
    ];
    const SYNONYMS: &'static [Synonym] = &[synonym("reminder_id", "reminder"), synonym("id", "reminder")];
    const KEYWORDS: &'static [&'static str] = &["stop", "cancel", "alarm", "pill", "dose"];
    type Output = EndedReminder;

    async fn run(self, cx: &mut ToolContext<'_>) -> Result<EndedReminder, ToolError> {
        let record = cx.record(&self.reminder).await?;
        let reminder = Reminder::of(&record, &cx.time_zone())?;
        let Some((reminder, patient)) = reminder.zip(record.patient.clone()) else {
            return Err(ToolError::Precondition("it is no reminder of a medication".to_owned()));
        };
        let subject = Subject::of_record(&cx.read(ResourceType::PATIENT, &patient).await?)?;
        let had_ended = !reminder.is_active();
        if !had_ended {
            let mut object = RawObject::parse(&ended_at(&record, cx.now())?)?;
            if let Some(reason) = self.reason.as_deref().map(str::trim).filter(|reason| !reason.is_empty()) {
                object.set("statusReason", &json!({ "text": reason }))?;
            }
            cx.records().update(&record, ParsedResource::parse(object.to_text()?)?)?;
            release_claims(&subject, &reminder.medication, cx);
        }
        let message = if had_ended {
            "The reminder ended before; nothing was changed"
        } else {
            "The reminder is ended"
        };
        Ok(EndedReminder {
            status: Success::Success,
            message: message.to_owned(),
            id: record.id.to_string(),
            reminder_id: record.id.to_string(),
            patient_id: subject.patient_id,
            mrn: subject.mrn,
            medication: reminder.medication,
            had_ended,
        })
    }
}
