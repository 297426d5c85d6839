//! One connection from its first message to its last: what comes is heard, what is to be said is sent, and what
//! has to end it ends it.

use std::{future::Future, sync::Arc, time::Duration};

use axum::body::Bytes;
use tokio::{
    sync::{OwnedSemaphorePermit, Semaphore, mpsc},
    time::{Instant, sleep_until, timeout},
};
use tokio_util::sync::CancellationToken;

use super::{Closing, Identity, handshake::Upgrade, socket::Socket};

/// Answers that wait for the connection. Whoever has more waits, and holds its place among the requests.
const WAITING: usize = 8;
/// How long the requests that are being answered may take once the server stops.
const STOP_PATIENCE: Duration = Duration::from_secs(5);

/// What is spoken over a connection.
pub(in crate::door) trait Speaker: Send {
    /// Takes a message, and answers it. What is long goes on elsewhere and says its answer on the [`Line`], for
    /// which this must not wait: nothing is taken off the line meanwhile.
    fn hear(&mut self, text: String) -> impl Future<Output = Result<Option<Bytes>, Closing>> + Send;

    /// What is said unasked. It may be dropped before it is ready.
    fn tell(&mut self) -> impl Future<Output = Result<String, Closing>> + Send;
}

/// The way back to the client, and how many requests are on it.
#[derive(Clone)]
pub(in crate::door) struct Line {
    answers: mpsc::Sender<Bytes>,
    requests: Arc<Semaphore>,
}

impl Line {
    /// Says something; whether anybody is there.
    pub(in crate::door) async fn say(&self, text: impl Into<Bytes>) -> bool {
        self.answers.send(text.into()).await.is_ok()
    }

    /// A place for a request until its answer is on the way; `None` where there are too many.
    pub(in crate::door) fn place(&self) -> Option<OwnedSemaphorePermit> {
        self.requests.clone().try_acquire_owned().ok()
    }
}

/// A connection that has not begun.
pub(in crate::door) struct Conversation {
    identity: Arc<Identity>,
    stop: CancellationToken,
    line: Line,
    answers: mpsc::Receiver<Bytes>,
}

impl Conversation {
    pub(in crate::door) fn new(identity: Arc<Identity>, stop: CancellationToken) -> Self {
        let (say, answers) = mpsc::channel(WAITING);
        let requests = Arc::new(Semaphore::new(identity.state.settings.websocket.requests));
        Self { identity, stop, line: Line { answers: say, requests }, answers }
    }

    pub(in crate::door) fn line(&self) -> Line {
        self.line.clone()
    }

    /// Speaks until the end.
    pub(in crate::door) async fn run(mut self, upgrade: Upgrade, mut speaker: impl Speaker) {
        let Some((mut socket, seat)) = upgrade.socket(&self.identity).await else { return };
        let mut clock = Clock::new();
        let mut closing = loop {
            if let Err(closing) = self.turn(&mut socket, &mut speaker, &mut clock).await {
                break closing;
            }
        };
        if closing == Closing::Restart {
            closing = self.drain(&mut socket).await;
        }
        // What is being answered goes on, and nobody waits for it.
        drop((speaker, self));
        socket.close(closing).await;
        drop(seat);
    }

    /// Hears or says one thing, or looks at the clock.
    async fn turn(
        &mut self,
        socket: &mut Socket,
        speaker: &mut impl Speaker,
        clock: &mut Clock,
    ) -> Result<(), Closing> {
        let state = &self.identity.state;
        let (settings, recheck) = (&state.settings.websocket, state.settings.stream_recheck);
        let due = (clock.ping + settings.ping).min(clock.check + recheck);
        tokio::select! {
            text = socket.next() => {
                if let Some(answer) = Box::pin(speaker.hear(text?)).await? {
                    socket.say(answer).await?;
                }
            }
            Some(text) = self.answers.recv() => socket.say(text).await?,
            told = speaker.tell() => socket.say(told?.into()).await?,
            () = sleep_until(due) => {}
            () = self.stop.cancelled() => return Err(Closing::Restart),
        }
        let now = Instant::now();
        if now >= clock.ping + settings.ping {
            clock.ping = now;
            socket.ping().await?;
        }
        if now < clock.check + recheck {
            return Ok(());
        }
        clock.check = now;
        socket.check(now, settings.silence)?;
        Box::pin(self.identity.check()).await?;
        if !self.identity.is_known() && now >= clock.opening + settings.unidentified {
            Box::pin(self.identity.remained_unknown()).await;
            return Err(Closing::Unidentified);
        }
        Ok(())
    }

    /// Says what is being answered when the server stops.
    async fn drain(&mut self, socket: &mut Socket) -> Closing {
        let places = u32::try_from(self.identity.state.settings.websocket.requests).unwrap_or(u32::MAX);
        let requests = self.line.requests.clone();
        let draining = async {
            let answered = requests.acquire_many(places);
            tokio::pin!(answered);
            loop {
                tokio::select! {
                    biased;
                    Some(text) = self.answers.recv() => socket.say(text).await?,
                    _ = &mut answered => return Ok(()),
                }
            }
        };
        match timeout(STOP_PATIENCE, draining).await {
            Ok(Err(closing)) => closing,
            Ok(Ok(())) | Err(_) => Closing::Restart,
        }
    }
}

/// When things were done last.
struct Clock {
    opening: Instant,
    ping: Instant,
    check: Instant,
}

impl Clock {
    fn new() -> Self {
        let now = Instant::now();
        Self { opening: now, ping: now, check: now }
    }
}
