//! What keeps single patients from callers whose permit reaches a whole tenant: their consents, and the
//! tenant's rule that clinicians see the patients in their care. An emergency opens one again.
//!
//! A tenant's rules are read together and kept for seconds, so that a call under no rule costs no statement
//! more; what a call of this instance changes is seen at once.

use std::{
    collections::HashMap,
    sync::{
        Arc, LazyLock,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use medcor_fhir::{Id, ResourceType, primitive::format_instant, search::parameter::parameter};
use medcor_policy::{
    Action, Actor, Permit, TenantId, Unseen,
    consent::{Directive, RoleHolder},
};
use quick_cache::sync::Cache;
use tokio::sync::Mutex;

use crate::{
    Record, Store, StoreError,
    database::{Lane, Row, SqlValue, Statement},
    records::{
        index_row::{NO_MOMENT, system_number},
        search::Dialect,
    },
    tenant_settings::TenantSettings,
};

/// How long the rules of a tenant are taken from memory: what another instance changes is seen within it.
const AGE_MAX: Duration = Duration::from_secs(5);
/// The least `resource.moment_end` of a record that has a date.
const DATED: i64 = NO_MOMENT + 1;
/// Microseconds.
const DAY: i64 = 24 * 60 * 60 * 1_000_000;
/// Tenants whose rules are kept at hand.
const TENANTS_CACHED: usize = 1024;
/// Tenants whose rules can be read at once, and whose changes are told apart.
const TURNS: usize = 64;

/// A tenant's settings, open emergencies, and what tells whether its consents, and the roles that they may
/// name, have changed: how many there are, and when they did. The type stands in the text, for a plan that is made for any type reads the whole
/// table; the columns are those of an index.
static RULES: LazyLock<String> = LazyLock::new(|| {
    format!(
        "SELECT 0, name, value, CAST(0 AS bigint), CAST('' AS text) FROM tenant_setting WHERE tenant = ?1
         UNION ALL
         SELECT 1, subject, patient, closes_at, client FROM emergency_access
         WHERE tenant = ?1 AND closes_at > ?2
         UNION ALL
         SELECT 2, CAST(count(*) AS text) || '/' || CAST(coalesce(sum(last_updated % 1000000007), 0) AS text),
             '', CAST(coalesce(max(last_updated), 0) AS bigint), ''
         FROM resource WHERE tenant = ?1 AND type = {consent} AND state = 0
         UNION ALL
         SELECT 3, CAST(count(*) AS text) || '/' || CAST(coalesce(sum(last_updated % 1000000007), 0) AS text),
             '', CAST(coalesce(max(last_updated), 0) AS bigint), ''
         FROM resource WHERE tenant = ?1 AND type = {role} AND state = 0
             AND EXISTS (SELECT 1 FROM resource WHERE tenant = ?1 AND type = {consent} AND state = 0)",
        consent = ResourceType::CONSENT.code(),
        role = ResourceType::PRACTITIONER_ROLE.code(),
    )
});

/// The rules of one tenant.
#[derive(Debug)]
pub(crate) struct Sight {
    settings: TenantSettings,
    directives: Arc<[Directive]>,
    openings: Vec<Open>,
    consents: String,
    /// What the directory says of roles, where consents may name them.
    roles: String,
    /// How many changes were known before it was read: with a further one it is old.
    changes: u64,
    read_at: Instant,
    is_being_read: AtomicBool,
}

/// The rules of tenants, as they were read last.
pub(crate) struct Sights {
    cache: Cache<TenantId, Arc<Sight>>,
    /// How often calls of this instance changed rules, of tenants that share a turn together.
    changes: [AtomicU64; TURNS],
    /// Whoever reads rules holds the turn of the tenant: when they are old, all callers want them at once.
    turns: [Mutex<()>; TURNS],
}

/// A patient who is open to somebody for an emergency, through the program in which they opened it: a
/// person's agents don't come along.
#[derive(Debug)]
struct Open {
    subject: String,
    client: String,
    patient: Id,
    closes_at: i64,
}

/// What one action on one type may not touch, beside what the permit says.
#[derive(Debug, Default)]
pub(crate) struct Limits {
    /// Patients who have forbidden it.
    hidden: Vec<Id>,
    /// Where the caller sees the patients in its care alone.
    care: Option<Care>,
    /// Which records of the type the caller does not see: drafts, or what tools keep.
    unseen: Option<(ResourceType, Unseen)>,
    /// Where the caller has confined itself to one patient.
    pin: Option<Id>,
    /// Whether the caller sees what is about no patient alone.
    is_about_nobody: bool,
}

/// Who is in somebody's care.
#[derive(Debug)]
pub(crate) struct Care {
    practitioner: Option<Id>,
    /// Microseconds since the epoch.
    now: i64,
    /// From when on encounters count, microseconds since the epoch.
    since: i64,
    /// Patients who are seen whatever the records say: the own, and those opened in an emergency.
    also: Vec<Id>,
}

/// A condition on `r`, in which `$1`, `$2` and so on stand for the values.
pub(crate) struct LimitText {
    pub(crate) text: String,
    pub(crate) values: Vec<SqlValue>,
}

impl Store {
    /// The rules of a tenant.
    pub(crate) async fn sight(&self, tenant: TenantId) -> Result<Arc<Sight>, StoreError> {
        let asked_at = Instant::now();
        let known = self.sights().known(tenant);
        if let Some(known) = &known {
            let age = known.read_at.elapsed();
            let is_fresh = age * 2 < AGE_MAX;
            // One reads anew while the others go on with what there is.
            if is_fresh || (age < AGE_MAX && known.is_being_read.swap(true, Ordering::Relaxed)) {
                return Ok(known.clone());
            }
        }
        let read = self.read_sight_in_turn(tenant, asked_at, known.as_deref()).await;
        if let Some(known) = &known {
            known.is_being_read.store(false, Ordering::Relaxed);
        }
        read
    }

    /// Reads the rules for all who wait for them.
    async fn read_sight_in_turn(
        &self,
        tenant: TenantId,
        asked_at: Instant,
        known: Option<&Sight>,
    ) -> Result<Arc<Sight>, StoreError> {
        let sights = self.sights();
        let _turn = sights.turn(tenant).lock().await;
        if let Some(read) = sights.known(tenant).filter(|read| read.read_at >= asked_at) {
            return Ok(read);
        }
        // What is changed from here on may not be in it.
        let changes = sights.changes(tenant);
        let sight = Arc::new(self.read_sight(tenant, changes, known).await?);
        sights.cache.insert(tenant, sight.clone());
        Ok(sight)
    }

    /// The settings of a tenant.
    pub async fn tenant_settings(&self, tenant: TenantId) -> Result<TenantSettings, StoreError> {
        Ok(self.sight(tenant).await?.settings.clone())
    }

    /// Reads the rules anew with the next call.
    pub(crate) fn forget_sight(&self, tenant: TenantId) {
        self.sights().forget(tenant);
    }

    async fn read_sight(
        &self,
        tenant: TenantId,
        changes: u64,
        known: Option<&Sight>,
    ) -> Result<Sight, StoreError> {
        let values = vec![tenant.into(), self.clock().now().into()];
        let read_at = Instant::now();
        let statement = Statement::of_tenant(tenant, RULES.as_str(), values);
        let rows = self.backend().rows(Lane::Inline, statement).await?;
        let mut sight = Sight::new(changes, read_at);
        for row in &rows {
            sight.take(row)?;
        }
        sight.directives = match known {
            Some(known) if known.consents == sight.consents && known.roles == sight.roles => {
                known.directives.clone()
            }
            _ if sight.consents.starts_with("0/") => Arc::new([]),
            _ => self.directives(tenant).await?,
        };
        Ok(sight)
    }

    async fn directives(&self, tenant: TenantId) -> Result<Arc<[Directive]>, StoreError> {
        let consent = ResourceType::CONSENT.code();
        let sql = format!("SELECT body FROM resource WHERE tenant = ?1 AND type = {consent} AND state = 0");
        let statement = Statement::of_tenant(tenant, sql, vec![tenant.into()]);
        let rows = self.backend().rows(Lane::Scan, statement).await?;
        let mut directives = Vec::new();
        for row in &rows {
            let body = serde_json::from_str(row.text(0)?)
                .map_err(|_malformed| StoreError::Damaged("a stored body is not JSON"))?;
            directives.extend(Directive::of(&body));
        }
        if directives.iter().any(|directive| directive.practitioner_roles().next().is_some()) {
            let holders = self.role_holders(tenant).await?;
            directives = directives.into_iter().map(|directive| directive.with_holders(&holders)).collect();
        }
        Ok(directives.into())
    }

    /// Who holds which role of the directory.
    async fn role_holders(&self, tenant: TenantId) -> Result<HashMap<Id, RoleHolder>, StoreError> {
        let sql = "SELECT id, body FROM resource WHERE tenant = ?1 AND type = ?2 AND state = 0";
        let values = vec![tenant.into(), i64::from(ResourceType::PRACTITIONER_ROLE.code()).into()];
        let rows = self.backend().rows(Lane::Scan, Statement::of_tenant(tenant, sql, values)).await?;
        let mut holders = HashMap::new();
        for row in &rows {
            let id = Id::new(row.text(0)?).ok_or(StoreError::Damaged("an id is not an id"))?;
            let body = serde_json::from_str(row.text(1)?)
                .map_err(|_malformed| StoreError::Damaged("a stored body is not JSON"))?;
            holders.extend(RoleHolder::of(&body).map(|holder| (id, holder)));
        }
        Ok(holders)
    }
}

impl Sights {
    pub(crate) fn new() -> Self {
        Self {
            cache: Cache::new(TENANTS_CACHED),
            changes: std::array::from_fn(|_| AtomicU64::new(0)),
            turns: std::array::from_fn(|_| Mutex::new(())),
        }
    }

    /// The rules that are at hand, unless they were changed since.
    fn known(&self, tenant: TenantId) -> Option<Arc<Sight>> {
        self.cache.get(&tenant).filter(|known| known.changes == self.changes(tenant))
    }

    fn forget(&self, tenant: TenantId) {
        self.changes[place(tenant)].fetch_add(1, Ordering::AcqRel);
        self.cache.remove(&tenant);
    }

    fn changes(&self, tenant: TenantId) -> u64 {
        self.changes[place(tenant)].load(Ordering::Acquire)
    }

    fn turn(&self, tenant: TenantId) -> &Mutex<()> {
        &self.turns[place(tenant)]
    }
}

/// The turn of a tenant.
fn place(tenant: TenantId) -> usize {
    usize::try_from(tenant.0.unsigned_abs()).unwrap_or_default() % TURNS
}

impl Sight {
    fn new(changes: u64, read_at: Instant) -> Self {
        Self {
            settings: TenantSettings::default(),
            directives: Arc::new([]),
            openings: Vec::new(),
            consents: String::new(),
            roles: String::new(),
            changes,
            read_at,
            is_being_read: AtomicBool::new(false),
        }
    }

    fn take(&mut self, row: &Row) -> Result<(), StoreError> {
        match row.integer(0)? {
            0 => self.settings.take(row.text(1)?, row.text(2)?),
            1 => self.openings.push(Open {
                subject: row.text(1)?.to_owned(),
                patient: Id::new(row.text(2)?).ok_or(StoreError::Damaged("an id is not an id"))?,
                closes_at: row.integer(3)?,
                client: row.text(4)?.to_owned(),
            }),
            2 => self.consents = format!("{}/{}", row.text(1)?, row.integer(3)?),
            _ => self.roles = format!("{}/{}", row.text(1)?, row.integer(3)?),
        }
        Ok(())
    }

    /// What an action on records of this type may not touch. `now` is in microseconds since the epoch.
    pub(crate) fn limits(
        &self,
        permit: &Permit,
        actor: &Actor,
        (action, resource_type): (Action, ResourceType),
        now: i64,
    ) -> Limits {
        let is_confined = self.settings.care_team_only && permit.is_by_care(action, resource_type);
        let unseen = permit.unseen_draft(action, resource_type);
        let unseen =
            unseen.or_else(|| permit.unseen_report(resource_type)).map(|unseen| (resource_type, unseen));
        let pin = permit.pin().cloned();
        let is_about_nobody = permit.is_about_nobody(action, resource_type);
        if self.directives.is_empty() && !is_confined {
            return Limits { unseen, pin, is_about_nobody, ..Limits::default() };
        }
        let opened: Vec<&Id> = self
            .openings
            .iter()
            .filter(|open| open.is_of(permit) && open.closes_at > now)
            .map(|open| &open.patient)
            .collect();
        let denying = self.directives.iter().filter(|directive| {
            directive.denies(actor, resource_type, now) && !opened.contains(&&directive.patient)
        });
        let hidden = denying.map(|directive| directive.patient.clone()).collect();
        let care = is_confined.then(|| Care {
            practitioner: actor.practitioner.clone(),
            now,
            since: now - i64::from(self.settings.care_window_days) * DAY,
            also: opened.into_iter().chain(actor.patient.as_ref()).cloned().collect(),
        });
        Limits { hidden, care, unseen, pin, is_about_nobody }
    }
}

impl Open {
    fn is_of(&self, permit: &Permit) -> bool {
        self.subject == permit.subject().0 && self.client == permit.client().0
    }
}

impl Limits {
    /// Whether nothing is limited.
    pub(crate) fn is_none(&self) -> bool {
        let sees_everybody = self.hidden.is_empty() && self.care.is_none() && self.pin.is_none();
        sees_everybody && self.unseen.is_none() && !self.is_about_nobody
    }

    /// Whether this version is a draft, or another record, that the caller does not see.
    pub(crate) fn withholds(&self, record: &Record) -> Result<bool, StoreError> {
        let Some((_, unseen)) = &self.unseen else { return Ok(false) };
        let body: serde_json::Value = serde_json::from_str(&record.body)
            .map_err(|_malformed| StoreError::Damaged("a stored body is not JSON"))?;
        Ok(unseen.is(&body))
    }

    /// Whether this patient has forbidden it.
    pub(crate) fn is_denied_by(&self, patient: &Id) -> bool {
        self.hidden.contains(patient)
    }

    /// Whether records of this patient are hidden for sure, whatever care says.
    pub(crate) fn hides(&self, patient: &Id) -> bool {
        self.is_about_nobody
            || self.hidden.contains(patient)
            || self.pin.as_ref().is_some_and(|pin| pin != patient)
    }

    /// Where care decides, and this patient is not seen anyway.
    pub(crate) fn care_of(&self, patient: &Id) -> Option<&Care> {
        self.care.as_ref().filter(|care| !care.also.contains(patient))
    }

    /// The conditions on every row of a search.
    pub(crate) fn texts(&self, dialect: Dialect) -> Vec<LimitText> {
        let mut texts = Vec::new();
        if !self.hidden.is_empty() {
            texts.push(LimitText {
                text: format!(
                    "(r.patient IS NULL OR NOT ({}))
                     AND (r.patients IS NULL OR NOT EXISTS (SELECT 1 FROM {} WHERE {}))",
                    one_of("r.patient", dialect),
                    each_patient(dialect),
                    one_of("p.value", dialect)
                ),
                values: vec![listed(&self.hidden, dialect)],
            });
        }
        if self.is_about_nobody {
            let text = "r.patient IS NULL AND r.patients IS NULL".to_owned();
            texts.push(LimitText { text, values: Vec::new() });
        }
        if let Some(pin) = &self.pin {
            texts.push(LimitText {
                text: "(r.patient IS NULL OR r.patient = $1) AND r.patients IS NULL".to_owned(),
                values: vec![pin.as_str().into()],
            });
        }
        if let Some(care) = &self.care {
            texts.push(LimitText {
                text: format!(
                    "(r.patient IS NULL OR {} OR r.patient IN ({care}))
                     AND (r.patients IS NULL OR NOT EXISTS (
                         SELECT 1 FROM {} WHERE NOT ({}) AND p.value NOT IN ({care})))",
                    one_of("r.patient", dialect),
                    each_patient(dialect),
                    one_of("p.value", dialect),
                    care = in_care(dialect, |value| format!("${}", value + 2))
                ),
                values: std::iter::once(listed(&care.also, dialect)).chain(care.values()).collect(),
            });
        }
        texts.extend(self.unseen.iter().map(released));
        texts
    }
}

/// That a row is none of those.
fn released((resource_type, unseen): &(ResourceType, Unseen)) -> LimitText {
    let parameter =
        parameter(*resource_type, unseen.parameter()).expect("R4 has a parameter for what tells them");
    let (system, code) = unseen.coding();
    let system =
        system.map_or_else(String::new, |system| format!("AND t.system = {} ", system_number(Some(system))));
    let text = format!(
        "NOT EXISTS (SELECT 1 FROM index_token t WHERE t.tenant = ?1 AND t.parameter = {} {system}AND t.code = '{code}'
             AND t.row_id = r.row_id)",
        parameter.id.0
    );
    LimitText { text, values: Vec::new() }
}

impl Care {
    /// What [`in_care`] takes.
    fn values(&self) -> [SqlValue; 4] {
        let practitioner = self.practitioner.as_ref().map(Id::as_str).unwrap_or_default();
        let today = format_instant(self.now);
        let (today, _time) = today.split_once('T').unwrap_or((&today, ""));
        [practitioner.into(), self.now.into(), self.since.into(), today.into()]
    }

    /// The question whether a patient is in this care, as a statement with one row if so.
    pub(crate) fn question(&self, tenant: TenantId, patient: &Id, dialect: Dialect) -> Statement {
        let sql = format!("SELECT 1 WHERE ?2 IN ({})", in_care(dialect, |value| format!("?{}", value + 3)));
        let values = [tenant.into(), patient.as_str().into()].into_iter().chain(self.values());
        Statement::of_tenant(tenant, sql, values.collect())
    }
}

/// The column is one of the listed values, which are `$1`.
fn one_of(column: &str, dialect: Dialect) -> String {
    match dialect {
        Dialect::Sqlite => format!("{column} IN (SELECT value FROM json_each($1))"),
        Dialect::Postgres => format!("{column} = ANY (string_to_array($1, ','))"),
    }
}

/// The patients of a record about several, as the table `p`.
fn each_patient(dialect: Dialect) -> &'static str {
    match dialect {
        Dialect::Sqlite => r#"json_each('["' || replace(r.patients, ',', '","') || '"]') p"#,
        Dialect::Postgres => "unnest(string_to_array(r.patients, ',')) AS p (value)",
    }
}

