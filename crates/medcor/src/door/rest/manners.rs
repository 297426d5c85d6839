//! What answers of REST say beside what was asked: that an entry will go (`Deprecation`, `Sunset`), and in which form
//! they travel (compression).

use std::sync::Arc;

use axum::{
    Router,
    body::HttpBody,
    extract::{Request, State},
    http::{HeaderMap, HeaderValue, header},
    middleware::{self, Next},
};
use tower_http::compression::{CompressionLayer, Predicate};

use crate::door::{DoorSettings, response::Answer};

const VERSIONED: &str = "/api/v1/";
/// Smaller answers grow by compression.
const COMPRESSED_BYTES_MIN: u64 = 1024;

/// The same routes, with the manners of REST.
pub(in crate::door) fn with_manners(routes: Router, settings: &Arc<DoorSettings>) -> Router {
    let mut routes = routes.layer(CompressionLayer::new().gzip(true).compress_when(Marked));
    if settings.api_deprecated_at.is_some() || settings.api_sunset_at.is_some() {
        routes = routes.layer(middleware::from_fn_with_state(settings.clone(), aged));
    }
    routes
}

/// Says of entries without a version since when they should not be used (RFC 9745) and until when they work
/// (RFC 8594), with what is there instead.
async fn aged(State(settings): State<Arc<DoorSettings>>, request: Request, next: Next) -> Answer {
    let path = request.uri().path().to_owned();
    let mut answer = next.run(request).await;
    if let Some(successor) = successor(&path) {
        say_age(answer.headers_mut(), &settings, &successor);
    }
    answer
}

fn say_age(headers: &mut HeaderMap, settings: &DoorSettings, successor: &str) {
    if let Some(at) = settings.api_deprecated_at {
        let value = HeaderValue::from_str(&format!("@{}", at.as_second()));
        headers.insert("deprecation", value.expect("digits are a header value"));
    }
    if let Some(at) = settings.api_sunset_at {
        let date = at.strftime("%a, %d %b %Y %H:%M:%S GMT").to_string();
        headers.insert("sunset", HeaderValue::from_str(&date).expect("a date is a header value"));
    }
    if let Ok(link) = HeaderValue::from_str(&format!("<{successor}>; rel=\"successor-version\"")) {
        headers.append(header::LINK, link);
    }
}

/// Where the same is with a version; `None` for what has one, and for what needs none.
fn successor(path: &str) -> Option<String> {
    let needs_none = ["/api/docs", "/api/redoc", "/api/openapi.json", "/api/asyncapi.json"];
    if path.starts_with(VERSIONED) || needs_none.iter().any(|other| path.starts_with(other)) {
        return None;
    }
    Some(match path.strip_prefix("/api/") {
        Some(rest) => format!("{VERSIONED}{rest}"),
        None if path == "/tools" => format!("{VERSIONED}mcp/tools"),
        None => format!("{VERSIONED}mcp/tools/invoke"),
    })
}

/// An answer that may be compressed.
///
/// Compression tells the length of what is inside. Where a stranger can make a victim's client send text of
/// the stranger's choice, and the answer has that text beside a secret, the length tells the secret letter by
/// letter (BREACH). Answers to `POST` can repeat their arguments and hold tokens, so they are never
/// compressed. What is: documents without secrets, and readings by `GET`, which do not repeat the query and
/// are opened by a token that no page of a stranger can make a browser send.
#[derive(Clone, Copy)]
struct Compressible;

/// Lets an answer be compressed.
pub(super) fn compressible(mut answer: Answer) -> Answer {
    answer.extensions_mut().insert(Compressible);
    answer
}

#[derive(Clone, Copy)]
struct Marked;

impl Predicate for Marked {
    fn should_compress<B: HttpBody>(&self, response: &axum::http::Response<B>) -> bool {
        let is_large = response.body().size_hint().exact().is_none_or(|bytes| bytes >= COMPRESSED_BYTES_MIN);
        is_large && response.extensions().get::<Compressible>().is_some()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_has_no_version_leads_to_what_has() {
        for (path, wanted) in [
            ("/api/mcp/batch", Some("/api/v1/mcp/batch")),
            ("/call", Some("/api/v1/mcp/tools/invoke")),
            ("/get_patient", Some("/api/v1/mcp/tools/invoke")),
            ("/tools", Some("/api/v1/mcp/tools")),
            ("/api/v1/mcp/batch", None),
            ("/api/docs/", None),
        ] {
            assert_eq!(successor(path).as_deref(), wanted, "{path}");
        }
    }
}
