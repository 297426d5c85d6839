//! Fixtures that answer with questions, and with a result when they are answered (multi-round-trip requests of
//! 2026-07-28). What they remember goes to the client and back, with a seal.

use base64::{Engine, prelude::BASE64_URL_SAFE_NO_PAD};
use ring::{hmac, rand::SystemRandom};
use rmcp::{
    ErrorData,
    model::{
        CallToolRequestParams, CallToolResponse, ClientCapabilities, GetPromptRequestParams,
        GetPromptResponse, GetPromptResult, InputRequiredResult, InputResponses,
    },
};
use serde_json::{Value, json};

use super::{can_sample, content, typed};

/// The prompt that asks first.
pub(super) const PROMPT: &str = "test_input_required_result_prompt";

/// The tools that ask first.
pub(super) const TOOLS: [&str; 9] = [
    "test_input_required_result_elicitation",
    "test_input_required_result_sampling",
    "test_input_required_result_list_roots",
    "test_input_required_result_request_state",
    "test_input_required_result_multiple_inputs",
    "test_input_required_result_multi_round",
    "test_input_required_result_tampered_state",
    "test_input_required_result_capabilities",
    "test_streaming_elicitation",
];

/// Whether this is one of [`TOOLS`].
pub(super) fn is_tool(name: &str) -> bool {
    TOOLS.contains(&name)
}

/// The seal of what is remembered.
pub(super) struct Rounds {
    key: hmac::Key,
}

impl Rounds {
    /// With a key of its own.
    pub(super) fn new() -> Self {
        let key = hmac::Key::generate(hmac::HMAC_SHA256, &SystemRandom::new());
        Self { key: key.expect("the system gives random bytes") }
    }

    /// The next question of a tool, or its result.
    pub(super) fn tool(
        &self,
        request: CallToolRequestParams,
        declared: &ClientCapabilities,
    ) -> Result<CallToolResponse, ErrorData> {
        let name = request.name.as_ref();
        let said = request.input_responses.unwrap_or_default();
        let step = request.request_state.as_deref().map(|state| self.opened(state)).transpose()?;
        let step = step.as_deref().unwrap_or_default();
        match name {
            "test_input_required_result_sampling" => {
                let question = sampled("What is the capital of France?", 100);
                Ok(match said.get("capital_question") {
                    None => asked(json!({"capital_question": question}), None)?.into(),
                    Some(answer) => content::text(&format!("The model said: {}", answer["content"])),
                })
            }
            "test_input_required_result_list_roots" => Ok(match said.get("client_roots") {
                None => asked(json!({"client_roots": roots()}), None)?.into(),
                Some(answer) => content::text(&format!("The roots are {}", answer["roots"])),
            }),
            "test_input_required_result_request_state" | "test_input_required_result_tampered_state" => {
                if !step.is_empty() && said.contains_key("confirm") {
                    return Ok(content::text("state-ok"));
                }
                let question = form("Please confirm", "ok", "boolean");
                Ok(asked(json!({"confirm": question}), Some(self.sealed("confirm")))?.into())
            }
            "test_input_required_result_multiple_inputs" => self.many(&said, step),
            "test_input_required_result_multi_round" => self.two_rounds(&said, step),
            "test_input_required_result_capabilities" => by_capability(declared),
            _ => Ok(match name_in(&said, "user_name", "name") {
                None => {
                    asked(json!({"user_name": form("What is your name?", "name", "string")}), None)?.into()
                }
                Some(name) => content::text(&format!("Hello, {name}!")),
            }),
        }
    }

    fn many(&self, said: &InputResponses, step: &str) -> Result<CallToolResponse, ErrorData> {
        let questions = json!({
            "user_name": form("What is your name?", "name", "string"),
            "greeting": sampled("Generate a greeting", 50),
            "client_roots": roots()
        });
        let is_answered = ["user_name", "greeting", "client_roots"].iter().all(|it| said.contains_key(*it));
        if is_answered && step == "many" {
            return Ok(content::text("All three are answered."));
        }
        Ok(asked(questions, Some(self.sealed("many")))?.into())
    }

