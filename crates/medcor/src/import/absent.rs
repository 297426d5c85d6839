//! References to records that neither the files nor the store have. They are no reason to refuse a
//! record, since registries are often exported apart, but somebody should know.

use std::{
    collections::BTreeMap,
    hash::{DefaultHasher, Hash, Hasher},
    io,
    path::Path,
};

use medcor_fhir::{Id, ResourceType};
use medcor_store::{Clock, StoreError};
use quick_cache::unsync::Cache;

use super::{ImportError, lookup::Lookups, spill::Spill};

/// Records remembered as taken, as many as 16 bits can count. The references of a chart mostly lead to
/// what came just before.
const TAKEN_REMEMBERED: usize = 1 << 16;
/// Answers of the store kept at hand while the doubtful ones are looked up.
const ANSWERS_CACHED: usize = 1 << 17;

/// The records that were taken, and the references that may lead nowhere.
pub(super) struct Absent {
    /// Each fingerprint at its own place; a newer one takes the place of an older.
    taken: Box<[u64]>,
    doubtful: Spill,
}

impl Absent {
    pub(super) fn new(scratch: &Path, clock: &Clock) -> Self {
        Self { taken: vec![0; TAKEN_REMEMBERED].into_boxed_slice(), doubtful: Spill::new(scratch, clock) }
    }

    /// This record is in the store now.
    pub(super) fn note_taken(&mut self, resource_type: ResourceType, id: &Id) {
        let fingerprint = fingerprint(resource_type, id);
        *self.place(fingerprint) = fingerprint;
    }

    /// A record that is in the store now refers to this one.
    pub(super) fn note_reference(&mut self, resource_type: ResourceType, id: &Id) -> io::Result<()> {
        let fingerprint = fingerprint(resource_type, id);
        if *self.place(fingerprint) == fingerprint {
            return Ok(());
        }
        self.doubtful.push(&[&[resource_type.code()], id.as_str().as_bytes()])
    }

    /// Counts, by type, the references whose record is not there when all is done.
    pub(super) fn count(
        mut self,
        lookups: &mut Lookups<'_>,
    ) -> Result<BTreeMap<&'static str, u64>, ImportError> {
        let mut frames = self.doubtful.take()?;
        let mut answers: Cache<u64, bool> = Cache::new(ANSWERS_CACHED);
        let mut absent = BTreeMap::new();
        while let (Some(code), Some(id)) = (frames.part()?, frames.text()?) {
            let resource_type = code.first().and_then(|code| ResourceType::from_code(*code));
            let (Some(resource_type), Some(id)) = (resource_type, Id::new(&id)) else { continue };
            let fingerprint = fingerprint(resource_type, &id);
            let is_there = *self.place(fingerprint) == fingerprint
                || known(&mut answers, fingerprint, || lookups.has(resource_type, &id))?;
            if !is_there {
                *absent.entry(resource_type.name()).or_default() += 1;
            }
        }
        Ok(absent)
    }

    fn place(&mut self, fingerprint: u64) -> &mut u64 {
        let [low, high, ..] = fingerprint.to_le_bytes();
        &mut self.taken[usize::from(u16::from_le_bytes([low, high]))]
    }
}

fn known(
    answers: &mut Cache<u64, bool>,
    fingerprint: u64,
    ask: impl FnOnce() -> Result<bool, StoreError>,
) -> Result<bool, StoreError> {
    if let Some(answer) = answers.get(&fingerprint) {
        return Ok(*answer);
    }
    let answer = ask()?;
    answers.insert(fingerprint, answer);
    Ok(answer)
}

fn fingerprint(resource_type: ResourceType, id: &Id) -> u64 {
    let mut hasher = DefaultHasher::new();
    (resource_type.code(), id.as_str()).hash(&mut hasher);
    // 0 is an empty place.
    hasher.finish().max(1)
}
