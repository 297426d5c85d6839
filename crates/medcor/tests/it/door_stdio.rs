//! MCP over standard input and output, through the real binary.

use std::{
    io::{BufRead, BufReader, Read, Write},
    process::{Child, ChildStdin, ChildStdout, Command, Stdio},
};

use serde_json::{Value, json};

use crate::support::Server;

/// The running binary, in conversation.
struct Conversation {
    process: Child,
    input: Option<ChildStdin>,
    output: BufReader<ChildStdout>,
}

impl Conversation {
    fn start(server: &Server, email: &str) -> Self {
        let mut process = Command::new(env!("CARGO_BIN_EXE_medcor"))
            .args(server.stdio_arguments(email))
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

    fn ask(&mut self, message: &Value) -> Value {
        self.say(message);
        let mut line = String::new();
        self.output.read_line(&mut line).unwrap();
        serde_json::from_str(&line).unwrap_or_else(|_| panic!("no JSON: {line}"))
    }

    /// Ends the input; what is still said, and whether all is well.
    fn end(mut self) -> (String, bool) {
        self.input = None;
        let mut rest = String::new();
        self.output.read_to_string(&mut rest).unwrap();
        (rest, self.process.wait().unwrap().success())
    }
}

#[tokio::test]
async fn a_conversation_ends_with_its_input() {
    let server = Server::start().await;
    let mut conversation = Conversation::start(&server, "nurse@here");
    let answer = conversation.ask(&json!({
        "jsonrpc": "2.0", "id": 1, "method": "initialize",
        "params": {
            "protocolVersion": "2025-06-18", "capabilities": {}, "clientInfo": { "name": "it", "version": "1" }
        }
    }));
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
