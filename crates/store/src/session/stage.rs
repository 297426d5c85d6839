//! Staging: each write is checked against the permit, validated, stamped and indexed on the caller's own
//! time, so that the writer has nothing left to compute.

use medcor_fhir::{
    Id, ParsedResource, Problem, ProblemKind, ResourceType, compartment::Compartment,
    primitive::format_instant, validate::validate,
};
use medcor_policy::Action;

use super::Session;
use crate::{Record, StoreError, records::index_row::Indexed};

/// One write that waits for the commit.
#[derive(Debug)]
pub(super) enum Staged {
    Create(Prepared),
    /// Over the version before it.
    Update(Prepared),
    /// Created or updated, whatever is found at the commit.
    Put {
        id: Id,
        compartment: Compartment,
        resource: ParsedResource,
        indexed: Indexed,
        leaves: Leaves,
    },
    /// The mark of the deletion.
    Delete(Prepared),
}

/// Which records a put leaves as they are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Leaves {
    /// Those that have its content.
    Same,
    /// Those that have its content or ever had it.
    Known,
}

/// A version ready to be stored.
#[derive(Debug, Clone)]
pub(super) struct Prepared {
    pub(super) record: Record,
    pub(super) content_hash: u128,
    pub(super) indexed: Indexed,
}

impl Staged {
    pub(super) fn key(&self) -> (ResourceType, Id) {
        match self {
            Self::Create(prepared) | Self::Update(prepared) | Self::Delete(prepared) => {
                (prepared.record.resource_type, prepared.record.id.clone())
            }
            Self::Put { id, resource, .. } => (resource.resource_type(), id.clone()),
        }
    }

    /// Everybody whom it is about.
    pub(super) fn about(&self) -> Vec<&Id> {
        match self {
            Self::Create(prepared) | Self::Update(prepared) | Self::Delete(prepared) => {
                prepared.record.about().collect()
            }
            Self::Put { compartment, .. } => compartment.about().collect(),
        }
    }
}

