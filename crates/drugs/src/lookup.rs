//! Which drug a text means. Only what is spelled like a known name is taken; what is spelled nearly so is
//! offered and never taken.

use std::sync::Arc;

use crate::{
    ingredient::{Class, Index, Ingredient},
    knowledge::{Knowledge, Named},
    name::{distance, fold, parts, without_salt},
};

/// Most candidates that are offered.
const CANDIDATES_MAX: usize = 5;
/// The shortest beginning of a name that is completed.
const PREFIX_MIN: usize = 3;
/// Longer texts are no names of drugs.
const TEXT_MAX: usize = 300;

/// A drug: one ingredient, or the ingredients of a combination.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Drug {
    /// Its name as the table spells it: an ingredient's, a brand's, or ingredients joined with `/`.
    pub name: String,
    /// By which of its names it was found.
    pub matched_by: MatchedBy,
    /// What it consists of; at least one.
    pub ingredients: Vec<Arc<Ingredient>>,
}

/// By which of its names a drug was found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MatchedBy {
    /// The ingredient's name or a synonym.
    Ingredient,
    /// A brand.
    Brand,
    /// Several ingredients by their names.
    Combination,
    /// The RxNorm code of the ingredient.
    Rxcui,
    /// A spelling that is near to a name.
    Spelling,
}

/// What a text means.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Found {
    /// This drug.
    Exact(Drug),
    /// A class, not one drug.
    Class(Arc<Class>),
    /// No drug that is known; these are spelled nearly so, the nearest first. Never to be taken unasked.
    Candidates(Vec<Drug>),
    /// No drug that is known, and none that is spelled nearly so.
    Unknown,
}

impl Drug {
    /// The RxNorm code, where the drug is one ingredient with a known code.
    pub fn rxcui(&self) -> Option<&str> {
        match self.ingredients.as_slice() {
            [only] => only.rxcui.as_deref(),
            _ => None,
        }
    }
}

impl Knowledge {
    /// Finds a drug by ingredient, synonym, brand, class, RxNorm code of the ingredient, or by a product's
    /// name with strength, form and salt, such as `Metoprolol succinate ER 50 mg`.
    pub fn find(&self, text: &str) -> Found {
        if let Some(known) = self.known(text) {
            return known;
        }
        if text.len() > TEXT_MAX {
            return Found::Unknown;
        }
        let mut candidates = match parts(text).as_slice() {
            [part] => self.candidates(part),
            _ => Vec::new(),
        };
        // What looks like a strength can be part of a name.
        if candidates.is_empty() {
            candidates = self.candidates(&fold(text));
        }
        if candidates.is_empty() { Found::Unknown } else { Found::Candidates(candidates) }
    }

    /// The drug of which this is a name, without looking for near spellings: for the names in a chart.
    pub fn exact(&self, text: &str) -> Option<Drug> {
        match self.known(text)? {
            Found::Exact(drug) => Some(drug),
            _ => None,
        }
    }

    /// The drug or class of which this is a name.
    pub(crate) fn known(&self, text: &str) -> Option<Found> {
        let text = text.trim();
        if text.is_empty() || text.len() > TEXT_MAX {
            return None;
        }
        if let Some(drug) = self.by_code(text) {
            return Some(Found::Exact(drug));
        }
        if let Some(known) = self.named(&fold(text)) {
            return Some(self.found(known));
        }
        let parts = parts(text);
        if let Some(drug) = self.combination(&parts) {
            return Some(Found::Exact(drug));
        }
        match parts.as_slice() {
            [part] => self.named(part).map(|known| self.found(known)),
            _ => None,
        }
    }

    fn found(&self, named: &Named) -> Found {
        match (named, self.drug(named)) {
            (_, Some(drug)) => Found::Exact(drug),
            (Named::Class(class), None) => Found::Class(self.classes[*class as usize].clone()),
            (_, None) => Found::Unknown,
        }
    }

