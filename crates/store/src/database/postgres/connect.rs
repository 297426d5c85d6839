//! How connections are opened: URL, TLS, the role, and what every connection is set to.

use std::{future::Future, pin::Pin, str::FromStr, sync::Arc};

use rustls::{ClientConfig, RootCertStore};
use tokio_postgres::{Client, Config, NoTls, config::SslMode};
use tokio_postgres_rustls::MakeRustlsConnect;

use super::failure;
use crate::StoreError;

/// The role without a policy's exceptions, made by the first migration.
const APPLICATION_ROLE: &str = "medcor_application";
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
    /// against the public authorities, and its name; without `sslmode` there is no TLS.
    pub(super) fn new(url: &str) -> Result<Self, StoreError> {
        let strict = ["sslmode=verify-full", "sslmode=verify-ca"];
        let known = strict.iter().fold(url.to_owned(), |url, mode| url.replace(mode, "sslmode=require"));
        // The error of a wrong URL may repeat its password.
        let mut config = Config::from_str(&known)
            .map_err(|_may_tell| StoreError::Database("the database URL is not valid".into()))?;
        config.application_name(APPLICATION_NAME);
        let wants_tls = url.contains("sslmode=") && config.get_ssl_mode() != SslMode::Disable;
        if !wants_tls {
            config.ssl_mode(SslMode::Disable);
        }
        let tls = if wants_tls { Some(tls()?) } else { None };
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

fn tls() -> Result<MakeRustlsConnect, StoreError> {
    let mut roots = RootCertStore::empty();
    roots.extend(webpki_roots::TLS_SERVER_ROOTS.iter().cloned());
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|error| StoreError::Database(error.into()))?
        .with_root_certificates(roots)
        .with_no_client_auth();
    Ok(MakeRustlsConnect::new(config))
}
