//! The access matrix over the doors: what the pipeline answers to a caller, every door answers, whether the call
//! comes with or without a session, over standard input, as a resource, or as a prompt.

use std::collections::BTreeSet;

use medcor_policy::Role;
use medcor_tools::{CompiledTool, ErrorCode, Exposure, Refusal, ResourceBinding};
use serde_json::{Value, json};

use super::{
    example,
    relations::{RELATIONS, Relation, name_somebody},
};
use crate::{
    door_stdio::Conversation,
    support::{
        http::{Client, Response},
        process::Doors,
        region::Region,
    },
};

const SCOPES: [(char, Option<&str>); 4] = [
    ('a', None),
    ('p', Some("patient/*.cruds")),
    ('u', Some("user/*.cruds")),
    ('n', Some("openid fhirUser")),
];
const LEGACY: &str = "MCP-Protocol-Version: 2025-11-25\r\n";

/// Somebody at the doors.
struct Visitor {
    name: String,
    token: String,
    without_session: Client,
    in_session: Client,
    session: String,
}

impl Visitor {
    async fn of(region: &Region, doors: &Doors, (role, letter, scopes): (Role, char, Option<&str>)) -> Self {
        let token = region.narrowed_token(&region.north, role, scopes).await;
        let mut in_session = doors.client(&token).await;
        let hello = json!({
            "jsonrpc": "2.0", "id": 0, "method": "initialize", "params": {
                "protocolVersion": "2025-11-25", "capabilities": {}, "clientInfo": { "name": "it", "version": "1" }
            }
        });
        let reply = in_session.send("POST", "/mcp", "", hello.to_string().as_bytes()).await;
        let session = reply.expect("the door answers").headers["mcp-session-id"].clone();
        Self {
            name: format!("{role} {letter}"),
            without_session: doors.client(&token).await,
            in_session,
            session: format!("{LEGACY}Mcp-Session-Id: {session}\r\n"),
            token,
        }
    }

