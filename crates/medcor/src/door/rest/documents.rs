//! The API described: `/api/openapi.json`, Swagger UI at `/api/docs/` and `ReDoc` at `/api/redoc/`. Everything
//! comes from the program itself, so that the pages work without a way out.

use std::{
    io::Read,
    sync::{Arc, OnceLock},
};

use axum::{
    extract::{Path, State},
    http::{HeaderMap, HeaderValue, StatusCode, header},
};
use flate2::read::GzDecoder;

use super::{Rest, openapi, resources::tag};
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

/// The document, made when it is first asked for.
#[derive(Clone, Default)]
pub(super) struct Document(Arc<OnceLock<String>>);

/// `GET /api/openapi.json`.
pub(super) async fn openapi(State(rest): State<Rest>, headers: HeaderMap) -> Answer {
    let Document(document) = &rest.document;
    let text = document.get_or_init(|| openapi::document(rest.catalog(), &rest.state.settings).to_string());
    let answer = tag::answered(&headers, response::json(StatusCode::OK, text.clone()), text);
    super::manners::compressible(guarded(answer, "public, no-cache"))
}

pub(super) async fn swagger_ui() -> Answer {
    page(DOCS_PAGE)
}

pub(super) async fn redoc() -> Answer {
    page(REDOC_PAGE)
}

/// `GET /api/docs/assets/{name}`.
pub(super) async fn asset(Path(name): Path<String>, headers: HeaderMap) -> Answer {
    let (content, media_type) = match name.as_str() {
        "swagger-ui-bundle.js" => (SWAGGER_UI, SCRIPT_TYPE),
        "redoc.standalone.js" => (REDOC, SCRIPT_TYPE),
        "swagger-ui.css" => (SWAGGER_UI_STYLE, "text/css; charset=utf-8"),
        "start.js" => return guarded(typed(START.into(), SCRIPT_TYPE), "public, max-age=3600"),
        _ => return response::line(StatusCode::NOT_FOUND, "there is no such file"),
    };
    let accepted = headers.get(header::ACCEPT_ENCODING).and_then(|value| value.to_str().ok());
    let takes_gzip = accepted.is_some_and(|accepted| accepted.contains("gzip"));
    let mut answer = if takes_gzip {
        let mut answer = typed(content.into(), media_type);
        answer.headers_mut().insert(header::CONTENT_ENCODING, HeaderValue::from_static("gzip"));
        answer
    } else {
        let mut plain = Vec::new();
        match GzDecoder::new(content).read_to_end(&mut plain) {
            Ok(_) => typed(plain.into(), media_type),
            Err(_) => return response::line(StatusCode::INTERNAL_SERVER_ERROR, "the server failed"),
        }
    };
    answer.headers_mut().insert(header::VARY, HeaderValue::from_static("accept-encoding"));
    guarded(answer, "public, max-age=3600")
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
