//! A server in this process: its own database in a temporary folder, every door on a port of its own.

use std::{
    net::SocketAddr,
    path::PathBuf,
    process::Command,
    sync::{Arc, Mutex},
    time::Duration,
};

use medcor::{
    app, catalog,
    door::{self, DoorSettings, DoorState},
    events::{Hub, HubSettings},
    mail::Mail,
};
use medcor_fhir::{Id, ParsedResource, ResourceType};
use medcor_oauth::{
    Authenticator, AuthorizationServer, ServerSettings, SignIn, TokenSettings,
    account::{AccountSettings, Accounts},
};
use medcor_policy::{
    ClientId, Role, SubjectId,
    system::{permit_export, permit_import},
};
use medcor_store::{
    AuditDurability, AuditEntry, AuditEvent, Clock, EventKind, Location, Outcome, Settings, Store,
    audit::AuditQuery,
    identity::{Client, NewPassword, Tenant, User},
};
use medcor_tools::{Catalog, Pipeline, RateLimit, Rates, Strangers};
use serde_json::{Value, json};
use tokio::{net::TcpListener, task::JoinHandle};
use tokio_util::sync::CancellationToken;

use super::{Request, TRIAL, login};

/// The origin that the server of tests believes to have.
const PUBLIC_URL: &str = "https://mcp.example.org";

/// 2026-12-02T09:00:00Z.
fn clock() -> Clock {
    Clock::fixed(1_796_202_000_000_000)
}

/// A running server.
pub(crate) struct Server {
    pub(crate) address: SocketAddr,
    pub(crate) store: Store,
    pub(crate) pipeline: Arc<Pipeline>,
    pub(crate) authenticator: Arc<Authenticator>,
    authorization: Arc<AuthorizationServer>,
    pub(crate) accounts: Arc<Accounts>,
    pub(crate) mail: Arc<Mail>,
    pub(crate) hub: Arc<Hub>,
    pub(crate) here: Tenant,
    pub(crate) elsewhere: Tenant,
    folder: PathBuf,
    settings: Settings,
    stop: CancellationToken,
    served: Option<JoinHandle<std::io::Result<()>>>,
    /// Gone with the server.
    database: Option<medcor_testbed::Database>,
}

/// What a server has of its own: the listener whose address it gives as its own, and the time.
struct Own {
    listener: Option<TcpListener>,
    clock: Clock,
}

/// A further server on the database of another one.
pub(crate) struct Instance {
    pub(crate) address: SocketAddr,
    pub(crate) store: Store,
    stop: CancellationToken,
    served: JoinHandle<std::io::Result<()>>,
}

impl Instance {
    /// Stops it and waits until everything that was begun has ended.
    pub(crate) async fn stop(self) {
        self.stop.cancel();
        self.served.await.unwrap().unwrap();
        self.store.close().await;
    }
}

/// What the doors of a server over this store need.
async fn state(store: &Store, public_url: &str, rates: Option<Rates>) -> DoorState {
    let tokens = TokenSettings { liveness: Duration::ZERO, ..TokenSettings::new(public_url) };
    let authenticator = Arc::new(Authenticator::open(store, tokens).await.unwrap());
    let authorization =
        AuthorizationServer::open(store, authenticator.clone(), ServerSettings::default()).await;
    let strangers = Arc::new(rates.as_ref().map(Strangers::new).unwrap_or_default());
    let authorization = Arc::new(authorization.unwrap().with_strangers(strangers.clone()));
    let mut capabilities = catalog::capabilities();
    capabilities.push(&TRIAL);
    let catalog = Arc::new(Catalog::new(&capabilities).expect("the catalogue compiles"));
    let accounts = Accounts::open(store, AccountSettings::new(public_url)).await.unwrap();
    let accounts = Arc::new(accounts.with_strangers(strangers.clone()));
    let mail = Arc::new(Mail::Kept(Mutex::default()));
    let desk = app::logins(store, &authenticator, &authorization, &accounts, &mail);
    let rate_limit = rates.map_or(RateLimit::Off, RateLimit::new);
    let pipeline = Pipeline::new(store.clone(), catalog, rate_limit);
    let pipeline = pipeline.with_logins(desk).with_strangers(strangers).with_loopback_webhooks(true);
    let pipeline = Arc::new(pipeline);
    let recheck = Duration::from_millis(20);
    let hub = Hub::new(pipeline.clone(), HubSettings { recheck, ..HubSettings::default() });
    let settings = DoorSettings { stream_recheck: recheck, ..DoorSettings::new(public_url) };
    DoorState { pipeline, authenticator, authorization, accounts, mail, hub, settings: Arc::new(settings) }
}

