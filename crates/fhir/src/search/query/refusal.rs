//! Why a part of a search is refused. Each message helps whoever wrote the search, and repeats no value.

use super::{COUNT_MAX, VALUE_BYTES_MAX};
use crate::ResourceType;

#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(super) enum Refusal {
    #[error("{resource_type} has no such search parameter; the nearest are {nearest}")]
    UnknownParameter { resource_type: ResourceType, nearest: String },
    #[error("{0}")]
    Unsupported(&'static str),
    #[error("unknown modifier; possible here: {possible}")]
    UnknownModifier { possible: String },
    #[error("takes no modifier")]
    NoModifier,
    #[error("given twice")]
    GivenTwice,
    #[error("has no order to sort by")]
    NoOrder,
    #[error("more than {most} {what}")]
    TooMany { most: usize, what: &'static str },
    #[error("expected a number from 1 to {COUNT_MAX}")]
    Count,
    #[error("expected at most {VALUE_BYTES_MAX} bytes")]
    TooLong,
    #[error("expected a value; to find records without one use :missing=true")]
    Empty,
    #[error("expected {0}")]
    Expected(&'static str),
    #[error("expected {count} values with $ between them")]
    Components { count: usize },
    #[error("a backslash stands before one of , | $ \\ only")]
    Escape,
    #[error("never refers to {0}")]
    NeverRefersTo(ResourceType),
}
