//! What is checked: a patient's medications, and what must be known of the patient.

use std::sync::Arc;

use crate::{
    dosage::Dosage,
    frequency::Frequency,
    ingredient::{Class, Ingredient},
    knowledge::Knowledge,
    lookup::Drug,
    name::fold,
};

/// A medication that is proposed or taken.
#[derive(Debug, Clone)]
pub struct Medication {
    pub(crate) name: String,
    pub(crate) ingredients: Vec<Arc<Ingredient>>,
    /// Where it is a class: any of its members.
    pub(crate) class: Option<Arc<Class>>,
    pub(crate) dosage: Option<Dosage>,
    pub(crate) frequency: Option<Frequency>,
    pub(crate) is_local: bool,
    /// Whether it is put on the skin, where little is absorbed.
    pub(crate) is_on_skin: bool,
}

impl Medication {
    /// This drug.
    pub fn of(drug: &Drug) -> Self {
        let place = Place::of(&drug.name);
        Self {
            name: drug.name.clone(),
            is_local: place.is_local,
            is_on_skin: place.is_on_skin,
            ingredients: drug.ingredients.clone(),
            class: None,
            dosage: None,
            frequency: None,
        }
    }

    /// Any drug of this class.
    pub fn of_class(class: &Arc<Class>, knowledge: &Knowledge) -> Self {
        Self {
            name: class.name.clone(),
            ingredients: knowledge.members_of(class).cloned().collect(),
            class: Some(class.clone()),
            dosage: None,
            frequency: None,
            is_local: false,
            is_on_skin: false,
        }
    }

    /// The same, under the name that a caller or a record gives it. Words such as `cream` or `eye drops` in
    /// it say that it acts where it is applied.
    #[must_use]
    pub fn named(mut self, name: &str) -> Self {
        name.clone_into(&mut self.name);
        self.at(Place::of(name))
    }

    /// The same, in this dose, so often.
    #[must_use]
    pub fn with_dose(mut self, dosage: Option<Dosage>, frequency: Option<Frequency>) -> Self {
        self.dosage = dosage;
        self.frequency = frequency;
        self
    }

    /// The same, given this way, such as `topical`.
    #[must_use]
    pub fn by_route(self, route: &str) -> Self {
        self.at(Place::of(route))
    }

    fn at(mut self, place: Place) -> Self {
        self.is_local |= place.is_local;
        self.is_on_skin |= place.is_on_skin;
        self
    }

    /// As it was named.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// What it consists of.
    pub fn ingredients(&self) -> &[Arc<Ingredient>] {
        &self.ingredients
    }

    /// Whether it acts where it is applied: it is not a duplicate of what is swallowed.
    pub fn is_local(&self) -> bool {
        self.is_local
    }

    /// Whether it is put on the skin, where little is absorbed.
    pub fn is_on_skin(&self) -> bool {
        self.is_on_skin
    }
}

/// What must be known of a patient.
#[derive(Debug, Clone, Copy, Default)]
pub struct PatientFacts {
    /// Age in whole months.
    pub age_months: Option<u32>,
    /// Whether there is, or can be, an unborn child.
    pub pregnancy: Pregnancy,
    /// Body weight, for doses per kilogram.
    pub weight_kg: Option<f64>,
}

/// Whether there is, or can be, an unborn child.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Pregnancy {
    /// Nothing is known, or it is excluded.
    #[default]
    Unknown,
    /// The patient may become pregnant, by sex and age: what is contraindicated is mentioned.
    Possible,
    /// The patient is pregnant.
    Pregnant,
}

/// Where something acts, as far as words say it.
#[derive(Debug, Clone, Copy)]
struct Place {
    is_local: bool,
    is_on_skin: bool,
}

impl Place {
    fn of(text: &str) -> Self {
        let mut place = Self { is_local: false, is_on_skin: false };
        for word in fold(text).split(' ') {
            match word {
                "topical" | "topically" | "cream" | "ointment" | "lotion" | "gel" | "cutaneous"
                | "shampoo" => {
                    place = Self { is_local: true, is_on_skin: true };
                }
                "ophthalmic" | "eye" | "eyes" | "otic" | "ear" | "ears" | "nasal" | "nostril"
                | "intranasal" | "vaginal" | "inhaled" | "inhaler" | "inhalation" => place.is_local = true,
                _ => {}
            }
        }
        place
    }
}
