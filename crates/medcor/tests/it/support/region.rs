//! Two organisations on a fresh database, their people and charts, and the road to them.

use std::sync::{Arc, Mutex};

use medcor::{app, catalog, door::DoorState, mail::Mail};
use medcor_fhir::{Id, ParsedResource, ResourceType};
use medcor_oauth::{
    Authenticator, AuthorizationServer, ServerSettings, SignIn, TokenSettings,
    account::{AccountSettings, Accounts},
};
use medcor_policy::{
    ClientId, Principal, Role, Scope, SubjectId,
    system::{permit_export, permit_import},
};
use medcor_store::{
    AuditDurability, AuditEntry, Clock, Location, Outcome, Settings, Store,
    audit::AuditQuery,
    identity::{Tenant, User},
};
use medcor_testbed::Database;
use medcor_tools::{Answer, Call, Caller, Pipeline, RateLimit, Refusal};
use serde_json::Value;

use super::{
    canary::{self, Canary, Secrets},
    folder::Folder,
    login,
    record::{self, Writer},
};

/// 2026-12-02T09:00:00Z.
pub(crate) const NOW: i64 = 1_796_202_000_000_000;
/// Under which URL tokens are issued and taken.
pub(crate) const PUBLIC_URL: &str = "http://127.0.0.1:8002";
/// The door of calls that a test makes itself.
const DOOR: &str = "test";
/// Where the webhooks of both organisations go.
pub(crate) const WEBHOOK_URL: &str = "https://hooks.example.org/medcor";

/// The plan that both organisations have subscribed to.
pub(crate) const PLAN: &str = "Example plan";

/// Two organisations on one server.
pub(crate) struct Region {
    pub(crate) store: Store,
    pub(crate) pipeline: Arc<Pipeline>,
    pub(crate) authenticator: Arc<Authenticator>,
    authorization: Arc<AuthorizationServer>,
    accounts: Arc<Accounts>,
    pub(crate) north: House,
    pub(crate) south: House,
    folder: Option<Folder>,
    _database: Option<Database>,
}

/// One organisation.
pub(crate) struct House {
    pub(crate) tenant: Tenant,
    pub(crate) practitioner: Id,
    pub(crate) practitioner_name: String,
    /// A service of the price list.
    pub(crate) service: Id,
    /// A webhook of an administrator.
    pub(crate) webhook: Id,
    /// Logs in as a patient.
    pub(crate) ada: Person,
    pub(crate) bea: Person,
    /// Two patients of one name.
    pub(crate) namesakes: [Person; 2],
}

/// A patient and the chart.
pub(crate) struct Person {
    pub(crate) patient: Id,
    pub(crate) name: String,
    pub(crate) mrn: String,
    pub(crate) phone: String,
    /// `Type/id` of every record.
    pub(crate) records: Vec<(ResourceType, Id)>,
    mark: String,
}

impl Region {
    pub(crate) async fn on_sqlite() -> Self {
        let folder = Folder::new();
        let location = Location::Sqlite(folder.path().join("medcor.sqlite"));
        Self::on(location, Some(folder), None).await
    }

    /// `None` where there is no PostgreSQL and none is required.
    pub(crate) async fn on_postgres() -> Option<Self> {
        let database = medcor_testbed::cluster()?.database().expect("the cluster makes a database");
        let location = Location::Postgres(database.url().to_owned());
        Some(Self::on(location, None, Some(database)).await)
    }

    async fn on(location: Location, folder: Option<Folder>, database: Option<Database>) -> Self {
        let settings = Settings {
            location,
            audit_durability: AuditDurability::Os,
            clock: Clock::fixed(NOW),
            readers: 2,
            applies_migrations: true,
        };
        let store = Store::open(settings).await.expect("a fresh store opens");
        let mut north = House::build(&store, "north", "20").await;
        let mut south = House::build(&store, "south", "30").await;
        let catalog = catalog::catalog().expect("the catalogue compiles");
        let authenticator = Authenticator::open(&store, TokenSettings::new(PUBLIC_URL)).await;
        let authenticator = Arc::new(authenticator.expect("a fresh store gets a key"));
        let authorization =
            AuthorizationServer::open(&store, authenticator.clone(), ServerSettings::default()).await;
        let accounts = Accounts::open(&store, AccountSettings::new(PUBLIC_URL)).await;
        let accounts = Arc::new(accounts.expect("they open"));
        let authorization = Arc::new(authorization.expect("it opens"));
        let mail = Arc::new(Mail::Kept(Mutex::default()));
        let desk = app::logins(&store, &authenticator, &authorization, &accounts, &mail);
        let pipeline = Arc::new(Pipeline::new(store.clone(), catalog, RateLimit::Off).with_logins(desk));
        north.offer_plan(&pipeline).await;
        for house in [&north, &south] {
            house.subscribe(&pipeline).await;
        }
        north.webhook = north.make_webhook(&pipeline).await;
        south.webhook = south.make_webhook(&pipeline).await;
        north.make_reports(&pipeline).await;
        south.make_reports(&pipeline).await;
        Self {
            pipeline,
            authenticator,
            authorization,
            accounts,
            store,
            north,
            south,
            folder,
            _database: database,
        }
    }

