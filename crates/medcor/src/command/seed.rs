//! `medcor seed` and `serve --demo`: the demonstration data set, at any size.

use clap::Args;
use medcor_store::Store;

use super::{
    CommandError, Context, Ending,
    terminal::{self, Progress},
};
use crate::{
    app::{self, Schema},
    config::Config,
    demonstration::{self, ChartPlan, Plan},
};

/// The file in the data folder with the accounts of the demonstration.
pub(super) const CREDENTIALS_NAME: &str = "demo-credentials.json";

/// Fills a database with made-up hospitals, clinicians and patients, for trials and benchmarks.
///
/// The same number of patients gives the same records every time. They are tagged, so that they can be
/// told apart from real ones.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  medcor seed --patients 200
  medcor seed --patients 10000 --uniform --data ./bench-data")]
pub(super) struct Seed {
    /// How many patients.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
    patients: u32,
    /// Give every patient the same number of records (5 allergies, 10 prescriptions, 50 vital signs), so
    /// that measurements compare, instead of a plausible chart.
    #[arg(long)]
    uniform: bool,
}

impl Seed {
    fn plan(&self) -> Plan {
        let chart = if self.uniform {
            ChartPlan::Uniform { allergies: 5, medications: 10, observations: 50 }
        } else {
            ChartPlan::Plausible
        };
        Plan { patients: self.patients, chart }
    }

    pub(super) fn run(self, cx: &Context) -> Result<Ending, CommandError> {
        if cx.config.is_production {
            return Err(CommandError::Usage("--production takes no made-up records".to_owned()));
        }
        cx.block_on(async {
            app::create_private_folder(&cx.config.data)?;
            let store = app::open_store(&cx.config, Schema::Migrated).await?;
            if !store.identity().tenants().await?.is_empty() {
                let message = "the database has records already: seed an empty one, with another --data";
                return Err(CommandError::Usage(message.to_owned()));
            }
            fill_with_demonstration(&store, &cx.config, self.plan()).await?;
            store.close().await;
            Ok(Ending::Done)
        })
    }
}

/// Fills a database that has no organisation yet; one with records stays as it is.
pub(super) async fn fill_if_empty(store: &Store, config: &Config) -> Result<(), CommandError> {
    if store.identity().tenants().await?.is_empty() {
        fill_with_demonstration(store, config, Plan::DEMONSTRATION).await?;
    }
    Ok(())
}

/// Calls the generator and writes the accounts that it made to `DIR/demo-credentials.json`.
async fn fill_with_demonstration(store: &Store, config: &Config, plan: Plan) -> Result<(), CommandError> {
    let mut progress = Progress::start("patients", plan.patients.into());
    let credentials = demonstration::fill(store, plan, |done| progress.at(done.into())).await?;
    progress.finish();
    let path = config.data.join(CREDENTIALS_NAME);
    let text = serde_json::to_vec_pretty(&credentials).expect("accounts are plain text");
    app::write_private_file(&path, &text)?;
    terminal::note(&format!("{} patients; accounts: {}", plan.patients, path.display()));
    Ok(())
}
