//! Whether the process lives and can answer, for people and for whatever restarts it.

use std::sync::Arc;

use axum::{
    Router,
    extract::State,
    http::StatusCode,
    routing::{MethodRouter, get},
};
use medcor_tools::Pipeline;
use serde_json::json;

use super::response::{self, Answer};

/// `/health`, `/health/liveness` and `/health/readiness`: no token, and nothing that a stranger may not
/// know.
pub(super) fn routes(pipeline: Arc<Pipeline>) -> Router {
    let readiness: MethodRouter<Arc<Pipeline>> = get(ready);
    Router::new()
        .route("/health", readiness.clone())
        .route("/health/readiness", readiness.clone())
        .route("/health/liveness", get(alive))
        // As one documented system has them.
        .route("/api/health/", readiness.clone())
        .route("/api/ready/", readiness)
        .route("/api/live/", get(alive))
        .with_state(pipeline)
}

async fn alive() -> Answer {
    response::json(StatusCode::OK, r#"{"status":"healthy"}"#)
}

async fn ready(State(pipeline): State<Arc<Pipeline>>) -> Answer {
    let is_ready = match pipeline.store().ping().await {
        Ok(()) => true,
        Err(error) => {
            tracing::warn!(error = &error as &dyn std::error::Error, "the database does not answer");
            false
        }
    };
    let (status, word) =
        if is_ready { (StatusCode::OK, "healthy") } else { (StatusCode::SERVICE_UNAVAILABLE, "unhealthy") };
    let body = json!({
        "status": word,
        "server_name": "medcor",
        "version": env!("CARGO_PKG_VERSION"),
        "database": if is_ready { "ok" } else { "unreachable" },
        "tools_count": pipeline.catalog().tools().count(),
    });
    response::json(status, body.to_string())
}