    /// The ingredient of this RxNorm code.
    pub fn by_rxcui(&self, rxcui: &str) -> Option<&Arc<Ingredient>> {
        self.rxcui.get(rxcui).map(|&index| self.ingredient(index))
    }

    fn by_code(&self, text: &str) -> Option<Drug> {
        let code = ["rxcui:", "rxnorm:", "rxcui ", "rxnorm "]
            .iter()
            .find_map(|prefix| text.get(..prefix.len()).filter(|start| start.eq_ignore_ascii_case(prefix)))
            .map_or(text, |prefix| text[prefix.len()..].trim());
        let ingredient = self.by_rxcui(code)?.clone();
        let name = ingredient.name.clone();
        Some(Drug { name, matched_by: MatchedBy::Rxcui, ingredients: vec![ingredient] })
    }

    /// What a folded name means: as it is, in the singular or plural.
    fn named(&self, folded: &str) -> Option<&Named> {
        if let Some(named) = self.names.get(folded) {
            return Some(named);
        }
        let other = match folded.strip_suffix('s') {
            Some(singular) => singular.to_owned(),
            None => format!("{folded}s"),
        };
        self.names.get(&other).filter(|named| matches!(named, Named::Class(_)))
    }

    fn drug(&self, named: &Named) -> Option<Drug> {
        match named {
            Named::Ingredient(index) => {
                let ingredient = self.ingredient(*index).clone();
                let name = ingredient.name.clone();
                Some(Drug { name, matched_by: MatchedBy::Ingredient, ingredients: vec![ingredient] })
            }
            Named::Brand(name, indexes) => Some(Drug {
                name: name.clone(),
                matched_by: MatchedBy::Brand,
                ingredients: self.all(indexes),
            }),
            Named::Class(_) => None,
        }
    }

    /// The drug of which these are the ingredients, where each is one.
    fn combination(&self, parts: &[String]) -> Option<Drug> {
        let mut ingredients: Vec<Arc<Ingredient>> = Vec::new();
        let mut drugs = Vec::new();
        for part in parts {
            let salt = without_salt(part);
            let named = self.names.get(part).or_else(|| self.names.get(salt.as_ref()?));
            let drug = self.drug(named?)?;
            for ingredient in &drug.ingredients {
                if !ingredients.contains(ingredient) {
                    ingredients.push(ingredient.clone());
                }
            }
            drugs.push(drug);
        }
        if drugs.len() < 2 {
            return drugs.pop();
        }
        let names: Vec<&str> = ingredients.iter().map(|ingredient| ingredient.name.as_str()).collect();
        Some(Drug { name: names.join("/"), matched_by: MatchedBy::Combination, ingredients })
    }

    /// Drugs of which a name is spelled nearly so, or begins so.
    fn candidates(&self, wanted: &str) -> Vec<Drug> {
        let letters = wanted.chars().count();
        let most = match letters {
            0..PREFIX_MIN => return Vec::new(),
            PREFIX_MIN..5 => 1,
            5..9 => 2,
            _ => 3,
        };
        let mut ranked: Vec<(usize, &String, &Named)> = Vec::new();
        for (name, named) in self.names.iter().filter(|(_, named)| !matches!(named, Named::Class(_))) {
            let begins = name.starts_with(wanted);
            let Some(apart) = distance(wanted, name, most).or(begins.then_some(most)) else { continue };
            ranked.push((apart, name, named));
        }
        ranked.sort_by_key(|&(apart, name, _)| (apart, name.len(), name));
        let mut drugs: Vec<Drug> = Vec::new();
        for (_, _, named) in ranked {
            let Some(drug) = self.drug(named) else { continue };
            let is_new = drugs.iter().all(|known| known.ingredients != drug.ingredients);
            if is_new {
                drugs.push(Drug { matched_by: MatchedBy::Spelling, ..drug });
            }
            if drugs.len() == CANDIDATES_MAX {
                break;
            }
        }
        drugs
    }

    fn all(&self, indexes: &[Index]) -> Vec<Arc<Ingredient>> {
        indexes.iter().map(|&index| self.ingredient(index).clone()).collect()
    }
}
