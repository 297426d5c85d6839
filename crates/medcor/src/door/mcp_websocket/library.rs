//! rmcp on a connection: sessions, subscriptions, questions to the client. It gets the messages that the door
//! does not answer itself, each with who asks, and says its own on the same line.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use rmcp::{
    ErrorData, RoleServer, ServiceExt,
    model::{ClientJsonRpcMessage, ClientNotification, JsonRpcMessage, RequestId, ServerJsonRpcMessage},
    service::serve_directly_with_ct,
    transport::Transport,
};
use tokio::sync::{OwnedSemaphorePermit, mpsc};
use tokio_util::sync::{CancellationToken, DropGuard};

use crate::door::{
    mcp::{Asker, Handler},
    websocket::Line,
};

/// Messages that wait for the library: more than requests may be open.
const WAITING: usize = 64;

/// The library, until it is dropped.
pub(super) struct Library {
    messages: mpsc::Sender<ClientJsonRpcMessage>,
    open: Open,
    _stop: DropGuard,
}

/// The requests that are not answered, and their places.
#[derive(Clone, Default)]
struct Open(Arc<Mutex<HashMap<RequestId, OwnedSemaphorePermit>>>);

impl Open {
    fn places(&self) -> MutexGuard<'_, HashMap<RequestId, OwnedSemaphorePermit>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Library {
    /// Begins with a handshake, or without where the first message is none.
    pub(super) fn start(handler: Handler, line: Line, begins_with_initialize: bool) -> Self {
        let (messages, incoming) = mpsc::channel(WAITING);
        let stop = CancellationToken::new();
        let open = Open::default();
        let carrier = Carrier { incoming, line, open: open.clone() };
        let stopped = stop.clone();
        tokio::spawn(async move {
            let running = if begins_with_initialize {
                match handler.serve_with_ct(carrier, stopped).await {
                    Ok(running) => running,
                    Err(error) => return tracing::debug!(%error, "a session did not begin"),
                }
            } else {
                serve_directly_with_ct(handler, carrier, None, stopped)
            };
            if let Err(error) = running.waiting().await {
                tracing::error!(error = &error as &dyn std::error::Error, "a session failed");
            }
        });
        Self { messages, open, _stop: stop.drop_guard() }
    }

    /// Passes a message on. The place of a request is kept until it is answered.
    ///
    /// # Errors
    ///
    /// -32600 for a request whose id another one has that is not answered, and where the session has ended or is
    /// too far behind.
    pub(super) fn pass(
        &self,
        mut message: ClientJsonRpcMessage,
        asker: Asker,
        place: Option<OwnedSemaphorePermit>,
    ) -> Result<(), ErrorData> {
        let mut taken = None;
        match (&message, place) {
            (JsonRpcMessage::Request(request), Some(place)) => {
                let mut places = self.open.places();
                if places.contains_key(&request.id) {
                    let problem = "a request of this id is not answered yet";
                    return Err(ErrorData::invalid_request(problem, None));
                }
                places.insert(request.id.clone(), place);
                taken = Some(request.id.clone());
            }
            (JsonRpcMessage::Notification(notification), _) => {
                // What was cancelled is not answered.
                if let ClientNotification::CancelledNotification(cancelled) = &notification.notification
                    && let Some(id) = &cancelled.params.request_id
                {
                    self.open.places().remove(id);
                }
            }
            _ => {}
        }
        message.insert_extension(asker);
        self.messages.try_send(message).map_err(|_| {
            if let Some(id) = taken {
                self.open.places().remove(&id);
            }
            ErrorData::invalid_request("the session has ended or is too far behind; connect again", None)
        })
    }
}

/// Carries messages between the connection and the library.
struct Carrier {
    incoming: mpsc::Receiver<ClientJsonRpcMessage>,
    line: Line,
    open: Open,
}

/// The connection is gone.
#[derive(Debug, thiserror::Error)]
enum CarrierError {
    #[error("the connection is closed")]
    Closed,
    #[error("a message can't be written")]
    Unwritable(#[from] serde_json::Error),
}

impl Transport<RoleServer> for Carrier {
    type Error = CarrierError;

    fn send(
        &mut self,
        item: ServerJsonRpcMessage,
    ) -> impl Future<Output = Result<(), CarrierError>> + Send + 'static {
        let (line, open) = (self.line.clone(), self.open.clone());
        async move {
            let answered = match &item {
                JsonRpcMessage::Response(response) => Some(response.id.clone()),
                JsonRpcMessage::Error(error) => error.id.clone(),
                _ => None,
            };
            let is_said = line.say(serde_json::to_vec(&item)?).await;
            if let Some(id) = answered {
                open.places().remove(&id);
            }
            is_said.then_some(()).ok_or(CarrierError::Closed)
        }
    }

    async fn receive(&mut self) -> Option<ClientJsonRpcMessage> {
        self.incoming.recv().await
    }

    async fn close(&mut self) -> Result<(), CarrierError> {
        self.incoming.close();
        Ok(())
    }
}
