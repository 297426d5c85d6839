//! Consent, break-glass and what an agent may look at, through the pipeline.

use std::time::Duration;

use axum::http::StatusCode;
use medcor_policy::{ClientId, Principal, Role, Scope, SubjectId};
use medcor_tools::Caller;
use serde_json::{Value, json};

use crate::support::{Clinic, Server, denial, patient};

const REASON: &str = "unconscious in the ambulance";

fn agent(clinic: &Clinic, role: Role) -> Caller {
    let client = ClientId("https://agent.example.org/client.json".to_owned());
    clinic.logged_in(Principal { client, ..clinic.principal(role) })
}

#[tokio::test]
async fn a_record_that_consent_closes_opens_in_an_emergency_and_is_reviewed() {
    let clinic = Clinic::start().await;
    clinic.put(patient("ada", ("Ada", "Lovelace"), "1980-01-02")).await;
    clinic.put(denial("ada", None)).await;
    let ask = json!({ "patient": "MRN-ada" });
    assert_eq!(clinic.refusal(Role::Doctor, "get_patient", ask.clone()).await, "RESOURCE_NOT_FOUND");
    let found = clinic.ok(Role::Doctor, "search_patients", json!({ "query": "Lovelace" })).await;
    assert_eq!(found["results"], json!([]));

    let open = json!({ "patient": "MRN-ada", "reason": REASON });
    for (caller, wanted) in [
        (agent(&clinic, Role::Doctor), "PERMISSION_DENIED"),
        (clinic.caller(Role::Receptionist), "PERMISSION_DENIED"),
        (clinic.caller(Role::Admin), "PERMISSION_DENIED"),
    ] {
        let report = clinic.call(&caller, "break_glass", open.clone()).await.unwrap_err();
        assert_eq!(report.code.name(), wanted);
    }
    let vague = json!({ "patient": "MRN-ada", "reason": "          x" });
    assert_eq!(clinic.refusal(Role::Doctor, "break_glass", vague).await, "VALIDATION_ERROR");
    let near = json!({ "patient": "Lovelac", "reason": REASON });
    assert_eq!(clinic.refusal(Role::Doctor, "break_glass", near).await, "RESOURCE_NOT_FOUND");

    let opened = clinic.ok(Role::Doctor, "break_glass", open).await;
    assert_eq!(
        (&opened["patient_id"], &opened["closes_at"]),
        (&json!("ada"), &json!("2026-12-02T10:00:00.000Z"))
    );
    assert_eq!(clinic.ok(Role::Doctor, "get_patient", ask.clone()).await["id"], "ada");
    assert_eq!(clinic.refusal(Role::Nurse, "get_patient", ask).await, "RESOURCE_NOT_FOUND");

    let uses = clinic.ok(Role::Auditor, "list_break_glass", json!({})).await;
    assert_eq!(
        (&uses["results"][0]["user_id"], &uses["results"][0]["is_open"]),
        (&json!("doctor"), &json!(true))
    );
    assert!(uses["results"][0]["reason"].as_str().unwrap().contains(REASON));
    assert_eq!(clinic.refusal(Role::Doctor, "list_break_glass", json!({})).await, "PERMISSION_DENIED");
}

#[tokio::test]
async fn an_emergency_takes_a_person_with_a_fresh_login() {
    let server = Server::start().await;
    server.patient("Ada", "Lovelace").await;
    let token = server.token("doctor@here").await;
    let call = |name: &str, arguments: Value| {
        let params = json!({ "name": name, "arguments": arguments });
        server.request("POST", "/mcp").bearer(&token).rpc(1, "tools/call", params).send()
    };
    let open = json!({ "patient": "MRN-Ada", "reason": REASON });
    assert_eq!(call("break_glass", open.clone()).await.result()["isError"], false);

    // A token that was refreshed is younger than the login.
    let token = server.token_of_login("doctor@here", Duration::from_mins(15)).await;
    let call = |name: &str, arguments: Value| {
        let params = json!({ "name": name, "arguments": arguments });
        server.request("POST", "/mcp").bearer(&token).rpc(1, "tools/call", params).send()
    };
    assert_eq!(call("break_glass", open.clone()).await.result()["isError"], false, "15 minutes are fresh");
    server.store.clock().advance(Duration::from_secs(1));
    let forwarded = json!({ "tool": "emergency_access", "arguments": open });
    for (name, arguments) in [("break_glass", open.clone()), ("call_tool", forwarded)] {
        let before = server.audit().await.len();
        let reply = call(name, arguments).await;
        assert_eq!(reply.status, StatusCode::UNAUTHORIZED, "{}", reply.body);
        let challenge = reply.header("www-authenticate");
        assert!(challenge.starts_with("Bearer resource_metadata="), "{challenge}");
        assert!(challenge.contains("error=\"insufficient_user_authentication\""), "{challenge}");
        assert!(challenge.contains("max_age=\"900\""), "{challenge}");
        let audit = server.audit().await;
        assert_eq!((audit.len(), &audit[before]["action"]), (before + 1, &json!("break_glass")));
    }
    let get = call("get_patient", json!({ "patient": "MRN-Ada" })).await;
    assert_eq!(get.result()["isError"], false, "whatever is not grave goes on");
}

