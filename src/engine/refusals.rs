//! What was sent and did not become an event, on its way into the store: off the way of events, in
//! groups, and bounded, so that a flood of it costs nothing that others would feel.

use std::{
    collections::HashMap,
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use tokio::sync::Notify;

use super::{context::Context, gateway::Gateway};
use crate::{
    domain::{
        ids::ProjectId,
        refusal::{Refusal, RefusalOutcome, SentName},
        time::Timestamp,
    },
    store::refusals::RefusalBatch,
};

/// How often they are written.
const EVERY: Duration = Duration::from_millis(500);

/// The most of one project that are written at a time; the others are counted.
const MAX_AT_A_TIME: usize = 20;

/// What waits to be written.
#[derive(Debug, Default)]
pub(super) struct Refusals {
    waiting: Mutex<HashMap<ProjectId, RefusalBatch>>,
    wake: Notify,
}

impl Refusals {
    fn lock(&self) -> MutexGuard<'_, HashMap<ProjectId, RefusalBatch>> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn add(
        &self,
        project: ProjectId,
        now: Timestamp,
        kind: (RefusalOutcome, Option<&'static str>),
        refusal: impl FnOnce() -> Refusal,
    ) {
        if self.count(project, kind) {
            // It may have to be read first: nobody waits for that.
            let refusal = refusal();
            let sent = SentName::cut(refusal.sent);
            let refusal = Refusal { sent, ..refusal };
            if let Some(batch) = self.lock().get_mut(&project) {
                batch.kept.push((now, refusal));
            }
        }
        self.wake.notify_one();
    }

    /// Counts one, and says whether there is room to keep it.
    fn count(&self, project: ProjectId, kind: (RefusalOutcome, Option<&'static str>)) -> bool {
        let mut waiting = self.lock();
        let batch = waiting.entry(project).or_default();
        *batch.counts.entry(kind).or_default() += 1;
        batch.kept.len() < MAX_AT_A_TIME
    }

    /// Writes what waits. What cannot be written is lost: it is no event.
    pub(super) async fn flush(&self, context: &Context) {
        let waiting = std::mem::take(&mut *self.lock());
        if waiting.is_empty() {
            return;
        }
        let name = |at| context.ids.next(at);
        let written = context.store.write_refusals(waiting, name).await;
        if let Err(error) = written {
            tracing::warn!(%error, "refusals could not be written down");
        }
    }

    /// Writes what comes, for ever.
    pub(super) async fn run(gateway: Gateway) {
        let context = gateway.parts.context.clone();
        loop {
            gateway.parts.refusals.wake.notified().await;
            context.clock.sleep(EVERY).await;
            gateway.parts.refusals.flush(&context).await;
        }
    }
}

impl Gateway {
    /// Notes that something which `project` sent did not become an event. `refusal` is asked for only
    /// if there is room to keep it; it is counted in any case.
    pub fn note_refusal(
        &self,
        project: ProjectId,
        kind: (RefusalOutcome, Option<&'static str>),
        refusal: impl FnOnce() -> Refusal,
    ) {
        let now = self.parts.context.clock.now();
        self.parts.refusals.add(project, now, kind, refusal);
    }
}
