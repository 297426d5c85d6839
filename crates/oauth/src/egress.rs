//! The way out: to hosts that somebody else chose. Only public addresses, the address that was checked and no
//! other, no redirects, no proxy, little and quickly. Which hosts are asked at all is decided by who asks.

use std::{
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr},
    sync::Arc,
    time::Duration,
};

use http_body_util::Full;
use hyper::{Request, Response, body::Bytes, body::Incoming, client::conn::http1, header};
use hyper_util::rt::TokioIo;
use rustls::{ClientConfig, RootCertStore, pki_types::ServerName};
use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::TcpStream,
};
use tokio_rustls::{TlsConnector, client::TlsStream};
use url::{Position, Url};

use crate::AuthError;

/// For one message: looking up, connecting, sending, and the head of the answer.
const POST_TIME_MAX: Duration = Duration::from_secs(15);
/// Most bytes of the head of an answer.
const HEAD_BYTES_MAX: usize = 16 * 1024;

/// Why nothing came of it, for the log.
pub type Reason = &'static str;

/// Asks hosts that others chose.
pub struct Egress {
    tls: TlsConnector,
}

/// What is sent.
#[derive(Debug)]
pub struct Message<'m> {
    /// Whereto.
    pub url: &'m Url,
    /// Whether this machine may be meant, and without TLS.
    pub allows_loopback: bool,
    /// Names and values beside `Host`, `User-Agent` and `Content-Length`.
    pub headers: &'m [(&'static str, String)],
    /// The body.
    pub body: Bytes,
}

/// The head of an answer. Its body is not read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answered {
    /// The HTTP status.
    pub status: u16,
    /// `Retry-After`, as it came.
    pub retry_after: Option<String>,
}

impl Egress {
    /// The way out, with the authorities that browsers trust.
    pub fn new() -> Result<Self, AuthError> {
        Ok(Self { tls: tls()? })
    }

    /// Sends a message and hears how it was taken.
    pub async fn post(&self, message: &Message<'_>) -> Result<Answered, Reason> {
        let sent = tokio::time::timeout(POST_TIME_MAX, self.post_at_leisure(message)).await;
        sent.unwrap_or(Err("it took too long"))
    }

    async fn post_at_leisure(&self, message: &Message<'_>) -> Result<Answered, Reason> {
        let url = message.url;
        let mut request = Request::post(&url[Position::BeforePath..Position::AfterPath])
            .header(header::HOST, &url[Position::BeforeHost..Position::AfterPort])
            .header(header::USER_AGENT, "MedCor");
        for (name, value) in message.headers {
            request = request.header(*name, value);
        }
        let request =
            request.body(Full::new(message.body.clone())).map_err(|_| "the URL can't be asked for")?;
        let host = url.host_str().ok_or("the URL has no host")?;
        let port = url.port_or_known_default().ok_or("the URL has no port")?;
        match (url.scheme(), message.allows_loopback) {
            ("https", false) => taken(self.connect(host, port).await?, request).await,
            ("https", true) => {
                let stream = loopback(host, port).await?;
                taken(self.encrypted(host, stream).await?, request).await
            }
            ("http", true) => taken(loopback(host, port).await?, request).await,
            _ => Err("the URL is not https"),
        }
    }

    /// A connection to a public host.
    pub(crate) async fn connect(&self, host: &str, port: u16) -> Result<TlsStream<TcpStream>, Reason> {
        // Connecting looks nothing up again: what was checked is what is asked.
        let address = checked(&addresses(host, port).await?)?;
        let stream = TcpStream::connect(address).await.map_err(|_| "the host does not answer")?;
        self.encrypted(host, stream).await
    }

    async fn encrypted(&self, host: &str, stream: TcpStream) -> Result<TlsStream<TcpStream>, Reason> {
        let name = ServerName::try_from(bare(host).to_owned()).map_err(|_| "the host is no name")?;
        self.tls.connect(name, stream).await.map_err(|_| "the host has no good certificate")
    }
}

