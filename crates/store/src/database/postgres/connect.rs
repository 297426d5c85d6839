//! How connections are opened: URL, TLS, the role, and what every connection is set to.

use std::{
    future::{Future, poll_fn},
    net::IpAddr,
    path::{Path, PathBuf},
    pin::Pin,
    str::FromStr,
    sync::Arc,
};

use medcor_policy::TenantId;
use rustls::{
    ClientConfig, RootCertStore,
    pki_types::{CertificateDer, pem::PemObject},
};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio_postgres::{
    AsyncMessage, Client, Config, Connection, NoTls,
    config::{Host, SslMode},
};
use tokio_postgres_rustls::MakeRustlsConnect;

use super::failure;
use crate::StoreError;

/// The role without a policy's exceptions, made by the first migration.
const APPLICATION_ROLE: &str = "medcor_application";
/// What a connection is set to for statements that belong to no tenant, such as those of identity and of
/// the audit trail. No tenant has this number.
pub(super) const SERVER: TenantId = TenantId(0);
/// How `pg_stat_activity` names us.
const APPLICATION_NAME: &str = "medcor";

/// Opens connections to one database.
#[derive(Clone)]
pub(super) struct Connector {
    config: Config,
    tls: Option<MakeRustlsConnect>,
}

/// Whether the database itself keeps tenants apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fence {
    /// By row-level security, for whatever a statement says.
    Enforced,
    /// Not: the login is a superuser's, and there is no role `medcor_application` to work as.
    Bypassed,
}

/// What keeps a connection going until its client is dropped.
pub(super) type Driver = Pin<Box<dyn Future<Output = Result<(), tokio_postgres::Error>> + Send>>;

impl Connector {
    /// Reads the URL. `sslmode=require`, `verify-ca` and `verify-full` all check the server's certificate
    /// and its name, against the authorities of the PEM file `sslrootcert` or else the public ones; without
    /// `sslmode` there is no TLS.
    pub(super) fn new(url: &str) -> Result<Self, StoreError> {
        let Target { mut config, root_file } = Target::of(url)?;
        config.application_name(APPLICATION_NAME);
        let wants_tls = config.get_ssl_mode() != SslMode::Disable;
        let tls = if wants_tls { Some(tls(root_file.as_deref())?) } else { None };
        Ok(Self { config, tls })
    }

    /// A connection as the login of the URL.
    pub(super) async fn open(&self) -> Result<(Client, Driver), StoreError> {
        match &self.tls {
            None => {
                let (client, driver) = self.config.connect(NoTls).await.map_err(failure)?;
                Ok((client, Box::pin(driver)))
            }
            Some(tls) => {
                let (client, driver) = self.config.connect(tls.clone()).await.map_err(failure)?;
                Ok((client, Box::pin(driver)))
            }
        }
    }

    /// A connection that calls `told` at each notification that it receives.
    pub(super) async fn open_listening(
        &self,
        told: impl Fn() + Send + 'static,
    ) -> Result<(Client, Driver), StoreError> {
        match &self.tls {
            None => {
                let (client, connection) = self.config.connect(NoTls).await.map_err(failure)?;
                Ok((client, Box::pin(driven(connection, told))))
            }
            Some(tls) => {
                let (client, connection) = self.config.connect(tls.clone()).await.map_err(failure)?;
                Ok((client, Box::pin(driven(connection, told))))
            }
        }
    }

    /// A connection for work: fenced, and driven by a task of its own.
    pub(super) async fn open_fenced(&self) -> Result<(Client, Fence), StoreError> {
        let (client, driver) = self.open().await?;
        tokio::spawn(async move {
            if let Err(error) = driver.await {
                tracing::warn!(error = &error as &dyn std::error::Error, "a database connection was lost");
            }
        });
        let fence = fence(&client).await?;
        Ok((client, fence))
    }

    pub(super) fn config(&self) -> &Config {
        &self.config
    }

    pub(super) fn tls(&self) -> Option<&MakeRustlsConnect> {
        self.tls.as_ref()
    }
}

/// Keeps a connection going, and tells of notifications.
async fn driven<S, T>(
    mut connection: Connection<S, T>,
    told: impl Fn() + Send + 'static,
) -> Result<(), tokio_postgres::Error>
where
    S: AsyncRead + AsyncWrite + Unpin,
    T: AsyncRead + AsyncWrite + Unpin,
{
    while let Some(message) = poll_fn(|cx| connection.poll_message(cx)).await {
        if matches!(message?, AsyncMessage::Notification(_)) {
            told();
        }
    }
    Ok(())
}

/// Takes the role that row-level security binds, if the login is not bound itself.
pub(super) async fn fence(client: &Client) -> Result<Fence, StoreError> {
    // Compiling plans costs more than it saves on statements of this size.
    client.batch_execute("SET jit = off").await.map_err(failure)?;
    let sql = format!(
        "SELECT u.rolsuper OR u.rolbypassrls,
                EXISTS (SELECT 1 FROM pg_roles WHERE rolname = '{APPLICATION_ROLE}')
         FROM pg_roles u WHERE u.rolname = session_user"
    );
    let row = client.query_one(&sql, &[]).await.map_err(failure)?;
    let (is_unbound, has_role): (bool, bool) = (row.get(0), row.get(1));
    match (is_unbound, has_role) {
        (false, _) => Ok(Fence::Enforced),
        (true, false) => Ok(Fence::Bypassed),
        (true, true) => {
            let sql = format!("SET ROLE {APPLICATION_ROLE}");
            client.batch_execute(&sql).await.map_err(failure)?;
            Ok(Fence::Enforced)
        }
    }
}

