//! Records: any FHIR resource by its type, for what no other tool shows.

use medcor_fhir::{
    Id, ResourceType,
    primitive::format_instant,
    search::{Query, Total},
    view::{CodeableConcept, HumanName, Period, Reference, Text},
};
use medcor_tools::{
    Action, Area, ArgumentProblem, Capability, Effect, Format, Listing, ListingBuilder, Need, ROWS_DEFAULT,
    ROWS_MAX, Raw, Record, ResourceBinding, Synonym, Tool, ToolContext, ToolError, resource, synonym, tool,
    view,
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, value::RawValue};

use crate::audit::events;

pub(super) static RECORDS: Capability = Capability {
    name: "records",
    description: "Any FHIR R4 resource by type: read, search, history.",
    tools: &[tool::<FhirRead>(), tool::<FhirSearch>(), tool::<FhirHistory>()],
    prompts: &[],
};

const fn fhir() -> Format {
    Format::Fhir
}

/// Reads one FHIR R4 resource by type and id, or an earlier version of it.
///
/// Use it when no other tool shows what you need, such as a Coverage or a `CareTeam`; the named tools answer
/// shorter. `format` compact leaves the resource out. `AuditEvent/trail-…` is a row of the audit trail, for
/// those who review it. `RESOURCE_NOT_FOUND` when it does not exist, was
/// deleted, or is not yours to see.
#[derive(Deserialize, JsonSchema)]
struct FhirRead {
    /// FHIR R4 type, such as Observation.
    #[schemars(length(min = 1, max = 64))]
    resource_type: String,
    /// Logical id.
    #[schemars(length(min = 1, max = 128))]
    id: String,
    /// Number of the version; the newest when absent.
    #[schemars(range(min = 1))]
    version: Option<u32>,
    #[serde(default = "fhir")]
    format: Format,
}

/// A record of any type: what it is, and the resource where it was asked for.
#[derive(Serialize, JsonSchema)]
struct RecordRow {
    resource_type: &'static str,
    id: String,
    version: u32,
    /// When this version was written.
    last_updated: String,
    /// Whether this version is the mark of a deletion.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    deleted: bool,
    /// Id of the patient it belongs to.
    #[serde(skip_serializing_if = "Option::is_none")]
    patient: Option<String>,
    /// Name, title or code, in words.
    #[serde(skip_serializing_if = "Option::is_none")]
    text: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    status: Option<String>,
    /// When it happened.
    #[serde(skip_serializing_if = "Option::is_none")]
    date: Option<String>,
    /// The FHIR resource, where `format` is `fhir`.
    #[serde(skip_serializing_if = "Option::is_none")]
    fhir: Option<Raw>,
}

impl Tool for FhirRead {
    const NAME: &'static str = "fhir_read";
    const TITLE: &'static str = "Read a FHIR resource";
    const EFFECT: Effect = Effect::ReadOnly;
    const NEEDS: &'static [Need] = &[Need::any(Action::Read), Need::AdministerIfAllowed(Area::Audit)];
    const SYNONYMS: &'static [Synonym] = &[synonym("type", "resource_type"), synonym("resource_id", "id")];
    const RESOURCES: &'static [ResourceBinding] = &[resource("fhir://{resource_type}/{id}")];
    const KEYWORDS: &'static [&'static str] = &["raw record", "hl7", "r4", "vread"];
    type Output = RecordRow;

    async fn run(self, cx: &mut ToolContext<'_>) -> Result<RecordRow, ToolError> {
        let resource_type = known_type(&self.resource_type)?;
        let id = plain_id(resource_type, &self.id)?;
        if events::is_about_trail(resource_type, cx)?
            && let Some(event) = events::read(&id, cx).await?
        {
            return RecordRow::of_event(&event, self.format);
        }
        refuse_unseen(resource_type, cx)?;
        let record = match self.version {
            None => cx.read(resource_type, &id).await?,
            Some(version) => {
                let found = cx.records().read_version(resource_type, &id, version).await?;
                let record = found.ok_or_else(|| ToolError::not_found(resource_type.name()))?;
                if record.is_deleted {
                    return Err(ToolError::not_found(resource_type.name()));
                }
                record
            }
        };
        RecordRow::of(&record, self.format)
    }
}

