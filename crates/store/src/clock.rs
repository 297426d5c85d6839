//! Time and new ids, as arguments: the only readers of the system clock.

use std::sync::Arc;

use medcor_fhir::Id;

/// The time, and ids made from it.
#[derive(Debug, Clone)]
pub struct Clock(Arc<Source>);

#[derive(Debug)]
enum Source {
    System,
    Fixed(i64),
}

impl Clock {
    /// The system's clock.
    pub fn system() -> Self {
        Self(Arc::new(Source::System))
    }

    /// A clock that stands still, for demonstrations and tests: microseconds since the epoch.
    pub fn fixed(microseconds: i64) -> Self {
        Self(Arc::new(Source::Fixed(microseconds)))
    }

    /// Microseconds since 1970-01-01T00:00:00Z.
    #[expect(clippy::disallowed_methods, reason = "this is the one home of the system clock")]
    pub fn now(&self) -> i64 {
        match *self.0 {
            Source::System => jiff::Timestamp::now().as_microsecond(),
            Source::Fixed(microseconds) => microseconds,
        }
    }

    /// The time as a `jiff` timestamp.
    pub fn timestamp(&self) -> jiff::Timestamp {
        jiff::Timestamp::from_microsecond(self.now()).expect("a clock stays within the range of civil time")
    }

    /// Whether the time stands still.
    pub fn is_fixed(&self) -> bool {
        matches!(*self.0, Source::Fixed(_))
    }

    /// A new UUID, version 7 (RFC 9562), from this clock and the system's randomness.
    pub fn new_id(&self) -> Id {
        todo!()
    }
}
