//! Inquiries: what patients ask between visits, and what they are answered.

use medcor_fhir::{
    ParsedResource, RawObject, ResourceType, naming::MESSAGE_KIND, primitive::format_instant, search::Query,
};
use medcor_tools::{
    Alias, Effect, Format, Listing, Need, ROWS_DEFAULT, Ref, ResourceBinding, Synonym, Tool, ToolContext,
    ToolError, alias,
    detail::{Problems, plain},
    kind, resource, synonym, view,
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Map, json};

use super::{
    inquiry_row::{Answers, InquiryRow, status_word},
    message::{Message, caller, clinician, organisation, refuse_foreign, said, subject},
};

/// Our own code of such a request.
const INQUIRY: &str = "inquiry";
/// Our own code of what is answered.
const ANSWER: &str = "answer";

/// Keeps a question of a patient for the staff to answer.
///
/// Not for emergencies: `report_emergency`. `mark_inquiry_answered` keeps the answer.
#[derive(Deserialize, JsonSchema)]
pub(super) struct CreateMedicalInquiry {
    /// Who asks: id, MRN, telephone number or full name; patients say `me`.
    patient: Ref<kind::Patient>,
    /// What it is about, in a few words.
    #[schemars(length(min = 1, max = 200))]
    subject: String,
    /// The question.
    #[schemars(length(min = 1, max = 4000))]
    message: String,
    /// What kind of inquiry it is; medical when absent.
    #[serde(rename = "type")]
    #[schemars(length(min = 1, max = 50))]
    kind: Option<String>,
    /// Your own organisation; any other is refused.
    organisation: Option<Ref<kind::Organization>>,
}

/// An inquiry that was written.
#[derive(Serialize, JsonSchema)]
pub(super) struct SavedInquiry {
    success: bool,
    /// In words.
    confirmation: String,
    #[serde(flatten)]
    inquiry: InquiryRow,
}

impl Tool for CreateMedicalInquiry {
    const NAME: &'static str = "create_medical_inquiry";
    const TITLE: &'static str = "Ask the staff a question";
    const ALIASES: &'static [Alias] = &[alias("log_inquiry"), alias("create_inquiry")];
    const EFFECT: Effect = Effect::Creates;
    const NEEDS: &'static [Need] = &[
        Need::read(ResourceType::PATIENT),
        Need::create(ResourceType::COMMUNICATION_REQUEST),
        Need::read_if_allowed(ResourceType::PRACTITIONER),
        Need::read_if_allowed(ResourceType::ORGANIZATION),
    ];
    const SYNONYMS: &'static [Synonym] = &[synonym("question", "message"), synonym("inquiry_type", "type")];
    const KEYWORDS: &'static [&'static str] = &["question", "message to the doctor"];
    type Output = SavedInquiry;

    async fn run(self, cx: &mut ToolContext<'_>) -> Result<SavedInquiry, ToolError> {
        refuse_foreign(self.organisation.as_ref(), cx)?;
        let mut problems = Problems::default();
        let about = problems.checked("subject", Some(&self.subject), plain);
        let kind = problems.checked("type", self.kind.as_deref(), plain);
        problems.refuse()?;
        let message = said("message", &self.message)?;
        let inquiry = json!({
            "resourceType": "CommunicationRequest",
            "status": "active",
            "category": [{
                "coding": [{ "system": MESSAGE_KIND, "code": INQUIRY }],
                "text": kind.as_deref().unwrap_or("medical")
            }],
            "priority": "routine",
            "subject": subject(&self.patient, cx).await?,
            "authoredOn": format_instant(cx.now().as_microsecond()),
            "requester": caller(cx).await?,
            "recipient": [organisation(cx)],
            "reasonCode": [{ "text": about }],
            "payload": [{ "contentString": message }],
        });
        let record = cx.records().create(ParsedResource::from_value(inquiry)?)?;
        let inquiry = Answers::default().row(&record, Format::Compact)?;
        let confirmation = format!("The inquiry is kept for the staff (ID: {})", record.id);
        Ok(SavedInquiry { success: true, confirmation, inquiry })
    }
}

/// Keeps the answer to an inquiry and closes it. It sends nothing.
///
/// One that is answered already is refused with PRECONDITION.
#[derive(Deserialize, JsonSchema)]
pub(super) struct MarkInquiryAnswered {
    /// The id of the inquiry, from `list_medical_inquiries`.
    inquiry: Ref<kind::CommunicationRequest>,
    /// What was answered.
    #[schemars(length(min = 1, max = 4000))]
    answer: String,
    /// The clinician who answered; you when absent.
    answered_by: Option<Ref<kind::Practitioner>>,
}

