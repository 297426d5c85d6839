//! What webhooks send, as `OpenAPI` says it of requests that a server makes: FHIR notifications of the Subscriptions R5
//! Backport for R4, signed as Standard Webhooks says.

use serde_json::{Value, json};

const ABOUT: &str = "Sent to the endpoint of a webhook (`create_webhook`) for each event of its topics that its owner may \
    see, and first as a handshake. The same `webhook-id` may come again: take each once. What is answered in 15 seconds \
    with 2xx was received; else it is sent again. docs/webhooks.md shows how to verify it.";

/// The requests, by what they are about.
pub(super) fn webhooks() -> Value {
    json!({
        "event": {
            "post": {
                "operationId": "webhook_event",
                "summary": "What happened to a record",
                "description": ABOUT,
                "security": [],
                "parameters": [
                    header("webhook-id", "The same for every attempt of an event."),
                    header("webhook-timestamp", "When this attempt was made, in seconds since the epoch."),
                    header(
                        "webhook-signature",
                        "`v1,` and base64 of HMAC-SHA256 over `id.timestamp.body`; two of them, with a space between, for \
                         a day after the secret has changed.",
                    )
                ],
                "requestBody": {
                    "required": true,
                    "content": { "application/fhir+json": { "schema": notification() } }
                },
                "responses": {
                    "2XX": { "description": "It was received." },
                    "410": { "description": "The endpoint is gone: nothing more is sent to it." }
                }
            }
        }
    })
}

fn header(name: &str, description: &str) -> Value {
    json!({
        "name": name, "in": "header", "required": true, "description": description,
        "schema": { "type": "string" }
    })
}

/// A `Bundle` whose first entry is how the subscription stands, with the event where it is about one. A second has the
/// record, where the webhook sends records.
fn notification() -> Value {
    let request = json!({
        "type": "object", "required": ["method", "url"],
        "properties": { "method": { "type": "string", "enum": ["GET", "PUT", "DELETE"] }, "url": { "type": "string" } }
    });
    let response = json!({
        "type": "object", "required": ["status"], "properties": { "status": { "type": "string" } }
    });
    json!({
        "type": "object",
        "required": ["resourceType", "type", "timestamp", "entry"],
        "properties": {
            "resourceType": { "type": "string", "enum": ["Bundle"] },
            "type": { "type": "string", "enum": ["history"] },
            "timestamp": { "type": "string", "format": "date-time" },
            "entry": {
                "type": "array", "minItems": 1, "maxItems": 2,
                "prefixItems": [{
                    "type": "object", "required": ["fullUrl", "resource", "request", "response"],
                    "properties": {
                        "fullUrl": { "type": "string" }, "resource": status(), "request": request, "response": response
                    }
                }],
                "items": {
                    "type": "object", "required": ["fullUrl", "request", "response"],
                    "properties": {
                        "fullUrl": { "type": "string" },
                        "resource": {
                            "type": "object", "required": ["resourceType", "id"],
                            "description": "The record, as the owner of the webhook sees it now. Not of a deletion."
                        },
                        "request": request, "response": response
                    }
                }
            }
        }
    })
}

fn status() -> Value {
    let parameter = |name: &str, value: &str| json!({ "type": "object", "required": ["name", value], "properties": { "name": { "enum": [name] } } });
    json!({
        "type": "object",
        "required": ["resourceType", "id", "parameter"],
        "properties": {
            "resourceType": { "type": "string", "enum": ["Parameters"] },
            "parameter": {
                "type": "array", "minItems": 4, "maxItems": 5,
                "description": "`type` is `handshake` or `event-notification`; only the latter has `notification-event`, \
                                whose `focus` is the record.",
                "prefixItems": [
                    parameter("subscription", "valueReference"),
                    parameter("status", "valueCode"),
                    parameter("type", "valueCode"),
                    parameter("events-since-subscription-start", "valueString"),
                    parameter("notification-event", "part")
                ]
            }
        }
    })
}