/// Searches FHIR R4 resources of one type with FHIR search parameters.
///
/// Use it for what no other tool lists. Give `parameters` as an object, such as
/// `{"patient": "Patient/123", "date": "ge2026-01-01", "_sort": "-date"}`, where a list of values means that
/// each must hold and a comma means or; or give the same as `query`, a URL's query string. An unknown
/// parameter, modifier or value is a `VALIDATION_ERROR` that lists every problem; nothing is ignored. `format`
/// fhir adds the resources. For those who review the audit trail, a search of `AuditEvent` is one of the
/// trail, by date; imported events are read by their id.
#[derive(Deserialize, JsonSchema)]
struct FhirSearch {
    /// FHIR R4 type, such as Observation.
    #[schemars(length(min = 1, max = 64))]
    resource_type: String,
    /// Search parameters of the type by name.
    #[serde(default)]
    parameters: Map<String, Value>,
    /// The same as a query string: `code=http://loinc.org|8480-6&date=ge2026-01-01`.
    #[schemars(length(max = 4000))]
    query: Option<String>,
    /// Rows.
    #[schemars(range(min = 1, max = 100))]
    limit: Option<u32>,
    /// `next_cursor` of the answer before.
    cursor: Option<String>,
    /// Whether to count all matches too, which costs time.
    #[serde(default)]
    count_total: bool,
    #[serde(default)]
    format: Format,
}

impl Tool for FhirSearch {
    const NAME: &'static str = "fhir_search";
    const TITLE: &'static str = "Search FHIR resources";
    const EFFECT: Effect = Effect::ReadOnly;
    const NEEDS: &'static [Need] = &[Need::any(Action::Search), Need::AdministerIfAllowed(Area::Audit)];
    const SYNONYMS: &'static [Synonym] = &[synonym("type", "resource_type"), synonym("params", "parameters")];
    const KEYWORDS: &'static [&'static str] = &["find records", "hl7", "r4", "query"];
    type Output = Listing<RecordRow>;

    async fn run(self, cx: &mut ToolContext<'_>) -> Result<Listing<RecordRow>, ToolError> {
        let resource_type = known_type(&self.resource_type)?;
        let is_about_trail = events::is_about_trail(resource_type, cx)?;
        if !is_about_trail {
            refuse_unseen(resource_type, cx)?;
        }
        let pairs = self.pairs()?;
        let mut query = Query::parse(resource_type, &pairs).map_err(|problems| {
            let shown = |problem: medcor_fhir::search::QueryProblem| ArgumentProblem {
                path: format!("/parameters/{}", problem.parameter),
                problem: problem.message,
            };
            ToolError::Validation(problems.into_iter().map(shown).collect())
        })?;
        let asks_for_count = pairs.iter().any(|(name, _)| name == "_count");
        let limit = self.limit.unwrap_or(if asks_for_count { query.count } else { ROWS_DEFAULT });
        if limit > ROWS_MAX {
            return Err(ToolError::invalid("/parameters/_count", "at most 100; pass next_cursor to go on"));
        }
        query.count = limit;
        if self.count_total {
            query.total = Total::Accurate;
        }
        if self.cursor.is_some() {
            query.cursor = self.cursor;
        }
        if is_about_trail {
            return found_events(&query, &pairs, self.format, cx).await;
        }
        let page = cx.records().search(&query).await.map_err(ToolError::of_own_search)?;
        Listing::of_page(&page, applied(resource_type, &pairs), |record| RecordRow::of(record, self.format))
    }
}

/// The rows of the trail that match, as events.
async fn found_events(
    query: &Query,
    pairs: &[(String, String)],
    format: Format,
    cx: &mut ToolContext<'_>,
) -> Result<Listing<RecordRow>, ToolError> {
    let found = events::search(query, pairs, cx).await?;
    let mut rows = ListingBuilder::new();
    let mut next = found.next;
    let mut last = None;
    for (event, row) in &found.records {
        if !rows.push(&RecordRow::of_event(event, format)?)? {
            next = last;
            break;
        }
        last = Some(*row);
    }
    let rows = rows.finish(applied(ResourceType::AUDIT_EVENT, pairs));
    Ok(match next {
        Some(next) => rows.with_more(Some(cx.records().trail_cursor(&found.question, next).await?)),
        None => rows,
    })
}

