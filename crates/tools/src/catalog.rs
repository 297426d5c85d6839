//! The catalogue: every tool, resource and prompt, compiled once at start.

mod ranking;

use std::collections::{BTreeMap, HashMap};

use boon::{Compiler, SchemaIndex, Schemas, ValidationError};
use medcor_fhir::ResourceType;
use serde_json::{Value, json};

use crate::{
    Alias, ArgumentProblem, BoundResource, Caller, Capability, Form, Prompt, ToolEntry,
    argument::SYNONYMS,
    conversation::SESSION_ARGUMENT,
    overload::{self, Choice, Meant},
    pipeline::{KEY_ARGUMENT, TOKEN_ARGUMENT},
    reference::REFERENCE_KEYWORD,
    resource, schema,
    secret::SECRET_KEYWORD,
};

pub use ranking::Hit;

/// Longest name of a tool: clients prefix it and stop at 64.
const NAME_LENGTH_MAX: usize = 40;

/// The arguments that an alias implies.
pub type Implied = &'static [(&'static str, &'static str)];

/// Every tool, resource and prompt.
pub struct Catalog {
    capabilities: Vec<&'static Capability>,
    tools: BTreeMap<&'static str, CompiledTool>,
    aliases: HashMap<&'static str, (&'static str, Implied)>,
    /// Names that mean several tools: of each the tool and its alias.
    overloads: BTreeMap<&'static str, Vec<(&'static str, &'static Alias)>>,
    tool_index: ranking::Index,
    prompt_index: ranking::Index,
}

/// A tool with its schemas.
pub struct CompiledTool {
    /// The entry.
    pub entry: &'static ToolEntry,
    /// The toolset it belongs to.
    pub toolset: &'static str,
    /// What models read.
    pub description: String,
    /// Parameters, as published.
    pub input_schema: Value,
    /// Answer, as published.
    pub output_schema: Value,
    annotated: Value,
    references: Vec<ReferencePath>,
    secrets: Vec<String>,
    synonyms: HashMap<&'static str, String>,
    schemas: Schemas,
    root: SchemaIndex,
}

/// Where a reference stands in the arguments.
#[derive(Debug, Clone)]
pub struct ReferencePath {
    /// Property names; `*` is every item of a list.
    pub steps: Vec<String>,
    /// What it refers to.
    pub resource_type: ResourceType,
}