    /// Whether its database is a file.
    pub(crate) fn is_on_sqlite(&self) -> bool {
        self.folder.is_some()
    }

    /// What the doors of a server over this region need.
    pub(crate) fn door_state(&self) -> DoorState {
        DoorState {
            pipeline: self.pipeline.clone(),
            authenticator: self.authenticator.clone(),
            authorization: self.authorization.clone(),
            accounts: self.accounts.clone(),
            mail: Arc::new(medcor::mail::Mail::Nowhere),
            hub: medcor::events::Hub::new(self.pipeline.clone(), medcor::events::HubSettings::default()),
            settings: Arc::new(medcor::door::DoorSettings::new(PUBLIC_URL)),
        }
    }

    /// A bearer token for whoever has this role there and has just logged in.
    pub(crate) async fn token(&self, house: &House, role: Role) -> String {
        let user = self.user(house, role).await;
        let authenticated_at = self.store.clock().now();
        let tenant = &house.tenant;
        let sign_in = SignIn { user: &user, tenant, session: None, authenticated_at, methods: "pwd" };
        self.authorization.sign_in(&sign_in).await.expect("a grant begins").access_token
    }

    /// One that the operator made, narrowed to these scopes.
    pub(crate) async fn narrowed_token(&self, house: &House, role: Role, scopes: Option<&str>) -> String {
        let user = self.user(house, role).await;
        self.authenticator.token_for_user(&user, &house.tenant, scopes, None).await.expect("a token is made")
    }

    async fn user(&self, house: &House, role: Role) -> User {
        let user = self.store.identity().user_by_email(&email(&house.tenant.slug, role)).await;
        user.expect("the store answers").expect("the house has a user of every role")
    }

    /// How the program speaks over standard input as whoever has this role there; on SQLite alone.
    pub(crate) fn stdio_arguments(&self, house: &House, role: Role) -> Vec<String> {
        let folder = self.folder.as_ref().expect("it is on SQLite").path().display().to_string();
        ["stdio", "--data", &folder, "--user", &email(&house.tenant.slug, role)].map(str::to_owned).to_vec()
    }

    /// Calls a tool, under a request id of its own.
    pub(crate) async fn call(
        &self,
        caller: &Caller,
        tool: &str,
        arguments: Value,
    ) -> (String, Result<Answer, Refusal>) {
        let request_id = self.store.clock().new_id().to_string();

        let started = std::time::Instant::now();
        let call =
            Call { caller, tool, arguments, door: DOOR, request_id: &request_id, started, address: None };
        let result = self.pipeline.invoke(call).await;
        (request_id, result)
    }

    /// How many rows the trail has.
    pub(crate) async fn audit_rows(&self) -> u64 {
        self.store.statistics().await.expect("statistics").audit_rows
    }

    /// The whole trail.
    pub(crate) async fn trail(&self) -> Vec<Value> {
        let query = AuditQuery { limit: u32::MAX, ..AuditQuery::default() };
        let lines = self.store.ledger().search(&query).await.expect("the trail is searched");
        lines.iter().map(|line| serde_json::from_str(line).expect("a row is JSON")).collect()
    }

    /// Every current record of a house, in a fixed order.
    pub(crate) async fn content(&self, house: &House) -> String {
        let statistics = self.store.statistics().await.expect("statistics");
        let permit = permit_export(house.tenant.id);
        let mut session = self.store.session(&permit);
        let mut content = String::new();
        for (resource_type, _) in statistics.records {
            let page = session.export(resource_type, 0, 10_000).await.expect("an export");
            assert!(page.records.len() < 10_000, "the test reads one page only");
            for record in page.records {
                let line = format!("{resource_type}/{} {} {}\n", record.id, record.version, record.body);
                content.push_str(&line);
            }
        }
        content
    }
}

