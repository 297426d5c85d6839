//! The connections that write. Whatever batches wait when one is free share one transaction, one round
//! trip and one sync of the disk. A batch that meets a conflict is answered and leaves its group; the rest
//! goes on.

use std::{
    collections::{HashMap, HashSet, VecDeque},
    hash::{DefaultHasher, Hash, Hasher},
    sync::Arc,
    time::Duration,
};

use tokio::sync::{Mutex, Notify, mpsc, oneshot};
use tokio_postgres::{Client, Statement};

use super::{
    apply::{self, Placed},
    connect::{Connector, SERVER},
    failure,
    look::{self, Look},
    lost,
    pipeline::{self, Step},
    statements::Statements,
    trail::{self, Trail},
    wire_text,
};
use crate::{
    AuditDurability, Clock, Conflict, StoreError,
    batch::Batch,
    database::{self, Settings},
    ledger::Chain,
};

/// Connections that write.
const WRITERS: usize = 1;
/// Most batches of one transaction.
const GROUP_MAX: usize = 256;
/// Most records of one transaction, after which no further batch joins.
const GROUP_WRITES_MAX: usize = 1000;
/// Most batches that wait; whoever comes then waits to be let in.
const QUEUE_MAX: usize = 1024;
/// Turns that others get between the first batch of a group and the look at who waits behind it. Without
/// them the fastest caller goes alone and all others wait for the group after it.
const TURNS: usize = 3;
/// How often a batch that lost a race looks again.
const ATTEMPTS_MAX: u32 = 5;
/// Row numbers of one block, as the sequence steps.
const BLOCK: i64 = 128;
/// The wait before a lost connection is replaced; it doubles up to the longest.
const WAIT_FIRST: Duration = Duration::from_millis(50);
const WAIT_MAX: Duration = Duration::from_secs(2);

/// The way to the connections that write.
pub(super) struct Committer {
    jobs: mpsc::Sender<Job>,
    ended: Mutex<Vec<tokio::task::JoinHandle<()>>>,
}

enum Job {
    Commit(Box<Batch>, Reply),
    Close,
}

type Reply = oneshot::Sender<Result<(), StoreError>>;

impl Committer {
    pub(super) fn start(connector: &Connector, settings: &Settings, written: &Arc<Notify>) -> Self {
        let (jobs, waiting) = mpsc::channel(QUEUE_MAX);
        let waiting = Arc::new(Mutex::new(waiting));
        let mut ended = Vec::new();
        for _ in 0..WRITERS {
            let task = Task {
                connector: connector.clone(),
                clock: settings.clock.clone(),
                durability: settings.audit_durability,
                waiting: Arc::clone(&waiting),
                written: Arc::clone(written),
            };
            ended.push(tokio::spawn(task.run()));
        }
        Self { jobs, ended: Mutex::new(ended) }
    }

    /// Writes the batch; durable when it returns.
    pub(super) async fn commit(&self, batch: Batch) -> Result<(), StoreError> {
        let (reply, answer) = oneshot::channel();
        let job = Job::Commit(Box::new(batch), reply);
        self.jobs.send(job).await.map_err(|_closed| StoreError::NotReady)?;
        answer.await.unwrap_or(Err(StoreError::NotReady))
    }

    /// Waits for what was asked before and ends the connections.
    pub(super) async fn close(&self) {
        let mut ended = self.ended.lock().await;
        for _ in 0..ended.len() {
            // An error means that the tasks have ended already.
            drop(self.jobs.send(Job::Close).await);
        }
        for task in ended.drain(..) {
            if let Err(error) = task.await {
                tracing::error!(error = &error as &dyn std::error::Error, "a writer stopped");
            }
        }
    }
}

struct Task {
    connector: Connector,
    clock: Clock,
    durability: AuditDurability,
    waiting: Arc<Mutex<mpsc::Receiver<Job>>>,
    written: Arc<Notify>,
}

/// A batch and who waits for it.
struct Member {
    batch: Box<Batch>,
    reply: Reply,
}

impl Member {
    fn answer(self, outcome: Result<(), StoreError>) {
        // A caller that went away needs no answer; its commit stands.
        drop(self.reply.send(outcome));
    }
}