/// A capability that can't be served. Found at start, never by a caller.
#[derive(Debug, thiserror::Error)]
pub enum CatalogError {
    /// Two tools or aliases of one name.
    #[error("two tools are called `{0}`")]
    NameTaken(&'static str),
    /// A name that some client refuses.
    #[error("the name `{0}` is not at most 40 of a-z, 0-9 and _")]
    BadName(&'static str),
    /// A form of an overload that names no parameter of its tool.
    #[error("the form `{name}` of `{tool}` names `{parameter}`, which is no parameter of it")]
    BadForm {
        /// The tool.
        tool: &'static str,
        /// The overload.
        name: &'static str,
        /// What is no parameter.
        parameter: &'static str,
    },
    /// Members of an answer that would be null where there is no value; they are to be left out.
    #[error("answers of `{tool}` would have null in {members:?}; leave out what is not known")]
    NullInAnswer {
        /// The tool.
        tool: &'static str,
        /// What would be null.
        members: Vec<String>,
    },
    /// A schema that does not compile.
    #[error("the schema of `{tool}` does not compile: {reason}")]
    BadSchema {
        /// The tool.
        tool: &'static str,
        /// Why.
        reason: String,
    },
}

impl Catalog {
    /// Compiles the catalogue.
    pub fn new(capabilities: &[&'static Capability]) -> Result<Self, CatalogError> {
        let mut tools = BTreeMap::new();
        let mut aliases = HashMap::new();
        let mut overloads: BTreeMap<_, Vec<_>> = BTreeMap::new();
        for capability in capabilities {
            for entry in capability.tools {
                check_name(entry.name)?;
                let compiled = CompiledTool::new(entry, capability.name)?;
                for alias in entry.aliases {
                    if let Some(form) = &alias.form {
                        check_form(&compiled, alias.name, form)?;
                        overloads.entry(alias.name).or_default().push((entry.name, alias));
                    } else if aliases.insert(alias.name, (entry.name, alias.arguments)).is_some() {
                        return Err(CatalogError::NameTaken(alias.name));
                    }
                }
                if tools.insert(entry.name, compiled).is_some() {
                    return Err(CatalogError::NameTaken(entry.name));
                }
            }
        }
        let is_taken = |alias: &&&'static str| tools.contains_key(**alias);
        if let Some(alias) = aliases.keys().chain(overloads.keys()).find(is_taken) {
            return Err(CatalogError::NameTaken(alias));
        }
        if let Some(alias) = overloads.keys().find(|name| aliases.contains_key(**name)) {
            return Err(CatalogError::NameTaken(alias));
        }
        let tool_index = ranking::Index::of_tools(tools.values());
        let prompts = capabilities.iter().flat_map(|capability| capability.prompts);
        let prompt_index = ranking::Index::of_prompts(prompts);
        let capabilities = capabilities.to_vec();
        Ok(Self { capabilities, tools, aliases, overloads, tool_index, prompt_index })
    }

    /// The tool of this name or alias, and the arguments that the alias implies. Of an overload it is the
    /// first form; which one a call means says [`Catalog::meant`].
    pub fn find(&self, name: &str) -> Option<(&CompiledTool, Implied)> {
        if let Some(tool) = self.tools.get(name) {
            return Some((tool, &[]));
        }
        if let Some((canonical, implied)) = self.aliases.get(name) {
            return Some((self.tools.get(canonical)?, implied));
        }
        let first = self.forms(name).into_iter().next()?;
        Some((first.tool, first.implied))
    }

    /// The tools that a call of this name with these arguments can mean: none where there is no such name,
    /// several where an overload is not decided by the arguments alone.
    pub fn meant(&self, name: &str, arguments: &Value) -> Vec<&CompiledTool> {
        let forms = self.forms(name);
        let is_by_record = forms.iter().any(|meant| meant.form.record.is_some());
        match overload::choice(&forms, arguments) {
            Choice::One(position) if !is_by_record => vec![forms[position].tool],
            _ => self.named(name),
        }
    }

    /// Every tool that has this name: several for an overload.
    pub fn named(&self, name: &str) -> Vec<&CompiledTool> {
        let forms = self.forms(name);
        let only = forms.is_empty().then(|| self.find(name).map(|(tool, _)| tool)).flatten();
        forms.into_iter().map(|meant| meant.tool).chain(only).collect()
    }

    /// Names that mean several tools.
    pub fn overloads(&self) -> impl Iterator<Item = &'static str> {
        self.overloads.keys().copied()
    }

    /// The forms of an overload; none where the name means one tool.
    pub(crate) fn forms(&self, name: &str) -> Vec<Meant<'_>> {
        let forms = self.overloads.get(name).into_iter().flatten();
        forms
            .filter_map(|(tool, alias)| {
                let form = alias.form.as_ref()?;
                Some(Meant { tool: self.tools.get(tool)?, form, implied: alias.arguments })
            })
            .collect()
    }

    /// Every tool, in order of name.
    pub fn tools(&self) -> impl Iterator<Item = &CompiledTool> {
        self.tools.values()
    }

    /// The tools that this caller may use, in order of name.
    pub fn tools_for<'c>(&'c self, caller: &'c Caller) -> impl Iterator<Item = &'c CompiledTool> {
        self.tools().filter(|tool| caller.may_use(tool.entry))
    }

    /// Every capability.
    pub fn capabilities(&self) -> &[&'static Capability] {
        &self.capabilities
    }

    /// Every prompt, in order of name.
    pub fn prompts(&self) -> Vec<&'static Prompt> {
        let mut prompts: Vec<&'static Prompt> =
            self.capabilities.iter().flat_map(|capability| capability.prompts).collect();
        prompts.sort_by_key(|prompt| prompt.name);
        prompts
    }

    /// The prompts of the toolsets in which this caller may use a tool at all, in order of name.
    pub fn prompts_for(&self, caller: &Caller) -> Vec<&'static Prompt> {
        let usable = self.capabilities.iter().filter(|toolset| may_use_any(toolset, caller));
        let mut prompts: Vec<&'static Prompt> = usable.flat_map(|toolset| toolset.prompts).collect();
        prompts.sort_by_key(|prompt| prompt.name);
        prompts
    }

    /// What reading this resource URI calls; `None` when no template matches.
    pub fn bound_resource(&self, uri: &str) -> Option<BoundResource> {
        let bindings = self
            .tools
            .values()
            .flat_map(|tool| tool.entry.resources.iter().map(|binding| (tool.entry.name, binding)));
        resource::bound(bindings, uri)
    }

    /// The tools that fit these words best among those that the caller may use.
    pub fn ranked(&self, words: &str, caller: &Caller, limit: usize) -> Vec<Hit<'_>> {
        let hits = self.tool_index.ranked(words);
        let tools = hits.into_iter().filter_map(|(name, score)| Some((self.tools.get(name)?, score)));
        tools
            .filter(|(tool, _)| tool.entry.is_listed() && caller.may_use(tool.entry))
            .take(limit)
            .map(|(tool, score)| Hit { tool, score })
            .collect()
    }

    /// The prompts that fit these words best among those that the caller may use.
    pub fn ranked_prompts(&self, words: &str, caller: &Caller, limit: usize) -> Vec<&'static Prompt> {
        let prompts = self.prompts_for(caller);
        let hits = self.prompt_index.ranked(words).into_iter();
        let named = |name| prompts.iter().copied().find(|prompt| prompt.name == name);
        hits.filter_map(|(name, _)| named(name)).take(limit).collect()
    }

    /// Names of tools near a name that does not exist, among those that the caller may use.
    pub fn near(&self, name: &str, caller: &Caller) -> Vec<&'static str> {
        let words = name.replace(['_', '-'], " ");
        self.ranked(&words, caller, 3).into_iter().map(|hit| hit.tool.entry.name).collect()
    }
}