/// The people of the server: `doctor@here`, `receptionist@here`, … and `doctor@elsewhere`.
enum Staff {}

impl Staff {
    const ROLES: [Role; 5] = [Role::Doctor, Role::Nurse, Role::Receptionist, Role::Admin, Role::Auditor];
}

impl Server {
    /// A server on SQLite.
    pub(crate) async fn start() -> Self {
        Self::start_at(clock()).await
    }

    /// A server on SQLite at another time.
    pub(crate) async fn start_at(clock: Clock) -> Self {
        let folder = new_folder();
        let location = Location::Sqlite(folder.join("medcor.sqlite"));
        Self::on(location, folder, None, clock).await
    }

    /// A server on SQLite that says of itself where it really is, for clients that go where it says. Its
    /// clock is the system's, by which they judge what it issues.
    pub(crate) async fn start_at_its_own_address() -> Self {
        let folder = new_folder();
        let location = Location::Sqlite(folder.join("medcor.sqlite"));
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let own = Own { listener: Some(listener), clock: Clock::system() };
        Self::limited_on(location, folder, None, own, None).await
    }

    /// A server on PostgreSQL; `None`, after saying so, where there is none.
    pub(crate) async fn start_on_postgres() -> Option<Self> {
        Self::start_on_postgres_at(clock()).await
    }

    /// The same at another time.
    pub(crate) async fn start_on_postgres_at(clock: Clock) -> Option<Self> {
        let database = medcor_testbed::cluster()?.database().expect("a database for this test");
        let location = Location::Postgres(database.url().to_owned());
        Some(Self::on(location, new_folder(), Some(database), clock).await)
    }

    /// A server that counts calls.
    pub(crate) async fn start_limited(rates: Rates) -> Self {
        let folder = new_folder();
        let location = Location::Sqlite(folder.join("medcor.sqlite"));
        let own = Own { listener: None, clock: clock() };
        Self::limited_on(location, folder, None, own, Some(rates)).await
    }

    async fn on(
        location: Location,
        folder: PathBuf,
        database: Option<medcor_testbed::Database>,
        clock: Clock,
    ) -> Self {
        Self::limited_on(location, folder, database, Own { listener: None, clock }, None).await
    }

    async fn limited_on(
        location: Location,
        folder: PathBuf,
        database: Option<medcor_testbed::Database>,
        own: Own,
        rates: Option<Rates>,
    ) -> Self {
        let own_url = own.listener.as_ref().map(|own| format!("http://{}", own.local_addr().unwrap()));
        let public_url = own_url.as_deref().unwrap_or(PUBLIC_URL);
        let settings = Settings {
            location,
            audit_durability: AuditDurability::Os,
            clock: own.clock,
            readers: 1,
            applies_migrations: true,
        };
        let store = Store::open(settings.clone()).await.expect("a new store opens");
        let here = tenant(&store, "here").await;
        let elsewhere = tenant(&store, "elsewhere").await;
        let state = state(&store, public_url, rates).await;
        let DoorState { pipeline, authenticator, authorization, accounts, mail, hub, .. } = state.clone();
        let listener = match own.listener {
            Some(own) => own,
            None => TcpListener::bind("127.0.0.1:0").await.unwrap(),
        };
        let address = listener.local_addr().unwrap();
        let stop = CancellationToken::new();
        let served = Some(tokio::spawn(door::serve(vec![listener], state, stop.clone())));
        Self {
            address,
            store,
            pipeline,
            authenticator,
            authorization,
            accounts,
            mail,
            hub,
            here,
            elsewhere,
            folder,
            settings,
            stop,
            served,
            database,
        }
    }

    /// A second server on the same database, as another process would be.
    pub(crate) async fn instance(&self) -> Instance {
        let store = Store::open(self.settings.clone()).await.expect("the store opens again");
        let state = state(&store, PUBLIC_URL, None).await;
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let (address, stop) = (listener.local_addr().unwrap(), self.stop.child_token());
        let served = tokio::spawn(door::serve(vec![listener], state, stop.clone()));
        Instance { address, store, stop, served }
    }

    /// Further doors to this server, until the token is cancelled.
    pub(crate) async fn doors_with(&self, settings: DoorSettings) -> (SocketAddr, CancellationToken) {
        self.doors_of(self.hub.clone(), settings).await
    }

