//! Beginning to watch a resource: the names in its URI are resolved as the caller, by the permit of the tool that
//! reads it, and a row of the trail is left.

use std::sync::OnceLock;

use medcor_fhir::{Id, ResourceType};
use medcor_policy::{Action, Need};
use medcor_store::Outcome;
use serde_json::{Map, Value};

use super::{Pipeline, Prepared, Refusal, Target, Work, resolve};
use crate::{BoundResource, Call, CompiledTool, ToolContext, ToolError, WatchedResource};

/// `event` of the audit row.
const SUBSCRIPTION: &str = "AUDIT:SUBSCRIPTION";

impl Pipeline {
    /// Lets a caller watch what a URI shows, or refuses it as reading it would be refused. `call` has the tool
    /// and the arguments of the URI. When it returns, exactly one audit row is durable.
    pub async fn watch(&self, mut call: Call<'_>, bound: &BoundResource) -> Result<WatchedResource, Refusal> {
        let mut handle = None;
        let Target { tool, implied, cost } = match self.target(&mut call, 1, &mut handle).await {
            Ok(target) => target,
            Err((tool, error)) => return Err(self.refused(&call, tool, Vec::new(), error).await),
        };
        let parameters = tool.parameter_names(&call.arguments);
        let prepared = self.prepare(&mut call, (tool, implied), cost, None).await;
        let Prepared { permit, work: Work { folded, tenant, .. } } = match prepared {
            Ok(prepared) => prepared,
            Err(error) => return Err(self.refused(&call, Some(tool), parameters, error).await),
        };
        let elsewhere = OnceLock::new();
        let mut cx = self.context(&call, &permit, tenant, &elsewhere);
        let watched = match resolve::references(tool, folded, &mut cx).await {
            Ok(arguments) => watched(tool, bound, &arguments, &mut cx).await,
            Err(error) => Err(error),
        };
        let session = cx.session;
        let outcome = match &watched {
            Ok(_) => Outcome::Success,
            Err(error) => Outcome::Failure(error.code().name().to_owned()),
        };
        let mut entry = self.entry(&call, Some(tool), &parameters, outcome);
        SUBSCRIPTION.clone_into(&mut entry.event);
        let recorded = session.abandon(entry).await.map_err(ToolError::from);
        match recorded.and(watched) {
            Ok(watched) => Ok(watched),
            Err(error) => Err(self.report(&call, Some(tool), &error)),
        }
    }
}

async fn watched(
    tool: &CompiledTool,
    bound: &BoundResource,
    arguments: &Map<String, Value>,
    cx: &mut ToolContext<'_>,
) -> Result<WatchedResource, ToolError> {
    let record = the_record(bound, arguments);
    if let Some((resource_type, id)) = &record {
        cx.read(*resource_type, id).await?;
    }
    let about = tool.references().iter().filter_map(|path| {
        let [name] = path.steps.as_slice() else { return None };
        let is_narrowing = path.resource_type != ResourceType::ORGANIZATION
            && bound.variables.iter().any(|variable| variable == name);
        let id = arguments.get(name)?.as_str().and_then(Id::new)?;
        is_narrowing.then_some((path.resource_type, id))
    });
    let about: Vec<_> = about.collect();
    Ok(WatchedResource { tool: tool.entry.name, types: types_read(tool, &about), about, record })
}

/// The record of a URI that says type and id.
fn the_record(bound: &BoundResource, arguments: &Map<String, Value>) -> Option<(ResourceType, Id)> {
    let says = |name| bound.variables.contains(&name).then(|| arguments.get(name)?.as_str()).flatten();
    Some((ResourceType::from_name(says("resource_type")?)?, Id::new(says("id")?)?))
}

/// The types of record that the tool reads. Of a list that is about nobody in particular those alone without
/// which it can't be: a list of appointments shows names of patients, and is no list of them.
fn types_read(tool: &CompiledTool, about: &[(ResourceType, Id)]) -> Vec<ResourceType> {
    let mut types = Vec::new();
    for need in tool.entry.needs {
        let (action, resource_type) = match *need {
            Need::Record { action, resource_type } => (action, resource_type),
            Need::Optional { action, resource_type } if !about.is_empty() => (action, resource_type),
            _ => continue,
        };
        if matches!(action, Action::Read | Action::Search) && !types.contains(&resource_type) {
            types.push(resource_type);
        }
    }
    types
}
