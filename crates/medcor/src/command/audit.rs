//! `medcor audit`: the trail for the operator.

use clap::{Args, Subcommand};
use medcor_fhir::Id;
use medcor_policy::SubjectId;
use medcor_store::{Store, audit::AuditQuery};

use super::{CommandError, Context, Ending, tenant, terminal};
use crate::app::{self, Schema};

/// Most rows that one search shows.
const ROWS_MAX: u32 = 10_000;

/// Verifies and shows the audit trail: one row for every call, allowed or refused.
///
/// Rows are JSON lines whose `event` begins with `AUDIT:`. They hold no values of parameters and nothing
/// of a record but opaque ids of patients.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  medcor audit verify
  medcor audit tail --count 50
  medcor audit search --action get_patient --from 2026-12-01T00:00:00Z | jq .outcome")]
pub(super) struct Audit {
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, Subcommand)]
enum Action {
    /// Walks every hash chain and names the first broken link. Exit code 1 when there is one.
    #[command(after_help = "Examples:\n  medcor audit verify")]
    Verify,
    /// Shows the last rows, oldest first.
    #[command(after_help = "Examples:\n  medcor audit tail\n  medcor audit tail --count 50")]
    Tail {
        /// How many.
        #[arg(long, default_value_t = 20, value_parser = clap::value_parser!(u32).range(1..=i64::from(ROWS_MAX)))]
        count: u32,
    },
    /// Shows the rows that fit every condition, oldest first.
    #[command(after_help = "Examples:
  medcor audit search --patient 0198c1f2-2a3b-7c4d-8e5f-60718293a4b5
  medcor audit search --user ada@example.org --from 2026-12-01T00:00:00Z")]
    Search(Conditions),
}

#[derive(Debug, Args)]
struct Conditions {
    /// The organisation, by its slug.
    #[arg(long, value_name = "SLUG")]
    tenant: Option<String>,
    /// The patient whose record was touched, by id.
    #[arg(long, value_name = "ID")]
    patient: Option<String>,
    /// Who called, by e-mail address or id.
    #[arg(long, value_name = "EMAIL")]
    user: Option<String>,
    /// The tool or command.
    #[arg(long, value_name = "NAME")]
    action: Option<String>,
    /// From this time on.
    #[arg(long, value_name = "RFC3339")]
    from: Option<jiff::Timestamp>,
    /// Before this time.
    #[arg(long, value_name = "RFC3339")]
    to: Option<jiff::Timestamp>,
    /// At most so many rows, the newest.
    #[arg(long, default_value_t = 1000, value_parser = clap::value_parser!(u32).range(1..=i64::from(ROWS_MAX)))]
    limit: u32,
}

impl Audit {
    pub(super) fn run(self, cx: &Context) -> Result<Ending, CommandError> {
        cx.block_on(async {
            let store = app::open_store(&cx.config, Schema::Current).await?;
            let result = match &self.action {
                Action::Verify => verify(&store).await,
                Action::Tail { count } => {
                    show(&store, AuditQuery { limit: *count, ..AuditQuery::default() }).await
                }
                Action::Search(conditions) => {
                    let query = conditions.query(&store).await?;
                    show(&store, query).await
                }
            };
            store.close().await;
            result
        })
    }
}

impl Conditions {
    async fn query(&self, store: &Store) -> Result<AuditQuery, CommandError> {
        let tenant = match &self.tenant {
            Some(slug) => Some(tenant::chosen(store, Some(slug)).await?.id),
            None => None,
        };
        let patient = match &self.patient {
            Some(text) => {
                let id = Id::new(text);
                Some(id.ok_or_else(|| CommandError::Usage("--patient takes the id of a Patient".to_owned()))?)
            }
            None => None,
        };
        let subject = match &self.user {
            Some(text) => {
                let user = store.identity().user_by_email(text).await?;
                Some(user.map_or_else(|| SubjectId(text.clone()), |user| user.id))
            }
            None => None,
        };
        Ok(AuditQuery {
            tenant,
            patient,
            subject,
            action: self.action.clone(),
            from: self.from.map(jiff::Timestamp::as_microsecond),
            to: self.to.map(jiff::Timestamp::as_microsecond),
            limit: self.limit,
        })
    }
}

async fn verify(store: &Store) -> Result<Ending, CommandError> {
    let report = store.ledger().verify().await?;
    let walked = format!("{} rows in {} chains", terminal::thousands(report.rows), report.chains);
    match report.first_broken {
        None => {
            terminal::print(&format!("The trail is whole: {walked}."))?;
            Ok(Ending::Done)
        }
        Some(link) => {
            terminal::print(&format!(
                "The trail is BROKEN: {walked}; chain {}, row {}: {}.",
                link.chain, link.sequence, link.reason
            ))?;
            Ok(Ending::Partly)
        }
    }
}

/// Looking into the trail is in the trail too, before anything is shown.
async fn show(store: &Store, query: AuditQuery) -> Result<Ending, CommandError> {
    let rows = store.ledger().search(&query).await?;
    store.ledger().record(app::command_entry(store, "AUDIT:TRAIL_READ", query.tenant, "audit", &[])).await?;
    for row in rows {
        terminal::print(&row)?;
    }
    Ok(Ending::Done)
}
