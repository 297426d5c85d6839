//! Lists out of one patient's chart: how they are asked for, how they are filled, what every one of them
//! says.

use std::future::Future;

use jiff::civil::Date;
use medcor_fhir::{
    ResourceType,
    search::Query,
    view::{Annotation, BirthDate, Identifier, Text},
};
use medcor_tools::{
    FreeText, Listing, ListingBuilder, ROWS_DEFAULT, ROWS_MAX, Raw, Record, Ref, ToolContext, ToolError,
    kind, view,
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, value::to_raw_value};

use crate::analyte::{Person, Sex};

/// Records read at a time where most of them are left out.
const SCAN_ROWS: u32 = 200;
/// Most records that one call reads to fill its rows; the cursor continues.
const SCANNED_MAX: usize = 1000;

/// How rows are shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Format {
    /// Rows of what matters.
    Compact,
    /// Each row also with its whole FHIR resource, as `fhir`.
    Fhir,
}

/// Which part of a list is asked for.
#[derive(Debug)]
pub(crate) struct Paging {
    limit: u32,
    cursor: Option<String>,
    with_fhir: bool,
}

impl Paging {
    pub(crate) fn new(limit: Option<u32>, cursor: Option<String>, format: Option<Format>) -> Self {
        Self {
            limit: limit.unwrap_or(ROWS_DEFAULT).clamp(1, ROWS_MAX),
            cursor,
            with_fhir: format == Some(Format::Fhir),
        }
    }

    /// Whether it is the first part.
    pub(crate) fn is_first(&self) -> bool {
        self.cursor.is_none()
    }

    /// The whole resource of a row, where it was asked for.
    pub(crate) fn fhir(&self, record: &Record) -> Result<Option<Raw>, ToolError> {
        self.with_fhir.then(|| Raw::of_record(record)).transpose()
    }

    /// Takes the query to where this part begins.
    pub(crate) fn begin(&self, query: &mut Query, count: u32) {
        query.count = count;
        query.cursor.clone_from(&self.cursor);
    }
}

/// What turns records into rows.
pub(crate) trait Rows: Send {
    /// A row, which borrows from its record.
    type Row<'r>: Serialize;

    /// Whether most records are expected to be left out, so that more have to be read to fill a page.
    fn is_narrow(&self) -> bool {
        false
    }

    /// Reads what the rows of these records need besides them.
    fn prepare(
        &mut self,
        _cx: &mut ToolContext<'_>,
        _records: &[Record],
    ) -> impl Future<Output = Result<(), ToolError>> + Send {
        async { Ok(()) }
    }

    /// The row of a record; `None` to leave it out.
    fn row<'r>(&mut self, record: &'r Record) -> Result<Option<Self::Row<'r>>, ToolError>;
}

/// As many rows as were asked for and fit. A list that ends early says so and where to go on.
pub(crate) async fn listed<R: Rows>(
    cx: &mut ToolContext<'_>,
    mut query: Query,
    paging: &Paging,
    filter: Map<String, Value>,
    rows: &mut R,
) -> Result<Listing<R::Row<'static>>, ToolError> {
    paging.begin(&mut query, if rows.is_narrow() { SCAN_ROWS } else { paging.limit });
    let limit = usize::try_from(paging.limit).unwrap_or(usize::MAX);
    let mut builder = ListingBuilder::new();
    let mut scanned = 0;
    loop {
        let page = cx.records().search(&query).await.map_err(ToolError::of_own_search)?;
        rows.prepare(cx, &page.records).await?;
        for (index, record) in page.records.iter().enumerate() {
            let before =
                || index.checked_sub(1).map_or_else(|| query.cursor.clone(), |i| page.cursor_after(i));
            if builder.len() == limit {
                let cursor = before();
                return Ok(builder.finish(filter).with_more(cursor));
            }
            let Some(row) = rows.row(record)? else { continue };
            if !builder.push_text(to_raw_value(&row)?) {
                let cursor = before();
                return Ok(builder.finish(filter).with_more(cursor));
            }
        }
        scanned += page.records.len();
        let next = page.records.len().checked_sub(1).and_then(|last| page.cursor_after(last));
        if !page.has_more || next.is_none() {
            return Ok(builder.finish(filter));
        }
        if builder.len() == limit {
            return Ok(builder.finish(filter).with_more(next));
        }
        if scanned >= SCANNED_MAX {
            let hint = "Not all records were looked at; pass next_cursor to go on.";
            return Ok(builder.finish(filter).with_more(next).with_hint(hint));
        }
        query.cursor = next;
    }
}

