//! Group commit: units that come while a transaction is being written go together into the next.
//!
//! There is no wait to gather more: while one transaction is made durable, its successor fills up
//! by itself, so a group is as large as the load asks for and a lone event waits for nobody.

use std::{collections::BTreeMap, sync::Arc};

use tokio::sync::{Notify, mpsc, oneshot};

use super::{admission::Permit, context::Context, directory::Directory, lanes::Lanes};
use crate::{
    domain::{
        ids::{DeliveryId, EndpointId},
        lease::Lease,
        time::Timestamp,
    },
    store::{
        StoreError, StoreResult,
        accept::AcceptContext,
        queue::Job,
        unit::{Acceptance, Fate, NewDelivery, Unit},
    },
};

/// The most units that wait for a transaction; the bound on events is the admission's.
const QUEUE: usize = 1_024;

/// The most deliveries that a group has, if a unit alone has not more.
const GROUP_DELIVERIES: usize = 5_000;

/// Sends units to be committed.
#[derive(Clone)]
pub(super) struct Committer {
    units: mpsc::Sender<Submission>,
}

/// Why a unit is not durable.
#[derive(Debug, Clone, thiserror::Error)]
pub(super) enum CommitError {
    /// The store does not answer; the same unit may be written later.
    #[error("the store is unavailable")]
    Unavailable,
    /// The store refuses this unit.
    #[error("the store refuses the event: {0}")]
    Refused(String),
}

struct Submission {
    unit: Unit,
    /// The place on the way that the unit takes; given back with its result.
    _permit: Option<Arc<Permit>>,
    reply: oneshot::Sender<Result<Acceptance, CommitError>>,
}

/// The result of a unit that was handed in.
pub(super) struct Receipt(oneshot::Receiver<Result<Acceptance, CommitError>>);

impl Receipt {
    /// Waits until the unit is durable, or known not to be.
    pub(super) async fn result(self) -> Result<Acceptance, CommitError> {
        self.0.await.unwrap_or(Err(CommitError::Unavailable))
    }
}

impl Committer {
    /// Hands a unit in; units of one caller are written in their order.
    pub(super) async fn submit(&self, unit: Unit, permit: Option<Arc<Permit>>) -> Receipt {
        let (reply, receipt) = oneshot::channel();
        let submission = Submission {
            unit,
            _permit: permit,
            reply,
        };
        // If the committer has ended, the receipt says so.
        let _ = self.units.send(submission).await;
        Receipt(receipt)
    }
}

/// Writes units, and hands what they begin to the lanes.
pub(super) struct GroupCommit {
    context: Context,
    directory: Arc<Directory>,
    lanes: Arc<Lanes>,
    fanouts: Arc<Notify>,
    units: mpsc::Receiver<Submission>,
}

impl GroupCommit {
    pub(super) fn new(
        context: Context,
        directory: Arc<Directory>,
        lanes: Arc<Lanes>,
        fanouts: Arc<Notify>,
    ) -> (Committer, Self) {
        let (sender, units) = mpsc::channel(QUEUE);
        let commit = Self {
            context,
            directory,
            lanes,
            fanouts,
            units,
        };
        (Committer { units: sender }, commit)
    }

    /// Commits until every [`Committer`] is gone and nothing waits.
    pub(super) async fn run(mut self) {
        while let Some(first) = self.units.recv().await {
            let group = self.gather(first);
            self.commit(group).await;
        }
    }

    /// Takes what waits already, up to the bounds of a group.
    fn gather(&mut self, first: Submission) -> Vec<Submission> {
        let mut events = first.unit.events.len();
        let mut deliveries = first.unit.deliveries.len();
        let mut group = vec![first];
        while events < self.context.settings.group_events && deliveries < GROUP_DELIVERIES {
            let Ok(next) = self.units.try_recv() else {
                break;
            };
            events += next.unit.events.len();
            deliveries += next.unit.deliveries.len();
            group.push(next);
        }
        group
    }

    /// Writes a group; if the store refuses it, each unit by itself, so that one bad unit stands
    /// alone.
    async fn commit(&self, mut group: Vec<Submission>) {
        match self.write(&mut group).await {
            Err(error) if !error.is_transient() && group.len() > 1 => {
                for submission in group {
                    let mut alone = vec![submission];
                    let result = self.write(&mut alone).await;
                    answer(alone, result);
                }
            }
            result => answer(group, result),
        }
    }

