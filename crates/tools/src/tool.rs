//! What a tool is. A tool is a struct: its fields are the parameters, its doc comment the description.

use std::{future::Future, pin::Pin};

use medcor_policy::Need;
use schemars::JsonSchema;
use serde::{Serialize, de::DeserializeOwned};
use serde_json::Value;

use crate::{Answer, Form, Prompt, ResourceBinding, ToolContext, ToolError, schema};

/// One thing a clinic can ask for.
///
/// The implementing struct is the parameters, its doc comment the description that models read: what
/// the tool does, when to use it, how it fails.
pub trait Tool: DeserializeOwned + JsonSchema + Send + 'static {
    /// Canonical name, at most 40 characters of `a-z 0-9 _`.
    const NAME: &'static str;
    /// Name for people.
    const TITLE: &'static str;
    /// Other names under which documented clients call it.
    const ALIASES: &'static [Alias] = &[];
    /// What it does to the world.
    const EFFECT: Effect;
    /// The most it may do. The store refuses anything beyond.
    const NEEDS: &'static [Need];
    /// Whether a person confirms a call before it is done, where the organisation wants that: it can do
    /// harm that a new version does not undo.
    const IS_CONFIRMED: bool = false;
    /// Parameters with which alone a call of a confirmed tool is; without any, every call.
    const CONFIRMED_WITH: &'static [&'static str] = &[];
    /// Whether a person has to have logged in within the last 15 minutes.
    const NEEDS_FRESH_LOGIN: bool = false;
    /// Whether an answer is kept for a call that is repeated under an idempotency key. One that carries a
    /// secret is not, and such a tool takes no key.
    const KEEPS_ANSWER: bool = true;
    /// What a call leaves out and its conversation fills, beside what a pin does. The clinician and the day
    /// only where nobody could mean others by leaving them out.
    const FROM_SESSION: &'static [Chosen] = &[Chosen::Patient];
    /// Parameter names that documented clients use, beside the table of every tool.
    const SYNONYMS: &'static [Synonym] = &[];
    /// Resource URIs that read this tool.
    const RESOURCES: &'static [ResourceBinding] = &[];
    /// Words that people search for and that name and description lack.
    const KEYWORDS: &'static [&'static str] = &[];
    /// Who is shown it, and who may call it.
    const EXPOSURE: Exposure = Exposure::Listed;
    /// What it answers.
    type Output: Serialize + JsonSchema + Send;

    /// Does the work.
    fn run(self, cx: &mut ToolContext<'_>) -> impl Future<Output = Result<Self::Output, ToolError>> + Send;
}

/// Who is shown a tool, and who may call it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Exposure {
    /// Whoever may use it is shown it.
    Listed,
    /// It carries secrets: it is called by its name, stands in no list that agents read, and no answer of
    /// it is kept.
    Sensitive,
    /// Likewise, and it is called before there is a token.
    BeforeLogin,
}

/// What a conversation remembers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Chosen {
    /// The one parameter that refers to a patient.
    Patient,
    /// The parameter `provider`.
    Practitioner,
    /// The parameter `date`.
    Day,
}

/// What a tool does to the world; MCP's hints and HTTP's methods follow from it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Effect {
    /// Changes nothing.
    ReadOnly,
    /// Adds, changes nothing that exists.
    Creates,
    /// Changes what exists; the earlier version stays in history.
    Updates,
    /// Deactivates or ends something.
    Deletes,
}

impl Effect {
    /// Whether nothing is changed.
    pub const fn is_read_only(self) -> bool {
        matches!(self, Self::ReadOnly)
    }

    /// Whether something that exists is changed or ended (MCP `destructiveHint`).
    pub const fn is_destructive(self) -> bool {
        matches!(self, Self::Updates | Self::Deletes)
    }

    /// Whether the same call again changes nothing more (MCP `idempotentHint`).
    pub const fn is_idempotent(self) -> bool {
        !matches!(self, Self::Creates)
    }
}

/// Another name of a tool, and the arguments that the name implies.
#[derive(Debug, Clone, Copy)]
pub struct Alias {
    /// The name.
    pub name: &'static str,
    /// Arguments that a call by this name has where it doesn't give them itself.
    pub arguments: &'static [(&'static str, &'static str)],
    /// Which of the tools of this name it is, where there are several.
    pub form: Option<Form>,
}

/// Another name of a tool.
pub const fn alias(name: &'static str) -> Alias {
    Alias { name, arguments: &[], form: None }
}

impl Alias {
    /// The arguments that the name implies: `get_medications` is `list_prescriptions` with
    /// `status: active`.
    #[must_use]
    pub const fn with(self, arguments: &'static [(&'static str, &'static str)]) -> Self {
        Self { arguments, ..self }
    }

    /// One of several tools of this name: `create_treatment` with a patient is `create_treatment_plan`.
    #[must_use]
    pub const fn form(self, form: Form) -> Self {
        Self { form: Some(form), ..self }
    }
}

