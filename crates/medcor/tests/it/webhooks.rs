//! Webhooks through real doors: a receiver on this machine, a clock that stands still, and a database that several
//! instances share.

mod delivery;
mod refusals;
mod retries;
mod sight;

use std::{sync::Arc, time::Duration};

use boon::{Compiler, Schemas};
use medcor::job::WebhookJob;
use medcor_fhir::ParsedResource;
use medcor_oauth::{Authenticator, TokenSettings};
use medcor_policy::{ClientId, Role};
use medcor_store::{Store, identity::Client};
use medcor_tools::{Caller, Pipeline, RateLimit};
use serde_json::{Value, json};
use tokio_util::sync::CancellationToken;

use crate::support::{Clinic, Message, Receiver, patient, settled};

const PUBLIC_URL: &str = "https://mcp.example.org";

/// A clinic, a receiver that it may call, and the job that delivers.
struct House {
    clinic: Clinic,
    receiver: Receiver,
    job: Arc<WebhookJob>,
}

impl House {
    async fn start() -> Self {
        let clinic = Clinic::start().await;
        for (id, given) in [("ada", "Ada"), ("bob", "Bob")] {
            clinic.put(patient(id, (given, "Lovelace"), "1985-03-15")).await;
        }
        let receiver = Receiver::start().await;
        let house =
            Self { job: job_of(&clinic.server.pipeline, &clinic.server.store).await, clinic, receiver };
        house.allow(&house.receiver.address.to_string()).await;
        house
    }

    fn store(&self) -> &Store {
        &self.clinic.server.store
    }

    /// Lets webhooks of this hospital call these hosts.
    async fn allow(&self, hosts: &str) {
        let (identity, tenant) = (self.store().identity(), self.clinic.server.here.id);
        identity.set_tenant_setting(tenant, "webhook_hosts", hosts).await.expect("it is set");
    }

    /// An administrator who has just logged in.
    async fn admin(&self) -> Arc<Caller> {
        let server = &self.clinic.server;
        server.authenticator.caller(&server.token("admin@here").await).await.expect("a caller")
    }

    /// A program with these scopes.
    async fn program(&self, scopes: &str) -> Arc<Caller> {
        let client = Client {
            id: ClientId(format!("feed-{}", self.store().clock().new_id())),
            tenant: self.clinic.server.here.id,
            app_id: "feed".to_owned(),
            display_name: "Feed".to_owned(),
            role: Role::System,
            scopes: scopes.to_owned(),
            secret_hash: "none".to_owned(),
            is_active: true,
        };
        self.store().identity().create_clients(std::slice::from_ref(&client)).await.expect("a new client");
        let authenticator = &self.clinic.server.authenticator;
        let token = authenticator.token_for_client(&client, &self.clinic.server.here, None).expect("a token");
        authenticator.caller(&token).await.expect("a caller")
    }

    /// Makes a webhook for this caller; what was answered.
    async fn hook(&self, caller: &Arc<Caller>, topics: &[&str], content: &str) -> Value {
        // What was written before must not be among what comes from then on.
        settled(self.store()).await;
        let arguments = json!({ "endpoint": self.receiver.url(), "topics": topics, "reason": "a test", "content": content });
        self.ok(caller, "create_webhook", arguments).await
    }

    /// A webhook of an administrator that is active.
    async fn met(&self, topics: &[&str]) -> Value {
        let hook = self.hook(&self.admin().await, topics, "id-only").await;
        self.round().await;
        assert_eq!(self.receiver.only().status("type")["valueCode"], "handshake");
        hook
    }

    async fn ok(&self, caller: &Arc<Caller>, tool: &str, arguments: Value) -> Value {
        match self.clinic.call(caller, tool, arguments.clone()).await {
            Ok(answer) => answer,
            Err(report) => panic!("{tool} {arguments}: {}", report.text()),
        }
    }

    async fn round(&self) {
        round_of(&self.job, self.store()).await;
    }

