//! Calls that a person confirms first. A client that says it can show its person a form (elicitation) is asked
//! for that person's yes: within the call where a server may still ask (from 2025-06-18), by an answer that the
//! client completes and sends back from 2026-07-28 on. Every other client is told what to repeat.

use std::{sync::Arc, time::Duration, time::Instant};

use medcor_tools::{Answer, Asking, ErrorCode as Code, ToolError};
use rmcp::{
    ErrorData, RoleServer,
    model::{
        CallToolRequestParams, CallToolResponse, ElicitRequest, ElicitRequestParams, ElicitResult,
        ElicitationAction, ElicitationSchema, ErrorCode, InputRequest, InputRequests, InputRequiredResult,
        InputResponses, ProtocolVersion,
    },
    service::{RequestContext, ServiceError},
};
use serde_json::Value;

use super::{
    Asker, Era, Failure, Mcp,
    result::{protocol_error, refusal, success},
};

/// How long a person may take: a little less than what is confirmed is good for.
const PATIENCE: Duration = Duration::from_mins(4);
/// The one field of the form, and the name of the question.
const CONFIRM: &str = "confirm";

/// Whether the client can ask its person, and what came of it.
pub(super) enum Asked {
    Unable,
    Able,
    /// The token of what was confirmed.
    Confirmed(String),
}

impl Asked {
    pub(super) fn asking(&self) -> Asking<'_> {
        match self {
            Self::Unable => Asking::Unable,
            Self::Able => Asking::Able,
            Self::Confirmed(token) => Asking::Confirmed(token),
        }
    }
}

/// How a client is asked.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Way {
    Never,
    /// By a request of ours while the call waits.
    Within,
    /// By an answer that asks (multi-round-trip requests).
    Between,
}

impl Way {
    fn of(context: &RequestContext<RoleServer>) -> Self {
        let capability = context.client_capabilities().and_then(|capabilities| capabilities.elicitation);
        // Before there were two modes, a form was the only one.
        let has_form = capability.is_some_and(|modes| modes.form.is_some() || modes.url.is_none());
        let version = context.protocol_version();
        let is_known = version
            .as_ref()
            .is_some_and(|version| version.as_str() >= ProtocolVersion::V_2025_06_18.as_str());
        match Era::of(version.as_ref()) {
            _ if !has_form || !is_known => Self::Never,
            Era::Legacy => Self::Within,
            Era::Modern => Self::Between,
        }
    }
}

/// What a person said.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Said {
    Yes,
    No,
    /// The client could not ask.
    Nothing,
}

/// Calls a tool; where its person has to confirm it and the client can ask, only after a yes.
pub(super) async fn called(
    mcp: &Arc<Mcp>,
    mut asker: Asker,
    request: CallToolRequestParams,
    context: &RequestContext<RoleServer>,
) -> Result<CallToolResponse, ErrorData> {
    let way = Way::of(context);
    let arguments = Value::Object(request.arguments.unwrap_or_default());
    if way == Way::Never {
        return response(mcp.call(&asker, &request.name, arguments).await);
    }
    let standing = match (way, request.request_state) {
        (Way::Between, Some(token)) => match said(request.input_responses) {
            Said::Yes => Asked::Confirmed(token),
            Said::No => return response(mcp.declined(&asker, &request.name).await),
            Said::Nothing => Asked::Able,
        },
        _ => Asked::Able,
    };
    let result = mcp.call_asking(&asker, &request.name, arguments.clone(), standing).await;
    let Some((token, question)) = pending(&result) else { return response(result) };
    if way == Way::Between {
        let question = InputRequest::Elicitation(ElicitRequest::new(form(question)));
        let questions = InputRequests::from([(CONFIRM.to_owned(), question)]);
        return Ok(InputRequiredResult::new(Some(questions), Some(token)).into());
    }
    match ask(context, question).await {
        Said::Yes => {
            // How long a person thinks is not the call's time.
            asker.started = Instant::now();
            let confirmed = Asked::Confirmed(token);
            response(mcp.call_asking(&asker, &request.name, arguments, confirmed).await)
        }
        Said::No => response(mcp.declined(&asker, &request.name).await),
        Said::Nothing => response(result),
    }
}

impl Mcp {
    /// The refusal of a call that its person did not want.
    async fn declined(&self, asker: &Asker, tool: &str) -> Result<Answer, Failure> {
        let call = asker.call(tool, Value::Null);
        let report = self.pipeline().refuse_call(&call, ToolError::Declined).await;
        Err(Failure::Refused(Box::new(report)))
    }
}

fn response(result: Result<Answer, Failure>) -> Result<CallToolResponse, ErrorData> {
    match result {
        Ok(answer) => Ok(success(answer)?.into()),
        Err(Failure::Refused(report)) => Ok(refusal(&report).into()),
        Err(Failure::NoSuchTool(report)) => Err(protocol_error(ErrorCode::INVALID_PARAMS, &report)),
    }
}

/// The token and the question of a call that waits for its confirmation.
fn pending(result: &Result<Answer, Failure>) -> Option<(String, String)> {
    let Err(Failure::Refused(report)) = result else { return None };
    if report.code != Code::ConfirmationRequired {
        return None;
    }
    let detail = |name: &str| report.details.get(name).and_then(Value::as_str).map(str::to_owned);
    Some((detail("confirmation_token")?, detail("question")?))
}

async fn ask(context: &RequestContext<RoleServer>, question: String) -> Said {
    match context.peer.create_elicitation_with_timeout(form(question), Some(PATIENCE)).await {
        Ok(result) => said_by(&result),
        // It said that it can, and can't.
        Err(ServiceError::McpError(_) | ServiceError::UnexpectedResponse) => Said::Nothing,
        Err(_) => Said::No,
    }
}

fn said(responses: Option<InputResponses>) -> Said {
    let Some(answer) = responses.and_then(|mut responses| responses.remove(CONFIRM)) else {
        return Said::Nothing;
    };
    serde_json::from_value(answer).map_or(Said::No, |answer| said_by(&answer))
}

/// A yes is a form that was sent with its field set; whatever else comes back is none.
fn said_by(result: &ElicitResult) -> Said {
    let is_set = result.content.as_ref().and_then(|content| content.get(CONFIRM)) == Some(&Value::Bool(true));
    if result.action == ElicitationAction::Accept && is_set { Said::Yes } else { Said::No }
}

fn form(message: String) -> ElicitRequestParams {
    let schema = ElicitationSchema::builder()
        .required_bool_with(CONFIRM, |field| field.title("Yes, do it"))
        .build()
        .expect("the field that is required is there");
    ElicitRequestParams::FormElicitationParams { meta: None, message, requested_schema: schema }
}