/// Another name of a parameter.
#[derive(Debug, Clone, Copy)]
pub struct Synonym {
    /// The name that callers use.
    pub name: &'static str,
    /// The parameter it means.
    pub parameter: &'static str,
}

/// Another name of a parameter.
pub const fn synonym(name: &'static str, parameter: &'static str) -> Synonym {
    Synonym { name, parameter }
}

/// A family of tools that belong together; its name is their toolset.
pub struct Capability {
    /// Lower case, such as `chart`.
    pub name: &'static str,
    /// One line for people.
    pub description: &'static str,
    /// The tools.
    pub tools: &'static [ToolEntry],
    /// The prompts.
    pub prompts: &'static [Prompt],
}

/// A tool with its types erased, so that every door can list and call it.
pub struct ToolEntry {
    /// See [`Tool::NAME`].
    pub name: &'static str,
    /// See [`Tool::TITLE`].
    pub title: &'static str,
    /// See [`Tool::ALIASES`].
    pub aliases: &'static [Alias],
    /// See [`Tool::EFFECT`].
    pub effect: Effect,
    /// See [`Tool::NEEDS`].
    pub needs: &'static [Need],
    /// See [`Tool::IS_CONFIRMED`].
    pub is_confirmed: bool,
    /// See [`Tool::CONFIRMED_WITH`].
    pub confirmed_with: &'static [&'static str],
    /// See [`Tool::NEEDS_FRESH_LOGIN`].
    pub needs_fresh_login: bool,
    /// See [`Tool::KEEPS_ANSWER`].
    pub keeps_answer: bool,
    /// See [`Tool::FROM_SESSION`].
    pub from_session: &'static [Chosen],
    /// See [`Tool::SYNONYMS`].
    pub synonyms: &'static [Synonym],
    /// See [`Tool::RESOURCES`].
    pub resources: &'static [ResourceBinding],
    /// See [`Tool::KEYWORDS`].
    pub keywords: &'static [&'static str],
    /// See [`Tool::EXPOSURE`].
    pub exposure: Exposure,
    pub(crate) input_schema: fn() -> Value,
    pub(crate) output_schema: fn() -> Value,
    pub(crate) run: RunFn,
    pub(crate) forward: Option<ForwardFn>,
}

impl ToolEntry {
    /// Whether lists that agents read have it.
    pub fn is_listed(&self) -> bool {
        self.exposure == Exposure::Listed
    }

    /// Whether it only names another tool, whose effect it then has.
    pub const fn names_another(&self) -> bool {
        self.forward.is_some()
    }
}

pub(crate) type ForwardFn = fn(Value) -> Result<(String, Value), ToolError>;

pub(crate) type RunFn = for<'a, 'c> fn(Value, &'a mut ToolContext<'c>) -> RunFuture<'a>;
pub(crate) type RunFuture<'a> = Pin<Box<dyn Future<Output = Result<Answer, ToolError>> + Send + 'a>>;

/// The entry of a tool.
pub const fn tool<T: Tool>() -> ToolEntry {
    ToolEntry {
        name: T::NAME,
        title: T::TITLE,
        aliases: T::ALIASES,
        effect: T::EFFECT,
        needs: T::NEEDS,
        is_confirmed: T::IS_CONFIRMED,
        confirmed_with: T::CONFIRMED_WITH,
        needs_fresh_login: T::NEEDS_FRESH_LOGIN,
        keeps_answer: T::KEEPS_ANSWER,
        from_session: T::FROM_SESSION,
        synonyms: T::SYNONYMS,
        resources: T::RESOURCES,
        keywords: T::KEYWORDS,
        exposure: T::EXPOSURE,
        input_schema: schema::input_schema::<T>,
        output_schema: schema::output_schema::<T::Output>,
        run: run_erased::<T>,
        forward: None,
    }
}

/// A tool that only names another: the pipeline follows it, so that the call has the authority, the
/// checks and the audit row of the tool that it names.
pub trait Forward: Tool {
    /// The tool and its arguments.
    fn target(self) -> (String, Value);
}

/// The entry of a tool that only names another.
pub const fn forward<T: Forward>() -> ToolEntry {
    let mut entry = tool::<T>();
    entry.forward = Some(target_erased::<T>);
    entry
}

fn target_erased<T: Forward>(arguments: Value) -> Result<(String, Value), ToolError> {
    serde_json::from_value::<T>(arguments).map(T::target).map_err(ToolError::schema_and_type_disagree)
}

fn run_erased<'a, T: Tool>(arguments: Value, cx: &'a mut ToolContext<'_>) -> RunFuture<'a> {
    // Deserialising here keeps `T` out of the future until it runs.
    let call = serde_json::from_value::<T>(arguments);
    Box::pin(async move {
        let output = call.map_err(ToolError::schema_and_type_disagree)?.run(cx).await?;
        Answer::of(&output)
    })
}
