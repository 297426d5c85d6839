//! `ETag` and `If-None-Match` (RFC 9110 §8.8.3, §13.1.2): an answer that the client has is not sent again. Its
//! calls were made and are in the trail all the same.

use axum::{
    body::Body,
    http::{HeaderMap, HeaderValue, StatusCode, header},
};
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use ring::digest::{SHA256, digest};

use crate::door::response::Answer;

/// So many bytes of the hash tell answers apart.
const BYTES: usize = 16;

/// The tag of an answer with this body. It is weak, because compression makes other bytes of it.
pub(in crate::door::rest) fn of(body: &str) -> String {
    let hash = digest(&SHA256, body.as_bytes());
    let start = hash.as_ref().get(..BYTES).unwrap_or_default();
    format!("W/\"{}\"", URL_SAFE_NO_PAD.encode(start))
}

/// The answer with its tag, or 304 where the client named it.
pub(in crate::door::rest) fn answered(asked: &HeaderMap, mut answer: Answer, tag: &str) -> Answer {
    if is_named(asked, tag) {
        *answer.status_mut() = StatusCode::NOT_MODIFIED;
        *answer.body_mut() = Body::empty();
        answer.headers_mut().remove(header::CONTENT_TYPE);
        answer.headers_mut().remove(header::CONTENT_ENCODING);
    }
    let headers = answer.headers_mut();
    headers.insert(header::ETAG, HeaderValue::from_str(tag).expect("base64url is a header value"));
    // It may be kept by whoever asked, and is asked for again each time.
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("private, no-cache"));
    answer
}

/// Compared weakly, as `If-None-Match` is.
fn is_named(asked: &HeaderMap, tag: &str) -> bool {
    let opaque = |tag: &str| tag.trim().trim_start_matches("W/").to_owned();
    let values = asked.get_all(header::IF_NONE_MATCH).iter().filter_map(|value| value.to_str().ok());
    let mut named = values.flat_map(|value| value.split(','));
    named.any(|one| one.trim() == "*" || opaque(one) == opaque(tag))
}