/// The patient whose chart it is: what every answer repeats, and what judging values needs.
#[derive(Debug)]
pub(crate) struct Subject {
    pub(crate) reference: String,
    pub(crate) patient_id: String,
    pub(crate) mrn: Option<String>,
    pub(crate) birth: Option<BirthDate>,
    pub(crate) sex: Option<Sex>,
}

#[derive(Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct SubjectView<'a> {
    #[serde(borrow)]
    identifier: Vec<Identifier<'a>>,
    #[serde(borrow)]
    birth_date: Option<Text<'a>>,
    #[serde(borrow)]
    gender: Option<Text<'a>>,
}

impl Subject {
    pub(crate) async fn of(
        patient: &Ref<kind::Patient>,
        cx: &mut ToolContext<'_>,
    ) -> Result<Self, ToolError> {
        Self::of_record(&cx.record(patient).await?)
    }

    /// The patient of this record of type Patient.
    pub(crate) fn of_record(record: &Record) -> Result<Self, ToolError> {
        let subject: SubjectView<'_> = view(record)?;
        Ok(Self {
            reference: format!("Patient/{}", record.id),
            patient_id: record.id.to_string(),
            mrn: Identifier::medical_record_number(&subject.identifier).map(str::to_owned),
            birth: subject.birth_date.as_deref().and_then(BirthDate::parse),
            sex: subject.gender.as_deref().and_then(Sex::of_gender),
        })
    }

    /// For whom a value of this day is judged.
    pub(crate) fn person_on(&self, day: Date) -> Person {
        let age = self.birth.and_then(|birth| birth.age_on(day));
        Person { sex: self.sex, years: age.map(|age| age.years) }
    }

    /// Refuses an encounter of somebody else.
    pub(crate) async fn own_encounter(
        &self,
        encounter: &Ref<kind::Encounter>,
        cx: &mut ToolContext<'_>,
    ) -> Result<(), ToolError> {
        let record = cx.record(encounter).await?;
        let is_own = record.patient.is_some_and(|patient| patient.as_str() == self.patient_id);
        if is_own {
            Ok(())
        } else {
            Err(ToolError::invalid("/encounter", "is not an encounter of this patient"))
        }
    }

    /// A search in this patient's chart.
    pub(crate) fn query(&self, resource_type: ResourceType) -> Result<Query, ToolError> {
        Ok(Query::new(resource_type).with("patient", &self.reference)?)
    }

    /// The filter that an answer repeats, with the patient in it.
    pub(crate) fn filter(&self) -> Map<String, Value> {
        let mut filter = Map::new();
        filter.insert("patient".to_owned(), self.patient_id.as_str().into());
        filter
    }

    /// A list of this patient's, in the shape that all of them have.
    pub(crate) fn list<T>(self, list: Listing<T>) -> PatientList<T> {
        PatientList { status: Success::Success, patient_id: self.patient_id, mrn: self.mrn, list }
    }
}

/// A list out of one patient's chart.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct PatientList<T> {
    status: Success,
    patient_id: String,
    /// Medical record number.
    #[serde(skip_serializing_if = "Option::is_none")]
    mrn: Option<String>,
    #[serde(flatten)]
    list: Listing<T>,
}

/// That a call did what was asked. A refusal has another shape.
#[derive(Debug, Clone, Copy, Serialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Success {
    Success,
}

/// The notes of a record as one fenced text.
pub(crate) fn notes(notes: &[Annotation<'_>]) -> Option<FreeText> {
    match notes {
        [] => None,
        [only] => FreeText::new(&only.text),
        several => {
            let texts: Vec<&str> = several.iter().map(|note| note.text.as_str()).collect();
            FreeText::new(&texts.join("\n"))
        }
    }
}

/// Text out of a record in a place where plain text is answered, fenced.
pub(crate) fn fenced(text: &str) -> String {
    FreeText::new(text).map(String::from).unwrap_or_default()
}
