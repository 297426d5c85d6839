//! One webhook's turn: who its owner is now, the handshake, events that somebody wants again, and the next events in
//! their order, each judged when it is sent.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use medcor_oauth::{AuthError, Owner, egress::Message};
use medcor_store::{
    EventAction, RecordEvent, StoreError, Webhook, WebhookContent, WebhookFailure, WebhookState,
};
use medcor_tools::{
    Caller, Endpoint, EndpointRules,
    topic::{BREAK_GLASS, RESOURCE_UPDATE, Topics},
};
use tokio_util::sync::CancellationToken;

use super::{
    Next, WebhookJob,
    content::{self, Content},
    notification::{self, Sender, Told},
    schedule, signature,
};
use crate::events::{Heard, documented::domain_event, judge};

/// After this time the next turn goes on, so that every webhook gets one.
const TURN_MAX: Duration = Duration::from_secs(30);
/// When what nobody could judge is looked at again, microseconds.
pub(super) const LATER_MICROSECONDS: i64 = 60 * 1_000_000;
/// The tool by whose needs an owner may have webhooks.
const CREATE_TOOL: &str = "create_webhook";

/// The turn of a webhook that is this instance's.
pub(super) struct Turn<'j> {
    job: &'j WebhookJob,
    webhook: Webhook,
    stop: &'j CancellationToken,
    began: Instant,
}

/// Who sends, and whereto.
struct Standing {
    caller: Arc<Caller>,
    endpoint: Endpoint,
    topics: Topics,
}

/// Whose a webhook is now.
enum Ownership {
    /// The owner, with the rights of now.
    Of(Arc<Caller>),
    /// Nobody's, and why.
    Lost(String),
}

/// How a message was taken.
enum Sent {
    Taken,
    /// Its receiver wants no more.
    Gone,
    Failed {
        reason: String,
        asked: Option<Duration>,
    },
}

/// What came of an event.
enum Attempt {
    Sent(Sent),
    /// It is not the owner's to know, or of no topic.
    Nothing,
    /// Nobody can say now.
    Later,
}

impl Attempt {
    /// The record can't be read as it is: it is tried again like a message that nobody took.
    fn unreadable() -> Self {
        let reason = "the server could not read the record".to_owned();
        Self::Sent(Sent::Failed { reason, asked: None })
    }
}

/// Whether the turn goes on.
type GoesOn = bool;

impl<'j> Turn<'j> {
    pub(super) fn new(job: &'j WebhookJob, webhook: Webhook, stop: &'j CancellationToken) -> Self {
        Self { job, webhook, stop, began: Instant::now() }
    }

    pub(super) async fn run(mut self) -> Result<(), StoreError> {
        let is_met = self.webhook.progress.state == WebhookState::Active || self.handshake().await?;
        if is_met && self.again().await? {
            self.events().await?;
        }
        Ok(())
    }

    async fn handshake(&mut self) -> Result<GoesOn, StoreError> {
        let Some(standing) = self.standing().await? else { return Ok(false) };
        let id = self.job.pipeline.store().clock().new_id();
        let body = notification::handshake(&self.sender(id.as_str()), &self.webhook);
        match self.send(&standing.endpoint, &signature::handshake_id(id.as_str()), body).await? {
            Sent::Taken => {
                let progress = &mut self.webhook.progress;
                progress.state = WebhookState::Active;
                progress.reason = None;
                self.delivered();
                self.job.webhooks().save(&self.webhook, self.job.lease()).await
            }
            Sent::Gone => self.stopped(WebhookState::Off, GONE).await,
            Sent::Failed { reason, asked } => {
                if self.waits(&reason, asked) {
                    self.given_back().await
                } else {
                    let reason = format!("the endpoint did not take the handshake: {reason}");
                    self.stopped(WebhookState::Error, &reason).await
                }
            }
        }
    }

