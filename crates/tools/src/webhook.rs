//! Where webhooks may go: what can be said of a URL before its host is looked up. The addresses behind a name are
//! judged when a notification is sent.

use url::{Host, Url};

use crate::{ToolContext, ToolError};

/// Longest URL.
const URL_BYTES_MAX: usize = 512;

/// Where an organisation lets webhooks go.
#[derive(Debug, Clone, Default)]
pub struct EndpointRules {
    /// Hosts, each with its port where that is not the usual one.
    pub hosts: Vec<String>,
    /// Whether they may go to this machine, and there without TLS.
    pub allows_loopback: bool,
}

/// A URL that an organisation lets webhooks go to.
#[derive(Debug, Clone)]
pub struct Endpoint(Url);

impl Endpoint {
    /// The endpoint at this URL.
    ///
    /// # Errors
    ///
    /// Everything that stands against it.
    pub fn parse(text: &str, rules: &EndpointRules) -> Result<Self, Vec<&'static str>> {
        let Ok(url) = Url::parse(text) else {
            return Err(vec!["is no URL, such as https://hooks.example.org/medcor"]);
        };
        let mut problems = Vec::new();
        let is_loopback = is_loopback(&url);
        let is_allowed_here = is_loopback && rules.allows_loopback;
        if text.len() > URL_BYTES_MAX {
            problems.push("is longer than 512 bytes");
        }
        if url.scheme() != "https" && !(url.scheme() == "http" && is_allowed_here) {
            problems.push("is not https");
        }
        if !url.username().is_empty() || url.password().is_some() {
            problems.push("has a name or a password: the signature says who sends");
        }
        if url.query().is_some() || url.fragment().is_some() {
            problems.push("has a query or a fragment: what is secret would be kept in the record");
        }
        if !is_allowed_here && !has_public_name(&url) {
            problems.push("has no name of a public host; addresses and names of this network are refused");
        }
        // A URL that others read differently could lead elsewhere.
        let is_plain = url.as_str() == text || url.as_str().strip_suffix('/') == Some(text);
        if !is_plain {
            problems
                .push("is not written as everybody reads it: lower case, no dots as steps, no empty port");
        }
        if !rules.hosts.iter().any(|host| *host == authority(&url)) {
            problems.push(
                "has a host that your organisation does not let webhooks call; the operator allows it with \
                 `medcor tenant set ORGANISATION webhook_hosts HOST`",
            );
        }
        if problems.is_empty() { Ok(Self(url)) } else { Err(problems) }
    }

    /// The URL.
    pub fn url(&self) -> &Url {
        &self.0
    }

    /// Whether it is this machine.
    pub fn is_loopback(&self) -> bool {
        is_loopback(&self.0)
    }
}

impl ToolContext<'_> {
    /// Where the organisation lets webhooks go.
    pub async fn endpoint_rules(&self) -> Result<EndpointRules, ToolError> {
        let hosts = self.store.tenant_settings(self.tenant.id).await?.webhook_hosts;
        Ok(EndpointRules { hosts, allows_loopback: self.allows_loopback })
    }
}

/// Host, and port where it is not the usual one.
fn authority(url: &Url) -> String {
    let host = url.host_str().unwrap_or_default();
    url.port().map_or_else(|| host.to_owned(), |port| format!("{host}:{port}"))
}

fn is_loopback(url: &Url) -> bool {
    match url.host() {
        Some(Host::Domain(name)) => name == "localhost",
        Some(Host::Ipv4(address)) => address.is_loopback(),
        Some(Host::Ipv6(address)) => address.is_loopback(),
        None => false,
    }
}

/// A name with a dot, not at its end.
fn has_public_name(url: &Url) -> bool {
    match url.host() {
        Some(Host::Domain(name)) => {
            name.contains('.') && !name.ends_with('.') && !name.ends_with(".localhost")
        }
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rules(hosts: &[&str], allows_loopback: bool) -> EndpointRules {
        EndpointRules { hosts: hosts.iter().map(|host| (*host).to_owned()).collect(), allows_loopback }
    }

    #[test]
    fn only_plain_urls_of_allowed_hosts_are_endpoints() {
        let allowed = rules(&["hooks.example.org", "hooks.example.org:8443"], false);
        for text in [
            "https://hooks.example.org/medcor",
            "https://hooks.example.org",
            "https://hooks.example.org:8443/a/b",
        ] {
            assert!(Endpoint::parse(text, &allowed).is_ok(), "{text}");
        }
        for text in [
            "http://hooks.example.org/medcor",
            "https://hooks.example.org:9443/medcor",
            "https://user@hooks.example.org/medcor",
            "https://user:secret@hooks.example.org/medcor",
            "https://hooks.example.org/medcor?token=secret",
            "https://hooks.example.org/medcor#part",
            "https://HOOKS.example.org/medcor",
            "https://hooks.example.org./medcor",
            "https://hooks.example.org/a/../medcor",
            "https://hooks.example.org\\@evil.org/medcor",
            "https://hooks.example.org:443/medcor",
            "https://hooks.example.org.evil.org/medcor",
            "https://evil.org/hooks.example.org",
            "ftp://hooks.example.org/medcor",
            "file:///etc/passwd",
            "hooks.example.org",
            "",
        ] {
            assert!(Endpoint::parse(text, &allowed).is_err(), "{text}");
        }
    }

    #[test]
    fn addresses_are_no_endpoints_however_they_are_written_and_whoever_allows_them() {
        for host in [
            "127.0.0.1",
            "2130706433",
            "0x7f000001",
            "0177.0.0.1",
            "127.1",
            "0",
            "10.0.0.1",
            "169.254.169.254",
            "[::1]",
            "[::ffff:127.0.0.1]",
            "[::ffff:7f00:1]",
            "[fd00:ec2::254]",
            "[64:ff9b::a9fe:a9fe]",
            "8.8.8.8",
            "localhost",
            "a.localhost",
            "metadata",
        ] {
            let text = format!("https://{host}/hook");
            let named = Url::parse(&text).unwrap();
            let allowed = rules(&[host, named.host_str().unwrap()], false);
            assert!(Endpoint::parse(&text, &allowed).is_err(), "{text}");
        }
    }

    #[test]
    fn this_machine_is_an_endpoint_where_the_operator_says_so() {
        let allowed = rules(&["127.0.0.1:9000", "localhost:9000", "[::1]:9000", "10.0.0.1:9000"], true);
        for text in ["http://127.0.0.1:9000/hook", "http://localhost:9000/hook", "http://[::1]:9000/hook"] {
            assert!(Endpoint::parse(text, &allowed).is_ok(), "{text}");
        }
        for text in ["http://10.0.0.1:9000/hook", "http://127.0.0.1:9001/hook", "http://127.0.0.2:9000/hook"]
        {
            assert!(Endpoint::parse(text, &allowed).is_err(), "{text}");
        }
    }

    #[test]
    fn everything_that_is_wrong_is_said_at_once() {
        let problems = Endpoint::parse("http://user@10.0.0.1/hook?a=b", &rules(&[], false)).unwrap_err();
        assert_eq!(problems.len(), 5, "{problems:?}");
    }
}
