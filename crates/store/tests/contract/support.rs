//! A store with two tenants, and short words for what the facts arrange.

use std::{
    path::{Path, PathBuf},
    sync::atomic::{AtomicU32, Ordering},
};

use medcor_fhir::{Id, ParsedResource, ResourceType};
use medcor_policy::{
    Action, ClientId, Need, Permit, Principal, Role, SubjectId, TenantId, authorize, system::permit_import,
};
use medcor_store::{
    AuditDurability, AuditEntry, Clock, Committed, Location, Outcome, Record, Session, Settings, Store,
    StoreError, WriteOutcome,
};
use serde_json::{Value, json};

/// 2026-12-02T09:00:00Z.
pub(crate) const NOW: i64 = 1_796_202_000_000_000;

/// An open store with two tenants, on a database that is gone with it.
pub(crate) struct Hospital {
    pub(crate) store: Store,
    pub(crate) tenant: TenantId,
    pub(crate) other_tenant: TenantId,
    settings: Settings,
    kept: Kept,
}

impl Hospital {
    pub(crate) async fn on_sqlite() -> Self {
        let folder = Folder::new();
        let location = Location::Sqlite(folder.0.join("medcor.db"));
        Self::on(location, Kept { _folder: Some(folder), database: None }).await
    }

    /// `None`, said plainly, where there is no PostgreSQL.
    pub(crate) async fn on_postgres() -> Option<Self> {
        let database = medcor_testbed::cluster()?.database().expect("a new database");
        let location = Location::Postgres(database.url().to_owned());
        Some(Self::on(location, Kept { _folder: None, database: Some(database) }).await)
    }

    /// As [`Self::on_postgres`], logged in as a superuser.
    pub(crate) async fn on_postgres_as_superuser() -> Option<Self> {
        let database = medcor_testbed::cluster()?.database().expect("a new database");
        let location = Location::Postgres(database.superuser_url().to_owned());
        Some(Self::on(location, Kept { _folder: None, database: Some(database) }).await)
    }

    async fn on(location: Location, kept: Kept) -> Self {
        let settings = Settings {
            location,
            audit_durability: AuditDurability::Os,
            clock: Clock::fixed(NOW),
            readers: 2,
            applies_migrations: true,
        };
        let store = Store::open(settings.clone()).await.expect("a fresh store opens");
        let identity = store.identity();
        let mut tenants = Vec::new();
        for slug in ["north", "south"] {
            let organization = store.clock().new_id();
            let tenant = identity.create_tenant(organization, slug, slug, "Europe/London").await;
            tenants.push(tenant.expect("a fresh store has no tenants").id);
        }
        Self { store, tenant: tenants[0], other_tenant: tenants[1], settings, kept }
    }

    /// Opens the same database once more, as a second process would.
    pub(crate) async fn opened_again(&self) -> Store {
        Store::open(self.settings.clone()).await.expect("the store opens again")
    }

    /// Opens the same database once more, as if it were then.
    pub(crate) async fn opened_at(&self, now: i64) -> Store {
        let settings = Settings { clock: Clock::fixed(now), ..self.settings.clone() };
        Store::open(settings).await.expect("the store opens again")
    }

    /// Opens the same database once more by another way.
    pub(crate) async fn opened_through(&self, url: String) -> Store {
        let settings = Settings { location: Location::Postgres(url), ..self.settings.clone() };
        Store::open(settings).await.expect("the store opens again")
    }

    /// Changes the database behind the store's back.
    pub(crate) async fn damage(&self, sql: &str) {
        match &self.settings.location {
            Location::Sqlite(path) => damage_sqlite(path, sql),
            Location::Postgres(_) => damage_postgres(self.superuser_url(), sql).await,
        }
    }

    pub(crate) fn is_on_sqlite(&self) -> bool {
        matches!(self.settings.location, Location::Sqlite(_))
    }

    /// As whom the store logs in.
    pub(crate) fn url(&self) -> &str {
        match &self.settings.location {
            Location::Postgres(url) => url,
            Location::Sqlite(_) => unreachable!("a file has no URL"),
        }
    }

    /// For whoever goes behind the store's back.
    pub(crate) fn superuser_url(&self) -> &str {
        self.kept.database.as_ref().expect("it is on PostgreSQL").superuser_url()
    }

    /// What an import may do.
    pub(crate) fn permit(&self) -> Permit {
        import(self.tenant)
    }

