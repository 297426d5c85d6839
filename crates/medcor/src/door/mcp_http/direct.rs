//! The two requests that make up nearly all traffic, `tools/call` and the first page of `tools/list`,
//! answered without rmcp: the answer is JSON text already, and rmcp would parse it, copy it and write it
//! again, twenty microseconds a call.
//!
//! Only requests in which everything is as it should be are taken. Whatever is odd in version, headers,
//! session or parameters goes to rmcp, so that there is one judge of what is an error. A test holds both
//! answers against each other.

use std::borrow::Cow;

use axum::{
    body::Bytes,
    http::{HeaderMap, HeaderName, StatusCode, header},
};
use medcor_tools::{Answer as ToolAnswer, ErrorReport};
use rmcp::{
    ErrorData,
    model::{ClientCapabilities, ErrorCode, JsonRpcError, RequestId},
};
use serde::{
    Deserialize, Serialize,
    de::{DeserializeOwned, IgnoredAny},
};
use serde_json::{Map, Value, value::RawValue};

use super::message::Message;
use crate::door::{
    mcp::{Era, Failure, protocol_error, refusal},
    response::{self, Answer},
};

const MODERN_VERSION: &str = "2026-07-28";
const LEGACY_VERSIONS: [&str; 3] = ["2025-11-25", "2025-06-18", "2025-03-26"];
const CALL: &str = "tools/call";
const LIST: &str = "tools/list";

static VERSION: HeaderName = HeaderName::from_static("mcp-protocol-version");
static METHOD: HeaderName = HeaderName::from_static("mcp-method");
static NAME: HeaderName = HeaderName::from_static("mcp-name");

/// A request that is answered here.
pub(in crate::door) struct Direct<'m> {
    id: Cow<'m, RawValue>,
    era: Era,
    /// Whether the request itself says that its client can show forms; before 2026-07-28 a session does.
    names_forms: bool,
}

/// What is asked.
pub(in crate::door) enum What<'m> {
    /// A tool and its arguments.
    Call { tool: Cow<'m, str>, arguments: Value },
    /// The first page of the tools.
    List,
}

/// Further members, such as the state of a call that asked the user something, are rmcp's matter.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct CallParams<'m> {
    #[serde(borrow)]
    name: Cow<'m, str>,
    #[serde(default)]
    arguments: Map<String, Value>,
    #[serde(rename = "_meta", borrow, default)]
    meta: Meta<'m>,
}

#[derive(Deserialize, Default)]
#[serde(deny_unknown_fields)]
struct ListParams<'m> {
    #[serde(rename = "_meta", borrow, default)]
    meta: Meta<'m>,
}

#[derive(Deserialize, Default)]
struct Meta<'m> {
    #[serde(rename = "io.modelcontextprotocol/protocolVersion", borrow)]
    version: Option<Cow<'m, str>>,
    #[serde(rename = "io.modelcontextprotocol/clientCapabilities", borrow)]
    capabilities: Option<&'m RawValue>,
    #[serde(rename = "progressToken")]
    progress_token: Option<IgnoredAny>,
}

impl<'m> Direct<'m> {
    /// The request, if it can be answered here.
    pub(super) fn of(message: &Message<'m>, headers: &HeaderMap) -> Option<(Self, What<'m>)> {
        let direct = Self::judged(message, |name, meta| {
            era(message.method.as_deref().unwrap_or_default(), name, meta, headers)
        });
        direct.filter(|_| takes_json(headers))
    }

    /// The same, where a message has nothing beside it that could say otherwise.
    pub(in crate::door) fn alone(message: &Message<'m>) -> Option<(Self, What<'m>)> {
        Self::judged(message, |_, meta| era_alone(meta))
    }

