//! Recording: outcomes that come while a transaction is being written go together into the next.
//! An attempt holds its slot until its outcome is durable, so a crash repeats no more than what
//! holds a slot.

use std::{collections::BTreeMap, sync::Arc};

use tokio::sync::mpsc;

use super::{context::Context, directory::Directory, lanes::Lanes};
use crate::{
    domain::{delivery::DeliveryState, lease::Lease},
    store::{
        StoreResult,
        queue::Job,
        record::{Outcome, Recorded, Records},
    },
};

/// The most outcomes in a transaction.
const GROUP: usize = 500;

/// Hands outcomes in.
#[derive(Clone)]
pub(super) struct Recorder {
    outcomes: mpsc::UnboundedSender<(Job, Outcome)>,
}

impl Recorder {
    /// Hands an outcome in. What waits is bounded by what is in flight.
    pub(super) async fn record(&self, job: Job, outcome: Outcome) {
        // The recorder ends after all who hold this.
        let _ = self.outcomes.send((job, outcome));
    }
}

/// Writes outcomes and gives their slots back.
pub(super) struct Recording {
    context: Context,
    lanes: Arc<Lanes>,
    directory: Arc<Directory>,
    outcomes: mpsc::UnboundedReceiver<(Job, Outcome)>,
}

impl Recording {
    pub(super) fn new(
        context: Context,
        lanes: Arc<Lanes>,
        directory: Arc<Directory>,
    ) -> (Recorder, Self) {
        let (sender, outcomes) = mpsc::unbounded_channel();
        let recording = Self {
            context,
            lanes,
            directory,
            outcomes,
        };
        (Recorder { outcomes: sender }, recording)
    }

    /// Records until every [`Recorder`] is gone and nothing waits.
    pub(super) async fn run(mut self) {
        let mut group = Vec::with_capacity(GROUP);
        while self.outcomes.recv_many(&mut group, GROUP).await > 0 {
            let mut by_lease = BTreeMap::<Lease, (Vec<_>, Vec<_>)>::new();
            for (job, outcome) in group.drain(..) {
                let (jobs, outcomes) = by_lease.entry(job.lease).or_default();
                jobs.push(job);
                outcomes.push(outcome);
            }
            for (lease, (jobs, outcomes)) in by_lease {
                self.write(lease, jobs, outcomes).await;
            }
        }
    }

    /// Writes outcomes of what is owned under `lease`, again and again while the store is unavailable; if it refuses them, each
    /// by itself, so that one bad outcome stands alone.
    async fn write(&self, lease: Lease, jobs: Vec<Job>, outcomes: Vec<Outcome>) {
        match self.insist(lease, &outcomes).await {
            Ok(records) => self.finish(jobs, &records).await,
            Err(_) if outcomes.len() > 1 => {
                for (job, outcome) in jobs.into_iter().zip(outcomes) {
                    Box::pin(self.write(lease, vec![job], vec![outcome])).await;
                }
            }
            Err(error) => {
                // It stays owned: given back, it would be sent again and again.
                for job in &jobs {
                    tracing::error!(%error, delivery = %job.delivery, "an attempt cannot be recorded; it will be repeated after the next start");
                    self.lanes.finished(job, false, None);
                }
            }
        }
    }

    async fn insist(&self, lease: Lease, outcomes: &[Outcome]) -> StoreResult<Records> {
        loop {
            let now = self.context.clock.now();
            match self.context.store.record(lease, outcomes, now).await {
                Err(error) if error.is_transient() => {
                    tracing::error!(%error, "attempts could not be recorded; trying again");
                    self.context.back_off().await;
                }
                result => return result,
            }
        }
    }

    async fn finish(&self, jobs: Vec<Job>, records: &Records) {
        for endpoint in &records.disabled {
            super::gateway::endpoint_changed(
                &self.context,
                &self.directory,
                &self.lanes,
                *endpoint,
            )
            .await;
        }
        for (job, recorded) in jobs.iter().zip(&records.outcomes) {
            let waiting = match recorded {
                Recorded::Waiting(due) => Some(*due),
                Recorded::Final(_) | Recorded::Superseded => None,
            };
            let delivered = *recorded == Recorded::Final(DeliveryState::Delivered);
            self.lanes.finished(job, delivered, waiting);
        }
    }
}
