//! Which specialties there are.

use std::collections::HashMap;

use medcor_fhir::{
    ResourceType,
    naming::specialty_system,
    search::{Query, escape, name::fold},
    view::{CodeableConcept, PractitionerRole, Text},
};
use medcor_tools::{Candidate, Need, Record, ToolContext, ToolError, view};
use serde::Deserialize;
use serde_json::{Value, json};

/// Most roles of clinicians that are looked through for specialties; booking looks through as many.
const ROLES_MAX: u32 = 1000;
/// Catalogues of one organisation that are read: one, or two that were begun at the same time.
const CATALOGUES_MAX: u32 = 10;
/// Most candidates of a refusal.
const CANDIDATES_MAX: usize = 10;
/// What every reading of the catalogue may do.
pub(super) const NEEDS: [Need; 2] =
    [Need::search(ResourceType::PRACTITIONER_ROLE), Need::search_if_allowed(ResourceType::CODE_SYSTEM)];

/// A specialty.
#[derive(Debug, Clone)]
pub(in crate::providers) struct Specialty {
    /// What tools take it by.
    pub(super) id: String,
    /// In the catalogue; else the first that a clinician has it by.
    pub(super) code: Option<String>,
    pub(super) name: String,
    pub(super) description: Option<String>,
    /// Whether it is given to clinicians.
    pub(super) is_active: bool,
    /// Whether the catalogue has it.
    pub(super) is_listed: bool,
    /// Of its code.
    system: Option<String>,
    /// Its name, folded.
    folded: String,
}

/// All of them, in order of name.
#[derive(Default)]
pub(super) struct Catalogue {
    /// The record to which specialties are added.
    pub(super) record: Option<Record>,
    /// The URI of the organisation's own code system.
    pub(super) system: String,
    pub(super) specialties: Vec<Specialty>,
    /// Whether there are more roles of clinicians than were looked through.
    pub(super) is_partial: bool,
    /// Where each is, by folded name.
    by_name: HashMap<String, usize>,
    /// Where each of the catalogue is, by its own code.
    by_code: HashMap<String, usize>,
}

/// `CodeSystem`, as far as it is read here.
#[derive(Default, Deserialize)]
#[serde(default)]
struct CodeSystem<'a> {
    #[serde(borrow)]
    concept: Vec<Concept<'a>>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Concept<'a> {
    #[serde(borrow)]
    id: Option<Text<'a>>,
    #[serde(borrow)]
    code: Text<'a>,
    #[serde(borrow)]
    display: Option<Text<'a>>,
    #[serde(borrow)]
    definition: Option<Text<'a>>,
    #[serde(borrow)]
    property: Vec<Property<'a>>,
}

#[derive(Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct Property<'a> {
    #[serde(borrow)]
    code: Text<'a>,
    value_boolean: Option<bool>,
}

impl Catalogue {
    /// Reads what the caller may see of it.
    pub(super) async fn read(cx: &mut ToolContext<'_>) -> Result<Self, ToolError> {
        let system = specialty_system(&cx.tenant().organization);
        let mut catalogue = Self { system, ..Self::default() };
        if cx.may_read(ResourceType::CODE_SYSTEM) {
            catalogue.add_listed(cx).await?;
        }
        catalogue.add_practised(cx).await?;
        let mut specialties = std::mem::take(&mut catalogue.specialties);
        specialties.sort_by_cached_key(|specialty| (specialty.folded.clone(), specialty.id.clone()));
        catalogue.by_name.clear();
        catalogue.by_code.clear();
        for specialty in specialties {
            catalogue.add(specialty);
        }
        Ok(catalogue)
    }

    /// The specialty that somebody calls so: by id, by code, or by its whole name. What the catalogue has goes before
    /// the words of clinicians.
    ///
    /// # Errors
    ///
    /// `AMBIGUOUS` where several are called so, with `parameter` as what named them.
    pub(super) fn find(&self, text: &str, parameter: &str) -> Result<Option<&Specialty>, ToolError> {
        let text = text.trim();
        let folded = fold(text);
        let has_id = |it: &Specialty| it.id == text;
        let has_code =
            |it: &Specialty| it.code.as_deref().is_some_and(|code| code.eq_ignore_ascii_case(text));
        let has_name = |it: &Specialty| it.folded == folded;
        let ways: [&dyn Fn(&Specialty) -> bool; 3] = [&has_id, &has_code, &has_name];
        for is_listed in [true, false] {
            for is_it in ways {
                let fitting = self.specialties.iter().filter(|it| it.is_listed == is_listed && is_it(it));
                let fitting: Vec<&Specialty> = fitting.collect();
                match fitting.as_slice() {
                    [] => {}
                    [one] => return Ok(Some(one)),
                    several => return Err(ambiguous(several, parameter)),
                }
            }
        }
        Ok(None)
    }

