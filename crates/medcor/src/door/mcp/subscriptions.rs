//! Watched resources: `resources/subscribe` of a session and `subscriptions/listen` of a request. Beginning to
//! watch is judged as reading is; each notification, which says the URI and nothing else, by the permit of its
//! moment.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, PoisonError, RwLock},
};

use medcor_tools::{Catalog, ToolError, WatchedResource};
use rmcp::{
    ErrorData, RoleServer,
    model::{ErrorCode, ResourceUpdatedNotificationParam, SubscriptionFilter},
    service::{Peer, SubscriptionContext, SubscriptionSink},
};
use serde_json::Value;
use tokio::task::JoinHandle;

use super::{
    Asker, Mcp,
    result::{protocol_error, resource_error_code},
};
use crate::events::{End, Heard, Known, Subscriber, Subscription, Topics, WatchedTypes, Who, watched};

/// Most resources of one session or request.
const URIS_MAX: usize = 100;

/// What one client watches.
#[derive(Default)]
struct Watched {
    uris: RwLock<BTreeMap<String, WatchedResource>>,
    types: WatchedTypes,
}

impl Watched {
    fn add(&self, uri: String, resource: WatchedResource) {
        self.uris.write().unwrap_or_else(PoisonError::into_inner).insert(uri, resource);
        self.note_types();
    }

    fn remove(&self, uri: &str) -> bool {
        let removed = self.uris.write().unwrap_or_else(PoisonError::into_inner).remove(uri);
        self.note_types();
        removed.is_some()
    }

    /// Whether one more fits, or it is there already.
    fn fits(&self, uri: &str) -> bool {
        let uris = self.uris.read().unwrap_or_else(PoisonError::into_inner);
        uris.len() < URIS_MAX || uris.contains_key(uri)
    }

    fn note_types(&self) {
        let uris = self.uris.read().unwrap_or_else(PoisonError::into_inner);
        let types = uris.values().flat_map(|resource| {
            let own = resource.record.as_ref().map(|(resource_type, _)| *resource_type);
            own.map_or_else(|| resource.types.clone(), |own| vec![own])
        });
        self.types.set(types.collect());
    }

    /// The resources that are to be read again, of those that the subscriber may still read.
    fn concerned(&self, mcp: &Mcp, subscriber: &Subscriber, heard: &Heard) -> Vec<String> {
        let uris = self.uris.read().unwrap_or_else(PoisonError::into_inner);
        let is_open = |resource: &WatchedResource| {
            let found = mcp.pipeline().catalog().find(resource.tool);
            found.is_some_and(|(tool, _)| subscriber.caller().may_use(tool.entry))
        };
        let is_concerned = |resource: &WatchedResource| match heard {
            Heard::Change(change) => watched::is_of(change, resource),
            Heard::Reset(_) => true,
            _ => false,
        };
        let concerned = uris.iter().filter(|(_, resource)| is_concerned(resource) && is_open(resource));
        concerned.map(|(uri, _)| uri.clone()).collect()
    }
}

/// Where notifications go.
enum Line {
    Session(Peer<RoleServer>),
    Request(SubscriptionSink),
}

impl Line {
    /// Says that a resource changed; whether anybody is there.
    async fn updated(&self, uri: String) -> bool {
        match self {
            Self::Session(peer) => {
                peer.notify_resource_updated(ResourceUpdatedNotificationParam::new(uri)).await.is_ok()
            }
            Self::Request(sink) => sink.notify_resource_updated(uri).await.is_ok(),
        }
    }
}

/// Tells of changes until nobody is there, or the subscriber is nobody any more.
async fn tell(
    mcp: Arc<Mcp>,
    mut subscriber: Subscriber,
    watched: Arc<Watched>,
    line: Line,
) -> Result<(), End> {
    loop {
        let heard = subscriber.next().await?;
        for uri in watched.concerned(&mcp, &subscriber, &heard) {
            if !line.updated(uri).await {
                return Ok(());
            }
        }
    }
}

/// What a session watches; ends with it.
#[derive(Default)]
pub(super) struct SessionWatch {
    watched: Arc<Watched>,
    /// Who the session is of, by the newest request that says it.
    who: Arc<Mutex<Option<Who>>>,
    telling: tokio::sync::Mutex<Option<JoinHandle<()>>>,
}

impl Drop for SessionWatch {
    fn drop(&mut self) {
        if let Some(telling) = self.telling.get_mut() {
            telling.abort();
        }
    }
}

impl SessionWatch {
    /// From now on it is asked by this who the session is of: a client may have got another token.
    pub(super) fn is_of(&self, who: Option<&Who>) {
        if let Some(who) = who {
            *self.who.lock().unwrap_or_else(PoisonError::into_inner) = Some(who.clone());
        }
    }

