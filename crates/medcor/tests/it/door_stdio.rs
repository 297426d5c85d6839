//! MCP over standard input and output, through the real binary.

use std::{
    io::{BufRead, BufReader, Read, Write},
    process::{Child, ChildStdin, ChildStdout, Command, Stdio},
};

use serde_json::{Value, json};

use crate::support::Server;

/// The running binary, in conversation.
pub(crate) struct Conversation {
    process: Child,
    input: Option<ChildStdin>,
    output: BufReader<ChildStdout>,
}

impl Conversation {
    fn start(server: &Server, email: &str) -> Self {
        Self::run(&server.stdio_arguments(email))
    }

    /// With these arguments, past the greeting.
    pub(crate) fn begin(arguments: &[String]) -> Self {
        let mut conversation = Self::run(arguments);
        conversation.ask(&initialize());
        conversation.say(&json!({ "jsonrpc": "2.0", "method": "notifications/initialized" }));
        conversation
    }

    fn run(arguments: &[String]) -> Self {
        let mut process = Command::new(env!("CARGO_BIN_EXE_medcor"))
            .args(arguments)
            .env("MEDCOR_RATE_LIMIT", "off")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let input = process.stdin.take();
        let output = BufReader::new(process.stdout.take().unwrap());
        Self { process, input, output }
    }

    fn say(&mut self, message: &Value) {
        writeln!(self.input.as_mut().unwrap(), "{message}").unwrap();
    }

    pub(crate) fn ask(&mut self, message: &Value) -> Value {
        self.ask_text(&message.to_string())
    }

    /// What the program says next by itself.
    pub(crate) fn listen(&mut self) -> Value {
        let mut line = String::new();
        self.output.read_line(&mut line).unwrap();
        serde_json::from_str(&line).unwrap_or_else(|_| panic!("no JSON: {line}"))
    }

    fn ask_text(&mut self, message: &str) -> Value {
        writeln!(self.input.as_mut().unwrap(), "{message}").unwrap();
        let mut line = String::new();
        self.output.read_line(&mut line).unwrap();
        serde_json::from_str(&line).unwrap_or_else(|_| panic!("no JSON: {line}"))
    }

    /// Ends the input; what is still said, and whether all is well.
    pub(crate) fn end(mut self) -> (String, bool) {
        self.input = None;
        let mut rest = String::new();
        self.output.read_to_string(&mut rest).unwrap();
        (rest, self.process.wait().unwrap().success())
    }
}

fn initialize() -> Value {
    json!({
        "jsonrpc": "2.0", "id": 1, "method": "initialize",
        "params": {
            "protocolVersion": "2025-06-18", "capabilities": {}, "clientInfo": { "name": "it", "version": "1" }
        }
    })
}

#[tokio::test]
async fn a_conversation_ends_with_its_input() {
    let server = Server::start().await;
    let mut conversation = Conversation::start(&server, "nurse@here");
    let answer = conversation.ask(&initialize());
    assert_eq!(answer["result"]["protocolVersion"], "2025-06-18");
    assert_eq!(answer["result"]["serverInfo"]["name"], "medcor");
    conversation.say(&json!({ "jsonrpc": "2.0", "method": "notifications/initialized" }));
    let answer = conversation.ask(&json!({ "jsonrpc": "2.0", "id": "two", "method": "tools/list" }));
    assert_eq!(answer["id"], "two");
    assert!(answer["result"]["tools"].is_array());
    let nothing = json!({ "name": "nothing" });
    let answer =
        conversation.ask(&json!({ "jsonrpc": "2.0", "id": 3, "method": "tools/call", "params": nothing }));
    assert_eq!(answer["error"]["code"], -32602);
    assert_eq!(conversation.end(), (String::new(), true));
    let audit = server.audit().await;
    assert_eq!(audit.last().unwrap()["door"], "mcp-stdio");
}

