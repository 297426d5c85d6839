//! What holds for every tool of the catalogue. Nothing here lists tools to test: a new tool is tested by
//! being there.

mod canary_calls;
mod door;
mod doors;
mod elements;
mod equal;
pub(crate) mod example;
mod isolation;
mod matrix;
mod pinned;
mod relations;
mod schema;
mod trail;
mod websocket;
