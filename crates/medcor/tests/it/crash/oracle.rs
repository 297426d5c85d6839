//! What has to be true after a kill.

use std::{
    collections::{HashMap, HashSet},
    fmt,
};

use medcor_fhir::ResourceType;
use medcor_policy::system::permit_export;
use medcor_store::{
    AuditDurability, AuditEntry, Clock, Location, Outcome, Settings, Store, audit::AuditQuery,
};
use serde_json::Value;

use super::load::{Seen, Write};
use crate::support::process::Place;

/// Compares what clients saw with what the database holds.
#[derive(Default)]
pub(super) struct Oracle {
    writes: usize,
    answers: usize,
    /// Newest row of the trail that was looked at, microseconds.
    looked_until: i64,
}

impl Oracle {
    /// After one kill and the next start.
    pub(super) async fn check(&mut self, place: Place<'_>, seen: Seen, context: &str) {
        let store = open(place).await;
        check_writes(&store, &seen.writes, context).await;
        let rows = trail(&store, Some(self.looked_until)).await;
        let known: HashSet<&str> = rows.iter().filter_map(|row| row["request_id"].as_str()).collect();
        for request_id in &seen.request_ids {
            assert!(known.contains(request_id.as_str()), "{context}: an answer without a row: {request_id}");
        }
        let report = store.ledger().verify().await.expect("the trail is walked");
        assert_eq!(report.first_broken, None, "{context}");
        self.looked_until = rows.iter().filter_map(|row| row["at"].as_i64()).max().unwrap_or_default();
        self.writes += seen.writes.len();
        self.answers += seen.request_ids.len();
        store.close().await;
    }

    /// Every record has its row and every row its record, acknowledged or not.
    pub(super) async fn check_totals(&self, place: Place<'_>) {
        let store = open(place).await;
        let mut done: HashMap<String, u64> = HashMap::new();
        for row in trail(&store, None).await {
            if row["outcome"] == "success" {
                *done.entry(row["action"].as_str().unwrap_or_default().to_owned()).or_default() += 1;
            }
        }
        let records: HashMap<ResourceType, u64> =
            store.statistics().await.expect("statistics").records.into_iter().collect();
        for (resource_type, action) in
            [(ResourceType::PATIENT, "create_patient"), (ResourceType::OBSERVATION, "record_vital_signs")]
        {
            let records = records.get(&resource_type).copied().unwrap_or_default();
            let rows = done.get(action).copied().unwrap_or_default();
            assert_eq!(records, rows, "{resource_type} and its rows in the trail");
        }
        store.close().await;
    }
}

impl fmt::Display for Oracle {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{} acknowledged writes, {} answers", self.writes, self.answers)
    }
}

async fn check_writes(store: &Store, writes: &[Write], context: &str) {
    let tenants = store.identity().tenants().await.expect("the store answers");
    let permit = permit_export(tenants[0].id);
    let mut session = store.session(&permit);
    for Write { resource_type, id, version, text } in writes {
        let found = session.read_version(*resource_type, id, *version).await.expect("the store answers");
        let found =
            found.unwrap_or_else(|| panic!("{context}: version {version} of {resource_type}/{id} is lost"));
        assert!(found.body.contains(text), "{context}: `{text}` is not in {}", found.body);
        let current = session.read(*resource_type, id).await.expect("the store answers");
        assert!(
            current.is_some_and(|current| current.version >= *version),
            "{context}: {resource_type}/{id}"
        );
    }
    session.commit(looking()).await.expect("the row of this look is written");
}

/// Rows from this time on, or all.
async fn trail(store: &Store, from: Option<i64>) -> Vec<Value> {
    let query = AuditQuery { from, limit: u32::MAX, ..AuditQuery::default() };
    let lines = store.ledger().search(&query).await.expect("the trail is searched");
    lines.iter().map(|line| serde_json::from_str(line).expect("a row is JSON")).collect()
}

pub(super) async fn open(place: Place<'_>) -> Store {
    let location = match place.database_url {
        Some(url) => Location::Postgres(url.to_owned()),
        None => Location::Sqlite(place.folder.join("medcor.sqlite")),
    };
    let settings = Settings {
        location,
        audit_durability: AuditDurability::Os,
        clock: Clock::system(),
        readers: 1,
        applies_migrations: false,
    };
    Store::open(settings).await.expect("the database opens beside the server")
}

pub(super) fn looking() -> AuditEntry {
    AuditEntry {
        at: Clock::system().now(),
        event: "AUDIT:LOOK".to_owned(),
        tenant: None,
        subject: None,
        client: None,
        roles: Vec::new(),
        action: "look".to_owned(),
        parameters: Vec::new(),
        patients: Vec::new(),
        outcome: Outcome::Success,
        latency_microseconds: 0,
        request_id: "look".to_owned(),
        door: "test".to_owned(),
        object: None,
        detail: None,
        address: None,
    }
}
