//! Whether an answer is right: for this call, in success, and with what was asked for in it.

use serde::Deserialize;
use serde_json::value::RawValue;

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

/// Checks the body of an answer to call `id`.
///
/// # Errors
///
/// What is wrong with it.
pub(crate) fn check(body: &str, id: u64, expected: &[String]) -> Result<(), String> {
    let envelope: Envelope<'_> =
        serde_json::from_str(body).map_err(|error| format!("no JSON-RPC message: {error}"))?;
    if let Some(error) = envelope.error {
        return Err(format!("an error: {}", error.get()));
    }
    if envelope.id != Some(id) {
        return Err(format!("the answer to call {:?} instead of {id}", envelope.id));
    }
    let result = envelope.result.ok_or("neither result nor error")?.get();
    let outcome: Outcome<'_> = serde_json::from_str(result).map_err(|error| format!("no result: {error}"))?;
    if outcome.is_error {
        return Err(format!("the tool failed: {result}"));
    }
    if outcome.result_type.is_some_and(|result_type| result_type != "complete") {
        return Err(format!("not complete: {result}"));
    }
    match expected.iter().find(|text| !result.contains(text.as_str())) {
        Some(missing) => Err(format!("`{missing}` is not in {result}")),
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
        assert_eq!(check(RIGHT, 7, &["MRN000001".to_owned()]), Ok(()));
    }

    #[test]
    fn an_answer_to_another_call_an_error_and_a_missing_text_are_wrong() {
        assert!(check(RIGHT, 8, &[]).is_err());
        assert!(check(RIGHT, 7, &["MRN000002".to_owned()]).is_err());
        assert!(check(&RIGHT.replace("false", "true"), 7, &[]).is_err());
        assert!(check(r#"{"jsonrpc":"2.0","id":7,"error":{"code":-32603,"message":"x"}}"#, 7, &[]).is_err());
        assert!(check(r#"{"jsonrpc":"2.0","id":7}"#, 7, &[]).is_err());
    }

    #[test]
    fn the_answer_is_found_among_events() {
        let stream =
            format!(": ping\n\ndata: {{\"method\":\"notifications/progress\"}}\n\nid: 1\ndata: {RIGHT}\n\n");
        assert_eq!(event_data(&stream), Some(RIGHT));
        assert_eq!(event_data(": ping\n\n"), None);
    }
}