    /// Commits what `stage` stages.
    pub(crate) async fn commit(
        &self,
        stage: impl FnOnce(&mut Session<'_>) -> Result<(), StoreError>,
    ) -> Result<Committed, StoreError> {
        let permit = self.permit();
        let mut session = self.store.session(&permit);
        stage(&mut session)?;
        session.commit(entry("test")).await
    }

    pub(crate) async fn create(&self, value: Value) -> Record {
        let permit = self.permit();
        let mut session = self.store.session(&permit);
        let record = session.create(resource(value)).expect("a valid record");
        session.commit(entry("create")).await.expect("a new record meets no conflict");
        record
    }

    pub(crate) async fn update(&self, current: &Record, value: Value) -> Result<Record, StoreError> {
        let permit = self.permit();
        let mut session = self.store.session(&permit);
        let record = session.update(current, resource(value))?;
        session.commit(entry("update")).await.map(|_| record)
    }

    pub(crate) async fn delete(&self, current: &Record) {
        let committed = self.commit(|session| session.delete(current)).await.expect("nobody else deletes");
        assert_eq!(committed.writes, [WriteOutcome::Deleted]);
    }

    pub(crate) async fn put(&self, id: &str, value: Value) -> WriteOutcome {
        let id = self::id(id);
        let committed = self.commit(|session| session.put(id, resource(value))).await;
        committed.expect("a put meets no conflict").writes[0]
    }

    pub(crate) async fn read(&self, resource_type: ResourceType, id: &Id) -> Option<Record> {
        let permit = self.permit();
        self.store.session(&permit).read(resource_type, id).await.expect("a read succeeds")
    }

    pub(crate) async fn versions(&self, record: &Record) -> Vec<Record> {
        let permit = self.permit();
        let page = self.store.session(&permit).history(record.resource_type, &record.id, 100, None).await;
        page.expect("a history is read").records
    }
}

pub(crate) fn id(text: &str) -> Id {
    Id::new(text).expect("an id")
}

pub(crate) fn import(tenant: TenantId) -> Permit {
    permit_import(tenant)
}

/// The permit of a patient who may do all that the role allows with these types.
pub(crate) fn patient_permit(tenant: TenantId, patient: &Id, needs: &[Need]) -> Permit {
    let principal = Principal {
        tenant,
        organization: Id::new("organization").expect("an id"),
        subject: SubjectId("ada".to_owned()),
        client: ClientId("portal".to_owned()),
        roles: vec![Role::Patient],
        scopes: None,
        patient: Some(patient.clone()),
        practitioner: None,
    };
    authorize(&principal, needs).expect("the role allows it")
}

pub(crate) fn looks_at(resource_type: ResourceType) -> Need {
    Need::Record { action: Action::Read, resource_type }
}

pub(crate) fn resource(value: Value) -> ParsedResource {
    ParsedResource::from_value(value).expect("a resource")
}

pub(crate) fn patient(family: &str) -> Value {
    json!({ "resourceType": "Patient", "name": [{ "family": family }], "birthDate": "1980-03-04" })
}

pub(crate) fn heart_rate(patient: &Id, value: u32) -> Value {
    json!({
        "resourceType": "Observation",
        "status": "final",
        "category": [{ "coding": [{
            "system": "http://terminology.hl7.org/CodeSystem/observation-category", "code": "vital-signs"
        }] }],
        "code": { "coding": [{ "system": "http://loinc.org", "code": "8867-4", "display": "Heart rate" }] },
        "subject": { "reference": format!("Patient/{patient}") },
        "effectiveDateTime": "2026-12-01T08:00:00Z",
        "valueQuantity": {
            "value": value, "unit": "beats/min", "system": "http://unitsofmeasure.org", "code": "/min"
        }
    })
}

pub(crate) fn entry(action: &str) -> AuditEntry {
    AuditEntry {
        at: NOW,
        event: "AUDIT:TOOL_CALL".to_owned(),
        tenant: None,
        subject: Some(SubjectId("tester".to_owned())),
        client: None,
        roles: Vec::new(),
        action: action.to_owned(),
        parameters: Vec::new(),
        patients: Vec::new(),
        outcome: Outcome::Success,
        latency_microseconds: 1,
        request_id: "request".to_owned(),
        door: "test".to_owned(),
        object: None,
        detail: None,
        address: None,
    }
}

fn damage_sqlite(path: &Path, sql: &str) {
    let connection = rusqlite::Connection::open(path).expect("the file opens");
    connection.busy_timeout(std::time::Duration::from_secs(10)).expect("a time-out is set");
    let changed = connection.execute(sql, []).expect("the damage is done");
    assert!(changed > 0, "`{sql}` changed nothing");
}

async fn damage_postgres(url: &str, sql: &str) {
    let (client, connection) =
        tokio_postgres::connect(url, tokio_postgres::NoTls).await.expect("a connection");
    let connection = tokio::spawn(connection);
    let changed = client.execute(sql, &[]).await.expect("the damage is done");
    assert!(changed > 0, "`{sql}` changed nothing");
    drop(client);
    connection.await.expect("it does not panic").expect("it ends well");
}

/// What has to stay as long as the store.
struct Kept {
    _folder: Option<Folder>,
    database: Option<medcor_testbed::Database>,
}

/// A folder that is removed with its owner.
struct Folder(PathBuf);

impl Folder {
    fn new() -> Self {
        static NUMBER: AtomicU32 = AtomicU32::new(0);
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        let name = format!("medcor-store-{}-{number}", std::process::id());
        let path = std::env::temp_dir().join(name);
        std::fs::create_dir_all(&path).expect("the folder for temporary files is writable");
        Self(path)
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        // A folder that stays behind is no reason for a fact to fail.
        std::fs::remove_dir_all(&self.0).unwrap_or_default();
    }
}