impl House {
    async fn build(store: &Store, slug: &'static str, area: &str) -> Self {
        let clock = store.clock();
        let organization = clock.new_id();
        let tenant = store.identity().create_tenant(organization.clone(), slug, slug, "Europe/London").await;
        let tenant = tenant.expect("a fresh store has no tenants");
        let mut canary = Canary::new(&format!("{slug}staff"));
        let (practitioner, practitioner_name, mut records) = record::staff(clock, &mut canary, &organization);
        let service = clock.new_id();
        records.push(record::service(&service, &mut canary));
        let twin = (format!("Twin{slug}"), format!("Same{slug}"));
        let mut person = |number: usize, who: &str, name: Option<&(String, String)>| {
            let canary = Canary::new(&format!("{slug}{who}"));
            let mut writer = Writer {
                clock,
                canary,
                patient: clock.new_id(),
                practitioner: practitioner.clone(),
                organization: organization.clone(),
            };
            let (given, family) =
                name.cloned().unwrap_or_else(|| (writer.canary.word(), writer.canary.word()));
            let mrn = format!("MRN-{}-{number}", writer.canary.word());
            // Numbers are compared by their last digits, so these differ there.
            let phone = format!("+44 1632 96{area}1{number}");
            let mut own = vec![writer.patient_record((&given, &family), &mrn, &phone)];
            own.extend(writer.chart());
            let ids = own.iter().map(type_and_id).collect();
            records.append(&mut own);
            let mark = canary::mark(&format!("{slug}{who}"));
            Person {
                patient: writer.patient,
                name: format!("{given} {family}"),
                mrn,
                phone,
                records: ids,
                mark,
            }
        };
        let house = Self {
            ada: person(1, "ada", None),
            bea: person(2, "bea", None),
            namesakes: [person(3, "cat", Some(&twin)), person(4, "dot", Some(&twin))],
            tenant,
            practitioner,
            practitioner_name,
            service,
            webhook: clock.new_id(),
        };
        load(store, &house.tenant, records).await;
        store.identity().create_users(&users(&house)).await.expect("a fresh store has no users");
        let client = login::client(&house.tenant, &format!("{slug}-client"));
        store.identity().create_clients(&[client]).await.expect("a fresh store has no clients");
        house
    }

    async fn make_webhook(&self, pipeline: &Pipeline) -> Id {
        let identity = pipeline.store().identity();
        let allowed = identity.set_tenant_setting(self.tenant.id, "webhook_hosts", "hooks.example.org").await;
        allowed.expect("a setting is set");
        let arguments =
            serde_json::json!({ "endpoint": WEBHOOK_URL, "topics": ["appointments"], "reason": "arranged" });
        let answer = self.arranged(pipeline, Role::Admin, ("create_webhook", arguments)).await;
        answer["id"].as_str().and_then(Id::new).expect("a webhook has an id")
    }

    /// The doctor keeps a report about each of the two.
    async fn make_reports(&mut self, pipeline: &Pipeline) {
        let mut reports = Vec::new();
        for patient in [&self.ada.patient, &self.bea.patient] {
            let arguments = serde_json::json!({ "report_type": "patient_summary", "patient": patient });
            let answer = self.arranged(pipeline, Role::Doctor, ("generate_report", arguments)).await;
            reports.push(answer["report_id"].as_str().and_then(Id::new).expect("a report has an id"));
        }
        for (person, report) in [&mut self.ada, &mut self.bea].into_iter().zip(reports) {
            person.records.push((ResourceType::MEASURE_REPORT, report));
        }
    }

    /// The platform offers a plan to everybody.
    async fn offer_plan(&self, pipeline: &Pipeline) {
        let plan = serde_json::json!({ "name": PLAN, "price": 1, "billing_cycle": "MONTHLY" });
        self.arranged(pipeline, Role::Superadmin, ("create_subscription_plan", plan)).await;
    }

    /// Its subscription has the number 1.
    async fn subscribe(&self, pipeline: &Pipeline) {
        let subscription = serde_json::json!({ "plan": PLAN, "end_date": "2026-12-31" });
        self.arranged(pipeline, Role::Admin, ("create_subscription", subscription)).await;
    }

    async fn arranged(&self, pipeline: &Pipeline, role: Role, (tool, arguments): (&str, Value)) -> Value {
        let caller = self.caller(role, None);
        let started = std::time::Instant::now();
        let request_id = "arranged";
        let call = Call { caller: &caller, tool, arguments, door: DOOR, request_id, started, address: None };
        let answer = pipeline.invoke(call).await.unwrap_or_else(|refusal| panic!("{}", refusal.text()));
        serde_json::from_str(answer.json()).expect("an answer is JSON")
    }

