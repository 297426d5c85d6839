//! `medcor serve`: opens the store and every door, and says what to try.

use std::{io, net::SocketAddr, sync::Arc, time::Duration};

use clap::Args;
use medcor_oauth::{
    Authenticator, AuthorizationServer,
    account::{AccountSettings, Accounts},
};
use medcor_store::Store;
use tokio::{
    net::{TcpListener, TcpSocket},
    signal::unix::{SignalKind, signal},
};
use tokio_util::sync::CancellationToken;

use super::{CommandError, Context, Ending, invitation::Invitation, terminal};
use crate::{
    app::{self, Schema},
    config::Flags,
    door::{self, DoorSettings, DoorState},
    events::{Hub, HubSettings},
    job::{self, WebhookJob},
};

/// Connections that wait to be accepted; the system may allow fewer.
const BACKLOG: u32 = 1024;

/// Starts the server.
///
/// Creates what is missing under --data, listens and prints what to try next. Ends on SIGINT or SIGTERM:
/// calls that run are finished, then the store is closed.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  medcor serve --demo
  medcor serve --listen 127.0.0.1:8002 --listen [::1]:8002
  medcor serve --listen 0.0.0.0:8002 --public-url https://medcor.example.org --production
  medcor serve --database-url postgres://medcor@localhost/medcor --audit-durability disk
  medcor serve --demo --clock 2026-12-02T09:00:00Z")]
pub(super) struct Serve {
    /// Fill an empty database with two hospitals, their clinicians and 200 patients, and write
    /// DIR/demo-credentials.json.
    #[arg(long)]
    demo: bool,
    /// Address and port to listen on. Can be given several times [default: 127.0.0.1:8002].
    #[arg(long, value_name = "ADDR")]
    pub(super) listen: Vec<String>,
    /// The server that takes letters with one-time links; one with a password belongs into the environment
    /// [default: the log].
    #[arg(long, value_name = "URL")]
    smtp_url: Option<String>,
    /// From whom letters are, such as `MedCor <medcor@example.org>`.
    #[arg(long, value_name = "ADDRESS")]
    mail_from: Option<String>,
    /// A proxy whose X-Forwarded-For says where a login comes from; several are separated by commas.
    #[arg(long, value_name = "ADDRESS")]
    trusted_proxies: Option<String>,
}

impl Serve {
    /// The flags of this command that are settings.
    pub(super) fn add_settings(&self, flags: &mut Flags) {
        let settings = [
            ("smtp_url", &self.smtp_url),
            ("mail_from", &self.mail_from),
            ("trusted_proxies", &self.trusted_proxies),
        ];
        for (name, text) in settings {
            if let Some(text) = text {
                flags.insert(name, vec![text.clone()]);
            }
        }
    }

    pub(super) fn run(self, cx: &Context) -> Result<Ending, CommandError> {
        if self.demo && cx.config.is_production {
            let message =
                "--demo makes accounts whose passwords lie in a file: leave out --production, or --demo";
            return Err(CommandError::Usage(message.to_owned()));
        }
        for note in &cx.config.notes {
            tracing::warn!("{note}");
        }
        cx.block_on(self.serve(cx))
    }

