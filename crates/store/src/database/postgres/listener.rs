//! Hears that events were written, by whichever instance.

use std::time::Duration;

use tokio::sync::watch;

use super::{CHANNEL, connect::Connector};
use crate::StoreError;

/// The wait before a lost connection is replaced. Followers look by themselves meanwhile.
const WAIT: Duration = Duration::from_secs(1);

/// Counts up whenever somebody has written events, until it is aborted.
pub(super) async fn listen(connector: Connector, committed: watch::Sender<u64>) {
    loop {
        if let Err(error) = heard(&connector, &committed).await {
            tracing::warn!(error = &error as &dyn std::error::Error, "events are looked for, not heard of");
        }
        tokio::time::sleep(WAIT).await;
    }
}

/// Returns when the connection is lost.
async fn heard(connector: &Connector, committed: &watch::Sender<u64>) -> Result<(), StoreError> {
    let told = committed.clone();
    let (client, driver) = connector.open_listening(move || count(&told)).await?;
    let driver = tokio::spawn(driver);
    client.batch_execute(&format!("LISTEN {CHANNEL}")).await.map_err(super::failure)?;
    // What was written before this connection listened.
    count(committed);
    match driver.await {
        Ok(ended) => ended.map_err(super::failure),
        Err(error) => Err(StoreError::Database(error.into())),
    }
}

fn count(committed: &watch::Sender<u64>) {
    committed.send_modify(|count| *count = count.wrapping_add(1));
}
