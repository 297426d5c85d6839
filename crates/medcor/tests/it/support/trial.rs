//! Tools that exist for tests alone: what a door must carry is then known to the letter.

use std::time::Duration;

use medcor_fhir::{ParsedResource, ResourceType};
use medcor_tools::{
    Action, Capability, Effect, Need, Prompt, PromptArgument, ResourceBinding, Tool, ToolContext, ToolError,
    resource, tool,
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// The toolset of tests.
pub(crate) static TRIAL: Capability = Capability {
    name: "trial",
    description: "Tools of tests.",
    tools: &[
        tool::<TrialEcho>(),
        tool::<TrialFail>(),
        tool::<TrialFresh>(),
        tool::<TrialHarm>(),
        tool::<TrialPart>(),
        tool::<TrialSlow>(),
        tool::<TrialWrite>(),
    ],
    prompts: &[Prompt {
        name: "trial_prompt",
        title: "Trial",
        description: "A prompt of tests.",
        arguments: &[
            PromptArgument { name: "patient", description: "Who.", is_required: true },
            PromptArgument { name: "reason", description: "Why.", is_required: false },
        ],
        template: "See {{patient}} about {{reason|the visit}}.",
    }],
};

const READS_PATIENTS: &[Need] =
    &[Need::Record { action: Action::Read, resource_type: ResourceType::PATIENT }];

/// Repeats a text.
#[derive(Deserialize, JsonSchema)]
struct TrialEcho {
    /// The text.
    text: String,
    /// How loud.
    #[serde(default)]
    volume: Option<Volume>,
}

#[derive(Deserialize, Serialize, JsonSchema, Clone, Copy)]
#[serde(rename_all = "lowercase")]
enum Volume {
    Quiet,
    Quick,
    Loud,
}

#[derive(Serialize, JsonSchema)]
struct Echo {
    /// The text.
    text: String,
    /// Text that JSON has to escape.
    odd: String,
    /// A number with many digits.
    number: f64,
    #[serde(skip_serializing_if = "Option::is_none")]
    volume: Option<Volume>,
}

impl Tool for TrialEcho {
    const NAME: &'static str = "trial_echo";
    const TITLE: &'static str = "Echo";
    const EFFECT: Effect = Effect::ReadOnly;
    const NEEDS: &'static [Need] = READS_PATIENTS;
    const RESOURCES: &'static [ResourceBinding] = &[
        resource("trial://echo/{text}"),
        resource("trial://echo/{text}/{volume}"),
        resource("trial://greeting").with(&[("text", "hello")]),
    ];
    type Output = Echo;

    async fn run(self, _cx: &mut ToolContext<'_>) -> Result<Echo, ToolError> {
        let odd = "quote \" backslash \\ newline \n null \u{0} line \u{2028} 🩺 ü".to_owned();
        Ok(Echo { text: self.text, odd, number: 0.1 + 0.2, volume: self.volume })
    }
}

/// Never finds anything.
#[derive(Deserialize, JsonSchema)]
struct TrialFail {}

impl Tool for TrialFail {
    const NAME: &'static str = "trial_fail";
    const TITLE: &'static str = "Fail";
    const EFFECT: Effect = Effect::ReadOnly;
    const NEEDS: &'static [Need] = READS_PATIENTS;
    type Output = Echo;

    async fn run(self, _cx: &mut ToolContext<'_>) -> Result<Echo, ToolError> {
        Err(ToolError::not_found("Patient"))
    }
}

/// Takes a while.
#[derive(Deserialize, JsonSchema)]
struct TrialSlow {
    /// How long.
    milliseconds: u64,
}

impl Tool for TrialSlow {
    const NAME: &'static str = "trial_slow";
    const TITLE: &'static str = "Slow";
    const EFFECT: Effect = Effect::ReadOnly;
    const NEEDS: &'static [Need] = READS_PATIENTS;
    type Output = Echo;

    async fn run(self, _cx: &mut ToolContext<'_>) -> Result<Echo, ToolError> {
        tokio::time::sleep(Duration::from_millis(self.milliseconds)).await;
        Ok(Echo { text: String::new(), odd: String::new(), number: 0.0, volume: None })
    }
}

/// Reads what a person has just logged in for.
#[derive(Deserialize, JsonSchema)]
struct TrialFresh {}

impl Tool for TrialFresh {
    const NAME: &'static str = "trial_fresh";
    const TITLE: &'static str = "Fresh";
    const EFFECT: Effect = Effect::ReadOnly;
    const NEEDS: &'static [Need] = READS_PATIENTS;
    const NEEDS_FRESH_LOGIN: bool = true;
    type Output = Echo;

    async fn run(self, _cx: &mut ToolContext<'_>) -> Result<Echo, ToolError> {
        Ok(Echo { text: String::new(), odd: String::new(), number: 0.0, volume: None })
    }
}

/// Does what a person has to confirm: here, registering somebody.
#[derive(Deserialize, JsonSchema)]
struct TrialHarm {
    /// Who.
    family: String,
}

impl Tool for TrialHarm {
    const NAME: &'static str = "trial_harm";
    const TITLE: &'static str = "Harm";
    const EFFECT: Effect = Effect::Creates;
    const NEEDS: &'static [Need] =
        &[Need::Record { action: Action::Create, resource_type: ResourceType::PATIENT }];
    const IS_CONFIRMED: bool = true;
    type Output = Echo;

    async fn run(self, cx: &mut ToolContext<'_>) -> Result<Echo, ToolError> {
        let record = serde_json::json!({ "resourceType": "Patient", "name": [{ "family": self.family }] });
        cx.records().create(ParsedResource::from_value(record)?)?;
        Ok(Echo { text: self.family, odd: String::new(), number: 0.0, volume: None })
    }
}

/// Answers what another tool answers.
#[derive(Deserialize, JsonSchema)]
struct TrialPart {
    /// Which.
    tool: String,
    /// Its argument.
    text: String,
}

impl Tool for TrialPart {
    const NAME: &'static str = "trial_part";
    const TITLE: &'static str = "Part";
    const EFFECT: Effect = Effect::ReadOnly;
    const NEEDS: &'static [Need] = READS_PATIENTS;
    type Output = Echo;

    async fn run(self, cx: &mut ToolContext<'_>) -> Result<Echo, ToolError> {
        let arguments = serde_json::Map::from_iter([("text".to_owned(), self.text.into())]);
        let is_covered = cx.covers(&self.tool);
        let answer = cx.part(&self.tool, arguments).await?;
        assert!(is_covered, "{} was answered", self.tool);
        let text = answer["text"].as_str().unwrap_or_default().to_owned();
        Ok(Echo { text, odd: String::new(), number: 0.0, volume: None })
    }
}

/// Says that it writes.
#[derive(Deserialize, JsonSchema)]
struct TrialWrite {}

impl Tool for TrialWrite {
    const NAME: &'static str = "trial_write";
    const TITLE: &'static str = "Write";
    const EFFECT: Effect = Effect::Updates;
    const NEEDS: &'static [Need] =
        &[Need::Record { action: Action::Update, resource_type: ResourceType::ALLERGY_INTOLERANCE }];
    type Output = Echo;

    async fn run(self, _cx: &mut ToolContext<'_>) -> Result<Echo, ToolError> {
        Ok(Echo { text: String::new(), odd: String::new(), number: 0.0, volume: None })
    }
}
