//! Batches through the real server: in order, each by itself, or all as one.

use axum::http::StatusCode;
use medcor_policy::Role;
use medcor_tools::Rates;
use serde_json::{Value, json};

use crate::{
    rest::{code_of, json_of, post, server},
    support::{CLIENT_SECRET, Clinic, Reply, Server, patient},
};

const BATCH: &str = "/api/mcp/batch";

async fn sent(server: &Server, token: &str, requests: Value) -> Reply {
    post(server, token, BATCH, json!({ "requests": requests })).await
}

async fn atomic(server: &Server, token: &str, requests: Value) -> Vec<Value> {
    let reply = post(server, token, BATCH, json!({ "requests": requests, "atomic": true })).await;
    assert_eq!(reply.status, StatusCode::OK, "{}", reply.body);
    json_of(&reply).as_array().expect("a list").clone()
}

fn create(first_name: &str) -> Value {
    json!({ "tool": "create_patient", "params": { "first_name": first_name, "last_name": "King", "dob": "1980-05-17" } })
}

/// How many of the family there are.
async fn kings(server: &Server, token: &str) -> usize {
    let call = json!({ "tool": "list_patients", "params": { "limit": 100 } });
    let reply = post(server, token, "/api/mcp/tools/invoke", call).await;
    let rows = json_of(&reply)["results"].as_array().expect("rows").clone();
    rows.iter().filter(|row| row["name"].as_str().is_some_and(|name| name.ends_with("King"))).count()
}

fn codes(results: &[Value]) -> Vec<&str> {
    results.iter().map(|result| result["error"]["code"].as_str().unwrap_or("done")).collect()
}

#[tokio::test]
async fn each_call_is_answered_in_its_place_and_the_failure_of_one_is_not_that_of_others() {
    let server = server().await;
    let token = server.token("receptionist@here").await;
    let before = server.audit().await.len();
    let requests = json!([
        { "tool": "trial_echo", "params": { "text": "first" } },
        { "tool": "trial_fail", "params": {} },
        create("Ada"),
        { "tool": "search_patients", "arguments": { "query": "King" } },
        { "tool": "no_such_tool", "params": {} },
        { "params": {} },
        { "tool": "get_vital_signs", "parameters": { "patient": "MRN-1" } },
        { "tool": "trial_echo", "params": { "text": "last" } }
    ]);
    let reply = sent(&server, &token, requests).await;
    assert_eq!(reply.status, StatusCode::OK, "{}", reply.body);
    let results = json_of(&reply).as_array().expect("a list").clone();
    assert_eq!(
        codes(&results),
        [
            "done",
            "RESOURCE_NOT_FOUND",
            "done",
            "done",
            "RESOURCE_NOT_FOUND",
            "VALIDATION_ERROR",
            "PERMISSION_DENIED",
            "done"
        ]
    );
    assert_eq!(
        (&results[0]["result"]["text"], &results[7]["result"]["text"]),
        (&json!("first"), &json!("last"))
    );
    // What comes after a write sees it.
    assert_eq!(results[3]["result"]["count"], 1);
    let rows = server.audit().await;
    assert_eq!(rows.len(), before + 8);
    assert!(rows[before..].iter().all(|row| row["request_id"] == reply.header("x-request-id")));
}

#[tokio::test]
async fn what_is_no_batch_is_refused_as_a_whole() {
    let server = server().await;
    let token = server.token("receptionist@here").await;
    let eleven: Vec<Value> = (0..11).map(|_| json!({ "tool": "health_check" })).collect();
    for body in [
        json!({ "requests": [] }),
        json!({ "requests": eleven }),
        json!({ "requests": {} }),
        json!({ "requests": [create("Ada")], "colour": "red" }),
        json!({ "requests": [create("Ada")], "atomic": "yes" }),
        json!([create("Ada")]),
    ] {
        let before = server.audit().await.len();
        let reply = post(&server, &token, BATCH, body.clone()).await;
        assert_eq!(
            (reply.status, code_of(&reply).as_str()),
            (StatusCode::BAD_REQUEST, "VALIDATION_ERROR"),
            "{body}"
        );
        assert_eq!(server.audit().await.len(), before + 1, "{body}");
    }
    assert_eq!(kings(&server, &token).await, 0);
    let bare =
        server.request("POST", BATCH).body(json!({ "requests": [create("Ada")] }).to_string()).send().await;
    assert_eq!(bare.status, StatusCode::UNAUTHORIZED);
}

