//! `medcor tenant`: the organisations whose records the database keeps apart.

use clap::{Args, Subcommand};
use medcor_fhir::ParsedResource;
use medcor_policy::system;
use medcor_store::{Store, TenantSettings, identity::Tenant as Organisation};
use serde_json::json;

use super::{CommandError, Context, Ending, terminal};
use crate::app::{self, Schema};

/// The slug of the organisation that the first import makes.
pub(super) const DEFAULT_SLUG: &str = "default";
const SLUG_LENGTH_MAX: usize = 40;

/// Adds and lists organisations. The records of one are never visible to another.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  medcor tenant list
  medcor tenant add st-marys --name \"St Mary's Hospital\" --time-zone Europe/London")]
pub(super) struct Tenant {
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, Subcommand)]
enum Action {
    /// Adds an organisation.
    #[command(after_help = "Examples:\n  medcor tenant add st-marys --time-zone Europe/London")]
    Add {
        /// Short name for commands and URLs: a-z, 0-9 and -.
        slug: String,
        /// Display name [default: the slug].
        #[arg(long)]
        name: Option<String>,
        /// IANA time zone in which its appointments live.
        #[arg(long, default_value = "UTC")]
        time_zone: String,
    },
    /// Changes a setting of an organisation: `care_team_only` (on, off), `care_window_days` (a number),
    /// `write_confirmation` (off, `when_supported`, always), `agent_patients_per_hour` (a number), `second_factor` (optional, staff, everyone) or `webhook_hosts`
    /// (hosts that webhooks may call, separated by commas, each with its port where that is not 443; none).
    #[command(after_help = "Examples:\n  medcor tenant set st-marys care_team_only on")]
    Set {
        /// Short name of the organisation.
        slug: String,
        /// Which setting.
        setting: String,
        /// Its new value.
        value: String,
    },
    /// Lists organisations, one a line: slug, name, time zone, id.
    #[command(after_help = "Examples:\n  medcor tenant list")]
    List,
}

impl Tenant {
    pub(super) fn run(self, cx: &Context) -> Result<Ending, CommandError> {
        cx.block_on(async {
            let store = app::open_store(&cx.config, Schema::MigratedInTrials).await?;
            let result = match &self.action {
                Action::Add { slug, name, time_zone } => {
                    let name = name.as_ref().unwrap_or(slug);
                    let tenant = create(&store, slug, name, time_zone).await?;
                    terminal::print(&format!("Added {} ({}).", tenant.slug, tenant.organization))
                }
                Action::Set { slug, setting, value } => set(&store, slug, setting, value).await,
                Action::List => list(&store).await,
            };
            store.close().await;
            result.map(|()| Ending::Done)
        })
    }
}

async fn set(store: &Store, slug: &str, setting: &str, value: &str) -> Result<(), CommandError> {
    let tenant = chosen(store, Some(slug)).await?;
    TenantSettings::default().with(setting, value).map_err(|error| CommandError::Usage(error.to_string()))?;
    store.identity().set_tenant_setting(tenant.id, setting, value).await?;
    let parameters = ["slug", "setting", "value"];
    let event = "AUDIT:ADMINISTRATION";
    let entry = app::command_entry(store, event, Some(tenant.id), "tenant set", &parameters);
    store.ledger().record(entry).await?;
    terminal::print(&format!("{setting} of {slug} is {value} now; running servers see it within 5 seconds."))
}

async fn list(store: &Store) -> Result<(), CommandError> {
    for tenant in store.identity().tenants().await? {
        let Organisation { slug, name, time_zone, organization, .. } = &tenant;
        terminal::print(&format!("{slug}\t{name}\t{time_zone}\t{organization}"))?;
    }
    Ok(())
}

/// Makes an organisation with its `Organization` record.
pub(super) async fn create(
    store: &Store,
    slug: &str,
    name: &str,
    time_zone: &str,
) -> Result<Organisation, CommandError> {
    let is_slug = (1..=SLUG_LENGTH_MAX).contains(&slug.len())
        && slug.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-');
    if !is_slug {
        return Err(CommandError::Usage(format!(
            "the slug of an organisation is 1 to {SLUG_LENGTH_MAX} of a-z, 0-9 and -"
        )));
    }
    if jiff::tz::TimeZone::get(time_zone).is_err() {
        let message = "the time zone is not known; expected a name such as Europe/London or America/New_York";
        return Err(CommandError::Usage(message.to_owned()));
    }
    if store.identity().tenants().await?.iter().any(|tenant| tenant.slug == slug) {
        return Err(CommandError::Usage(format!("there is an organisation `{slug}` already")));
    }
    let id = store.clock().new_id();
    let tenant = store.identity().create_tenant(id.clone(), slug, name, time_zone).await?;
    let record = json!({"resourceType": "Organization", "active": true, "name": name});
    let record = ParsedResource::from_value(record).map_err(medcor_store::StoreError::Invalid)?;
    let permit = system::permit_import(tenant.id);
    let mut session = store.session(&permit);
    session.put(id, record)?;
    let parameters = ["slug", "name", "time_zone"];
    session
        .commit(app::command_entry(store, "AUDIT:TENANT_CREATED", Some(tenant.id), "tenant add", &parameters))
        .await?;
    Ok(tenant)
}

/// The organisation of this slug; without one the only one there is.
pub(super) async fn chosen(store: &Store, slug: Option<&str>) -> Result<Organisation, CommandError> {
    let tenants = store.identity().tenants().await?;
    let slugs: Vec<&str> = tenants.iter().map(|tenant| tenant.slug.as_str()).collect();
    let problem = match (slug, slugs.as_slice()) {
        (_, []) => {
            "the database has no organisation yet: import records, or add one with `medcor tenant add`"
                .to_owned()
        }
        (None, [_]) => return Ok(tenants.into_iter().next().expect("the list has one")),
        (None, known) => format!("say which organisation with --tenant: {}", known.join(", ")),
        (Some(slug), known) => match tenants.iter().find(|tenant| tenant.slug == slug) {
            Some(tenant) => return Ok(tenant.clone()),
            None => format!(
                "there is no organisation `{slug}`; known are {}; `medcor tenant add {slug}` adds it",
                known.join(", ")
            ),
        },
    };
    Err(CommandError::Usage(problem))
}
