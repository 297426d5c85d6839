//! Who hears of answers beside the door that asked.

use std::sync::Weak;

use super::Pipeline;
use crate::{Answer, Call, Caller, CompiledTool};

/// The door of calls whose answers are events themselves.
const EVENTS_DOOR: &str = "events";

/// Hears of every call that was answered, once its row of the trail is durable.
pub trait Witness: Send + Sync {
    /// A call that this caller made was answered. Not told of: tools that carry secrets.
    fn answered(&self, caller: &Caller, tool: &'static str, request_id: &str, answer: &Answer);
}

impl Pipeline {
    /// Tells this witness of answers, for as long as it is there. There is one: a second is none.
    pub fn witnessed_by(&self, witness: Weak<dyn Witness>) {
        self.witness.get_or_init(|| witness);
    }

    pub(super) fn tell_witness(&self, call: &Call<'_>, tool: &CompiledTool, answer: &Answer) {
        if call.door != EVENTS_DOOR
            && tool.entry.is_listed()
            && let Some(witness) = self.witness.get().and_then(Weak::upgrade)
        {
            witness.answered(call.caller, tool.entry.name, call.request_id, answer);
        }
    }
}
