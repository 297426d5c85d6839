//! What is delivered: signed, in order, once, and shown once.

use std::{process::Command, time::Duration};

use medcor_store::{Lease, WebhookKey};
use serde_json::json;

use super::{House, check_bundle, check_described, job_of, round_of};
use crate::support::{Message, Receiver};

const DAY: Duration = Duration::from_hours(24);

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_webhook_begins_with_a_handshake_and_tells_what_happens_from_then_on() {
    let house = House::start().await;
    house.visit("before").await;
    let hook = house.hook(&house.admin().await, &["appointments"], "id-only").await;
    house.visit("first").await;
    assert_eq!(house.row().await["status"], "requested");
    house.round().await;
    let messages = house.receiver.take();
    let secret = hook["secret"].as_str().expect("a secret");
    for message in &messages {
        assert_eq!(message.line, "POST /hook HTTP/1.1");
        assert_eq!(message.headers["content-type"], "application/fhir+json");
        assert_eq!(message.headers["webhook-timestamp"], "1796202000");
        assert!(message.is_signed_with(secret), "{message:?}");
        assert!(!message.is_signed_with("whsec_AAAA"));
        check_bundle(message);
    }
    let [handshake, first] = messages.as_slice() else { panic!("{messages:#?}") };
    check_described(&house, &[handshake, first]).await;
    assert_eq!(handshake.status("type")["valueCode"], "handshake");
    assert_eq!(handshake.status("status")["valueCode"], "requested");
    assert_eq!(first.status("type")["valueCode"], "event-notification");
    assert_eq!(first.status("status")["valueCode"], "active");
    assert_eq!(first.status("events-since-subscription-start")["valueString"], "1");
    assert_eq!(first.focus(), "Appointment/first");
    assert_eq!(first.json()["entry"].as_array().expect("entries").len(), 1, "no content: {}", first.body);
    let record = json!({ "resource_type": "Subscription", "id": hook["id"] });
    let record = house.ok(&house.admin().await, "fhir_read", record).await;
    assert_eq!(record["fhir"]["status"], "active");
    assert_eq!(record["fhir"]["criteria"], "appointments");
    let row = house.row().await;
    assert_eq!((&row["status"], &row["events"], &row["attempts"]), (&json!("active"), &json!(1), &json!(0)));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_snippets_for_receivers_take_a_message_and_refuse_a_forged_one() {
    let house = House::start().await;
    let hook = house.met(&["appointments"]).await;
    house.visit("first").await;
    house.round().await;
    let message = house.receiver.only();
    let text = include_str!("../../../../../docs/webhooks.md");
    for (language, program, call) in [
        (
            "python",
            "python3",
            "import json, os; e = os.environ\nprint(is_from_medcor(e['SECRET'], json.loads(e['HEADERS']), e['BODY'].encode(), float(e['NOW'])))",
        ),
        (
            "javascript",
            "node",
            "const e = process.env;\nconsole.log(isFromMedCor(e.SECRET, JSON.parse(e.HEADERS), e.BODY, Number(e.NOW)));",
        ),
    ] {
        let code = text.split(&format!("```{language}\n")).nth(1).and_then(|rest| rest.split("```").next());
        let code = format!("{}\n{call}\n", code.expect("a snippet"));
        let answer = |secret: &str, body: &str, now: &str| {
            let mut command = Command::new(program);
            command.arg(if language == "python" { "-c" } else { "-e" }).arg(&code);
            command.env("SECRET", secret).env("BODY", body).env("NOW", now);
            command.env("HEADERS", json!(message.headers).to_string());
            match command.output() {
                Ok(output) => Some(String::from_utf8_lossy(&output.stdout).trim().to_lowercase()),
                Err(error) => {
                    eprintln!("skipped: {program} does not run here: {error}");
                    None
                }
            }
        };
        let secret = hook["secret"].as_str().expect("a secret");
        let Some(good) = answer(secret, &message.body, "1796202010") else { continue };
        assert_eq!(good, "true", "{language}");
        let forged = message.body.replace("Appointment", "Observation");
        assert_eq!(answer(secret, &forged, "1796202010").as_deref(), Some("false"), "{language}");
        let other = "whsec_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=";
        assert_eq!(answer(other, &message.body, "1796202010").as_deref(), Some("false"), "{language}");
        assert_eq!(
            answer(secret, &message.body, "1796209999").as_deref(),
            Some("false"),
            "{language}: replayed"
        );
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_secret_is_shown_once_and_is_in_no_record_row_or_list() {
    let house = House::start().await;
    let hook = house.met(&["appointments"]).await;
    let admin = house.admin().await;
    let rotated = house.ok(&admin, "rotate_webhook_secret", json!({ "webhook": hook["id"] })).await;
    let mut texts: Vec<String> = house.clinic.server.audit().await.iter().map(ToString::to_string).collect();
    texts.extend(house.clinic.server.exported().await);
    for (tool, arguments) in [
        ("list_webhooks", json!({})),
        ("fhir_read", json!({ "resource_type": "Subscription", "id": hook["id"] })),
        ("fhir_history", json!({ "resource_type": "Subscription", "id": hook["id"], "format": "fhir" })),
    ] {
        texts.push(house.ok(&admin, tool, arguments).await.to_string());
    }
    for secret in [&hook["secret"], &rotated["secret"]] {
        let secret = secret.as_str().expect("a secret");
        assert!(secret.starts_with("whsec_"));
        let key = secret.trim_start_matches("whsec_");
        assert!(texts.iter().all(|text| !text.contains(key)), "a secret is shown twice");
    }
    assert!(house.clinic.server.audit().await.iter().any(|row| row["action"] == "create_webhook"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn after_a_rotation_both_secrets_sign_for_a_day() {
    let house = House::start().await;
    let hook = house.met(&["appointments"]).await;
    let old = hook["secret"].as_str().expect("a secret");
    let admin = house.admin().await;
    let rotated = house.ok(&admin, "rotate_webhook_secret", json!({ "webhook": hook["id"] })).await;
    let new = rotated["secret"].as_str().expect("a secret");
    house.visit("first").await;
    house.round().await;
    let message = house.receiver.only();
    assert!(message.is_signed_with(old) && message.is_signed_with(new));
    house.later(DAY);
    house.visit("second").await;
    house.round().await;
    let message = house.receiver.only();
    assert!(!message.is_signed_with(old) && message.is_signed_with(new));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_instances_deliver_each_event_once_and_in_order() {
    let house = House::start().await;
    house.met(&["appointments"]).await;
    let instance = house.clinic.server.instance().await;
    let second = job_of(&house.clinic.server.pipeline, &instance.store).await;
    let mut delivered = Vec::new();
    for round in 0..5 {
        for number in 0..6 {
            house.visit(&format!("visit{round}{number}")).await;
        }
        tokio::join!(round_of(&house.job, house.store()), round_of(&second, &instance.store));
        delivered.extend(house.receiver.take().iter().map(Message::focus));
    }
    tokio::join!(round_of(&house.job, house.store()), round_of(&second, &instance.store));
    delivered.extend(house.receiver.take().iter().map(Message::focus));
    let wanted: Vec<String> = (0..5)
        .flat_map(|round| (0..6).map(move |number| format!("Appointment/visit{round}{number}")))
        .collect();
    assert_eq!(delivered, wanted);
    instance.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_restart_goes_on_where_it_was_and_a_dead_instance_is_waited_for_a_minute() {
    let house = House::start().await;
    let hook = house.met(&["appointments"]).await;
    house.visit("first").await;
    assert_eq!(house.delivered().await, ["Appointment/first"]);
    house.visit("second").await;
    let again = job_of(&house.clinic.server.pipeline, house.store()).await;
    round_of(&again, house.store()).await;
    assert_eq!(house.receiver.only().focus(), "Appointment/second");
    // An instance that took the webhook and was killed before it said how far it came.
    house.visit("third").await;
    let id = hook["id"].as_str().and_then(medcor_fhir::Id::new).expect("an id");
    let key = WebhookKey { tenant: house.clinic.server.here.id, id };
    let until = house.store().clock().now() + 60_000_000;
    let taken = house.store().webhooks().take(&key, Lease { holder: "dead", until }).await;
    assert!(taken.expect("the database answers").is_some());
    assert_eq!(house.delivered().await, Vec::<String>::new(), "somebody may still be at it");
    house.later(Duration::from_secs(61));
    assert_eq!(house.delivered().await, ["Appointment/third"]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_record_is_sent_as_its_owner_sees_it_with_a_row_in_the_trail() {
    let house = House::start().await;
    let admin = house.admin().await;
    house.hook(&admin, &["patients"], "full-resource").await;
    house.round().await;
    house.receiver.only();
    let mut record = crate::support::patient("cyd", ("Cyd", "Curie"), "1985-03-15");
    record["text"] =
        json!({ "status": "generated", "div": "<div xmlns=\"http://www.w3.org/1999/xhtml\">hidden</div>" });
    house.clinic.put(record).await;
    house.round().await;
    let message = house.receiver.only();
    check_bundle(&message);
    let entry = &message.json()["entry"][1];
    assert_eq!(entry["resource"]["id"], "cyd");
    assert_eq!(entry["fullUrl"], "https://mcp.example.org/fhir/R4/Patient/cyd");
    let shown = json!({ "resource_type": "Patient", "id": "cyd" });
    let shown = house.ok(&admin, "fhir_read", shown).await;
    assert_eq!(entry["resource"], shown["fhir"], "no more than the owner is shown");
    let rows = house.clinic.server.audit().await;
    let sent: Vec<_> = rows.iter().filter(|row| row["door"] == "webhook").collect();
    assert_eq!(sent.len(), 1, "{sent:#?}");
    assert_eq!(sent[0]["subject"], admin.principal().subject.0.as_str());
    assert_eq!(sent[0]["patients"], json!(["cyd"]));
    house.clinic.delete(medcor_fhir::ResourceType::PATIENT, "cyd").await;
    house.round().await;
    let gone = house.receiver.only();
    check_bundle(&gone);
    check_described(&house, &[&message, &gone]).await;
    assert_eq!(gone.json()["entry"][1]["request"]["method"], "DELETE");
    assert!(gone.json()["entry"][1]["resource"].is_null());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_slow_receiver_holds_up_nobody_else_and_an_ended_webhook_gets_nothing() {
    let house = House::start().await;
    let hook = house.met(&["appointments"]).await;
    let other = Receiver::start().await;
    house.allow(&format!("{},{}", house.receiver.address, other.address)).await;
    let admin = house.admin().await;
    let arguments =
        json!({ "endpoint": other.url(), "topics": ["appointment_created"], "reason": "another" });
    house.ok(&admin, "create_webhook", arguments).await;
    house.receiver.answers(&["500 No"]);
    house.visit("first").await;
    house.round().await;
    assert_eq!(house.receiver.only().focus(), "Appointment/first");
    let got = other.take();
    assert_eq!(got.len(), 2, "the other one got its handshake and the event: {got:#?}");
    assert_ne!(got[1].id(), "", "ids tell messages apart");
    let ended = house.ok(&admin, "delete_webhook", json!({ "webhook": hook["id"] })).await;
    assert_eq!(ended["status"], "off");
    house.later(Duration::from_secs(10));
    house.visit("second").await;
    house.round().await;
    assert_eq!(house.receiver.take().len(), 0);
    assert_eq!(other.only().focus(), "Appointment/second");
    let record = json!({ "resource_type": "Subscription", "id": hook["id"] });
    assert_eq!(house.ok(&admin, "fhir_read", record).await["fhir"]["status"], "off");
    house.ok(&admin, "delete_webhook", json!({ "webhook": hook["id"] })).await;
    for tool in ["rotate_webhook_secret", "list_webhook_failures", "redeliver_webhook"] {
        let refused = house.clinic.call(&admin, tool, json!({ "webhook": hook["id"] })).await;
        assert_eq!(refused.expect_err("it was ended").code.name(), "RESOURCE_NOT_FOUND", "{tool}");
    }
}
