//! The API described: `/api/openapi.json`, Swagger UI at `/api/docs/` and `ReDoc` at `/api/redoc/`, and
//! `/api/asyncapi.json`. Everything comes from the program itself, so that the pages work without a way out.

use std::{
    io::{Read, Write},
    sync::{Arc, OnceLock},
};

use axum::{
    body::Bytes,
    extract::{Path, State},
    http::{HeaderMap, HeaderValue, StatusCode, header},
};
use flate2::{Compression, read::GzDecoder, write::GzEncoder};

use super::{Rest, asyncapi, openapi, resources::tag};
use crate::door::response::{self, Answer};

const SWAGGER_UI: &[u8] = include_bytes!("../../../assets/api/swagger-ui-bundle.js.gz");
const SWAGGER_UI_STYLE: &[u8] = include_bytes!("../../../assets/api/swagger-ui.css.gz");
const REDOC: &[u8] = include_bytes!("../../../assets/api/redoc.standalone.js.gz");
const START: &str = include_str!("../../../assets/api/start.js");

const SCRIPT_TYPE: &str = "text/javascript; charset=utf-8";
const DOCS_PAGE: &str = "<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\"><title>MedCor API</title>\
    <meta name=\"viewport\" content=\"width=device-width\">\
    <link rel=\"stylesheet\" href=\"/api/docs/assets/swagger-ui.css\"></head><body><div id=\"swagger-ui\"></div>\
    <script src=\"/api/docs/assets/swagger-ui-bundle.js\"></script>\
    <script src=\"/api/docs/assets/start.js\"></script></body></html>\n";
const REDOC_PAGE: &str = "<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\"><title>MedCor API</title>\
    <meta name=\"viewport\" content=\"width=device-width\"></head><body><div id=\"redoc\"></div>\
    <script src=\"/api/docs/assets/redoc.standalone.js\"></script>\
    <script src=\"/api/docs/assets/start.js\"></script></body></html>\n";

/// Scripts and connections are of this server alone. Both pages set styles while they run, which is what
/// `unsafe-inline` is for; a style reads nothing and sends nothing here, since nothing else may be loaded.
const POLICY: &str = "default-src 'none'; script-src 'self'; connect-src 'self'; style-src 'self' 'unsafe-inline'; \
    img-src 'self' data:; font-src 'self' data:; worker-src 'self' blob:; base-uri 'none'; form-action 'none'; \
    frame-ancestors 'none'";

/// A document, made when it is first asked for.
#[derive(Clone, Default)]
pub(super) struct Document(Arc<OnceLock<Written>>);

/// A text in both forms in which it is sent: whoever asks, nothing is worked out again.
struct Written {
    plain: Bytes,
    packed: Bytes,
    tag: String,
}

impl Written {
    fn of(text: String) -> Self {
        let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
        let written = encoder.write_all(text.as_bytes()).and_then(|()| encoder.finish());
        let packed = written.expect("memory takes what is written").into();
        Self { packed, tag: tag::of(&text), plain: text.into() }
    }
}

/// `GET /api/openapi.json`.
pub(super) async fn openapi(State(rest): State<Rest>, headers: HeaderMap) -> Answer {
    let made = || Written::of(openapi::document(rest.catalog(), &rest.state.settings).to_string());
    written(&headers, rest.openapi.0.get_or_init(made))
}

/// `GET /api/asyncapi.json`.
pub(super) async fn asyncapi(State(rest): State<Rest>, headers: HeaderMap) -> Answer {
    let made = || Written::of(asyncapi::document(&rest.state.settings).to_string());
    written(&headers, rest.asyncapi.0.get_or_init(made))
}

fn written(headers: &HeaderMap, Written { plain, packed, tag }: &Written) -> Answer {
    let answer = either(headers, packed, || plain.clone(), "application/json");
    guarded(tag::answered(headers, answer, tag), "public, no-cache")
}

pub(super) async fn swagger_ui() -> Answer {
    page(DOCS_PAGE)
}

pub(super) async fn redoc() -> Answer {
    page(REDOC_PAGE)
}

/// `GET /api/docs/assets/{name}`.
pub(super) async fn asset(Path(name): Path<String>, headers: HeaderMap) -> Answer {
    static PLAIN: [OnceLock<Bytes>; 3] = [const { OnceLock::new() }; 3];
    let (content, plain, media_type) = match name.as_str() {
        "swagger-ui-bundle.js" => (SWAGGER_UI, &PLAIN[0], SCRIPT_TYPE),
        "redoc.standalone.js" => (REDOC, &PLAIN[1], SCRIPT_TYPE),
        "swagger-ui.css" => (SWAGGER_UI_STYLE, &PLAIN[2], "text/css; charset=utf-8"),
        "start.js" => return guarded(typed(START.into(), SCRIPT_TYPE), "public, max-age=3600"),
        _ => return response::line(StatusCode::NOT_FOUND, "there is no such file"),
    };
    let unpacked = || plain.get_or_init(|| unpacked(content)).clone();
    guarded(either(&headers, &Bytes::from_static(content), unpacked, media_type), "public, max-age=3600")
}

fn unpacked(content: &[u8]) -> Bytes {
    let mut plain = Vec::new();
    let read = GzDecoder::new(content).read_to_end(&mut plain);
    read.expect("the files in the program are whole");
    plain.into()
}

/// The form that the client takes.
fn either(
    headers: &HeaderMap,
    packed: &Bytes,
    plain: impl FnOnce() -> Bytes,
    media_type: &'static str,
) -> Answer {
    let accepted = headers.get(header::ACCEPT_ENCODING).and_then(|value| value.to_str().ok());
    let mut answer = if accepted.is_some_and(|accepted| accepted.contains("gzip")) {
        let mut answer = typed(packed.clone().into(), media_type);
        answer.headers_mut().insert(header::CONTENT_ENCODING, HeaderValue::from_static("gzip"));
        answer
    } else {
        typed(plain().into(), media_type)
    };
    answer.headers_mut().insert(header::VARY, HeaderValue::from_static("accept-encoding"));
    answer
}

fn page(html: &'static str) -> Answer {
    guarded(typed(html.into(), "text/html; charset=utf-8"), "no-cache")
}

fn typed(body: axum::body::Body, media_type: &'static str) -> Answer {
    let mut answer = Answer::new(body);
    answer.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static(media_type));
    answer
}

fn guarded(mut answer: Answer, age: &'static str) -> Answer {
    let headers = answer.headers_mut();
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static(age));
    headers.insert(header::CONTENT_SECURITY_POLICY, HeaderValue::from_static(POLICY));
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    headers.insert(header::X_FRAME_OPTIONS, HeaderValue::from_static("DENY"));
    headers.insert(header::REFERRER_POLICY, HeaderValue::from_static("no-referrer"));
    answer
}
