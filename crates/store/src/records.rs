//! How records are stored and found: index rows, the search's SQL, stored versions.

pub(crate) mod index_row;
pub(crate) mod indexed;
pub(crate) mod search;
