//! `medcor seed` and `serve --demo`: the demonstration data set, at any size.

use clap::Args;
use medcor_store::Store;

use super::{CommandError, Context, Ending};
use crate::{
    app::{self, Schema},
    config::Config,
};

/// The file in the data folder with the accounts of the demonstration.
pub(super) const CREDENTIALS_NAME: &str = "demo-credentials.json";
/// Patients of `serve --demo`.
const DEMO_PATIENTS: u32 = 200;

/// Fills a database with made-up hospitals, clinicians and patients, for trials and benchmarks.
///
/// The same number of patients gives the same records every time. They are tagged, so that they can be
/// told apart from real ones.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  medcor seed --patients 200
  medcor seed --patients 10000 --data ./bench-data")]
pub(super) struct Seed {
    /// How many patients.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
    patients: u32,
}

impl Seed {
    pub(super) fn run(self, cx: &Context) -> Result<Ending, CommandError> {
        if cx.config.is_production {
            return Err(CommandError::Usage("--production takes no made-up records".to_owned()));
        }
        cx.block_on(async {
            app::create_private_folder(&cx.config.data)?;
            let store = app::open_store(&cx.config, Schema::Migrated).await?;
            fill_with_demonstration(&store, &cx.config, self.patients).await?;
            store.close().await;
            Ok(Ending::Done)
        })
    }
}

/// Fills a database that has no organisation yet; one with records stays as it is.
pub(super) async fn fill_if_empty(store: &Store, config: &Config) -> Result<(), CommandError> {
    if store.identity().tenants().await?.is_empty() {
        fill_with_demonstration(store, config, DEMO_PATIENTS).await?;
    }
    Ok(())
}

/// Calls the generator and writes the accounts that it made to `DIR/demo-credentials.json`.
async fn fill_with_demonstration(
    _store: &Store,
    config: &Config,
    _patients: u32,
) -> Result<(), CommandError> {
    let path = config.data.join(CREDENTIALS_NAME);
    Err(CommandError::Failed(format!(
        "the demonstration data set for {} is not built in yet",
        path.display()
    )))
}
