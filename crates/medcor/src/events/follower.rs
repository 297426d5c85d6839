//! The one follower of a process: reads the outbox once for all subscribers.

use std::{sync::Weak, time::Duration};

use medcor_store::{EventsAfter, Outbox};

use super::Hub;

/// Events that are handed out at once.
const PAGE_EVENTS: u32 = 500;
/// How often it is looked without being woken: nobody tells what another process writes to an SQLite file.
const LOOK_EVERY: Duration = Duration::from_millis(250);
/// The same while a transaction holds events back that are there already.
const LOOK_SOON: Duration = Duration::from_millis(10);
/// The pause after the database failed.
const REST: Duration = Duration::from_secs(1);

/// Follows for as long as anybody subscribes.
pub(super) async fn follow(hub: Weak<Hub>, outbox: Outbox) {
    let mut signal = outbox.signal();
    loop {
        let Some(hub) = hub.upgrade() else { return };
        let Some(place) = hub.live_unless_deserted() else { return };
        let pause = match outbox.after(place, PAGE_EVENTS).await {
            Ok(EventsAfter::Kept(page)) => {
                let (is_full, is_held_back) = (page.is_full, page.is_held_back);
                hub.hand_out(page);
                if is_full {
                    continue;
                }
                if is_held_back { LOOK_SOON } else { LOOK_EVERY }
            }
            Ok(EventsAfter::Forgotten) => match outbox.newest().await {
                Ok(newest) => {
                    hub.start_again_at(newest);
                    continue;
                }
                Err(_unreachable) => REST,
            },
            Err(error) => {
                tracing::warn!(error = &error as &dyn std::error::Error, "events can't be followed");
                REST
            }
        };
        drop(hub);
        signal.wait(pause).await;
    }
}
