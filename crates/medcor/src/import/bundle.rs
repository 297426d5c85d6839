//! What a text is: a resource of its own, or a bundle of them. Entries keep their text.

use std::borrow::Cow;

use medcor_fhir::{Id, ResourceType};
use serde::Deserialize;
use serde_json::value::RawValue;

/// What the beginning of a record says.
#[derive(Debug, Default)]
pub(super) struct Head {
    /// The name as it came; it need not be a type's.
    pub(super) type_name: Option<String>,
    pub(super) id: Option<Id>,
}

#[derive(Deserialize)]
struct HeadText<'t> {
    #[serde(rename = "resourceType", borrow)]
    resource_type: Option<Cow<'t, str>>,
    #[serde(borrow)]
    id: Option<Cow<'t, str>>,
    #[serde(rename = "type", borrow)]
    kind: Option<&'t RawValue>,
}

/// What a text holds.
pub(super) enum Content<'t> {
    /// One record.
    Record(Head),
    /// Several, each to be loaded for itself.
    Bundle(Vec<Entry<'t>>),
    /// Nothing that can be loaded, with the reason.
    Nothing(String),
}

/// One entry of a bundle.
#[derive(Debug, Deserialize)]
pub(super) struct Entry<'t> {
    #[serde(rename = "fullUrl", borrow)]
    pub(super) full_url: Option<Cow<'t, str>>,
    #[serde(borrow)]
    pub(super) resource: Option<&'t RawValue>,
    #[serde(borrow)]
    pub(super) request: Option<Request<'t>>,
}

/// What a transaction or batch asks for.
#[derive(Debug, Deserialize)]
pub(super) struct Request<'t> {
    #[serde(borrow)]
    pub(super) method: Cow<'t, str>,
    #[serde(borrow)]
    pub(super) url: Cow<'t, str>,
    #[serde(rename = "ifNoneExist", borrow)]
    pub(super) if_none_exist: Option<Cow<'t, str>>,
}

#[derive(Deserialize)]
struct BundleText<'t> {
    #[serde(default, borrow)]
    entry: Vec<Entry<'t>>,
}

/// Reads as much of a text as decides what it holds.
pub(super) fn content(text: &str) -> Content<'_> {
    let Ok(head) = serde_json::from_str::<HeadText<'_>>(text) else {
        // Parsing the record says what is wrong with it.
        return Content::Record(Head::default());
    };
    let kind = head.kind.map(|kind| kind.get().trim_matches('"'));
    match (head.resource_type.as_deref(), kind) {
        // R4 §3.1.1: these are records of their own, which mean something only as a whole.
        (Some("Bundle"), Some("document" | "message")) => Content::Record(head.into()),
        (Some("Bundle"), Some("transaction" | "batch" | "collection" | "searchset")) => {
            match serde_json::from_str::<BundleText<'_>>(text) {
                Ok(bundle) => Content::Bundle(bundle.entry),
                Err(error) => Content::Nothing(format!("the bundle can't be read: {error}")),
            }
        }
        (Some("Bundle"), _) => Content::Nothing(
            "a bundle of this type holds nothing to load; expected transaction, batch, collection or searchset"
                .to_owned(),
        ),
        _ => Content::Record(head.into()),
    }
}

impl Entry<'_> {
    pub(super) fn head(&self) -> Head {
        let text = self.resource.map_or("null", RawValue::get);
        serde_json::from_str::<HeadText<'_>>(text).map(Head::from).unwrap_or_default()
    }
}

impl From<HeadText<'_>> for Head {
    fn from(head: HeadText<'_>) -> Self {
        Self { type_name: head.resource_type.map(Cow::into_owned), id: head.id.and_then(|id| Id::new(&id)) }
    }
}

impl Head {
    pub(super) fn resource_type(&self) -> Option<ResourceType> {
        self.type_name.as_deref().and_then(ResourceType::from_name)
    }
}
