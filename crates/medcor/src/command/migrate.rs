//! `medcor migrate`: brings the database's schema to this version.

use clap::Args;

use super::{CommandError, Context, Ending, terminal};
use crate::app::{self, Schema};

/// Creates or upgrades the database.
///
/// `medcor serve` does the same when it starts, except with --production, where the schema changes only
/// when you say so. Migrations go forward only; make a backup first.
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  medcor migrate\n  medcor migrate --database-url postgres://medcor@localhost/medcor"
)]
pub(super) struct Migrate {}

impl Migrate {
    pub(super) fn run(self, cx: &Context) -> Result<Ending, CommandError> {
        let Self {} = self;
        cx.block_on(async {
            let store = app::open_store(&cx.config, Schema::Migrated).await?;
            store.ping().await?;
            store.close().await;
            Ok::<_, CommandError>(())
        })?;
        terminal::print("The schema is up to date.")?;
        Ok(Ending::Done)
    }
}
