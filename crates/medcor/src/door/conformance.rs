//! What the official conformance suite of MCP calls, beside everything real and on the real doors: its tools,
//! prompts and resources answer what the suite prescribes, and touch no record.
//!
//! Only with the feature `conformance`, which is no part of a release: such a server listens on loopback alone.

mod changes;
mod content;
mod rounds;
mod within;

use std::{borrow::Cow, io, sync::Arc};

use rmcp::{
    ErrorData, RoleServer, ServerHandler,
    model::{
        CallToolRequestParams, CallToolResponse, ClientCapabilities, CompleteRequestParams, CompleteResult,
        CompletionInfo, GetPromptRequestParams, GetPromptResponse, ListPromptsResult,
        ListResourceTemplatesResult, ListResourcesResult, ListToolsResult, PaginatedRequestParams,
        ProtocolVersion, ReadResourceRequestParams, ReadResourceResponse, Reference, ServerConfig,
        SubscribeRequestParams, SubscriptionFilter, Tool, UnsubscribeRequestParams,
    },
    service::{RequestContext, SubscriptionContext},
};
use serde::de::DeserializeOwned;
use serde_json::Value;
use tokio::net::TcpListener;

use super::{
    mcp::{Handler, Mcp},
    mcp_http::What,
};
use changes::{Changes, List};
use rounds::Rounds;

type Context = RequestContext<RoleServer>;

/// The real handler, and what the suite calls.
#[derive(Clone)]
pub(super) struct Fixtures {
    real: Handler,
    rounds: Arc<Rounds>,
    changes: Changes,
}

/// Whether the suite asks for what only [`Fixtures`] knows.
pub(super) fn is_of_suite(what: &What<'_>) -> bool {
    match what {
        What::List => true,
        What::Call { tool, .. } => content::is_tool(tool),
    }
}

/// Refuses listeners that somebody else could reach.
///
/// # Errors
///
/// When one is not on loopback.
pub(super) fn only_loopback(listeners: &[TcpListener]) -> io::Result<()> {
    for listener in listeners {
        let address = listener.local_addr()?;
        if !address.ip().is_loopback() {
            let problem = format!("a server with conformance fixtures may not listen on {address}");
            return Err(io::Error::new(io::ErrorKind::PermissionDenied, problem));
        }
    }
    Ok(())
}

impl Fixtures {
    pub(super) fn of_requests(mcp: Arc<Mcp>) -> Self {
        Self { real: Handler::of_requests(mcp), rounds: Arc::new(Rounds::new()), changes: Changes::new() }
    }

    pub(super) fn for_session(&self) -> Self {
        Self { real: self.real.for_session(), ..self.clone() }
    }
}

/// What this JSON says.
fn typed<T: DeserializeOwned>(json: Value) -> Result<T, ErrorData> {
    serde_json::from_value(json)
        .map_err(|error| ErrorData::internal_error(format!("a fixture is wrong: {error}"), None))
}

impl ServerHandler for Fixtures {
    fn get_info(&self) -> ServerConfig {
        let mut info = self.real.get_info();
        let declared = &mut info.capabilities;
        declared.logging = Some(rmcp::model::JsonObject::new());
        declared.tools.get_or_insert_default().list_changed = Some(true);
        declared.prompts.get_or_insert_default().list_changed = Some(true);
        info
    }

