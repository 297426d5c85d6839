//! The documented events, described: what each means, and the JSON Schema of its data.

use medcor_tools::{
    ErrorCode,
    topic::{
        APPOINTMENT_CREATED, AUTH_REFRESH, BREAK_GLASS, COLLECTIONS, CRITICAL_RESULT, ERROR_EVENT, EVENTS,
        HEARTBEAT, PATIENT_REGISTERED, REMINDER_DUE, RESET, RESOURCE_UPDATE, TOOL_RESPONSE,
    },
};
use serde_json::{Map, Value, json};

/// Where schemas refer to the one of a record.
const RECORD: &str = "#/components/schemas/Record";

/// An event that a stream can have.
pub(crate) struct DescribedEvent {
    /// Its name, which is `type` in its data.
    pub(crate) name: &'static str,
    /// What it means.
    pub(crate) meaning: &'static str,
    /// JSON Schema (draft 7) of its data. Members of a record are [`record`]'s.
    pub(crate) schema: Value,
}

/// Every event, in the order of the table of topics.
pub(crate) fn events() -> Vec<DescribedEvent> {
    let described = |(name, _): &(&'static str, _)| {
        let (meaning, members) = meaning_and_members(name);
        DescribedEvent { name, meaning, schema: schema(name, members) }
    };
    EVENTS.iter().map(described).collect()
}

/// What an event says of a record.
pub(crate) fn record() -> Value {
    json!({
        "type": "object",
        "description": "Which record it is and how it stands. With `data=full` also what the tool that reads such a \
            record answers this caller, or `refused` with the code.",
        "required": ["id", "resource_type", "version", "last_updated"],
        "properties": {
            "id": { "type": "string" },
            "resource_type": { "type": "string", "description": "The type of FHIR." },
            "version": { "type": "integer", "minimum": 1 },
            "last_updated": { "type": "string", "format": "date-time" },
            "appointment_id": { "type": "string", "description": "Of appointments: `id` again." },
            "status": { "type": "string", "description": "Of appointments: how it stands, such as SCHEDULED." },
            "start": { "type": ["string", "null"], "description": "Of appointments: when it begins." },
            "refused": { "type": "string", "enum": codes() }
        }
    })
}

/// The names under which a subscriber can ask for something: events and collections; the types of FHIR are further
/// ones.
pub(crate) fn topics() -> Vec<&'static str> {
    EVENTS.iter().map(|(name, _)| *name).chain(COLLECTIONS.iter().map(|(name, _)| *name)).collect()
}

/// Every code that a refusal can have.
pub(crate) fn codes() -> Vec<&'static str> {
    ErrorCode::TABLE.iter().map(|line| line.name).collect()
}

fn meaning_and_members(name: &str) -> (&'static str, Value) {
    let record = || json!({ "$ref": RECORD });
    match name {
        RESOURCE_UPDATE => ("A record was created, updated or deleted.", update(record())),
        TOOL_RESPONSE => ("A call of this very caller was answered by this server.", answer()),
        APPOINTMENT_CREATED => ("An appointment was made.", json!({ "appointment": record() })),
        PATIENT_REGISTERED => ("A patient was registered.", json!({ "patient": record() })),
        REMINDER_DUE => {
            ("A dose that somebody is to be reminded of is due.", json!({ "reminder": record() }))
        }
        CRITICAL_RESULT => ("A result beyond its critical limits.", json!({ "result": record() })),
        BREAK_GLASS => ("Somebody opened a record in an emergency, for review.", emergency()),
        HEARTBEAT => ("Nothing happened for a while. Each stream begins with one.", json!({})),
        AUTH_REFRESH => ("The token ends soon. A new one is never sent on a stream.", expiry()),
        RESET => ("What came after the last event is not kept any more: read again what you show.", reset()),
        ERROR_EVENT => ("The stream is over; nothing follows.", error()),
        _ => ("", json!({})),
    }
}

fn update(record: Value) -> Value {
    let mut members = json!({
        "resource": {
            "type": "string", "description": "The collection, else the type of FHIR.",
            "examples": COLLECTIONS.iter().map(|(name, _)| *name).collect::<Vec<_>>()
        },
        "action": { "type": "string", "enum": ["created", "updated", "deleted"] }
    });
    members["data"] = record;
    members
}

fn answer() -> Value {
    json!({
        "tool": { "type": "string" },
        "result": { "description": "The answer of the tool." },
        "request_id": { "type": "string", "description": "The id of the call in answer, log and trail." }
    })
}

fn emergency() -> Value {
    json!({
        "access": {
            "type": "object",
            "required": ["id", "opened_at"],
            "properties": {
                "id": { "type": "string", "description": "Of the AuditEvent, which says who, whom and why." },
                "opened_at": { "type": "string", "format": "date-time" }
            },
            "additionalProperties": false
        }
    })
}

fn expiry() -> Value {
    json!({ "new_token": { "type": "null" }, "expires_at": { "type": "string", "format": "date-time" } })
}

fn reset() -> Value {
    json!({ "reason": { "type": "string" } })
}

fn error() -> Value {
    json!({
        "error": { "type": "string", "description": "`CODE: what to do`." },
        "details": {
            "type": "object",
            "required": ["code"],
            "properties": { "code": { "type": "string", "enum": codes() } },
            "additionalProperties": false
        }
    })
}

/// An event is an object with these members, all of which it has, beside those that all events share.
fn schema(name: &str, members: Value) -> Value {
    let mut properties = Map::new();
    properties.insert("type".to_owned(), json!({ "type": "string", "const": name }));
    if let Value::Object(members) = members {
        properties.extend(members);
    }
    properties.insert("timestamp".to_owned(), json!({ "type": "string", "format": "date-time" }));
    let required: Vec<String> = properties.keys().cloned().collect();
    let place = "Over WebSocket: the place of the event, which is its `id` over server-sent events.";
    properties.insert("event_id".to_owned(), json!({ "type": "string", "description": place }));
    json!({ "type": "object", "required": required, "properties": properties, "additionalProperties": false })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_event_is_described() {
        for event in events() {
            assert!(!event.meaning.is_empty(), "{} has no description", event.name);
            assert_eq!(event.schema["properties"]["type"]["const"], event.name);
        }
    }
}
