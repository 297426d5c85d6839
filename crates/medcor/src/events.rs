//! What happened, told to whoever may know it, while it happens.
//!
//! One follower per process reads the outbox ([`medcor_store::Outbox`]) and hands light-weight events, ids and
//! no content, to a short queue of each subscriber. What of it a subscriber is told is decided in the moment of
//! telling, by its own current permit: the subscriber reads the record through a session of its own.
//!
//! A door subscribes like this:
//!
//! ```text
//! let subscription = Subscription::of(known, who)        // who it is, and how to ask again
//!     .to(Topics::parse("appointments,patient_registered")?)
//!     .after(last_event_id);                             // or from now on
//! let mut stream = hub.documented(subscription, Detail::Ids).await?;
//! loop {
//!     match stream.next().await {
//!         Ok(told) => send(told.name, told.id, told.data),   // `id` goes on from here
//!         Err(end) => break send(stream.farewell(&end)),     // lost, or failed: nothing follows
//!     }
//! }
//! ```
//!
//! [`Hub::documented`] gives the documented events as JSON with `type`, heartbeats among them; [`Hub::subscribe`]
//! gives the changes themselves, with the record as the subscriber sees it. Both can be awaited in a `select!`:
//! what was not returned is returned by the next call. A queue that is full is given up, and its subscriber reads
//! on from the outbox by itself, at its own pace: nothing is lost and nothing grows. A door whose client does not
//! take what is sent drops the stream; the client has the last `id`.
//!
//! No rule about who may see what is here: policy and the store decide.

mod answered;
pub(crate) mod described;
pub(crate) mod documented;
mod follower;
mod full;
mod hub;
pub(crate) mod judge;
mod subscriber;
pub(crate) mod watched;

use std::sync::Arc;

use futures_util::future::BoxFuture;
use medcor_store::{EventPosition, Record, RecordEvent};
pub(crate) use medcor_tools::topic::{Topics, WatchedTypes};
use medcor_tools::{Caller, ErrorCode, ToolError};

pub use self::hub::{Hub, HubSettings};
pub(crate) use self::{
    documented::{Detail, DocumentedStream, Told},
    subscriber::Subscriber,
};

/// Who subscribes, as the authenticator has it now.
#[derive(Debug, Clone)]
pub(crate) struct Known {
    /// Who.
    pub(crate) caller: Arc<Caller>,
    /// When what it was authenticated by ends, seconds since the epoch, where it does.
    pub(crate) ends_at_seconds: Option<i64>,
}

/// Asks the authenticator again who a subscriber is. An error means that it is nobody any more, unless the
/// database is away.
pub(crate) type Who = Arc<dyn Fn() -> BoxFuture<'static, Result<Known, ToolError>> + Send + Sync>;

/// What a subscriber wants.
pub(crate) struct Subscription {
    pub(crate) known: Known,
    pub(crate) who: Who,
    pub(crate) topics: Topics,
    pub(crate) after: After,
}

/// Where a subscriber begins.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum After {
    /// With what happens from now on.
    Now,
    /// After this `id` of an earlier event.
    Id(String),
}

impl Subscription {
    /// To everything that the caller may see, from now on.
    pub(crate) fn of(known: Known, who: Who) -> Self {
        Self { known, who, topics: Topics::all(), after: After::Now }
    }

    /// To these topics alone.
    pub(crate) fn to(self, topics: Topics) -> Self {
        Self { topics, ..self }
    }

    /// After this `id`.
    pub(crate) fn after(self, id: Option<String>) -> Self {
        Self { after: id.map_or(After::Now, After::Id), ..self }
    }
}

/// What a subscriber hears.
#[derive(Debug)]
pub(crate) enum Heard {
    /// A record changed that the subscriber sees, or saw until it was deleted.
    Change(Change),
    /// Somebody opened a record in an emergency.
    Emergency(RecordEvent),
    /// What lies between the place where the subscriber was and this one is not kept any more.
    Reset(EventPosition),
    /// Nothing, for a while.
    Quiet(EventPosition),
    /// What the subscriber was authenticated by ends soon, at this time (seconds since the epoch).
    Expiring(i64),
    /// A call of this very caller was answered by this process.
    Answered(Arc<answered::Answered>),
}

/// A change that the subscriber may know of.
#[derive(Debug)]
pub(crate) struct Change {
    /// What happened.
    pub(crate) event: Arc<RecordEvent>,
    /// The record as the subscriber sees it now; of a deletion, as it was before.
    pub(crate) record: Record,
}

/// Why a subscription is over.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum End {
    /// The subscriber is nobody any more: `AUTH_INVALID` and the like.
    Lost(ErrorCode),
    /// The database does not answer: again later, from the last `id`.
    NotReady,
}

impl End {
    /// Its code in the table of errors.
    pub(crate) fn code(&self) -> ErrorCode {
        match self {
            Self::Lost(code) => *code,
            Self::NotReady => ErrorCode::NotReady,
        }
    }

    /// What to do.
    pub(crate) fn message(&self) -> &'static str {
        match self {
            Self::Lost(_) => {
                "the token that opened this stream is not valid any more; open another with a new one"
            }
            Self::NotReady => "the server is not ready; open the stream again after the last event's id",
        }
    }
}