    /// The specialty that a clinician's role names.
    pub(super) fn of(&self, concept: &CodeableConcept<'_>) -> Option<Specialty> {
        self.known(concept).cloned().or_else(|| Specialty::of_concept(concept))
    }

    fn known(&self, concept: &CodeableConcept<'_>) -> Option<&Specialty> {
        let own = concept.coding.iter().filter(|coding| coding.system.as_deref() == Some(&*self.system));
        let mut codes = own.filter_map(|coding| coding.code.as_deref());
        let place = codes.find_map(|code| self.by_code.get(code));
        let place = place.or_else(|| self.by_name.get(&fold(concept.text()?)))?;
        self.specialties.get(*place)
    }

    fn add(&mut self, specialty: Specialty) {
        let place = self.specialties.len();
        if let Some(code) = specialty.code.as_ref().filter(|_| specialty.is_listed) {
            self.by_code.entry(code.clone()).or_insert(place);
        }
        // The catalogue's own goes before the words of clinicians.
        let known = self.by_name.get(&specialty.folded).and_then(|place| self.specialties.get(*place));
        if known.is_none_or(|known| specialty.is_listed && !known.is_listed) {
            self.by_name.insert(specialty.folded.clone(), place);
        }
        self.specialties.push(specialty);
    }

    async fn add_listed(&mut self, cx: &mut ToolContext<'_>) -> Result<(), ToolError> {
        let mut query = Query::new(ResourceType::CODE_SYSTEM).with("url", &escape(&self.system))?;
        query.count = CATALOGUES_MAX;
        let mut records = cx.records().search(&query).await?.records;
        records.sort_by(|one, other| one.id.as_str().cmp(other.id.as_str()));
        for record in &records {
            let code_system: CodeSystem<'_> = view(record)?;
            let concepts = code_system.concept.iter().filter_map(|concept| self.listed(concept));
            let listed: Vec<Specialty> = concepts.collect();
            for specialty in listed {
                self.add(specialty);
            }
        }
        self.record = records.into_iter().next();
        Ok(())
    }

    fn listed(&self, concept: &Concept<'_>) -> Option<Specialty> {
        let code = concept.code.as_str();
        let name = concept.display.as_deref().unwrap_or(code);
        let is_inactive =
            |property: &Property<'_>| property.code == "inactive" && property.value_boolean == Some(true);
        (!code.is_empty()).then(|| Specialty {
            id: concept.id.as_deref().unwrap_or(code).to_owned(),
            code: Some(code.to_owned()),
            name: name.to_owned(),
            folded: fold(name),
            description: concept.definition.as_deref().map(str::to_owned),
            is_active: !concept.property.iter().any(is_inactive),
            is_listed: true,
            system: Some(self.system.clone()),
        })
    }

    async fn add_practised(&mut self, cx: &mut ToolContext<'_>) -> Result<(), ToolError> {
        let mut query = Query::new(ResourceType::PRACTITIONER_ROLE);
        query.count = ROLES_MAX;
        let page = cx.records().search(&query).await?;
        self.is_partial = page.has_more;
        for record in &page.records {
            let role: PractitionerRole<'_> = view(record)?;
            for concept in role.specialty.iter().filter(|_| role.is_active()) {
                if self.known(concept).is_none()
                    && let Some(specialty) = Specialty::of_concept(concept)
                {
                    self.add(specialty);
                }
            }
        }
        Ok(())
    }
}

impl Specialty {
    /// One that the catalogue does not have: its name is what it is asked for by.
    fn of_concept(concept: &CodeableConcept<'_>) -> Option<Self> {
        let name = concept.text()?.to_owned();
        let coding = concept.coding.iter().find(|coding| coding.code.is_some());
        Some(Self {
            id: name.clone(),
            folded: fold(&name),
            code: coding.and_then(|coding| coding.code.as_deref()).map(str::to_owned),
            name,
            description: None,
            is_active: true,
            is_listed: false,
            system: coding.and_then(|coding| coding.system.as_deref()).map(str::to_owned),
        })
    }

    /// Whether a role's words or code mean it.
    pub(super) fn is(&self, concept: &CodeableConcept<'_>) -> bool {
        let has_code = match (&self.system, &self.code) {
            (Some(system), Some(code)) if self.is_listed => concept.has(system, code),
            _ => false,
        };
        has_code || concept.text().is_some_and(|text| self.is_called(text))
    }

    /// Whether one of the specialties of a role is it.
    pub(in crate::providers) fn is_of(&self, role: &PractitionerRole<'_>) -> bool {
        role.specialty.iter().any(|concept| self.is(concept))
    }

