//! The audit rows of calls, and the reports of those that were refused or failed.

use medcor_store::{AuditEntry, Outcome, identity::Tenant};

use super::{Call, Pipeline, Ran, Refusal, TOOL_CALL};
use crate::{CompiledTool, ErrorReport, RefusedRequest, ToolError, people::LoggedIn};

impl Pipeline {
    /// The audit row of a call that succeeded.
    pub(super) fn entry_of(
        &self,
        call: &Call<'_>,
        (tool, parameters): (&CompiledTool, &[String]),
        ran: &mut Ran<'_>,
    ) -> AuditEntry {
        let mut entry = self.entry(call, Some(tool), parameters, Outcome::Success);
        ran.event.clone_into(&mut entry.event);
        record_where_it_was(&mut entry, call, &ran.tenant);
        if let Some(LoggedIn { tenant, subject, client }) =
            ran.logged_in.take().filter(|_| call.caller.is_anonymous())
        {
            (entry.tenant, entry.subject, entry.client) = (Some(tenant), Some(subject), Some(client));
        }
        entry
    }

    /// Records a call that failed after it began, with whose records it saw.
    pub(super) async fn abandoned(
        &self,
        call: &Call<'_>,
        (tool, parameters): (&CompiledTool, &[String]),
        ran: Ran<'_>,
        error: ToolError,
    ) -> Refusal {
        let outcome = Outcome::Failure(error.code().name().to_owned());
        let mut entry = self.entry(call, Some(tool), parameters, outcome);
        ran.event.clone_into(&mut entry.event);
        record_where_it_was(&mut entry, call, &ran.tenant);
        let recorded = ran.session.abandon(entry).await;
        self.report(call, Some(tool), &recorded.err().map_or(error, ToolError::from))
    }

    pub(super) async fn refused(
        &self,
        call: &Call<'_>,
        tool: Option<&CompiledTool>,
        parameters: Vec<String>,
        error: ToolError,
    ) -> Refusal {
        if call.caller.is_anonymous() {
            let Call { address, door, request_id, .. } = *call;
            if let Some(error) = self.passed_over(&RefusedRequest { address, door, request_id }).await {
                return self.report(call, tool, &error);
            }
        }
        let outcome = Outcome::Failure(error.code().name().to_owned());
        let entry = self.entry(call, tool, &parameters, outcome);
        let recorded = self.store.ledger().record(entry).await;
        self.report(call, tool, &recorded.err().map_or(error, ToolError::from))
    }

    pub(super) fn entry(
        &self,
        call: &Call<'_>,
        tool: Option<&CompiledTool>,
        parameters: &[String],
        outcome: Outcome,
    ) -> AuditEntry {
        let principal = call.caller.principal();
        let is_known = !call.caller.is_anonymous();
        AuditEntry {
            at: self.store.clock().now(),
            event: TOOL_CALL.to_owned(),
            tenant: is_known.then_some(principal.tenant),
            subject: is_known.then(|| principal.subject.clone()),
            client: is_known.then(|| principal.client.clone()),
            roles: principal.roles.iter().map(|role| role.name().to_owned()).collect(),
            // A name that is no tool's is whatever the caller wrote, so it is not repeated.
            action: tool.map_or("unknown", |tool| tool.entry.name).to_owned(),
            parameters: parameters.to_vec(),
            patients: Vec::new(),
            outcome,
            latency_microseconds: u64::try_from(call.started.elapsed().as_micros()).unwrap_or(u64::MAX),
            request_id: call.request_id.to_owned(),
            door: call.door.to_owned(),
            object: None,
            detail: None,
            // Of whoever is not known it is all that the trail can say.
            address: call.address.filter(|_| !is_known).map(|address| address.to_string()),
        }
    }

    pub(super) fn report(&self, call: &Call<'_>, tool: Option<&CompiledTool>, error: &ToolError) -> Refusal {
        if let Some(cause) = error.cause() {
            let name = tool.map_or("unknown", |tool| tool.entry.name);
            tracing::error!(request.id = call.request_id, tool.name = name, cause, "a call failed");
        }
        ErrorReport::new(error, call.request_id, self.store.clock().timestamp().to_string())
    }
}

/// A call that went on in another organisation is in that one's trail, with where its caller is from.
fn record_where_it_was(entry: &mut AuditEntry, call: &Call<'_>, tenant: &Tenant) {
    let home = call.caller.principal();
    if call.caller.is_anonymous() || tenant.id == home.tenant {
        return;
    }
    entry.tenant = Some(tenant.id);
    entry.detail = Some(format!("caller of Organization/{}", home.organization));
}
