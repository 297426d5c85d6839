//! REST through the real server: a call, its refusals, and the entries of older clients.

mod documented;
mod manners;
mod resources;

use axum::http::StatusCode;
use serde_json::{Value, json};

use crate::support::{CLIENT_SECRET, Reply, Server, setting};

const INVOKE: &str = "/api/mcp/tools/invoke";
const METADATA: &str = "https://mcp.example.org/.well-known/oauth-protected-resource/mcp";

/// On SQLite; on PostgreSQL where `MEDCOR_TEST_STORE` is `postgres`.
pub(crate) async fn server() -> Server {
    if setting("MEDCOR_TEST_STORE").is_some_and(|store| store == "postgres") {
        return Server::start_on_postgres().await.expect("PostgreSQL is asked for, so it is there");
    }
    Server::start().await
}

pub(crate) async fn post(server: &Server, token: &str, path: &str, body: Value) -> Reply {
    server.request("POST", path).bearer(token).body(body.to_string()).send().await
}

pub(crate) fn json_of(reply: &Reply) -> Value {
    serde_json::from_str(&reply.body).unwrap_or_else(|_| panic!("{}: no JSON: {}", reply.status, reply.body))
}

pub(crate) fn code_of(reply: &Reply) -> String {
    json_of(reply)["error"]["code"].as_str().unwrap_or_else(|| panic!("no error: {}", reply.body)).to_owned()
}

#[tokio::test]
async fn a_call_is_answered_with_the_tools_own_answer_whatever_its_arguments_are_called() {
    let server = server().await;
    let token = server.token("doctor@here").await;
    for path in [INVOKE, "/api/mcp/tools/invoke/", "/api/v1/mcp/tools/invoke"] {
        for name in ["params", "arguments", "parameters"] {
            let reply =
                post(&server, &token, path, json!({ "tool": "trial_echo", name: { "text": "a" } })).await;
            assert_eq!(reply.status, StatusCode::OK, "{}", reply.body);
            assert_eq!(reply.header("content-type"), "application/json");
            assert_eq!(json_of(&reply)["text"], "a");
            let row = server.audit().await.pop().expect("a row");
            assert_eq!(
                (&row["door"], &row["action"], row["request_id"].as_str()),
                (&json!("rest"), &json!("trial_echo"), Some(reply.header("x-request-id")))
            );
        }
    }
    // A call without arguments needs none said.
    let reply = post(&server, &token, INVOKE, json!({ "tool": "health_check" })).await;
    assert_eq!(json_of(&reply)["status"], "ok");
}

#[tokio::test]
async fn every_refusal_has_the_status_of_its_code_and_one_row_of_the_trail() {
    let server = server().await;
    let doctor = server.token("doctor@here").await;
    let receptionist = server.token("receptionist@here").await;
    let vitals = json!({ "tool": "get_vital_signs", "params": { "patient": "MRN-nobody" } });
    for (token, body, status, code) in [
        (&receptionist, vitals.clone(), 403, "PERMISSION_DENIED"),
        (&doctor, vitals, 404, "RESOURCE_NOT_FOUND"),
        (&doctor, json!({ "tool": "no_such_tool", "params": {} }), 404, "RESOURCE_NOT_FOUND"),
        (&doctor, json!({ "tool": "trial_echo", "params": { "colour": "red" } }), 400, "VALIDATION_ERROR"),
        (&doctor, json!({ "tool": "trial_echo", "params": [] }), 400, "VALIDATION_ERROR"),
        (&doctor, json!({ "tool": "trial_echo", "params": {}, "colour": 1 }), 400, "VALIDATION_ERROR"),
        (&doctor, json!({ "tool": "trial_echo", "params": {}, "arguments": {} }), 400, "VALIDATION_ERROR"),
        (&doctor, json!({ "params": {} }), 400, "VALIDATION_ERROR"),
        (&doctor, json!(["trial_echo"]), 400, "VALIDATION_ERROR"),
    ] {
        let before = server.audit().await.len();
        let reply = post(&server, token, INVOKE, body.clone()).await;
        assert_eq!(
            (reply.status.as_u16(), code_of(&reply).as_str()),
            (status, code),
            "{body}: {}",
            reply.body
        );
        let report = &json_of(&reply)["error"];
        assert_eq!(report["request_id"], reply.header("x-request-id"));
        assert!(report["timestamp"].is_string() && report["retryable"] == false, "{report}");
        assert_eq!(server.audit().await.len(), before + 1, "{body}");
    }
}

