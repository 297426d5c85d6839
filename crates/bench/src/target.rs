//! Where calls go: this machine and no other.

use std::{net::IpAddr, str::FromStr};

/// A server on this machine.
#[derive(Debug, Clone)]
pub struct Target {
    /// Host and port, as in the `Host` header.
    pub authority: String,
    /// Path with its leading slash.
    pub path: String,
}

/// Why it is none.
#[derive(Debug, thiserror::Error)]
pub enum TargetError {
    /// It is written otherwise.
    #[error("the URL has to look like http://127.0.0.1:8002/mcp")]
    Form,
    /// It is of another machine.
    #[error("only this machine is measured: 127.0.0.1, [::1] or localhost")]
    Elsewhere,
}

impl FromStr for Target {
    type Err = TargetError;

    fn from_str(url: &str) -> Result<Self, TargetError> {
        let rest = url.strip_prefix("http://").ok_or(TargetError::Form)?;
        let (authority, path) = match rest.split_once('/') {
            Some((authority, path)) => (authority, format!("/{path}")),
            None => (rest, "/".to_owned()),
        };
        let (host, port) = authority.rsplit_once(':').ok_or(TargetError::Form)?;
        port.parse::<u16>().map_err(|_| TargetError::Form)?;
        let address = host.trim_start_matches('[').trim_end_matches(']').parse::<IpAddr>();
        let is_here = host == "localhost" || address.is_ok_and(|address| address.is_loopback());
        if is_here { Ok(Self { authority: authority.to_owned(), path }) } else { Err(TargetError::Elsewhere) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn this_machine_is_taken() {
        for url in ["http://127.0.0.1:8002/mcp", "http://[::1]:1/", "http://localhost:80"] {
            assert!(url.parse::<Target>().is_ok(), "{url}");
        }
    }

    #[test]
    fn another_machine_is_refused() {
        for url in [
            "http://192.0.2.1:80/",
            "http://127.0.0.1.example.org:80/",
            "http://localhost@192.0.2.1:80/",
            "https://127.0.0.1:80/",
            "http://127.0.0.1/",
        ] {
            assert!(url.parse::<Target>().is_err(), "{url}");
        }
    }
}
