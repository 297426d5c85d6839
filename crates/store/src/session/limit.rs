//! What consent, care and role keep from a caller inside of what the permit reaches: asked by every read,
//! search and commit.

use medcor_fhir::{
    Id, ParsedResource, RawObject, ResourceType,
    search::{Filter, Query, SearchParameter, SortKey},
    view::Text,
};
use medcor_policy::{Action, Permit, open_extensions};
use serde::Deserialize;
use serde_json::{Value, value::RawValue};

use super::{
    Session,
    stage::{Prepared, Staged},
    subset,
};
use crate::{Record, StoreError, database::Lane, sight::Limits};

impl Session<'_> {
    /// What an action on a type may not touch. Who acts on the operator's behalf is under no limits.
    pub(super) async fn limits(
        &self,
        action: Action,
        resource_type: ResourceType,
    ) -> Result<Limits, StoreError> {
        self.limits_of(self.permit, action, resource_type).await
    }

    /// The same under a permit that was made from this one.
    pub(super) async fn limits_of(
        &self,
        permit: &Permit,
        action: Action,
        resource_type: ResourceType,
    ) -> Result<Limits, StoreError> {
        let Some(actor) = permit.actor() else { return Ok(Limits::default()) };
        let sight = self.store.sight(permit.tenant()).await?;
        Ok(sight.limits(permit, actor, (action, resource_type), self.store.clock().now()))
    }

    /// Whether what is about these patients is within the limits: each of them has to be. What is about
    /// nobody always is.
    pub(super) async fn is_seen(
        &self,
        limits: &Limits,
        about: impl Iterator<Item = &Id>,
    ) -> Result<bool, StoreError> {
        if limits.is_none() {
            return Ok(true);
        }
        for patient in about {
            if limits.hides(patient) {
                return Ok(false);
            }
            let Some(care) = limits.care_of(patient) else { continue };
            let backend = self.store.backend();
            let question = care.question(self.permit.tenant(), patient, backend.dialect());
            if backend.rows(Lane::Inline, question).await?.is_empty() {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// Nobody writes about a patient whom they may not see. A new patient is nobody's yet.
    pub(super) async fn check_staged(&self) -> Result<(), StoreError> {
        for staged in &self.staged {
            let action = match staged {
                Staged::Create(prepared) if prepared.record.resource_type == ResourceType::PATIENT => {
                    continue;
                }
                Staged::Create(_) => Action::Create,
                Staged::Update(_) | Staged::Put { .. } => Action::Update,
                Staged::Delete(_) => Action::Delete,
            };
            let (resource_type, _) = staged.key();
            let limits = self.limits(action, resource_type).await?;
            if !self.is_seen(&limits, staged.about().into_iter()).await? {
                return Err(StoreError::OutsidePermit { action, resource_type });
            }
        }
        Ok(())
    }

    /// Nobody writes what looks like a report that somebody keeps, nor over one, but the tools that keep them.
    pub(super) fn check_kind(
        &self,
        action: Action,
        resource_type: ResourceType,
        body: &Value,
    ) -> Result<(), StoreError> {
        let unseen = self.permit.actor().and_then(|_| self.permit.unseen_report(resource_type));
        match unseen {
            Some(report) if report.is(body) => Err(StoreError::OutsidePermit { action, resource_type }),
            _ => Ok(()),
        }
    }

    /// A search by what the caller does not see would tell it.
    pub(super) fn check_conditions(&self, query: &Query) -> Result<(), StoreError> {
        let resource_type = query.resource_type;
        let withheld = self.permit.withheld(resource_type);
        if withheld.is_empty() {
            return Ok(());
        }
        let is_withheld =
            |parameter: &SearchParameter| parameter.elements().any(|element| withheld.contains(&element));
        let filters = query.filters.iter().any(|filter| match filter {
            Filter::Parameter { parameter, .. } => is_withheld(parameter),
            Filter::Id(_) | Filter::LastUpdated(_) => false,
        });
        let sorts = query.sort.iter().any(|sort| match sort.key {
            SortKey::Parameter(parameter) => is_withheld(parameter),
            SortKey::Id | SortKey::LastUpdated => false,
        });
        if filters || sorts {
            return Err(StoreError::OutsidePermit { action: Action::Search, resource_type });
        }
        Ok(())
    }

    /// The record without the elements that the caller does not see.
    pub(super) fn shown(&self, record: Record) -> Result<Record, StoreError> {
        let withheld = self.permit.withheld(record.resource_type);
        without(record, withheld)
    }

    /// A new version with the elements of the one before that its writer did not see.
    pub(super) fn completed(&self, prepared: &Prepared, before: &Record) -> Result<Prepared, StoreError> {
        let record = &prepared.record;
        let (mut new, old) = (object(&record.body)?, object(&before.body)?);
        for name in self.permit.withheld(record.resource_type).iter().flat_map(|element| members(element)) {
            match old.get(&name) {
                Some(value) => new.set(&name, &value).map_err(|_bad| DAMAGED)?,
                None => new.remove(&name),
            }
        }
        if self.permit.withheld(record.resource_type).contains(&EXTENSION) {
            let written = object(&record.body)?;
            let (mut extensions, _) = parted(&written, record.resource_type)?;
            extensions.extend(parted(&old, record.resource_type)?.1);
            put_extensions(&mut new, &extensions)?;
        }
        subset::keep(&mut new, &old)?;
        let resource = ParsedResource::parse(text(&new)?).map_err(StoreError::Invalid)?;
        Ok(self.prepared(&resource, record.id.clone(), record.version, record.compartment()))
    }
}

/// The record without these elements, and marked as a part of it where it had any.
pub(super) fn without(record: Record, withheld: &[&'static str]) -> Result<Record, StoreError> {
    if withheld.is_empty() || record.is_deleted {
        return Ok(record);
    }
    let mut object = object(&record.body)?;
    let mut is_whole = true;
    let (open, _) = parted(&object, record.resource_type)?;
    for name in withheld.iter().flat_map(|element| members(element)) {
        let is_open = name == EXTENSION && object.items(EXTENSION).is_ok_and(|all| all.len() == open.len());
        is_whole &= object.get(&name).is_none() || is_open;
        object.remove(&name);
    }
    put_extensions(&mut object, &open)?;
    if is_whole {
        return Ok(record);
    }
    subset::mark(&mut object)?;
    Ok(Record { body: text(&object)?.into(), ..record })
}

pub(super) const DAMAGED: StoreError = StoreError::Damaged("a stored body is not JSON");

const EXTENSION: &str = "extension";

type Extensions = Vec<Box<RawValue>>;

#[derive(Deserialize)]
struct Named<'a> {
    #[serde(borrow, default)]
    url: Text<'a>,
}

/// The extensions that everybody sees who sees the record, and the others.
fn parted(object: &RawObject, of: ResourceType) -> Result<(Extensions, Extensions), StoreError> {
    let open = open_extensions(of);
    let all = object.items(EXTENSION).map_err(|_malformed| DAMAGED)?;
    let mut parts = (Vec::new(), Vec::new());
    for item in all {
        let named: Named<'_> = serde_json::from_str(item.get()).map_err(|_malformed| DAMAGED)?;
        let is_open = open.contains(&named.url.as_str());
        if is_open { parts.0.push(item) } else { parts.1.push(item) }
    }
    Ok(parts)
}

/// JSON of FHIR has no empty lists.
fn put_extensions(object: &mut RawObject, extensions: &[Box<RawValue>]) -> Result<(), StoreError> {
    if extensions.is_empty() {
        object.remove(EXTENSION);
        return Ok(());
    }
    object.set(EXTENSION, &extensions).map_err(|_malformed| DAMAGED)
}

/// An element, and what is said about its primitive value.
fn members(element: &str) -> [String; 2] {
    [element.to_owned(), format!("_{element}")]
}

fn object(body: &str) -> Result<RawObject, StoreError> {
    RawObject::parse(body).map_err(|_malformed| DAMAGED)
}

fn text(object: &RawObject) -> Result<String, StoreError> {
    object.to_text().map_err(|_malformed| DAMAGED)
}
