//! Calls that were let in together: each by itself, or all as one.

use std::sync::Arc;

use medcor_tools::{Answer, ErrorReport};
use serde_json::Value;

use super::{Asker, Failure, Mcp, run_to_end};
use crate::door::token;

impl Mcp {
    /// Lets a batch of so many calls in as a whole, or refuses it; its one audit row is then durable.
    pub(in crate::door) async fn admit_batch(&self, asker: &Asker, calls: u32) -> Result<(), ErrorReport> {
        self.pipeline.admit(&asker.call("", Value::Null), calls).await
    }

    /// One call of a batch that was let in. Like [`Mcp::call`] it runs to its end.
    pub(in crate::door) async fn call_admitted(
        self: &Arc<Self>,
        asker: &Asker,
        tool: String,
        arguments: Value,
    ) -> Result<Answer, Failure> {
        let (mcp, asker) = (self.clone(), asker.clone());
        let call = async move { mcp.invoke_admitted(&asker, &tool, arguments).await };
        run_to_end::run_to_end(call, &self.calls).await
    }

    async fn invoke_admitted(
        &self,
        asker: &Asker,
        tool: &str,
        mut arguments: Value,
    ) -> Result<Answer, Failure> {
        let found = self.pipeline.catalog().find(tool).map(|(tool, _)| tool);
        let carried = match token::taken(found, &mut arguments) {
            Ok(Some(token)) => self.carried(asker, &token).await,
            Ok(None) => Ok(None),
            Err(error) => Err(error),
        };
        let (carried, refusal) = match carried {
            Ok(carried) => (carried, None),
            Err(error) => (None, Some(error)),
        };
        let mut call = asker.call(tool, arguments);
        call.caller = carried.as_ref().unwrap_or(&asker.caller);
        let result = match refusal {
            None => self.pipeline.invoke_admitted(call).await,
            Some(error) => Err(self.pipeline.refuse_call(&call, error).await),
        };
        result.map_err(|report| Failure::Refused(Box::new(report)))
    }

    /// The calls of a batch that was let in, done as one. All are of the asker: what they carry of tokens has
    /// been refused.
    pub(in crate::door) async fn call_together(
        self: &Arc<Self>,
        asker: &Asker,
        calls: Vec<(String, Value)>,
    ) -> Vec<Result<Answer, Failure>> {
        let (mcp, asker) = (self.clone(), asker.clone());
        let work = async move {
            let calls = calls.iter().map(|(tool, arguments)| asker.call(tool, arguments.clone()));
            let results = mcp.pipeline.invoke_together(calls.collect()).await;
            let boxed = results.into_iter().map(|result| result.map_err(|it| Failure::Refused(Box::new(it))));
            boxed.collect()
        };
        run_to_end::run_to_end(work, &self.calls).await
    }
}