/// TLS with the authorities that browsers trust.
pub(crate) fn tls() -> Result<TlsConnector, AuthError> {
    let roots = RootCertStore { roots: webpki_roots::TLS_SERVER_ROOTS.to_vec() };
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|_| AuthError::Cryptography("TLS can't be set up"))?;
    let config = config.with_root_certificates(roots).with_no_client_auth();
    Ok(TlsConnector::from(Arc::new(config)))
}

/// A connection to this machine, where that is what the host stands for.
async fn loopback(host: &str, port: u16) -> Result<TcpStream, Reason> {
    let found = addresses(host, port).await?;
    if found.iter().any(|address| !address.ip().is_loopback()) {
        return Err("the host is not this machine");
    }
    TcpStream::connect(&found[..]).await.map_err(|_| "the host does not answer")
}

async fn addresses(host: &str, port: u16) -> Result<Vec<SocketAddr>, Reason> {
    let found = tokio::net::lookup_host((bare(host), port)).await;
    Ok(found.map_err(|_| "the host has no address")?.collect())
}

/// An address of IPv6 without its brackets.
fn bare(host: &str) -> &str {
    host.trim_start_matches('[').trim_end_matches(']')
}

/// The address to ask, where all that a name stands for are public: one that is not may be tried on
/// purpose.
fn checked(found: &[SocketAddr]) -> Result<SocketAddr, Reason> {
    if found.iter().any(|address| !is_public(address.ip())) {
        return Err("the host has an address that is not public");
    }
    found.first().copied().ok_or("the host has no address")
}

/// Sends the request over an open connection. A redirect is an answer like another.
async fn taken<S>(stream: S, request: Request<Full<Bytes>>) -> Result<Answered, Reason>
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let handshake = http1::Builder::new().max_buf_size(HEAD_BYTES_MAX).handshake(TokioIo::new(stream)).await;
    let (mut sender, connection) = handshake.map_err(|_| "the host does not speak HTTP")?;
    let asking = sender.send_request(request);
    tokio::pin!(connection);
    tokio::pin!(asking);
    let answer = tokio::select! {
        answer = &mut asking => answer,
        // The last bytes may have come with the end.
        _ended = &mut connection => asking.await,
    };
    Ok(head_of(&answer.map_err(|_| "the host gave no answer")?))
}

fn head_of(answer: &Response<Incoming>) -> Answered {
    let retry_after = answer.headers().get(header::RETRY_AFTER).and_then(|value| value.to_str().ok());
    Answered { status: answer.status().as_u16(), retry_after: retry_after.map(str::to_owned) }
}

/// Whether it is an address of the public internet (the registries of RFC 6890 and after).
fn is_public(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(address) => is_public_v4(address),
        IpAddr::V6(address) => is_public_v6(address),
    }
}

fn is_public_v4(address: Ipv4Addr) -> bool {
    let [a, b, c, _] = address.octets();
    let is_shared = a == 100 && (64..128).contains(&b);
    let is_for_protocols = a == 192 && b == 0 && c == 0;
    let is_relay = a == 192 && b == 88 && c == 99;
    let is_for_benchmarks = a == 198 && (18..20).contains(&b);
    !(a == 0
        || a >= 224
        || address.is_private()
        || address.is_loopback()
        || address.is_link_local()
        || address.is_documentation()
        || is_shared
        || is_for_protocols
        || is_relay
        || is_for_benchmarks)
}

