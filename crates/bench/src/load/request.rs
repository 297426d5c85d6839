//! A call as it goes over the wire.

use std::{fmt::Write, str::FromStr};

use medcor_bench::target::Target;

use crate::{
    LoadError,
    answer::Ending,
    template::{Drawn, Source, Template},
};

/// What is called, over and over.
#[derive(Debug)]
pub(crate) struct Call {
    pub(crate) ending: Ending,
    pub(crate) target: Target,
    pub(crate) bearer: Option<String>,
    pub(crate) protocol: Protocol,
    pub(crate) method: String,
    pub(crate) tool: String,
    pub(crate) arguments: Template,
    pub(crate) sources: Vec<Source>,
    pub(crate) expected: Vec<Template>,
}

/// The protocol version, which decides whether there are sessions.
#[derive(Debug, Clone)]
pub(crate) struct Protocol(String);

impl Protocol {
    /// The first version without sessions.
    pub(crate) const STATELESS: &str = "2026-07-28";

    /// Whether each request says all there is to know.
    pub(crate) fn is_stateless(&self) -> bool {
        self.0.as_str() >= Self::STATELESS
    }
}

impl FromStr for Protocol {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let is_date = text.len() == 10 && text.bytes().all(|byte| byte.is_ascii_digit() || byte == b'-');
        if is_date { Ok(Self(text.to_owned())) } else { Err("a date such as 2026-07-28") }
    }
}

const CLIENT: &str = r#"{"name":"medcor-load","version":"1"}"#;

impl Call {
    /// Writes the body of call `id` with these values.
    pub(crate) fn write_body(&self, id: u64, drawn: &Drawn<'_>, body: &mut String) -> Result<(), LoadError> {
        body.clear();
        match self.ending {
            Ending::Page => return Ok(()),
            Ending::Document => {
                self.arguments.fill(drawn, body);
                return Ok(());
            }
            Ending::Done | Ending::Refused => {}
        }
        add(body, format_args!(r#"{{"jsonrpc":"2.0","id":{id},"method":"{}","params":{{"#, self.method));
        let is_tool_call = self.is_tool_call();
        if is_tool_call {
            add(body, format_args!(r#""name":"{}","arguments":"#, self.tool));
            let start = body.len();
            self.arguments.fill(drawn, body);
            if cfg!(debug_assertions) || id == 1 {
                let arguments = body.get(start..).unwrap_or_default();
                serde_json::from_str::<serde::de::IgnoredAny>(arguments).map_err(LoadError::Arguments)?;
            }
        }
        if self.protocol.is_stateless() {
            let comma = if is_tool_call { "," } else { "" };
            add(
                body,
                format_args!(
                    r#"{comma}"_meta":{{"io.modelcontextprotocol/protocolVersion":"{}","io.modelcontextprotocol/clientInfo":{CLIENT},"io.modelcontextprotocol/clientCapabilities":{{}}}}"#,
                    self.protocol.0
                ),
            );
        }
        body.push_str("}}");
        Ok(())
    }

    /// Whether a session has to be opened first.
    pub(crate) fn needs_session(&self) -> bool {
        !self.is_plain() && !self.protocol.is_stateless()
    }

    /// The body that opens a session.
    pub(crate) fn initialize_body(&self) -> String {
        format!(
            r#"{{"jsonrpc":"2.0","id":0,"method":"initialize","params":{{"protocolVersion":"{}","capabilities":{{}},"clientInfo":{CLIENT}}}}}"#,
            self.protocol.0
        )
    }

    /// Writes the request around a body. A body that is not this call's own has no session yet or tells
    /// of one.
    pub(crate) fn write_request(&self, body: &str, session: Option<&str>, request: &mut String) {
        request.clear();
        let Target { authority, path } = &self.target;
        if self.ending == Ending::Page {
            add(request, format_args!("GET {path} HTTP/1.1\r\nHost: {authority}\r\nAccept: */*\r\n\r\n"));
            return;
        }
        add(
            request,
            format_args!(
                "POST {path} HTTP/1.1\r\nHost: {authority}\r\nContent-Type: application/json\r\n\
                 Accept: application/json, text/event-stream\r\nContent-Length: {}\r\n",
                body.len()
            ),
        );
        if self.protocol.is_stateless() && !self.is_plain() {
            add(request, format_args!("Mcp-Method: {}\r\n", self.method));
            if self.is_tool_call() {
                add(request, format_args!("Mcp-Name: {}\r\n", self.tool));
            }
        }
        if !self.is_plain() && (self.protocol.is_stateless() || session.is_some()) {
            add(request, format_args!("MCP-Protocol-Version: {}\r\n", self.protocol.0));
        }
        if let Some(session) = session {
            add(request, format_args!("Mcp-Session-Id: {session}\r\n"));
        }
        if let Some(bearer) = &self.bearer {
            add(request, format_args!("Authorization: Bearer {bearer}\r\n"));
        }
        request.push_str("\r\n");
        request.push_str(body);
    }

    /// Whether it is plain HTTP, without MCP.
    fn is_plain(&self) -> bool {
        matches!(self.ending, Ending::Page | Ending::Document)
    }

    fn is_tool_call(&self) -> bool {
        self.method == "tools/call"
    }
}

fn add(text: &mut String, arguments: std::fmt::Arguments<'_>) {
    text.write_fmt(arguments).expect("a string takes every text");
}
