//! What an import did.

use std::{collections::BTreeMap, time::Duration};

use medcor_fhir::{Problem, ResourceType};
use medcor_store::WriteOutcome;

/// How many records of one type ended how.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub struct Counts {
    /// New in the store.
    pub taken: u64,
    /// There before with other content.
    pub updated: u64,
    /// There before with this content, now or in an earlier version.
    pub unchanged: u64,
    /// Taken out because the input says so.
    pub deleted: u64,
    /// Not valid, or asking for what an import does not do.
    pub refused: u64,
}

/// What an import did.
#[derive(Debug, Default)]
pub struct Report {
    /// By name of the type; what could not be read is under [`UNREADABLE`].
    pub types: BTreeMap<&'static str, Counts>,
    /// Literal references to records that neither the files nor the store have, by type.
    pub absent: BTreeMap<&'static str, u64>,
    /// Conditional references that match no record, or several, by type. They are kept as they came.
    pub unresolved: BTreeMap<&'static str, u64>,
    /// References to entries that their bundle lacks.
    pub without_entry: u64,
    /// Files read.
    pub files: u64,
    /// Files in folders whose names say that they hold no FHIR records.
    pub left_aside: u64,
    /// Whether the import ended early, at the first refusal.
    pub was_stopped: bool,
    /// How long it took.
    pub duration: Duration,
}

/// Where input is counted whose type can't be read.
pub const UNREADABLE: &str = "(unreadable)";

/// One record, or file, that was not taken.
#[derive(Debug, Clone)]
pub struct Refusal {
    /// File, and line or entry.
    pub place: String,
    /// Its type, if it could be read.
    pub resource_type: Option<ResourceType>,
    /// Everything that is wrong with it.
    pub problems: Vec<String>,
}

impl Report {
    /// All types together.
    pub fn total(&self) -> Counts {
        let mut total = Counts::default();
        for counts in self.types.values() {
            total.taken += counts.taken;
            total.updated += counts.updated;
            total.unchanged += counts.unchanged;
            total.deleted += counts.deleted;
            total.refused += counts.refused;
        }
        total
    }

    pub(super) fn count(&mut self, resource_type: ResourceType, outcome: WriteOutcome) {
        let counts = self.types.entry(resource_type.name()).or_default();
        match outcome {
            WriteOutcome::Created => counts.taken += 1,
            WriteOutcome::Updated => counts.updated += 1,
            WriteOutcome::Unchanged => counts.unchanged += 1,
            WriteOutcome::Deleted => counts.deleted += 1,
        }
    }

    pub(super) fn count_refused(&mut self, resource_type: Option<ResourceType>) {
        let name = resource_type.map_or(UNREADABLE, ResourceType::name);
        self.types.entry(name).or_default().refused += 1;
    }
}

impl Counts {
    /// Every record that was looked at.
    pub fn all(&self) -> u64 {
        self.taken + self.updated + self.unchanged + self.deleted + self.refused
    }
}

/// A problem of a record, on one line.
pub(super) fn shown(problem: &Problem) -> String {
    format!("{}: {}", problem.path, problem.message)
}
