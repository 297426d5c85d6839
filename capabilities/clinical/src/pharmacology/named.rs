//! Medications as callers name them: names, brands, classes, RxNorm codes, ids of prescriptions.

use std::borrow::Cow;

use medcor_drugs::{Drug, Found, Medication};
use medcor_fhir::Id;
use medcor_tools::{ToolContext, ToolError};
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Serialize};

use crate::drug_facts;

/// A medication, named by a text or a number.
#[derive(Debug, Clone, Deserialize)]
#[serde(transparent)]
pub(super) struct DrugName(String);

impl JsonSchema for DrugName {
    fn schema_name() -> Cow<'static, str> {
        "DrugName".into()
    }

    fn inline_schema() -> bool {
        true
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "type": "string",
            "minLength": 1,
            "maxLength": 200,
            "description": "Ingredient, brand, class, product with strength, RxNorm code, or id of a prescription.",
            "x-medcor-name": true,
        })
    }
}

/// A medication that is checked.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub(super) struct CheckedRow {
    /// As it was named.
    pub(super) name: String,
    pub(super) ingredients: Vec<String>,
    /// RxNorm code, where it is one ingredient.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) rxcui: Option<String>,
    /// given; of the chart chart, reported or planned.
    pub(super) origin: &'static str,
}

/// A name that the tables do not have: it was not checked.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub(super) struct Unrecognised {
    pub(super) name: String,
    /// What is spelled nearly so.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(super) candidates: Vec<String>,
}

/// What a name came to.
pub(super) enum Meant {
    Medication(Box<Medication>),
    Unrecognised(Unrecognised),
}

/// What each name means. An id is read as a prescription; a spelling that is only near is not taken.
pub(super) async fn meant(names: &[DrugName], cx: &mut ToolContext<'_>) -> Result<Vec<Meant>, ToolError> {
    let mut meant = Vec::with_capacity(names.len());
    for DrugName(name) in names {
        let found = match cx.drugs().find(name) {
            Found::Exact(drug) => Ok(Medication::of(&drug).named(name.trim())),
            Found::Class(class) => Ok(Medication::of_class(&class, cx.drugs()).named(name.trim())),
            Found::Candidates(candidates) => Err(candidates.iter().map(described).collect()),
            Found::Unknown => Err(Vec::new()),
        };
        let found = match found {
            Err(_) if is_record_id(name) => prescribed(name, cx).await?,
            found => found,
        };
        meant.push(match found {
            Ok(medication) => Meant::Medication(Box::new(medication)),
            Err(candidates) => Meant::Unrecognised(Unrecognised { name: name.clone(), candidates }),
        });
    }
    Ok(meant)
}

impl CheckedRow {
    pub(super) fn of(medication: &Medication, origin: &'static str) -> Self {
        let ingredients = medication.ingredients();
        let rxcui = match ingredients {
            [only] => only.rxcui.clone(),
            _ => None,
        };
        Self {
            name: medication.name().to_owned(),
            ingredients: ingredients.iter().map(|ingredient| ingredient.name.clone()).collect(),
            rxcui,
            origin,
        }
    }
}

/// A candidate in words: its name, with what it consists of where that is something else.
pub(super) fn described(drug: &Drug) -> String {
    let ingredients: Vec<&str> = drug.ingredients.iter().map(|ingredient| ingredient.name.as_str()).collect();
    let ingredients = ingredients.join("/");
    if ingredients == drug.name { ingredients } else { format!("{} ({ingredients})", drug.name) }
}

/// The medication of a prescription of this id.
async fn prescribed(
    id: &str,
    cx: &mut ToolContext<'_>,
) -> Result<Result<Medication, Vec<String>>, ToolError> {
    let Some(id) = Id::new(id.trim()) else { return Ok(Err(Vec::new())) };
    let taken = drug_facts::prescription(&id, cx).await?;
    Ok(taken.and_then(|taken| taken.medication).ok_or_else(Vec::new))
}

/// Whether it looks like the id of a record, which no name of a drug does.
fn is_record_id(name: &str) -> bool {
    let name = name.trim();
    name.len() == 36 && name.bytes().filter(|&byte| byte == b'-').count() == 4
}
