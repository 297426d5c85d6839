//! Allergies: what a patient does not tolerate, and what that can cross-react with.

use std::sync::Arc;

use crate::{
    finding::Severity,
    ingredient::{Index, Ingredient},
    knowledge::Knowledge,
    lookup::Found,
    name::fold,
};

/// An allergy or intolerance of a patient.
#[derive(Debug, Clone)]
pub struct Allergy {
    pub(crate) name: String,
    /// The very ingredients that it names.
    pub(crate) ingredients: Vec<Arc<Ingredient>>,
    /// The rules of the groups that it names or whose members it names.
    pub(crate) rules: Vec<usize>,
    pub(crate) names_group: bool,
    pub(crate) is_intolerance: bool,
}

impl Allergy {
    /// As it was named.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The same, as an intolerance: a side effect, not an immune reaction.
    #[must_use]
    pub fn as_intolerance(mut self) -> Self {
        self.is_intolerance = true;
        self
    }
}

/// Who reacts to one group reacts to another, or does not.
#[derive(Debug)]
pub(crate) struct Rule {
    pub(crate) allergen: String,
    pub(crate) members: Vec<Index>,
    pub(crate) related: String,
    pub(crate) related_members: Vec<Index>,
    pub(crate) likelihood: String,
    pub(crate) alert: Alert,
    pub(crate) management: String,
    pub(crate) source: String,
}

/// How strongly a cross-reaction is warned of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Alert {
    /// Not to be given without a reason.
    Block,
    /// To be avoided.
    WarnHigh,
    /// To be watched.
    WarnModerate,
    /// Worth knowing.
    Info,
    /// No warning: the fear is refuted.
    None,
}

impl Alert {
    pub(crate) fn parse(text: &str) -> Option<Self> {
        Some(match text {
            "block-with-override" => Self::Block,
            "warn-high" => Self::WarnHigh,
            "warn-moderate" => Self::WarnModerate,
            "info" => Self::Info,
            "none" => Self::None,
            _ => return None,
        })
    }

    pub(crate) fn severity(self) -> Option<Severity> {
        match self {
            Self::Block => Some(Severity::Contraindicated),
            Self::WarnHigh => Some(Severity::Major),
            Self::WarnModerate => Some(Severity::Moderate),
            Self::Info => Some(Severity::Minor),
            Self::None => None,
        }
    }
}

impl Knowledge {
    /// The allergy that a record's text or RxNorm code names; `None` where it is to no drug that is known,
    /// such as peanuts.
    pub fn allergy(&self, text: &str, rxcui: Option<&str>) -> Option<Allergy> {
        let name = fold(text);
        let bare = bare(&name);
        let mut rules = Vec::new();
        for key in [name.as_str(), bare] {
            let plural = format!("{key}s");
            let found = self.allergens.get(key).or_else(|| self.allergens.get(&plural));
            rules.extend(found.into_iter().flatten().copied());
        }
        let names_group = !rules.is_empty();
        let mut ingredients: Vec<Arc<Ingredient>> = Vec::new();
        ingredients.extend(rxcui.and_then(|code| self.by_rxcui(code)).cloned());
        if ingredients.is_empty() {
            // Near spellings are not looked for: of them nothing would be concluded.
            match self.known(bare) {
                Some(Found::Exact(drug)) => ingredients = drug.ingredients,
                Some(Found::Class(class)) if !names_group => {
                    ingredients = self.members_of(&class).cloned().collect();
                }
                _ => {}
            }
        }
        for (number, rule) in self.allergy_rules.iter().enumerate() {
            if ingredients.iter().any(|ingredient| rule.members.contains(&ingredient.index)) {
                rules.push(number);
            }
        }
        rules.sort_unstable();
        rules.dedup();
        let is_known = !rules.is_empty() || !ingredients.is_empty();
        is_known.then(|| Allergy {
            name: text.to_owned(),
            ingredients,
            rules,
            names_group,
            is_intolerance: false,
        })
    }
}

/// A folded name without the words around the allergen, such as `allergy to`.
fn bare(folded: &str) -> &str {
    let mut bare = folded;
    for prefix in
        ["allergy to ", "allergic to ", "hypersensitivity to ", "intolerance to ", "adverse reaction to "]
    {
        bare = bare.strip_prefix(prefix).unwrap_or(bare);
    }
    for suffix in [" substance", " finding", " allergy", " antibiotics", " antibiotic", " drugs", " product"]
    {
        bare = bare.strip_suffix(suffix).unwrap_or(bare);
    }
    bare
}
