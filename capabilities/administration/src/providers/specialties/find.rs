//! Listing and showing specialties.

use medcor_fhir::search::name::fold;
use medcor_tools::{
    Alias, Effect, Listing, Need, ResourceBinding, Stretch, Synonym, Tool, ToolContext, ToolError, alias,
    resource, synonym,
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Map;

use super::catalogue::{Catalogue, NEEDS, Specialty};

/// Rows when the caller asks for no number, as documented clients expect.
const ROWS_DEFAULT: u32 = 50;

/// A specialty.
#[derive(Serialize, JsonSchema)]
pub(in crate::providers) struct SpecialtyRow {
    id: String,
    /// The same as `id`.
    specialty_id: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    code: Option<String>,
    /// By this booking and lists of doctors understand it; by `code` they find whom
    /// `update_doctor_specialties` gave it to.
    name: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    description: Option<String>,
    /// Whether it is given to clinicians.
    is_active: bool,
    /// Whether it is in the organisation's catalogue; else clinicians have it all the same.
    in_catalogue: bool,
}

impl SpecialtyRow {
    pub(super) fn of(specialty: &Specialty) -> Self {
        Self {
            id: specialty.id.clone(),
            specialty_id: specialty.id.clone(),
            code: specialty.code.clone(),
            name: specialty.name.clone(),
            description: specialty.description.clone(),
            is_active: specialty.is_active,
            in_catalogue: specialty.is_listed,
        }
    }

    /// One that the catalogue has from now on.
    pub(super) fn added(id: String, code: String, name: String, description: Option<String>) -> Self {
        Self {
            specialty_id: id.clone(),
            id,
            code: Some(code),
            name,
            description,
            is_active: true,
            in_catalogue: true,
        }
    }

    fn has_words(&self, wanted: &str) -> bool {
        let texts = [Some(&self.name), self.code.as_ref(), self.description.as_ref()];
        let texts: Vec<String> = texts.into_iter().flatten().map(|text| fold(text)).collect();
        let begins = |word: &str| {
            texts.iter().any(|text| text.split([' ', '-', '/']).any(|known| known.starts_with(word)))
        };
        wanted.split(' ').filter(|word| !word.is_empty()).all(begins)
    }
}

/// Lists the specialties of the organisation in order of name: its catalogue, and what clinicians have besides.
///
/// Use it to learn which specialties can be asked for; who practises one lists `get_specialty_doctors`, and
/// `list_appointment_slots` takes the name. Pass `next_cursor` as cursor to go on.
#[derive(Deserialize, JsonSchema)]
pub(in crate::providers) struct ListSpecialties {
    /// Beginnings of words of the name, the code or the description, such as Cardio.
    #[schemars(length(min = 1, max = 100))]
    query: Option<String>,
    /// Only those that are given to clinicians, or only those that are not any more.
    is_active: Option<bool>,
    /// Rows, 50 when absent.
    #[schemars(range(min = 1, max = 100))]
    limit: Option<u32>,
    /// Number of the page, from 1; a cursor is better.
    #[schemars(range(min = 1, max = 50))]
    page: Option<u32>,
    /// `next_cursor` of the answer before.
    #[schemars(length(max = 200))]
    cursor: Option<String>,
}

impl Tool for ListSpecialties {
    const NAME: &'static str = "list_specialties";
    const TITLE: &'static str = "List specialties";
    const ALIASES: &'static [Alias] = &[alias("get_specialties")];
    const EFFECT: Effect = Effect::ReadOnly;
    const NEEDS: &'static [Need] = &NEEDS;
    const SYNONYMS: &'static [Synonym] = &[synonym("name", "query"), synonym("active_only", "is_active")];
    const RESOURCES: &'static [ResourceBinding] = &[resource("specialties://list")];
    const KEYWORDS: &'static [&'static str] = &["departments", "specializations", "fields of medicine"];
    type Output = Listing<SpecialtyRow>;

    async fn run(self, cx: &mut ToolContext<'_>) -> Result<Listing<SpecialtyRow>, ToolError> {
        let catalogue = Catalogue::read(cx).await?;
        let mut rows: Vec<SpecialtyRow> = catalogue.specialties.iter().map(SpecialtyRow::of).collect();
        let mut applied = Map::new();
        if let Some(query) = &self.query {
            applied.insert("query".to_owned(), query.as_str().into());
            let wanted = fold(query);
            rows.retain(|row| row.has_words(&wanted));
        }
        if let Some(is_active) = self.is_active {
            applied.insert("is_active".to_owned(), is_active.into());
            rows.retain(|row| row.is_active == is_active);
        }
        let stretch = Stretch::of((self.limit, self.page), self.cursor.as_deref(), ROWS_DEFAULT);
        let listing = Listing::of_rows(&rows, stretch, applied, |row| &row.id)?;
        let is_empty = rows.is_empty();
        Ok(if catalogue.is_partial {
            listing
                .with_hint("More clinicians than are looked through: what few of them have may be missing.")
        } else if is_empty {
            listing.with_hint("No specialty fits; leave out query to see all.")
        } else {
            listing
        })
    }
}

/// Shows one specialty: code, name, description.
///
/// An unknown one is `RESOURCE_NOT_FOUND`; `list_specialties` shows all. A code that several share is AMBIGUOUS.
#[derive(Deserialize, JsonSchema)]
pub(in crate::providers) struct GetSpecialty {
    /// Specialty: id, code or whole name.
    #[schemars(length(min = 1, max = 200), extend("x-medcor-name" = true))]
    specialty: String,
}

/// What the parameter is called by documented clients.
pub(super) const SPECIALTY_SYNONYMS: [Synonym; 3] =
    [synonym("specialty_id", "specialty"), synonym("id", "specialty"), synonym("name", "specialty")];

impl Tool for GetSpecialty {
    const NAME: &'static str = "get_specialty";
    const TITLE: &'static str = "Show a specialty";
    const EFFECT: Effect = Effect::ReadOnly;
    const NEEDS: &'static [Need] = &NEEDS;
    const SYNONYMS: &'static [Synonym] = &SPECIALTY_SYNONYMS;
    type Output = SpecialtyRow;

    async fn run(self, cx: &mut ToolContext<'_>) -> Result<SpecialtyRow, ToolError> {
        let catalogue = Catalogue::read(cx).await?;
        let found = catalogue.find(&self.specialty, "specialty")?;
        let found = found.ok_or_else(|| ToolError::not_found("specialty"))?;
        Ok(SpecialtyRow::of(found))
    }
}
