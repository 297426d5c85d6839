//! The doors: one adapter per protocol. They carry calls to the pipeline and hold no rules.

mod batch;
mod body;
mod challenge;
#[cfg(feature = "conformance")]
mod conformance;
mod edge;
mod events_sse;
mod events_websocket;
mod health;
mod login_api;
mod mcp;
mod mcp_http;
pub mod mcp_stdio;
mod mcp_websocket;
mod nul;
mod oauth;
mod pages;
mod response;
mod rest;
mod sharing;
mod token;
mod visitor;
mod websocket;

use std::{net::IpAddr, sync::Arc, time::Duration};

use jiff::Timestamp;
use medcor_oauth::{Authenticator, AuthorizationServer, account::Accounts};
use medcor_tools::Pipeline;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

pub use websocket::WebSocketSettings;

use edge::Edge;
use mcp_http::McpHttp;
use sharing::Sharing;

use crate::{events::Hub, mail::Mail};

/// Connections that the server takes.
pub const CONNECTIONS: usize = 1024;
/// Connections that one network may have: half of all.
pub const CONNECTIONS_PER_NETWORK: usize = 512;

/// Calls that one batch may have.
pub const BATCH_CALLS_MAX: usize = 10;

/// What every door needs.
#[derive(Clone)]
pub struct DoorState {
    /// The road of every call.
    pub pipeline: Arc<Pipeline>,
    /// Turns tokens into callers.
    pub authenticator: Arc<Authenticator>,
    /// Gives tokens to people and clients.
    pub authorization: Arc<AuthorizationServer>,
    /// People at a browser.
    pub accounts: Arc<Accounts>,
    /// Takes one-time links to people.
    pub mail: Arc<Mail>,
    /// Tells subscribers what happens.
    pub hub: Arc<Hub>,
    /// What the operator decided.
    pub settings: Arc<DoorSettings>,
}

/// What the operator decided about the HTTP doors.
#[derive(Debug, Clone)]
pub struct DoorSettings {
    /// The origin under which clients reach the server, such as `https://mcp.example.org`: scheme, host
    /// and port without a path. Its host is an allowed `Host`, its origin an allowed `Origin`.
    pub public_url: String,
    /// Further hosts, such as `mcp.internal` or `mcp.internal:8443`. Loopback is always allowed.
    pub allowed_hosts: Vec<String>,
    /// Origins of web pages that may call, such as `https://app.example.org`.
    pub allowed_origins: Vec<String>,
    /// Addresses of proxies whose `X-Forwarded-For` says where a request comes from.
    pub trusted_proxies: Vec<IpAddr>,
    /// Addresses of proxies whose `Client-Cert` is the certificate of a client: those alone that remove what
    /// clients send under that name.
    pub certificate_proxies: Vec<IpAddr>,
    /// Most connections at once.
    pub connections_max: usize,
    /// Most connections at once from one network (an IPv4 address, a /64), proxies aside.
    pub connections_per_network: usize,
    /// Most calls of one batch over REST.
    pub batch_calls_max: usize,
    /// Since when entries of REST without a version should not be used.
    pub api_deprecated_at: Option<Timestamp>,
    /// Until when they work.
    pub api_sunset_at: Option<Timestamp>,
    /// How long a connection over HTTP/2 stays without a request.
    pub http2_rest: Duration,
    /// How often the caller of an open MCP stream is looked at: it ends when that has lost what it could do.
    pub stream_recheck: Duration,
    /// How connections over WebSocket are kept.
    pub websocket: WebSocketSettings,
}

impl DoorSettings {
    /// Settings for this public origin with nothing else allowed.
    pub fn new(public_url: impl Into<String>) -> Self {
        Self {
            public_url: public_url.into(),
            allowed_hosts: Vec::new(),
            allowed_origins: Vec::new(),
            trusted_proxies: Vec::new(),
            certificate_proxies: Vec::new(),
            connections_max: CONNECTIONS,
            connections_per_network: CONNECTIONS_PER_NETWORK,
            batch_calls_max: BATCH_CALLS_MAX,
            api_deprecated_at: None,
            api_sunset_at: None,
            http2_rest: Duration::from_mins(2),
            stream_recheck: mcp_http::RECHECK,
            websocket: WebSocketSettings::default(),
        }
    }
}

/// Serves every door on every listener until `shutdown` is cancelled, then lets open calls end.
pub async fn serve(
    listeners: Vec<TcpListener>,
    state: DoorState,
    shutdown: CancellationToken,
) -> std::io::Result<()> {
    #[cfg(feature = "conformance")]
    conformance::only_loopback(&listeners)?;
    let settings = state.settings.clone();
    let sharing = Sharing::new(&settings);
    let events = events_sse::routes(state.clone(), &shutdown);
    let others = health::routes(state.pipeline.clone())
        .merge(sharing.routes(oauth::routes(state.clone())))
        .merge(pages::routes(state.clone()))
        .merge(sharing.routes(events));
    let logins = login_api::routes(state.clone());
    let mcp = McpHttp::new(state.clone(), &shutdown);
    let api = logins.merge(rest::routes(state.clone(), mcp.mcp().clone()));
    let others = others
        .merge(mcp_websocket::routes(&state, mcp.mcp(), &shutdown))
        .merge(events_websocket::routes(state.clone(), mcp.mcp(), &shutdown))
        .merge(sharing.routes(rest::manners::with_manners(api, &settings)));
    Edge::new(state, mcp, others).serve(listeners, shutdown).await;
    Ok(())
}

/// What the operator asked to log, such as `info,medcor=debug`, without what would show what callers send:
/// rmcp writes whole requests at DEBUG, and errors that name candidates at WARN.
///
/// The PostgreSQL client writes bound values at DEBUG.
///
/// Directives about either are dropped, and those about spans, which would reach into them.
pub fn log_directives(directives: &str) -> String {
    let is_harmless = |directive: &&str| {
        let is_capped = directive.starts_with("rmcp") || directive.starts_with("tokio_postgres");
        !directive.is_empty() && !is_capped && !directive.contains(['[', ']', '{', '}'])
    };
    let harmless = directives.split(',').map(str::trim).filter(is_harmless);
    let capped: Vec<&str> = harmless.chain([CAPS]).collect();
    capped.join(",")
}

const CAPS: &str = "rmcp=error,tokio_postgres=info";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_directive_opens_the_log_of_rmcp() {
        for (asked, wanted) in [
            ("info", "info,rmcp=error,tokio_postgres=info"),
            ("", "rmcp=error,tokio_postgres=info"),
            (
                "trace, rmcp=trace,rmcp::service=debug,medcor=debug",
                "trace,medcor=debug,rmcp=error,tokio_postgres=info",
            ),
            ("[serve_inner]=trace,[{id=1}]=debug,warn", "warn,rmcp=error,tokio_postgres=info"),
        ] {
            assert_eq!(log_directives(asked), wanted);
        }
    }
}
