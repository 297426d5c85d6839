//! What is told is what the owner may see at the moment of sending, and nothing of anybody else.

use medcor_fhir::{Id, ResourceType};
use medcor_policy::Role;
use serde_json::json;

use super::{House, appointment, observation};
use crate::support::{denial, patient};

const NOTHING: Vec<String> = Vec::new();

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_administrator_is_told_nothing_clinical_and_nobody_of_another_hospital() {
    let house = House::start().await;
    house.met(&["resource_update"]).await;
    house.clinic.put(observation("o1", "ada")).await;
    house.clinic.put_elsewhere(patient("zoe", ("Zoë", "Gray"), "1990-01-01")).await;
    house.clinic.put_elsewhere(appointment("theirs", "zoe")).await;
    house.visit("ours").await;
    assert_eq!(house.delivered().await, ["Appointment/ours"], "nor of itself");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_new_report_is_told_to_no_administrator_and_no_program() {
    let scopes = "system/Subscription.cruds system/MeasureReport.rs system/Appointment.rs";
    for is_program in [false, true] {
        let house = House::start().await;
        if is_program {
            let program = house.program(scopes).await;
            house.hook(&program, &["resource_update"], "full-resource").await;
            house.round().await;
            house.receiver.only();
        } else {
            house.met(&["resource_update"]).await;
        }
        let about_ada = json!({ "report_type": "medication_list", "patient": "ada" });
        house.clinic.ok(Role::Doctor, "generate_report", about_ada).await;
        house.clinic.ok(Role::Admin, "generate_report", json!({ "report_type": "daily_census" })).await;
        house.visit("ours").await;
        assert_eq!(house.delivered().await, ["Appointment/ours"], "a program: {is_program}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_program_is_told_what_its_scopes_open_and_no_consent_closes() {
    let house = House::start().await;
    let program = house.program("system/Subscription.cruds system/Observation.rs").await;
    let hook = house.hook(&program, &["Observation", "appointments"], "full-resource").await;
    house.round().await;
    house.receiver.only();
    house.clinic.put(observation("o1", "ada")).await;
    house.visit("a1").await;
    assert_eq!(house.delivered().await, ["Observation/o1"], "it has no scope for appointments");
    // What waits while a consent is written is judged by that consent.
    house.receiver.answers(&["500 No"]);
    house.clinic.put(observation("o2", "ada")).await;
    assert_eq!(house.delivered().await, ["Observation/o2"]);
    house.clinic.put(denial("ada", None)).await;
    house.clinic.put(observation("o3", "bob")).await;
    house.later(std::time::Duration::from_secs(7));
    assert_eq!(house.delivered().await, ["Observation/o3"]);
    house.clinic.delete(ResourceType::CONSENT, "no-ada").await;
    house.clinic.put(observation("o4", "ada")).await;
    assert_eq!(house.delivered().await, ["Observation/o4"]);
    // Others see the webhook only where they administer programs.
    let other = house.program("system/Subscription.cruds").await;
    assert_eq!(house.ok(&other, "list_webhooks", json!({})).await["count"], 0);
    for tool in ["delete_webhook", "rotate_webhook_secret", "list_webhook_failures", "redeliver_webhook"] {
        let refused = house.clinic.call(&other, tool, json!({ "webhook": hook["id"] })).await;
        assert_eq!(refused.expect_err("another's").code.name(), "RESOURCE_NOT_FOUND", "{tool}");
    }
    assert_eq!(house.row().await["id"], hook["id"]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_owner_who_lost_the_right_or_left_sends_nothing_more() {
    for is_gone in [false, true] {
        let house = House::start().await;
        house.met(&["appointments"]).await;
        let identity = house.store().identity();
        let admin = identity.user_by_email("admin@here").await.expect("an answer").expect("an administrator");
        let caller = house.admin().await;
        if is_gone {
            identity.set_user_active(&admin.id, false).await.expect("it is set");
        } else {
            identity.set_user_roles(&admin.id, &[Role::Receptionist]).await.expect("they are set");
        }
        house.visit("first").await;
        assert_eq!(house.delivered().await, NOTHING);
        let rows = house.ok(&caller, "list_webhooks", json!({ "status": "error" })).await;
        let error = rows["results"][0]["error"].as_str().expect("a reason").to_owned();
        assert!(error.contains("owner"), "{error}");
        if !is_gone {
            identity.set_user_roles(&admin.id, &[Role::Admin]).await.expect("they are set");
            house.visit("second").await;
            assert_eq!(house.delivered().await, NOTHING, "it stays so until somebody looks");
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_host_that_is_not_allowed_any_more_gets_nothing_more() {
    let house = House::start().await;
    house.met(&["appointments"]).await;
    house.allow("none").await;
    house.visit("first").await;
    assert_eq!(house.delivered().await, NOTHING);
    let row = house.row().await;
    assert!(row["error"].as_str().is_some_and(|error| error.contains("host")), "{row}");
    let id = row["id"].as_str().and_then(Id::new).expect("an id");
    house.allow(&house.receiver.address.to_string()).await;
    house.ok(&house.admin().await, "redeliver_webhook", json!({ "webhook": id })).await;
    house.round().await;
    assert_eq!(
        house.receiver.take().last().map(crate::support::Message::focus).as_deref(),
        Some("Appointment/first")
    );
}