    fn supported_protocol_versions(&self) -> Cow<'static, [ProtocolVersion]> {
        ServerHandler::supported_protocol_versions(&self.real)
    }

    async fn list_tools(
        &self,
        request: Option<PaginatedRequestParams>,
        context: Context,
    ) -> Result<ListToolsResult, ErrorData> {
        let is_first = is_first_page(request.as_ref());
        let mut page = self.real.list_tools(request, context).await?;
        if is_first {
            // The suite looks for them on the first page.
            page.tools.splice(0..0, content::tools()?);
        }
        Ok(page)
    }

    fn get_tool(&self, name: &str) -> Option<Tool> {
        let own = content::tools().ok()?.into_iter().find(|tool| tool.name == name);
        own.or_else(|| self.real.get_tool(name))
    }

    async fn call_tool(
        &self,
        request: CallToolRequestParams,
        context: Context,
    ) -> Result<CallToolResponse, ErrorData> {
        if let Some(answer) = content::answer(&request.name) {
            return typed::<rmcp::model::CallToolResult>(answer).map(Into::into);
        }
        match request.name.as_ref() {
            "test_trigger_tool_change" => Ok(self.changes.of(List::Tools)),
            "test_trigger_prompt_change" => Ok(self.changes.of(List::Prompts)),
            "test_missing_capability" => within::with_sampling_alone(&context),
            "test_tool_with_logging" | "test_logging_tool" => within::logging(&context).await,
            "test_tool_with_progress" => within::progress(&context).await,
            "test_sampling" => within::sampling(&request, &context).await,
            "test_elicitation" | "test_elicitation_sep1034_defaults" | "test_elicitation_sep1330_enums" => {
                within::elicitation(&request, &context).await
            }
            name if rounds::is_tool(name) => {
                let declared = context.client_capabilities().unwrap_or_default();
                self.rounds.tool(request, &declared)
            }
            _ => self.real.call_tool(request, context).await,
        }
    }

    async fn list_resources(
        &self,
        request: Option<PaginatedRequestParams>,
        context: Context,
    ) -> Result<ListResourcesResult, ErrorData> {
        let is_first = is_first_page(request.as_ref());
        let mut page = self.real.list_resources(request, context).await?;
        if is_first {
            page.resources.splice(0..0, content::resources()?);
        }
        Ok(page)
    }

    async fn list_resource_templates(
        &self,
        request: Option<PaginatedRequestParams>,
        context: Context,
    ) -> Result<ListResourceTemplatesResult, ErrorData> {
        let is_first = is_first_page(request.as_ref());
        let mut page = self.real.list_resource_templates(request, context).await?;
        if is_first {
            page.resource_templates.splice(0..0, content::templates()?);
        }
        Ok(page)
    }

    async fn read_resource(
        &self,
        request: ReadResourceRequestParams,
        context: Context,
    ) -> Result<ReadResourceResponse, ErrorData> {
        match content::resource(&request.uri) {
            Some(contents) => typed::<rmcp::model::ReadResourceResult>(contents).map(Into::into),
            None => self.real.read_resource(request, context).await,
        }
    }

    async fn list_prompts(
        &self,
        request: Option<PaginatedRequestParams>,
        context: Context,
    ) -> Result<ListPromptsResult, ErrorData> {
        let is_first = is_first_page(request.as_ref());
        let mut page = self.real.list_prompts(request, context).await?;
        if is_first {
            page.prompts.splice(0..0, content::prompts()?);
        }
        Ok(page)
    }

    async fn get_prompt(
        &self,
        request: GetPromptRequestParams,
        context: Context,
    ) -> Result<GetPromptResponse, ErrorData> {
        if request.name == rounds::PROMPT {
            return rounds::prompt(request);
        }
        let arguments = request.arguments.clone().unwrap_or_default();
        match content::prompt(&request.name, &arguments) {
            Some(prompt) => typed::<rmcp::model::GetPromptResult>(prompt).map(Into::into),
            None => self.real.get_prompt(request, context).await,
        }
    }

    async fn complete(
        &self,
        request: CompleteRequestParams,
        context: Context,
    ) -> Result<CompleteResult, ErrorData> {
        let is_own = matches!(&request.r#ref, Reference::Prompt(prompt) if content::is_prompt(&prompt.name));
        if !is_own {
            return self.real.complete(request, context).await;
        }
        let words = ["paris", "park", "party"].map(str::to_owned);
        let typed = request.argument.value;
        let values = words.into_iter().filter(|word| word.starts_with(&typed)).collect();
        let info = CompletionInfo::with_all_values(values)
            .map_err(|problem| ErrorData::internal_error(problem, None))?;
        Ok(CompleteResult::new(info))
    }

    #[expect(deprecated, reason = "the suite of 2025-11-25 and earlier asks for it")]
    async fn set_level(
        &self,
        _: rmcp::model::SetLevelRequestParams,
        context: Context,
    ) -> Result<(), ErrorData> {
        match context.protocol_version() {
            Some(version) if version.as_str() >= ProtocolVersion::V_2026_07_28.as_str() => {
                Err(ErrorData::method_not_found::<rmcp::model::SetLevelRequestMethod>())
            }
            _ => Ok(()),
        }
    }

    #[expect(deprecated, reason = "versions up to 2025-11-25 have it")]
    async fn subscribe(&self, request: SubscribeRequestParams, context: Context) -> Result<(), ErrorData> {
        if request.uri == content::WATCHED { Ok(()) } else { self.real.subscribe(request, context).await }
    }

    #[expect(deprecated, reason = "versions up to 2025-11-25 have it")]
    async fn unsubscribe(
        &self,
        request: UnsubscribeRequestParams,
        context: Context,
    ) -> Result<(), ErrorData> {
        if request.uri == content::WATCHED { Ok(()) } else { self.real.unsubscribe(request, context).await }
    }

    fn accepted_subscription_filter(&self, requested: &SubscriptionFilter) -> Option<SubscriptionFilter> {
        let mut accepted = self.real.accepted_subscription_filter(requested)?;
        accepted.tools_list_changed = requested.tools_list_changed;
        accepted.prompts_list_changed = requested.prompts_list_changed;
        Some(accepted)
    }

    async fn listen(&self, context: SubscriptionContext) -> Result<(), ErrorData> {
        if Changes::are_wanted(&context) {
            return self.changes.tell(&context).await;
        }
        self.real.listen(context).await
    }
}

fn is_first_page(request: Option<&PaginatedRequestParams>) -> bool {
    request.is_none_or(|request| request.cursor.is_none())
}

/// Whether a client of this request can be asked something by a model or its person.
fn can_sample(declared: &ClientCapabilities) -> bool {
    declared.sampling.is_some()
}
