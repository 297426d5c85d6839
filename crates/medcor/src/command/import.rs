//! `medcor import`: FHIR records from files.

use std::path::PathBuf;

use clap::Args;
use medcor_store::{Store, identity::Tenant};

use super::{
    CommandError, Context, Ending, tenant,
    terminal::{self, Progress},
};
use crate::{
    app::{self, Schema},
    import::{Event, Import as Engine, Refusal, Report},
};

/// Loads FHIR R4 records: bundles, single resources and NDJSON, plain or as .gz, files or folders.
///
/// Ids that the records carry are kept, so that importing twice changes nothing: not even where somebody
/// changed or deleted a record in between, unless with --restore. References within a bundle
/// (urn:uuid:…) and conditional ones (Practitioner?identifier=…) are resolved in whatever order the files
/// come. A record that is not valid is reported with its place and all its problems, and the
/// rest goes on. Without any organisation in the database, `default` is made.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  medcor import ./bundles hospital.json.gz
  medcor import ./export --tenant st-marys
  medcor import records.ndjson --strict

Exit codes: 0 everything was taken, 1 something was refused, 2 the command is wrong.")]
pub(super) struct Import {
    /// Files and folders: .json, .ndjson, .jsonl, also with .gz.
    #[arg(required = true, value_name = "PATH")]
    paths: Vec<PathBuf>,
    /// The organisation that gets the records, by its slug [default: the only one].
    #[arg(long, value_name = "SLUG")]
    tenant: Option<String>,
    /// Stop at the first record that is refused. What was committed before stays.
    #[arg(long)]
    strict: bool,
    /// Bring back content that records had before, also of records that were changed or deleted since.
    #[arg(long)]
    restore: bool,
}

impl Import {
    pub(super) fn run(self, cx: &Context) -> Result<Ending, CommandError> {
        if let Some(missing) = self.paths.iter().find(|path| !path.exists()) {
            return Err(CommandError::Usage(format!("there is no {}", missing.display())));
        }
        app::create_private_folder(&cx.config.data)?;
        let store = cx.block_on(app::open_store(&cx.config, Schema::MigratedInTrials))?;
        let tenant = cx.block_on(self.tenant(&store))?;
        let engine = Engine {
            store: &store,
            tenant: tenant.id,
            scratch: &cx.config.data,
            is_strict: self.strict,
            is_restoring: self.restore,
        };
        let mut progress = None;
        let report = engine.run(&self.paths, cx.runtime.handle(), &mut |event| match event {
            Event::Found { bytes, .. } => progress = Some(Progress::start("import", bytes)),
            Event::Progress { bytes, records } => {
                if let Some(progress) = &mut progress {
                    progress.at_with(bytes, &format!("{} records", terminal::thousands(records)));
                }
            }
            Event::Refused(refusal) => match &progress {
                Some(progress) => progress.line(&shown(refusal)),
                None => terminal::note(&shown(refusal)),
            },
        });
        if let Some(progress) = progress {
            progress.finish();
        }
        let report = report?;
        terminal::print(&closing(&report))?;
        let has_people = cx.block_on(async { store.identity().users(tenant.id).await })?;
        if has_people.is_empty() {
            terminal::note(&format!(
                "Nobody can read these records yet. Add a person and get a token:\n  \
                 medcor user add --tenant {} --role doctor --email you@example.org\n  \
                 medcor token --user you@example.org",
                tenant.slug
            ));
        }
        cx.block_on(store.close());
        Ok(if report.total().refused == 0 { Ending::Done } else { Ending::Partly })
    }

    /// An empty database gets the organisation that is asked for; later, a slip of the pen must not.
    async fn tenant(&self, store: &Store) -> Result<Tenant, CommandError> {
        if !store.identity().tenants().await?.is_empty() {
            return tenant::chosen(store, self.tenant.as_deref()).await;
        }
        let slug = self.tenant.as_deref().unwrap_or(tenant::DEFAULT_SLUG);
        let tenant = tenant::create(store, slug, slug, "UTC").await?;
        terminal::note(&format!("Made the organisation `{slug}`."));
        Ok(tenant)
    }
}

fn shown(refusal: &Refusal) -> String {
    let kind = refusal.resource_type.map(|resource_type| format!(" {resource_type}")).unwrap_or_default();
    let mut text = format!("refused: {}{kind}", refusal.place);
    for problem in &refusal.problems {
        text.push_str("\n    ");
        text.push_str(problem);
    }
    text
}

/// The table, and what is worth knowing besides.
fn closing(report: &Report) -> String {
    let mut lines = vec![table(report)];
    for (what, types) in [
        ("references to records that neither the files nor the database have", &report.absent),
        ("conditional references that fit no record, or several, kept as they came", &report.unresolved),
    ] {
        let count: u64 = types.values().sum();
        if count > 0 {
            let types = types.iter().map(|(name, count)| format!("{name} {}", terminal::thousands(*count)));
            let types = types.collect::<Vec<_>>().join(", ");
            lines.push(format!("{} {what}: {types}", terminal::thousands(count)));
        }
    }
    if report.without_entry > 0 {
        let count = terminal::thousands(report.without_entry);
        lines.push(format!("{count} references to entries that their bundle lacks (urn:…)"));
    }
    if report.left_aside > 0 {
        lines.push(format!("{} other files were left aside", terminal::thousands(report.left_aside)));
    }
    if report.was_stopped {
        lines.push("stopped at the first refusal (--strict)".to_owned());
    }
    lines.push(speed(report));
    lines.join("\n")
}

fn table(report: &Report) -> String {
    let total = report.total();
    let mut heads = vec!["", "taken", "updated", "unchanged", "refused"];
    heads.extend((total.deleted > 0).then_some("deleted"));
    let mut rows = vec![heads.into_iter().map(str::to_owned).collect()];
    for (name, counts) in report.types.iter().map(|(name, counts)| (*name, counts)).chain([("all", &total)]) {
        let mut numbers = vec![counts.taken, counts.updated, counts.unchanged, counts.refused];
        numbers.extend((total.deleted > 0).then_some(counts.deleted));
        let numbers = numbers.into_iter().map(terminal::thousands);
        rows.push(std::iter::once(name.to_owned()).chain(numbers).collect());
    }
    terminal::table(&rows)
}

fn speed(report: &Report) -> String {
    let records = report.total().all();
    let milliseconds = u64::try_from(report.duration.as_millis()).unwrap_or(u64::MAX).max(1);
    format!(
        "{} files, {} records in {}.{:03} s: {} records/s",
        terminal::thousands(report.files),
        terminal::thousands(records),
        milliseconds / 1000,
        milliseconds % 1000,
        terminal::thousands(records.saturating_mul(1000) / milliseconds),
    )
}
