//! What a caller may see at an address: made once per set of rights and kept.

use std::{fmt::Write, sync::Arc};

use axum::body::Bytes;
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use medcor_tools::{Capability, Catalog, CompiledTool, Prompt as PromptEntry, ResourceBinding};
use quick_cache::sync::Cache;
use rmcp::{
    ErrorData,
    model::{
        CacheScope, ListToolsResult, MetaObject, Prompt, PromptArgument, ProtocolVersion, Resource,
        ResourceTemplate, Tool, ToolAnnotations,
    },
};
use serde::Serialize;
use serde_json::{Map, Value};

use super::Asker;

/// Items of one page. Some clients read the first page only.
const PAGE_ITEMS: usize = 200;
/// Listings kept at hand: roles times scopes times addresses.
const LISTINGS_CACHED: usize = 512;
/// How long a client may keep a list: it changes with the caller's rights and with the server's version.
pub(super) const LIST_TTL_MS: u64 = 60_000;
const JSON: &str = "application/json";

/// The two shapes of results.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::door) enum Era {
    /// Before 2026-07-28.
    Legacy,
    /// With `resultType` and cache hints.
    Modern,
}

impl Era {
    pub(super) fn of(version: Option<&ProtocolVersion>) -> Self {
        let is_modern =
            version.is_some_and(|version| version.as_str() >= ProtocolVersion::V_2026_07_28.as_str());
        if is_modern { Self::Modern } else { Self::Legacy }
    }
}

/// What one set of rights sees at one address. Every list is in order of its key.
pub(in crate::door) struct Listing {
    pub(in crate::door) tools: Vec<Tool>,
    pub(super) resources: Vec<Resource>,
    pub(super) templates: Vec<ResourceTemplate>,
    pub(super) prompts: Vec<Prompt>,
    first_tools: [Bytes; 2],
}

impl Listing {
    /// The result of `tools/list` without a cursor, as JSON.
    pub(in crate::door) fn first_tools(&self, era: Era) -> Bytes {
        self.first_tools[era as usize].clone()
    }

    /// One page of the tools.
    pub(super) fn tools_page(&self, cursor: Option<&str>, era: Era) -> Result<ListToolsResult, ErrorData> {
        let (tools, next_cursor) = page(&self.tools, "tools", cursor, |tool| &tool.name)?;
        let mut result = ListToolsResult { next_cursor, ..ListToolsResult::with_all_items(tools) };
        match era {
            Era::Modern => {
                result = result.with_ttl_ms(LIST_TTL_MS).with_cache_scope(CacheScope::Private);
            }
            Era::Legacy => result.result_type = None,
        }
        Ok(result)
    }
}

pub(super) struct Listings {
    catalog: Arc<Catalog>,
    known: Cache<String, Arc<Listing>>,
}

impl Listings {
    pub(super) fn new(catalog: Arc<Catalog>) -> Self {
        Self { catalog, known: Cache::new(LISTINGS_CACHED) }
    }

    pub(super) fn of(&self, asker: &Asker) -> Arc<Listing> {
        let rights = rights(asker);
        if let Some(listing) = self.known.get(&rights) {
            return listing;
        }
        let listing = Arc::new(listing(&self.catalog, asker));
        self.known.insert(rights, listing.clone());
        listing
    }
}

/// Everything on which it depends what policy permits and the address shows.
fn rights(asker: &Asker) -> String {
    let principal = asker.caller.principal();
    let mut rights = asker.view.name().to_owned();
    for role in &principal.roles {
        rights.push('|');
        rights.push_str(role.name());
    }
    rights.push(if principal.patient.is_some() { '!' } else { '.' });
    for scope in principal.scopes.iter().flatten() {
        rights.push(' ');
        rights.push_str(scope.as_str());
    }
    if principal.scopes.is_some() {
        rights.push(';');
    }
    rights
}

fn listing(catalog: &Catalog, asker: &Asker) -> Listing {
    let usable: Vec<&CompiledTool> = catalog
        .tools_for(&asker.caller)
        .filter(|tool| tool.entry.is_listed() && asker.view.shows(tool))
        .collect();
    let mut resources = Vec::new();
    let mut templates = Vec::new();
    for compiled in &usable {
        for binding in compiled.entry.resources {
            if binding.is_fixed() {
                resources.push(resource(compiled, binding));
            } else {
                templates.push(resource_template(compiled, binding));
            }
        }
    }
    resources.sort_by(|one, other| one.uri.cmp(&other.uri));
    templates.sort_by(|one, other| one.uri_template.cmp(&other.uri_template));
    let mut tools: Vec<Tool> = usable.into_iter().map(tool).collect();
    if asker.view.is_brief() {
        for tool in &mut tools {
            tool.output_schema = None;
        }
    }
    let mut listing = Listing {
        tools,
        resources,
        templates,
        prompts: prompts(catalog, asker).into_iter().map(prompt).collect(),
        first_tools: [Bytes::new(), Bytes::new()],
    };
    for era in [Era::Legacy, Era::Modern] {
        listing.first_tools[era as usize] = written(&listing.tools_page(None, era));
    }
    listing
}

fn written(result: &Result<ListToolsResult, ErrorData>) -> Bytes {
    let result = result.as_ref().expect("the first page has no cursor that could be bad");
    serde_json::to_vec(result).expect("names and schemas can be written").into()
}

