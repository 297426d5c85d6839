//! A look at what is stored before a group is written: rows to replace, and conflicts that are certain.

use std::collections::{HashMap, HashSet};

use medcor_fhir::{Id, ResourceType};
use medcor_policy::TenantId;
use tokio_postgres::Client;

use super::{apply::code, failure, statements::Statements};
use crate::{
    Conflict, StoreError,
    batch::{ANSWER_KEPT, Batch},
};

type ResourceKey<'b> = (TenantId, ResourceType, &'b Id);

/// What is stored under the keys of some batches.
#[derive(Default)]
pub(super) struct Look<'b> {
    /// Row and version.
    resources: HashMap<ResourceKey<'b>, (i64, u32)>,
    /// The owner of each.
    claims: HashMap<(TenantId, &'b str), String>,
    /// Positions of batches whose key is answered.
    answered: HashSet<usize>,
}

/// Whether batches have to be looked up before they are written: what is only new is not.
pub(super) fn is_needed(batches: &[&Batch]) -> bool {
    let replaces = |batch: &&Batch| batch.writes.iter().any(|write| write.replaces.is_some());
    let takes_keys = |batch: &&Batch| !batch.claims.is_empty() || !batch.answers.is_empty();
    batches.iter().any(|batch| replaces(batch) || takes_keys(batch))
}

impl<'b> Look<'b> {
    pub(super) async fn at(
        client: &Client,
        statements: &Statements,
        batches: &[&'b Batch],
    ) -> Result<Self, StoreError> {
        let mut look = Self::default();
        look.at_resources(client, statements, batches).await?;
        look.at_claims(client, statements, batches).await?;
        look.at_answers(client, statements, batches).await?;
        Ok(look)
    }

    /// The row of a record that is there.
    pub(super) fn row(&self, tenant: TenantId, resource_type: ResourceType, id: &'b Id) -> Option<i64> {
        self.resources.get(&(tenant, resource_type, id)).map(|(row, _)| *row)
    }

    /// Why the batch at this position can't be written.
    pub(super) fn conflict(&self, position: usize, batch: &'b Batch) -> Option<Conflict> {
        let tenant = batch.tenant?;
        let mut taken: HashSet<&str> = HashSet::new();
        for claim in &batch.claims {
            let key = claim.key.as_str();
            let owner = self.claims.get(&(tenant, key));
            let is_held = owner.is_some_and(|owner| {
                !batch.releases.iter().any(|release| release.key == key && release.owner == *owner)
            });
            if is_held || !taken.insert(key) {
                return Some(Conflict::Claimed(key.to_owned()));
            }
        }
        let mut versions: HashMap<(ResourceType, &Id), u32> = HashMap::new();
        for write in &batch.writes {
            let (resource_type, id) = (write.resource_type, &write.id);
            let stored = self.resources.get(&(tenant, resource_type, id)).map(|(_, version)| *version);
            let current = versions.get(&(resource_type, id)).copied().or(stored);
            match (write.replaces, current) {
                (None, Some(_)) => return Some(Conflict::Exists { resource_type, id: id.clone() }),
                (Some(_), _) if write.replaces != current => {
                    return Some(Conflict::Version { resource_type, id: id.clone() });
                }
                _ => drop(versions.insert((resource_type, id), write.version)),
            }
        }
        self.answered.contains(&position).then_some(Conflict::Answered)
    }

    async fn at_resources(
        &mut self,
        client: &Client,
        statements: &Statements,
        batches: &[&'b Batch],
    ) -> Result<(), StoreError> {
        let of_batch = |batch: &&'b Batch| {
            let batch: &'b Batch = batch;
            let keys = batch.writes.iter().map(|write| (write.resource_type, &write.id));
            batch.tenant.map(|tenant| keys.map(move |(of, id)| (tenant, of, id))).into_iter().flatten()
        };
        let keys: HashSet<ResourceKey<'b>> = batches.iter().flat_map(of_batch).collect();
        let keys: Vec<ResourceKey<'b>> = keys.into_iter().collect();
        if keys.is_empty() {
            return Ok(());
        }
        let tenants: Vec<i32> = keys.iter().map(|(tenant, ..)| tenant.0).collect();
        let types: Vec<i16> = keys.iter().map(|(_, of, _)| code(*of)).collect();
        let ids: Vec<&str> = keys.iter().map(|(.., id)| id.as_str()).collect();
        let rows = client.query(&statements.look_at_resources, &[&tenants, &types, &ids]).await;
        for row in rows.map_err(failure)? {
            let version = u32::try_from(row.get::<_, i32>(2)).unwrap_or_default();
            if let Some(key) = keys.get(place(&row)) {
                self.resources.insert(*key, (row.get(1), version));
            }
        }
        Ok(())
    }

    async fn at_claims(
        &mut self,
        client: &Client,
        statements: &Statements,
        batches: &[&'b Batch],
    ) -> Result<(), StoreError> {
        let of_batch = |batch: &&'b Batch| {
            let batch: &'b Batch = batch;
            let claims = batch.claims.iter().map(|claim| claim.key.as_str());
            let at = batch.at;
            batch.tenant.map(|tenant| claims.map(move |claim| (tenant, claim, at))).into_iter().flatten()
        };
        let keys: Vec<(TenantId, &'b str, i64)> = batches.iter().flat_map(of_batch).collect();
        if keys.is_empty() {
            return Ok(());
        }
        let tenants: Vec<i32> = keys.iter().map(|(tenant, ..)| tenant.0).collect();
        let claims: Vec<&str> = keys.iter().map(|(_, claim, _)| *claim).collect();
        let at: Vec<i64> = keys.iter().map(|(.., at)| *at).collect();
        let rows = client.query(&statements.look_at_claims, &[&tenants, &claims, &at]).await;
        for row in rows.map_err(failure)? {
            if let Some((tenant, claim, _)) = keys.get(place(&row)) {
                self.claims.insert((*tenant, *claim), row.get(1));
            }
        }
        Ok(())
    }

    async fn at_answers(
        &mut self,
        client: &Client,
        statements: &Statements,
        batches: &[&'b Batch],
    ) -> Result<(), StoreError> {
        let mut kept = Vec::new();
        for (position, batch) in batches.iter().enumerate() {
            let Some(tenant) = batch.tenant else { continue };
            kept.extend(batch.answers.iter().map(|answer| (position, tenant, answer)));
        }
        if kept.is_empty() {
            return Ok(());
        }
        let tenants: Vec<i32> = kept.iter().map(|(_, tenant, _)| tenant.0).collect();
        let subjects: Vec<&str> = kept.iter().map(|(.., kept)| kept.subject.as_str()).collect();
        let clients: Vec<&str> = kept.iter().map(|(.., kept)| kept.client.as_str()).collect();
        let keys: Vec<&str> = kept.iter().map(|(.., kept)| kept.key.as_str()).collect();
        let expired: Vec<i64> =
            kept.iter().filter_map(|(position, ..)| Some(batches.get(*position)?.at - ANSWER_KEPT)).collect();
        let rows = client
            .query(&statements.look_at_answers, &[&tenants, &subjects, &clients, &keys, &expired])
            .await;
        let known = rows.map_err(failure)?;
        self.answered
            .extend(known.iter().filter_map(|row| kept.get(place(row)).map(|(position, ..)| *position)));
        Ok(())
    }
}

/// Where in the arrays the row's key was; ordinality counts from one.
fn place(row: &tokio_postgres::Row) -> usize {
    usize::try_from(row.get::<_, i64>(0) - 1).unwrap_or(usize::MAX)
}
