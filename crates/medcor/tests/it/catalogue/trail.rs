//! Every call leaves exactly one row in the trail, however it ends.

use std::collections::HashMap;

use medcor_policy::Role;
use medcor_tools::{Caller, Effect};
use serde_json::{Value, json};

use super::example;
use crate::support::{canary, oracle, region::Region};

const UNKNOWN_ID: &str = "0198c1f2-2a3b-7c4d-8e5f-60718293a4b5";

crate::on_each_database! {
    every_call_leaves_exactly_one_row_however_it_ends,
    every_tool_does_its_work_for_somebody,
}

async fn every_call_leaves_exactly_one_row_however_it_ends(region: Region) {
    let calls = calls(&region);
    let callers = [
        region.north.caller(Role::Doctor, None),
        region.north.caller(Role::Patient, None),
        region.north.caller(Role::Receptionist, Some("user/*.cruds")),
        region.north.caller(Role::System, None),
    ];
    let mut ended: HashMap<String, Ended> = HashMap::new();
    for caller in &callers {
        for (tool, arguments) in &calls {
            let before = region.audit_rows().await;
            let (request_id, result) = region.call(caller, tool, arguments.clone()).await;
            let rows = region.audit_rows().await - before;
            // A login is an event of its own, beside the call that asked for it.
            let is_login = *tool == "admin_login" || arguments["tool"] == "admin_login";
            assert!(rows == 1 || (is_login && rows == 2), "{tool} {arguments} left {rows} rows");
            let outcome = match result {
                Ok(_) => json!("success"),
                Err(refusal) => json!({ "failure": refusal.code.name() }),
            };
            ended.insert(request_id, Ended { subject: subject(caller), tool: (*tool).to_owned(), outcome });
        }
    }
    check_trail(&region, ended).await;
    let report = region.store.ledger().verify().await.expect("the trail is walked");
    assert_eq!(report.first_broken, None);
}

/// How a call ended, as the caller was told.
struct Ended {
    subject: String,
    tool: String,
    outcome: Value,
}

fn subject(caller: &Caller) -> String {
    caller.principal().subject.0.clone()
}

/// Every tool by every name, with good arguments and with several kinds of bad ones.
fn calls(region: &Region) -> Vec<(&'static str, Value)> {
    let mut calls = vec![
        ("no_such_tool", json!({})),
        ("no_such_tool", json!({ "patient": canary::mark("north") })),
        ("call_tool", json!({ "tool": "no_such_tool", "arguments": {} })),
        (
            "call_tool",
            json!({ "tool": "call_tool", "arguments": { "tool": "health_check", "arguments": {} } }),
        ),
    ];
    let catalog = region.pipeline.catalog();
    for tool in catalog.tools() {
        let (name, good) = (tool.entry.name, example::arguments(tool, &region.north));
        calls.push((name, good.clone()));
        calls.extend(tool.entry.aliases.iter().map(|alias| (alias.name, good.clone())));
        calls.push(("call_tool", json!({ "tool": name, "arguments": good })));
        calls.push((name, json!({ "no_such_parameter": canary::mark("north") })));
        calls.push((name, json!(["not", "an", "object"])));
        let references = tool.references().iter().filter(|path| path.steps.len() == 1);
        for path in references {
            for text in [UNKNOWN_ID, "Twinnorth Samenorth"] {
                let mut bad = good.clone();
                bad[&path.steps[0]] = text.into();
                calls.push((name, bad));
            }
        }
    }
    calls
}

async fn check_trail(region: &Region, mut ended: HashMap<String, Ended>) {
    for row in region.trail().await {
        let text = row.to_string();
        assert!(
            !text.contains(&canary::mark("")),
            "the trail repeats what a record or a caller says: {text}"
        );
        let request_id = row["request_id"].as_str().expect("a row has a request id");
        // What a login leaves beside its call has its own facts.
        let is_login = row["event"] == "AUDIT:AUTHENTICATION";
        if request_id == "arranged" || is_login {
            continue;
        }
        let call =
            ended.remove(request_id).unwrap_or_else(|| panic!("two rows, or a row of no call: {text}"));
        assert_eq!(row["outcome"], call.outcome, "{} and {text}", call.tool);
        assert_eq!(row["subject"], call.subject.as_str(), "{text}");
        assert_eq!(row["tenant"], region.north.tenant.id.0, "{text}");
        let action = row["action"].as_str().expect("a row says what was done");
        let named = region.pipeline.catalog().named(&call.tool);
        let is_same = match named.as_slice() {
            [] => action == "unknown",
            named => named.iter().any(|tool| tool.entry.name == "call_tool" || tool.entry.name == action),
        };
        assert!(is_same, "{} and {text}", call.tool);
    }
    assert!(ended.is_empty(), "{} calls left no row", ended.len());
}

/// Without this the facts about refusals would hold for a server that refuses everything.
async fn every_tool_does_its_work_for_somebody(region: Region) {
    let callers = [
        region.north.caller(Role::Doctor, None),
        region.north.caller(Role::Admin, None),
        region.north.caller(Role::Superadmin, None),
    ];
    let mut failures = Vec::new();
    let mut tools: Vec<_> = region.pipeline.catalog().tools().collect();
    // What ends something would leave nothing for others to work on.
    tools.sort_by_key(|tool| tool.entry.effect == Effect::Deletes);
    for tool in tools {
        let caller = callers.iter().find(|caller| caller.may_use(tool.entry));
        let caller = caller.unwrap_or_else(|| panic!("nobody may use {}", tool.entry.name));
        let arguments = example::arguments(tool, &region.north);
        if let (_, Err(refusal)) = region.call(caller, tool.entry.name, arguments.clone()).await {
            failures.push(format!("{} {arguments}: {}", tool.entry.name, refusal.text()));
        }
    }
    assert!(failures.is_empty(), "{failures:#?}");
    let content = region.content(&region.north).await;
    // A line is the name of a record, its version and its text.
    let bodies = content.lines().filter_map(|line| line.splitn(3, ' ').nth(2));
    oracle::check(&bodies.map(str::to_owned).collect::<Vec<_>>());
}
