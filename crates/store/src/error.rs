//! What can go wrong below the pipeline.

use medcor_fhir::{Id, Problem, ResourceType};
use medcor_policy::{Action, Area};

/// Everything the store can answer but success.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The permit does not cover this: a role or scope failure, and a bug if the pipeline let it through.
    #[error("the permit does not cover {action:?} of {resource_type}")]
    OutsidePermit {
        /// What was attempted.
        action: Action,
        /// On which type.
        resource_type: ResourceType,
    },
    /// The permit does not cover this area.
    #[error("the permit does not administer {0:?}")]
    OutsideArea(Area),
    /// The record is not valid R4.
    #[error("the record has {} problems", .0.len())]
    Invalid(Vec<Problem>),
    /// Somebody else was first.
    #[error(transparent)]
    Conflict(#[from] Conflict),
    /// The cursor was not made by this server for this caller and query.
    #[error("the cursor is not valid for this caller and search")]
    BadCursor,
    /// A search took longer than its limit.
    #[error("the search took too long")]
    TooCostly,
    /// The database refuses or fails. The source has details for the log, never for a caller.
    #[error("the database failed")]
    Database(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// The store is shutting down or still starting.
    #[error("the store is not ready")]
    NotReady,
    /// The schema is older than this program, and migrating was not asked for.
    #[error("the database has schema version {version}, this program needs {known}: run `medcor migrate`")]
    OlderSchema {
        /// Of the database.
        version: i64,
        /// Of the program.
        known: usize,
    },
    /// The schema was written by a newer program.
    #[error("the database has schema version {version}, this program knows {known}: use a newer program")]
    NewerSchema {
        /// Of the database.
        version: i64,
        /// Of the program.
        known: usize,
    },
    /// The commit shared a transaction that failed, which the log explains. Nothing of it was written.
    #[error("the transaction failed")]
    GroupFailed,
    /// Stored data contradicts itself.
    #[error("stored data is damaged: {0}")]
    Damaged(&'static str),
}

/// Why a commit was refused. Nothing of it was written.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Conflict {
    /// The record has another version than the one that was read.
    #[error("{resource_type}/{id} was changed by somebody else")]
    Version {
        /// Its type.
        resource_type: ResourceType,
        /// Its id.
        id: Id,
    },
    /// A record with this id exists.
    #[error("{resource_type}/{id} exists already")]
    Exists {
        /// Its type.
        resource_type: ResourceType,
        /// Its id.
        id: Id,
    },
    /// Another commit holds the claim.
    #[error("`{0}` is taken")]
    Claimed(String),
    /// The conversation was pinned or ended by another call.
    #[error("the conversation was pinned or ended by another call")]
    Pinned,
    /// Another user has this e-mail address.
    #[error("the e-mail address is taken")]
    EmailTaken,
    /// Another call with this idempotency key was answered first.
    #[error("a call with this idempotency key was answered in the meantime")]
    Answered,
}

impl From<rusqlite::Error> for StoreError {
    fn from(error: rusqlite::Error) -> Self {
        match error.sqlite_error_code() {
            Some(rusqlite::ErrorCode::OperationInterrupted) => Self::TooCostly,
            _ => Self::Database(Box::new(error)),
        }
    }
}
