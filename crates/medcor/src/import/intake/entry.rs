//! What an entry of a bundle asks for (FHIR R4 §3.1.0.11).

use std::collections::HashMap;

use medcor_fhir::{Id, ResourceType};
use medcor_store::{Clock, StoreError};

use super::{
    super::{
        bundle::{Entry, Head, Request},
        lookup::{Lookups, Match},
    },
    Renamed,
};

/// What is done with an entry.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Decision {
    /// Its resource is stored under this id.
    Put(Id),
    /// This record is there already, and the entry asks for nothing then.
    Unchanged(ResourceType, Id),
    /// This record is deleted.
    Delete(ResourceType, Id),
    /// There is nothing to do.
    Nothing,
    /// It asks for what an import does not do, or contradicts itself.
    Refused(String),
}

/// Records that entries of this bundle make unless they exist, by their search.
pub(super) type Made = HashMap<String, Id>;

impl Entry<'_> {
    /// Whether what it means depends on what is stored.
    pub(super) fn asks_the_store(&self) -> bool {
        let asks = |request: &Request<'_>| {
            request.if_none_exist.is_some() || request.url.contains('?') || is_method(request, "DELETE")
        };
        self.request.as_ref().is_some_and(asks)
    }

    /// The search whose answer decides what it means.
    pub(super) fn question(&self) -> Option<(ResourceType, String)> {
        let request = self.request.as_ref()?;
        if let Some(query) = &request.if_none_exist {
            return Some((self.head().resource_type()?, query.clone().into_owned()));
        }
        match Named::of(&request.url)? {
            Named::Search(resource_type, query) => Some((resource_type, query.to_owned())),
            Named::Record(..) => None,
        }
    }
}

/// What the entry asks for.
pub(super) fn decide(
    entry: &Entry<'_>,
    lookups: &mut Lookups<'_>,
    made: &mut Made,
    clock: &Clock,
) -> Result<Decision, StoreError> {
    let Some(request) = &entry.request else {
        return Ok(match entry.resource {
            Some(_) => Decision::Put(own_id(entry, &entry.head(), clock)),
            None => refused("the entry has neither a resource nor a request"),
        });
    };
    match request.method.to_ascii_uppercase().as_str() {
        "DELETE" => delete(request, lookups),
        "POST" | "PUT" if entry.resource.is_none() => Ok(refused("the entry has no resource")),
        "POST" => post(entry, request, lookups, made, clock),
        "PUT" => put(entry, request, lookups, clock),
        _ => Ok(refused("an import takes the methods POST, PUT and DELETE")),
    }
}

/// Notes by which references other entries mean this one.
pub(super) fn rename(entry: &Entry<'_>, decision: &Decision, renamed: &mut Renamed) {
    let head = entry.head();
    let (Decision::Put(id) | Decision::Unchanged(_, id)) = decision else { return };
    let Some(type_name) = &head.type_name else { return };
    let record = format!("{type_name}/{id}");
    if let Some(full_url) = &entry.full_url {
        renamed.insert(full_url.clone().into_owned(), record.clone());
    }
    if let Some(own) = head.id.filter(|own| own != id) {
        renamed.insert(format!("{type_name}/{own}"), record);
    }
}

fn post(
    entry: &Entry<'_>,
    request: &Request<'_>,
    lookups: &mut Lookups<'_>,
    made: &mut Made,
    clock: &Clock,
) -> Result<Decision, StoreError> {
    let head = entry.head();
    let id = || own_id(entry, &head, clock);
    let (Some(query), Some(resource_type)) = (&request.if_none_exist, head.resource_type()) else {
        return Ok(Decision::Put(id()));
    };
    let key = format!("{resource_type}?{query}");
    if let Some(made) = made.get(&key) {
        return Ok(Decision::Unchanged(resource_type, made.clone()));
    }
    Ok(match lookups.one(resource_type, query)? {
        Match::One(existing) => Decision::Unchanged(resource_type, existing),
        Match::None => {
            let id = id();
            made.insert(key, id.clone());
            Decision::Put(id)
        }
        Match::Several => refused("several records fit `ifNoneExist`"),
        Match::Unreadable(problem) => Decision::Refused(format!("`ifNoneExist`: {problem}")),
    })
}

fn put(
    entry: &Entry<'_>,
    request: &Request<'_>,
    lookups: &mut Lookups<'_>,
    clock: &Clock,
) -> Result<Decision, StoreError> {
    let head = entry.head();
    let Some(target) = Named::of(&request.url) else {
        return Ok(refused("`request.url` of a PUT is Type/id or Type?search"));
    };
    let resource_type = target.resource_type();
    if head.resource_type() != Some(resource_type) {
        return Ok(Decision::Refused(format!(
            "`request.url` names {resource_type}, the resource is of another type"
        )));
    }
    Ok(match target {
        Named::Record(_, id) if head.id.as_ref().is_some_and(|own| *own != id) => {
            refused("`request.url` and the resource have different ids")
        }
        Named::Record(_, id) => Decision::Put(id),
        Named::Search(_, query) => match lookups.one(resource_type, query)? {
            Match::One(existing) => Decision::Put(existing),
            Match::None => Decision::Put(own_id(entry, &head, clock)),
            Match::Several => refused("several records fit the search of `request.url`"),
            Match::Unreadable(problem) => Decision::Refused(format!("`request.url`: {problem}")),
        },
    })
}

fn delete(request: &Request<'_>, lookups: &mut Lookups<'_>) -> Result<Decision, StoreError> {
    Ok(match Named::of(&request.url) {
        None => refused("`request.url` of a DELETE is Type/id or Type?search"),
        Some(Named::Record(resource_type, id)) => Decision::Delete(resource_type, id),
        Some(Named::Search(resource_type, query)) => match lookups.one(resource_type, query)? {
            Match::One(id) => Decision::Delete(resource_type, id),
            Match::None => Decision::Nothing,
            Match::Several => refused("several records fit the search of `request.url`"),
            Match::Unreadable(problem) => Decision::Refused(format!("`request.url`: {problem}")),
        },
    })
}

/// The id that the entry brings along: of its resource, else of its full URL, else a new one.
fn own_id(entry: &Entry<'_>, head: &Head, clock: &Clock) -> Id {
    let of_url = || {
        let url = entry.full_url.as_deref()?;
        let last = url.strip_prefix("urn:uuid:").or_else(|| url.rsplit_once('/').map(|(_, last)| last));
        last.and_then(Id::new)
    };
    head.id.clone().or_else(of_url).unwrap_or_else(|| clock.new_id())
}

/// What `request.url` names.
enum Named<'u> {
    Record(ResourceType, Id),
    Search(ResourceType, &'u str),
}

impl<'u> Named<'u> {
    /// Relative to the server, or absolute: only its end counts.
    fn of(url: &'u str) -> Option<Self> {
        if let Some((path, query)) = url.split_once('?') {
            let name = path.rsplit('/').next()?;
            return Some(Self::Search(ResourceType::from_name(name)?, query));
        }
        let (path, id) = url.rsplit_once('/')?;
        let name = path.rsplit('/').next()?;
        Some(Self::Record(ResourceType::from_name(name)?, Id::new(id)?))
    }

    fn resource_type(&self) -> ResourceType {
        match self {
            Self::Record(resource_type, _) | Self::Search(resource_type, _) => *resource_type,
        }
    }
}

fn is_method(request: &Request<'_>, method: &str) -> bool {
    request.method.eq_ignore_ascii_case(method)
}

fn refused(problem: &str) -> Decision {
    Decision::Refused(problem.to_owned())
}
