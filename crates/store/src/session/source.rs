//! What an answer that is kept was made of: under which security labels, and whether somebody still sees as much.

use medcor_fhir::{Id, ResourceType, view::Coding};
use medcor_policy::{Action, Visibility};
use serde::{Deserialize, Serialize};

use super::{Session, limit::DAMAGED};
use crate::{Record, StoreError};

/// A security label of a record (FHIR R4 §6.1.1): a `Coding`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct SecurityLabel {
    /// The code system.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub system: Option<String>,
    /// The code, such as `R`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub code: Option<String>,
    /// In words.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub display: Option<String>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Labelled<'a> {
    #[serde(borrow)]
    meta: Labels<'a>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Labels<'a> {
    #[serde(borrow)]
    security: Vec<Coding<'a>>,
}

impl Session<'_> {
    /// Gathers the labels of every record that is handed out from here on.
    pub fn gather_labels(&mut self) {
        self.labels.get_or_insert_default();
    }

    /// The labels that were gathered, each once.
    pub fn gathered_labels(&self) -> Vec<SecurityLabel> {
        self.labels.iter().flatten().cloned().collect()
    }

    /// Whether the permit, consents and care let the caller see records of all these types of this patient, be there
    /// any or not.
    pub async fn sees_chart(&self, types: &[ResourceType], patient: &Id) -> Result<bool, StoreError> {
        let mut is_in_care = false;
        for resource_type in types {
            let is_permitted = match self.permit.visibility(Action::Read, *resource_type) {
                Visibility::Tenant => true,
                Visibility::Compartment(own) => own == patient,
                Visibility::Nothing => false,
            };
            let limits = self.limits(Action::Read, *resource_type).await?;
            if !is_permitted || limits.hides(patient) {
                return Ok(false);
            }
            // Care says the same of every type, so it is asked once.
            if limits.care_of(patient).is_some() && !is_in_care {
                is_in_care = self.is_seen(&limits, std::iter::once(patient)).await?;
                if !is_in_care {
                    return Ok(false);
                }
            }
        }
        Ok(true)
    }

    /// Remembers the labels of a record that is handed out, where they are gathered.
    pub(super) fn note_labels(&mut self, record: &Record) -> Result<(), StoreError> {
        let Some(labels) = self.labels.as_mut().filter(|_| record.body.contains("\"security\"")) else {
            return Ok(());
        };
        let labelled: Labelled<'_> = serde_json::from_str(&record.body).map_err(|_malformed| DAMAGED)?;
        let text = |text: &Option<medcor_fhir::view::Text<'_>>| text.as_ref().map(ToString::to_string);
        labels.extend(labelled.meta.security.iter().map(|label| SecurityLabel {
            system: text(&label.system),
            code: text(&label.code),
            display: text(&label.display),
        }));
        Ok(())
    }
}