impl Task {
    async fn run(self) {
        let mut writer: Option<Writer> = None;
        loop {
            let (group, is_closing) = self.group().await;
            if !group.is_empty() {
                match self.ready(&mut writer).await {
                    Ok(writer) => writer.commit(group).await,
                    Err(error) => {
                        tracing::error!(
                            error = &error as &dyn std::error::Error,
                            "no connection to write on"
                        );
                        for member in group {
                            member.answer(Err(StoreError::NotReady));
                        }
                    }
                }
            }
            if is_closing {
                break;
            }
        }
        if let Some(writer) = &mut writer {
            writer.finish().await;
        }
    }

    /// Waits for a batch and takes those that wait behind it.
    async fn group(&self) -> (VecDeque<Member>, bool) {
        let mut waiting = self.waiting.lock().await;
        let mut group = VecDeque::new();
        let mut writes = 0;
        let mut next = waiting.recv().await;
        // The answers to the last group have just woken callers that want to commit again.
        for _ in 0..TURNS {
            tokio::task::yield_now().await;
        }
        loop {
            match next {
                Some(Job::Commit(batch, reply)) => {
                    writes += batch.writes.len();
                    group.push_back(Member { batch, reply });
                }
                Some(Job::Close) | None => return (group, true),
            }
            if group.len() == GROUP_MAX || writes >= GROUP_WRITES_MAX {
                return (group, false);
            }
            next = match waiting.try_recv() {
                Ok(job) => Some(job),
                Err(_nothing_waits) => return (group, false),
            };
        }
    }

    /// A connection that works; a lost one is replaced.
    async fn ready<'w>(&self, writer: &'w mut Option<Writer>) -> Result<&'w mut Writer, StoreError> {
        let is_usable = writer.as_ref().is_some_and(|writer| !writer.client.is_closed());
        if !is_usable {
            let mut wait = WAIT_FIRST;
            let mut attempt = 1;
            *writer = loop {
                match Writer::open(self).await {
                    Ok(opened) => break Some(opened),
                    Err(error) if attempt == ATTEMPTS_MAX => return Err(error),
                    Err(_lost) => {}
                }
                tokio::time::sleep(wait).await;
                wait = (wait * 2).min(WAIT_MAX);
                attempt += 1;
            };
        }
        writer.as_mut().ok_or(StoreError::NotReady)
    }
}

/// One connection that writes.
struct Writer {
    client: Client,
    connector: Connector,
    /// The server's process behind the connection.
    process: i32,
    /// The head of the chain that the last group would have left, if it failed.
    attempted: Option<Chain>,
    statements: Statements,
    /// Statements of identity, by their text.
    others: HashMap<String, Statement>,
    trail: Trail,
    /// Tenants that the connection is set to.
    tenants: String,
    /// Numbers of rows that are free.
    rows: std::ops::Range<i64>,
    written: Arc<Notify>,
}

impl Writer {
    async fn open(task: &Task) -> Result<Self, StoreError> {
        let (client, _fence) = task.connector.open_fenced().await?;
        let synchronous = match task.durability {
            AuditDurability::Disk => "on",
            AuditDurability::Os => "off",
        };
        let setting = format!(
            "SET synchronous_commit = {synchronous}; SET plan_cache_mode = force_generic_plan;
             SET medcor.tenants = '{{{SERVER}}}'"
        );
        client.batch_execute(&setting).await.map_err(failure)?;
        let statements = Statements::prepare(&client).await.map_err(failure)?;
        let key = trail::key(&client).await?;
        let process = client.query_one("SELECT pg_backend_pid()", &[]).await.map_err(failure)?.get(0);
        Ok(Self {
            client,
            connector: task.connector.clone(),
            process,
            attempted: None,
            statements,
            others: HashMap::new(),
            trail: Trail::new(task.clock.clone(), key),
            tenants: format!("{{{SERVER}}}"),
            rows: 0..0,
            written: Arc::clone(&task.written),
        })
    }

    /// Writes the members in groups without overlaps, and answers each.
    async fn commit(&mut self, mut waiting: VecDeque<Member>) {
        let mut is_first = true;
        while !waiting.is_empty() {
            if !is_first {
                waiting = self.without_conflicts(waiting).await;
            }
            is_first = false;
            let group = without_overlap(&mut waiting);
            if !group.is_empty() {
                self.commit_group(group).await;
            }
        }
    }