    /// Who calls with this role, by these scopes where some are given.
    pub(crate) fn caller(&self, role: Role, scopes: Option<&str>) -> Caller {
        let scopes = scopes.map(|scopes| {
            scopes.split(' ').map(|scope| scope.parse().expect("a scope")).collect::<Vec<Scope>>()
        });
        let principal = Principal {
            tenant: self.tenant.id,
            organization: self.tenant.organization.clone(),
            subject: SubjectId(format!("{}-{role}", self.tenant.slug)),
            client: ClientId("medcor".to_owned()),
            roles: vec![role],
            scopes,
            patient: (role == Role::Patient).then(|| self.ada.patient.clone()),
            practitioner: matches!(role, Role::Doctor | Role::Nurse).then(|| self.practitioner.clone()),
        };
        Caller::new(principal).with_login_at(Some(NOW.div_euclid(1_000_000)))
    }

    /// What nobody outside this house may see.
    pub(crate) fn secrets(&self) -> Secrets {
        let staff = [canary::mark(&self.tenant.slug), self.practitioner.to_string()];
        let mut secrets = Secrets::new(staff);
        for person in [&self.ada, &self.bea, &self.namesakes[0], &self.namesakes[1]] {
            secrets.extend(&person.secrets());
        }
        secrets
    }
}

impl Person {
    /// What nobody but this person and the house's staff may see.
    pub(crate) fn secrets(&self) -> Secrets {
        let ids = self.records.iter().map(|(_, id)| id.to_string());
        Secrets::new(ids.chain([self.mark.clone(), self.mrn.clone(), self.phone.clone()]))
    }

    /// Every way to name this person.
    pub(crate) fn names(&self) -> Vec<String> {
        let Self { patient, name, mrn, phone, .. } = self;
        let plain_phone = phone.replace(' ', "");
        vec![
            patient.to_string(),
            format!("Patient/{patient}"),
            mrn.clone(),
            phone.clone(),
            plain_phone,
            name.clone(),
        ]
    }

    /// The record of this type.
    pub(crate) fn record(&self, resource_type: ResourceType) -> Option<&Id> {
        self.records.iter().find(|(known, _)| *known == resource_type).map(|(_, id)| id)
    }
}

fn type_and_id(record: &Value) -> (ResourceType, Id) {
    let text = |name: &str| record[name].as_str().expect("a record has a type and an id");
    (
        ResourceType::from_name(text("resourceType")).expect("a type of R4"),
        Id::new(text("id")).expect("an id"),
    )
}

fn users(house: &House) -> Vec<User> {
    let roles = Role::ALL.into_iter().filter(|role| !role.is_by_scope());
    let user = |role: Role| User {
        id: SubjectId(format!("{}-{role}", house.tenant.slug)),
        tenant: house.tenant.id,
        email: email(&house.tenant.slug, role),
        display_name: role.name().to_owned(),
        roles: vec![role],
        password_hash: login::password_of(role),
        patient: (role == Role::Patient).then(|| house.ada.patient.clone()),
        practitioner: (role == Role::Doctor).then(|| house.practitioner.clone()),
        is_active: true,
    };
    roles.map(user).collect()
}

fn email(slug: &str, role: Role) -> String {
    format!("{role}@{slug}.example.org")
}

async fn load(store: &Store, tenant: &Tenant, records: Vec<Value>) {
    let permit = permit_import(tenant.id);
    let mut session = store.session(&permit);
    for record in records {
        let (_, id) = type_and_id(&record);
        let shown = record.to_string();
        let resource = ParsedResource::from_value(record).expect("a resource");
        session.put(id, resource).unwrap_or_else(|error| panic!("{error:?} in {shown}"));
    }
    session.commit(loading(tenant)).await.expect("a fresh store takes records");
}

fn loading(tenant: &Tenant) -> AuditEntry {
    AuditEntry {
        at: NOW,
        event: "AUDIT:IMPORT".to_owned(),
        tenant: Some(tenant.id),
        subject: None,
        client: None,
        roles: Vec::new(),
        action: "import".to_owned(),
        parameters: Vec::new(),
        patients: Vec::new(),
        outcome: Outcome::Success,
        latency_microseconds: 0,
        request_id: "arranged".to_owned(),
        door: DOOR.to_owned(),
        object: None,
        detail: None,
        address: None,
    }
}