impl Tool for MarkInquiryAnswered {
    const NAME: &'static str = "mark_inquiry_answered";
    const TITLE: &'static str = "Answer an inquiry";
    const ALIASES: &'static [Alias] = &[alias("answer_inquiry")];
    const EFFECT: Effect = Effect::Updates;
    const NEEDS: &'static [Need] = &[
        Need::read(ResourceType::COMMUNICATION_REQUEST),
        Need::update(ResourceType::COMMUNICATION_REQUEST),
        Need::create(ResourceType::COMMUNICATION),
        Need::read_if_allowed(ResourceType::PRACTITIONER),
    ];
    const SYNONYMS: &'static [Synonym] = &[
        synonym("inquiry_id", "inquiry"),
        synonym("id", "inquiry"),
        synonym("answer_text", "answer"),
        synonym("user_id", "answered_by"),
        synonym("doctor_id", "answered_by"),
    ];
    const KEYWORDS: &'static [&'static str] = &["reply", "close a question"];
    type Output = SavedInquiry;

    async fn run(self, cx: &mut ToolContext<'_>) -> Result<SavedInquiry, ToolError> {
        let record = cx.record(&self.inquiry).await?;
        let inquiry: Message<'_> = view(&record)?;
        if !inquiry.is(INQUIRY) {
            return Err(ToolError::not_found("inquiry"));
        }
        let word = status_word(&inquiry.status);
        if word != "open" {
            return Err(ToolError::Precondition(format!("the inquiry is {word} already")));
        }
        let text = said("answer", &self.answer)?;
        let sender = match &self.answered_by {
            Some(reference) => clinician(reference, cx).await?,
            None => caller(cx).await?,
        };
        let patient = inquiry.patient_id().map(|id| format!("Patient/{id}"));
        let patient = patient.ok_or_else(|| ToolError::not_found("patient of this inquiry"))?;
        let answer = json!({
            "resourceType": "Communication",
            "status": "completed",
            "basedOn": [{ "reference": format!("CommunicationRequest/{}", record.id) }],
            "category": [{ "coding": [{ "system": MESSAGE_KIND, "code": ANSWER }], "text": "Answer" }],
            "subject": { "reference": patient },
            "sent": format_instant(cx.now().as_microsecond()),
            "sender": sender,
            "recipient": [{ "reference": patient }],
            "payload": [{ "contentString": text }],
        });
        let answer = cx.records().create(ParsedResource::from_value(answer)?)?;
        let mut object = RawObject::parse(&record.body)?;
        object.set("status", &"completed")?;
        let current = cx.records().update(&record, ParsedResource::parse(object.to_text()?)?)?;
        let mut answers = Answers::default();
        answers.take(&answer)?;
        let inquiry = answers.row(&current, Format::Compact)?;
        let confirmation = format!("Inquiry {} is answered", current.id);
        Ok(SavedInquiry { success: true, confirmation, inquiry })
    }
}

/// Lists what patients asked between visits, newest first, with the answers.
#[derive(Deserialize, JsonSchema)]
pub(super) struct ListMedicalInquiries {
    /// Who asked: id, MRN, telephone number or full name.
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
    Answered,
    All,
}

impl Tool for ListMedicalInquiries {
    const NAME: &'static str = "list_medical_inquiries";
    const TITLE: &'static str = "List inquiries";
    const ALIASES: &'static [Alias] = &[alias("list_inquiries"), alias("get_inquiries")];
    const EFFECT: Effect = Effect::ReadOnly;
    const NEEDS: &'static [Need] = &[
        Need::search(ResourceType::COMMUNICATION_REQUEST),
        Need::read(ResourceType::PATIENT),
        Need::search_if_allowed(ResourceType::COMMUNICATION),
    ];
    const RESOURCES: &'static [ResourceBinding] = &[resource("inquiries://list")];
    const KEYWORDS: &'static [&'static str] = &["questions of patients", "unanswered"];
    type Output = Listing<InquiryRow>;

    async fn run(self, cx: &mut ToolContext<'_>) -> Result<Listing<InquiryRow>, ToolError> {
        let mut applied = Map::new();
        let kind = format!("{MESSAGE_KIND}|{INQUIRY}");
        let mut query = Query::new(ResourceType::COMMUNICATION_REQUEST).with("category", &kind)?;
        if let Some(patient) = &self.patient {
            applied.insert("patient".to_owned(), patient.id().as_str().into());
            query = query.with("patient", &patient.reference())?;
        }
        if let Some(status) = self.status {
            applied.insert("status".to_owned(), json!(status));
        }
        query = match self.status {
            Some(ListedStatus::Open) => query.with("status", "draft,active,on-hold,unknown")?,
            Some(ListedStatus::Answered) => query.with("status", "completed")?,
            Some(ListedStatus::All) | None => query.with("status:not", "entered-in-error")?,
        };
        let mut query = query.with("_sort", "-authored")?;
        query.count = self.limit.unwrap_or(ROWS_DEFAULT);
        query.cursor = self.cursor;
        let page = cx.records().search(&query).await.map_err(ToolError::of_own_search)?;
        let mut answers = Answers::to(&page.records, cx).await?;
        let listing = Listing::of_page(&page, applied, |record| answers.row(record, self.format))?;
        let is_empty = listing.is_empty();
        Ok(if is_empty {
            listing.with_hint("No inquiry; create_medical_inquiry keeps one.")
        } else {
            listing
        })
    }
}