/// The prompts that an address shows to this caller, in order of name.
pub(super) fn prompts(catalog: &Catalog, asker: &Asker) -> Vec<&'static PromptEntry> {
    let is_shown = |prompt: &PromptEntry| {
        let mut toolsets = catalog.capabilities().iter();
        let is_of = |toolset: &&&Capability| toolset.prompts.iter().any(|known| known.name == prompt.name);
        toolsets.find(is_of).is_some_and(|toolset| asker.view.shows_prompts_of(toolset.name))
    };
    let prompts = catalog.prompts_for(&asker.caller).into_iter();
    prompts.filter(|prompt| is_shown(prompt)).collect()
}

/// A tool as clients see it, all hints said.
pub(super) fn tool(tool: &CompiledTool) -> Tool {
    let effect = tool.entry.effect;
    let annotations = ToolAnnotations::with_title(tool.entry.title)
        .read_only(effect.is_read_only())
        .destructive(effect.is_destructive())
        .idempotent(effect.is_idempotent())
        .open_world(false);
    let mut meta = Map::new();
    meta.insert("medcor/toolset".to_owned(), tool.toolset.into());
    Tool::new(tool.entry.name, tool.description.clone(), object(&tool.listed_schema()))
        .with_title(tool.entry.title)
        .with_raw_output_schema(Arc::new(object(&tool.output_schema)))
        .with_annotations(annotations)
        .with_meta(MetaObject(meta))
}

fn object(schema: &Value) -> Map<String, Value> {
    schema.as_object().cloned().unwrap_or_default()
}

fn resource(tool: &CompiledTool, binding: &ResourceBinding) -> Resource {
    Resource::new(binding.template, name_of(tool, binding))
        .with_title(tool.entry.title)
        .with_description(tool.summary())
        .with_mime_type(JSON)
}

fn resource_template(tool: &CompiledTool, binding: &ResourceBinding) -> ResourceTemplate {
    ResourceTemplate::new(binding.template, name_of(tool, binding))
        .with_title(tool.entry.title)
        .with_description(tool.summary())
        .with_mime_type(JSON)
}

/// The tool's name; with the path's words where the tool has several bindings.
fn name_of(tool: &CompiledTool, binding: &ResourceBinding) -> String {
    let mut name = tool.entry.name.to_owned();
    if tool.entry.resources.len() > 1 {
        let path = binding.template.replace("://", "/");
        for word in path.split('/').filter(|word| !word.is_empty() && !word.starts_with('{')) {
            write!(name, "-{word}").expect("a string takes all text");
        }
    }
    name
}

fn prompt(entry: &'static PromptEntry) -> Prompt {
    let argument = |argument: &medcor_tools::PromptArgument| {
        PromptArgument::new(argument.name)
            .with_description(argument.description)
            .with_required(argument.is_required)
    };
    let arguments = entry.arguments.iter().map(argument).collect();
    Prompt::new(entry.name, Some(entry.description), Some(arguments)).with_title(entry.title)
}

/// The items after the cursor, and the cursor of the next page. A cursor names the last item that was
/// seen, so that it stays right when items come and go between two pages.
pub(super) fn page<T: Clone + Serialize>(
    items: &[T],
    list: &str,
    cursor: Option<&str>,
    key: impl Fn(&T) -> &str,
) -> Result<(Vec<T>, Option<String>), ErrorData> {
    page_of(PAGE_ITEMS, items, list, cursor, key)
}

fn page_of<T: Clone>(
    size: usize,
    items: &[T],
    list: &str,
    cursor: Option<&str>,
    key: impl Fn(&T) -> &str,
) -> Result<(Vec<T>, Option<String>), ErrorData> {
    let start = match cursor {
        None => 0,
        Some(cursor) => {
            let seen = last_seen(list, cursor).ok_or_else(|| {
                ErrorData::invalid_params("this is no cursor of this list; call again without it", None)
            })?;
            items.partition_point(|item| key(item) <= seen.as_str())
        }
    };
    let page: Vec<T> = items.iter().skip(start).take(size).cloned().collect();
    let has_more = start + page.len() < items.len();
    let next = page.last().filter(|_| has_more);
    let next = next.map(|item| URL_SAFE_NO_PAD.encode(format!("{list}:{}", key(item))));
    Ok((page, next))
}

fn last_seen(list: &str, cursor: &str) -> Option<String> {
    let text = String::from_utf8(URL_SAFE_NO_PAD.decode(cursor).ok()?).ok()?;
    let seen = text.strip_prefix(list)?.strip_prefix(':')?;
    (!seen.is_empty()).then(|| seen.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(cursor: Option<&str>) -> Result<(Vec<&'static str>, Option<String>), ErrorData> {
        page_of(2, &["a", "b", "c", "d", "e"], "letters", cursor, |letter| letter)
    }

    #[test]
    fn pages_follow_each_other_to_the_end() {
        let (page, next) = read(None).unwrap();
        assert_eq!(page, ["a", "b"]);
        let (page, next) = read(next.as_deref()).unwrap();
        assert_eq!(page, ["c", "d"]);
        assert_eq!(read(next.as_deref()).unwrap(), (vec!["e"], None));
    }

    #[test]
    fn a_cursor_of_something_else_is_refused() {
        let other = URL_SAFE_NO_PAD.encode("words:a");
        for cursor in ["", "2", "!", &other, &URL_SAFE_NO_PAD.encode("letters:")] {
            assert_eq!(read(Some(cursor)).unwrap_err().code.0, -32602, "{cursor}");
        }
    }
}