    /// Answers those whose conflict is certain, so that a queue for one claim is short.
    async fn without_conflicts(&mut self, waiting: VecDeque<Member>) -> VecDeque<Member> {
        let batches: Vec<&Batch> = waiting.iter().map(|member| &*member.batch).collect();
        let conflicts: Vec<Option<Conflict>> = match self.look(&batches).await {
            Ok(look) => batches.iter().enumerate().map(|(at, batch)| look.conflict(at, batch)).collect(),
            // The group itself will meet the same failure and answer it.
            Err(_failed) => vec![None; batches.len()],
        };
        answer_conflicts(waiting, conflicts)
    }

    async fn commit_group(&mut self, group: VecDeque<Member>) {
        let batches: Vec<&Batch> = group.iter().map(|member| &*member.batch).collect();
        match self.write(&batches).await {
            Ok(conflicts) if conflicts.iter().all(Option::is_none) => {
                if batches.iter().any(|batch| batch.may_write_events()) {
                    self.written.notify_one();
                }
                for member in group {
                    member.answer(Ok(()));
                }
            }
            Ok(conflicts) => {
                let rest = answer_conflicts(group, conflicts);
                if !rest.is_empty() {
                    Box::pin(self.commit_group(rest)).await;
                }
            }
            Err(error) => self.commit_each(group, &error).await,
        }
        if let Err(error) = self.trail.checkpoint_if_due(&self.client).await {
            tracing::warn!(error = &error as &dyn std::error::Error, "a checkpoint was not written");
        }
    }

    /// After a group failed: those with a certain conflict leave it, and the rest is written each on its
    /// own, so that one can't fail the others.
    async fn commit_each(&mut self, group: VecDeque<Member>, error: &StoreError) {
        if self.client.is_closed() {
            tracing::error!(error = error as &dyn std::error::Error, "a group of commits failed");
            let is_stored = self.is_stored_after_all().await;
            for member in group {
                member.answer(match &is_stored {
                    Ok(true) => Ok(()),
                    Ok(false) => Err(StoreError::GroupFailed),
                    Err(_unknown) => {
                        Err(StoreError::Database("the connection was lost during a commit".into()))
                    }
                });
            }
            return;
        }
        for member in self.without_conflicts(group).await {
            let outcome = self.commit_alone(&member.batch).await;
            if outcome.is_ok() && member.batch.may_write_events() {
                self.written.notify_one();
            }
            member.answer(outcome);
        }
    }

    /// Whether the group during whose commit the connection was lost is stored. Its audit rows tell: who was
    /// told of a failure would leave a second row for one call.
    async fn is_stored_after_all(&self) -> Result<bool, StoreError> {
        let (Some(attempted), Some(number)) = (&self.attempted, self.trail.number()) else {
            // Nothing of a chain was in it, so nothing can be told.
            return Err(StoreError::NotReady);
        };
        let mut wait = WAIT_FIRST;
        let mut attempt = 1;
        loop {
            match lost::head_after(&self.connector, self.process, number).await {
                Ok(head) => return Ok(head == Some((attempted.sequence(), attempted.hash().to_vec()))),
                Err(error) if attempt == ATTEMPTS_MAX => return Err(error),
                Err(_unreachable) => {}
            }
            tokio::time::sleep(wait).await;
            wait = (wait * 2).min(WAIT_MAX);
            attempt += 1;
        }
    }

    async fn commit_alone(&mut self, batch: &Batch) -> Result<(), StoreError> {
        let mut attempt = 1;
        loop {
            if let Some(conflict) = self.look(&[batch]).await?.conflict(0, batch) {
                return Err(conflict.into());
            }
            match self.write(&[batch]).await {
                Ok(conflicts) => match conflicts.into_iter().flatten().next() {
                    None => return Ok(()),
                    Some(conflict) => return Err(conflict.into()),
                },
                Err(error) if attempt == ATTEMPTS_MAX || self.client.is_closed() => return Err(error),
                Err(_lost_a_race) => attempt += 1,
            }
        }
    }