    /// What becomes of a request by both ways.
    async fn marks(&mut self, method: &str, params: &Value) -> [char; 2] {
        let without = self.without_session.request(method, params.clone()).await;
        let message = json!({ "jsonrpc": "2.0", "id": 1, "method": method, "params": params });
        let within =
            self.in_session.send("POST", "/mcp", &self.session, message.to_string().as_bytes()).await;
        [without, within].map(|reply| mark_of(&reply.expect("the door answers")))
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_door_over_http_answers_as_the_pipeline_does() {
    let region = Region::on_sqlite().await;
    let doors = Doors::open(&region).await;
    let (mut wrong, mut cells) = (Vec::new(), BTreeSet::new());
    for (number, role) in people().into_iter().enumerate() {
        for (place, (letter, scopes)) in SCOPES.into_iter().enumerate() {
            let mut visitor = Visitor::of(&region, &doors, (role, letter, scopes)).await;
            let tools = region.pipeline.catalog().tools().enumerate();
            // Who may use what without scopes is asked of every tool, the rest of every third.
            for (_, tool) in
                tools.filter(|(index, _)| place == 0 || (index + number + place).is_multiple_of(3))
            {
                let relations =
                    RELATIONS.into_iter().filter(|_| tool.entry.exposure != Exposure::BeforeLogin);
                for relation in relations {
                    let marks = tool_marks(&region, &mut visitor, tool, relation).await;
                    cells.insert(marks);
                    if marks[1..] != [marks[0]; 2] {
                        wrong.push(format!("{} {relation:?} {}: {marks:?}", visitor.name, tool.entry.name));
                    }
                    everybody_is_back(&region).await;
                }
            }
        }
    }
    assert!(wrong.is_empty(), "{} wrong cells: {wrong:#?}", wrong.len());
    assert_eq!(cells.len(), 3, "done, not found and denied were all seen: {cells:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_resource_and_prompt_opens_as_its_tool_does() {
    let region = Region::on_sqlite().await;
    let doors = Doors::open(&region).await;
    let (mut wrong, mut reads) = (Vec::new(), 0);
    for (number, role) in people().into_iter().enumerate() {
        for (place, (letter, scopes)) in SCOPES.into_iter().enumerate() {
            let mut visitor = Visitor::of(&region, &doors, (role, letter, scopes)).await;
            let bindings = region
                .pipeline
                .catalog()
                .tools()
                .flat_map(|tool| tool.entry.resources.iter().map(move |binding| (tool, binding)));
            for (index, (tool, binding)) in bindings.enumerate() {
                if place == 0 || (index + number + place).is_multiple_of(4) {
                    for relation in RELATIONS {
                        let uri = filled(tool, binding, &region, relation);
                        let bound = region.pipeline.catalog().bound_resource(&uri).expect("a URI of a tool");
                        let wanted =
                            pipeline_mark(&region, &visitor, bound.tool, Value::Object(bound.arguments))
                                .await;
                        let marks = visitor.marks("resources/read", &json!({ "uri": uri })).await;
                        reads += 1;
                        if marks != [wanted; 2] {
                            let name = &visitor.name;
                            wrong.push(format!("{name} {relation:?} {uri}: {wanted} {marks:?}"));
                        }
                    }
                }
            }
            wrong.extend(wrong_prompts(&region, &mut visitor).await);
        }
    }
    assert!(wrong.is_empty(), "{} wrong cells: {wrong:#?}", wrong.len());
    assert!(reads > 100, "{reads} resources were read");
}

/// Prompts are got by those to whom they are listed.
async fn wrong_prompts(region: &Region, visitor: &mut Visitor) -> Vec<String> {
    let caller = region.authenticator.caller(&visitor.token).await.expect("the token is good");
    let catalog = region.pipeline.catalog();
    let shown: Vec<&str> = catalog.prompts_for(&caller).iter().map(|prompt| prompt.name).collect();
    let mut wrong = Vec::new();
    for prompt in catalog.prompts() {
        let arguments: serde_json::Map<String, Value> =
            prompt.arguments.iter().map(|argument| (argument.name.to_owned(), json!("x"))).collect();
        let params = json!({ "name": prompt.name, "arguments": arguments });
        let reply = visitor.without_session.request("prompts/get", params).await.expect("the door answers");
        let is_got = reply.message().get("result").is_some();
        if is_got != shown.contains(&prompt.name) {
            wrong.push(format!("{} {}: {}", visitor.name, prompt.name, reply.text()));
        }
    }
    wrong
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn standard_input_answers_as_the_pipeline_does() {
    let region = Region::on_sqlite().await;
    let mut wrong = Vec::new();
    for role in people() {
        let token = region.narrowed_token(&region.north, role, None).await;
        let mut conversation = Conversation::begin(&region.stdio_arguments(&region.north, role));
        for tool in region.pipeline.catalog().tools() {
            if tool.entry.exposure == Exposure::BeforeLogin {
                continue;
            }
            for relation in RELATIONS {
                let arguments = arguments(tool, &region, relation);
                let caller = region.authenticator.caller(&token).await.expect("the token is good");
                let (_, result) = region.call(&caller, tool.entry.name, arguments.clone()).await;
                let wanted = mark(result.err().as_ref());
                let call = json!({ "name": tool.entry.name, "arguments": arguments });
                let message = json!({ "jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": call });
                let got = mark_of_message(&conversation.ask(&message));
                if got != wanted {
                    wrong.push(format!("{role} {relation:?} {}: {wanted} {got}", tool.entry.name));
                }
                everybody_is_back(&region).await;
            }
        }
        assert!(conversation.end().1, "the conversation ends well");
    }
    assert!(wrong.is_empty(), "{} wrong cells: {wrong:#?}", wrong.len());
}

fn people() -> Vec<Role> {
    Role::ALL.into_iter().filter(|role| !role.is_by_scope()).collect()
}

fn arguments(tool: &CompiledTool, region: &Region, relation: Relation) -> Value {
    let mut arguments = example::arguments(tool, &region.north);
    name_somebody(&mut arguments, region, relation);
    arguments
}

/// The pipeline's mark, and those of the doors.
async fn tool_marks(
    region: &Region,
    visitor: &mut Visitor,
    tool: &CompiledTool,
    relation: Relation,
) -> [char; 3] {
    let arguments = arguments(tool, region, relation);
    let wanted = pipeline_mark(region, visitor, tool.entry.name, arguments.clone()).await;
    let params = json!({ "name": tool.entry.name, "arguments": arguments });
    let [without, within] = visitor.marks("tools/call", &params).await;
    [wanted, without, within]
}

async fn pipeline_mark(region: &Region, visitor: &Visitor, tool: &str, arguments: Value) -> char {
    let caller = region.authenticator.caller(&visitor.token).await.expect("the token is good");
    let (_, result) = region.call(&caller, tool, arguments).await;
    mark(result.err().as_ref())
}

/// As in the table of relations.
fn mark(refusal: Option<&Refusal>) -> char {
    match refusal.map(|refusal| refusal.code) {
        Some(ErrorCode::PermissionDenied) => 'x',
        Some(ErrorCode::ResourceNotFound) => '-',
        _ => 'o',
    }
}

fn mark_of(response: &Response) -> char {
    match response.status {
        403 => 'x',
        200 => mark_of_message(&response.message()),
        other => panic!("{other}: {}", response.text()),
    }
}

fn mark_of_message(message: &Value) -> char {
    let places = ["/result/_meta/medcor~1error/code", "/error/data/code"];
    match places.iter().find_map(|place| message.pointer(place)?.as_str()) {
        Some("PERMISSION_DENIED") => 'x',
        Some("RESOURCE_NOT_FOUND") => '-',
        _ => 'o',
    }
}

/// Calls deactivate people, who have to be there for the next.
pub(super) async fn everybody_is_back(region: &Region) {
    let identity = region.store.identity();
    for user in identity.users(region.north.tenant.id).await.expect("the store answers") {
        if !user.is_active {
            identity.set_user_active(&user.id, true).await.expect("it is written");
        }
    }
}

/// The URI of a resource about somebody.
fn filled(tool: &CompiledTool, binding: &ResourceBinding, region: &Region, relation: Relation) -> String {
    let mut values = example::arguments(tool, &region.north);
    for variable in binding.variables() {
        if values.get(variable).is_none() {
            values[variable] = example::value_of(tool, &region.north, variable);
        }
    }
    name_somebody(&mut values, region, relation);
    let segments = binding.template.split('/').map(|segment| {
        let variable = segment.strip_prefix('{').and_then(|rest| rest.strip_suffix('}'));
        match variable.map(|variable| &values[variable]) {
            None => segment.to_owned(),
            Some(Value::String(text)) => text.clone(),
            Some(other) => other.to_string(),
        }
    });
    segments.collect::<Vec<String>>().join("/")
}
