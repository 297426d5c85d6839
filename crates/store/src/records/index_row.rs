//! Index rows: what a record is found by, in the form in which the tables keep it.

use std::cmp::Ordering;

use medcor_fhir::search::ParameterId;

/// Most bytes of a text in an index row. Longer ones are cut, and searches for longer ones re-check.
pub(crate) const TEXT_BYTES_MAX: usize = 512;

/// `index_reference.target_type` of a reference with nothing but a display or an identifier.
pub(crate) const TARGET_NONE: u8 = 254;
/// `index_reference.target_type` of a URL.
pub(crate) const TARGET_URL: u8 = 255;

/// One row of one index table. Ordered, so that versions can be compared.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum IndexRow {
    String { parameter: ParameterId, folded: Box<str>, exact: Box<str> },
    Token { parameter: ParameterId, code: Box<str>, system: i64 },
    Reference { parameter: ParameterId, target: Box<str>, target_type: u8 },
    Date { parameter: ParameterId, low: i64, high: i64 },
    Number { parameter: ParameterId, low: Float, high: Float, system: i64, code: Box<str>, unit: Box<str> },
    Uri { parameter: ParameterId, value: Box<str> },
}

/// A number in the total order of IEEE 754.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Float(pub(crate) f64);

impl Ord for Float {
    fn cmp(&self, other: &Self) -> Ordering {
        self.0.total_cmp(&other.0)
    }
}

impl PartialOrd for Float {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for Float {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other).is_eq()
    }
}

impl Eq for Float {}

/// The number under which a system's URI stands in index rows: 0 for none, else the first 63 bits of its
/// SHA-256. A hash needs no table of systems, no cache and no second look-up.
pub(crate) fn system_number(system: Option<&str>) -> i64 {
    let Some(system) = system.filter(|system| !system.is_empty()) else {
        return 0;
    };
    let digest = ring::digest::digest(&ring::digest::SHA256, system.as_bytes());
    let bytes = digest.as_ref().first_chunk::<8>().expect("a SHA-256 has 32 bytes");
    i64::from_be_bytes(*bytes) & i64::MAX
}

/// The text as index rows keep it.
pub(crate) fn cut(text: &str) -> &str {
    &text[..text.floor_char_boundary(TEXT_BYTES_MAX)]
}
