//! Standard input without the messages that two readers would read differently: those with two members of
//! one name. They are answered here, and rmcp never sees them.

use rmcp::{
    ErrorData, RoleServer,
    model::{JsonRpcError, JsonRpcMessage, RequestId},
    service::{RxJsonRpcMessage, TxJsonRpcMessage},
    transport,
};
use tokio::{
    io::{AsyncBufReadExt, AsyncRead, AsyncReadExt, AsyncWriteExt, BufReader, DuplexStream, duplex},
    sync::mpsc,
};

use crate::door::mcp_http::Message;

/// Longest line that is looked at, as rmcp's own limit: a longer one is rmcp's to refuse.
const LINE_BYTES_MAX: u64 = 16 * 1024 * 1024;
/// Bytes that wait for rmcp.
const WAITING_BYTES: usize = 64 * 1024;
/// Refusals that wait to be said.
const REFUSALS_WAITING: usize = 64;

/// A message that was refused: its id, and why.
type Refusal = (Option<RequestId>, ErrorData);

/// What of the input rmcp may read, and what was refused.
pub(super) fn input(
    input: impl AsyncRead + Send + Unpin + 'static,
) -> (DuplexStream, mpsc::Receiver<Refusal>) {
    let (checked, sink) = duplex(WAITING_BYTES);
    let (refuse, refusals) = mpsc::channel(REFUSALS_WAITING);
    tokio::spawn(async move {
        if let Err(error) = check(BufReader::new(input), sink, refuse).await {
            tracing::warn!(error = &error as &dyn std::error::Error, "standard input ended early");
        }
    });
    (checked, refusals)
}

async fn check(
    mut input: BufReader<impl AsyncRead + Unpin>,
    mut sink: DuplexStream,
    refuse: mpsc::Sender<Refusal>,
) -> std::io::Result<()> {
    let mut line = Vec::new();
    let mut is_within_line = false;
    loop {
        line.clear();
        if (&mut input).take(LINE_BYTES_MAX).read_until(b'\n', &mut line).await? == 0 {
            return Ok(());
        }
        let is_whole = !is_within_line;
        is_within_line = line.last() != Some(&b'\n');
        let Some(refusal) = is_whole.then(|| refusal(&line)).flatten() else {
            sink.write_all(&line).await?;
            continue;
        };
        if refuse.send(refusal).await.is_err() {
            // The conversation has ended.
            return Ok(());
        }
    }
}

fn refusal(line: &[u8]) -> Option<Refusal> {
    // What is no message is rmcp's to refuse.
    let message = Message::read(line).ok()?;
    let error = message.check_shape().err()?;
    Some((message.id.and_then(|id| serde_json::from_str(id.get()).ok()), error))
}

/// rmcp's transport, which also says what was refused.
pub(super) struct Transport<T> {
    inner: T,
    refusals: mpsc::Receiver<Refusal>,
}

impl<T> Transport<T> {
    pub(super) fn new(inner: T, refusals: mpsc::Receiver<Refusal>) -> Self {
        Self { inner, refusals }
    }
}

impl<T: transport::Transport<RoleServer>> transport::Transport<RoleServer> for Transport<T> {
    type Error = T::Error;

    fn send(
        &mut self,
        item: TxJsonRpcMessage<RoleServer>,
    ) -> impl Future<Output = Result<(), Self::Error>> + Send + 'static {
        self.inner.send(item)
    }

    async fn receive(&mut self) -> Option<RxJsonRpcMessage<RoleServer>> {
        loop {
            let refusal = tokio::select! {
                biased;
                Some(refusal) = self.refusals.recv() => refusal,
                message = self.inner.receive() => return message,
            };
            let (id, error) = refusal;
            let answer = JsonRpcMessage::Error(JsonRpcError::new(id, error));
            if let Err(error) = self.inner.send(answer).await {
                tracing::warn!(error = &error as &dyn std::error::Error, "standard output is closed");
                return None;
            }
        }
    }

    async fn close(&mut self) -> Result<(), Self::Error> {
        self.inner.close().await
    }
}
