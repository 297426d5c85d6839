//! Who writes: the caller's own practitioner, by reference and name.

use medcor_fhir::{ResourceType, view::Practitioner};
use medcor_tools::{ToolContext, ToolError, view};
use serde::Serialize;

/// A `Reference` to the caller's practitioner.
#[derive(Debug, Serialize)]
pub(crate) struct Author {
    reference: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    display: Option<String>,
}

impl Author {
    /// The caller's own practitioner; `None` where the caller is none.
    pub(crate) async fn of_caller(cx: &mut ToolContext<'_>) -> Result<Option<Self>, ToolError> {
        let Some(id) = cx.principal().practitioner.clone() else { return Ok(None) };
        let mut display = None;
        if cx.may_read(ResourceType::PRACTITIONER)
            && let Some(record) = cx.records().read(ResourceType::PRACTITIONER, &id).await?
        {
            let practitioner: Practitioner<'_> = view(&record)?;
            display = practitioner.display_name();
        }
        Ok(Some(Self { reference: format!("Practitioner/{id}"), display }))
    }
}