impl FhirSearch {
    /// The conditions of both forms as URL pairs.
    fn pairs(&self) -> Result<Vec<(String, String)>, ToolError> {
        let mut pairs = Vec::new();
        let mut problems = Vec::new();
        for (name, value) in &self.parameters {
            let values = value.as_array().map_or(std::slice::from_ref(value), Vec::as_slice);
            for value in values {
                match text_of_value(value) {
                    Some(text) => pairs.push((name.clone(), text)),
                    None => problems.push(ArgumentProblem {
                        path: format!("/parameters/{name}"),
                        problem: "expected a text, number or boolean, or a list of them".to_owned(),
                    }),
                }
            }
        }
        for part in self.query.as_deref().unwrap_or_default().trim_start_matches('?').split('&') {
            if part.is_empty() {
                continue;
            }
            let (name, value) = part.split_once('=').unwrap_or((part, ""));
            match (url_decoded(name), url_decoded(value)) {
                (Some(name), Some(value)) => pairs.push((name, value)),
                _ => problems.push(ArgumentProblem {
                    path: "/query".to_owned(),
                    problem: "an escape %XX is cut short or not UTF-8".to_owned(),
                }),
            }
        }
        if problems.is_empty() { Ok(pairs) } else { Err(ToolError::Validation(problems)) }
    }
}

/// Lists the versions of one FHIR resource, newest first, deletions included.
///
/// Use it to see when a record changed and what it said before. `format` fhir adds each version's resource;
/// `fhir_read` with `version` shows one. `RESOURCE_NOT_FOUND` when it never existed or is not yours to see.
#[derive(Deserialize, JsonSchema)]
struct FhirHistory {
    /// FHIR R4 type, such as Patient.
    #[schemars(length(min = 1, max = 64))]
    resource_type: String,
    /// Logical id.
    #[schemars(length(min = 1, max = 128))]
    id: String,
    /// Rows.
    #[schemars(range(min = 1, max = 100))]
    limit: Option<u32>,
    /// `next_cursor` of the answer before.
    cursor: Option<String>,
    #[serde(default)]
    format: Format,
}

impl Tool for FhirHistory {
    const NAME: &'static str = "fhir_history";
    const TITLE: &'static str = "List versions of a FHIR resource";
    const EFFECT: Effect = Effect::ReadOnly;
    const NEEDS: &'static [Need] = &[Need::any(Action::Read)];
    const SYNONYMS: &'static [Synonym] = &[synonym("type", "resource_type"), synonym("resource_id", "id")];
    const KEYWORDS: &'static [&'static str] =
        &["earlier versions of a record", "versions", "changes", "who changed", "before"];
    type Output = Listing<RecordRow>;

    async fn run(self, cx: &mut ToolContext<'_>) -> Result<Listing<RecordRow>, ToolError> {
        let resource_type = known_type(&self.resource_type)?;
        let id = plain_id(resource_type, &self.id)?;
        refuse_unseen(resource_type, cx)?;
        let limit = self.limit.unwrap_or(ROWS_DEFAULT);
        let page = cx.records().history(resource_type, &id, limit, self.cursor.as_deref()).await?;
        if page.records.is_empty() && self.cursor.is_none() {
            return Err(ToolError::not_found(resource_type.name()));
        }
        let mut applied = Map::new();
        applied.insert("resource_type".to_owned(), resource_type.name().into());
        applied.insert("id".to_owned(), id.as_str().into());
        Listing::of_page(&page, applied, |record| RecordRow::of(record, self.format))
    }
}

fn known_type(name: &str) -> Result<ResourceType, ToolError> {
    let name = name.trim();
    let known = ResourceType::from_name(name)
        .or_else(|| ResourceType::all().find(|known| known.name().eq_ignore_ascii_case(name)));
    known.ok_or_else(|| {
        ToolError::invalid(
            "/resource_type",
            "not an R4 resource type, such as Patient, Observation or Coverage",
        )
    })
}

/// An id, also where it is written as `Type/id`.
fn plain_id(resource_type: ResourceType, text: &str) -> Result<Id, ToolError> {
    let text = text.trim();
    let relative = text.strip_prefix(resource_type.name()).and_then(|rest| rest.strip_prefix('/'));
    // An id that can't be one names nothing: the answer is the same as for any other that is not there.
    Id::new(relative.unwrap_or(text)).ok_or_else(|| ToolError::not_found(resource_type.name()))
}

