//! Making a webhook.

use medcor_fhir::ParsedResource;
use medcor_tools::{
    Area, Effect, Endpoint, Exposure, Need, NewWebhook, Secret, Synonym, Tool, ToolContext, ToolError,
    WebhookContent,
    detail::{Problems, plain},
    synonym,
    topic::Topics,
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::json;

use super::SUBSCRIPTION;

/// Webhooks of one organisation.
const WEBHOOKS_MAX: usize = 100;
/// What says how much of a record is sent (Subscriptions R5 Backport).
const CONTENT_URL: &str =
    "http://hl7.org/fhir/uv/subscriptions-backport/StructureDefinition/backport-payload-content";

/// Makes a webhook: a program at an HTTPS URL is told what happens to records, as it happens, and you are handed the
/// secret by which it knows that a message is from here.
///
/// Messages are FHIR notifications (a Bundle as of the Subscriptions R5 Backport for R4), signed as Standard Webhooks
/// says. They tell what you may see yourself at the moment of sending, and no more: whoever loses a right, or
/// leaves, sends nothing. The URL first gets a handshake; the webhook becomes `active` when it answers 2xx within 15
/// seconds. Nothing is sent of what happened before. The host has to be one that the operator lets your
/// organisation call. Takes a login within the last 15 minutes; a `VALIDATION_ERROR` lists everything that is wrong.
#[derive(Deserialize, JsonSchema)]
pub(super) struct CreateWebhook {
    /// Where messages go: https, no query, no password.
    #[schemars(length(min = 1, max = 512))]
    endpoint: String,
    /// What it is told of: `appointment_created`, `patient_registered`, `reminder_due`, `critical_result`,
    /// `break_glass`; collections such as `appointments`; FHIR types such as `Observation`; or `resource_update` for
    /// every change.
    #[schemars(length(min = 1, max = 32), inner(length(min = 1, max = 64)))]
    topics: Vec<String>,
    /// What it is for, for whoever reads the list.
    #[schemars(length(min = 1, max = 200))]
    reason: String,
    /// How much of a record is sent.
    #[serde(default)]
    content: Content,
}

/// How much of a record is sent.
#[derive(Debug, Clone, Copy, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
enum Content {
    /// Which record it is; the program reads it with a token of its own.
    #[default]
    IdOnly,
    /// The record too, each time with a row in the audit trail.
    FullResource,
}

/// A webhook that was made.
#[derive(Serialize, JsonSchema)]
pub(super) struct Created {
    /// The webhook: the id of its `Subscription`.
    id: String,
    /// `requested` until the endpoint has answered the handshake.
    status: &'static str,
    endpoint: String,
    topics: Vec<String>,
    /// `id-only` or `full-resource`.
    content: &'static str,
    /// `whsec_` and the key in base64. Shown this once.
    secret: Secret,
    /// In words.
    message: &'static str,
}

impl Tool for CreateWebhook {
    const NAME: &'static str = "create_webhook";
    const TITLE: &'static str = "Make a webhook";
    const EFFECT: Effect = Effect::Creates;
    const NEEDS_FRESH_LOGIN: bool = true;
    const NEEDS: &'static [Need] =
        &[Need::create(SUBSCRIPTION), Need::search(SUBSCRIPTION), Need::AdministerIfAllowed(Area::Clients)];
    const SYNONYMS: &'static [Synonym] =
        &[synonym("url", "endpoint"), synonym("events", "topics"), synonym("event_types", "topics")];
    const EXPOSURE: Exposure = Exposure::Sensitive;
    type Output = Created;

    async fn run(self, cx: &mut ToolContext<'_>) -> Result<Created, ToolError> {
        let (reason, topics) = self.checked(cx).await?;
        if cx.records().webhooks().await?.len() >= WEBHOOKS_MAX {
            let message = format!("there are {WEBHOOKS_MAX} webhooks already; end one with delete_webhook");
            return Err(ToolError::Conflict(message));
        }
        let content = self.content.of_store();
        let criteria = topics.join(",");
        let resource = json!({
            "resourceType": "Subscription",
            "status": "requested",
            "reason": reason,
            "criteria": criteria,
            "channel": {
                "type": "rest-hook",
                "endpoint": self.endpoint,
                "payload": "application/fhir+json",
                "_payload": { "extension": [{ "url": CONTENT_URL, "valueCode": content.name() }] }
            }
        });
        let record = cx.records().create(ParsedResource::parse(resource.to_string())?)?;
        let principal = cx.principal();
        let scopes = principal.scopes.as_ref().map(|scopes| {
            let texts: Vec<String> = scopes.iter().map(ToString::to_string).collect();
            texts.join(" ")
        });
        let new = NewWebhook {
            id: &record.id,
            roles: &principal.roles,
            scopes,
            endpoint: &self.endpoint,
            topics: &criteria,
            content,
        };
        let secret = cx.records().begin_webhook(&new).await?;
        Ok(Created {
            id: record.id.to_string(),
            status: "requested",
            endpoint: self.endpoint,
            topics,
            content: content.name(),
            secret: Secret::new(secret),
            message: "keep the secret where the receiver alone can read it, it is not shown again; the endpoint now \
                      gets a handshake",
        })
    }
}

impl CreateWebhook {
    /// The reason and the topics, as they are kept.
    async fn checked(&self, cx: &ToolContext<'_>) -> Result<(String, Vec<String>), ToolError> {
        let mut problems = Problems::default();
        let reason = problems.checked("reason", Some(&self.reason), plain);
        if let Err(against) = Endpoint::parse(&self.endpoint, &cx.endpoint_rules().await?) {
            for problem in against {
                problems.add("endpoint", problem);
            }
        }
        let topics: Vec<String> = self.topics.iter().map(|topic| topic.trim().to_owned()).collect();
        for (place, topic) in topics.iter().enumerate() {
            let path = format!("topics/{place}");
            if topic.is_empty() || topic.contains(',') {
                problems.add(&path, "is not one name");
            } else if Topics::of_records(topic).is_err() {
                problems.add(
                    &path,
                    "is no event, collection or FHIR type; such as appointment_created, appointments, Observation",
                );
            }
        }
        problems.refuse()?;
        Ok((reason.unwrap_or_default(), topics))
    }
}

impl Content {
    fn of_store(self) -> WebhookContent {
        match self {
            Self::IdOnly => WebhookContent::IdOnly,
            Self::FullResource => WebhookContent::FullResource,
        }
    }
}
