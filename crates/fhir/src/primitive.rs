//! FHIR primitives that keep what came: partial dates, time zones, decimal precision.

/// The span of time that a FHIR `date`, `dateTime` or `instant` stands for.
///
/// Microseconds since 1970-01-01T00:00:00Z, `low` inside, `high` outside. `2012-05` is all of May 2012.
/// A text without a time zone is read as UTC.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TimeSpan {
    /// First microsecond inside.
    pub low: i64,
    /// First microsecond after.
    pub high: i64,
}

impl TimeSpan {
    /// Reads a FHIR `date`, `dateTime` or `instant`; `None` if it is none of them (impossible dates too).
    pub fn parse(_text: &str) -> Option<Self> {
        todo!()
    }
}
