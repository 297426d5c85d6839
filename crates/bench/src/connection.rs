//! One kept-alive HTTP/1.1 connection: a request out, the whole answer in.

use std::{io, time::Duration};

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};

/// An answer that takes longer is a failure.
const TIMEOUT: Duration = Duration::from_secs(30);
/// Most bytes of an answer.
const ANSWER_BYTES_MAX: usize = 16 * 1024 * 1024;
const READ_BYTES: usize = 32 * 1024;

/// A connection.
#[derive(Debug)]
pub struct Connection {
    stream: TcpStream,
    /// What came and is not yet handed out: the head, then the body.
    received: Vec<u8>,
    body: Vec<u8>,
}

/// The head of an answer.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Head {
    /// Of HTTP.
    pub status: u16,
    /// Whether the body is of events.
    pub is_event_stream: bool,
    /// The session that MCP begins with it.
    pub session: Option<String>,
    length: Option<usize>,
    is_chunked: bool,
    /// Where the body starts.
    end: usize,
}

impl Connection {
    /// Connects.
    ///
    /// # Errors
    ///
    /// Nobody listens there.
    pub async fn open(authority: &str) -> io::Result<Self> {
        let stream = TcpStream::connect(authority).await?;
        stream.set_nodelay(true)?;
        Ok(Self { stream, received: Vec::with_capacity(READ_BYTES), body: Vec::with_capacity(READ_BYTES) })
    }

    /// Sends a request and waits for its whole answer; [`Self::body`] has the body then.
    ///
    /// # Errors
    ///
    /// No answer came within half a minute, or what came is none.
    pub async fn exchange(&mut self, request: &str) -> io::Result<Head> {
        match tokio::time::timeout(TIMEOUT, self.exchange_in_time(request)).await {
            Ok(head) => head,
            Err(_) => Err(io::ErrorKind::TimedOut.into()),
        }
    }

    /// The body of the last answer.
    pub fn body(&self) -> &[u8] {
        &self.body
    }

    async fn exchange_in_time(&mut self, request: &str) -> io::Result<Head> {
        self.received.clear();
        self.body.clear();
        self.stream.write_all(request.as_bytes()).await?;
        let head = loop {
            self.receive().await?;
            if let Some(head) = Head::parse(&self.received)? {
                break head;
            }
        };
        if head.is_chunked {
            self.receive_chunks(head.end).await?;
        } else {
            let end = head.end + head.length.unwrap_or(0);
            while self.received.len() < end {
                self.receive().await?;
            }
            self.body.extend_from_slice(self.received.get(head.end..end).unwrap_or_default());
        }
        Ok(head)
    }

    async fn receive_chunks(&mut self, mut start: usize) -> io::Result<()> {
        loop {
            let size_end = loop {
                match self.received.get(start..).and_then(|rest| position(rest, b"\r\n")) {
                    Some(position) => break start + position,
                    None => self.receive().await?,
                }
            };
            let size = self.received.get(start..size_end).unwrap_or_default();
            let size = std::str::from_utf8(size).map_err(|_| bad("a chunk's size is no text"))?;
            let size = usize::from_str_radix(size.trim(), 16).map_err(|_| bad("a chunk has no size"))?;
            let chunk = size_end + 2;
            let end = chunk.saturating_add(size);
            while self.received.len() < end.saturating_add(2) {
                self.receive().await?;
            }
            if size == 0 {
                return Ok(());
            }
            self.body.extend_from_slice(self.received.get(chunk..end).unwrap_or_default());
            start = end + 2;
        }
    }

    async fn receive(&mut self) -> io::Result<()> {
        self.received.reserve(READ_BYTES);
        if self.stream.read_buf(&mut self.received).await? == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        if self.received.len() > ANSWER_BYTES_MAX {
            return Err(bad("the answer is too large"));
        }
        Ok(())
    }
}

impl Head {
    /// The head, once it is there as a whole.
    fn parse(received: &[u8]) -> io::Result<Option<Self>> {
        let Some(end) = position(received, b"\r\n\r\n") else { return Ok(None) };
        let text = received.get(..end).and_then(|head| std::str::from_utf8(head).ok());
        let mut lines = text.ok_or_else(|| bad("the head is no text"))?.split("\r\n");
        let status = lines.next().and_then(|line| line.strip_prefix("HTTP/1.1 ")?.get(..3)?.parse().ok());
        let status = status.ok_or_else(|| bad("the head has no status"))?;
        let mut head = Self { status, end: end + 4, ..Self::default() };
        for line in lines {
            let (name, value) = line.split_once(':').ok_or_else(|| bad("a header has no value"))?;
            head.take(name, value.trim())?;
        }
        Ok(Some(head))
    }

    fn take(&mut self, name: &str, value: &str) -> io::Result<()> {
        if name.eq_ignore_ascii_case("content-length") {
            self.length = Some(value.parse().map_err(|_| bad("the length is no number"))?);
        } else if name.eq_ignore_ascii_case("transfer-encoding") {
            self.is_chunked = value.eq_ignore_ascii_case("chunked");
        } else if name.eq_ignore_ascii_case("content-type") {
            self.is_event_stream = value.starts_with("text/event-stream");
        } else if name.eq_ignore_ascii_case("mcp-session-id") {
            self.session = Some(value.to_owned());
        }
        Ok(())
    }
}

fn position(bytes: &[u8], wanted: &[u8]) -> Option<usize> {
    bytes.windows(wanted.len()).position(|window| window == wanted)
}

fn bad(message: &'static str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, message)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_head_is_read_once_it_is_whole() {
        let head = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nmcp-session-id: s\r\ncontent-length: 2\r\n\r\n";
        assert_eq!(Head::parse(&head[..30]).unwrap(), None);
        let parsed = Head::parse(head).unwrap().unwrap();
        assert_eq!((parsed.status, parsed.length, parsed.end), (200, Some(2), head.len()));
        assert!(parsed.is_event_stream);
        assert_eq!(parsed.session.as_deref(), Some("s"));
    }

    #[test]
    fn what_is_no_head_is_refused() {
        assert!(Head::parse(b"SMTP\r\n\r\n").is_err());
        assert!(Head::parse(b"HTTP/1.1 200 OK\r\ncontent-length: x\r\n\r\n").is_err());
    }
}
