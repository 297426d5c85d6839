//! A report as a FHIR record, and who may open it.
//!
//! It is a `MeasureReport` that no generic tool sees (`policy/src/permit/kept.rs`). One about a patient is opened by who
//! made it, while they see all of the chart that it was made of; one about the organisation by who has its figures.

use std::collections::HashMap;

use base64::{Engine, engine::general_purpose::STANDARD};
use medcor_fhir::{
    Id, ParsedResource, ResourceType, naming,
    primitive::format_instant,
    view::{Meta, Period, Reference, Text},
};
use medcor_tools::{Record, ToolContext, ToolError, view};
use ring::digest::{SHA1_FOR_LEGACY_USE_ONLY, digest};
use serde::Deserialize;
use serde_json::{Value, json};

use super::{
    content::{Content, Span},
    kind::{ReportType, has_figures},
};

/// Who makes a report.
pub(super) struct Maker {
    reference: Value,
    /// In words, or the account.
    pub(super) name: String,
}

/// A report that was kept, before it is opened.
pub(super) struct Kept<'r> {
    pub(super) id: Id,
    pub(super) kind: ReportType,
    pub(super) patient: Option<Id>,
    sources: Vec<ResourceType>,
    record: ReportView<'r>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct ReportView<'a> {
    #[serde(borrow)]
    meta: Meta<'a>,
    #[serde(borrow)]
    measure: Text<'a>,
    #[serde(borrow)]
    subject: Option<Reference<'a>>,
    #[serde(borrow)]
    date: Text<'a>,
    #[serde(borrow)]
    reporter: Reference<'a>,
    #[serde(borrow)]
    period: Period<'a>,
    #[serde(borrow)]
    extension: Vec<ExtensionView<'a>>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct ExtensionView<'a> {
    #[serde(borrow)]
    url: Text<'a>,
    #[serde(borrow)]
    value_code: Option<Text<'a>>,
    #[serde(borrow)]
    value_attachment: Option<AttachmentView<'a>>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct AttachmentView<'a> {
    #[serde(borrow)]
    data: Text<'a>,
    #[serde(borrow)]
    hash: Text<'a>,
}

/// Which charts the caller sees, each asked for once.
#[derive(Default)]
pub(super) struct Charts(HashMap<(Id, Vec<ResourceType>), bool>);

/// What is stored is not what was written.
#[derive(Debug, thiserror::Error)]
#[error("the stored report {0} is damaged")]
struct Damaged(Id);

impl Maker {
    /// The caller.
    pub(super) async fn of_caller(cx: &mut ToolContext<'_>) -> Result<Self, ToolError> {
        let account = cx.principal().subject.0.clone();
        let Some(id) = cx.principal().practitioner.clone() else {
            let identifier = json!({ "system": naming::ACCOUNT, "value": account });
            return Ok(Self {
                reference: json!({ "type": "Practitioner", "identifier": identifier }),
                name: account,
            });
        };
        let reference = format!("Practitioner/{id}");
        let mut name = None;
        if cx.may_read(ResourceType::PRACTITIONER)
            && let Some(record) = cx.records().read(ResourceType::PRACTITIONER, &id).await?
        {
            name = view::<medcor_fhir::view::Practitioner<'_>>(&record)?.display_name();
        }
        Ok(match name {
            Some(name) => Self { reference: json!({ "reference": reference, "display": name }), name },
            None => Self { name: reference.clone(), reference: json!({ "reference": reference }) },
        })
    }
}

/// Stages the record of a report; its id.
pub(super) fn keep(
    content: &Content,
    (maker, sources): (&Maker, &[ResourceType]),
    cx: &mut ToolContext<'_>,
) -> Result<Id, ToolError> {
    let text = serde_json::to_string(content)?;
    let mut extensions: Vec<Value> = sources
        .iter()
        .map(|source| json!({ "url": naming::REPORT_SOURCE, "valueCode": source.name() }))
        .collect();
    extensions.push(json!({ "url": naming::REPORT_CONTENT, "valueAttachment": {
        "contentType": "application/json",
        "data": STANDARD.encode(&text),
        "size": text.len(),
        "hash": STANDARD.encode(sha1(text.as_bytes())),
        "title": content.report_type.title(),
        "creation": content.generated_at,
    } }));
    let mut meta = json!({ "tag": [
        { "system": naming::KEPT, "code": naming::KEPT_REPORT },
        { "system": naming::ACCOUNT, "code": cx.principal().subject.0 },
    ] });
    if !content.security_labels.is_empty() {
        meta["security"] = json!(content.security_labels);
    }
    let mut resource = json!({
        "resourceType": "MeasureReport",
        "meta": meta,
        "extension": extensions,
        "status": "complete",
        "type": if content.patient.is_some() { "individual" } else { "summary" },
        "measure": measure(content.report_type),
        "date": content.generated_at,
        "reporter": maker.reference,
        "period": period(&content.period, cx),
    });
    if let Some(patient) = &content.patient {
        resource["subject"] = json!({ "reference": format!("Patient/{}", patient.patient_id) });
    }
    Ok(cx.records().create(ParsedResource::from_value(resource)?)?.id)
}

/// What its `measure` is called.
pub(super) fn measure(kind: ReportType) -> String {
    format!("{}{}", naming::REPORT, kind.word())
}

/// The tag of the caller's own reports, as a search asks for it.
pub(super) fn owner_tag(cx: &ToolContext<'_>) -> String {
    format!("{}|{}", naming::ACCOUNT, medcor_fhir::search::escape(&cx.principal().subject.0))
}

/// FHIR wants days or moments with a zone, so of what was given without one the day is kept.
fn period(span: &Span, cx: &ToolContext<'_>) -> Value {
    let day = |text: &String| text.split('T').next().unwrap_or_default().to_owned();
    let mut period = serde_json::Map::new();
    for (name, given) in [("start", &span.from), ("end", &span.to)] {
        if let Some(given) = given {
            period.insert(name.to_owned(), day(given).into());
        }
    }
    if period.is_empty() {
        period.insert("end".to_owned(), format_instant(cx.now().as_microsecond()).into());
    }
    Value::Object(period)
}

/// SHA-1, which FHIR R4 asks for (Attachment.hash). It tells accidents, not forgeries.
fn sha1(bytes: &[u8]) -> Vec<u8> {
    digest(&SHA1_FOR_LEGACY_USE_ONLY, bytes).as_ref().to_vec()
}

impl<'r> Kept<'r> {
    /// The report in a record; `None` where it is not one of ours.
    pub(super) fn of(record: &'r Record) -> Result<Option<Self>, ToolError> {
        let report: ReportView<'r> = view(record)?;
        let is_ours = report.meta.tag.iter().any(|tag| tag.is(naming::KEPT, naming::KEPT_REPORT));
        let kind = report.measure.strip_prefix(naming::REPORT).and_then(ReportType::of);
        let Some(kind) = kind.filter(|_| is_ours) else { return Ok(None) };
        let sources = report.extension.iter().filter(|extension| extension.url == naming::REPORT_SOURCE);
        let sources = sources.filter_map(|source| ResourceType::from_name(source.value_code.as_deref()?));
        Ok(Some(Self {
            id: record.id.clone(),
            kind,
            patient: report.subject.as_ref().and_then(|subject| subject.id_of(ResourceType::PATIENT)),
            sources: sources.collect(),
            record: report,
        }))
    }

    /// When it was made.
    pub(super) fn generated_at(&self) -> String {
        self.record.date.to_string()
    }

    /// Who made it: the name, else the account.
    pub(super) fn generated_by(&self) -> String {
        let reporter = &self.record.reporter;
        let account = || reporter.identifier.as_ref().and_then(|account| account.value.as_ref());
        let text = reporter.display.as_ref().or_else(account).or(reporter.reference.as_ref());
        text.map(ToString::to_string).unwrap_or_default()
    }

    /// The first and the last day that it is of, as far as they were given.
    pub(super) fn days(&self) -> (Option<String>, Option<String>) {
        let text = |text: &Option<Text<'_>>| text.as_ref().map(ToString::to_string);
        (text(&self.record.period.start), text(&self.record.period.end))
    }

    /// Whether the caller may open it now, whatever they could when it was made.
    pub(super) async fn opens(
        &self,
        charts: &mut Charts,
        cx: &mut ToolContext<'_>,
    ) -> Result<bool, ToolError> {
        if !self.kind.is_about_patient() {
            return Ok(self.patient.is_none() && has_figures(cx));
        }
        let account = cx.principal().subject.0.as_str();
        let is_own = self.record.meta.tag.iter().any(|tag| tag.is(naming::ACCOUNT, account));
        match &self.patient {
            Some(patient) if is_own && !self.sources.is_empty() => {
                charts.shows(patient, &self.sources, cx).await
            }
            _ => Ok(false),
        }
    }

    /// What it says.
    ///
    /// # Errors
    ///
    /// `SERVER_ERROR` where it is not what was written.
    pub(super) fn content(&self) -> Result<Content, ToolError> {
        let damaged = || ToolError::Server(Box::new(Damaged(self.id.clone())));
        let content = self.record.extension.iter().find(|extension| extension.url == naming::REPORT_CONTENT);
        let attachment = content.and_then(|content| content.value_attachment.as_ref()).ok_or_else(damaged)?;
        let bytes = STANDARD.decode(attachment.data.as_str()).map_err(|_malformed| damaged())?;
        if STANDARD.encode(sha1(&bytes)) != attachment.hash.as_str() {
            return Err(damaged());
        }
        serde_json::from_slice(&bytes).map_err(|_malformed| damaged())
    }
}

impl Charts {
    async fn shows(
        &mut self,
        patient: &Id,
        sources: &[ResourceType],
        cx: &mut ToolContext<'_>,
    ) -> Result<bool, ToolError> {
        let chart = (patient.clone(), sources.to_vec());
        if let Some(is_seen) = self.0.get(&chart) {
            return Ok(*is_seen);
        }
        let is_seen = cx.records().sees_chart(sources, patient).await?;
        self.0.insert(chart, is_seen);
        Ok(is_seen)
    }
}

/// The types among these of which the caller sees this patient's records.
pub(super) async fn seen(
    sources: &'static [ResourceType],
    patient: &Id,
    cx: &mut ToolContext<'_>,
) -> Result<Vec<ResourceType>, ToolError> {
    let mut seen = Vec::new();
    for source in sources {
        if cx.records().sees_chart(std::slice::from_ref(source), patient).await? {
            seen.push(*source);
        }
    }
    Ok(seen)
}