    /// Whether these words are its name.
    pub(super) fn is_called(&self, text: &str) -> bool {
        fold(text) == self.folded
    }

    /// Its code in the catalogue, where a role's item lacks it.
    pub(super) fn missing_coding(&self, concept: &CodeableConcept<'_>) -> Option<Value> {
        let (system, code) = (self.system.as_deref()?, self.code.as_deref()?);
        let is_missing = self.is_listed && !concept.has(system, code);
        is_missing.then(|| json!({ "system": system, "code": code, "display": self.name }))
    }

    /// As records name it.
    pub(super) fn concept(&self) -> Value {
        let mut concept = json!({ "text": self.name });
        if let (Some(system), Some(code)) = (&self.system, &self.code) {
            concept["coding"] = json!([{ "system": system, "code": code, "display": self.name }]);
        }
        concept
    }
}

fn ambiguous(fitting: &[&Specialty], parameter: &str) -> ToolError {
    let candidate = |specialty: &&Specialty| Candidate {
        id: specialty.id.clone(),
        name: specialty.name.clone(),
        detail: specialty.code.clone(),
    };
    ToolError::Ambiguous {
        parameter: parameter.to_owned(),
        candidates: fitting.iter().take(CANDIDATES_MAX).map(candidate).collect(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn catalogue() -> Catalogue {
        let mut catalogue = Catalogue { system: "urn:own".to_owned(), ..Catalogue::default() };
        let text = r#"{"id":"0192","code":"CARDIO","display":"Cardiology"}"#;
        let concept: Concept<'_> = serde_json::from_str(text).unwrap();
        let listed = catalogue.listed(&concept).unwrap();
        catalogue.add(listed);
        let old = r#"{"code":"OLD","property":[{"code":"inactive","valueBoolean":true}]}"#;
        let concept: Concept<'_> = serde_json::from_str(old).unwrap();
        let listed = catalogue.listed(&concept).unwrap();
        catalogue.add(listed);
        catalogue
    }

    #[test]
    fn a_specialty_is_found_by_id_code_and_whole_name_and_by_nothing_near() {
        let catalogue = catalogue();
        for text in ["0192", "cardio", "CARDIOLOGY", " Cardiology "] {
            assert_eq!(found(&catalogue, text).as_deref(), Some("0192"), "{text}");
        }
        assert!(found(&catalogue, "cardiologist").is_none() && found(&catalogue, "card").is_none());
        assert!(!catalogue.find("old", "").unwrap().unwrap().is_active);
    }

    fn found(catalogue: &Catalogue, text: &str) -> Option<String> {
        catalogue.find(text, "specialty").unwrap().map(|found| found.id.clone())
    }

    #[test]
    fn several_of_one_code_are_told_apart_by_the_caller_and_the_catalogue_goes_first() {
        let mut catalogue = catalogue();
        for text in [
            r#"{"coding":[{"system":"http://snomed.info/sct","code":"394579002"}],"text":"Heart"}"#,
            r#"{"coding":[{"system":"http://snomed.info/sct","code":"394579002"}],"text":"Circulation"}"#,
            r#"{"text":"CARDIO"}"#,
        ] {
            catalogue.add(Specialty::of_concept(&serde_json::from_str(text).unwrap()).unwrap());
        }
        let Err(ToolError::Ambiguous { parameter, candidates }) = catalogue.find("394579002", "specialty")
        else {
            panic!("one of two was taken");
        };
        let names: Vec<&str> = candidates.iter().map(|candidate| candidate.id.as_str()).collect();
        assert_eq!((parameter.as_str(), names), ("specialty", vec!["Heart", "Circulation"]));
        assert_eq!(found(&catalogue, "circulation").as_deref(), Some("Circulation"));
        assert_eq!(found(&catalogue, "CARDIO").as_deref(), Some("0192"));
    }

    #[test]
    fn a_role_has_a_specialty_by_its_words_or_by_its_own_code() {
        let catalogue = catalogue();
        let of = |text: &str| catalogue.of(&serde_json::from_str(text).unwrap()).map(|found| found.id);
        assert_eq!(of(r#"{"text":"cardiology"}"#).as_deref(), Some("0192"));
        assert_eq!(
            of(r#"{"coding":[{"system":"urn:own","code":"CARDIO"}],"text":"Heart"}"#).as_deref(),
            Some("0192")
        );
        let foreign = r#"{"coding":[{"system":"http://snomed.info/sct","code":"CARDIO","display":"Heart"}]}"#;
        assert_eq!(of(foreign).as_deref(), Some("Heart"));
        assert_eq!(of("{}"), None);
    }
}
