//! TypeScript: MCP by the official SDK, a server component, tools for a chat interface.

use serde_json::{Value, json};

use super::{Example, clinic, has_packages, patients_called};

fn node(arguments: &[&str]) -> Option<Example> {
    let arguments = [&["--import", "tsx"], arguments].concat();
    has_packages("typescript").then(|| Example::new("node", "typescript", &arguments))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_compiler_finds_no_error_in_the_examples() {
    if has_packages("typescript") {
        let compiler = Example::new("node", "typescript", &["node_modules/typescript/bin/tsc", "--noEmit"]);
        assert_eq!(compiler.run().await.done(), "");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_mcp_client_calls_tools_by_the_official_sdk() {
    let new = json!({ "name": "Grace Murray", "dob": "1986-12-09", "gender": "female" }).to_string();
    let Some(example) = node(&["src/mcp-client.ts", "create_patient", &new]) else { return };
    let clinic = clinic().await;
    let address = clinic.server.address;
    let token = clinic.server.token("receptionist@here").await;
    let answer: Value = serde_json::from_str(&example.at(address, &token).run().await.done()).unwrap();
    assert_eq!(answer["name"], "Grace Murray");
    assert_eq!(patients_called(&clinic, "Murray").await, 1);
    let prescribe = node(&["src/mcp-client.ts", "prescribe_medication"]).unwrap();
    prescribe.at(address, &token).run().await.refused("PERMISSION_DENIED");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_server_component_shows_the_tools_that_its_caller_has_now() {
    let Some(example) = node(&["src/render-page.ts"]) else { return };
    let clinic = clinic().await;
    let address = clinic.server.address;
    let doctor = example.at(address, &clinic.server.token("doctor@here").await).run().await.done();
    let desk = clinic.server.token("receptionist@here").await;
    let desk = node(&["src/render-page.ts"]).unwrap().at(address, &desk).run().await.done();
    assert!(doctor.contains("id=\"prescribe_medication\"") && doctor.contains("id=\"list_doctors\""));
    assert!(!desk.contains("id=\"prescribe_medication\"") && desk.contains("id=\"list_doctors\""));
    node(&["src/render-page.ts"]).unwrap().at(address, "nonsense").run().await.refused("AUTH_INVALID");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_chat_tools_change_nothing_without_approval() {
    let new = json!({ "name": "Grace Murray", "dob": "1986-12-09", "gender": "female" }).to_string();
    let call = ["src/try-chat-tools.ts", "create_patient", &new];
    let Some(example) = node(&call) else { return };
    let clinic = clinic().await;
    let address = clinic.server.address;
    let token = clinic.server.token("receptionist@here").await;
    let ran = example.at(address, &token).run().await;
    assert!(ran.code == Some(1) && ran.errors.contains("was not approved"), "{}", ran.errors);
    assert_eq!(patients_called(&clinic, "Murray").await, 0);
    let approved = [&call[..], &["--approve"]].concat();
    let answer = node(&approved).unwrap().at(address, &token).run().await.done();
    assert!(answer.contains("Grace Murray"), "{answer}");
    assert_eq!(patients_called(&clinic, "Murray").await, 1);
    let auditor = clinic.server.token("auditor@here").await;
    let unknown = node(&approved).unwrap().at(address, &auditor).run().await;
    assert!(
        unknown.errors.contains("there is no tool create_patient that you may use"),
        "{}",
        unknown.errors
    );
}