/// Whether whoever listens on a network could read what goes to the database at this URL: it is on another
/// machine, and TLS is not asked for or may be left out.
pub(crate) fn crosses_a_network_in_plain(url: &str) -> bool {
    let Ok(Target { config, .. }) = Target::of(url) else { return false };
    let is_near = |host: &Host| match host {
        Host::Tcp(name) => {
            name == "localhost" || name.parse::<IpAddr>().is_ok_and(|address| address.is_loopback())
        }
        #[cfg(unix)]
        Host::Unix(_) => true,
    };
    let is_near =
        config.get_hosts().iter().all(is_near) && config.get_hostaddrs().iter().all(IpAddr::is_loopback);
    !is_near && config.get_ssl_mode() != SslMode::Require
}

/// What a database URL says.
struct Target {
    config: Config,
    /// PEM file of the authorities that may vouch for the server.
    root_file: Option<PathBuf>,
}

impl Target {
    fn of(url: &str) -> Result<Self, StoreError> {
        // The error of a wrong URL may repeat its password.
        let wrong = || StoreError::Database("the database URL is not valid".into());
        let (address, query) = url.split_once('?').unwrap_or((url, ""));
        let mut root_file = None;
        let mut kept = Vec::new();
        for parameter in query.split('&').filter(|parameter| !parameter.is_empty()) {
            match parameter.split_once('=') {
                Some(("sslrootcert", path)) => root_file = Some(decoded(path).ok_or_else(wrong)?.into()),
                Some(("sslmode", "verify-full" | "verify-ca")) => kept.push("sslmode=require"),
                _ => kept.push(parameter),
            }
        }
        let names_mode = kept.iter().any(|parameter| parameter.starts_with("sslmode="));
        let mut config =
            Config::from_str(&format!("{address}?{}", kept.join("&"))).map_err(|_may_tell| wrong())?;
        if !names_mode {
            config.ssl_mode(if root_file.is_some() { SslMode::Require } else { SslMode::Disable });
        }
        Ok(Self { config, root_file })
    }
}

/// The text without its percent escapes.
fn decoded(text: &str) -> Option<String> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.bytes();
    while let Some(byte) = rest.next() {
        if byte == b'%' {
            let digit =
                |byte: Option<u8>| char::from(byte?).to_digit(16).and_then(|it| u8::try_from(it).ok());
            bytes.push(digit(rest.next())? << 4 | digit(rest.next())?);
        } else {
            bytes.push(byte);
        }
    }
    String::from_utf8(bytes).ok()
}

fn roots(file: Option<&Path>) -> Result<RootCertStore, StoreError> {
    let mut roots = RootCertStore::empty();
    let Some(file) = file else {
        roots.extend(webpki_roots::TLS_SERVER_ROOTS.iter().cloned());
        return Ok(roots);
    };
    let unusable = || StoreError::Database(format!("no certificates in {}", file.display()).into());
    for certificate in CertificateDer::pem_file_iter(file).map_err(|_| unusable())? {
        roots
            .add(certificate.map_err(|_| unusable())?)
            .map_err(|error| StoreError::Database(error.into()))?;
    }
    if roots.is_empty() { Err(unusable()) } else { Ok(roots) }
}

fn tls(root_file: Option<&Path>) -> Result<MakeRustlsConnect, StoreError> {
    let roots = roots(root_file)?;
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|error| StoreError::Database(error.into()))?
        .with_root_certificates(roots)
        .with_no_client_auth();
    Ok(MakeRustlsConnect::new(config))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_leaves_the_machine_unencrypted_is_told() {
        for url in [
            "postgres://medcor@db.example.org/medcor",
            "postgres://medcor@10.0.0.5/medcor?sslmode=disable",
            "postgres://medcor@10.0.0.5/medcor?sslmode=prefer",
            "postgres://medcor@localhost,10.0.0.5/medcor",
        ] {
            assert!(crosses_a_network_in_plain(url), "{url}");
        }
        for url in [
            "postgres://medcor@localhost/medcor",
            "postgres://medcor@127.0.0.1:5433/medcor",
            "postgres://medcor@%2Frun%2Fpostgresql/medcor",
            "postgres://medcor@db.example.org/medcor?sslmode=require",
            "postgres://medcor@db.example.org/medcor?sslmode=verify-full",
            "postgres://medcor@db.example.org/medcor?sslrootcert=/etc/ca.pem",
        ] {
            assert!(!crosses_a_network_in_plain(url), "{url}");
        }
    }

    #[test]
    fn authorities_of_ones_own_are_read_and_what_holds_none_is_refused() {
        let named =
            Target::of("postgres://a@b/c?sslrootcert=%2Fetc%2Fmy%20ca.pem&sslmode=verify-full").unwrap();
        assert_eq!(named.root_file.as_deref(), Some(Path::new("/etc/my ca.pem")));
        assert_eq!(named.config.get_ssl_mode(), SslMode::Require);
        assert!(Connector::new("postgres://a@b/c?sslrootcert=/no/such/file").is_err());
        assert!(
            Connector::new(concat!(
                "postgres://a@b/c?sslrootcert=",
                env!("CARGO_MANIFEST_DIR"),
                "/Cargo.toml"
            ))
            .is_err()
        );
        assert!(Target::of("postgres://a@b/c?sslrootcert=%zz").is_err());
    }
}
