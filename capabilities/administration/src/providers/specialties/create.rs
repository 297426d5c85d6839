//! Adding a specialty to the catalogue.

use medcor_fhir::{ParsedResource, RawObject, ResourceType};
use medcor_tools::{
    Effect, Need, Synonym, Tool, ToolContext, ToolError,
    detail::{Problems, identifier, name},
    synonym,
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json, value::to_raw_value};

use super::{
    catalogue::{Catalogue, NEEDS},
    find::SpecialtyRow,
};

/// Specialties of one organisation.
const SPECIALTIES_MAX: usize = 500;

/// Adds a specialty to the organisation's catalogue. `update_doctor_specialties` then gives it to doctors.
///
/// A code or a name that the catalogue has is a CONFLICT. A specialty that clinicians have already under this
/// name is theirs from then on.
#[derive(Deserialize, JsonSchema)]
pub(in crate::providers) struct CreateSpecialty {
    /// Short and unique, such as CARDIO; kept in upper case.
    #[schemars(length(min = 1, max = 64))]
    code: String,
    /// Such as Cardiology.
    #[schemars(length(min = 1, max = 200))]
    name: String,
    /// What it is, for patients.
    #[schemars(length(max = 2000))]
    description: Option<String>,
}

/// A specialty that was added.
#[derive(Serialize, JsonSchema)]
pub(in crate::providers) struct Created {
    success: bool,
    /// In words.
    message: String,
    #[serde(flatten)]
    specialty: SpecialtyRow,
}

impl Tool for CreateSpecialty {
    const NAME: &'static str = "create_specialty";
    const TITLE: &'static str = "Add a specialty";
    const EFFECT: Effect = Effect::Creates;
    const NEEDS: &'static [Need] = &[
        NEEDS[0],
        Need::search(ResourceType::CODE_SYSTEM),
        Need::create(ResourceType::CODE_SYSTEM),
        Need::update(ResourceType::CODE_SYSTEM),
    ];
    const SYNONYMS: &'static [Synonym] =
        &[synonym("specialty_code", "code"), synonym("specialty_name", "name")];
    const KEYWORDS: &'static [&'static str] = &["new specialty", "department"];
    type Output = Created;

    async fn run(self, cx: &mut ToolContext<'_>) -> Result<Created, ToolError> {
        let mut problems = Problems::default();
        let code = problems.checked("code", Some(self.code.trim()), identifier);
        let name = problems.checked("name", Some(&self.name), name);
        problems.refuse()?;
        let code = code.unwrap_or_default().to_uppercase();
        let name = name.unwrap_or_default();
        let catalogue = Catalogue::read(cx).await?;
        refuse_known(&catalogue, &code, &name)?;
        let id = cx.new_id().to_string();
        let mut concept = json!({ "id": id, "code": code, "display": name });
        let description = self.description.map(|text| text.trim().to_owned()).filter(|text| !text.is_empty());
        if let Some(description) = &description {
            concept["definition"] = description.as_str().into();
        }
        write(&catalogue, &concept, cx)?;
        Ok(Created {
            success: true,
            message: format!("Added {name} to the specialties"),
            specialty: SpecialtyRow::added(id, code, name, description),
        })
    }
}

fn refuse_known(catalogue: &Catalogue, code: &str, name: &str) -> Result<(), ToolError> {
    let mut listed = catalogue.specialties.iter().filter(|specialty| specialty.is_listed);
    if listed.clone().count() >= SPECIALTIES_MAX {
        return Err(ToolError::Conflict(format!("there are {SPECIALTIES_MAX} specialties already")));
    }
    let known = listed.find(|specialty| {
        let has_code = specialty.code.as_deref().is_some_and(|known| known.eq_ignore_ascii_case(code));
        has_code || specialty.is_called(name)
    });
    match known {
        Some(known) => Err(ToolError::Conflict(format!(
            "there is a specialty of this code or name already: {}, id {}",
            known.name, known.id
        ))),
        None => Ok(()),
    }
}

/// Two calls at once build on the same version of the record, and one of them is told to repeat.
fn write(catalogue: &Catalogue, concept: &Value, cx: &mut ToolContext<'_>) -> Result<(), ToolError> {
    if let Some(record) = &catalogue.record {
        let mut object = RawObject::parse(&record.body)?;
        let mut concepts = object.items("concept")?;
        concepts.push(to_raw_value(concept)?);
        object.set("concept", &concepts)?;
        cx.records().update(record, ParsedResource::parse(object.to_text()?)?)?;
        return Ok(());
    }
    cx.claim_for_now("specialty-catalogue");
    let resource = json!({
        "resourceType": "CodeSystem",
        "url": catalogue.system,
        "name": "Specialties",
        "title": format!("Specialties of {}", cx.tenant().name),
        "status": "active",
        "caseSensitive": false,
        "content": "complete",
        "property": [{
            "code": "inactive",
            "uri": "http://hl7.org/fhir/concept-properties#inactive",
            "type": "boolean"
        }],
        "concept": [concept],
    });
    cx.records().create(ParsedResource::from_value(resource)?)?;
    Ok(())
}
