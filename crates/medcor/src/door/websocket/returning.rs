//! A stream that comes back when whoever it was lent to is done. A connection that is closed while the client
//! still sends is reset by TCP, and the code that says why is lost with it: what comes is read away for a while.

use std::{
    io,
    pin::Pin,
    task::{Context, Poll},
    time::Duration,
};

use tokio::{
    io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, ReadBuf},
    sync::oneshot,
};

/// How long, and how much, is read away.
const LINGER: Duration = Duration::from_secs(2);
const LINGER_BYTES_MAX: usize = 4 * 1024 * 1024;

/// A stream until it is dropped, which sends it back.
pub(super) struct Returning<T> {
    stream: Option<T>,
    back: Option<oneshot::Sender<T>>,
}

impl<T> Returning<T> {
    /// The stream, and where it comes back.
    pub(super) fn lend(stream: T) -> (Self, oneshot::Receiver<T>) {
        let (back, returned) = oneshot::channel();
        (Self { stream: Some(stream), back: Some(back) }, returned)
    }

    fn stream(&mut self) -> io::Result<&mut T> {
        self.stream.as_mut().ok_or_else(|| io::ErrorKind::NotConnected.into())
    }
}

/// Ends what is sent, and reads away what still comes.
pub(super) async fn linger(mut stream: impl AsyncRead + AsyncWrite + Unpin) {
    let lingering = async {
        stream.shutdown().await?;
        let mut sink = vec![0; 8 * 1024];
        let mut total = 0;
        while total < LINGER_BYTES_MAX {
            match stream.read(&mut sink).await? {
                0 => break,
                read => total += read,
            }
        }
        Ok::<(), io::Error>(())
    };
    match tokio::time::timeout(LINGER, lingering).await {
        Ok(Ok(())) => {}
        Ok(Err(error)) => tracing::debug!(%error, "a connection was gone before it was closed"),
        Err(_) => tracing::debug!("a client did not end its side of a connection"),
    }
}

impl<T> Drop for Returning<T> {
    fn drop(&mut self) {
        if let (Some(stream), Some(back)) = (self.stream.take(), self.back.take()) {
            // Nobody waits for it where it was cut off.
            drop(back.send(stream));
        }
    }
}

impl<T: AsyncRead + Unpin> AsyncRead for Returning<T> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(self.stream()?).poll_read(cx, buffer)
    }
}

impl<T: AsyncWrite + Unpin> AsyncWrite for Returning<T> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(self.stream()?).poll_write(cx, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(self.stream()?).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(self.stream()?).poll_shutdown(cx)
    }
}
