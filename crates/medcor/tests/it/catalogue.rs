//! What holds for every tool of the catalogue. Nothing here lists tools to test: a new tool is tested by
//! being there.

mod door;
pub(crate) mod example;
mod isolation;
mod matrix;
mod schema;
mod trail;