#[tokio::test]
async fn a_batch_costs_its_length() {
    let rates: Rates = "receptionist=20,burst=5".parse().expect("rates");
    let server = Server::start_limited(rates).await;
    let token = server.token("receptionist@here").await;
    let three: Vec<Value> = (0..3).map(|_| json!({ "tool": "health_check" })).collect();
    assert_eq!(sent(&server, &token, json!(three)).await.status, StatusCode::OK);
    let before = server.audit().await.len();
    let refused = sent(&server, &token, json!(three)).await;
    assert_eq!((refused.status, code_of(&refused).as_str()), (StatusCode::TOO_MANY_REQUESTS, "RATE_LIMIT"));
    assert!(refused.header("retry-after").parse::<u32>().is_ok_and(|seconds| seconds > 0));
    assert_eq!(server.audit().await.len(), before + 1);
}

#[tokio::test]
async fn a_batch_that_is_repeated_under_its_key_does_its_work_once() {
    let server = server().await;
    let token = server.token("receptionist@here").await;
    for is_atomic in [false, true] {
        let body = json!({ "requests": [create("Ada"), create("Bea")], "atomic": is_atomic });
        let keyed = async || {
            let request = server.request("POST", BATCH).bearer(&token);
            let key = format!("batch-of-mine-{is_atomic}");
            request.header("idempotency-key", &key).body(body.to_string()).send().await
        };
        let before = kings(&server, &token).await;
        let first = keyed().await;
        if is_atomic {
            // The people of the first round are there already.
            assert_eq!(codes(json_of(&first).as_array().unwrap())[0], "CONFLICT", "{}", first.body);
            assert_eq!(kings(&server, &token).await, before);
            continue;
        }
        assert_eq!(codes(json_of(&first).as_array().unwrap()), ["done", "done"], "{}", first.body);
        assert_eq!(keyed().await.body, first.body);
        assert_eq!(kings(&server, &token).await, before + 2);
    }
}

#[tokio::test]
async fn an_atomic_batch_is_one_commit_with_a_row_for_each_call() {
    let server = server().await;
    let token = server.token("receptionist@here").await;
    let before = server.audit().await.len();
    let results =
        atomic(&server, &token, json!([create("Ada"), create("Bea"), { "tool": "health_check" }])).await;
    assert_eq!(codes(&results), ["done", "done", "done"], "{results:?}");
    let rows = server.audit().await;
    assert_eq!(rows.len(), before + 3);
    assert!(rows[before..].iter().all(|row| row["outcome"] == "success"), "{:?}", &rows[before..]);
    let id = results[0]["result"]["id"].as_str().expect("an id");
    assert_eq!(rows[before]["patients"], json!([id]));
    assert_eq!(kings(&server, &token).await, 2);
    let report = server.store.ledger().verify().await.expect("the trail is walked");
    assert_eq!(report.first_broken, None);
}

#[tokio::test]
async fn one_failing_call_of_an_atomic_batch_leaves_nothing_written_and_each_its_row() {
    let server = server().await;
    let token = server.token("receptionist@here").await;
    for (failing, code) in [
        (json!({ "tool": "trial_fail", "params": {} }), "RESOURCE_NOT_FOUND"),
        (json!({ "tool": "no_such_tool", "params": {} }), "RESOURCE_NOT_FOUND"),
        (json!({ "tool": "trial_echo", "params": { "colour": "red" } }), "VALIDATION_ERROR"),
        (json!({ "tool": "get_vital_signs", "params": { "patient": "MRN-1" } }), "PERMISSION_DENIED"),
        (
            json!({ "tool": "authenticate", "params": { "client_id": "copilot", "client_secret": CLIENT_SECRET } }),
            "VALIDATION_ERROR",
        ),
    ] {
        for place in 0..3 {
            let mut requests = vec![create("Ada"), create("Bea")];
            requests.insert(place, failing.clone());
            let before = server.audit().await.len();
            let results = atomic(&server, &token, json!(requests)).await;
            let mut wanted = ["PRECONDITION"; 3];
            wanted[place] = code;
            assert_eq!(codes(&results), wanted, "{failing} at {place}: {results:?}");
            let rows = server.audit().await;
            assert_eq!(rows.len(), before + 3, "{failing} at {place}");
            let outcomes: Vec<&str> =
                rows[before..].iter().filter_map(|row| row["outcome"]["failure"].as_str()).collect();
            assert_eq!(outcomes, wanted);
        }
    }
    assert_eq!(kings(&server, &token).await, 0);
}