    /// Further doors with a hub of their own.
    pub(crate) async fn doors_telling(&self, settings: HubSettings) -> (SocketAddr, CancellationToken) {
        let hub = Hub::new(self.pipeline.clone(), settings);
        self.doors_of(hub, DoorSettings::new(PUBLIC_URL)).await
    }

    /// Further doors at this listener; they are closed when what comes back has ended.
    pub(crate) fn doors_at(
        &self,
        listener: TcpListener,
        settings: DoorSettings,
    ) -> (CancellationToken, JoinHandle<std::io::Result<()>>) {
        let stop = self.stop.child_token();
        let state = self.door_state(self.hub.clone(), settings);
        (stop.clone(), tokio::spawn(door::serve(vec![listener], state, stop)))
    }

    async fn doors_of(&self, hub: Arc<Hub>, settings: DoorSettings) -> (SocketAddr, CancellationToken) {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let (address, stop) = (listener.local_addr().unwrap(), self.stop.child_token());
        tokio::spawn(door::serve(vec![listener], self.door_state(hub, settings), stop.clone()));
        (address, stop)
    }

    fn door_state(&self, hub: Arc<Hub>, settings: DoorSettings) -> DoorState {
        DoorState {
            pipeline: self.pipeline.clone(),
            authenticator: self.authenticator.clone(),
            authorization: self.authorization.clone(),
            accounts: self.accounts.clone(),
            mail: self.mail.clone(),
            hub,
            settings: Arc::new(settings),
        }
    }

    /// The token of a member of staff, such as `doctor@here`, who has just logged in.
    pub(crate) async fn token(&self, email: &str) -> String {
        self.token_of_login(email, Duration::ZERO).await
    }

    /// The token of a member of staff whose login is this old.
    pub(crate) async fn token_of_login(&self, email: &str, age: Duration) -> String {
        let (user, tenant) = self.member(email).await;
        let authenticated_at = self.store.clock().now() - i64::try_from(age.as_micros()).unwrap();
        let sign_in = SignIn { user: &user, tenant, session: None, authenticated_at, methods: "pwd" };
        self.authorization.sign_in(&sign_in).await.unwrap().access_token
    }

    /// A token that the operator made, with scopes.
    pub(crate) async fn narrowed_token(&self, email: &str, scopes: Option<&str>) -> String {
        let (user, tenant) = self.member(email).await;
        self.authenticator.token_for_user(&user, tenant, scopes, None).await.unwrap()
    }

    async fn member(&self, email: &str) -> (User, &Tenant) {
        let user = self.store.identity().user_by_email(email).await.unwrap().expect("a member of staff");
        let tenant = if user.tenant == self.here.id { &self.here } else { &self.elsewhere };
        (user, tenant)
    }

    /// A token of a machine client.
    pub(crate) async fn client_token(&self) -> String {
        let client = self.store.identity().client(&ClientId("robot".to_owned())).await.unwrap().unwrap();
        self.authenticator.token_for_client(&client, &self.here, None).unwrap()
    }

    /// Gives a member of staff a password.
    pub(crate) async fn give_password(&self, email: &str, password: &str) -> User {
        let user = self.store.identity().user_by_email(email).await.unwrap().expect("a member of staff");
        let hash = medcor_oauth::hash_password(password).unwrap();
        let event = AuditEvent::new(EventKind::Administration, "arrange").at_door("test", "test");
        let new = NewPassword { user: &user.id, hash: &hash, link: None, kept_session: None, forgotten: &[] };
        assert!(self.store.identity().set_password(&new, &event).await.unwrap());
        user
    }

    /// A patient of the first tenant; the id.
    pub(crate) async fn patient(&self, given: &str, family: &str) -> Id {
        let id = self.store.clock().new_id();
        let body = json!({
            "resourceType": "Patient",
            "identifier": [{ "system": "urn:mrn", "value": format!("MRN-{given}") }],
            "name": [{ "family": family, "given": [given] }],
            "birthDate": "1980-05-17"
        });
        let resource = ParsedResource::parse(body.to_string()).expect("a patient");
        let permit = permit_import(self.here.id);
        let mut session = self.store.session(&permit);
        session.put(id.clone(), resource).unwrap();
        session.commit(arranging(&self.store)).await.unwrap();
        id
    }

    /// A request to this server.
    pub(crate) fn request(&self, method: &str, path: &str) -> Request {
        Request::new(self.address, method, path)
    }

