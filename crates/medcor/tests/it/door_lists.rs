//! Lists: whose, which part, and page by page.

use serde_json::{Value, json};

use crate::support::{Reply, Server};

async fn ask(server: &Server, token: &str, path: &str, method: &str) -> Reply {
    server.request("POST", path).bearer(token).modern(1, method, Value::Null).send().await
}

async fn names(server: &Server, token: &str, path: &str) -> Vec<String> {
    let result = ask(server, token, path, "tools/list").await.result();
    let tools = result["tools"].as_array().unwrap().iter();
    tools.map(|tool| tool["name"].as_str().unwrap().to_owned()).collect()
}

async fn call(server: &Server, token: &str, path: &str, tool: &str) -> Value {
    let params = json!({ "name": tool, "arguments": {} });
    server.request("POST", path).bearer(token).modern(1, "tools/call", params).send().await.result()
}

#[tokio::test]
async fn each_caller_sees_what_it_may_use_in_the_same_order_every_time() {
    let server = Server::start().await;
    let doctor = server.token("doctor@here").await;
    let seen = names(&server, &doctor, "/mcp").await;
    assert!(seen.is_sorted());
    assert!(seen.contains(&"trial_write".to_owned()));
    assert_eq!(seen, names(&server, &doctor, "/mcp").await);
    let receptionist = server.token("receptionist@here").await;
    let seen = names(&server, &receptionist, "/mcp").await;
    assert!(seen.contains(&"trial_echo".to_owned()) && !seen.contains(&"trial_write".to_owned()));
    let narrowed = server.narrowed_token("doctor@here", Some("user/Observation.rs")).await;
    assert!(!names(&server, &narrowed, "/mcp").await.contains(&"trial_echo".to_owned()));
    let robot = server.client_token().await;
    assert!(names(&server, &robot, "/mcp").await.contains(&"trial_echo".to_owned()));
}

#[tokio::test]
async fn lists_are_private_and_say_how_long_they_hold() {
    let server = Server::start().await;
    let token = server.token("doctor@here").await;
    for method in ["tools/list", "resources/list", "resources/templates/list", "prompts/list"] {
        let result = ask(&server, &token, "/mcp", method).await.result();
        assert_eq!(
            (&result["cacheScope"], &result["ttlMs"]),
            (&json!("private"), &json!(60_000)),
            "{method}"
        );
        let old =
            server.request("POST", "/mcp").bearer(&token).rpc(1, method, Value::Null).send().await.result();
        assert!(old.get("cacheScope").is_none() && old.get("resultType").is_none(), "{method}");
    }
}

#[tokio::test]
async fn a_cursor_that_is_none_is_refused_by_every_list() {
    let server = Server::start().await;
    let token = server.token("doctor@here").await;
    for method in ["tools/list", "resources/list", "resources/templates/list", "prompts/list"] {
        for cursor in ["2", "bm90aGluZw", "🩺"] {
            let params = json!({ "cursor": cursor });
            let reply = server.request("POST", "/mcp").bearer(&token).modern(1, method, params).send().await;
            assert_eq!(reply.error_code(), -32602, "{method} {cursor}");
        }
    }
}

#[tokio::test]
async fn an_address_narrows_what_is_listed_and_what_can_be_called() {
    let server = Server::start().await;
    let token = server.token("doctor@here").await;
    let trial = names(&server, &token, "/mcp/x/trial").await;
    assert_eq!(
        trial,
        ["trial_echo", "trial_fail", "trial_fresh", "trial_harm", "trial_part", "trial_slow", "trial_write"]
    );
    let read_only = names(&server, &token, "/mcp/readonly").await;
    assert!(read_only.contains(&"trial_echo".to_owned()) && !read_only.contains(&"trial_write".to_owned()));
    let refused = call(&server, &token, "/mcp/readonly", "trial_write").await;
    assert_eq!(refused["_meta"]["medcor/error"]["code"], "PERMISSION_DENIED");
    let audit = server.audit().await;
    let row = audit.last().unwrap();
    assert_eq!(
        (&row["action"], &row["outcome"]),
        (&json!("trial_write"), &json!({ "failure": "PERMISSION_DENIED" }))
    );
    assert!(row["subject"].is_string());
    assert_eq!(call(&server, &token, "/mcp/x/trial", "trial_write").await["isError"], false);
    assert_eq!(call(&server, &token, "/mcp/x/core", "trial_write").await["isError"], true);
}

#[tokio::test]
async fn templates_and_fixed_resources_are_listed_apart_for_those_who_may_read_them() {
    let server = Server::start().await;
    let doctor = server.token("doctor@here").await;
    let uris = |result: Value, list: &str, key: &str| -> Vec<String> {
        result[list].as_array().unwrap().iter().map(|item| item[key].as_str().unwrap().to_owned()).collect()
    };
    let path = "/mcp/x/trial";
    let fixed = ask(&server, &doctor, path, "resources/list").await.result();
    assert_eq!(uris(fixed, "resources", "uri"), ["trial://greeting"]);
    let templates = ask(&server, &doctor, path, "resources/templates/list").await.result();
    assert_eq!(
        uris(templates, "resourceTemplates", "uriTemplate"),
        ["trial://echo/{text}", "trial://echo/{text}/{volume}"]
    );
    let auditor = server.token("auditor@here").await;
    let none = ask(&server, &auditor, path, "resources/templates/list").await.result();
    assert_eq!(none["resourceTemplates"], json!([]));
    let prompts = ask(&server, &doctor, path, "prompts/list").await.result();
    assert_eq!(
        prompts["prompts"][0]["arguments"][0],
        json!({ "name": "patient", "description": "Who.", "required": true })
    );
}