    fn two_rounds(&self, said: &InputResponses, step: &str) -> Result<CallToolResponse, ErrorData> {
        match step.split_once(' ') {
            _ if step == "step1" && said.contains_key("step1") => {
                let name = name_in(said, "step1", "name").unwrap_or_default();
                let question = form("Step 2: What is your favorite color?", "color", "string");
                Ok(asked(json!({"step2": question}), Some(self.sealed(&format!("step2 {name}"))))?.into())
            }
            Some(("step2", name)) if said.contains_key("step2") => {
                let color = name_in(said, "step2", "color").unwrap_or_default();
                Ok(content::text(&format!("{name} likes {color}.")))
            }
            _ => {
                let question = form("Step 1: What is your name?", "name", "string");
                Ok(asked(json!({"step1": question}), Some(self.sealed("step1")))?.into())
            }
        }
    }

    fn sealed(&self, step: &str) -> String {
        let seal = hmac::sign(&self.key, step.as_bytes());
        let encode = |bytes: &[u8]| BASE64_URL_SAFE_NO_PAD.encode(bytes);
        format!("{}.{}", encode(step.as_bytes()), encode(seal.as_ref()))
    }

    fn opened(&self, state: &str) -> Result<String, ErrorData> {
        let opened = || {
            let (step, seal) = state.split_once('.')?;
            let (step, seal) =
                (BASE64_URL_SAFE_NO_PAD.decode(step).ok()?, BASE64_URL_SAFE_NO_PAD.decode(seal).ok()?);
            hmac::verify(&self.key, &step, &seal).ok()?;
            String::from_utf8(step).ok()
        };
        opened().ok_or_else(|| ErrorData::invalid_params("the request state is not what was given", None))
    }
}

/// The prompt that asks for its context first.
pub(super) fn prompt(request: GetPromptRequestParams) -> Result<GetPromptResponse, ErrorData> {
    let said = request.input_responses.unwrap_or_default();
    let Some(given) = name_in(&said, "user_context", "context") else {
        let question = form("What context should the prompt use?", "context", "string");
        return Ok(asked(json!({"user_context": question}), None)?.into());
    };
    let content = json!({"type": "text", "text": format!("The context is {given}.")});
    typed::<GetPromptResult>(
        json!({"resultType": "complete", "messages": [{"role": "user", "content": content}]}),
    )
    .map(Into::into)
}

/// Asks only what this client says that it can answer.
fn by_capability(declared: &ClientCapabilities) -> Result<CallToolResponse, ErrorData> {
    let mut questions = json!({});
    if can_sample(declared) {
        questions["sampled"] = sampled("Say a word", 20);
    }
    if declared.elicitation.is_some() {
        questions["asked"] = form("Say a word", "word", "string");
    }
    if questions == json!({}) {
        return Ok(content::text("There is nothing that this client could be asked."));
    }
    Ok(asked(questions, None)?.into())
}

fn asked(questions: Value, state: Option<String>) -> Result<InputRequiredResult, ErrorData> {
    Ok(InputRequiredResult::new(Some(typed(questions)?), state))
}

fn form(message: &str, field: &str, kind: &str) -> Value {
    let schema = json!({"type": "object", "properties": {field: {"type": kind}}, "required": [field]});
    json!({
        "method": "elicitation/create",
        "params": {"mode": "form", "message": message, "requestedSchema": schema}
    })
}

fn sampled(prompt: &str, tokens_max: u32) -> Value {
    let message = json!({"role": "user", "content": {"type": "text", "text": prompt}});
    json!({"method": "sampling/createMessage", "params": {"messages": [message], "maxTokens": tokens_max}})
}

fn roots() -> Value {
    json!({"method": "roots/list", "params": {}})
}

/// A field of an accepted form.
fn name_in<'s>(said: &'s InputResponses, question: &str, field: &str) -> Option<&'s str> {
    said.get(question)?.get("content")?.get(field)?.as_str()
}
