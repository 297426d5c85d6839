//! How an answer and a refusal look in MCP.

use medcor_tools::{Answer, ErrorCode as Code, ErrorReport};
use rmcp::{
    ErrorData,
    model::{CallToolResult, ContentBlock, ErrorCode, MetaObject},
};
use serde_json::{Map, Value};

/// Where `_meta` of a refused call has the error as data.
const ERROR_KEY: &str = "medcor/error";

/// The text for models that read no structure, and the structure.
pub(super) fn success(answer: Answer) -> Result<CallToolResult, ErrorData> {
    let structure: Value = serde_json::from_str(answer.json())
        .map_err(|_| ErrorData::internal_error("the answer is no JSON", None))?;
    let mut result = CallToolResult::success(vec![ContentBlock::text(answer.into_json())]);
    result.structured_content = Some(structure);
    Ok(result)
}

/// Text only: some clients check `structuredContent` against the output schema even of an error.
pub(in crate::door) fn refusal(report: &ErrorReport) -> CallToolResult {
    let mut meta = Map::new();
    meta.insert(ERROR_KEY.to_owned(), as_value(report));
    CallToolResult::error(vec![ContentBlock::text(report.text())]).with_meta(Some(MetaObject(meta)))
}

/// An error of the protocol: the request can't be routed to anything.
pub(in crate::door) fn protocol_error(code: ErrorCode, report: &ErrorReport) -> ErrorData {
    ErrorData::new(code, report.text(), Some(as_value(report)))
}

/// The code of the protocol for a resource that is not shown.
pub(super) fn resource_error_code(code: Code) -> ErrorCode {
    match code {
        Code::ResourceNotFound => ErrorCode::RESOURCE_NOT_FOUND,
        Code::ValidationError | Code::Ambiguous => ErrorCode::INVALID_PARAMS,
        Code::ServerError | Code::NotReady => ErrorCode::INTERNAL_ERROR,
        _ => ErrorCode::INVALID_REQUEST,
    }
}

fn as_value(report: &ErrorReport) -> Value {
    serde_json::to_value(report).expect("a report has string keys only")
}
