//! The heart of a node: renews its lease, takes note of nodes that have gone silent, and comes back
//! when the others have given it up.

use std::{collections::HashMap, sync::Arc, time::Duration};

use super::{LEASE, Membership, joining, status};
use crate::{
    domain::{lease::Lease, time::Timestamp},
    engine::{context::Context, lanes::Lanes},
    store::{
        StoreError, StoreResult,
        nodes::{Heartbeat, Other},
    },
};

/// How often the lease is renewed.
const HEARTBEAT: Duration = Duration::from_secs(2);

/// How long a heartbeat is waited for: another one may come through where this one hangs.
const PATIENCE: Duration = Duration::from_secs(3);

/// How often whoever leads looks for what was left behind by leases that are lost.
const TIDYING: Duration = LEASE;

/// Beats until it is dropped.
pub(in crate::engine) struct Heart {
    pub(in crate::engine) context: Context,
    pub(in crate::engine) lanes: Arc<Lanes>,
    seen: HashMap<Lease, Silence>,
    tidied: Duration,
    is_troubled: bool,
}

/// Since when nothing has been heard of another node, on this node's clock.
struct Silence {
    heartbeat_at: Timestamp,
    since: Duration,
}

impl Heart {
    pub(in crate::engine) fn new(context: Context, lanes: Arc<Lanes>) -> Self {
        Self {
            context,
            lanes,
            seen: HashMap::new(),
            tidied: Duration::ZERO,
            is_troubled: false,
        }
    }

    /// Beats until it is dropped. It has nothing to do where a node is alone with its store.
    pub(in crate::engine) async fn run(mut self) {
        if !self.membership().is_shared() {
            return std::future::pending().await;
        }
        loop {
            let begun = self.context.clock.elapsed();
            if let Err(error) = self.beat().await {
                self.set_back(&error);
            }
            let took = self.context.clock.elapsed().saturating_sub(begun);
            let pause = HEARTBEAT.saturating_sub(took).max(HEARTBEAT / 10);
            self.context.clock.sleep(pause).await;
        }
    }

    fn membership(&self) -> &Arc<Membership> {
        &self.context.membership
    }

    async fn beat(&mut self) -> StoreResult<()> {
        let lease = self.context.lease();
        let status = status(&self.context, &self.lanes);
        let asked = self.context.clock.boot_elapsed();
        match self
            .insist(self.context.store.heartbeat(lease, LEASE, &status))
            .await?
        {
            Some(heartbeat) => {
                self.membership().renew(&heartbeat, asked);
                if std::mem::take(&mut self.is_troubled) {
                    tracing::info!(%lease, "the store answers again; the lease goes on");
                }
                self.look_after(&heartbeat).await
            }
            None => self.come_back(lease).await,
        }
    }

    /// What `step` gives, if it does not take too long.
    async fn insist<T>(&self, step: impl Future<Output = StoreResult<T>>) -> StoreResult<T> {
        let given = self.context.clock.timeout(PATIENCE, step).await;
        given.unwrap_or_else(|| Err(StoreError::late()))
    }

    /// A store that did not answer this node may not have answered others either: they all get the time
    /// of a lease to be heard again.
    fn set_back(&mut self, error: &StoreError) {
        self.seen.clear();
        let holds = self.membership().holds(self.context.lease());
        if !std::mem::replace(&mut self.is_troubled, true) {
            tracing::warn!(%error, "the lease could not be renewed; trying again");
        } else if !holds {
            tracing::error!(%error, "the lease has run out: nothing is sent until the store answers");
        }
    }

    /// Declares nodes lost of which nothing is heard, and sees to what they have left behind.
    async fn look_after(&mut self, heartbeat: &Heartbeat) -> StoreResult<()> {
        let mut freed = 0;
        for other in self.silent(&heartbeat.others) {
            if let Some(released) = self.insist(self.context.store.reap(&other)).await? {
                tracing::warn!(lease = %other.lease, released, "a node is lost: its work goes on elsewhere");
                freed += released;
            }
        }
        let now = self.context.clock.elapsed();
        if self.membership().leads() && now >= self.tidied + TIDYING {
            freed += self
                .insist(self.context.store.tidy_nodes(heartbeat.now))
                .await?;
            self.tidied = now;
        }
        if freed > 0 {
            self.lanes.look_again();
        }
        Ok(())
    }

    /// The nodes whose lease has run out by the database's clock, and of which this node has heard
    /// nothing for the time of a lease by its own: no clock that is set does them wrong.
    fn silent(&mut self, others: &[Other]) -> Vec<Other> {
        let now = self.context.clock.boot_elapsed();
        self.seen
            .retain(|lease, _| others.iter().any(|other| other.lease == *lease));
        let silent = others.iter().filter(|other| {
            let heard = || Silence {
                heartbeat_at: other.heartbeat_at,
                since: now,
            };
            let silence = self.seen.entry(other.lease).or_insert_with(heard);
            if silence.heartbeat_at != other.heartbeat_at {
                *silence = heard();
            }
            other.is_overdue && now.saturating_sub(silence.since) >= LEASE
        });
        silent.copied().collect()
    }

    /// Goes on under another lease, with nothing of what was owned under the `lost` one.
    async fn come_back(&mut self, lost: Lease) -> StoreResult<()> {
        self.seen.clear();
        let Context { store, clock, .. } = &self.context;
        let dropped = self.lanes.let_go(lost, clock.now());
        let asked = clock.boot_elapsed();
        let membership = Arc::clone(self.membership());
        let joining = joining(membership.about, lost.next());
        let joined = self.insist(store.join(&joining, clock.now())).await?;
        membership.take(store, &joined, asked);
        self.lanes.look_again();
        tracing::warn!(%lost, lease = %joined.lease, dropped, "the lease was lost: what waited in memory is others'");
        Ok(())
    }
}