    async fn write(&self, group: &mut [Submission]) -> StoreResult<Vec<Acceptance>> {
        let now = self.context.clock.now();
        let lease = self.context.lease();
        for submission in group.iter_mut() {
            self.reserve(&mut submission.unit, lease, now);
        }
        let units: Vec<_> = group.iter().map(|submission| &submission.unit).collect();
        let context = AcceptContext {
            lease,
            now,
            keys_since: now.minus(self.context.settings.dedupe_window),
        };
        let result = self.context.store.accept(&units, context).await;
        for (place, submission) in group.iter().enumerate() {
            let stored = matches!(&result, Ok(results) if results[place] == Acceptance::Stored);
            match stored {
                true => self.begin(&submission.unit, context.lease).await,
                false => self.unreserve(&submission.unit),
            }
        }
        result
    }

    /// Asks the lanes which deliveries they can take from memory: none while `lease` does not hold.
    fn reserve(&self, unit: &mut Unit, lease: Lease, now: Timestamp) {
        let holds = self.context.membership.holds(lease);
        for delivery in &mut unit.deliveries {
            let (Fate::Pending { owned, due }, Some(endpoint)) =
                (&mut delivery.fate, delivery.endpoint)
            else {
                continue;
            };
            let bytes = delivery.event.data.bytes().len();
            let latest = || self.directory.cached(endpoint);
            *owned = holds && *due <= now && self.lanes.reserve(endpoint, bytes, now, latest);
        }
    }

    fn unreserve(&self, unit: &Unit) {
        for delivery in &unit.deliveries {
            if let (Fate::Pending { owned: true, .. }, Some(endpoint)) =
                (&delivery.fate, delivery.endpoint)
            {
                self.lanes
                    .unreserve(endpoint, delivery.event.data.bytes().len());
            }
        }
    }

    /// Lets begin what a stored unit has brought, which is owned under `lease`.
    async fn begin(&self, unit: &Unit, lease: Lease) {
        let mut homeless = Vec::new();
        for delivery in &unit.deliveries {
            let (Fate::Pending { owned, due }, Some(endpoint)) =
                (&delivery.fate, delivery.endpoint)
            else {
                continue;
            };
            match owned {
                true => {
                    homeless.extend(self.lanes.offer(job(delivery, lease, endpoint, *due)).err())
                }
                false => self.lanes.note_backlog(endpoint, *due),
            }
        }
        if !unit.fanouts.is_empty() {
            self.fanouts.notify_one();
        }
        release(&self.context, &self.lanes, homeless).await;
    }
}

fn answer(group: Vec<Submission>, result: StoreResult<Vec<Acceptance>>) {
    if let Err(error) = &result {
        tracing::error!(%error, units = group.len(), "events could not be written");
    }
    for (place, submission) in group.into_iter().enumerate() {
        let own = match &result {
            Ok(results) => Ok(results[place]),
            Err(error) => Err(CommitError::from(error)),
        };
        // Whoever waited may be gone; what is durable is durable.
        let _ = submission.reply.send(own);
    }
}

impl From<&StoreError> for CommitError {
    fn from(error: &StoreError) -> Self {
        match error.is_transient() {
            true => Self::Unavailable,
            false => Self::Refused(error.to_string()),
        }
    }
}

/// A delivery that has just been written, as a job.
fn job(delivery: &NewDelivery, lease: Lease, endpoint: EndpointId, due: Timestamp) -> Job {
    Job {
        lease,
        delivery: delivery.id,
        project: delivery.project,
        endpoint,
        event: Arc::clone(&delivery.event),
        is_test: delivery.cause.is_none(),
        attempts: 0,
        attempts_before: 0,
        since: due,
    }
}

/// Gives jobs that no lane takes back to the store.
pub(super) async fn release(context: &Context, lanes: &Lanes, jobs: Vec<Job>) {
    let Context { store, clock, .. } = context;
    for (lease, deliveries) in by_lease(&jobs) {
        while let Err(error) = store.release(lease, &deliveries, clock.now()).await {
            tracing::error!(%error, "deliveries could not be given back to the store");
            if !error.is_transient() {
                return;
            }
            context.back_off().await;
        }
    }
    let now = clock.now();
    for job in jobs {
        lanes.note_backlog(job.endpoint, now);
    }
}

/// The deliveries of `jobs` by the lease under which they are owned: one, but for a moment after it was
/// lost.
pub(super) fn by_lease(jobs: &[Job]) -> BTreeMap<Lease, Vec<DeliveryId>> {
    let mut deliveries = BTreeMap::<_, Vec<_>>::new();
    for job in jobs {
        deliveries.entry(job.lease).or_default().push(job.delivery);
    }
    deliveries
}
