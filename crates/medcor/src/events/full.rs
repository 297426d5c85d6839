//! What a record says, for subscribers who ask for it: the answer of the tool that reads it, called as the
//! subscriber on the road of every call, with its row in the trail.

use std::sync::Arc;

use medcor_fhir::ResourceType;
use medcor_store::RecordEvent;
use medcor_tools::{Caller, ErrorCode, Pipeline};
use serde_json::{Map, Value, json};

/// The door's name in the trail.
pub(crate) const DOOR: &str = "events";

/// The tool that reads records of a type, and the argument that names one.
const TOOLS: &[(ResourceType, &str, &str)] = &[
    (ResourceType::APPOINTMENT, "get_appointment_details", "appointment"),
    (ResourceType::PATIENT, "get_patient", "patient"),
    (ResourceType::PRACTITIONER, "get_doctor_details", "provider"),
];
const ANY: &str = "fhir_read";

/// The answer, or the code with which it is refused.
pub(super) async fn answer(
    pipeline: &Arc<Pipeline>,
    caller: &Arc<Caller>,
    event: &RecordEvent,
) -> Result<Map<String, Value>, ErrorCode> {
    let known = TOOLS.iter().find(|(of, ..)| *of == event.resource_type);
    let (tool, arguments) = match known {
        Some((_, tool, argument)) => (*tool, json!({ *argument: event.id })),
        None => (ANY, json!({ "resource_type": event.resource_type.name(), "id": event.id })),
    };
    let (pipeline, subscriber) = (pipeline.clone(), caller.clone());
    // A call that was begun goes on to its row of the trail, whoever waits.
    let call = tokio::spawn(async move {
        pipeline.invoke_own(&subscriber, DOOR, tool, arguments).await.map_err(|report| report.code)
    });
    let answer = call.await.map_err(|_panicked| ErrorCode::ServerError)??;
    serde_json::from_str(answer.json()).map_err(|_no_object| ErrorCode::ServerError)
}
