//! Which specialties there are.

use medcor_fhir::{
    ResourceType,
    naming::specialty_system,
    search::{Query, escape, name::fold},
    view::{CodeableConcept, PractitionerRole, Text},
};
use medcor_tools::{Need, Record, ToolContext, ToolError, view};
use serde::Deserialize;
use serde_json::{Value, json};

use super::super::answer::is_current;

/// Most roles of clinicians that are looked through for specialties; booking looks through as many.
const ROLES_MAX: u32 = 1000;
/// Catalogues of one organisation that are read: one, or two that were begun at the same time.
const CATALOGUES_MAX: u32 = 10;
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
}

/// All of them, in order of name.
pub(super) struct Catalogue {
    /// The record to which specialties are added.
    pub(super) record: Option<Record>,
    /// The URI of the organisation's own code system.
    pub(super) system: String,
    pub(super) specialties: Vec<Specialty>,
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
        let mut catalogue = Self { record: None, system, specialties: Vec::new() };
        if cx.may_read(ResourceType::CODE_SYSTEM) {
            catalogue.add_listed(cx).await?;
        }
        catalogue.add_practised(cx).await?;
        catalogue.specialties.sort_by_cached_key(|specialty| (fold(&specialty.name), specialty.id.clone()));
        Ok(catalogue)
    }

    /// The specialty that somebody calls so: by id, by code, or by its whole name.
    pub(super) fn find(&self, text: &str) -> Option<&Specialty> {
        let text = text.trim();
        let folded = fold(text);
        let find = |is_it: &dyn Fn(&Specialty) -> bool| self.specialties.iter().find(|it| is_it(it));
        find(&|it| it.id == text)
            .or_else(|| find(&|it| it.code.as_deref().is_some_and(|code| code.eq_ignore_ascii_case(text))))
            .or_else(|| find(&|it| fold(&it.name) == folded))
    }

    /// The specialty that a clinician's role names.
    pub(super) fn of(&self, concept: &CodeableConcept<'_>) -> Option<Specialty> {
        let known = self.specialties.iter().find(|specialty| specialty.is(concept));
        known.cloned().or_else(|| Specialty::of_concept(concept))
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
            self.specialties.extend(listed);
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
            description: concept.definition.as_deref().map(str::to_owned),
            is_active: !concept.property.iter().any(is_inactive),
            is_listed: true,
            system: Some(self.system.clone()),
        })
    }

    async fn add_practised(&mut self, cx: &mut ToolContext<'_>) -> Result<(), ToolError> {
        let mut query = Query::new(ResourceType::PRACTITIONER_ROLE);
        query.count = ROLES_MAX;
        for record in &cx.records().search(&query).await?.records {
            let role: PractitionerRole<'_> = view(record)?;
            for concept in role.specialty.iter().filter(|_| is_current(&role)) {
                let is_known = self.specialties.iter().any(|specialty| specialty.is(concept));
                self.specialties.extend(Specialty::of_concept(concept).filter(|_| !is_known));
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
        fold(text) == fold(&self.name)
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

#[cfg(test)]
mod tests {
    use super::*;

    fn catalogue() -> Catalogue {
        let mut catalogue = Catalogue { record: None, system: "urn:own".to_owned(), specialties: Vec::new() };
        let text = r#"{"id":"0192","code":"CARDIO","display":"Cardiology"}"#;
        let concept: Concept<'_> = serde_json::from_str(text).unwrap();
        let listed = catalogue.listed(&concept);
        catalogue.specialties.extend(listed);
        let old = r#"{"code":"OLD","property":[{"code":"inactive","valueBoolean":true}]}"#;
        let concept: Concept<'_> = serde_json::from_str(old).unwrap();
        let listed = catalogue.listed(&concept);
        catalogue.specialties.extend(listed);
        catalogue
    }

    #[test]
    fn a_specialty_is_found_by_id_code_and_whole_name_and_by_nothing_near() {
        let catalogue = catalogue();
        for text in ["0192", "cardio", "CARDIOLOGY", " Cardiology "] {
            assert_eq!(catalogue.find(text).map(|found| found.id.as_str()), Some("0192"), "{text}");
        }
        assert!(catalogue.find("cardiologist").is_none() && catalogue.find("card").is_none());
        assert!(!catalogue.find("old").unwrap().is_active);
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
