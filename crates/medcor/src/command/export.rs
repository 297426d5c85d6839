//! `medcor export`: a tenant's records as NDJSON, one file per type.

use std::{
    fs,
    io::{BufWriter, Write},
    path::{Path, PathBuf},
};

use clap::Args;
use medcor_fhir::ResourceType;
use medcor_policy::system;
use medcor_store::{Store, identity::Tenant};

use super::{CommandError, Context, Ending, tenant, terminal};
use crate::{
    app::{self, Schema},
    import::text::as_one_line,
};

/// Records of one page, which leaves one audit row.
const PAGE_RECORDS: u32 = 1000;

/// Writes the current records of an organisation: DIR/Patient.ndjson and so on, one record a line.
///
/// Each line is the stored text, byte for byte, apart from line breaks. Each page of records is in the
/// audit trail before it is written. The files are readable for their owner alone.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  medcor export ./backup
  medcor export ./st-marys --tenant st-marys")]
pub(super) struct Export {
    /// Folder to write to; made if it is not there.
    #[arg(value_name = "DIR")]
    folder: PathBuf,
    /// The organisation, by its slug [default: the only one].
    #[arg(long, value_name = "SLUG")]
    tenant: Option<String>,
}

impl Export {
    pub(super) fn run(self, cx: &Context) -> Result<Ending, CommandError> {
        app::create_private_folder(&self.folder)?;
        refuse_mixing(&self.folder)?;
        let rows = cx.block_on(async {
            let store = app::open_store(&cx.config, Schema::MigratedInTrials).await?;
            let tenant = tenant::chosen(&store, self.tenant.as_deref()).await?;
            let mut rows = Vec::new();
            for resource_type in ResourceType::all() {
                let count = export(&store, &tenant, resource_type, &self.folder).await?;
                if count > 0 {
                    rows.push(vec![resource_type.name().to_owned(), terminal::thousands(count)]);
                }
            }
            store.close().await;
            Ok::<_, CommandError>(rows)
        })?;
        if rows.is_empty() {
            terminal::note("There are no records.");
        } else {
            terminal::print(&terminal::table(&rows))?;
        }
        Ok(Ending::Done)
    }
}

/// A folder with another export would end up with records of both.
fn refuse_mixing(folder: &Path) -> Result<(), CommandError> {
    let wrap = |source| CommandError::File { path: folder.to_owned(), source };
    for entry in fs::read_dir(folder).map_err(wrap)? {
        let path = entry.map_err(wrap)?.path();
        if path.extension().is_some_and(|extension| extension == "ndjson") {
            let message = format!("{} holds an export already: choose an empty folder", folder.display());
            return Err(CommandError::Usage(message));
        }
    }
    Ok(())
}

/// Writes one type; no file without records.
async fn export(
    store: &Store,
    tenant: &Tenant,
    resource_type: ResourceType,
    folder: &Path,
) -> Result<u64, CommandError> {
    let permit = system::permit_export(tenant.id);
    let path = folder.join(format!("{resource_type}.ndjson"));
    let wrap = |source| CommandError::File { path: path.clone(), source };
    let mut file = None;
    let mut count = 0;
    let mut after_row = 0;
    loop {
        let mut session = store.session(&permit);
        let page = session.export(resource_type, after_row, PAGE_RECORDS).await?;
        if page.records.is_empty() {
            break;
        }
        session.commit(app::command_entry(store, "AUDIT:EXPORT", Some(tenant.id), "export", &[])).await?;
        let file = match &mut file {
            Some(file) => file,
            None => file.insert(BufWriter::new(app::open_private_file(&path).map_err(wrap)?)),
        };
        for record in &page.records {
            file.write_all(as_one_line(&record.body).as_bytes()).map_err(wrap)?;
            file.write_all(b"\n").map_err(wrap)?;
        }
        count += page.records.len() as u64;
        after_row = page.last_row;
    }
    if let Some(mut file) = file {
        file.flush().map_err(wrap)?;
    }
    Ok(count)
}
