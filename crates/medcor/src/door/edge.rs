//! The edge of the HTTP doors: connections, their limits, and what is turned away before anybody asks who
//! is calling.

mod activity;
mod allowed;
mod certificate;
mod crowd;
mod http;
mod socket;
mod unstalled;

use std::{
    convert::Infallible,
    io,
    net::IpAddr,
    panic::AssertUnwindSafe,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use axum::{
    Router,
    body::Body,
    http::{HeaderName, HeaderValue, Request, StatusCode, Version, header},
};
use futures_util::FutureExt;
use hyper::{body::Incoming, service::service_fn};
use hyper_util::rt::TokioIo;
use tokio::{
    net::{TcpListener, TcpStream},
    sync::{OwnedSemaphorePermit, Semaphore},
};
use tokio_util::{
    sync::CancellationToken,
    task::{TaskTracker, task_tracker::TaskTrackerToken},
};
use tower::ServiceExt;

use super::{
    DoorState,
    mcp_http::McpHttp,
    response::{self, Answer},
    sharing::Sharing,
    visitor::{Peer, RequestId},
    websocket,
};
use activity::{Activity, Standing};
use allowed::{Allowed, Stranger};
use crowd::{Crowd, Place};
use unstalled::Unstalled;

/// How long a client may take for the head of a request, and stay without one.
const HEAD_TIME: Duration = Duration::from_secs(20);
/// The same while connections are short: whoever waits for one should not wait for those who do nothing.
const HURRIED_HEAD_TIME: Duration = Duration::from_secs(5);
/// How long a client may take nothing of what it is sent.
const STALL_TIME: Duration = Duration::from_secs(20);
/// How often it is looked whether that is so over HTTP/2, where the connection itself does not show it.
const LOOK_TIME: Duration = Duration::from_secs(5);
/// How long open calls may take to end once the server stops.
const STOP_SECONDS: u64 = 10;
/// Without file descriptors `accept` fails at once and for ever.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

static REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// Cuts a connection off, for a door whose client does not take what it sends: while that does not move, nothing
/// else ends it. Connections over HTTP/2 carry other requests too, and end single ones by themselves.
#[derive(Debug, Clone)]
pub(super) struct Hangup(CancellationToken);

impl Hangup {
    pub(super) fn now(&self) {
        self.0.cancel();
    }
}

/// A connection's place among those that the server takes, for a door that takes the connection over.
#[derive(Debug, Clone)]
pub(super) struct Seat {
    _taken: Arc<(OwnedSemaphorePermit, Place)>,
    /// The server waits for it when it stops.
    _tracked: TaskTrackerToken,
}

/// The HTTP doors behind one fence.
pub(super) struct Edge {
    allowed: Allowed,
    mcp: McpHttp,
    sharing: Sharing,
    others: Router,
    state: DoorState,
    connections: Arc<Semaphore>,
    crowd: Arc<Crowd>,
}

impl Edge {
    pub(super) fn new(state: DoorState, mcp: McpHttp, others: Router) -> Arc<Self> {
        let settings = &state.settings;
        Arc::new(Self {
            allowed: Allowed::new(settings),
            mcp,
            sharing: Sharing::new(settings),
            others,
            connections: Arc::new(Semaphore::new(settings.connections_max)),
            crowd: Crowd::new(
                settings.connections_per_network,
                settings.trusted_proxies.iter().chain(&settings.certificate_proxies).copied(),
            ),
            state,
        })
    }

    /// Serves all listeners until `stop`, then lets open calls end.
    pub(super) async fn serve(self: Arc<Self>, listeners: Vec<TcpListener>, stop: CancellationToken) {
        let connections = TaskTracker::new();
        for listener in listeners {
            connections.spawn(self.clone().accept(listener, stop.clone(), connections.clone()));
        }
        connections.close();
        stop.cancelled().await;
        if tokio::time::timeout(Duration::from_secs(STOP_SECONDS), connections.wait()).await.is_err() {
            tracing::warn!(connections = connections.len(), "stopped with connections open");
        }
        self.mcp.finished().await;
    }

    async fn accept(self: Arc<Self>, listener: TcpListener, stop: CancellationToken, tracker: TaskTracker) {
        loop {
            let accepting = async {
                let permit = self.connections.clone().acquire_owned().await;
                let permit = permit.expect("the semaphore is never closed");
                listener.accept().await.map(|(stream, peer)| (stream, peer, permit))
            };
            let accepted = tokio::select! {
                accepted = accepting => accepted,
                () = stop.cancelled() => return,
            };
            let (stream, peer, permit) = match accepted {
                Ok(accepted) => accepted,
                Err(error) => {
                    pause_after(&error).await;
                    continue;
                }
            };
            let Some(place) = self.crowd.place(peer.ip()) else {
                tracing::debug!("closed a connection of a network that has too many");
                continue;
            };
            let seat = Seat { _taken: Arc::new((permit, place)), _tracked: tracker.token() };
            tokio::spawn(self.clone().serve_connection(stream, (peer.ip(), seat), stop.clone()));
        }
    }

    async fn serve_connection(
        self: Arc<Self>,
        stream: TcpStream,
        (peer, seat): (IpAddr, Seat),
        stop: CancellationToken,
    ) {
        if let Err(error) = socket::prepare(&stream) {
            tracing::debug!(%error, "a connection was gone before it was served");
            return;
        }
        let has_asked = Arc::new(AtomicBool::new(false));
        let asked = has_asked.clone();
        let http2_rest = self.state.settings.http2_rest;
        let activity = Activity::default();
        let hangup = CancellationToken::new();
        let (requests, cut) = (activity.clone(), hangup.clone());
        let head_time = self.head_time();
        let service = service_fn(move |mut request: Request<Incoming>| {
            asked.store(true, Ordering::Relaxed);
            request.extensions_mut().insert(Peer(peer));
            let edge = self.clone();
            let open = (request.version() == Version::HTTP_2).then(|| requests.begin());
            if open.is_none() {
                request.extensions_mut().insert(Hangup(cut.clone()));
                if request.headers().contains_key(header::UPGRADE) {
                    request.extensions_mut().insert(seat.clone());
                }
            }
            async move {
                let answer = edge.answer(request).await;
                Ok::<_, Infallible>(match open {
                    Some(open) => open.until_end_of(answer),
                    None => answer,
                })
            }
        });
        let builder = http::builder(head_time);
        let stream = TokioIo::new(Unstalled::new(stream, STALL_TIME));
        let connection = builder.serve_connection_with_upgrades(stream, service);
        tokio::pin!(connection);
        // While the version of HTTP is not known, hyper applies no time limit of its own.
        let first_head = tokio::time::sleep(head_time);
        tokio::pin!(first_head);
        let mut looks = tokio::time::interval(http2_rest.min(LOOK_TIME));
        let mut is_waiting = true;
        let mut is_stopping = false;
        loop {
            tokio::select! {
                ended = connection.as_mut() => {
                    if let Err(error) = ended {
                        tracing::debug!(error, "a connection ended early");
                    }
                    return;
                }
                () = hangup.cancelled() => return,
                () = first_head.as_mut(), if is_waiting => {
                    if !has_asked.load(Ordering::Relaxed) {
                        return;
                    }
                    is_waiting = false;
                }
                _ = looks.tick() => match activity.standing(http2_rest, STALL_TIME) {
                    Standing::Lost => return,
                    Standing::Rests if !is_stopping => {
                        connection.as_mut().graceful_shutdown();
                        is_stopping = true;
                    }
                    Standing::Rests | Standing::Used => {}
                },
                () = stop.cancelled(), if !is_stopping => {
                    connection.as_mut().graceful_shutdown();
                    is_stopping = true;
                }
            }
        }
    }

    /// How long a connection that begins now may take for a head: less when three of four places are taken.
    fn head_time(&self) -> Duration {
        let is_short = self.connections.available_permits() < self.state.settings.connections_max / 4;
        if is_short { HURRIED_HEAD_TIME } else { HEAD_TIME }
    }

    async fn answer(&self, request: Request<Incoming>) -> Answer {
        let request_id: Arc<str> = self.state.pipeline.store().clock().new_id().as_str().into();
        let answered = AssertUnwindSafe(self.dispatch(request, request_id.clone())).catch_unwind().await;
        let mut answer = answered.unwrap_or_else(|_| {
            tracing::error!(request.id = &*request_id, "a request made the server panic");
            response::line(StatusCode::INTERNAL_SERVER_ERROR, "the server failed")
        });
        let id = HeaderValue::from_str(&request_id).expect("a UUID is a header value");
        answer.headers_mut().insert(REQUEST_ID.clone(), id);
        answer
    }

    async fn dispatch(&self, mut request: Request<Incoming>, request_id: Arc<str>) -> Answer {
        if let Err(stranger) = self.allowed.check(request.uri(), request.headers()) {
            return self.turned_away(stranger, request, &request_id).await;
        }
        if let Some(refusal) = certificate::take(&mut request, &self.state.settings.certificate_proxies) {
            return refusal;
        }
        websocket::take_root(&mut request);
        if McpHttp::is_at(request.uri().path()) {
            let answer = async |request| self.mcp.answer(request, request_id).await;
            return self.sharing.answer(request, answer).await;
        }
        request.extensions_mut().insert(RequestId(request_id));
        let Ok(answer) = self.others.clone().oneshot(request.map(Body::new)).await;
        answer
    }

    /// A page of a stranger that would open a connection has its row in the trail: a browser lets it read what
    /// comes, which it does not for other requests.
    async fn turned_away(
        &self,
        stranger: Stranger,
        request: Request<Incoming>,
        request_id: &Arc<str>,
    ) -> Answer {
        let reason = stranger.reason();
        tracing::warn!(reason, "turned a request away");
        let (parts, _body) = request.into_parts();
        let refused = websocket::turned_away(&self.state, &parts, request_id).await;
        refused.unwrap_or_else(|| response::line(StatusCode::FORBIDDEN, reason))
    }
}

async fn pause_after(error: &io::Error) {
    let is_of_connection = matches!(
        error.kind(),
        io::ErrorKind::ConnectionAborted | io::ErrorKind::ConnectionReset | io::ErrorKind::ConnectionRefused
    );
    if !is_of_connection {
        tracing::error!(%error, "no connection can be accepted");
        tokio::time::sleep(ACCEPT_PAUSE).await;
    }
}
