//! The calls of a batch that are done together: one commit for all of them, with the audit row of each.

use std::sync::{Arc, OnceLock};

use medcor_policy::Permit;
use medcor_store::Session;

use super::{Asking, Call, Pipeline, Prepared, Ran, Refusal, Target, Work};
use crate::{Answer, CompiledTool, Exposure, ToolError};

/// A call that may run.
struct Part<'p> {
    tool: &'p CompiledTool,
    parameters: Vec<String>,
    permit: Arc<Permit>,
}

/// Which call of a batch failed, counted from 0, and how.
struct Failed {
    position: usize,
    error: ToolError,
}

impl Pipeline {
    /// Runs the calls of a batch that [`Pipeline::admit`] has let in, in order, and commits them as one: each
    /// is done, or none is. A later call does not see what an earlier one would write. When it returns,
    /// exactly one audit row of each call is durable.
    pub async fn invoke_together(&self, mut calls: Vec<Call<'_>>) -> Vec<Result<Answer, Refusal>> {
        let (mut parts, mut works) = (Vec::with_capacity(calls.len()), Vec::with_capacity(calls.len()));
        let mut failed = None;
        for (position, call) in calls.iter_mut().enumerate() {
            match self.part(call).await {
                Ok((part, work)) => {
                    parts.push(part);
                    works.push(work);
                }
                Err(error) => {
                    failed = Some(Failed { position, error });
                    break;
                }
            }
        }
        if let Some(failed) = failed {
            return self.none_done((&calls, &parts), Vec::new(), failed).await;
        }
        let elsewhere: Vec<OnceLock<Permit>> = parts.iter().map(|_| OnceLock::new()).collect();
        let (mut all, mut answers) = (Vec::with_capacity(calls.len()), Vec::with_capacity(calls.len()));
        let each = calls.iter().zip(&parts).zip(&elsewhere).zip(works).enumerate();
        for (position, (((call, part), elsewhere), work)) in each {
            let callee = (part.tool, &*part.permit);
            let (ran, result) = Box::pin(self.ran(call, callee, work, elsewhere, Asking::Unable)).await;
            let result = result.and_then(|answer| is_of_one_organisation(&all, &ran).map(|()| answer));
            all.push(ran);
            match result {
                Ok(answer) => answers.push(answer),
                Err(error) => {
                    let failed = Failed { position, error };
                    return self.none_done((&calls, &parts), all, failed).await;
                }
            }
        }
        self.commit_all((&calls, &parts), all, answers).await
    }

    async fn part(&self, call: &mut Call<'_>) -> Result<(Part<'_>, Work), ToolError> {
        let mut handle = None;
        let target = self.target(call, 0, &mut handle).await;
        let Target { tool, implied, .. } = target.map_err(|(_, error)| error)?;
        if tool.entry.exposure == Exposure::BeforeLogin {
            let problem = "logs in at once, which no failure of another call would undo; call it by itself";
            return Err(ToolError::invalid("/tool", problem));
        }
        let parameters = tool.parameter_names(&call.arguments);
        let Prepared { permit, work } = self.prepare(call, (tool, implied), 0, handle).await?;
        Ok((Part { tool, parameters, permit }, work))
    }

    async fn commit_all(
        &self,
        (calls, parts): (&[Call<'_>], &[Part<'_>]),
        mut all: Vec<Ran<'_>>,
        answers: Vec<Answer>,
    ) -> Vec<Result<Answer, Refusal>> {
        let mut sessions = Vec::with_capacity(all.len());
        let mut rest = Vec::with_capacity(all.len());
        for ((call, part), mut ran) in calls.iter().zip(parts).zip(all.drain(..)) {
            let entry = self.entry_of(call, (part.tool, &part.parameters), &mut ran);
            if let Some(conversation) = &ran.conversation {
                conversation.keep(&mut ran.session);
            }
            let Ran { session, letters, conversation, .. } = ran;
            sessions.push((session, entry));
            rest.push((letters, conversation));
        }
        if let Err(error) = Session::commit_together(sessions).await {
            return self.none_committed(calls, parts, error.into()).await;
        }
        let mut results = Vec::with_capacity(answers.len());
        let each = calls.iter().zip(parts).zip(answers).zip(rest);
        for (((call, part), answer), (letters, conversation)) in each {
            self.post(letters, call.request_id).await;
            let answer = crate::conversation::told(conversation.as_ref(), answer);
            self.tell_witness(call, part.tool, &answer);
            results.push(Ok(answer));
        }
        results
    }

    /// One call failed, so nothing is done, and the row of each call says so.
    async fn none_done(
        &self,
        (calls, parts): (&[Call<'_>], &[Part<'_>]),
        ran: Vec<Ran<'_>>,
        failed: Failed,
    ) -> Vec<Result<Answer, Refusal>> {
        let mut results = Vec::with_capacity(calls.len());
        let (mut ran, mut error) = (ran.into_iter(), Some(failed.error));
        for (position, call) in calls.iter().enumerate() {
            let own = if position == failed.position { error.take() } else { None };
            let error = own.unwrap_or_else(|| not_done(failed.position));
            let part = parts.get(position);
            let tool = part.map(|part| part.tool);
            let tool = tool.or_else(|| self.catalog.find(call.tool).map(|(tool, _)| tool));
            let parameters = part.map(|part| part.parameters.clone());
            let parameters =
                parameters.or_else(|| Some(tool?.parameter_names(&call.arguments))).unwrap_or_default();
            let refusal = match (ran.next(), tool) {
                (Some(ran), Some(tool)) => self.abandoned(call, (tool, &parameters), ran, error).await,
                _ => self.refused(call, tool, parameters, error).await,
            };
            results.push(Err(refusal));
        }
        results
    }

    /// Whoever was first took what the batch needed, or the store failed: each call has the same reason.
    async fn none_committed(
        &self,
        calls: &[Call<'_>],
        parts: &[Part<'_>],
        error: ToolError,
    ) -> Vec<Result<Answer, Refusal>> {
        let mut results = Vec::with_capacity(calls.len());
        let others = match &error {
            ToolError::Conflict(words) => Others::Conflict(words.clone()),
            ToolError::NotReady => Others::NotReady,
            other => Others::Failed(other.to_string()),
        };
        let mut error = Some(error);
        for (call, part) in calls.iter().zip(parts) {
            let error = error.take().unwrap_or_else(|| others.error());
            let parameters = part.parameters.clone();
            results.push(Err(self.refused(call, Some(part.tool), parameters, error).await));
        }
        results
    }
}

/// What the other calls of a batch are told when it could not be committed.
enum Others {
    Conflict(String),
    NotReady,
    Failed(String),
}

impl Others {
    fn error(&self) -> ToolError {
        match self {
            Self::Conflict(words) => ToolError::Conflict(words.clone()),
            Self::NotReady => ToolError::NotReady,
            Self::Failed(words) => ToolError::Precondition(format!("nothing was done: {words}")),
        }
    }
}

fn not_done(failed: usize) -> ToolError {
    ToolError::Precondition(format!(
        "nothing was done: call {failed} of this atomic batch (counted from 0) failed"
    ))
}

/// Calls that go on in several organisations have several places where they are written.
fn is_of_one_organisation(earlier: &[Ran<'_>], ran: &Ran<'_>) -> Result<(), ToolError> {
    if earlier.iter().all(|other| other.tenant.id == ran.tenant.id) {
        return Ok(());
    }
    let problem = "goes on in another organisation than the calls before; an atomic batch is of one";
    Err(ToolError::invalid("", problem))
}
