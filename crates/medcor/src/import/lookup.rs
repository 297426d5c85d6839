//! Questions to the store while an import runs: which record a conditional reference means, and whether a
//! record is there.

use futures_util::future::try_join_all;
use medcor_fhir::{Id, ResourceType, search::Query};
use medcor_policy::Permit;
use medcor_store::{Session, Store, StoreError};
use quick_cache::unsync::Cache;
use tokio::runtime::Handle;

use super::{audit_entry, reference::pairs};

/// Questions of one session, which leaves one audit row.
const QUESTIONS_MAX: u32 = 1000;
/// Sessions that ask at the same time.
const SESSIONS_AT_ONCE: usize = 8;
/// Fewer questions than these are not worth another session.
const QUESTIONS_TO_SHARE: usize = 32;
/// Answers kept at hand.
const ANSWERS_CACHED: usize = 100_000;

/// The records that fit a search.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Match {
    One(Id),
    None,
    Several,
    /// The search itself is wrong.
    Unreadable(String),
}

/// Asks the store, from a thread of its own.
pub(super) struct Lookups<'p> {
    store: &'p Store,
    permit: &'p Permit,
    runtime: Handle,
    session: Option<Session<'p>>,
    questions: u32,
    answers: Cache<String, Match>,
}

impl<'p> Lookups<'p> {
    pub(super) fn new(store: &'p Store, permit: &'p Permit, runtime: Handle) -> Self {
        Self { store, permit, runtime, session: None, questions: 0, answers: Cache::new(ANSWERS_CACHED) }
    }

    /// The record that `Type?query` means. Answered from memory until [`Self::forget`].
    pub(super) fn one(&mut self, resource_type: ResourceType, query: &str) -> Result<Match, StoreError> {
        let key = key(resource_type, query);
        if let Some(known) = self.answers.get(&key) {
            return Ok(known.clone());
        }
        let answer = self.search(resource_type, query)?;
        self.answers.insert(key, answer.clone());
        Ok(answer)
    }

    /// Finds the answers to many questions at once, so that a bundle does not wait for each of its entries.
    pub(super) fn prepare(&mut self, questions: &[(ResourceType, String)]) -> Result<(), StoreError> {
        let share = questions.len().div_ceil(SESSIONS_AT_ONCE).max(QUESTIONS_TO_SHARE);
        let shares = questions.chunks(share).map(|share| answer_all(self.store, self.permit, share));
        let answers = self.runtime.block_on(try_join_all(shares))?;
        for (key, answer) in answers.into_iter().flatten() {
            self.answers.insert(key, answer);
        }
        Ok(())
    }

    fn search(&mut self, resource_type: ResourceType, query: &str) -> Result<Match, StoreError> {
        let runtime = self.runtime.clone();
        runtime.block_on(answer(self.session()?, resource_type, query))
    }

    /// Whether the store has this record.
    pub(super) fn has(&mut self, resource_type: ResourceType, id: &Id) -> Result<bool, StoreError> {
        let runtime = self.runtime.clone();
        let record = runtime.block_on(self.session()?.read(resource_type, id))?;
        Ok(record.is_some())
    }

    /// Records were added, so that earlier answers may be wrong.
    pub(super) fn forget(&mut self) {
        self.answers.clear();
    }

    /// Leaves the audit row of the questions asked.
    pub(super) fn close(&mut self) -> Result<(), StoreError> {
        self.questions = 0;
        let Some(session) = self.session.take() else { return Ok(()) };
        let entry = audit_entry(self.store, self.permit, "AUDIT:IMPORT_LOOKUP");
        self.runtime.block_on(session.commit(entry)).map(drop)
    }

    fn session(&mut self) -> Result<&mut Session<'p>, StoreError> {
        if self.questions >= QUESTIONS_MAX {
            self.close()?;
        }
        self.questions += 1;
        Ok(self.session.get_or_insert_with(|| self.store.session(self.permit)))
    }
}

fn key(resource_type: ResourceType, query: &str) -> String {
    format!("{resource_type}?{query}")
}

/// The answers to these questions, by their keys; in one session, which leaves one audit row.
async fn answer_all(
    store: &Store,
    permit: &Permit,
    questions: &[(ResourceType, String)],
) -> Result<Vec<(String, Match)>, StoreError> {
    let mut session = store.session(permit);
    let mut answers = Vec::with_capacity(questions.len());
    for (resource_type, query) in questions {
        let found = answer(&mut session, *resource_type, query).await?;
        answers.push((key(*resource_type, query), found));
    }
    session.commit(audit_entry(store, permit, "AUDIT:IMPORT_LOOKUP")).await?;
    Ok(answers)
}

async fn answer(
    session: &mut Session<'_>,
    resource_type: ResourceType,
    query: &str,
) -> Result<Match, StoreError> {
    let pairs = pairs(query);
    if pairs.is_empty() {
        return Ok(Match::Unreadable("a search without a condition means every record".to_owned()));
    }
    let mut query = match Query::parse(resource_type, &pairs) {
        Ok(query) => query,
        Err(problems) => {
            let problems =
                problems.into_iter().map(|problem| format!("{}: {}", problem.parameter, problem.message));
            return Ok(Match::Unreadable(problems.collect::<Vec<_>>().join("; ")));
        }
    };
    query.count = 2;
    let page = session.search(&query).await?;
    Ok(match page.records.as_slice() {
        [] => Match::None,
        [record] => Match::One(record.id.clone()),
        _ => Match::Several,
    })
}
