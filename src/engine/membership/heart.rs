//! The heart of a node: renews its lease, takes note of nodes that have gone silent, and comes back
//! when the others have given it up.

use std::{sync::Arc, time::Duration};

use super::{LEASE, Membership, joining, status, watch::Watch};
use crate::{
    domain::lease::Lease,
    engine::{context::Context, lanes::Lanes},
    store::{
        StoreError, StoreResult,
        nodes::{Heartbeat, MAX_RELEASED},
    },
};

/// How often the lease is renewed.
const HEARTBEAT: Duration = Duration::from_secs(2);

/// How long a heartbeat is waited for: another one may come through where this one hangs.
const PATIENCE: Duration = Duration::from_secs(3);

/// How long a chore is waited for. With the pause before the next heartbeat it is less than a lease, so
/// there is one chore between two heartbeats at most.
const CHORE: Duration = Duration::from_secs(6);

/// How often whoever leads looks for what was left behind by leases that are lost.
const TIDYING: Duration = LEASE;

/// Beats until it is dropped.
pub(in crate::engine) struct Heart {
    pub(in crate::engine) context: Context,
    pub(in crate::engine) lanes: Arc<Lanes>,
    watch: Watch,
    tidied: Duration,
    is_troubled: bool,
}

impl Heart {
    pub(in crate::engine) fn new(context: Context, lanes: Arc<Lanes>) -> Self {
        Self {
            context,
            lanes,
            watch: Watch::default(),
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
            .insist(
                PATIENCE,
                self.context.store.heartbeat(lease, LEASE, &status),
            )
            .await?
        {
            Some(heartbeat) => {
                self.membership().renew(&heartbeat, asked);
                if std::mem::take(&mut self.is_troubled) {
                    tracing::info!(%lease, "the store answers again; the lease goes on");
                }
                if let Err(error) = self.look_after(&heartbeat).await {
                    tracing::warn!(%error, "what lost nodes have left could not be released; trying again");
                }
                Ok(())
            }
            None => self.come_back(lease).await,
        }
    }

    /// What `step` gives, if it does not take longer than `patience`.
    async fn insist<T>(
        &self,
        patience: Duration,
        step: impl Future<Output = StoreResult<T>>,
    ) -> StoreResult<T> {
        let given = self.context.clock.timeout(patience, step).await;
        given.unwrap_or_else(|| Err(StoreError::late()))
    }

    /// Takes note that the store did not answer.
    fn set_back(&mut self, error: &StoreError) {
        self.watch.begin_anew();
        let holds = self.membership().holds(self.context.lease());
        if !std::mem::replace(&mut self.is_troubled, true) {
            tracing::warn!(%error, "the lease could not be renewed; trying again");
        } else if !holds {
            tracing::error!(%error, "the lease has run out: nothing is sent until the store answers");
        }
    }

    /// Declares a node lost of which nothing is heard, or sees to what lost ones have left behind.
    async fn look_after(&mut self, heartbeat: &Heartbeat) -> StoreResult<()> {
        let Context { store, clock, .. } = &self.context;
        let silent = self.watch.silent(&heartbeat.others, clock.boot_elapsed());
        let is_untidy = clock.elapsed() >= self.tidied + TIDYING;
        let released = if let Some(other) = silent.first() {
            let released = self.insist(CHORE, store.reap(other)).await?;
            if let Some(released) = released {
                tracing::warn!(lease = %other.lease, released, "a node is lost: its work goes on elsewhere");
            }
            released.unwrap_or(0)
        } else if is_untidy && self.membership().leads() {
            let released = self.insist(CHORE, store.tidy_nodes(heartbeat.now)).await?;
            if released < MAX_RELEASED {
                self.tidied = clock.elapsed();
            }
            released
        } else {
            0
        };
        if released > 0 {
            self.lanes.look_again();
        }
        Ok(())
    }

    /// Goes on under another lease, with nothing of what was owned under the `lost` one.
    async fn come_back(&mut self, lost: Lease) -> StoreResult<()> {
        self.watch.begin_anew();
        let Context { store, clock, .. } = &self.context;
        let dropped = self.lanes.let_go(lost, clock.now());
        let asked = clock.boot_elapsed();
        let membership = Arc::clone(self.membership());
        let joining = joining(membership.about, lost.next());
        let joined = self
            .insist(LEASE, store.join(&joining, clock.now()))
            .await?;
        membership.take(store, &joined, asked);
        self.lanes.look_again();
        tracing::warn!(%lost, lease = %joined.lease, dropped, "the lease was lost: what waited in memory is others'");
        Ok(())
    }
}
