//! The demonstration's clinic in England, called over MCP by staff that a test employs.

use medcor::demonstration::{self, Plan};
use medcor_fhir::{Id, ResourceType};
use medcor_policy::{Role, SubjectId, system::permit_export};
use medcor_store::identity::{Tenant, User};
use serde_json::{Value, json};

use super::Clinic;

/// A clinic with the charts of a hundred patients.
pub(crate) struct Demonstration {
    pub(crate) clinic: Clinic,
    pub(crate) tenant: Tenant,
}

/// An answer, and what it costs a model to read.
pub(crate) struct Read {
    pub(crate) answer: Value,
    pub(crate) tokens: usize,
}

impl Demonstration {
    pub(crate) async fn open() -> Self {
        let clinic = Clinic::start().await;
        let store = &clinic.server.store;
        demonstration::fill(store, Plan::DEMONSTRATION, |_| ()).await.expect("a store without hospitals");
        let tenants = store.identity().tenants().await.expect("the store answers");
        let tenant = tenants.into_iter().find(|tenant| tenant.slug == "northgate").expect("it is one of two");
        Self { clinic, tenant }
    }

    pub(crate) async fn put(&self, record: Value) -> Id {
        self.clinic.put_at(&self.tenant, record).await
    }

    /// Somebody who works here.
    pub(crate) async fn employ(&self, email: &str, role: Role, practitioner: Option<&str>) {
        let user = User {
            id: SubjectId(self.clinic.server.store.clock().new_id().to_string()),
            tenant: self.tenant.id,
            email: email.to_owned(),
            display_name: email.to_owned(),
            roles: vec![role],
            password_hash: None,
            patient: None,
            practitioner: practitioner.and_then(Id::new),
            is_active: true,
        };
        self.clinic
            .server
            .store
            .identity()
            .create_users(&[user])
            .await
            .expect("an e-mail address of its own");
    }

    /// Every record of a type.
    pub(crate) async fn records(&self, resource_type: ResourceType) -> Vec<Value> {
        let permit = permit_export(self.tenant.id);
        let mut session = self.clinic.server.store.session(&permit);
        let page = session.export(resource_type, 0, 100_000).await.expect("an export");
        page.records.iter().map(|record| serde_json::from_str(&record.body).expect("JSON")).collect()
    }

    /// Calls a tool, or says why it was refused.
    pub(crate) async fn call(&self, email: &str, tool: &str, arguments: &Value) -> Result<Read, String> {
        let server = &self.clinic.server;
        let user = server.store.identity().user_by_email(email).await.expect("the store answers");
        let user = user.expect("somebody who was employed");
        let token = server.authenticator.token_for_user(&user, &self.tenant, None, None).await;
        let request = server.request("POST", "/mcp").bearer(&token.expect("a token is made"));
        let params = json!({ "name": tool, "arguments": arguments });
        let mut result = request.modern(1, "tools/call", params).send().await.result();
        let text = result["content"][0]["text"].as_str().expect("an answer has a text").to_owned();
        if result["isError"] != false {
            return Err(text);
        }
        Ok(Read { answer: result["structuredContent"].take(), tokens: text.len().div_ceil(BYTES_PER_TOKEN) })
    }
}

/// As many bytes of JSON as models take for a token, on average.
const BYTES_PER_TOKEN: usize = 4;