#[tokio::test]
async fn calls_of_an_atomic_batch_that_want_the_same_are_all_refused() {
    let clinic = Clinic::start().await;
    clinic.put(patient("ada", ("Ada", "Lovelace"), "1980-05-17")).await;
    let server = &clinic.server;
    let token = server.token("receptionist@here").await;
    let move_to =
        |city: &str| json!({ "tool": "update_patient", "params": { "patient": "ada", "city": city } });
    let results = atomic(server, &token, json!([move_to("York"), move_to("Leeds")])).await;
    assert_eq!(codes(&results), ["CONFLICT", "CONFLICT"], "{results:?}");
    let keyed = |city: &str| {
        let mut call = move_to(city);
        call["params"]["idempotency_key"] = "one-key-for-two".into();
        call
    };
    let results = atomic(server, &token, json!([keyed("York"), keyed("York")])).await;
    assert_eq!(codes(&results), ["CONFLICT", "CONFLICT"], "{results:?}");
    let ada = clinic.ok(Role::Receptionist, "get_patient", json!({ "patient": "ada" })).await;
    assert!(!ada.to_string().contains("York") && !ada.to_string().contains("Leeds"), "{ada}");
    assert_eq!(codes(&atomic(server, &token, json!([keyed("York")])).await), ["done"]);
}

#[tokio::test]
async fn an_atomic_batch_does_nothing_that_a_person_has_yet_to_confirm() {
    let server = server().await;
    let identity = server.store.identity();
    identity.set_tenant_setting(server.here.id, "write_confirmation", "always").await.unwrap();
    let token = server.token("receptionist@here").await;
    let harm = json!({ "tool": "trial_harm", "params": { "family": "King" } });
    let through =
        json!({ "tool": "call_tool", "params": { "tool": "trial_harm", "arguments": { "family": "King" } } });
    for call in [harm.clone(), through] {
        let results = atomic(&server, &token, json!([create("Ada"), call])).await;
        assert_eq!(codes(&results), ["PRECONDITION", "CONFIRMATION_REQUIRED"], "{results:?}");
        assert_eq!(kings(&server, &token).await, 0);
    }
    // With what a person confirmed it goes along.
    let asked = post(&server, &token, "/api/mcp/tools/invoke", harm.clone()).await;
    assert_eq!(asked.status.as_u16(), 428);
    let mut confirmed = harm;
    confirmed["params"]["confirmation_token"] =
        json_of(&asked)["error"]["details"]["confirmation_token"].clone();
    let results = atomic(&server, &token, json!([create("Ada"), confirmed])).await;
    assert_eq!(codes(&results), ["done", "done"], "{results:?}");
    assert_eq!(kings(&server, &token).await, 2);
}

#[tokio::test]
async fn an_atomic_batch_is_its_callers_own() {
    let server = server().await;
    let token = server.token("receptionist@here").await;
    let mut carried = create("Ada");
    carried["params"]["access_token"] = server.token("admin@here").await.into();
    let body = json!({ "requests": [create("Bea"), carried], "atomic": true });
    let reply = post(&server, &token, BATCH, body).await;
    assert_eq!((reply.status, code_of(&reply).as_str()), (StatusCode::BAD_REQUEST, "VALIDATION_ERROR"));
    assert!(reply.body.contains("/requests/1/params"), "{}", reply.body);
    assert_eq!(kings(&server, &token).await, 0);
}
