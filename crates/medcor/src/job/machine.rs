//! A caller that is the server itself: what it does for an organisation takes the road of every call, with a few
//! scopes and a row in the trail.

use medcor_policy::{ClientId, Principal, Role, Scope, SubjectId};
use medcor_store::identity::Tenant;
use medcor_tools::{Caller, Pipeline};
use serde_json::{Value, json};

/// A tool that the server calls by itself, without arguments.
pub(super) struct Machine {
    /// Who it is in the trail.
    pub(super) subject: &'static str,
    /// The tool.
    pub(super) tool: &'static str,
    /// What it may do, and nothing else.
    pub(super) scopes: &'static [&'static str],
}

impl Machine {
    /// The caller in this organisation.
    pub(super) fn caller(&self, tenant: &Tenant) -> Caller {
        let scopes: Vec<Scope> = self.scopes.iter().filter_map(|scope| scope.parse().ok()).collect();
        Caller::new(Principal {
            tenant: tenant.id,
            organization: tenant.organization.clone(),
            subject: SubjectId(self.subject.to_owned()),
            client: ClientId("medcor".to_owned()),
            roles: vec![Role::System],
            scopes: Some(scopes),
            patient: None,
            practitioner: None,
        })
    }

    /// Calls the tool. A refusal is told to the log: another instance was at it, or the next round begins anew.
    pub(super) async fn call(&self, pipeline: &Pipeline, caller: &Caller) -> Option<Value> {
        match pipeline.invoke_own(caller, "job", self.tool, json!({})).await {
            Ok(answer) => serde_json::from_str(answer.json()).ok(),
            Err(refusal) => {
                let (code, id) = (refusal.code.name(), &refusal.request_id);
                tracing::warn!(job = self.subject, error.code = code, request.id = %id, "the job waits");
                None
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use medcor_policy::Scope;

    #[test]
    fn every_scope_of_a_job_can_be_read() {
        for machine in [
            super::super::reminders::MACHINE,
            super::super::waiting_list::MACHINE,
            super::super::webhooks::MACHINE,
        ] {
            for scope in machine.scopes {
                assert!(scope.parse::<Scope>().is_ok(), "{scope}");
            }
        }
    }
}
