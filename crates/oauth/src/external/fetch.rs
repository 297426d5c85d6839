//! Reading a provider's metadata and keys: from its issuer's origin and nowhere else.

use std::time::Duration;

use hyper::body::Bytes;
use rustls::pki_types::ServerName;
use serde::Deserialize;
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use url::{Host, Position, Url};

use super::key::{ProviderKey, keys_of};
use crate::{
    AuthError,
    egress::{Reason, tls},
    server::document::fetch::document,
};

/// For one document: looking up, connecting, asking and reading.
const TIME_MAX: Duration = Duration::from_secs(5);
/// Largest metadata or set of keys.
const BYTES_MAX: usize = 256 * 1024;
/// Where the metadata is, below the issuer (OpenID Connect Discovery 1.0 §4).
const METADATA: &str = "/.well-known/openid-configuration";

pub(super) struct Provider {
    issuer: String,
    url: Url,
    tls: TlsConnector,
}

#[derive(Deserialize)]
struct Metadata {
    issuer: String,
    jwks_uri: String,
}

impl Provider {
    pub(super) fn new(issuer: &str) -> Result<Self, AuthError> {
        let url = issuer_url(issuer).ok_or(AuthError::Cryptography("the issuer is no URL of a provider"))?;
        Ok(Self { issuer: issuer.to_owned(), url, tls: tls()? })
    }

    /// The keys as they are now.
    pub(super) async fn keys(&self) -> Result<Vec<ProviderKey>, Reason> {
        let metadata = format!("{}{METADATA}", self.issuer.trim_end_matches('/'));
        let metadata = self.read(&metadata).await?;
        let metadata: Metadata =
            serde_json::from_slice(&metadata).map_err(|_| "its metadata is no metadata")?;
        if metadata.issuer != self.issuer {
            return Err("its metadata is of another issuer");
        }
        let keys = self.read(&metadata.jwks_uri).await?;
        keys_of(&keys).ok_or("its keys are no set of keys")
    }

    async fn read(&self, url: &str) -> Result<Bytes, Reason> {
        let url = Url::parse(url).map_err(|_| "an address of it is no URL")?;
        if url.origin() != self.url.origin() {
            return Err("an address of it is not at its issuer");
        }
        tokio::time::timeout(TIME_MAX, self.read_at_leisure(&url)).await.unwrap_or(Err("it took too long"))
    }

    async fn read_at_leisure(&self, url: &Url) -> Result<Bytes, Reason> {
        const UNREACHED: Reason = "it does not answer";
        let host = url.host_str().ok_or("an address of it has no host")?;
        let port = url.port_or_known_default().ok_or("an address of it has no port")?;
        let bare = host.trim_start_matches('[').trim_end_matches(']');
        let stream = TcpStream::connect((bare, port)).await.map_err(|_| UNREACHED)?;
        let authority = &url[Position::BeforeHost..Position::AfterPort];
        let path = &url[Position::BeforePath..Position::AfterQuery];
        if url.scheme() == "http" {
            return document(stream, authority, path, BYTES_MAX).await;
        }
        let name = ServerName::try_from(bare.to_owned()).map_err(|_| "its host is no name")?;
        let stream = self.tls.connect(name, stream).await.map_err(|_| "it has no good certificate")?;
        document(stream, authority, path, BYTES_MAX).await
    }
}

/// The issuer as a URL: https, or http on this machine. Whether that is enough is the operator's profile.
pub(super) fn issuer_url(issuer: &str) -> Option<Url> {
    let url = Url::parse(issuer).ok()?;
    let is_loopback = match url.host()? {
        Host::Domain(name) => name == "localhost",
        Host::Ipv4(address) => address.is_loopback(),
        Host::Ipv6(address) => address.is_loopback(),
    };
    let is_plain = url.query().is_none()
        && url.fragment().is_none()
        && url.username().is_empty()
        && url.password().is_none();
    let is_safe = url.scheme() == "https" || (url.scheme() == "http" && is_loopback);
    (is_plain && is_safe).then_some(url)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_issuer_is_https_or_on_this_machine() {
        for issuer in
            ["https://login.example.org", "https://login.example.org/realms/a", "http://127.0.0.1:8080"]
        {
            assert!(issuer_url(issuer).is_some(), "{issuer}");
        }
        for issuer in [
            "http://login.example.org",
            "http://127.0.0.1.example.org",
            "https://user@login.example.org",
            "https://login.example.org?a=b",
            "https://login.example.org#a",
            "file:///etc/passwd",
            "login.example.org",
            "",
        ] {
            assert!(issuer_url(issuer).is_none(), "{issuer}");
        }
    }

    #[tokio::test]
    async fn nothing_is_read_from_another_origin() {
        let provider = Provider::new("http://127.0.0.1:9").unwrap();
        for url in [
            "http://127.0.0.1:10/keys",
            "https://127.0.0.1:9/keys",
            "http://localhost:9/keys",
            "http://169.254.169.254/keys",
            "file:///keys",
        ] {
            assert_eq!(
                provider.read(url).await.unwrap_err(),
                "an address of it is not at its issuer",
                "{url}"
            );
        }
    }
}