#[tokio::test]
async fn what_is_no_json_or_says_a_thing_twice_is_refused() {
    let server = server().await;
    let token = server.token("doctor@here").await;
    let sent =
        async |body: &str| server.request("POST", INVOKE).bearer(&token).body(body.to_owned()).send().await;
    for body in [
        "",
        "{",
        "null",
        "tool=trial_echo",
        r#"{"tool":"trial_echo","tool":"trial_fail","params":{"text":"a"}}"#,
        r#"{"tool":"trial_echo","params":{"text":"a","text":"b"}}"#,
        r#"{"tool":"trial_echo","params":{"text":"a"}} {}"#,
        "{\"tool\":\"trial_echo\",\"params\":{\"text\":\"\u{1}\"}}",
    ] {
        let reply = sent(body).await;
        assert_eq!(code_of(&reply), "VALIDATION_ERROR", "{body}");
        assert_eq!(reply.status, StatusCode::BAD_REQUEST, "{body}");
    }
    let null = sent(r#"{"tool":"get_patient","params":{"patient":"a\u0000b"}}"#).await;
    assert_eq!(code_of(&null), "VALIDATION_ERROR");
    let many = format!(r#"{{"tool":"trial_echo","params":{{"text":[{}0]}}}}"#, "[],".repeat(100_000));
    let reply = sent(&many).await;
    assert_eq!(code_of(&reply), "VALIDATION_ERROR");
    assert!(reply.body.contains("at most 50,000 values"), "{}", reply.body);
    let large = format!(r#"{{"tool":"trial_echo","params":{{"text":"{}"}}}}"#, "a".repeat(1024 * 1024));
    let reply = sent(&large).await;
    assert_eq!((reply.status, code_of(&reply).as_str()), (StatusCode::PAYLOAD_TOO_LARGE, "VALIDATION_ERROR"));
}

#[tokio::test]
async fn without_a_good_token_a_call_learns_where_tokens_come_from() {
    let server = server().await;
    let call = json!({ "tool": "trial_echo", "params": { "text": "a" } });
    let bare = server.request("POST", INVOKE).body(call.to_string()).send().await;
    assert_eq!((bare.status, code_of(&bare).as_str()), (StatusCode::UNAUTHORIZED, "AUTH_REQUIRED"));
    assert_eq!(bare.header("www-authenticate"), format!("Bearer resource_metadata=\"{METADATA}\""));
    let wrong = post(&server, "nonsense", INVOKE, call.clone()).await;
    assert_eq!((wrong.status, code_of(&wrong).as_str()), (StatusCode::UNAUTHORIZED, "AUTH_INVALID"));
    assert!(wrong.header("www-authenticate").contains("error=\"invalid_token\""));
    let narrow = server.narrowed_token("doctor@here", Some("user/Practitioner.rs")).await;
    let patient = json!({ "tool": "get_patient", "params": { "patient": "MRN-1" } });
    let reply = post(&server, &narrow, INVOKE, patient).await;
    assert_eq!(reply.status, StatusCode::FORBIDDEN);
    let challenge = reply.header("www-authenticate");
    assert!(challenge.contains("error=\"insufficient_scope\", scope=\"user/Patient.r"), "{challenge}");
    let old = server.token_of_login("doctor@here", std::time::Duration::from_hours(1)).await;
    let prescribe = json!({ "tool": "prescribe_medication", "params": {} });
    let reply = post(&server, &old, INVOKE, prescribe).await;
    assert_eq!(reply.status, StatusCode::UNAUTHORIZED);
    assert!(reply.header("www-authenticate").contains("max_age=\"900\""), "{}", reply.body);
    let in_url = format!("{INVOKE}?access_token=x");
    let reply = server.request("POST", &in_url).body(call.to_string()).send().await;
    assert_eq!(reply.status, StatusCode::BAD_REQUEST);
}

#[tokio::test]
async fn a_program_logs_in_by_a_tool_and_carries_its_token_among_the_arguments() {
    let server = server().await;
    let id = server.patient("Ada", "Lovelace").await;
    let credentials =
        json!({ "client_id": "copilot", "client_secret": CLIENT_SECRET, "app_id": "copilot-studio" });
    let bare = async |body: Value| server.request("POST", INVOKE).body(body.to_string()).send().await;
    let login = bare(json!({ "tool": "authenticate", "params": credentials })).await;
    assert_eq!(login.status, StatusCode::OK, "{}", login.body);
    let token = json_of(&login)["access_token"].as_str().expect("a token").to_owned();
    let arguments = json!({ "mrn": "MRN-Ada", "access_token": token });
    let reply = bare(json!({ "tool": "get_patient", "params": arguments })).await;
    assert_eq!(reply.status, StatusCode::OK, "{}", reply.body);
    assert_eq!(json_of(&reply)["id"], id.as_str());
    let row = server.audit().await.pop().expect("a row");
    assert!(!row.to_string().contains("access_token"), "{row}");
    let wrong = bare(json!({ "tool": "get_patient", "params": { "mrn": "MRN-Ada", "token": "x" } })).await;
    assert_eq!(code_of(&wrong), "AUTH_INVALID");
}

#[tokio::test]
async fn a_key_in_the_header_is_the_key_among_the_arguments() {
    let server = server().await;
    let token = server.token("receptionist@here").await;
    let keyed = async |key: &str, body: Value| {
        let request = server.request("POST", INVOKE).bearer(&token).header("idempotency-key", key);
        request.body(body.to_string()).send().await
    };
    let person = json!({ "first_name": "Ada", "last_name": "King", "dob": "1980-05-17" });
    let create = json!({ "tool": "create_patient", "params": person });
    let first = keyed("first-try-of-mine", create.clone()).await;
    assert_eq!(first.status, StatusCode::OK, "{}", first.body);
    let quoted = keyed("\"first-try-of-mine\"", create.clone()).await;
    assert_eq!(quoted.body, first.body);
    let through = json!({ "tool": "call_tool", "params": { "tool": "create_patient", "arguments": person } });
    assert_eq!(keyed("first-try-of-mine", through).await.body, first.body);
    let mut other = create.clone();
    other["params"]["dob"] = "1981-05-17".into();
    let reply = keyed("first-try-of-mine", other).await;
    assert_eq!((reply.status, code_of(&reply).as_str()), (StatusCode::CONFLICT, "IDEMPOTENCY_MISMATCH"));
    let mut contradicting = create;
    contradicting["params"]["idempotency_key"] = "another-key".into();
    assert_eq!(code_of(&keyed("first-try-of-mine", contradicting).await), "VALIDATION_ERROR");
    // What changes nothing can be repeated without.
    let read = json!({ "tool": "search_patients", "params": { "query": "King" } });
    assert_eq!(keyed("first-try-of-mine", read).await.status, StatusCode::OK);
    assert_eq!(
        code_of(&keyed("short", json!({ "tool": "create_patient", "params": person })).await),
        "VALIDATION_ERROR"
    );
}

#[tokio::test]
async fn a_tool_is_called_by_its_name_at_the_root_where_no_route_is() {
    let server = server().await;
    let doctor = server.token("doctor@here").await;
    let reply = post(&server, &doctor, "/trial_echo", json!({ "text": "a" })).await;
    assert_eq!((reply.status, &json_of(&reply)["text"]), (StatusCode::OK, &json!("a")));
    let aliased = post(&server, &doctor, "/get_doctors", json!({})).await;
    assert_eq!(aliased.status, StatusCode::OK, "{}", aliased.body);
    assert_eq!(post(&server, &doctor, "/no_such_tool", json!({})).await.status, StatusCode::NOT_FOUND);
    assert_eq!(server.request("GET", "/no/such").send().await.status, StatusCode::NOT_FOUND);
    // The route of this name stands before the tool.
    let form = json!({ "client_id": "copilot", "client_secret": CLIENT_SECRET, "app_id": "copilot-studio" });
    let login = server.request("POST", "/authenticate").body(form.to_string()).send().await;
    assert!(json_of(&login)["client_info"].is_object(), "{}", login.body);
    let by_get = server.request("GET", "/trial_echo").bearer(&doctor).send().await;
    assert_eq!((by_get.status, by_get.header("allow")), (StatusCode::METHOD_NOT_ALLOWED, "POST"));
    // One verification plan asks for this with a patient's token.
    let receptionist = server.token("receptionist@here").await;
    let denied = server.request("GET", "/prescribe_medication").bearer(&receptionist).send().await;
    assert_eq!(denied.status, StatusCode::FORBIDDEN);
    // Another sends an attack without a header, a media type or a token.
    let bare = server.request("POST", "/create_patient").body(r#"{"name":"x'; DROP TABLE patients;--"}"#);
    assert_eq!(bare.send().await.status, StatusCode::UNAUTHORIZED);
    let attack =
        post(&server, &receptionist, "/create_patient", json!({ "name": "x'; DROP TABLE patients;--" }));
    assert_eq!(attack.await.status, StatusCode::BAD_REQUEST);
}

#[tokio::test]
async fn older_clients_get_the_envelope_that_their_form_of_a_call_has() {
    let server = server().await;
    let token = server.token("doctor@here").await;
    let reply =
        post(&server, &token, "/call", json!({ "tool": "trial_echo", "parameters": { "text": "a" } })).await;
    let body = json_of(&reply);
    assert_eq!(body["result"]["text"], "a");
    assert_eq!(body["metadata"]["request_id"], reply.header("x-request-id"));
    let reply =
        post(&server, &token, "/call", json!({ "tool": "trial_echo", "arguments": { "text": "a" } })).await;
    let body = json_of(&reply);
    assert_eq!((&body["jsonrpc"], &body["result"]["isError"]), (&json!("2.0"), &json!(false)));
    let text = body["result"]["content"][0]["text"].as_str().expect("a text");
    assert_eq!(serde_json::from_str::<Value>(text).unwrap()["text"], "a");
    let failed = post(&server, &token, "/call", json!({ "tool": "trial_fail", "parameters": {} })).await;
    assert_eq!((failed.status, code_of(&failed).as_str()), (StatusCode::NOT_FOUND, "RESOURCE_NOT_FOUND"));
}

#[tokio::test]
async fn the_tools_are_listed_as_mcp_lists_them() {
    let server = server().await;
    let token = server.token("nurse@here").await;
    let mcp = server.request("POST", "/mcp").bearer(&token).rpc(1, "tools/list", Value::Null).send().await;
    for path in ["/tools", "/api/mcp/tools", "/api/v1/mcp/tools/"] {
        let reply = server.request("GET", path).bearer(&token).send().await;
        let body = json_of(&reply);
        assert_eq!(body["tools"], mcp.result()["tools"], "{path}");
        assert_eq!(body["metadata"]["count"], body["tools"].as_array().map_or(0, Vec::len));
    }
    let all = server.request("GET", "/tools?include=aliases").bearer(&token).send().await;
    let tools = json_of(&all)["tools"].as_array().expect("tools").clone();
    let alias = tools.iter().find(|tool| tool["name"] == "get_patient_details").expect("an alias");
    assert_eq!(alias["alias_of"], "get_patient");
    assert_eq!(server.request("GET", "/tools").send().await.status, StatusCode::UNAUTHORIZED);
    let odd = server.request("GET", "/tools?colour=red").bearer(&token).send().await;
    assert_eq!(code_of(&odd), "VALIDATION_ERROR");
}
