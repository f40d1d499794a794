//! Dispatch: begins the attempts whose turn it is.

use std::sync::Arc;

use tokio_util::{sync::CancellationToken, task::TaskTracker};

use super::{
    context::Context,
    lanes::{Lanes, Turn},
    record::Recorder,
    send,
};

/// The attempts that are under way.
#[derive(Debug, Clone, Default)]
pub(super) struct Attempts {
    pub(super) tracker: TaskTracker,
    /// Cancelled when those under way are waited for no longer.
    pub(super) abandoned: CancellationToken,
}

/// Begins attempts until it is dropped.
pub(super) async fn run(
    context: Context,
    lanes: Arc<Lanes>,
    recorder: Recorder,
    attempts: Attempts,
) {
    loop {
        let ready = lanes.ready.notified();
        while let Some(Turn { job, endpoint }) = next(&context, &lanes).await {
            let (context, lanes) = (context.clone(), Arc::clone(&lanes));
            let attempt = send::attempt(context, lanes, recorder.clone(), job, endpoint);
            let abandoned = attempts.abandoned.clone();
            attempts
                .tracker
                .spawn(abandoned.run_until_cancelled_owned(attempt));
        }
        ready.await;
    }
}

/// The job whose turn it is, if one may begin; none does before this node has a lease that holds, and
/// knows what others have changed.
async fn next(context: &Context, lanes: &Lanes) -> Option<Turn> {
    context.membership.held().await;
    context.freshness.fresh().await;
    lanes.next(context.clock.now())
}