    /// Writes the batches in one transaction. Where one of them has a conflict, nothing is written and the
    /// conflicts are told.
    async fn write(&mut self, batches: &[&Batch]) -> Result<Vec<Option<Conflict>>, StoreError> {
        let none = vec![None; batches.len()];
        let look = if look::is_needed(batches) { Some(self.look(batches).await?) } else { None };
        if let Some(look) = &look {
            let found: Vec<Option<Conflict>> =
                batches.iter().enumerate().map(|(position, batch)| look.conflict(position, batch)).collect();
            if found.iter().any(Option::is_some) {
                return Ok(found);
            }
        }
        self.set_tenants(batches).await?;
        let placed = self.placed(batches, look.as_ref()).await?;
        if batches.iter().any(|batch| !batch.audit.is_empty()) {
            self.trail.register(&self.client).await?;
        }
        let head = self.trail.head();
        let outcome = self.write_steps(batches, &placed).await;
        self.attempted = None;
        if !matches!(outcome, Ok(None)) {
            self.attempted = Some(self.trail.head()).filter(|attempted| *attempted != head);
            self.trail.return_to(head);
            if !self.client.is_closed() {
                self.client.batch_execute("ROLLBACK").await.map_err(failure)?;
            }
        }
        match outcome? {
            None => Ok(none),
            Some(conflict) => Ok(vec![Some(conflict)]),
        }
    }

    async fn write_steps(
        &mut self,
        batches: &[&Batch],
        placed: &[Placed<'_>],
    ) -> Result<Option<Conflict>, StoreError> {
        let has_changes = batches.iter().any(|batch| batch.touches_identity());
        let mut steps = vec![Step::new(&self.statements.begin)];
        if has_changes {
            pipeline::run(&self.client, &steps).await.map_err(failure)?;
            steps.clear();
            if let Some(conflict) = self.change(batches).await? {
                return Ok(Some(conflict));
            }
        }
        steps.append(&mut apply::steps(&self.statements, batches, placed));
        let rows = batches.iter().flat_map(|batch| &batch.audit);
        self.trail.append(&self.statements, rows, &mut steps);
        steps.push(Step::new(&self.statements.commit));
        pipeline::run(&self.client, &steps).await.map_err(failure)?;
        Ok(None)
    }

    /// Statements of identity; only a batch that is alone has them.
    async fn change(&mut self, batches: &[&Batch]) -> Result<Option<Conflict>, StoreError> {
        for change in batches.iter().flat_map(|batch| &batch.changes) {
            if self.executed(&change.statement).await? == 0 {
                return Ok(Some(change.otherwise.clone()));
            }
        }
        for sweep in batches.iter().flat_map(|batch| &batch.sweeps) {
            self.executed(sweep).await?;
        }
        Ok(None)
    }

    /// How many rows a statement of identity changed.
    async fn executed(&mut self, wanted: &database::Statement) -> Result<u64, StoreError> {
        let sql = wire_text(&wanted.sql);
        let statement = if let Some(statement) = self.others.get(&sql) {
            statement.clone()
        } else {
            let statement = self.client.prepare(&sql).await.map_err(failure)?;
            self.others.insert(sql, statement.clone());
            statement
        };
        self.client.execute_raw(&statement, &wanted.values).await.map_err(failure)
    }

    async fn look<'b>(&mut self, batches: &[&'b Batch]) -> Result<Look<'b>, StoreError> {
        self.set_tenants(batches).await?;
        Look::at(&self.client, &self.statements, batches).await
    }

    async fn set_tenants(&mut self, batches: &[&Batch]) -> Result<(), StoreError> {
        let mut tenants: Vec<i32> = batches.iter().filter_map(|batch| Some(batch.tenant?.0)).collect();
        if batches.iter().any(|batch| batch.touches_identity()) {
            tenants.push(SERVER.0);
        }
        tenants.sort_unstable();
        tenants.dedup();
        let tenants: Vec<String> = tenants.iter().map(i32::to_string).collect();
        let tenants = format!("{{{}}}", tenants.join(","));
        if tenants != "{}" && tenants != self.tenants {
            let set = self.client.query_one(&self.statements.set_tenants, &[&tenants]).await;
            set.map_err(failure)?;
            self.tenants = tenants;
        }
        Ok(())
    }

    /// Gives every write its row: that of the record, or a new one.
    async fn placed<'b>(
        &mut self,
        batches: &[&'b Batch],
        look: Option<&Look<'b>>,
    ) -> Result<Vec<Placed<'b>>, StoreError> {
        let mut placed: Vec<Placed<'b>> = Vec::new();
        for batch in batches {
            let Some(tenant) = batch.tenant else { continue };
            let first = placed.len();
            for write in &batch.writes {
                let stored = look.and_then(|look| look.row(tenant, write.resource_type, &write.id));
                let own = placed.get(first..).unwrap_or_default().iter();
                let is_same = |earlier: &&Placed<'_>| {
                    write.replaces.is_some()
                        && earlier.write.resource_type == write.resource_type
                        && earlier.write.id == write.id
                };
                let row_id = match stored.or_else(|| own.rev().find(is_same).map(|earlier| earlier.row_id)) {
                    Some(row_id) => row_id,
                    None => self.new_row(batches).await?,
                };
                placed.push(Placed { tenant, write, row_id });
            }
        }
        Ok(placed)
    }

    async fn new_row(&mut self, batches: &[&Batch]) -> Result<i64, StoreError> {
        if self.rows.is_empty() {
            let wanted: usize = batches.iter().map(|batch| batch.writes.len()).sum();
            let blocks = i64::try_from(wanted).unwrap_or(BLOCK) / BLOCK + 1;
            let rows = self.client.query(&self.statements.take_rows, &[&blocks]).await.map_err(failure)?;
            let starts: Vec<i64> = rows.iter().map(|row| row.get(0)).collect();
            // Blocks of one call follow each other, unless another writer took one in between.
            let start = *starts.first().ok_or(StoreError::Damaged("a sequence gave no number"))?;
            let adjacent = starts.iter().zip(0..).take_while(|(it, number)| **it == start + number * BLOCK);
            let count = i64::try_from(adjacent.count()).unwrap_or(1);
            self.rows = start..start + count * BLOCK;
        }
        self.rows.next().ok_or(StoreError::Damaged("a block of row numbers is empty"))
    }

    /// Signs the head of the chain.
    async fn finish(&mut self) {
        if let Err(error) = self.trail.checkpoint(&self.client).await {
            tracing::warn!(error = &error as &dyn std::error::Error, "the last checkpoint was not written");
        }
    }
}

