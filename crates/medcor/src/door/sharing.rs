//! Which web pages may read answers (CORS, <https://fetch.spec.whatwg.org/#http-cors-protocol>): those of the origins
//! that the operator names. Pages of others are turned away by the edge before.

use std::{convert::Infallible, time::Duration};

use axum::{
    Router,
    http::{HeaderName, HeaderValue, Method, Request, header},
};
use tower::{Layer, ServiceExt, service_fn};
use tower_http::cors::{AllowOrigin, CorsLayer};

use super::{DoorSettings, response::Answer};

/// How long a browser may remember that it may ask.
const PREFLIGHT_AGE: Duration = Duration::from_mins(10);

/// Lets pages read, with a token of their own: no cookie opens anything here, so none is let through.
#[derive(Clone)]
pub(super) struct Sharing(Option<CorsLayer>);

impl Sharing {
    pub(super) fn new(settings: &DoorSettings) -> Self {
        let origins = settings.allowed_origins.iter().filter_map(|origin| HeaderValue::from_str(origin).ok());
        let origins: Vec<_> = origins.collect();
        Self((!origins.is_empty()).then(|| layer(origins)))
    }

    /// The same routes, which these pages may read.
    pub(super) fn routes(&self, routes: Router) -> Router {
        match &self.0 {
            Some(layer) => routes.layer(layer.clone()),
            None => routes,
        }
    }

    /// The answer, which these pages may read; a browser that asks whether they may is answered here.
    pub(super) async fn answer<B>(
        &self,
        request: Request<B>,
        answer: impl AsyncFnOnce(Request<B>) -> Answer,
    ) -> Answer {
        let Some(layer) = &self.0 else { return answer(request).await };
        let mut once = Some(answer);
        let service = service_fn(|request| {
            let answer = once.take();
            async move {
                let answer = answer.expect("a service that is called once");
                Ok::<_, Infallible>(answer(request).await)
            }
        });
        let Ok(answer) = layer.layer(service).oneshot(request).await;
        answer
    }
}

fn layer(origins: Vec<HeaderValue>) -> CorsLayer {
    let own = |name| HeaderName::from_static(name);
    CorsLayer::new()
        .allow_origin(AllowOrigin::list(origins))
        .allow_methods([Method::GET, Method::POST, Method::DELETE])
        .allow_headers([
            header::AUTHORIZATION,
            header::CONTENT_TYPE,
            header::IF_NONE_MATCH,
            own("idempotency-key"),
            own("last-event-id"),
            own("mcp-method"),
            own("mcp-name"),
            own("mcp-protocol-version"),
            own("mcp-session-id"),
        ])
        .expose_headers([
            header::ETAG,
            header::LINK,
            header::RETRY_AFTER,
            header::WWW_AUTHENTICATE,
            own("mcp-session-id"),
            own("x-request-id"),
            own("deprecation"),
            own("sunset"),
        ])
        .max_age(PREFLIGHT_AGE)
}