/// The need holds for some types; this is about one.
fn refuse_unseen(resource_type: ResourceType, cx: &ToolContext<'_>) -> Result<(), ToolError> {
    if cx.may_read(resource_type) {
        return Ok(());
    }
    Err(ToolError::PermissionDenied { needed: format!("reading {resource_type}") })
}

fn applied(resource_type: ResourceType, pairs: &[(String, String)]) -> Map<String, Value> {
    let mut applied = Map::new();
    applied.insert("resource_type".to_owned(), resource_type.name().into());
    for (name, value) in pairs {
        match applied.get_mut(name) {
            None => {
                applied.insert(name.clone(), value.as_str().into());
            }
            Some(Value::Array(values)) => values.push(value.as_str().into()),
            Some(one) => *one = vec![one.take(), value.as_str().into()].into(),
        }
    }
    applied
}

fn text_of_value(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text.clone()),
        Value::Number(number) => Some(number.to_string()),
        Value::Bool(truth) => Some(truth.to_string()),
        _ => None,
    }
}

/// `+` is a space and `%XX` a byte, as in the query of a URL.
fn url_decoded(text: &str) -> Option<String> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.bytes();
    while let Some(byte) = rest.next() {
        bytes.push(match byte {
            b'+' => b' ',
            b'%' => {
                let high = char::from(rest.next()?).to_digit(16)?;
                let low = char::from(rest.next()?).to_digit(16)?;
                u8::try_from(high * 16 + low).ok()?
            }
            _ => byte,
        });
    }
    String::from_utf8(bytes).ok()
}

/// The members by which records of most types are told apart. Their kinds differ from type to type.
#[derive(Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct Gist<'a> {
    #[serde(borrow)]
    status: Option<&'a RawValue>,
    #[serde(borrow)]
    clinical_status: Option<&'a RawValue>,
    #[serde(borrow)]
    name: Option<&'a RawValue>,
    #[serde(borrow)]
    title: Option<&'a RawValue>,
    #[serde(borrow)]
    code: Option<&'a RawValue>,
    #[serde(borrow)]
    medication_codeable_concept: Option<&'a RawValue>,
    #[serde(borrow)]
    vaccine_code: Option<&'a RawValue>,
    #[serde(rename = "type", borrow)]
    kind: Option<&'a RawValue>,
    #[serde(borrow)]
    description: Option<&'a RawValue>,
    #[serde(borrow)]
    effective_date_time: Option<&'a RawValue>,
    #[serde(borrow)]
    performed_date_time: Option<&'a RawValue>,
    #[serde(borrow)]
    performed_period: Option<&'a RawValue>,
    #[serde(borrow)]
    occurrence_date_time: Option<&'a RawValue>,
    #[serde(borrow)]
    onset_date_time: Option<&'a RawValue>,
    #[serde(borrow)]
    authored_on: Option<&'a RawValue>,
    #[serde(borrow)]
    recorded_date: Option<&'a RawValue>,
    #[serde(borrow)]
    period: Option<&'a RawValue>,
    #[serde(borrow)]
    start: Option<&'a RawValue>,
    #[serde(borrow)]
    date: Option<&'a RawValue>,
    #[serde(borrow)]
    issued: Option<&'a RawValue>,
    #[serde(borrow)]
    created: Option<&'a RawValue>,
}

/// What tells events of the trail apart.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct EventGist<'a> {
    #[serde(borrow)]
    outcome_desc: Option<Text<'a>>,
    #[serde(borrow)]
    recorded: Option<Text<'a>>,
}

impl RecordRow {
    fn of_event(record: &Record, format: Format) -> Result<Self, ToolError> {
        let gist: EventGist<'_> = view(record)?;
        let row = Self::of(record, format)?;
        let (text, date) = (gist.outcome_desc.map(String::from), gist.recorded.map(String::from));
        Ok(Self { text, date, ..row })
    }