    /// What is delivered by a round.
    async fn delivered(&self) -> Vec<String> {
        self.round().await;
        self.receiver.take().iter().map(Message::focus).collect()
    }

    fn later(&self, by: Duration) {
        self.store().clock().advance(by);
    }

    /// How the only webhook does.
    async fn row(&self) -> Value {
        self.ok(&self.admin().await, "list_webhooks", json!({})).await["results"][0].clone()
    }

    async fn failures(&self, hook: &Value) -> Vec<Value> {
        let admin = self.admin().await;
        let listed = self.ok(&admin, "list_webhook_failures", json!({ "webhook": hook["id"] })).await;
        listed["results"].as_array().expect("rows").clone()
    }

    async fn visit(&self, id: &str) {
        self.clinic.put(appointment(id, "ada")).await;
    }
}

/// The job of an instance over this store.
async fn job_of(pipeline: &Pipeline, store: &Store) -> Arc<WebhookJob> {
    let pipeline = Pipeline::new(store.clone(), pipeline.catalog().clone(), RateLimit::Off);
    let pipeline = Arc::new(pipeline.with_loopback_webhooks(true));
    let settings = TokenSettings { liveness: Duration::ZERO, ..TokenSettings::new(PUBLIC_URL) };
    let authenticator = Arc::new(Authenticator::open(store, settings).await.expect("it opens"));
    WebhookJob::new(&pipeline, &authenticator, PUBLIC_URL).expect("it starts")
}

async fn round_of(job: &Arc<WebhookJob>, store: &Store) {
    // What another database of the cluster holds back in one round comes in the next; else that finds nothing due.
    for _ in 0..3 {
        settled(store).await;
        job.round(&CancellationToken::new()).await.expect("the database answers");
    }
}

fn appointment(id: &str, patient: &str) -> Value {
    json!({
        "resourceType": "Appointment", "id": id, "status": "booked",
        "start": "2026-12-03T10:00:00Z", "end": "2026-12-03T10:30:00Z",
        "participant": [
            { "actor": { "reference": format!("Patient/{patient}") }, "status": "accepted" }
        ]
    })
}

fn observation(id: &str, patient: &str) -> Value {
    json!({
        "resourceType": "Observation", "id": id, "status": "final", "code": { "text": "Heart rate" },
        "subject": { "reference": format!("Patient/{patient}") }, "valueQuantity": { "value": 70.0 }
    })
}

/// Each is what the API document of this server says that webhooks send.
async fn check_described(house: &House, messages: &[&Message]) {
    const LOCATION: &str = "https://medcor.invalid/openapi.json";
    const BODY: &str = "/webhooks/event/post/requestBody/content/application~1fhir+json/schema";
    let reply = house.clinic.server.request("GET", "/api/openapi.json").send().await;
    let document: Value = serde_json::from_str(&reply.body).expect("the document is JSON");
    let headers = document["webhooks"]["event"]["post"]["parameters"].as_array().expect("headers").clone();
    let (mut compiler, mut schemas) = (Compiler::new(), Schemas::new());
    compiler.enable_format_assertions();
    compiler.add_resource(LOCATION, document).expect("the document is a resource");
    let schema = compiler.compile(&format!("{LOCATION}#{BODY}"), &mut schemas).expect("a schema");
    for message in messages {
        if let Err(error) = schemas.validate(&message.json(), schema) {
            panic!("{} is not what is described: {error:#}", message.body);
        }
        for header in &headers {
            assert!(message.headers.contains_key(header["name"].as_str().expect("a name")), "{header}");
        }
    }
    let mut other = messages[0].json();
    other["entry"][0]["resource"]["parameter"].as_array_mut().expect("parameters").remove(2);
    assert!(schemas.validate(&other, schema).is_err(), "the schema lets everything through");
}

/// It is what R4 says of a Bundle.
fn check_bundle(message: &Message) {
    let bundle = ParsedResource::parse(message.body.clone()).expect("a resource");
    let problems = medcor_fhir::validate::validate(&bundle);
    assert!(problems.is_empty(), "{problems:?} in {}", message.body);
}
