//! Notifications as the Subscriptions R5 Backport says them for R4: a `Bundle` of type `history` whose first entry is
//! how the subscription stands, as `Parameters`.

use medcor_fhir::primitive::format_instant;
use medcor_store::{EventAction, RecordEvent, Webhook};
use serde::Serialize;
use serde_json::{Value, json, value::RawValue};

const BUNDLE_PROFILE: &str =
    "http://hl7.org/fhir/uv/subscriptions-backport/StructureDefinition/backport-subscription-notification-r4";
const STATUS_PROFILE: &str =
    "http://hl7.org/fhir/uv/subscriptions-backport/StructureDefinition/backport-subscription-status-r4";

/// From where and when a notification is.
pub(super) struct Sender<'s> {
    /// Where records are, without a slash at the end.
    pub(super) base_url: &'s str,
    /// A new UUID.
    pub(super) id: &'s str,
    /// Microseconds since the epoch.
    pub(super) now: i64,
}

/// An event as it is told.
pub(super) struct Told<'t> {
    pub(super) event: &'t RecordEvent,
    /// Its number among the webhook's.
    pub(super) number: i64,
    /// The record, where it is sent.
    pub(super) resource: Option<Box<RawValue>>,
    /// Whether what is sent has an entry for the record.
    pub(super) has_entry: bool,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Bundle {
    resource_type: &'static str,
    meta: Value,
    #[serde(rename = "type")]
    kind: &'static str,
    timestamp: String,
    entry: Vec<Entry>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Entry {
    full_url: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    resource: Option<Content>,
    request: Value,
    response: Value,
}

#[derive(Serialize)]
#[serde(untagged)]
enum Content {
    Status(Value),
    Record(Box<RawValue>),
}

/// Whether the endpoint is there.
pub(super) fn handshake(sender: &Sender<'_>, webhook: &Webhook) -> Vec<u8> {
    text(&bundle(sender, vec![status(sender, webhook, "handshake", None)]))
}

/// One event.
pub(super) fn event(sender: &Sender<'_>, webhook: &Webhook, told: Told<'_>) -> Vec<u8> {
    let mut entries = vec![status(sender, webhook, "event-notification", Some(&told))];
    if told.has_entry {
        let Told { event, resource, .. } = told;
        let local = format!("{}/{}", event.resource_type, event.id);
        let (method, code) = match event.action {
            EventAction::Created => ("PUT", "201"),
            EventAction::Updated => ("PUT", "200"),
            EventAction::Deleted => ("DELETE", "204"),
        };
        entries.push(Entry {
            full_url: format!("{}/{local}", sender.base_url),
            resource: resource.map(Content::Record),
            request: json!({ "method": method, "url": local }),
            response: json!({ "status": code }),
        });
    }
    text(&bundle(sender, entries))
}

fn bundle(sender: &Sender<'_>, entry: Vec<Entry>) -> Bundle {
    Bundle {
        resource_type: "Bundle",
        meta: json!({ "profile": [BUNDLE_PROFILE] }),
        kind: "history",
        timestamp: format_instant(sender.now),
        entry,
    }
}

/// How the subscription stands, and the event where there is one.
fn status(sender: &Sender<'_>, webhook: &Webhook, kind: &str, told: Option<&Told<'_>>) -> Entry {
    let subscription = format!("{}/Subscription/{}", sender.base_url, webhook.key.id);
    let number = told.map_or(webhook.progress.events, |told| told.number);
    let mut parameters = vec![
        json!({ "name": "subscription", "valueReference": { "reference": subscription } }),
        json!({ "name": "status", "valueCode": webhook.progress.state.name() }),
        json!({ "name": "type", "valueCode": kind }),
        json!({ "name": "events-since-subscription-start", "valueString": number.to_string() }),
    ];
    if let Some(Told { event, number, .. }) = told {
        let focus = format!("{}/{}/{}", sender.base_url, event.resource_type, event.id);
        parameters.push(json!({
            "name": "notification-event",
            "part": [
                { "name": "event-number", "valueString": number.to_string() },
                { "name": "timestamp", "valueInstant": format_instant(event.at) },
                { "name": "focus", "valueReference": { "reference": focus } }
            ]
        }));
    }
    let resource = json!({
        "resourceType": "Parameters",
        "id": sender.id,
        "meta": { "profile": [STATUS_PROFILE] },
        "parameter": parameters
    });
    Entry {
        full_url: format!("urn:uuid:{}", sender.id),
        resource: Some(Content::Status(resource)),
        request: json!({ "method": "GET", "url": format!("{subscription}/$status") }),
        response: json!({ "status": "200" }),
    }
}

fn text(bundle: &Bundle) -> Vec<u8> {
    serde_json::to_vec(bundle).expect("texts and JSON are JSON")
}
