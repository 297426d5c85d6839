//! The documented events, as JSON: names, members and `type`. By default they say which record it is and how it
//! stands, in opaque ids; what a record says comes from the tool that reads it, for whoever asks for it.

use std::collections::VecDeque;

use medcor_fhir::{ResourceType, primitive::format_instant};
use medcor_store::{EventAction, EventPosition, PositionSeal, RecordEvent, StoreError};
use medcor_tools::{
    ToolError,
    topic::{
        APPOINTMENT_CREATED, AUTH_REFRESH, BREAK_GLASS, CRITICAL_RESULT, ERROR_EVENT, HEARTBEAT,
        PATIENT_REGISTERED, REMINDER_DUE, RESET, RESOURCE_UPDATE, TOOL_RESPONSE, collection,
    },
};
use serde_json::{Map, Value, json};

use super::{After, Change, End, Heard, Subscriber, answered::Answered, full};

/// The part of what is said last of an event; the ones before count from 0.
pub(super) const LAST_PART: u8 = u8::MAX;

/// How much events say of records.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Detail {
    /// Ids, and how the record stands.
    Ids,
    /// What the tool that reads the record answers this caller, each time with a row of the trail.
    Full,
}

/// An event as it is sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Told {
    /// Its name, which is `type` in the data too.
    pub(crate) name: &'static str,
    /// A place to go on from; `None` for what is not said again.
    pub(crate) id: Option<String>,
    /// JSON of an object, on one line.
    pub(crate) data: String,
}

/// The documented events of one subscriber.
pub(crate) struct DocumentedStream {
    subscriber: Subscriber,
    seal: PositionSeal,
    detail: Detail,
    /// Said of an event, and not returned yet.
    waiting: VecDeque<Told>,
    /// Heard, and not said yet: what is awaited may be dropped.
    heard: Option<Heard>,
    /// What of the first event was said on the stream before.
    said_before: Option<(EventPosition, u8)>,
}

impl DocumentedStream {
    pub(super) async fn new(
        subscriber: Subscriber,
        after: &After,
        detail: Detail,
    ) -> Result<Self, ToolError> {
        let seal = subscriber.hub().outbox().seal_for(subscriber.caller().principal()).await?;
        let said_before = match after {
            After::Now => None,
            After::Id(id) => match seal.open(id) {
                Ok(place) => Some(place),
                Err(StoreError::BadCursor) => None,
                Err(error) => return Err(error.into()),
            },
        };
        Ok(Self { subscriber, seal, detail, waiting: VecDeque::new(), heard: None, said_before })
    }

    /// A heartbeat with the place where the stream is: whoever is cut off before the first event goes on from
    /// there.
    pub(crate) fn greeting(&self) -> Told {
        self.quiet(self.subscriber.position())
    }

    /// The next event. It may be dropped before it is ready, and nothing is lost.
    pub(crate) async fn next(&mut self) -> Result<Told, End> {
        loop {
            if let Some(told) = self.waiting.pop_front() {
                return Ok(told);
            }
            if self.heard.is_none() {
                self.heard = Some(self.subscriber.next().await?);
            }
            let Some(heard) = &self.heard else { continue };
            let said = match heard {
                Heard::Change(change) => Box::pin(self.of_change(change)).await,
                Heard::Emergency(event) => self.of_emergency(event),
                Heard::Reset(position) => vec![self.reset(*position)],
                Heard::Quiet(position) => vec![self.quiet(*position)],
                Heard::Expiring(ends_at) => vec![self.expiring(*ends_at)],
                Heard::Answered(answered) => vec![self.answered(answered)],
            };
            self.heard = None;
            self.waiting.extend(said);
        }
    }

    /// Why a stream is over, as its last event. It has no id: the stream goes on from the one before.
    pub(crate) fn farewell(&self, end: &End) -> Told {
        let (code, message) = (end.code().name(), end.message());
        let data = json!({ "error": format!("{code}: {message}"), "details": { "code": code } });
        self.told(ERROR_EVENT, None, data)
    }

    async fn of_change(&self, change: &Change) -> Vec<Told> {
        let event = &change.event;
        let resource_type = event.resource_type;
        let mut names = vec![(0, RESOURCE_UPDATE)];
        names.extend(domain_event(change).map(|name| (1, name)));
        let was_said = |part: u8| {
            self.said_before.is_some_and(|(position, said)| position == event.position && part <= said)
        };
        names.retain(|(part, name)| {
            self.subscriber.topics().want(name, Some(resource_type)) && !was_said(*part)
        });
        let Some((_, last)) = names.last().copied() else { return Vec::new() };
        let data = self.data_of(change).await;
        let mut said = Vec::with_capacity(names.len());
        for (part, name) in names {
            let part = if name == last { LAST_PART } else { part };
            let id = self.seal.seal(event.position, part);
            said.push(self.told(name, Some(id), body(name, change, &data)));
        }
        said
    }

