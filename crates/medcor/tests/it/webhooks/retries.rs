//! What is not taken is tried again, later and later; then it is given up, and can be sent again by hand.

use std::time::Duration;

use serde_json::{Value, json};

use super::House;
use crate::support::{Message, Receiver};

/// Between two attempts, without the fifth that chance adds or takes.
const DELAYS: [Duration; 7] = [
    Duration::from_secs(5),
    Duration::from_mins(5),
    Duration::from_mins(30),
    Duration::from_hours(2),
    Duration::from_hours(5),
    Duration::from_hours(10),
    Duration::from_hours(14),
];

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_not_taken_is_tried_later_and_later_then_given_up_and_the_next_follows() {
    let house = House::start().await;
    let hook = house.met(&["appointments"]).await;
    house.receiver.answers(&["500 No"; 8]);
    house.visit("first").await;
    house.visit("second").await;
    assert_eq!(house.delivered().await, ["Appointment/first"], "the second waits for the first");
    for delay in DELAYS {
        house.later(delay.mul_f64(0.79));
        assert_eq!(house.delivered().await, Vec::<String>::new(), "before {delay:?}");
        house.later(delay.mul_f64(0.42));
        let delivered = house.delivered().await;
        let is_last = delay == DELAYS[6];
        let wanted: &[&str] =
            if is_last { &["Appointment/first", "Appointment/second"] } else { &["Appointment/first"] };
        assert_eq!(delivered, wanted, "after {delay:?}");
    }
    let failures = house.failures(&hook).await;
    assert_eq!(failures.len(), 1, "{failures:?}");
    let failure = &failures[0];
    assert_eq!(failure["focus"], "Appointment/first");
    assert_eq!((&failure["attempts"], &failure["reason"]), (&json!(8), &json!("it answered 500")));
    let row = house.row().await;
    assert_eq!((&row["status"], &row["failures"], &row["events"]), (&json!("active"), &json!(1), &json!(2)));
}

/// Lets the event be given up; the id of its message.
async fn given_up(house: &House, id: &str) -> String {
    house.receiver.answers(&["503 Busy"; 8]);
    house.visit(id).await;
    house.round().await;
    for delay in DELAYS {
        house.later(delay.mul_f64(1.3));
        house.round().await;
    }
    let messages = house.receiver.take();
    assert_eq!(messages.len(), 8);
    let first = messages[0].id().to_owned();
    assert!(messages.iter().all(|message| message.id() == first), "one event, one id");
    first
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_given_up_is_sent_again_with_the_id_that_it_had() {
    let house = House::start().await;
    let hook = house.met(&["appointments"]).await;
    let first = given_up(&house, "first").await;
    let second = given_up(&house, "second").await;
    assert_ne!(first, second);
    let admin = house.admin().await;
    let number = &house.failures(&hook).await[1]["number"];
    let one = json!({ "webhook": hook["id"], "numbers": [number] });
    assert_eq!(house.ok(&admin, "redeliver_webhook", one).await["redelivering"], 1);
    house.receiver.answers(&["500 No"]);
    house.round().await;
    assert_eq!(house.receiver.only().id(), first);
    let failures = house.failures(&hook).await;
    assert_eq!((&failures[1]["attempts"], &failures[1]["reason"]), (&json!(9), &json!("it answered 500")));
    let all = json!({ "webhook": hook["id"] });
    assert_eq!(house.ok(&admin, "redeliver_webhook", all).await["redelivering"], 2);
    house.round().await;
    let ids: Vec<String> = house.receiver.take().iter().map(|message| message.id().to_owned()).collect();
    assert_eq!(ids, [first, second]);
    assert_eq!(house.failures(&hook).await, Vec::<Value>::new());
    let unknown = json!({ "webhook": hook["id"], "numbers": [77, 78] });
    let report = house.clinic.call(&admin, "redeliver_webhook", unknown).await.expect_err("it gave up none");
    assert_eq!(report.details["problems"].as_array().map(Vec::len), Some(2), "{report:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_receiver_may_ask_for_time_and_may_ask_for_no_more() {
    let house = House::start().await;
    let hook = house.met(&["appointments"]).await;
    house.receiver.answers(&["429 Slow\r\nretry-after: 3600"]);
    house.visit("first").await;
    assert_eq!(house.delivered().await, ["Appointment/first"]);
    house.later(Duration::from_mins(59));
    assert_eq!(house.delivered().await, Vec::<String>::new());
    house.later(Duration::from_mins(2));
    assert_eq!(house.delivered().await, ["Appointment/first"]);
    house.receiver.answers(&["410 Gone"]);
    house.visit("second").await;
    assert_eq!(house.delivered().await, ["Appointment/second"]);
    let row = house.row().await;
    assert_eq!((&row["status"], &row["error"]), (&json!("off"), &json!("the endpoint answered 410 Gone")));
    house.visit("third").await;
    assert_eq!(house.delivered().await, Vec::<String>::new());
    let admin = house.admin().await;
    let again = house.ok(&admin, "redeliver_webhook", json!({ "webhook": hook["id"] })).await;
    assert_eq!(again["status"], "requested");
    house.round().await;
    let messages = house.receiver.take();
    assert_eq!(messages[0].status("type")["valueCode"], "handshake");
    let focus: Vec<String> = messages[1..].iter().map(Message::focus).collect();
    assert_eq!(focus, ["Appointment/second", "Appointment/third"], "it goes on where it was");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_redirect_is_not_followed_and_a_handshake_that_is_not_taken_ends_in_error() {
    let house = House::start().await;
    let other = Receiver::start().await;
    let elsewhere = format!("302 Found\r\nlocation: {}", other.url());
    house.receiver.answers(&[&elsewhere, "307 Again\r\nlocation: http://169.254.169.254/latest/meta-data/"]);
    house.receiver.answers(&["500 No"; 6]);
    let hook = house.hook(&house.admin().await, &["appointments"], "id-only").await;
    house.round().await;
    assert_eq!(house.row().await["last_failure"], "it answered 302");
    for delay in DELAYS {
        house.later(delay.mul_f64(1.3));
        house.round().await;
    }
    assert_eq!(house.receiver.take().len(), 8);
    assert_eq!(other.take().len(), 0, "nobody was asked there");
    let row = house.row().await;
    let error = row["error"].as_str().expect("a reason");
    assert!(row["status"] == "error" && error.ends_with("it answered 500"), "{row}");
    let record = json!({ "resource_type": "Subscription", "id": hook["id"] });
    let record = house.ok(&house.admin().await, "fhir_read", record).await;
    assert_eq!((&record["fhir"]["status"], &record["fhir"]["error"]), (&json!("error"), &row["error"]));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_was_behind_for_longer_than_events_are_kept_is_told_and_goes_on_from_now() {
    let house = House::start().await;
    let hook = house.met(&["appointments"]).await;
    let store = house.store();
    house.receiver.answers(&["500 No"]);
    house.visit("first").await;
    house.round().await;
    house.later(Duration::from_hours(24 * 8));
    house.visit("second").await;
    crate::support::settled(store).await;
    store.outbox().forget_before(store.clock().now() - 1_000_000).await.expect("they are forgotten");
    house.receiver.take();
    assert_eq!(house.delivered().await, Vec::<String>::new());
    let row = house.row().await;
    assert!(row["error"].as_str().is_some_and(|error| error.contains("forgotten")), "{row}");
    house.ok(&house.admin().await, "redeliver_webhook", json!({ "webhook": hook["id"] })).await;
    house.visit("third").await;
    house.round().await;
    assert_eq!(house.receiver.take().last().map(Message::focus).as_deref(), Some("Appointment/third"));
}