impl Session<'_> {
    pub(super) fn stage_create(&mut self, resource: &ParsedResource) -> Result<Record, StoreError> {
        let id = self.store.clock().new_id();
        let compartment = compartment(resource, &id);
        self.check(Action::Create, resource.resource_type(), compartment.patient.as_ref())?;
        self.check_kind(Action::Create, resource.resource_type(), resource.value())?;
        check_content(resource)?;
        let prepared = self.prepared(resource, id, 1, compartment);
        let record = prepared.record.clone();
        self.note(record.about());
        self.staged.push(Staged::Create(prepared));
        Ok(record)
    }

    pub(super) fn stage_update(
        &mut self,
        current: &Record,
        resource: &ParsedResource,
    ) -> Result<Record, StoreError> {
        let resource_type = resource.resource_type();
        if resource_type != current.resource_type {
            return Err(StoreError::Invalid(vec![changed_type(current.resource_type)]));
        }
        let compartment = compartment(resource, &current.id);
        // What the stored version says is checked again at the commit.
        self.check_version(Action::Update, current)?;
        if compartment.patient != current.patient {
            self.check(Action::Update, resource_type, compartment.patient.as_ref())?;
        }
        self.check_kind(Action::Update, resource_type, resource.value())?;
        check_content(resource)?;
        let prepared = self.prepared(resource, current.id.clone(), current.version + 1, compartment);
        let record = prepared.record.clone();
        self.note(record.about());
        self.staged.push(Staged::Update(prepared));
        Ok(record)
    }

    pub(super) fn stage_put(
        &mut self,
        id: Id,
        resource: ParsedResource,
        leaves: Leaves,
    ) -> Result<(), StoreError> {
        let resource_type = resource.resource_type();
        let compartment = compartment(&resource, &id);
        let patient = compartment.patient.as_ref();
        self.check(Action::Create, resource_type, patient)?;
        self.check(Action::Update, resource_type, patient)?;
        self.check_kind(Action::Update, resource_type, resource.value())?;
        check_content(&resource)?;
        self.note(compartment.about());
        let indexed = Indexed::of(resource_type, resource.value(), patient);
        self.staged.push(Staged::Put { id, compartment, resource, indexed, leaves });
        Ok(())
    }

    pub(super) fn stage_delete(&mut self, current: &Record) -> Result<(), StoreError> {
        self.check(Action::Delete, current.resource_type, current.patient.as_ref())?;
        self.note(current.about());
        let mark = serde_json::json!({ "resourceType": current.resource_type.name() });
        let mark = ParsedResource::from_value(mark).map_err(StoreError::Invalid)?;
        let version = current.version + 1;
        let mut prepared = self.prepared(&mark, current.id.clone(), version, current.compartment());
        prepared.record.is_deleted = true;
        prepared.indexed = Indexed::none();
        self.staged.push(Staged::Delete(prepared));
        Ok(())
    }

    pub(super) fn check(
        &self,
        action: Action,
        resource_type: ResourceType,
        patient: Option<&Id>,
    ) -> Result<(), StoreError> {
        if self.permit.allows(action, resource_type, patient) {
            return Ok(());
        }
        Err(StoreError::OutsidePermit { action, resource_type })
    }

    /// Like [`Session::check`] for a version that is stored: the caller's own entry in the directory may be
    /// corrected by nothing but its id.
    pub(super) fn check_version(&self, action: Action, record: &Record) -> Result<(), StoreError> {
        let is_own_entry =
            action == Action::Update && self.permit.corrects_own_entry(record.resource_type, &record.id);
        if is_own_entry {
            return Ok(());
        }
        self.check(action, record.resource_type, record.patient.as_ref())?;
        if self.permit.unseen_report(record.resource_type).is_none() || record.is_deleted {
            return Ok(());
        }
        let body = serde_json::from_str(&record.body)
            .map_err(|_malformed| StoreError::Damaged("a stored body is not JSON"))?;
        self.check_kind(action, record.resource_type, &body)
    }

    pub(super) fn prepared(
        &self,
        resource: &ParsedResource,
        id: Id,
        version: u32,
        compartment: Compartment,
    ) -> Prepared {
        let patient = compartment.patient.as_ref();
        let indexed = Indexed::of(resource.resource_type(), resource.value(), patient);
        self.stamped(resource, id, version, compartment, indexed)
    }

    pub(super) fn stamped(
        &self,
        resource: &ParsedResource,
        id: Id,
        version: u32,
        compartment: Compartment,
        indexed: Indexed,
    ) -> Prepared {
        // Bodies carry milliseconds, and a search by `_lastUpdated` must agree with what is read.
        let last_updated = self.store.clock().now().div_euclid(1000) * 1000;
        let body = resource.stamped(&id, version, &format_instant(last_updated));
        let record = Record {
            resource_type: resource.resource_type(),
            id,
            version,
            last_updated,
            patient: compartment.patient,
            patients: compartment.patients,
            is_deleted: false,
            body: body.into(),
        };
        Prepared { record, content_hash: resource.content_hash(), indexed }
    }
}

/// Whose the resource will be. A new `Patient` has no id in its text yet.
fn compartment(resource: &ParsedResource, id: &Id) -> Compartment {
    if resource.resource_type() == ResourceType::PATIENT {
        return Compartment::of_patient(id.clone());
    }
    Compartment::of(resource.resource_type(), resource.value())
}

fn check_content(resource: &ParsedResource) -> Result<(), StoreError> {
    let problems = validate(resource);
    if problems.is_empty() { Ok(()) } else { Err(StoreError::Invalid(problems)) }
}

fn changed_type(before: ResourceType) -> Problem {
    Problem {
        path: format!("{before}.resourceType"),
        kind: ProblemKind::Structure,
        message: format!("a new version of this record is a {before} too"),
    }
}