/// A prompt is the way into its toolset, so it is shown where that is open.
pub(crate) fn may_use_any(toolset: &Capability, caller: &Caller) -> bool {
    toolset.tools.iter().any(|entry| caller.may_use(entry))
}

fn check_name(name: &'static str) -> Result<(), CatalogError> {
    let fits = (1..=NAME_LENGTH_MAX).contains(&name.len());
    let is_plain =
        name.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_');
    if fits && is_plain { Ok(()) } else { Err(CatalogError::BadName(name)) }
}

fn check_form(tool: &CompiledTool, name: &'static str, form: &Form) -> Result<(), CatalogError> {
    let named = form.marks.iter().chain(form.record.iter());
    match named.copied().find(|parameter| tool.property(parameter).is_none()) {
        Some(parameter) => Err(CatalogError::BadForm { tool: tool.entry.name, name, parameter }),
        None => Ok(()),
    }
}

impl CompiledTool {
    fn new(entry: &'static ToolEntry, toolset: &'static str) -> Result<Self, CatalogError> {
        let mut annotated = (entry.input_schema)();
        if !entry.effect.is_read_only() && entry.is_listed() && entry.keeps_answer {
            add_idempotency_key(&mut annotated);
        }
        if entry.is_confirmed {
            add_confirmation_token(&mut annotated);
        }
        let description = annotated
            .as_object_mut()
            .and_then(|root| root.remove("description"))
            .and_then(|text| text.as_str().map(str::to_owned))
            .unwrap_or_default();
        let input_schema = schema::published(&annotated);
        let mut output_schema = (entry.output_schema)();
        let members = schema::written_as_null(&output_schema);
        if !members.is_empty() {
            return Err(CatalogError::NullInAnswer { tool: entry.name, members });
        }
        if let Some(root) = output_schema.as_object_mut() {
            root.remove("description");
        }
        let mut schemas = Schemas::new();
        let root = compiled(entry.name, &input_schema, &mut schemas)?;
        let mut references = Vec::new();
        collect_references(&annotated, &mut Vec::new(), &mut references);
        let synonyms = synonyms_of(entry, &annotated);
        let secrets = secrets_of(&annotated);
        Ok(Self {
            entry,
            toolset,
            description,
            input_schema,
            output_schema,
            annotated,
            references,
            secrets,
            synonyms,
            schemas,
            root,
        })
    }

    /// The names of its parameters.
    pub fn parameters(&self) -> impl Iterator<Item = &str> {
        self.properties().into_iter().flat_map(|properties| properties.keys().map(String::as_str))
    }

    /// The first line of the description.
    pub fn summary(&self) -> &str {
        self.description.lines().next().unwrap_or_default()
    }

    /// The known parameters among the names that a call gives, for the audit trail: a name that is not
    /// a parameter's is whatever the caller wrote.
    pub(crate) fn parameter_names(&self, arguments: &Value) -> Vec<String> {
        let given = arguments.as_object().into_iter().flat_map(|given| given.keys());
        let mut names: Vec<String> =
            given.filter_map(|name| self.parameter_of(name)).map(str::to_owned).collect();
        names.dedup();
        names
    }

    pub(crate) fn property(&self, name: &str) -> Option<&Value> {
        self.properties()?.get(name)
    }

    /// The parameter that a caller's name for it means.
    pub(crate) fn parameter_of(&self, name: &str) -> Option<&str> {
        let properties = self.properties()?;
        if let Some((known, _)) = properties.get_key_value(name) {
            return Some(known);
        }
        self.synonyms.get(name).map(String::as_str)
    }

    /// The names of its parameters that hold secrets.
    pub fn secrets(&self) -> &[String] {
        &self.secrets
    }

    /// Its parameters as agents are shown them: without secrets, which they should not have to hold.
    pub fn listed_schema(&self) -> Value {
        let mut schema = self.input_schema.clone();
        if let Some(Value::Object(properties)) = schema.get_mut("properties") {
            properties.retain(|name, _| !self.secrets.contains(name));
            if self.takes_session() {
                properties.insert(SESSION_ARGUMENT.to_owned(), session_schema());
            }
        }
        schema
    }

