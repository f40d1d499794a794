//! Notes: has the store write every few seconds what it gathers in memory. The rest is written when it
//! is closed.

use std::time::Duration;

use super::context::Context;

/// How often notes are written: what a crash may take.
const EVERY: Duration = Duration::from_secs(5);

/// Works until it is dropped.
pub(super) async fn run(context: Context) {
    loop {
        context.clock.sleep(EVERY).await;
        if let Err(error) = context.store.write_notes(context.clock.now()).await {
            tracing::warn!(%error, "notes could not be written; they are kept until they can");
        }
    }
}