    /// What is said of the record itself.
    async fn data_of(&self, change: &Change) -> Value {
        let mut data = light(change);
        if self.detail == Detail::Ids || change.event.action == EventAction::Deleted {
            return Value::Object(data);
        }
        let hub = self.subscriber.hub();
        match full::answer(&hub.pipeline, self.subscriber.caller(), &change.event).await {
            Ok(mut full) => {
                // What the event says of itself stays.
                full.extend(data);
                Value::Object(full)
            }
            Err(code) => {
                data.insert("refused".to_owned(), code.name().into());
                Value::Object(data)
            }
        }
    }

    fn of_emergency(&self, event: &RecordEvent) -> Vec<Told> {
        if !self.subscriber.topics().want(BREAK_GLASS, Some(ResourceType::AUDIT_EVENT)) {
            return Vec::new();
        }
        let access = json!({ "id": event.id, "opened_at": format_instant(event.at) });
        let id = self.seal.seal(event.position, LAST_PART);
        vec![self.told(BREAK_GLASS, Some(id), json!({ "access": access }))]
    }

    fn reset(&self, position: EventPosition) -> Told {
        let data = json!({
            "reason": "events after the last one that you had are not kept any more: read again what you show"
        });
        self.told(RESET, Some(self.seal.seal(position, LAST_PART)), data)
    }

    fn quiet(&self, position: EventPosition) -> Told {
        self.told(HEARTBEAT, Some(self.seal.seal(position, LAST_PART)), json!({}))
    }

    /// A new token is for whoever has a refresh token: none is ever sent on a stream.
    fn expiring(&self, ends_at_seconds: i64) -> Told {
        let ends_at = format_instant(ends_at_seconds.saturating_mul(1_000_000));
        self.told(AUTH_REFRESH, None, json!({ "new_token": null, "expires_at": ends_at }))
    }

    fn answered(&self, answered: &Answered) -> Told {
        let result: Value = serde_json::from_str(&answered.json).unwrap_or(Value::Null);
        let data = json!({ "tool": answered.tool, "result": result, "request_id": answered.request_id });
        self.told(TOOL_RESPONSE, None, data)
    }

    fn told(&self, name: &'static str, id: Option<String>, data: Value) -> Told {
        let mut object = Map::new();
        object.insert("type".to_owned(), name.into());
        if let Value::Object(members) = data {
            object.extend(members);
        }
        let now = self.subscriber.hub().store().clock().now();
        object.insert("timestamp".to_owned(), format_instant(now).into());
        Told { name, id, data: Value::Object(object).to_string() }
    }
}

/// What the change means to a clinic, beside being one.
pub(crate) fn domain_event(change: &Change) -> Option<&'static str> {
    if change.event.action != EventAction::Created && change.event.resource_type != ResourceType::OBSERVATION
    {
        return None;
    }
    let record: Value = serde_json::from_str(&change.record.body).ok()?;
    match change.event.resource_type {
        ResourceType::APPOINTMENT => Some(APPOINTMENT_CREATED),
        ResourceType::PATIENT => Some(PATIENT_REGISTERED),
        ResourceType::COMMUNICATION => has_code(&record["category"], &["reminder"]).then_some(REMINDER_DUE),
        // HL7 v3 ObservationInterpretation; AA is critically abnormal.
        ResourceType::OBSERVATION if change.event.action != EventAction::Deleted => {
            has_code(&record["interpretation"], &["HH", "LL", "HU", "LU", "AA"]).then_some(CRITICAL_RESULT)
        }
        _ => None,
    }
}

fn has_code(concepts: &Value, codes: &[&str]) -> bool {
    let concepts = concepts.as_array().into_iter().flatten();
    let codings = concepts.filter_map(|concept| concept["coding"].as_array()).flatten();
    codings.filter_map(|coding| coding["code"].as_str()).any(|code| codes.contains(&code))
}

/// Which record it is and how it stands.
fn light(change: &Change) -> Map<String, Value> {
    let event = &change.event;
    let mut data = Map::new();
    data.insert("id".to_owned(), event.id.as_str().into());
    data.insert("resource_type".to_owned(), event.resource_type.name().into());
    data.insert("version".to_owned(), event.version.into());
    data.insert("last_updated".to_owned(), format_instant(event.at).into());
    if event.action == EventAction::Deleted {
        return data;
    }
    if event.resource_type == ResourceType::APPOINTMENT
        && let Some((status, start)) = medcor_front_office::appointment_standing(&change.record.body)
    {
        data.insert("appointment_id".to_owned(), event.id.as_str().into());
        data.insert("status".to_owned(), status.into());
        data.insert("start".to_owned(), start.map_or(Value::Null, Value::from));
    }
    data
}

/// The members of an event beside `type` and `timestamp`.
fn body(name: &str, change: &Change, data: &Value) -> Value {
    match name {
        APPOINTMENT_CREATED => json!({ "appointment": data }),
        PATIENT_REGISTERED => json!({ "patient": data }),
        REMINDER_DUE => json!({ "reminder": data }),
        CRITICAL_RESULT => json!({ "result": data }),
        _ => json!({
            "resource": collection(change.event.resource_type),
            "action": match change.event.action {
                EventAction::Created => "created",
                EventAction::Updated => "updated",
                EventAction::Deleted => "deleted",
            },
            "data": data
        }),
    }
}