    /// Whether a conversation can fill something. Every other tool takes its handle too, and need not say so
    /// to agents.
    fn takes_session(&self) -> bool {
        self.entry.is_listed()
            && (self.references.iter().any(|path| path.steps.len() == 1) || self.property("date").is_some())
    }

    /// Whether a call has to have this parameter.
    pub(crate) fn requires(&self, parameter: &str) -> bool {
        let required = self.annotated.get("required").and_then(Value::as_array).into_iter().flatten();
        required.into_iter().any(|name| name == parameter)
    }

    /// Where its parameters refer to records.
    pub fn references(&self) -> &[ReferencePath] {
        &self.references
    }

    /// Every way in which the arguments do not fit the schema.
    pub(crate) fn problems_of(&self, arguments: &Value) -> Vec<ArgumentProblem> {
        let mut problems = Vec::new();
        if let Err(error) = self.schemas.validate(arguments, self.root) {
            collect_problems(&error, &mut problems);
        }
        problems
    }

    fn properties(&self) -> Option<&serde_json::Map<String, Value>> {
        self.annotated.get("properties").and_then(Value::as_object)
    }
}

/// Every tool that writes can be repeated safely, unless its answer may not be kept.
fn add_idempotency_key(schema: &mut Value) {
    let key = json!({
        "type": "string",
        "minLength": 8,
        "maxLength": 128,
        "description": "A key of your own for this call. Repeat the call with the same key after a lost answer: \
            the work is done once and the same answer comes back.",
    });
    if let Some(Value::Object(properties)) = schema.get_mut("properties") {
        properties.insert(KEY_ARGUMENT.to_owned(), key);
    }
}

/// A tool that can do harm can be asked to wait for a person.
fn add_confirmation_token(schema: &mut Value) {
    let token = json!({
        "type": "string",
        "maxLength": 1024,
        "description": "Leave it out at first. Where the answer is CONFIRMATION_REQUIRED, show a person what will be \
            done, and on a yes call again with the same arguments and the token of that answer.",
    });
    if let Some(Value::Object(properties)) = schema.get_mut("properties") {
        properties.insert(TOKEN_ARGUMENT.to_owned(), token);
    }
}

/// The argument that any call may have, as agents are shown it.
fn session_schema() -> Value {
    json!({ "type": "string", "description": "Handle of start_session." })
}

fn compiled(tool: &'static str, schema: &Value, schemas: &mut Schemas) -> Result<SchemaIndex, CatalogError> {
    const LOCATION: &str = "https://medcor.invalid/tool";
    let refused = |error: boon::CompileError| CatalogError::BadSchema { tool, reason: error.to_string() };
    let mut compiler = Compiler::new();
    compiler.enable_format_assertions();
    compiler.add_resource(LOCATION, schema.clone()).map_err(refused)?;
    compiler.compile(LOCATION, schemas).map_err(refused)
}

/// The innermost causes are what a caller can act on.
fn collect_problems(error: &ValidationError<'_, '_>, problems: &mut Vec<ArgumentProblem>) {
    if error.causes.is_empty() {
        let path = error.instance_location.to_string();
        let problem = error.kind.to_string();
        problems.push(ArgumentProblem { path, problem });
    }
    for cause in &error.causes {
        collect_problems(cause, problems);
    }
}

fn synonyms_of(entry: &ToolEntry, annotated: &Value) -> HashMap<&'static str, String> {
    let has = |parameter: &str| annotated.pointer(&format!("/properties/{parameter}")).is_some();
    let mut synonyms = HashMap::new();
    for synonym in entry.synonyms {
        synonyms.insert(synonym.name, synonym.parameter.to_owned());
    }
    for (parameter, names) in SYNONYMS {
        for name in names.iter().filter(|_| has(parameter)) {
            synonyms.entry(*name).or_insert_with(|| (*parameter).to_owned());
        }
    }
    synonyms
}

fn secrets_of(annotated: &Value) -> Vec<String> {
    let properties = annotated.get("properties").and_then(Value::as_object).into_iter().flatten();
    let secrets = properties.filter(|(_, schema)| schema.get(SECRET_KEYWORD).is_some());
    secrets.map(|(name, _)| name.clone()).collect()
}

fn collect_references(schema: &Value, path: &mut Vec<String>, references: &mut Vec<ReferencePath>) {
    if let Some(name) = schema.get(REFERENCE_KEYWORD).and_then(Value::as_str) {
        let resource_type = ResourceType::from_name(name).expect("the keyword is made from a type");
        references.push(ReferencePath { steps: path.clone(), resource_type });
        return;
    }
    for (name, property) in schema.get("properties").and_then(Value::as_object).into_iter().flatten() {
        path.push(name.clone());
        collect_references(property, path, references);
        path.pop();
    }
    if let Some(items) = schema.get("items") {
        path.push("*".to_owned());
        collect_references(items, path, references);
        path.pop();
    }
}
