//! Idempotency: a call that is repeated under the caller's own key does its work once and is answered
//! the same each time.

use medcor_fhir::Id;
use ring::digest;
use serde_json::{Map, Value};

use super::confirm::TOKEN_ARGUMENT;
use crate::{Answer, CompiledTool, ToolContext, ToolError, argument::Folded};

/// The name of the argument that every writing tool takes.
pub(crate) const KEY_ARGUMENT: &str = "idempotency_key";

const WITHHELD: &str =
    "this was done under this key already, and its answer shows what you may not see any more";

/// A call under an idempotency key.
pub(super) struct Keyed {
    key: String,
    request_hash: [u8; 32],
}

impl Keyed {
    /// The key of a call, if it has one, with the hash of what it asks.
    ///
    /// What was answered before the caller confined itself to one patient is not answered after.
    pub(super) fn of(tool: &CompiledTool, folded: &mut Folded, pin: Option<&Id>) -> Option<Self> {
        let Some(Value::String(key)) = folded.arguments.remove(KEY_ARGUMENT) else { return None };
        let key = pin.map_or_else(|| key.clone(), |pin| format!("{pin}/{key}"));
        let mut asked = folded.arguments.clone();
        asked.remove(TOKEN_ARGUMENT);
        Some(Self { key, request_hash: request_hash(tool, &asked) })
    }

    /// The answer of the earlier call under this key.
    ///
    /// # Errors
    ///
    /// `IDEMPOTENCY_MISMATCH` when the earlier call asked something else, `CONFLICT` when the caller does not see any
    /// more what its answer shows.
    pub(super) async fn known(&self, cx: &mut ToolContext<'_>) -> Result<Option<Answer>, ToolError> {
        let Some(known) = cx.session.known_answer(&self.key).await? else { return Ok(None) };
        if known.request_hash != self.request_hash {
            return Err(ToolError::IdempotencyMismatch);
        }
        // Doing it again would do it twice.
        let answer = known.answer.ok_or_else(|| ToolError::Conflict(WITHHELD.to_owned()))?;
        Ok(Some(Answer::known(answer)))
    }

    /// Keeps the answer, in the commit of the work itself.
    pub(super) fn keep(self, answer: &Answer, cx: &mut ToolContext<'_>) {
        cx.session.keep_answer(&self.key, self.request_hash, answer.json().to_owned());
    }
}

/// SHA-256 over the tool and its arguments as given, folded, with members in order of name. Secrets are left
/// out: the hash is kept, and would let its reader try passwords.
pub(super) fn request_hash(tool: &CompiledTool, arguments: &Map<String, Value>) -> [u8; 32] {
    let mut arguments = arguments.clone();
    for secret in tool.secrets() {
        arguments.shift_remove(secret);
    }
    let mut canonical = Value::Object(arguments);
    canonical.sort_all_objects();
    let mut context = digest::Context::new(&digest::SHA256);
    context.update(tool.entry.name.as_bytes());
    context.update(&[0]);
    context.update(canonical.to_string().as_bytes());
    let mut hash = [0; 32];
    hash.copy_from_slice(context.finish().as_ref());
    hash
}
