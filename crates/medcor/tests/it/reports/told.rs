//! What a report may be made of, and that a new one is told to nobody.

use medcor_policy::Role;
use serde_json::json;

use super::open;
use crate::support::{Clinic, EventStream, patient};

#[tokio::test]
async fn a_part_is_what_the_running_tool_may_do_itself() {
    let clinic = Clinic::start().await;
    let part = |tool: &str| json!({ "tool": tool, "text": "said" });
    assert_eq!(clinic.ok(Role::Doctor, "trial_part", part("trial_echo")).await["text"], "said");
    for tool in [
        // Beyond its needs, though the caller may.
        "list_prescriptions",
        "get_patient_summary",
        // Generic, changing, confirmed, for a fresh login alone, for before there is one, and none at all.
        "fhir_read",
        "trial_write",
        "trial_harm",
        "trial_fresh",
        "authenticate",
        "no_such_tool",
    ] {
        let refused = clinic.refusal(Role::Doctor, "trial_part", part(tool)).await;
        assert_eq!(refused, "SERVER_ERROR", "{tool}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_new_report_is_told_to_nobody_who_listens() {
    let clinic = open().await;
    let server = &clinic.server;
    let doctor = server.token("doctor@here").await;
    let tokens = [
        doctor.clone(),
        server.token("nurse@here").await,
        server.token("admin@here").await,
        server.narrowed_token("doctor@here", Some("user/MeasureReport.rs user/Patient.rs")).await,
    ];
    let mut streams = Vec::new();
    for token in &tokens {
        streams.push(EventStream::open(server, token).await);
    }
    let maker = server.authenticator.caller(&doctor).await.unwrap();
    let summary = json!({ "report_type": "patient_summary", "patient": "ada" });
    let summary = clinic.call(&maker, "generate_report", summary).await.unwrap();
    let census = clinic.ok(Role::Admin, "generate_report", json!({ "report_type": "daily_census" })).await;
    let reports = [&summary, &census].map(|report| report["report_id"].as_str().unwrap());
    clinic.put(patient("last", ("Last", "Gray"), "1990-01-01")).await;
    for (place, stream) in streams.iter_mut().enumerate() {
        loop {
            let told = stream.next().await.expect("the stream goes on");
            // The answer to the own call.
            if place == 0 && told.name == "tool_response" {
                continue;
            }
            let told = told.data.to_string();
            assert!(!told.contains("MeasureReport"), "{told}");
            assert!(reports.iter().all(|report| !told.contains(report)), "{told}");
            if told.contains("\"last\"") {
                break;
            }
        }
    }
}
