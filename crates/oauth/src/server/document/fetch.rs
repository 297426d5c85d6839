//! One guarded `GET`.

use std::time::Duration;

use http_body_util::{BodyExt, Empty, Limited};
use hyper::{Request, StatusCode, body::Bytes, client::conn::http1, header};
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncRead, AsyncWrite};
use url::Url;

use crate::{
    AuthError,
    egress::{Egress, Reason},
};

/// For everything: looking up, connecting, asking and reading.
const TIME_MAX: Duration = Duration::from_secs(5);
/// Largest document.
const BYTES_MAX: usize = 5 * 1024;
const HTTPS: u16 = 443;

pub(super) struct Fetcher {
    egress: Egress,
}

impl Fetcher {
    pub(super) fn new() -> Result<Self, AuthError> {
        Ok(Self { egress: Egress::new()? })
    }

    /// The document at this URL, whose host was found to be a name.
    pub(super) async fn fetch(&self, url: &Url) -> Result<Bytes, Reason> {
        tokio::time::timeout(TIME_MAX, self.fetch_at_leisure(url)).await.unwrap_or(Err("it took too long"))
    }

    async fn fetch_at_leisure(&self, url: &Url) -> Result<Bytes, Reason> {
        let host = url.host_str().ok_or("the URL has no host")?;
        let stream = self.egress.connect(host, HTTPS).await?;
        document(stream, host, url.path(), BYTES_MAX).await
    }
}

/// Asks over an open connection; `host` with its port where that is unusual.
pub(crate) async fn document<S>(stream: S, host: &str, path: &str, bytes_max: usize) -> Result<Bytes, Reason>
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let handshake = http1::Builder::new().max_buf_size(16 * 1024).handshake(TokioIo::new(stream)).await;
    let (mut sender, connection) = handshake.map_err(|_| "the host does not speak HTTP")?;
    let request = Request::get(path)
        .header(header::HOST, host)
        .header(header::ACCEPT, "application/json")
        .header(header::USER_AGENT, "MedCor")
        .body(Empty::<Bytes>::new())
        .map_err(|_| "the URL can't be asked for")?;
    let asking = async {
        let answer = sender.send_request(request).await.map_err(|_| "the host gave no answer")?;
        if answer.status() != StatusCode::OK {
            return Err("the answer is not 200; redirects are not followed");
        }
        let media_type = answer.headers().get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok());
        if !media_type.is_some_and(is_json) {
            return Err("the answer is no JSON");
        }
        let body = Limited::new(answer.into_body(), bytes_max).collect().await;
        Ok(body.map_err(|_| "the answer is too long or broke off")?.to_bytes())
    };
    tokio::pin!(connection);
    tokio::pin!(asking);
    tokio::select! {
        document = &mut asking => document,
        // The last bytes may have come with the end.
        _ended = &mut connection => asking.await,
    }
}

fn is_json(media_type: &str) -> bool {
    let essence = media_type.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    essence == "application/json" || (essence.starts_with("application/") && essence.ends_with("+json"))
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};

    use super::*;

    async fn answered(answer: &'static str) -> Result<Bytes, Reason> {
        let (ours, mut theirs) = tokio::io::duplex(64 * 1024);
        tokio::spawn(async move {
            let mut request = vec![0; 1024];
            let read = theirs.read(&mut request).await.unwrap();
            assert!(request[..read].starts_with(b"GET /client.json HTTP/1.1\r\n"));
            theirs.write_all(answer.as_bytes()).await.unwrap();
            theirs.shutdown().await.unwrap();
        });
        document(ours, "agent.example.org", "/client.json", BYTES_MAX).await
    }

    #[tokio::test]
    async fn json_is_read() {
        let answer =
            "HTTP/1.1 200 OK\r\ncontent-type: application/json; charset=utf-8\r\ncontent-length: 2\r\n\r\n{}";
        assert_eq!(&answered(answer).await.unwrap()[..], b"{}");
        let answer = "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\n\r\n{}";
        assert_eq!(&answered(answer).await.unwrap()[..], b"{}");
    }

    #[tokio::test]
    async fn redirects_other_kinds_long_and_broken_answers_are_refused() {
        let long: &'static str = Box::leak(
            format!(
                "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 5121\r\n\r\n{}",
                " ".repeat(5121)
            )
            .into_boxed_str(),
        );
        for answer in [
            "HTTP/1.1 302 Found\r\nlocation: http://169.254.169.254/\r\ncontent-length: 0\r\n\r\n",
            "HTTP/1.1 404 Not Found\r\ncontent-type: application/json\r\ncontent-length: 2\r\n\r\n{}",
            "HTTP/1.1 200 OK\r\ncontent-type: text/html\r\ncontent-length: 2\r\n\r\n{}",
            "HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n{}",
            "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 20\r\n\r\n{}",
            "SSH-2.0-OpenSSH\r\n",
            "",
            long,
        ] {
            assert!(answered(answer).await.is_err(), "{answer}");
        }
    }
}