/// Takes those from the front that touch different keys; the others keep their order.
fn without_overlap(waiting: &mut VecDeque<Member>) -> VecDeque<Member> {
    let mut group = VecDeque::new();
    let mut rest = VecDeque::new();
    let mut keys: HashSet<u64> = HashSet::new();
    let mut is_alone = false;
    for member in waiting.drain(..) {
        let wants_alone = is_exclusive(&member.batch);
        let own = keys_of(&member.batch);
        let fits =
            !is_alone && (!wants_alone || group.is_empty()) && own.iter().all(|key| !keys.contains(key));
        if fits {
            is_alone = wants_alone;
            keys.extend(own);
            group.push_back(member);
        } else {
            // Whoever comes later for the same keys stays behind.
            keys.extend(own);
            rest.push_back(member);
        }
    }
    *waiting = rest;
    group
}

/// Whether the batch has to have a transaction of its own.
fn is_exclusive(batch: &Batch) -> bool {
    batch.touches_identity() || batch.writes.iter().any(apply::turns_compartment)
}

/// Hashes of everything that two batches of a group may not both touch. Two keys with one hash cost a
/// transaction more, nothing else.
fn keys_of(batch: &Batch) -> Vec<u64> {
    let Some(tenant) = batch.tenant else { return Vec::new() };
    let hash = |kind: u8, parts: &[&str]| {
        let mut hasher = DefaultHasher::new();
        (tenant.0, kind, parts).hash(&mut hasher);
        hasher.finish()
    };
    let taken = batch.claims.iter().chain(&batch.marks).map(|taking| taking.key.as_str());
    let claims = taken.chain(batch.releases.iter().map(|release| release.key.as_str()));
    let claims = claims.map(|key| hash(0, &[key]));
    let writes = batch.writes.iter().map(|write| hash(1, &[write.resource_type.name(), write.id.as_str()]));
    let answers = batch.answers.iter().map(|kept| hash(2, &[&kept.subject, &kept.client, &kept.key]));
    let mut keys: Vec<u64> = claims.chain(writes).chain(answers).collect();
    keys.sort_unstable();
    keys.dedup();
    keys
}

/// Answers the members that have a conflict and gives back the others.
fn answer_conflicts(members: VecDeque<Member>, conflicts: Vec<Option<Conflict>>) -> VecDeque<Member> {
    let mut rest = VecDeque::new();
    for (member, conflict) in members.into_iter().zip(conflicts) {
        match conflict {
            Some(conflict) => member.answer(Err(conflict.into())),
            None => rest.push_back(member),
        }
    }
    rest
}
