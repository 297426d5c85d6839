//! From which addresses and pages the server may be called: the fence against DNS rebinding.

use std::net::IpAddr;

use axum::http::{HeaderMap, Uri, header, uri::Authority};

use crate::door::DoorSettings;

/// Hosts and origins that may be named in requests.
pub(in crate::door) struct Allowed {
    hosts: Vec<Host>,
    origins: Vec<Origin>,
}

/// A host, and its port where it matters.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Host {
    name: String,
    port: Option<u16>,
}

/// RFC 6454 §4.
#[derive(Debug, PartialEq, Eq)]
struct Origin {
    scheme: String,
    host: String,
    port: u16,
}

/// Why a request is turned away.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::door) enum Stranger {
    /// The `Host`.
    Host,
    /// The `Origin`.
    Origin,
}

impl Stranger {
    /// What it is told.
    pub(in crate::door) fn reason(self) -> &'static str {
        match self {
            Self::Host => "this Host is not allowed; the operator names hosts in the settings",
            Self::Origin => "this Origin is not allowed; the operator names origins in the settings",
        }
    }
}

impl Allowed {
    pub(in crate::door) fn new(settings: &DoorSettings) -> Self {
        let public = settings.public_url.parse::<Uri>().ok();
        let public_host =
            public.as_ref().and_then(Uri::host).map(|name| Host { name: plain(name), port: None });
        let named = settings.allowed_hosts.iter().filter_map(|host| Host::parse(host));
        let public_origin = Origin::parse(&settings.public_url);
        let origins = settings.allowed_origins.iter().filter_map(|origin| Origin::parse(origin));
        Self { hosts: named.chain(public_host).collect(), origins: origins.chain(public_origin).collect() }
    }

    /// Lets a request in or says what is strange about it. Programs send no `Origin`; pages of other
    /// sites do.
    pub(in crate::door) fn check(&self, uri: &Uri, headers: &HeaderMap) -> Result<(), Stranger> {
        let host = asked_host(uri, headers).ok_or(Stranger::Host)?;
        if !host.is_loopback() && !self.hosts.iter().any(|allowed| allowed.covers(&host)) {
            return Err(Stranger::Host);
        }
        let mut origins = headers.get_all(header::ORIGIN).iter();
        let Some(origin) = origins.next() else { return Ok(()) };
        let origin = origin.to_str().ok().filter(|_| origins.next().is_none()).and_then(Origin::parse);
        let origin = origin.ok_or(Stranger::Origin)?;
        let is_own_page = origin.is_at(&host);
        if is_own_page || self.origins.contains(&origin) { Ok(()) } else { Err(Stranger::Origin) }
    }
}

impl Host {
    fn parse(text: &str) -> Option<Self> {
        let authority: Authority = text.trim().parse().ok()?;
        if authority.as_str().contains('@') {
            return None;
        }
        Some(Self { name: plain(authority.host()), port: authority.port_u16() })
    }

    fn is_loopback(&self) -> bool {
        self.name == "localhost" || self.name.parse::<IpAddr>().is_ok_and(|address| address.is_loopback())
    }

    fn covers(&self, asked: &Self) -> bool {
        self.name == asked.name && (self.port.is_none() || self.port == asked.port)
    }
}

impl Origin {
    fn parse(text: &str) -> Option<Self> {
        let uri: Uri = text.trim().trim_end_matches('/').parse().ok()?;
        let scheme = uri.scheme_str()?.to_ascii_lowercase();
        let port = uri.port_u16().or_else(|| default_port(&scheme))?;
        Some(Self { host: plain(uri.host()?), scheme, port })
    }

    /// Whether it is the server's own page. The scheme is the page's: behind a proxy that ends TLS the
    /// server can't know it.
    fn is_at(&self, host: &Host) -> bool {
        self.host == host.name && host.port.or_else(|| default_port(&self.scheme)) == Some(self.port)
    }
}

/// `Host`, or HTTP/2's `:authority`.
fn asked_host(uri: &Uri, headers: &HeaderMap) -> Option<Host> {
    let mut hosts = headers.get_all(header::HOST).iter();
    match hosts.next() {
        Some(host) if hosts.next().is_none() => Host::parse(host.to_str().ok()?),
        Some(_) => None,
        None => Host::parse(uri.authority()?.as_str()),
    }
}

fn plain(host: &str) -> String {
    host.trim_start_matches('[').trim_end_matches(']').trim_end_matches('.').to_ascii_lowercase()
}

fn default_port(scheme: &str) -> Option<u16> {
    match scheme {
        "http" => Some(80),
        "https" => Some(443),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(host: &str, origin: Option<&str>) -> Result<(), Stranger> {
        let mut settings = DoorSettings::new("https://mcp.example.org");
        settings.allowed_hosts = vec!["inside:8443".to_owned()];
        settings.allowed_origins = vec!["https://app.example.org".to_owned()];
        let mut headers = HeaderMap::new();
        headers.insert(header::HOST, host.parse().unwrap());
        if let Some(origin) = origin {
            headers.insert(header::ORIGIN, origin.parse().unwrap());
        }
        Allowed::new(&settings).check(&Uri::from_static("/mcp"), &headers)
    }

    #[test]
    fn loopback_the_public_host_and_named_hosts_are_let_in() {
        for host in
            ["localhost", "127.0.0.1:8002", "[::1]:8002", "LOCALHOST:1", "mcp.example.org", "inside:8443"]
        {
            assert_eq!(check(host, None), Ok(()), "{host}");
        }
    }

    #[test]
    fn other_hosts_are_strangers() {
        for host in [
            "evil.example",
            "localhost.evil.example",
            "inside",
            "inside:80",
            "mcp.example.org.evil",
            "192.168.0.5",
            "user@localhost",
            "a b",
        ] {
            assert_eq!(check(host, None), Err(Stranger::Host), "{host}");
        }
    }

    #[test]
    fn pages_of_the_server_and_named_ones_may_call() {
        for origin in [
            "http://localhost:8002",
            "https://app.example.org",
            "https://app.example.org:443",
            "https://mcp.example.org",
        ] {
            assert_eq!(check("localhost:8002", Some(origin)), Ok(()), "{origin}");
        }
        assert_eq!(check("mcp.example.org", Some("https://mcp.example.org")), Ok(()));
    }

    #[test]
    fn pages_of_other_sites_may_not() {
        for origin in [
            "http://evil.example",
            "http://localhost:3000",
            "http://app.example.org",
            "https://app.example.org:8443",
            "null",
            "",
            "file://",
        ] {
            assert_eq!(check("localhost:8002", Some(origin)), Err(Stranger::Origin), "{origin}");
        }
    }
}