/// Ids as one value, so that the text of a statement does not grow with them. They hold letters, digits,
/// `-` and `.` alone.
fn listed(ids: &[Id], dialect: Dialect) -> SqlValue {
    let ids: Vec<&str> = ids.iter().map(Id::as_str).collect();
    match dialect {
        Dialect::Sqlite => serde_json::to_string(&ids).expect("texts are JSON").into(),
        Dialect::Postgres => ids.join(",").into(),
    }
}

/// The patients in the care of a practitioner: as their general practitioner, by a care team that is active
/// now and in which the practitioner takes part now, or by an encounter that took or takes place, unless it
/// is too long ago. An encounter without a date counts from when it was written.
///
/// `mark` gives the marks of [`Care::values`], by their position.
fn in_care(dialect: Dialect, mark: impl Fn(usize) -> String) -> String {
    let number = |resource_type, code| parameter(resource_type, code).expect("R4 has this parameter").id.0;
    let status = |resource_type, codes: &str| {
        format!(
            "EXISTS (SELECT 1 FROM index_token t WHERE t.tenant = ?1 AND t.parameter = {} AND t.code IN ({codes})
                 AND t.row_id = x.row_id)",
            number(resource_type, "status")
        )
    };
    let [practitioner, now, since, today] = [0, 1, 2, 3].map(mark);
    format!(
        "SELECT c.patient FROM index_reference x CROSS JOIN resource c
         WHERE x.tenant = ?1 AND x.parameter IN ({general}, {team}, {encounter}) AND x.target = {practitioner}
             AND x.target_type = {of_type} AND c.row_id = x.row_id AND c.tenant = ?1 AND c.state = 0
             AND c.patient IS NOT NULL AND (x.parameter = {general}
                 OR (x.parameter = {team} AND {is_active} AND c.moment <= {now}
                     AND (c.moment_end > {now} OR c.moment_end < {DATED}) AND {takes_part})
                 OR (x.parameter = {encounter} AND NOT {is_void} AND (c.moment_end >= {since}
                     OR (c.moment_end < {DATED} AND c.last_updated >= {since}))))",
        general = number(ResourceType::PATIENT, "general-practitioner"),
        team = number(ResourceType::CARE_TEAM, "participant"),
        encounter = number(ResourceType::ENCOUNTER, "practitioner"),
        of_type = ResourceType::PRACTITIONER.code(),
        is_active = status(ResourceType::CARE_TEAM, "'active'"),
        is_void = status(ResourceType::ENCOUNTER, "'cancelled', 'entered-in-error'"),
        takes_part = takes_part(dialect, &practitioner, &today),
    )
}

