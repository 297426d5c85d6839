//! One behaviour, several doors: of every tool the answer and the refusals over REST are those over MCP, once
//! the envelope is taken off. Made from the catalogue: a new tool is compared by being there.

use medcor_policy::Role;
use medcor_tools::{CompiledTool, Effect, Exposure};
use serde_json::{Value, json};

use super::{doors::everybody_is_back, example};
use crate::support::{
    http::{Client, Response},
    process::Doors,
    region::Region,
};

/// One caller at the three doors for calls.
struct Caller {
    mcp: Client,
    rest: Client,
}

impl Caller {
    async fn of(region: &Region, doors: &Doors, role: Role) -> Self {
        let token = region.token(&region.north, role).await;
        Self { mcp: doors.client(&token).await, rest: doors.client(&token).await }
    }

    async fn by_mcp(&mut self, tool: &str, arguments: &Value) -> Value {
        let params = json!({ "name": tool, "arguments": arguments });
        let reply = self.mcp.request("tools/call", params).await.expect("the door answers");
        if reply.status != 200 {
            return plain(reply.message()["error"].clone());
        }
        let mut message = reply.message();
        match message.pointer_mut("/result/_meta/medcor~1error") {
            Some(report) => plain(report.take()),
            None => message["result"]["structuredContent"].take(),
        }
    }

    async fn by_rest(&mut self, tool: &str, arguments: &Value) -> Value {
        let body = json!({ "tool": tool, "params": arguments });
        let reply = self.sent("/api/mcp/tools/invoke", &body).await;
        unwrapped(reply.message())
    }

    async fn by_name(&mut self, tool: &str, arguments: &Value) -> Value {
        unwrapped(self.sent(&format!("/{tool}"), arguments).await.message())
    }

    /// Alone in a batch, and in one that is done as one.
    async fn by_batch(&mut self, tool: &str, arguments: &Value, is_atomic: bool) -> Value {
        let body = json!({ "requests": [{ "tool": tool, "params": arguments }], "atomic": is_atomic });
        let mut message = self.sent("/api/v1/mcp/batch", &body).await.message();
        assert!(message.is_array(), "{tool} {arguments}: {message}");
        match message[0]["result"].take() {
            Value::Null => unwrapped(message[0].take()),
            result => result,
        }
    }

    async fn sent(&mut self, path: &str, body: &Value) -> Response {
        self.rest.send("POST", path, "", body.to_string().as_bytes()).await.expect("the door answers")
    }
}

fn unwrapped(mut message: Value) -> Value {
    if message["error"]["code"].is_string() { plain(message["error"].take()) } else { message }
}

/// A refusal without what is of one request alone.
fn plain(mut report: Value) -> Value {
    for name in ["request_id", "timestamp"] {
        if let Value::Object(members) = &mut report {
            members.remove(name);
        }
    }
    report
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_answer_is_the_same_at_every_door() {
    let region = Region::on_sqlite().await;
    let doors = Doors::open(&region).await;
    let mut people = people(&region, &doors).await;
    let (mut compared, mut wrong) = (0, Vec::new());
    for tool in region.pipeline.catalog().tools() {
        for (role, caller) in &mut people {
            let Some(arguments) = repeatable(tool, &region, *role) else { continue };
            let name = tool.entry.name;
            let mcp = caller.by_mcp(name, &arguments).await;
            let others = [
                caller.by_rest(name, &arguments).await,
                caller.by_name(name, &arguments).await,
                caller.by_batch(name, &arguments, false).await,
                caller.by_batch(name, &arguments, true).await,
            ];
            everybody_is_back(&region).await;
            if let Some(other) = others.iter().find(|other| **other != mcp) {
                wrong.push(format!("{role} {name}: {mcp} is not {other}"));
            }
            compared += usize::from(mcp.get("code").is_none_or(|code| code != "PERMISSION_DENIED"));
        }
        if tool.entry.effect == Effect::Deletes {
            // It may have ended what somebody is logged in by.
            people = self::people(&region, &doors).await;
        }
    }
    assert!(wrong.is_empty(), "{} differ: {wrong:#?}", wrong.len());
    assert!(compared > 90, "{compared} answers were compared");
}

async fn people(region: &Region, doors: &Doors) -> Vec<(Role, Caller)> {
    let mut people = Vec::new();
    for role in [Role::Doctor, Role::Admin, Role::Receptionist] {
        people.push((role, Caller::of(region, doors, role).await));
    }
    people
}

/// Arguments whose call can be made again with the same answer: a write has a key.
fn repeatable(tool: &CompiledTool, region: &Region, role: Role) -> Option<Value> {
    // A login gives other tokens each time.
    if tool.entry.exposure == Exposure::BeforeLogin {
        return None;
    }
    let mut arguments = example::arguments(tool, &region.north);
    if tool.entry.effect.is_read_only() || tool.entry.names_another() {
        // What is different each time is what is looked up in the trail of the calls themselves.
        return (tool.toolset != "audit").then_some(arguments);
    }
    let takes_key = tool.parameters().any(|name| name == "idempotency_key");
    takes_key.then(|| {
        arguments["idempotency_key"] = format!("equal-{role}-{}", tool.entry.name).into();
        arguments
    })
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_refusal_is_the_same_at_every_door() {
    let region = Region::on_sqlite().await;
    let doors = Doors::open(&region).await;
    let mut wrong = Vec::new();
    for role in [Role::Doctor, Role::Receptionist, Role::Patient] {
        let mut caller = Caller::of(&region, &doors, role).await;
        for tool in region.pipeline.catalog().tools() {
            let name = tool.entry.name;
            let of_nobody = json!({ "patient": "MRN-of-nobody" });
            for arguments in [json!({ "no_such_argument": 1 }), of_nobody] {
                let mcp = caller.by_mcp(name, &arguments).await;
                if mcp.get("code").is_none() {
                    continue;
                }
                for other in [
                    caller.by_rest(name, &arguments).await,
                    caller.by_name(name, &arguments).await,
                    caller.by_batch(name, &arguments, false).await,
                ] {
                    if other != mcp {
                        wrong.push(format!("{role} {name} {arguments}: {mcp} is not {other}"));
                    }
                }
            }
        }
    }
    assert!(wrong.is_empty(), "{} differ: {wrong:#?}", wrong.len());
}