#[tokio::test]
async fn whoever_brings_a_token_of_the_operator_is_an_agent() {
    let server = Server::start().await;
    server.patient("Ada", "Lovelace").await;
    let token = server.narrowed_token("doctor@here", None).await;
    let open = json!({ "patient": "MRN-Ada", "reason": REASON });
    let params = json!({ "name": "break_glass", "arguments": open });
    let reply = server.request("POST", "/mcp").bearer(&token).rpc(1, "tools/call", params).send().await;
    assert!(reply.result()["content"][0]["text"].as_str().unwrap().contains("PERMISSION_DENIED"));
    assert_eq!(server.audit().await.last().unwrap()["client"], "medcor-token");
}

#[tokio::test]
async fn a_login_whose_time_nobody_knows_is_not_fresh() {
    let clinic = Clinic::start().await;
    clinic.put(patient("ada", ("Ada", "Lovelace"), "1980-01-02")).await;
    let caller = Caller::new(clinic.principal(Role::Doctor));
    let open = json!({ "patient": "MRN-ada", "reason": REASON });
    let report = clinic.call(&caller, "break_glass", open).await.unwrap_err();
    assert_eq!(report.code.name(), "AUTH_REQUIRED");
}

#[tokio::test]
async fn an_old_login_is_refused_by_the_pipeline_whatever_the_door() {
    let clinic = Clinic::start().await;
    clinic.put(patient("ada", ("Ada", "Lovelace"), "1980-01-02")).await;
    let now = clinic.server.store.clock().now().div_euclid(1_000_000);
    let open = json!({ "patient": "MRN-ada", "reason": REASON });
    for (at, wanted) in [(now - 901, Some("AUTH_REQUIRED")), (now - 900, None)] {
        let caller = clinic.caller(Role::Doctor).with_login_at(Some(at));
        let code = clinic.call(&caller, "break_glass", open.clone()).await.err().map(|it| it.code.name());
        assert_eq!(code, wanted);
    }
}

#[tokio::test]
async fn a_machine_opens_nothing_in_an_emergency() {
    let clinic = Clinic::start().await;
    clinic.put(patient("ada", ("Ada", "Lovelace"), "1980-01-02")).await;
    let open = json!({ "patient": "MRN-ada", "reason": REASON });
    let everything = ["system/*.cruds", "user/*.cruds"].map(|scope| scope.parse::<Scope>().unwrap());
    for role in [Role::Doctor, Role::System] {
        let client = ClientId("robot".to_owned());
        let subject = SubjectId("robot".to_owned());
        let scopes = (role == Role::System).then(|| everything.to_vec());
        let machine = Caller::new(Principal { client, subject, scopes, ..clinic.principal(role) });
        let report = clinic.call(&machine, "break_glass", open.clone()).await.unwrap_err();
        assert_eq!(report.code.name(), "PERMISSION_DENIED");
    }
}

#[tokio::test]
async fn an_agent_looks_at_sixty_patients_an_hour_and_goes_on_with_those() {
    let clinic = Clinic::start().await;
    for number in 0..62 {
        clinic.put(patient(&format!("p{number}"), ("Ada", "Lovelace"), "1980-01-02")).await;
    }
    let agent = agent(&clinic, Role::Doctor);
    let get = |number: u32| json!({ "patient": format!("p{number}") });
    for number in 0..60 {
        clinic.call(&agent, "get_patient", get(number)).await.unwrap();
    }
    let report = clinic.call(&agent, "get_patient", get(60)).await.unwrap_err();
    assert_eq!((report.code.name(), report.retry_after), ("RATE_LIMIT", Some(3600)));
    clinic.call(&agent, "get_patient", get(3)).await.expect("who was counted is counted");
    let report = clinic.call(&agent, "list_patients", json!({ "limit": 100 })).await.unwrap_err();
    assert_eq!(report.code.name(), "RATE_LIMIT");
    // Another instance knows: the same agent, a process that has counted nobody.
    let again = self::agent(&clinic, Role::Doctor);
    assert_eq!(clinic.call(&again, "get_patient", get(61)).await.unwrap_err().code.name(), "RATE_LIMIT");
    clinic.ok(Role::Doctor, "get_patient", get(61)).await;
    let identity = clinic.server.store.identity();
    identity.set_tenant_setting(clinic.server.here.id, "agent_patients_per_hour", "61").await.unwrap();
    clinic.call(&agent, "get_patient", get(61)).await.expect("the organisation allows one more");
}
