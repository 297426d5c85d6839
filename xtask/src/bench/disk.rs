//! What one fsync costs, in the folder where the database is.

use std::{
    fs::{self, File},
    io::Write,
    path::Path,
    time::{Duration, Instant},
};

use super::Failure;

const SYNCS: usize = 200;
/// About what the log of a small commit takes.
const PAGE_BYTES: usize = 4096;

/// The median time of writing a page to the end of a file and waiting until the disk has it.
pub(super) fn fdatasync(folder: &Path) -> Result<Duration, Failure> {
    let path = folder.join("fdatasync");
    let mut file = File::create(&path)?;
    let mut times = Vec::with_capacity(SYNCS);
    for _ in 0..SYNCS {
        let started = Instant::now();
        file.write_all(&[0; PAGE_BYTES])?;
        file.sync_data()?;
        times.push(started.elapsed());
    }
    fs::remove_file(path)?;
    times.sort_unstable();
    times.get(SYNCS / 2).copied().ok_or_else(|| "nothing was synced".into())
}
