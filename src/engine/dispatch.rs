//! Dispatch: begins the attempts whose turn it is.

use std::sync::Arc;

use tokio_util::task::TaskTracker;

use super::{
    context::Context,
    lanes::{Lanes, Turn},
    record::Recorder,
    send,
};

/// Begins attempts until it is dropped.
pub(super) async fn run(
    context: Context,
    lanes: Arc<Lanes>,
    recorder: Recorder,
    attempts: TaskTracker,
) {
    loop {
        let ready = lanes.ready.notified();
        while let Some(Turn { job, endpoint }) = lanes.next() {
            attempts.spawn(send::attempt(
                context.clone(),
                recorder.clone(),
                job,
                endpoint,
            ));
        }
        ready.await;
    }
}