#[tokio::test]
async fn a_program_that_speaks_over_standard_input_is_an_agent() {
    let server = Server::start().await;
    server.patient("Ada", "Lovelace").await;
    let mut conversation = Conversation::begin(&server.stdio_arguments("doctor@here"));
    let arguments = json!({ "patient": "MRN-Ada", "reason": "unconscious in the ambulance" });
    let call = json!({ "name": "break_glass", "arguments": arguments });
    let answer =
        conversation.ask(&json!({ "jsonrpc": "2.0", "id": 2, "method": "tools/call", "params": call }));
    assert!(answer.to_string().contains("PERMISSION_DENIED"), "{answer}");
    assert_eq!(conversation.end(), (String::new(), true));
    let audit = server.audit().await;
    let row = audit.iter().find(|row| row["action"] == "break_glass").unwrap();
    assert_eq!((&row["client"], &row["door"]), (&json!("medcor-stdio"), &json!("mcp-stdio")));
}

#[tokio::test]
async fn input_that_ends_at_once_is_no_failure() {
    let server = Server::start().await;
    assert_eq!(Conversation::start(&server, "nurse@here").end(), (String::new(), true));
}

#[tokio::test]
async fn nobody_acts_as_a_stranger() {
    let server = Server::start().await;
    for email in ["nobody@here", "former@here"] {
        assert_eq!(Conversation::start(&server, email).end(), (String::new(), false), "{email}");
    }
}

#[tokio::test]
async fn a_user_who_is_let_out_is_out_of_a_conversation_that_runs() {
    let server = Server::start().await;
    let mut conversation = Conversation::start(&server, "nurse@here");
    conversation.ask(&initialize());
    conversation.say(&json!({ "jsonrpc": "2.0", "method": "notifications/initialized" }));
    let list = json!({ "jsonrpc": "2.0", "id": 2, "method": "tools/list" });
    assert!(conversation.ask(&list)["result"]["tools"].is_array());
    let identity = server.store.identity();
    let nurse = identity.user_by_email("nurse@here").await.unwrap().unwrap();
    identity.set_user_active(&nurse.id, false).await.unwrap();
    let refused = conversation.ask(&list);
    let message = refused["error"]["message"].as_str().unwrap_or_default();
    assert!(message.contains("AUTH_INVALID"), "{refused}");
    let call = json!({ "name": "health_check", "arguments": {} });
    let refused =
        conversation.ask(&json!({ "jsonrpc": "2.0", "id": 3, "method": "tools/call", "params": call }));
    assert!(refused["error"].is_object(), "{refused}");
    let audit = server.audit().await;
    let row = audit.last().unwrap();
    assert_eq!((&row["door"], &row["outcome"]["failure"]), (&"mcp-stdio".into(), &"AUTH_INVALID".into()));
    identity.set_user_active(&nurse.id, true).await.unwrap();
    assert!(conversation.ask(&list)["result"]["tools"].is_array());
    assert_eq!(conversation.end(), (String::new(), true));
}

#[tokio::test]
async fn a_message_with_two_members_of_one_name_is_refused_and_the_conversation_goes_on() {
    let server = Server::start().await;
    let mut conversation = Conversation::start(&server, "nurse@here");
    conversation.ask(&initialize());
    conversation.say(&json!({ "jsonrpc": "2.0", "method": "notifications/initialized" }));
    let twins = r#"{"jsonrpc":"2.0","id":7,"method":"tools/call","params":{"name":"health_check","arguments":{"a":1,"a":2}}}"#;
    let refused = conversation.ask_text(twins);
    assert_eq!((&refused["id"], &refused["error"]["code"]), (&7.into(), &(-32602).into()));
    let list = json!({ "jsonrpc": "2.0", "id": 8, "method": "tools/list" });
    assert!(conversation.ask(&list)["result"]["tools"].is_array());
    assert_eq!(conversation.end(), (String::new(), true));
}