    pub(super) async fn subscribe(
        &self,
        mcp: &Arc<Mcp>,
        asker: &Asker,
        uri: String,
        peer: Peer<RoleServer>,
    ) -> Result<(), ErrorData> {
        if !self.watched.fits(&uri) {
            let problem = format!("one session watches at most {URIS_MAX} resources");
            return Err(ErrorData::invalid_request(problem, None));
        }
        let resource = mcp.watch(asker, &uri).await?;
        let mut telling = self.telling.lock().await;
        let is_told = telling.as_ref().is_some_and(|telling| !telling.is_finished());
        if !is_told {
            let topics = Topics::watched(&self.watched.types);
            let subscriber = mcp.subscriber(asker, self.newest_who(asker), topics).await?;
            let telling_of = tell(mcp.clone(), subscriber, self.watched.clone(), Line::Session(peer));
            *telling = Some(tokio::spawn(async move {
                if let Err(end) = telling_of.await {
                    tracing::debug!(code = end.code().name(), "a session is told of no more changes");
                }
            }));
        }
        self.watched.add(uri, resource);
        Ok(())
    }

    pub(super) fn unsubscribe(&self, uri: &str) -> Result<(), ErrorData> {
        if self.watched.remove(uri) {
            return Ok(());
        }
        Err(ErrorData::resource_not_found("this session does not watch this resource", None))
    }

    fn newest_who(&self, asker: &Asker) -> Who {
        let (newest, first) = (self.who.clone(), asker.who.clone());
        Arc::new(move || {
            let who = newest.lock().unwrap_or_else(PoisonError::into_inner).clone();
            match who.or_else(|| first.clone()) {
                Some(who) => who(),
                None => Box::pin(std::future::ready(Err(ToolError::AuthRequired))),
            }
        })
    }
}

/// What the session watches: before 2026-07-28 notifications go to its stream.
pub(super) fn of_session(watch: Option<&SessionWatch>) -> Result<&SessionWatch, ErrorData> {
    let problem = "notifications need a session: initialize first, and open its stream";
    watch.ok_or_else(|| ErrorData::invalid_request(problem, None))
}

/// What can be watched at all: whether the caller may is judged in [`listen`], and again with every notification.
/// Lists don't change while the server runs.
pub(super) fn accepted(catalog: &Catalog, requested: &SubscriptionFilter) -> SubscriptionFilter {
    let mut uris = requested.resource_subscriptions.clone().unwrap_or_default();
    uris.retain(|uri| catalog.bound_resource(uri).is_some());
    uris.truncate(URIS_MAX);
    let mut accepted = SubscriptionFilter::new();
    accepted.resource_subscriptions = (!uris.is_empty()).then_some(uris);
    accepted
}

/// Serves `subscriptions/listen` until the request ends.
pub(super) async fn listen(
    mcp: &Arc<Mcp>,
    asker: &Asker,
    context: &SubscriptionContext,
) -> Result<(), ErrorData> {
    let uris = context.accepted().resource_subscriptions.clone().unwrap_or_default();
    if uris.is_empty() {
        context.cancelled().await;
        return Ok(());
    }
    let watched = Arc::new(Watched::default());
    for uri in uris {
        let resource = mcp.watch(asker, &uri).await?;
        watched.add(uri, resource);
    }
    let Some(who) = asker.who.clone() else {
        return Err(ErrorData::internal_error("the request has no caller", None));
    };
    let subscriber = mcp.subscriber(asker, who, Topics::watched(&watched.types)).await?;
    let telling = tell(mcp.clone(), subscriber, watched, Line::Request(context.sink().clone()));
    tokio::select! {
        () = context.cancelled() => Ok(()),
        ended = telling => ended.map_err(|end| {
            ErrorData::new(ErrorCode::INVALID_REQUEST, format!("{}: {}", end.code().name(), end.message()), None)
        }),
    }
}

impl Mcp {
    /// Lets the asker watch what this URI shows.
    async fn watch(&self, asker: &Asker, uri: &str) -> Result<WatchedResource, ErrorData> {
        let catalog = self.pipeline().catalog();
        let bound = catalog.bound_resource(uri);
        let (tool, arguments) = match &bound {
            Some(bound) => (bound.tool, Value::Object(bound.arguments.clone())),
            None => ("", Value::Null),
        };
        let call = asker.call(tool, arguments);
        let is_shown = catalog.find(tool).is_some_and(|(tool, _)| asker.view.shows(tool));
        let watched = match &bound {
            None => Err(self.pipeline().refuse_call(&call, ToolError::not_found("resource")).await),
            Some(bound) if !is_shown => {
                let needed = format!("`{}` at this address", bound.tool);
                Err(self.pipeline().refuse_call(&call, ToolError::PermissionDenied { needed }).await)
            }
            Some(bound) => Box::pin(self.pipeline().watch(call, bound)).await,
        };
        watched.map_err(|report| protocol_error(resource_error_code(report.code), &report))
    }

    async fn subscriber(&self, asker: &Asker, who: Who, topics: Topics) -> Result<Subscriber, ErrorData> {
        let known = Known { caller: asker.caller.clone(), ends_at_seconds: None };
        let subscribed = self.hub().subscribe(Subscription::of(known, who).to(topics)).await;
        subscribed.map_err(|error| {
            ErrorData::new(ErrorCode::INVALID_REQUEST, format!("{}: {error}", error.code().name()), None)
        })
    }
}