/// Global unicast alone, without what carries an IPv4 address inside.
fn is_public_v6(address: Ipv6Addr) -> bool {
    let [a, b, ..] = address.segments();
    let is_global_unicast = a & 0xe000 == 0x2000;
    let is_special = a == 0x2001 && (b < 0x0200 || b == 0x0db8);
    let is_6to4 = a == 0x2002;
    let is_documentation = a == 0x3fff && b < 0x1000;
    is_global_unicast && !is_special && !is_6to4 && !is_documentation
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};

    use super::*;

    #[test]
    fn addresses_that_are_not_public_are_never_asked() {
        for address in [
            "0.0.0.0",
            "10.0.0.1",
            "100.64.0.1",
            "127.0.0.1",
            "127.255.255.254",
            "169.254.169.254",
            "172.16.0.1",
            "172.31.255.255",
            "192.0.0.1",
            "192.0.2.1",
            "192.88.99.1",
            "192.168.0.1",
            "198.18.0.1",
            "198.51.100.1",
            "203.0.113.1",
            "224.0.0.1",
            "240.0.0.1",
            "255.255.255.255",
            "::",
            "::1",
            "::ffff:127.0.0.1",
            "::ffff:8.8.8.8",
            "::127.0.0.1",
            "64:ff9b::7f00:1",
            "64:ff9b:1::1",
            "100::1",
            "2001::1",
            "2001:db8::1",
            "2002:7f00:1::",
            "3fff::1",
            "5f00::1",
            "fc00::1",
            "fd00:ec2::254",
            "fe80::1",
            "fec0::1",
            "ff02::1",
        ] {
            let address: IpAddr = address.parse().unwrap();
            assert!(!is_public(address), "{address}");
            let with_public: SocketAddr = "8.8.8.8:443".parse().unwrap();
            assert!(checked(&[with_public, SocketAddr::new(address, 443)]).is_err());
        }
        for address in ["1.1.1.1", "8.8.8.8", "172.32.0.1", "2606:4700::1111", "2a00:1450::1"] {
            assert!(is_public(address.parse().unwrap()), "{address}");
        }
        assert!(checked(&[]).is_err());
    }

    /// How a message is taken by a host that answers this.
    async fn answered(answer: &'static str) -> Result<Answered, Reason> {
        let (ours, mut theirs) = tokio::io::duplex(64 * 1024);
        tokio::spawn(async move {
            let mut request = vec![0; 1024];
            let read = theirs.read(&mut request).await.unwrap();
            assert!(request[..read].starts_with(b"POST /hook HTTP/1.1\r\n"));
            theirs.write_all(answer.as_bytes()).await.unwrap();
        });
        let request = Request::post("/hook").body(Full::new(Bytes::from_static(b"{}"))).unwrap();
        taken(ours, request).await
    }

    #[tokio::test]
    async fn a_redirect_is_an_answer_and_nothing_is_asked_there() {
        let head = |status, retry_after: Option<&str>| Answered {
            status,
            retry_after: retry_after.map(str::to_owned),
        };
        let found = "HTTP/1.1 302 Found\r\nlocation: http://169.254.169.254/\r\ncontent-length: 0\r\n\r\n";
        assert_eq!(answered(found).await, Ok(head(302, None)));
        let busy = "HTTP/1.1 503 Busy\r\nretry-after: 120\r\ncontent-length: 1000000000\r\n\r\nendless";
        assert_eq!(answered(busy).await, Ok(head(503, Some("120"))));
        assert!(answered("SSH-2.0-OpenSSH\r\n").await.is_err());
        assert!(answered("").await.is_err());
    }

    #[tokio::test]
    async fn a_name_of_this_machine_is_refused_unless_it_is_allowed() {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let egress = Egress::new().unwrap();
        for (url, allows_loopback, reason) in [
            (format!("https://localhost:{port}/hook"), false, "the host has an address that is not public"),
            (format!("https://127.0.0.1:{port}/hook"), false, "the host has an address that is not public"),
            (format!("https://2130706433:{port}/hook"), false, "the host has an address that is not public"),
            (format!("https://0177.0.0.1:{port}/hook"), false, "the host has an address that is not public"),
            (
                format!("https://[::ffff:127.0.0.1]:{port}/hook"),
                false,
                "the host has an address that is not public",
            ),
            (format!("http://localhost:{port}/hook"), false, "the URL is not https"),
            ("http://10.0.0.1/hook".to_owned(), true, "the host is not this machine"),
        ] {
            let url = Url::parse(&url).unwrap();
            let message = Message { url: &url, allows_loopback, headers: &[], body: Bytes::new() };
            assert_eq!(egress.post(&message).await, Err(reason), "{url}");
        }
        let untouched = tokio::time::timeout(Duration::ZERO, listener.accept()).await;
        assert!(untouched.is_err(), "nobody connected");
    }
}