    fn of(record: &Record, format: Format) -> Result<Self, ToolError> {
        let gist: Gist<'_> = if record.is_deleted { Gist::default() } else { view(record)? };
        let names = [
            gist.name,
            gist.title,
            gist.code,
            gist.medication_codeable_concept,
            gist.vaccine_code,
            gist.kind,
            gist.description,
        ];
        let dates = [
            gist.effective_date_time,
            gist.performed_date_time,
            gist.performed_period,
            gist.occurrence_date_time,
            gist.onset_date_time,
            gist.start,
            gist.period,
            gist.authored_on,
            gist.recorded_date,
            gist.date,
            gist.issued,
            gist.created,
        ];
        Ok(Self {
            resource_type: record.resource_type.name(),
            id: record.id.to_string(),
            version: record.version,
            last_updated: format_instant(record.last_updated),
            deleted: record.is_deleted,
            patient: record.patient.as_ref().map(Id::to_string),
            text: names.into_iter().flatten().find_map(words),
            status: [gist.status, gist.clinical_status].into_iter().flatten().find_map(words),
            date: dates.into_iter().flatten().find_map(moment),
            fhir: if record.is_deleted { None } else { format.resource_of(record)? },
        })
    }
}

/// What a member says in words: a string, a concept, a name, a reference, or the first of a list of them.
fn words(member: &RawValue) -> Option<String> {
    let text = member.get();
    match text.as_bytes().first()? {
        b'"' => serde_json::from_str::<Text<'_>>(text).ok().map(String::from),
        b'[' => serde_json::from_str::<Vec<&RawValue>>(text).ok()?.into_iter().find_map(words),
        b'{' => {
            let concept = serde_json::from_str::<CodeableConcept<'_>>(text).ok();
            let meaning = concept.as_ref().and_then(CodeableConcept::text).map(str::to_owned);
            let name = || serde_json::from_str::<HumanName<'_>>(text).ok()?.display();
            let shown = || serde_json::from_str::<Reference<'_>>(text).ok()?.display.map(String::from);
            meaning.or_else(name).or_else(shown)
        }
        _ => None,
    }
}

/// A date, or the start of a period.
fn moment(member: &RawValue) -> Option<String> {
    match member.get().as_bytes().first()? {
        b'"' => words(member),
        b'{' => serde_json::from_str::<Period<'_>>(member.get()).ok()?.start.map(String::from),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn search(call: Value) -> Result<Vec<(String, String)>, ToolError> {
        serde_json::from_value::<FhirSearch>(call).unwrap().pairs()
    }

    #[test]
    fn an_object_and_a_query_string_mean_the_same() {
        let object = json!({ "resource_type": "Observation", "parameters": {
            "code": "http://loinc.org|8480-6", "date": ["ge2026-01-01", "lt2027-01-01"], "_count": 5 } });
        let string = json!({ "resource_type": "Observation",
            "query": "?code=http://loinc.org%7C8480-6&date=ge2026-01-01&date=lt2027-01-01&_count=5" });
        assert_eq!(search(object).unwrap(), search(string).unwrap());
    }

    #[test]
    fn a_value_that_is_no_text_is_refused_by_name() {
        let refused =
            search(json!({ "resource_type": "Patient", "parameters": { "name": {}, "family": [null] } }));
        let Err(ToolError::Validation(problems)) = refused else { panic!("not refused") };
        let paths: Vec<&str> = problems.iter().map(|problem| problem.path.as_str()).collect();
        assert_eq!(paths, ["/parameters/name", "/parameters/family"]);
        assert!(search(json!({ "resource_type": "Patient", "query": "name=%F" })).is_err());
    }

    #[test]
    fn records_of_any_type_are_told_apart_in_words() {
        let raw = |text: &'static str| serde_json::from_str::<&RawValue>(text).unwrap();
        assert_eq!(words(raw(r#"[{"given":["Ada"],"family":"King"}]"#)).as_deref(), Some("Ada King"));
        assert_eq!(words(raw(r#"{"coding":[{"display":"Asthma"}]}"#)).as_deref(), Some("Asthma"));
        assert_eq!(words(raw(r#""General Hospital""#)).as_deref(), Some("General Hospital"));
        assert_eq!(words(raw("true")), None);
        assert_eq!(moment(raw(r#"{"start":"2026-01-01"}"#)).as_deref(), Some("2026-01-01"));
    }
}
