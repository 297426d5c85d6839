//! What a record says, for webhooks that send it: the answer of the tool that reads any record, called as the owner
//! on the road of every call, with its row in the trail.

use medcor_store::RecordEvent;
use medcor_tools::{Caller, ErrorCode, Pipeline};
use serde::Deserialize;
use serde_json::{json, value::RawValue};

/// The door's name in the trail.
const DOOR: &str = "webhook";
const READ_TOOL: &str = "fhir_read";

/// What there is to send.
pub(super) enum Content {
    /// The resource as the owner sees it now.
    Resource(Box<RawValue>),
    /// It is not the owner's to see.
    Withheld,
    /// Nobody can say now, or the owner has seen many patients within the hour.
    Later,
    /// The record can't be read as it is.
    Unreadable,
}

#[derive(Deserialize)]
struct Answer {
    fhir: Option<Box<RawValue>>,
}

pub(super) async fn of(pipeline: &Pipeline, caller: &Caller, event: &RecordEvent) -> Content {
    let arguments = json!({ "resource_type": event.resource_type.name(), "id": event.id });
    match pipeline.invoke_own(caller, DOOR, READ_TOOL, arguments).await {
        Ok(answer) => match serde_json::from_str::<Answer>(answer.json()) {
            Ok(Answer { fhir: Some(resource) }) => Content::Resource(resource),
            _ => Content::Unreadable,
        },
        Err(refusal) => match refusal.code {
            ErrorCode::ResourceNotFound | ErrorCode::PermissionDenied | ErrorCode::ConsentRequired => {
                Content::Withheld
            }
            ErrorCode::RateLimit | ErrorCode::NotReady => Content::Later,
            _ => Content::Unreadable,
        },
    }
}
