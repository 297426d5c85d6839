//! The few shapes of HTTP answers that doors give themselves.

use axum::{
    body::{Body, Bytes},
    http::{HeaderValue, Response, StatusCode, header},
};
use medcor_tools::ErrorReport;
use serde_json::json;

/// Every door's answer.
pub(super) type Answer = Response<Body>;

/// JSON.
pub(super) fn json(status: StatusCode, body: impl Into<Bytes>) -> Answer {
    typed(status, "application/json", body.into())
}

/// A line for a person, where no error of the table applies.
pub(super) fn line(status: StatusCode, line: &'static str) -> Answer {
    typed(status, "text/plain; charset=utf-8", Bytes::from_static(line.as_bytes()))
}

/// An error in the shape that every door but MCP has.
pub(super) fn error(report: &ErrorReport) -> Answer {
    let status =
        StatusCode::from_u16(report.code.line().http_status).expect("the table has statuses of HTTP only");
    json(status, json!({ "error": report }).to_string())
}

fn typed(status: StatusCode, media_type: &'static str, body: Bytes) -> Answer {
    let mut answer = Response::new(Body::from(body));
    *answer.status_mut() = status;
    answer.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static(media_type));
    answer
}
