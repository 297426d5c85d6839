//! Records as they are stored and found.

use std::sync::Arc;

use medcor_fhir::{
    Id, ResourceType,
    compartment::{Compartment, about},
};

use crate::{StoreError, records::search::PageSeal};

/// One version of a record.
#[derive(Debug, Clone)]
pub struct Record {
    /// Its type.
    pub resource_type: ResourceType,
    /// Its id, unique within tenant and type.
    pub id: Id,
    /// 1 for the first.
    pub version: u32,
    /// When this version was written, microseconds since the epoch.
    pub last_updated: i64,
    /// The patient in whose compartment it is.
    pub patient: Option<Id>,
    /// Everybody whom it is about, where `patient` does not say it; see
    /// [`medcor_fhir::compartment::Compartment`].
    pub patients: Vec<Id>,
    /// Whether this version is the mark of a deletion.
    pub is_deleted: bool,
    /// The JSON text, as it came apart from `id`, `meta.versionId` and `meta.lastUpdated`.
    pub body: Arc<str>,
}

impl Record {
    /// Everybody whom it is about.
    pub fn about(&self) -> impl Iterator<Item = &Id> {
        about(self.patient.as_ref(), &self.patients)
    }

    pub(crate) fn compartment(&self) -> Compartment {
        Compartment { patient: self.patient.clone(), patients: self.patients.clone() }
    }
}

/// Ids as one column keeps them; nothing for none. They hold letters, digits, `-` and `.` alone.
pub(crate) fn joined(ids: &[Id]) -> Option<String> {
    let texts = || ids.iter().map(Id::as_str).collect::<Vec<&str>>().join(",");
    (!ids.is_empty()).then(texts)
}

/// The ids that a column keeps.
pub(crate) fn parted(text: Option<&str>) -> Result<Vec<Id>, StoreError> {
    let Some(text) = text else { return Ok(Vec::new()) };
    let ids = text.split(',').map(|id| Id::new(id).ok_or(StoreError::Damaged("a patient's id is not an id")));
    ids.collect()
}

/// One page of a search or a history.
#[derive(Debug)]
pub struct Page {
    /// The rows.
    pub records: Vec<Record>,
    /// How many match in all, where it was asked.
    pub total: Option<u64>,
    /// Whether rows follow.
    pub has_more: bool,
    /// Where each record stands in the order.
    places: Vec<Vec<u8>>,
    seal: PageSeal,
}

impl Page {
    /// The sealed cursor that continues after the row at this index. Made on demand, because an answer
    /// may be cut short by its byte budget.
    pub fn cursor_after(&self, index: usize) -> Option<String> {
        let is_last = index + 1 >= self.records.len();
        if is_last && !self.has_more {
            return None;
        }
        self.places.get(index).map(|place| self.seal.seal().seal(place))
    }

    pub(crate) fn sealed(
        records: Vec<Record>,
        places: Vec<Vec<u8>>,
        total: Option<u64>,
        has_more: bool,
        seal: PageSeal,
    ) -> Self {
        Self { records, total, has_more, places, seal }
    }
}

/// How a caller names a record, for resolving it to an id.
#[derive(Debug, Clone)]
pub struct Lookup<'l> {
    /// The type looked for.
    pub resource_type: ResourceType,
    /// What the caller gave: an id, an identifier's value, a telephone number, an e-mail address or a name.
    pub text: &'l str,
    /// Which kinds of name are considered.
    pub by: LookupBy,
}

/// Which kinds of name a lookup considers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LookupBy {
    /// Any: id, then identifier, telephone or e-mail, then exact full name. Telephone numbers are compared
    /// by their last nine digits: the country code and the zero before an area code come and go.
    Anything,
    /// Only the id.
    Id,
    /// Only the value of an identifier (MRN, NPI, …).
    Identifier,
    /// Any, telephone numbers by all their digits: for what writes.
    AnythingInFull,
    /// Only the telephone number, by its last nine digits.
    Phone,
    /// Only the telephone number, by all its digits: for what writes.
    PhoneInFull,
    /// Only the name.
    Name,
}

/// What a lookup found: the first kind of name that matches exactly decides. Near matches are for a
/// person to choose from and never feed a write.
#[derive(Debug)]
pub enum Matched {
    /// Exactly one record.
    One(Record),
    /// Several match exactly (at most 10 are returned).
    Several(Vec<Record>),
    /// None matches exactly; these are near (same sound, or a prefix; at most 5).
    Near(Vec<Record>),
}

impl Matched {
    /// All records found, exact or near.
    pub fn records(&self) -> &[Record] {
        match self {
            Self::One(record) => std::slice::from_ref(record),
            Self::Several(records) | Self::Near(records) => records,
        }
    }
}
