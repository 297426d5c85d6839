//! One behaviour, many doors: every tool answers, and refuses, over WebSocket as it does over HTTP.

use medcor_policy::Role;
use medcor_tools::{CompiledTool, Exposure};
use serde_json::{Value, json};

use super::example;
use crate::{
    door_websocket::without_ids,
    support::{WebSocket, process::Doors, region::Region},
};

/// What is new with every answer.
const FRESH: [&str; 1] = ["check_system_health"];

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_tool_answers_over_websocket_as_over_http() {
    let region = Region::on_sqlite().await;
    let doors = Doors::open(&region).await;
    let (mut wrong, mut answers, mut refusals) = (Vec::new(), 0, 0);
    for role in [Role::Doctor, Role::Admin, Role::Patient] {
        let token = region.token(&region.north, role).await;
        let mut http = doors.client(&token).await;
        let mut mcp = WebSocket::with_token(doors.address, "/ws", &token).await;
        let mut documented = WebSocket::with_token(doors.address, "/api/mcp/ws", &token).await;
        let tools = region.pipeline.catalog().tools();
        for tool in tools.filter(|tool| tool.entry.exposure != Exposure::BeforeLogin) {
            let name = tool.entry.name;
            // The trail has one row more with each call.
            if FRESH.contains(&name) || tool.toolset == "audit" {
                continue;
            }
            let arguments = arguments(tool, &region);
            let params = json!({ "name": name, "arguments": arguments });
            let by_http = http.request("tools/call", params.clone()).await.expect("the door answers");
            let by_http = outcome(&by_http.message()["result"]);
            let by_mcp = outcome(&mcp.rpc("tools/call", params).await["result"]);
            let call = json!({ "type": "tool_invoke", "request_id": 1, "tool": name, "params": arguments });
            documented.send(call).await;
            let answer = documented.next().await;
            let by_events = match answer.get("error") {
                Some(_) => without_ids(&answer["error_detail"]),
                None => without_ids(&answer["result"]),
            };
            match answer.get("error") {
                Some(_) => refusals += 1,
                None => answers += 1,
            }
            if by_http != by_mcp || by_http != by_events {
                wrong.push(format!("{role} {name}:\n  {by_http}\n  {by_mcp}\n  {by_events}"));
            }
        }
    }
    assert!(wrong.is_empty(), "{} answers differ: {}", wrong.len(), wrong.join("\n"));
    assert!(answers > 50 && refusals > 50, "{answers} answers, {refusals} refusals");
}

/// Reading the same twice gives the same; what would change something is asked wrongly.
fn arguments(tool: &CompiledTool, region: &Region) -> Value {
    if tool.entry.effect.is_read_only() && !tool.entry.names_another() {
        return example::arguments(tool, &region.north);
    }
    json!({ "no_such_argument": 1 })
}

/// The answer, or the error.
fn outcome(result: &Value) -> String {
    match result.get("structuredContent") {
        Some(answer) => without_ids(answer),
        None => without_ids(&result["_meta"]["medcor/error"]),
    }
}
