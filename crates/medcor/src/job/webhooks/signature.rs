//! What says who sends a message and that it was not changed (Standard Webhooks).

use base64::{Engine as _, engine::general_purpose::STANDARD};
use medcor_store::{RecordEvent, WebhookKey};
use ring::{
    digest::{Context, SHA256},
    hmac,
};

/// The id of the message about an event: the same however often it is sent. It tells nobody how much others write.
pub(super) fn message_id(key: &WebhookKey, event: &RecordEvent) -> String {
    let mut context = Context::new(&SHA256);
    context.update(&key.tenant.0.to_be_bytes());
    context.update(key.id.as_str().as_bytes());
    context.update(format!("/{}/{}/{}", event.resource_type, event.id, event.version).as_bytes());
    named(context.finish().as_ref())
}

/// The id of one message that is about no event.
pub(super) fn handshake_id(id: &str) -> String {
    format!("msg_{}", id.replace('-', ""))
}

fn named(hash: &[u8]) -> String {
    let digits = hash.iter().take(16).map(|byte| format!("{byte:02x}"));
    format!("msg_{}", digits.collect::<String>())
}

/// The headers of a message, signed with each of these secrets.
pub(super) fn headers(
    (id, timestamp_seconds): (&str, i64),
    body: &[u8],
    secrets: &[Vec<u8>],
) -> Vec<(&'static str, String)> {
    let signatures: Vec<String> = secrets
        .iter()
        .map(|secret| {
            let mut context = hmac::Context::with_key(&hmac::Key::new(hmac::HMAC_SHA256, secret));
            context.update(format!("{id}.{timestamp_seconds}.").as_bytes());
            context.update(body);
            format!("v1,{}", STANDARD.encode(context.sign()))
        })
        .collect();
    vec![
        ("content-type", "application/fhir+json".to_owned()),
        ("webhook-id", id.to_owned()),
        ("webhook-timestamp", timestamp_seconds.to_string()),
        ("webhook-signature", signatures.join(" ")),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_is_signed_as_the_standards_own_example() {
        // The example of the Standard Webhooks specification's libraries.
        let secret = STANDARD.decode("MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw").unwrap();
        let body = br#"{"test": 2432232314}"#;
        let headers = headers(("msg_p5jXN8AQM9LWM0D4loKWxJek", 1_614_265_330), body, &[secret]);
        let signature = headers.iter().find(|(name, _)| *name == "webhook-signature").unwrap();
        assert_eq!(signature.1, "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=");
    }
}