    /// Events that were given up and that somebody wants delivered again.
    async fn again(&mut self) -> Result<GoesOn, StoreError> {
        let webhooks = self.job.webhooks();
        for mut failure in webhooks.wanted(&self.webhook.key).await? {
            if self.is_over() {
                return Ok(true);
            }
            let Some(standing) = self.standing().await? else { return Ok(false) };
            let event = Arc::new(failure.event(&self.webhook.key));
            match self.attempted(&standing, &event, failure.number).await? {
                Attempt::Nothing => {
                    webhooks.forget_failure(&self.webhook.key, failure.number).await?;
                    continue;
                }
                Attempt::Later => return self.later().await,
                Attempt::Sent(Sent::Taken) => {
                    webhooks.forget_failure(&self.webhook.key, failure.number).await?;
                    self.webhook.progress.last_delivery_at = Some(self.now());
                }
                Attempt::Sent(Sent::Gone) => return self.stopped(WebhookState::Off, GONE).await,
                Attempt::Sent(Sent::Failed { reason, .. }) => {
                    failure.attempts += 1;
                    failure.failed_at = self.now();
                    failure.reason = reason;
                    webhooks.fail_again(&self.webhook.key, &failure).await?;
                }
            }
            if !webhooks.save(&self.webhook, self.job.lease()).await? {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// The next events, until there is none, one fails or the turn is over.
    async fn events(&mut self) -> Result<(), StoreError> {
        loop {
            let next = if self.is_over() { Next::Nothing } else { self.job.next(&self.webhook).await? };
            let goes_on = match next {
                Next::Nothing => self.given_back().await?,
                Next::Missed => self.standing().await?.is_some() && self.missed().await?,
                Next::Event(event) => self.event(Arc::new(event)).await?,
            };
            if !goes_on {
                return Ok(());
            }
        }
    }

    /// Whether others have their turn now, or the server stops.
    fn is_over(&self) -> bool {
        self.stop.is_cancelled() || self.began.elapsed() > TURN_MAX
    }

    async fn event(&mut self, event: Arc<RecordEvent>) -> Result<GoesOn, StoreError> {
        let Some(standing) = self.standing().await? else { return Ok(false) };
        let number = self.webhook.progress.events + 1;
        match self.attempted(&standing, &event, number).await? {
            Attempt::Nothing => {
                self.webhook.progress.position = event.position;
                self.job.webhooks().save(&self.webhook, self.job.lease()).await
            }
            Attempt::Later => self.later().await,
            Attempt::Sent(Sent::Taken) => {
                self.webhook.progress.position = event.position;
                self.webhook.progress.events = number;
                self.delivered();
                self.job.webhooks().save(&self.webhook, self.job.lease()).await
            }
            Attempt::Sent(Sent::Gone) => self.stopped(WebhookState::Off, GONE).await,
            Attempt::Sent(Sent::Failed { reason, asked }) if self.waits(&reason, asked) => {
                self.given_back().await
            }
            Attempt::Sent(Sent::Failed { reason, .. }) => self.given_up(&event, number, reason).await,
        }
    }

    /// After the last attempt the event goes to the list of failures, and the next one has its turn.
    async fn given_up(
        &mut self,
        event: &RecordEvent,
        number: i64,
        reason: String,
    ) -> Result<GoesOn, StoreError> {
        let failure = WebhookFailure {
            number,
            resource_type: event.resource_type,
            id: event.id.clone(),
            version: event.version,
            action: event.action,
            at: event.at,
            attempts: self.webhook.progress.attempts,
            failed_at: self.now(),
            reason,
            is_wanted: false,
        };
        let progress = &mut self.webhook.progress;
        progress.position = event.position;
        progress.events = number;
        progress.attempts = 0;
        self.job.webhooks().give_up(&self.webhook, &failure, self.job.lease()).await
    }

    /// Who sends and whereto, as it is now; `None` where that stopped the webhook.
    async fn standing(&mut self) -> Result<Option<Standing>, StoreError> {
        let caller = match self.owner().await? {
            Ownership::Of(caller) => caller,
            Ownership::Lost(reason) => {
                self.stopped(WebhookState::Error, &reason).await?;
                return Ok(None);
            }
        };
        let settings = self.job.pipeline.store().tenant_settings(self.webhook.key.tenant).await?;
        let rules = EndpointRules {
            hosts: settings.webhook_hosts,
            allows_loopback: self.job.pipeline.allows_loopback(),
        };
        let reason =
            match (Endpoint::parse(&self.webhook.endpoint, &rules), Topics::of_records(&self.webhook.topics))
            {
                (Ok(endpoint), Ok(topics)) => return Ok(Some(Standing { caller, endpoint, topics })),
                (Err(_), _) => "the organisation does not let webhooks call its host any more",
                (_, Err(_)) => "one of its topics is not known any more",
            };
        self.stopped(WebhookState::Error, reason).await?;
        Ok(None)
    }

    /// The owner with the rights of now, or why there is none any more.
    async fn owner(&self) -> Result<Ownership, StoreError> {
        let webhook = &self.webhook;
        let owner = Owner {
            tenant: webhook.key.tenant,
            subject: &webhook.subject,
            client: &webhook.client,
            roles: &webhook.roles,
            scopes: webhook.scopes.as_deref(),
            since: webhook.created_at,
        };
        let caller = match self.job.authenticator.caller_of(&owner).await {
            Ok(caller) => caller,
            Err(AuthError::Store(error)) => return Err(error),
            Err(reason) => return Ok(Ownership::Lost(format!("it has no owner any more: {reason}"))),
        };
        let tool = self.job.pipeline.catalog().find(CREATE_TOOL);
        let may = tool.is_some_and(|(tool, _)| caller.permit(tool.entry).is_ok());
        Ok(if may {
            Ownership::Of(caller)
        } else {
            Ownership::Lost("its owner may not have webhooks any more".to_owned())
        })
    }

    /// Sends what the owner may know of an event.
    async fn attempted(
        &self,
        standing: &Standing,
        event: &Arc<RecordEvent>,
        number: i64,
    ) -> Result<Attempt, StoreError> {
        let body = match self.prepared(standing, event, number).await? {
            Ok(body) => body,
            Err(without) => return Ok(without),
        };
        let id = signature::message_id(&self.webhook.key, event);
        self.send(&standing.endpoint, &id, body).await.map(Attempt::Sent)
    }

    /// The message about an event, as the owner may know it now, or what came of it without one.
    async fn prepared(
        &self,
        standing: &Standing,
        event: &Arc<RecordEvent>,
        number: i64,
    ) -> Result<Result<Vec<u8>, Attempt>, StoreError> {
        let pipeline = &self.job.pipeline;
        let place = (pipeline.store(), &**pipeline.catalog());
        let heard = Box::pin(judge::heard(place, &standing.caller, event)).await?;
        let is_record = matches!(heard, Some(Heard::Change(_)));
        if !heard.is_some_and(|heard| is_wanted(&standing.topics, &heard)) {
            return Ok(Err(Attempt::Nothing));
        }
        let has_entry = is_record && self.webhook.content == WebhookContent::FullResource;
        let mut resource = None;
        if has_entry && event.action != EventAction::Deleted {
            resource = match Box::pin(content::of(pipeline, &standing.caller, event)).await {
                Content::Resource(resource) => Some(resource),
                Content::Withheld => return Ok(Err(Attempt::Nothing)),
                Content::Later => return Ok(Err(Attempt::Later)),
                Content::Unreadable => return Ok(Err(Attempt::unreadable())),
            };
        }
        let id = pipeline.store().clock().new_id();
        let told = Told { event, number, resource, has_entry };
        Ok(Ok(notification::event(&self.sender(id.as_str()), &self.webhook, told)))
    }

    async fn send(&self, endpoint: &Endpoint, id: &str, body: Vec<u8>) -> Result<Sent, StoreError> {
        let secrets = self.job.webhooks().secrets(&self.webhook).await?;
        let now = self.now();
        let headers = signature::headers((id, now.div_euclid(1_000_000)), &body, &secrets);
        let message = Message {
            url: endpoint.url(),
            allows_loopback: endpoint.is_loopback(),
            headers: &headers,
            body: body.into(),
        };
        Ok(match self.job.egress.post(&message).await {
            Ok(answer) if (200..300).contains(&answer.status) => Sent::Taken,
            Ok(answer) if answer.status == 410 => Sent::Gone,
            Ok(answer) => Sent::Failed {
                reason: format!("it answered {}", answer.status),
                asked: answer.retry_after.and_then(|text| schedule::asked(&text, now)),
            },
            Err(reason) => Sent::Failed { reason: reason.to_owned(), asked: None },
        })
    }

    /// Whether there is another attempt, and from when on.
    fn waits(&mut self, reason: &str, asked: Option<Duration>) -> bool {
        let now = self.now();
        let progress = &mut self.webhook.progress;
        progress.attempts += 1;
        progress.last_failure = Some(reason.to_owned());
        progress.last_failure_at = Some(now);
        let delay = schedule::delay_after(progress.attempts, asked);
        tracing::info!(webhook.id = %self.webhook.key.id, reason, attempts = progress.attempts, "not delivered");
        if let Some(delay) = delay {
            progress.due_at = now + i64::try_from(delay.as_micros()).unwrap_or(i64::MAX / 2);
        }
        delay.is_some()
    }

    fn delivered(&mut self) {
        let now = self.now();
        let progress = &mut self.webhook.progress;
        progress.attempts = 0;
        progress.due_at = 0;
        progress.last_delivery_at = Some(now);
    }

    /// What lies behind is forgotten. Somebody has to know before it goes on from here.
    async fn missed(&mut self) -> Result<GoesOn, StoreError> {
        self.webhook.progress.position = self.job.pipeline.store().outbox().newest().await?;
        let reason = "events of more than seven days ago were forgotten before they were delivered; \
                      redeliver_webhook goes on with what happens from now on";
        self.stopped(WebhookState::Error, reason).await
    }

    /// Nobody can judge now.
    async fn later(&mut self) -> Result<GoesOn, StoreError> {
        self.webhook.progress.due_at = self.now() + LATER_MICROSECONDS;
        self.given_back().await
    }

    async fn stopped(&mut self, state: WebhookState, reason: &str) -> Result<GoesOn, StoreError> {
        tracing::warn!(webhook.id = %self.webhook.key.id, state = state.name(), reason, "a webhook stops");
        let progress = &mut self.webhook.progress;
        progress.state = state;
        progress.reason = Some(reason.to_owned());
        progress.attempts = 0;
        self.given_back().await
    }

    async fn given_back(&mut self) -> Result<GoesOn, StoreError> {
        self.job.webhooks().save(&self.webhook, self.job.given_back()).await?;
        Ok(false)
    }

    fn sender<'s>(&'s self, id: &'s str) -> Sender<'s> {
        Sender { base_url: &self.job.base_url, id, now: self.now() }
    }

    fn now(&self) -> i64 {
        self.job.pipeline.store().clock().now()
    }
}

const GONE: &str = "the endpoint answered 410 Gone";

fn is_wanted(topics: &Topics, heard: &Heard) -> bool {
    match heard {
        Heard::Change(change) => {
            let of = Some(change.event.resource_type);
            topics.want(RESOURCE_UPDATE, of) || domain_event(change).is_some_and(|name| topics.want(name, of))
        }
        Heard::Emergency(event) => topics.want(BREAK_GLASS, Some(event.resource_type)),
        _ => false,
    }
}
