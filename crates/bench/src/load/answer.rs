//! Whether an answer is right: for this call, in success, and with what was asked for in it.

use std::{io, str::Utf8Error};

use clap::ValueEnum;
use serde::Deserialize;
use serde_json::value::RawValue;

use crate::LoadError;

#[derive(Deserialize)]
struct Envelope<'a> {
    id: Option<u64>,
    #[serde(borrow)]
    result: Option<&'a RawValue>,
    #[serde(borrow)]
    error: Option<&'a RawValue>,
}

#[derive(Deserialize)]
struct Outcome<'a> {
    #[serde(rename = "isError", default)]
    is_error: bool,
    #[serde(rename = "resultType", borrow)]
    result_type: Option<&'a str>,
}

/// How a call is to end.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Ending {
    /// The tool does what was asked.
    Done,
    /// The tool refuses: what everything before its work costs.
    Refused,
    /// With a page, to a plain GET without MCP: what HTTP costs.
    Page,
    /// With a document, to a POST of the arguments as they are: REST.
    Document,
}

/// What is wrong with an answer.
#[derive(Debug, thiserror::Error)]
pub(crate) enum WrongAnswer {
    #[error("no answer: {0}")]
    None(#[from] io::Error),
    #[error("HTTP {0}: {1}")]
    Status(u16, String),
    #[error("no text: {0}")]
    Text(#[from] Utf8Error),
    #[error("no JSON-RPC message: {0}")]
    Json(#[from] serde_json::Error),
    #[error("an error: {0}")]
    Error(String),
    #[error("the answer to another call than {0}")]
    Id(u64),
    #[error("neither result nor error")]
    Empty,
    #[error("the tool failed: {0}")]
    Failed(String),
    #[error("the tool was to refuse: {0}")]
    Done(String),
    #[error("not complete: {0}")]
    Incomplete(String),
    #[error("`{expected}` is not in {result}")]
    Missing { expected: String, result: String },
    #[error(transparent)]
    Unprepared(#[from] LoadError),
}

/// Checks the body of an answer to call `id`.
pub(crate) fn check(body: &str, id: u64, expected: &[String], ending: Ending) -> Result<(), WrongAnswer> {
    if matches!(ending, Ending::Page | Ending::Document) {
        return all_in(body, expected);
    }
    let envelope: Envelope<'_> = serde_json::from_str(body)?;
    if let Some(error) = envelope.error {
        return Err(WrongAnswer::Error(error.get().to_owned()));
    }
    if envelope.id != Some(id) {
        return Err(WrongAnswer::Id(id));
    }
    let result = envelope.result.ok_or(WrongAnswer::Empty)?.get();
    let outcome: Outcome<'_> = serde_json::from_str(result)?;
    match (outcome.is_error, ending) {
        (true, Ending::Done) => return Err(WrongAnswer::Failed(result.to_owned())),
        (false, Ending::Refused) => return Err(WrongAnswer::Done(result.to_owned())),
        _ => {}
    }
    if outcome.result_type.is_some_and(|result_type| result_type != "complete") {
        return Err(WrongAnswer::Incomplete(result.to_owned()));
    }
    all_in(result, expected)
}

fn all_in(result: &str, expected: &[String]) -> Result<(), WrongAnswer> {
    match expected.iter().find(|text| !result.contains(text.as_str())) {
        Some(missing) => Err(WrongAnswer::Missing { expected: missing.clone(), result: result.to_owned() }),
        None => Ok(()),
    }
}

/// The message in a stream of server-sent events: the last that answers something.
pub(crate) fn event_data(stream: &str) -> Option<&str> {
    stream
        .lines()
        .filter_map(|line| line.strip_prefix("data:"))
        .map(str::trim)
        .rfind(|message| message.contains("\"result\"") || message.contains("\"error\""))
}

#[cfg(test)]
mod tests {
    use super::*;

    const RIGHT: &str = r#"{"jsonrpc":"2.0","id":7,"result":{"content":[{"type":"text","text":"MRN000001"}],"isError":false}}"#;

    #[test]
    fn the_expected_answer_is_right() {
        check(RIGHT, 7, &["MRN000001".to_owned()], Ending::Done).unwrap();
    }

    #[test]
    fn an_answer_to_another_call_an_error_and_a_missing_text_are_wrong() {
        assert!(check(RIGHT, 8, &[], Ending::Done).is_err());
        assert!(check(RIGHT, 7, &["MRN000002".to_owned()], Ending::Done).is_err());
        assert!(check(&RIGHT.replace("false", "true"), 7, &[], Ending::Done).is_err());
        assert!(
            check(r#"{"jsonrpc":"2.0","id":7,"error":{"code":-32603,"message":"x"}}"#, 7, &[], Ending::Done)
                .is_err()
        );
        assert!(check(r#"{"jsonrpc":"2.0","id":7}"#, 7, &[], Ending::Done).is_err());
    }

    #[test]
    fn a_refusal_is_right_where_one_is_expected() {
        check(&RIGHT.replace("false", "true"), 7, &[], Ending::Refused).unwrap();
        assert!(check(RIGHT, 7, &[], Ending::Refused).is_err());
    }

    #[test]
    fn the_answer_is_found_among_events() {
        let stream =
            format!(": ping\n\ndata: {{\"method\":\"notifications/progress\"}}\n\nid: 1\ndata: {RIGHT}\n\n");
        assert_eq!(event_data(&stream), Some(RIGHT));
        assert_eq!(event_data(": ping\n\n"), None);
    }
}