/// Whether a practitioner takes part in the care team `c` on a day. Dates are compared as far as they go:
/// whoever leaves in a month is there until its end. Few teams have periods, so the others are not parsed.
fn takes_part(dialect: Dialect, practitioner: &str, today: &str) -> String {
    let (position, participants, text) = match dialect {
        Dialect::Sqlite => {
            ("instr", "json_each(c.body, '$.participant') m", sqlite_text as fn(&str, &str) -> String)
        }
        Dialect::Postgres => (
            "strpos",
            "json_array_elements(CAST(c.body AS json) -> 'participant') AS m (value)",
            postgres_text as fn(&str, &str) -> String,
        ),
    };
    let (member, start, end) = (text("member", "reference"), text("period", "start"), text("period", "end"));
    format!(
        "({position}(c.body, '\"period\"') = 0 OR EXISTS (SELECT 1 FROM {participants}
             WHERE ({member} = 'Practitioner/' || {practitioner}
                     OR {member} LIKE 'Practitioner/' || {practitioner} || '/%')
                 AND ({start} IS NULL OR substr({start}, 1, 10) <= substr(CAST({today} AS text), 1, length({start})))
                 AND ({end} IS NULL OR substr({end}, 1, 10) >= substr(CAST({today} AS text), 1, length({end})))))"
    )
}

fn sqlite_text(object: &str, member: &str) -> String {
    format!("json_extract(m.value, '$.{object}.{member}')")
}

fn postgres_text(object: &str, member: &str) -> String {
    format!("(m.value -> '{object}' ->> '{member}')")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rules_that_changed_while_they_were_read_are_read_again() {
        let (sights, tenant, other) = (Sights::new(), TenantId(1), TenantId(2));
        let read = |tenant| Arc::new(Sight::new(sights.changes(tenant), Instant::now()));
        let (old, of_other) = (read(tenant), read(other));
        sights.forget(tenant);
        // Whoever read them puts them in after the change.
        sights.cache.insert(tenant, old);
        sights.cache.insert(other, of_other);
        assert!(sights.known(tenant).is_none());
        assert!(sights.known(other).is_some(), "others keep theirs");
        sights.cache.insert(tenant, read(tenant));
        assert!(sights.known(tenant).is_some());
    }
}