    async fn serve(&self, cx: &Context) -> Result<Ending, CommandError> {
        let config = &cx.config;
        let audit_key = app::audit_key(config)?;
        app::create_private_folder(&config.data)?;
        // Taken before anything else is made: a second server must not fill this one's database.
        let listeners = listeners(&config.listen)?;
        let store = app::open_store(config, Schema::MigratedInTrials).await?;
        if self.demo {
            super::seed::fill_if_empty(&store, config).await?;
        }
        let address = listeners.first().and_then(|listener| listener.local_addr().ok());
        let url = config.public_url.clone().unwrap_or_else(|| local_url(address));
        let authenticator =
            Arc::new(Authenticator::open(&store, app::token_settings_at(config, &url)).await?);
        let authorization =
            AuthorizationServer::open(&store, authenticator.clone(), app::server_settings(config)).await?;
        let strangers = app::strangers(config);
        let authorization = Arc::new(authorization.with_strangers(strangers.clone()));
        let accounts = Accounts::open(&store, AccountSettings::new(&url)).await?;
        let accounts = Arc::new(accounts.with_strangers(strangers.clone()));
        let mail = Arc::new(app::mail(config, &url)?);
        let logins = app::logins(&store, &authenticator, &authorization, &accounts, &mail);
        let pipeline = app::pipeline(&store, config, logins, strangers)?;
        let webhooks = WebhookJob::new(&pipeline, &authenticator, &url)?;
        let state = DoorState {
            pipeline: pipeline.clone(),
            authenticator,
            authorization: authorization.clone(),
            accounts,
            mail,
            hub: Hub::new(pipeline.clone(), HubSettings::default()),
            settings: DoorSettings {
                trusted_proxies: config.trusted_proxies.clone(),
                certificate_proxies: config.certificate_proxies.clone(),
                connections_max: config.connections_max,
                connections_per_network: config.connections_per_network,
                batch_calls_max: config.batch_calls_max.unwrap_or(door::BATCH_CALLS_MAX),
                api_deprecated_at: config.api_deprecated_at,
                api_sunset_at: config.api_sunset_at,
                allowed_hosts: config.allowed_hosts.clone(),
                allowed_origins: config.allowed_origins.clone(),
                ..DoorSettings::new(url.clone())
            }
            .into(),
        };
        let shutdown = CancellationToken::new();
        tokio::spawn(cancel_on_signal(shutdown.clone())?);
        tokio::spawn(tend(authorization, shutdown.clone()));
        let delivering = job::start(&pipeline, webhooks, audit_key, &shutdown).await;
        let invitation = Invitation::new(&store, config, &url).await?;
        let served = tokio::spawn(door::serve(listeners, state, shutdown));
        terminal::print(&invitation.to_string())?;
        tracing::info!(url, "ready");
        let ended =
            served.await.map_err(|_| CommandError::Failed("a door failed, see the log".to_owned()))?;
        ended.map_err(|source| CommandError::Doors { source })?;
        delivering.await.map_err(|_| CommandError::Failed("a job failed, see the log".to_owned()))?;
        close(store).await;
        Ok(Ending::Done)
    }
}

/// Removes ended tokens and renews old keys, hourly until the server stops.
async fn tend(authorization: Arc<AuthorizationServer>, stop: CancellationToken) {
    const EVERY: Duration = Duration::from_hours(1);
    loop {
        if let Err(error) = authorization.tend().await {
            tracing::warn!(error = &error as &dyn std::error::Error, "ended tokens could not be removed");
        }
        tokio::select! {
            () = tokio::time::sleep(EVERY) => {}
            () = stop.cancelled() => return,
        }
    }
}

async fn close(store: Store) {
    tracing::info!("every call has ended, closing the store");
    store.close().await;
}

fn listeners(addresses: &[SocketAddr]) -> Result<Vec<TcpListener>, CommandError> {
    let mut listeners = Vec::with_capacity(addresses.len());
    for &address in addresses {
        let listener = listener(address).map_err(|source| CommandError::Listen { address, source })?;
        listeners.push(listener);
    }
    Ok(listeners)
}

/// Where more connections wait than by default: of those that find no place the client may never be told.
fn listener(address: SocketAddr) -> io::Result<TcpListener> {
    let socket = if address.is_ipv4() { TcpSocket::new_v4() } else { TcpSocket::new_v6() }?;
    // On Windows this would let another program take the address over.
    #[cfg(unix)]
    socket.set_reuseaddr(true)?;
    socket.bind(address)?;
    socket.listen(BACKLOG)
}

fn local_url(address: Option<SocketAddr>) -> String {
    match address {
        Some(address) if address.ip().is_unspecified() => format!("http://127.0.0.1:{}", address.port()),
        Some(address) => format!("http://{address}"),
        None => app::LOCAL_URL.to_owned(),
    }
}

/// Waits for SIGINT or SIGTERM.
pub(super) fn cancel_on_signal(
    shutdown: CancellationToken,
) -> Result<impl Future<Output = ()> + Send + 'static, CommandError> {
    let listen = |kind| signal(kind).map_err(|source| CommandError::Runtime { source });
    let mut interrupt = listen(SignalKind::interrupt())?;
    let mut terminate = listen(SignalKind::terminate())?;
    Ok(async move {
        tokio::select! {
            _ = interrupt.recv() => {}
            _ = terminate.recv() => {}
        }
        shutdown.cancel();
    })
}