    /// How the binary is started on this server's database for MCP over standard input and output.
    pub(crate) fn stdio_arguments(&self, email: &str) -> Vec<String> {
        let data = self.folder.display().to_string();
        ["stdio", "--data", &data, "--user", email].map(str::to_owned).to_vec()
    }

    /// Every current record of this hospital, as `medcor export` writes it.
    pub(crate) async fn exported(&self) -> Vec<String> {
        if self.database.is_none() {
            return self.exported_by_command();
        }
        let permit = permit_export(self.here.id);
        let mut records = Vec::new();
        for resource_type in ResourceType::all() {
            let page = self.store.session(&permit).export(resource_type, 0, 10_000).await.unwrap();
            records.extend(page.records.into_iter().map(|record| record.body.to_string()));
        }
        records
    }

    fn exported_by_command(&self) -> Vec<String> {
        let target = self.folder.join("export");
        let mut command = Command::new(env!("CARGO_BIN_EXE_medcor"));
        command.args(["export", "--tenant", "here", "--data"]).arg(&self.folder).arg(&target);
        let output = command.output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        let files = std::fs::read_dir(&target).unwrap();
        let text =
            |file: std::io::Result<std::fs::DirEntry>| std::fs::read_to_string(file.unwrap().path()).unwrap();
        files.map(text).flat_map(|text| text.lines().map(str::to_owned).collect::<Vec<_>>()).collect()
    }

    /// The audit rows, oldest first, arranging aside.
    pub(crate) async fn audit(&self) -> Vec<Value> {
        let query = AuditQuery { limit: 10_000, ..AuditQuery::default() };
        let lines = self.store.ledger().search(&query).await.unwrap();
        let rows = lines.iter().map(|line| serde_json::from_str::<Value>(line).unwrap());
        rows.filter(|row| row["door"] != "test").collect()
    }

    /// Stops the doors and waits until everything that was begun has ended.
    pub(crate) async fn stop(&mut self) {
        self.stop.cancel();
        if let Some(served) = self.served.take() {
            served.await.unwrap().unwrap();
        }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.stop.cancel();
        if let Err(error) = std::fs::remove_dir_all(&self.folder) {
            eprintln!("{} stays behind: {error}", self.folder.display());
        }
    }
}

fn new_folder() -> PathBuf {
    let folder = std::env::temp_dir().join(format!("medcor-it-{}", Clock::system().new_id()));
    std::fs::create_dir_all(&folder).unwrap();
    folder
}

async fn tenant(store: &Store, slug: &str) -> Tenant {
    let identity = store.identity();
    let tenant = identity.create_tenant(store.clock().new_id(), slug, slug, "Europe/London").await.unwrap();
    let user = |role: &Role| User {
        id: SubjectId(store.clock().new_id().to_string()),
        tenant: tenant.id,
        email: format!("{}@{slug}", role.name()),
        display_name: role.name().to_owned(),
        roles: vec![*role],
        password_hash: login::password_of(*role),
        patient: None,
        practitioner: None,
        is_active: true,
    };
    let mut users: Vec<User> = Staff::ROLES.iter().map(user).collect();
    users.push(User {
        email: format!("former@{slug}"),
        is_active: false,
        id: SubjectId(store.clock().new_id().to_string()),
        ..users[0].clone()
    });
    identity.create_users(&users).await.unwrap();
    if slug == "here" {
        let client = Client {
            id: ClientId("robot".to_owned()),
            tenant: tenant.id,
            app_id: "robot".to_owned(),
            display_name: "Robot".to_owned(),
            role: Role::System,
            scopes: "system/Patient.rs".to_owned(),
            secret_hash: "none".to_owned(),
            is_active: true,
        };
        identity.create_clients(&[client, login::client(&tenant, "copilot")]).await.unwrap();
    }
    tenant
}

pub(crate) fn arranging(store: &Store) -> AuditEntry {
    AuditEntry {
        at: store.clock().now(),
        event: "AUDIT:ARRANGE".to_owned(),
        tenant: None,
        subject: None,
        client: None,
        roles: Vec::new(),
        action: "arrange".to_owned(),
        parameters: Vec::new(),
        patients: Vec::new(),
        outcome: Outcome::Success,
        latency_microseconds: 0,
        request_id: "test".to_owned(),
        door: "test".to_owned(),
        object: None,
        detail: None,
        address: None,
    }
}
