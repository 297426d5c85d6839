//! `POST /api/mcp/batch`: several calls in one request, answered in their order. Calls that only read run
//! together; a call that changes something runs alone in its place, because a later one may build on it.

use axum::{
    body::Body,
    extract::State,
    http::{Request, StatusCode},
};
use futures_util::future::join_all;
use medcor_tools::{Answer as ToolAnswer, ArgumentProblem, Catalog, ErrorReport, ToolError};
use serde::Deserialize;
use serde_json::{json, value::RawValue};

use super::{
    mcp::{Asker, Failure},
    mcp_http::flaw_of,
    response::{self, Answer},
    rest::{Head, Invocation, Rest, key},
    token,
};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Members<'b> {
    #[serde(borrow)]
    requests: Vec<&'b RawValue>,
    #[serde(default)]
    atomic: bool,
}

/// A batch that can be begun.
struct Batch {
    /// Of those that are malformed what is wrong.
    calls: Vec<Result<Invocation, ToolError>>,
    is_atomic: bool,
}

/// What became of one call.
type Outcome = Result<ToolAnswer, Box<ErrorReport>>;

pub(super) async fn batch(State(rest): State<Rest>, request: Request<Body>) -> Answer {
    let (head, body) = Head::of(&rest, request);
    match answered(&rest, &head, body).await {
        Ok(outcomes) => response::json(StatusCode::OK, written(&outcomes)),
        Err(refusal) => refusal,
    }
}

async fn answered(rest: &Rest, head: &Head, body: Body) -> Result<Vec<Outcome>, Answer> {
    let asker = rest.asker(head).await?;
    let body = rest.body(body, &asker).await?;
    let batch = match Batch::read(&body, rest.batch_calls_max()) {
        Ok(batch) => batch.keyed(head, rest.catalog()),
        Err(error) => Err(error),
    };
    let batch = match batch.and_then(|batch| batch.checked(rest.catalog())) {
        Ok(batch) => batch,
        Err(error) => return Err(rest.refused(&asker, "", error).await),
    };
    let cost = u32::try_from(batch.calls.len()).unwrap_or(u32::MAX);
    if let Err(report) = rest.mcp.admit_batch(&asker, cost).await {
        return Err(response::error(&report));
    }
    if !batch.is_atomic {
        return Ok(rest.each(&asker, batch.calls).await);
    }
    let calls = batch.calls.into_iter().flatten().map(|call| (call.tool, call.arguments));
    let results = rest.mcp.call_together(&asker, calls.collect()).await;
    Ok(results.into_iter().map(outcome).collect())
}

impl Batch {
    fn read(body: &[u8], calls_max: usize) -> Result<Self, ToolError> {
        let expected = || ToolError::invalid("", "expected a JSON object with `requests`, a list of calls");
        let text = std::str::from_utf8(body).map_err(|_| expected())?;
        let whole: &RawValue = serde_json::from_str(text).map_err(|_| expected())?;
        if let Some(flaw) = flaw_of(whole.get()) {
            return Err(ToolError::invalid("", flaw.words()));
        }
        let members: Members<'_> = serde_json::from_str(whole.get()).map_err(|_| expected())?;
        if members.requests.is_empty() || members.requests.len() > calls_max {
            let problem = format!("a batch has 1 to {calls_max} calls, this one {}", members.requests.len());
            return Err(ToolError::invalid("/requests", problem));
        }
        let calls = members.requests.iter().map(|call| Invocation::read(call.get().as_bytes()));
        Ok(Self { calls: calls.collect(), is_atomic: members.atomic })
    }

    /// One key for the batch is one for each of its calls, so that it can be repeated as a whole.
    fn keyed(mut self, head: &Head, catalog: &Catalog) -> Result<Self, ToolError> {
        let Some(key) = key::of(&head.parts.headers)? else { return Ok(self) };
        for (position, call) in self.calls.iter_mut().enumerate() {
            let Ok(call) = call else { continue };
            if call.arguments.get(key::ARGUMENT).is_none() {
                key::put(catalog, &call.tool, &mut call.arguments, &format!("{key}/{position}"))?;
            }
        }
        Ok(self)
    }

    /// An atomic batch is begun only if every call of it can be read and is its caller's own.
    fn checked(mut self, catalog: &Catalog) -> Result<Self, ToolError> {
        if !self.is_atomic {
            return Ok(self);
        }
        let mut problems = Vec::new();
        for (position, call) in self.calls.iter_mut().enumerate() {
            let place = |path: &str| format!("/requests/{position}{path}");
            match call {
                Err(ToolError::Validation(own)) => {
                    problems.extend(own.drain(..).map(|problem| ArgumentProblem {
                        path: place(&problem.path),
                        problem: problem.problem,
                    }));
                }
                Err(error) => {
                    problems.push(ArgumentProblem { path: place(""), problem: error.to_string() });
                }
                Ok(call) if carries_token(catalog, call) => {
                    let problem =
                        "the calls of an atomic batch are of the caller in the Authorization header";
                    problems.push(ArgumentProblem { path: place("/params"), problem: problem.to_owned() });
                }
                Ok(_) => {}
            }
        }
        if problems.is_empty() { Ok(self) } else { Err(ToolError::Validation(problems)) }
    }
}

/// Whether the call is somebody's by a token among its arguments.
fn carries_token(catalog: &Catalog, call: &Invocation) -> bool {
    let tool = catalog.find(&call.tool).map(|(tool, _)| tool);
    !matches!(token::taken(tool, &mut call.arguments.clone()), Ok(None))
}

impl Rest {
    /// Each call by itself: the failure of one is not that of another.
    async fn each(&self, asker: &Asker, calls: Vec<Result<Invocation, ToolError>>) -> Vec<Outcome> {
        let mut outcomes = Vec::with_capacity(calls.len());
        let mut together = Vec::new();
        for call in calls {
            let only_reads = call.as_ref().is_ok_and(|call| self.only_reads(call));
            if only_reads {
                together.push(self.one(asker, call));
                continue;
            }
            outcomes.extend(join_all(together.drain(..)).await);
            outcomes.push(self.one(asker, call).await);
        }
        outcomes.extend(join_all(together).await);
        outcomes
    }

    fn only_reads(&self, call: &Invocation) -> bool {
        let meant = self.catalog().meant(&call.tool, &call.arguments);
        meant.iter().all(|tool| tool.entry.effect.is_read_only() && !tool.entry.names_another())
    }

    async fn one(&self, asker: &Asker, call: Result<Invocation, ToolError>) -> Outcome {
        match call {
            Ok(call) => outcome(self.mcp.call_admitted(asker, call.tool, call.arguments).await),
            Err(error) => Err(Box::new(self.recorded(asker, "", error).await)),
        }
    }
}

fn outcome(result: Result<ToolAnswer, Failure>) -> Outcome {
    result.map_err(|failure| match failure {
        Failure::NoSuchTool(report) | Failure::Refused(report) => report,
    })
}

fn written(outcomes: &[Outcome]) -> String {
    let mut body = String::from("[");
    for outcome in outcomes {
        if body.len() > 1 {
            body.push(',');
        }
        match outcome {
            Ok(answer) => body.extend(["{\"result\":", answer.json(), "}"]),
            Err(report) => body.push_str(&json!({ "error": report }).to_string()),
        }
    }
    body.push(']');
    body
}