    fn judged(
        message: &Message<'m>,
        era: impl FnOnce(Option<&str>, &Meta<'m>) -> Option<Era>,
    ) -> Option<(Self, What<'m>)> {
        let id = message.id.filter(|id| is_id(id.get()))?;
        let (era, names_forms, what) = match message.method.as_deref()? {
            CALL => {
                let params: CallParams<'m> = serde_json::from_str(message.params?.get()).ok()?;
                let era = era(Some(&params.name), &params.meta)?;
                let capabilities = params.meta.capabilities.map_or("", RawValue::get);
                let what = What::Call { tool: params.name, arguments: Value::Object(params.arguments) };
                (era, capabilities.contains("elicitation"), what)
            }
            LIST => {
                let params =
                    message.params.map(|params| serde_json::from_str::<ListParams<'m>>(params.get()));
                let params = params.transpose().ok()?.unwrap_or_default();
                (era(None, &params.meta)?, false, What::List)
            }
            _ => return None,
        };
        Some((Self { id: Cow::Borrowed(id), era, names_forms }, what))
    }

    /// For an answer that is written when the message is gone.
    pub(in crate::door) fn into_owned(self) -> Direct<'static> {
        Direct { id: Cow::Owned(self.id.into_owned()), era: self.era, names_forms: self.names_forms }
    }

    /// The shape of its answer.
    pub(in crate::door) fn era(&self) -> Era {
        self.era
    }

    /// Whether its client may be able to ask its person something: before 2026-07-28 a session says so.
    pub(in crate::door) fn may_ask(&self, has_session: bool) -> bool {
        self.names_forms || (self.era == Era::Legacy && has_session)
    }

    /// The HTTP answer with the first page of the tools.
    pub(super) fn listed(&self, first_tools: Bytes) -> Answer {
        response::shared_json(self.opening(0), first_tools, CLOSING)
    }

    /// The message with the first page of the tools.
    pub(in crate::door) fn listing(&self, first_tools: &[u8]) -> Vec<u8> {
        let mut body = self.opening(first_tools.len() + CLOSING.len()).into_bytes();
        body.extend_from_slice(first_tools);
        body.extend_from_slice(CLOSING.as_bytes());
        body
    }

    /// The HTTP answer with what a call came to.
    pub(super) fn called(&self, result: Result<ToolAnswer, Failure>) -> Answer {
        response::json(StatusCode::OK, self.outcome(result))
    }

    /// The message with what a call came to.
    pub(in crate::door) fn outcome(&self, result: Result<ToolAnswer, Failure>) -> Vec<u8> {
        match result {
            Ok(answer) => self.success(answer.json()),
            Err(Failure::Refused(report)) => self.with_result(&self.refusal(&report)),
            Err(Failure::NoSuchTool(report)) => self.no_such_tool(&report),
        }
    }

    /// The answer stands in the body twice: as text for models, and as it is. Written into one piece of
    /// memory, since most of an answer's cost is copying it.
    fn success(&self, answer: &str) -> Vec<u8> {
        // A string of JSON grows by its escaped quotes.
        let mut body = self.opening(answer.len() * 9 / 4 + 192).into_bytes();
        body.push(b'{');
        if self.era == Era::Modern {
            body.extend_from_slice(br#""resultType":"complete","#);
        }
        body.extend_from_slice(br#""content":[{"type":"text","text":"#);
        serde_json::to_writer(&mut body, answer).expect("a text can be written into memory");
        body.extend_from_slice(br#"}],"structuredContent":"#);
        body.extend_from_slice(answer.as_bytes());
        body.extend_from_slice(br#","isError":false}"#);
        body.extend_from_slice(CLOSING.as_bytes());
        body
    }

    fn refusal(&self, report: &ErrorReport) -> String {
        let mut result = refusal(report);
        if self.era == Era::Legacy {
            result.result_type = None;
        }
        written(&result)
    }

    fn no_such_tool(&self, report: &ErrorReport) -> Vec<u8> {
        let id: Option<RequestId> = parsed(self.id.get());
        let error: ErrorData = protocol_error(ErrorCode::INVALID_PARAMS, report);
        written(&JsonRpcError::new(id, error)).into_bytes()
    }

    fn with_result(&self, result: &str) -> Vec<u8> {
        let mut body = self.opening(result.len() + CLOSING.len());
        body.push_str(result);
        body.push_str(CLOSING);
        body.into_bytes()
    }

    /// Everything before the result, with room for so much more.
    fn opening(&self, room: usize) -> String {
        const BEFORE_ID: &str = r#"{"jsonrpc":"2.0","id":"#;
        const AFTER_ID: &str = r#","result":"#;
        let id = self.id.get();
        let mut body = String::with_capacity(BEFORE_ID.len() + id.len() + AFTER_ID.len() + room);
        body.push_str(BEFORE_ID);
        body.push_str(id);
        body.push_str(AFTER_ID);
        body
    }
}

const CLOSING: &str = "}";

/// The shape of the answer, where the request is as the specification of its version wants it.
fn era(method: &str, name: Option<&str>, meta: &Meta<'_>, headers: &HeaderMap) -> Option<Era> {
    if meta.progress_token.is_some() {
        return None;
    }
    let mut versions = headers.get_all(&VERSION).iter();
    let version = versions.next().map_or(Some(""), |version| version.to_str().ok())?;
    if versions.next().is_some() {
        return None;
    }
    let Some(claimed) = meta.version.as_deref() else {
        let is_legacy = version.is_empty() || LEGACY_VERSIONS.contains(&version);
        return is_legacy.then_some(Era::Legacy);
    };
    let is_modern = claimed == MODERN_VERSION
        && version == MODERN_VERSION
        && meta.capabilities.is_some_and(|capabilities| are_capabilities(capabilities.get()))
        && says(headers, &METHOD, method)
        && name.is_none_or(|name| says(headers, &NAME, name));
    is_modern.then_some(Era::Modern)
}

/// As [`era`], where there are no headers.
fn era_alone(meta: &Meta<'_>) -> Option<Era> {
    if meta.progress_token.is_some() {
        return None;
    }
    let Some(claimed) = meta.version.as_deref() else { return Some(Era::Legacy) };
    let has_capabilities = meta.capabilities.is_some_and(|capabilities| are_capabilities(capabilities.get()));
    (claimed == MODERN_VERSION && has_capabilities).then_some(Era::Modern)
}

fn says(headers: &HeaderMap, name: &HeaderName, wanted: &str) -> bool {
    let mut values = headers.get_all(name).iter();
    values.next().is_some_and(|value| value.as_bytes() == wanted.as_bytes()) && values.next().is_none()
}

fn are_capabilities(json: &str) -> bool {
    json == "{}" || parsed::<ClientCapabilities>(json).is_some()
}

/// A string or an integer that every reader reads alike.
fn is_id(json: &str) -> bool {
    json.starts_with('"') || parsed::<i64>(json).is_some()
}

fn takes_json(headers: &HeaderMap) -> bool {
    let accept = headers.get(header::ACCEPT).and_then(|accept| accept.to_str().ok());
    accept.is_some_and(|accept| accept.contains("application/json"))
}

fn parsed<T: DeserializeOwned>(json: &str) -> Option<T> {
    serde_json::from_str(json).ok()
}

fn written(value: &impl Serialize) -> String {
    serde_json::to_string(value).expect("texts, numbers and lists of them can be written")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn is_taken(body: &str, headers: &[(&'static str, &'static str)]) -> bool {
        let mut map = HeaderMap::new();
        map.insert("accept", "application/json, text/event-stream".parse().unwrap());
        for (name, value) in headers {
            map.append(*name, value.parse().unwrap());
        }
        Direct::of(&Message::read(body.as_bytes()).unwrap(), &map).is_some()
    }

    const MODERN: &str = r#"{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"t","arguments":{},
        "_meta":{"io.modelcontextprotocol/protocolVersion":"2026-07-28",
                 "io.modelcontextprotocol/clientCapabilities":{}}}}"#;
    const MODERN_HEADERS: [(&str, &str); 3] =
        [("mcp-protocol-version", "2026-07-28"), ("mcp-method", "tools/call"), ("mcp-name", "t")];

    #[test]
    fn well_formed_calls_of_both_eras_are_taken() {
        let legacy = r#"{"jsonrpc":"2.0","id":"a","method":"tools/call","params":{"name":"t"}}"#;
        assert!(is_taken(legacy, &[]));
        assert!(is_taken(legacy, &[("mcp-protocol-version", "2025-06-18")]));
        assert!(is_taken(r#"{"jsonrpc":"2.0","id":2,"method":"tools/list"}"#, &[]));
        assert!(is_taken(MODERN, &MODERN_HEADERS));
    }

    #[test]
    fn whatever_is_odd_is_left_to_rmcp() {
        let call =
            |params: &str| format!(r#"{{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{params}}}"#);
        for params in [
            r#"{"name":"t","requestState":"x"}"#,
            r#"{"name":"t","arguments":[]}"#,
            r#"{"name":"t","_meta":{"progressToken":1}}"#,
            r#"{"arguments":{}}"#,
        ] {
            assert!(!is_taken(&call(params), &[]), "{params}");
        }
        for version in ["2026-07-28", "2024-11-05", "2027-01-01"] {
            assert!(!is_taken(&call(r#"{"name":"t"}"#), &[("mcp-protocol-version", version)]), "{version}");
        }
        for id in ["null", "1.5", "[]", "{}", "true", "99999999999999999999"] {
            let body = format!(r#"{{"jsonrpc":"2.0","id":{id},"method":"tools/list"}}"#);
            assert!(!is_taken(&body, &[]), "{id}");
        }
        for left_out in 0..3 {
            let mut headers = MODERN_HEADERS.to_vec();
            headers.remove(left_out);
            assert!(!is_taken(MODERN, &headers), "{left_out}");
        }
        let twice = [MODERN_HEADERS.to_vec(), vec![("mcp-name", "u")]].concat();
        assert!(!is_taken(MODERN, &twice));
        assert!(!is_taken(
            &MODERN.replace(r#"clientCapabilities":{}"#, r#"clientCapabilities":1"#),
            &MODERN_HEADERS
        ));
        assert!(!is_taken(r#"{"jsonrpc":"2.0","id":2,"method":"tools/list","params":{"cursor":"x"}}"#, &[]));
        assert!(!is_taken(r#"{"jsonrpc":"2.0","id":2,"method":"prompts/list"}"#, &[]));
    }
}
