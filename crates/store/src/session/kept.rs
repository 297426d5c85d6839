//! Answers that are kept under idempotency keys. One is given again only to a caller who still sees what was seen when
//! it was given: rights, consents and care may have changed since.

use medcor_fhir::{Id, ResourceType};
use medcor_policy::{Action, Area, Visibility};
use serde::{Deserialize, Serialize};

use super::{KnownAnswer, Session};
use crate::{
    StoreError,
    batch::ANSWER_KEPT,
    database::{Lane, Statement},
};

/// A kept answer as it is stored.
#[derive(Debug, Serialize, Deserialize)]
struct KeptText {
    /// Whose records are in it, which is written down again when it is given again.
    patients: Vec<Id>,
    #[serde(default)]
    seen: Seen,
    answer: String,
}

/// What a call could see that answered.
#[derive(Debug, Default, Serialize, Deserialize)]
struct Seen {
    /// Types of record of which it saw everybody's.
    everybodys: Vec<String>,
    /// Types of which it saw those of one compartment.
    own: Vec<String>,
    /// What it could administer.
    areas: Vec<String>,
}

impl Session<'_> {
    /// The answer with what says who may have it again, as it is stored.
    pub(super) async fn kept_text(&self, patients: &[Id], answer: String) -> Result<String, StoreError> {
        let text = KeptText { patients: patients.to_vec(), seen: self.seen(patients).await?, answer };
        Ok(serde_json::to_string(&text).expect("texts and ids are JSON"))
    }

    /// What the permit shows. What one of the patients keeps from the caller was not in the answer.
    async fn seen(&self, patients: &[Id]) -> Result<Seen, StoreError> {
        let mut seen = Seen {
            areas: self.permit.areas().map(Area::name).map(str::to_owned).collect(),
            ..Seen::default()
        };
        for resource_type in self.permit.shown_types() {
            let limits = self.limits(Action::Read, resource_type).await?;
            if patients.iter().any(|patient| limits.is_denied_by(patient)) {
                continue;
            }
            let name = resource_type.name().to_owned();
            match self.permit.visibility(Action::Read, resource_type) {
                Visibility::Tenant => seen.everybodys.push(name),
                Visibility::Compartment(_) => seen.own.push(name),
                Visibility::Nothing => {}
            }
        }
        Ok(seen)
    }

    pub(super) async fn read_known_answer(&mut self, key: &str) -> Result<Option<KnownAnswer>, StoreError> {
        let statement = Statement::of_tenant(
            self.permit.tenant(),
            "SELECT request_hash, answer FROM idempotency
             WHERE tenant = ?1 AND subject = ?2 AND client = ?3 AND key = ?4 AND at > ?5",
            vec![
                self.permit.tenant().into(),
                self.permit.subject().0.as_str().into(),
                self.permit.client().0.as_str().into(),
                key.into(),
                (self.store.clock().now() - ANSWER_KEPT).into(),
            ],
        );
        let rows = self.store.backend().rows(Lane::Inline, statement).await?;
        let Some(row) = rows.first() else {
            return Ok(None);
        };
        let request_hash = row.bytes(0)?.try_into();
        let request_hash = request_hash.map_err(|_length| StoreError::Damaged("a hash has 32 bytes"))?;
        let kept: KeptText = serde_json::from_str(row.text(1)?)
            .map_err(|_malformed| StoreError::Damaged("a kept answer is JSON"))?;
        let answer = if self.still_sees(&kept).await? {
            kept.patients.iter().for_each(|patient| self.note_patient(Some(patient)));
            Some(kept.answer)
        } else {
            None
        };
        Ok(Some(KnownAnswer { request_hash, answer }))
    }

    /// Whether the caller sees these patients now, and as much as then.
    async fn still_sees(&self, kept: &KeptText) -> Result<bool, StoreError> {
        let KeptText { patients, seen, .. } = kept;
        let administers = |name: &String| self.permit.areas().any(|area| area.name() == name);
        if !seen.areas.iter().all(administers) {
            return Ok(false);
        }
        let limits = self.limits(Action::Read, ResourceType::PATIENT).await?;
        let is_anothers = matches!(
            self.permit.visibility(Action::Read, ResourceType::PATIENT),
            Visibility::Compartment(own) if patients.iter().any(|patient| patient != own)
        );
        if is_anothers || !self.is_seen(&limits, patients.iter()).await? {
            return Ok(false);
        }
        let everybodys = seen.everybodys.iter().map(|name| (name, true));
        for (name, is_everybodys) in everybodys.chain(seen.own.iter().map(|name| (name, false))) {
            let Some(resource_type) = ResourceType::from_name(name) else { return Ok(false) };
            let is_shown = match self.permit.visibility(Action::Read, resource_type) {
                Visibility::Tenant => true,
                // Of nobody known, it may be of all.
                Visibility::Compartment(own) => {
                    patients.iter().all(|patient| patient == own) && !(is_everybodys && patients.is_empty())
                }
                Visibility::Nothing => false,
            };
            let limits = self.limits(Action::Read, resource_type).await?;
            if !is_shown || patients.iter().any(|patient| limits.is_denied_by(patient)) {
                return Ok(false);
            }
        }
        Ok(true)
    }
}
