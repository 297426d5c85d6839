//! What is no webhook: every problem is said, and nothing is asked.

use medcor_policy::Role;
use serde_json::json;

use super::House;
use crate::support::Clinic;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn everything_that_is_wrong_is_said_at_once() {
    let house = House::start().await;
    let admin = house.admin().await;
    let arguments = json!({
        "endpoint": "http://user:secret@10.0.0.1/hook?token=secret", "topics": ["appointments", "nonsense", "heartbeat"],
        "reason": "a test"
    });
    let report = house.clinic.call(&admin, "create_webhook", arguments).await.expect_err("all wrong");
    assert_eq!(report.code.name(), "VALIDATION_ERROR");
    let problems = report.details["problems"].as_array().expect("problems");
    let paths: Vec<&str> = problems.iter().filter_map(|problem| problem["path"].as_str()).collect();
    assert_eq!(paths.iter().filter(|path| **path == "/endpoint").count(), 5, "{problems:#?}");
    assert!(paths.contains(&"/topics/1") && paths.contains(&"/topics/2"), "{problems:#?}");
    assert!(!report.text().contains("secret@") && !report.text().contains("token=secret"));
    house.round().await;
    assert_eq!(house.receiver.take().len(), 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn only_hosts_that_the_organisation_allows_are_called() {
    let house = House::start().await;
    let admin = house.admin().await;
    house.allow("hooks.example.org").await;
    let hook =
        |endpoint: &str| json!({ "endpoint": endpoint, "topics": ["appointments"], "reason": "a test" });
    for endpoint in [
        house.receiver.url().as_str(),
        "https://hooks.example.com/",
        "https://hooks.example.org:8443/",
        "https://hooks.example.org.evil.org/",
        "https://127.0.0.1/",
        "https://2130706433/",
        "https://0x7f.1/",
        "https://[::ffff:127.0.0.1]/",
        "https://169.254.169.254/latest/meta-data/",
        "https://metadata.google.internal/",
        "http://hooks.example.org/",
        "gopher://hooks.example.org/",
    ] {
        let report = house.clinic.call(&admin, "create_webhook", hook(endpoint)).await;
        assert_eq!(report.expect_err(endpoint).code.name(), "VALIDATION_ERROR", "{endpoint}");
    }
    house.ok(&admin, "create_webhook", hook("https://hooks.example.org/medcor")).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn without_the_operators_word_nobody_is_called() {
    let clinic = Clinic::start().await;
    let admin = clinic.caller(Role::Admin);
    let arguments =
        json!({ "endpoint": "https://hooks.example.org/", "topics": ["appointments"], "reason": "a test" });
    let report = clinic.call(&admin, "create_webhook", arguments.clone()).await.expect_err("none is allowed");
    assert!(report.text().contains("webhook_hosts"), "{}", report.text());
    for role in [Role::Doctor, Role::Nurse, Role::Receptionist, Role::Auditor, Role::Patient] {
        assert_eq!(
            clinic.refusal(role, "create_webhook", arguments.clone()).await,
            "PERMISSION_DENIED",
            "{role}"
        );
    }
}
