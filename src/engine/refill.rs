//! Refilling: takes up from the store what lanes have room for, when it is due. Retries, overflow,
//! and what was left by a process that ended come back on this way.

use std::{sync::Arc, time::Duration};

use super::{commit, context::Context, directory::Directory, lanes::Lanes};
use crate::{
    domain::{
        delivery::{CancelReason, DeadReason, DeliveryState},
        endpoint::EndpointState,
        ids::EndpointId,
        time::Timestamp,
    },
    store::{
        StoreResult,
        queue::{Claim, Wish},
    },
};

/// The most lanes that are served in one transaction.
const WISHES: usize = 64;

/// The most deliveries of a closed endpoint that are settled in one transaction.
const SETTLED: u32 = 1_000;

/// Serves the lanes.
pub(super) struct Refill {
    pub(super) context: Context,
    pub(super) lanes: Arc<Lanes>,
    pub(super) directory: Arc<Directory>,
}

impl Refill {
    /// Serves the lanes until it is dropped, while this node has a lease that holds.
    pub(super) async fn run(self) {
        let mut polled = None;
        loop {
            let hungry = self.lanes.hungry.notified();
            self.context.membership.held().await;
            if self.lanes.has_unheard() || self.is_poll_due(polled) {
                self.poll().await;
                polled = Some(self.context.clock.elapsed());
            }
            let wishes = self.lanes.wishes(self.context.clock.now(), WISHES);
            if wishes.is_empty() {
                self.context.clock.timeout(self.pause(), hungry).await;
                continue;
            }
            self.serve(wishes).await;
        }
    }

    fn is_poll_due(&self, polled: Option<Duration>) -> bool {
        let elapsed = self.context.clock.elapsed();
        polled.is_none_or(|polled| {
            elapsed.saturating_sub(polled) >= self.context.settings.poll_interval
        })
    }

    /// How long nothing is due, as far as is known.
    fn pause(&self) -> Duration {
        let poll = self.context.settings.poll_interval;
        let next = self.lanes.next_hunger();
        next.map_or(poll, |due| due.since(self.context.clock.now()).min(poll))
    }

    /// Looks for work that no wake-up told of: at the start all of it.
    async fn poll(&self) {
        let Context { store, clock, .. } = &self.context;
        if let Err(error) = store.settle_doubts(clock.now()).await {
            tracing::error!(%error, "what may be owned by mistake could not be released");
        }
        match store.backlogs().await {
            Ok(backlogs) => {
                for (endpoint, due) in backlogs {
                    self.lanes.note_backlog(endpoint, due);
                }
            }
            Err(error) => tracing::error!(%error, "the store could not be asked for work"),
        }
    }

    /// Serves wishes; if the store refuses them, each by itself, so that an endpoint or an event
    /// that cannot be read stands alone.
    async fn serve(&self, wishes: Vec<Wish>) {
        match self.try_serve(&wishes).await {
            Ok(()) => {}
            Err(error) if !error.is_transient() && wishes.len() > 1 => {
                for wish in wishes {
                    Box::pin(self.serve(vec![wish])).await;
                }
            }
            Err(error) => {
                tracing::error!(%error, ?wishes, "work could not be taken up from the store");
                self.put_off(&wishes, error.is_transient()).await;
            }
        }
    }

    /// Has wishes come again: soon if the store is to blame, otherwise with the next poll.
    async fn put_off(&self, wishes: &[Wish], is_transient: bool) {
        let soon = self.context.clock.now();
        let again = match is_transient {
            true => soon,
            false => soon.plus(self.context.settings.poll_interval),
        };
        for wish in wishes {
            self.lanes.fill(wish.endpoint, Vec::new(), Some(again));
        }
        if is_transient {
            self.context.back_off().await;
        }
    }

    async fn try_serve(&self, wishes: &[Wish]) -> StoreResult<()> {
        let now = self.context.clock.now();
        let mut open = Vec::with_capacity(wishes.len());
        for wish in wishes {
            match self.look_up(wish.endpoint).await? {
                Door::Open => open.push(*wish),
                Door::Paused => {
                    self.lanes.fill(wish.endpoint, Vec::new(), Some(now));
                }
                Door::Closed(state, reason) => self.settle(wish.endpoint, state, reason).await?,
            }
        }
        let claims = self
            .context
            .store
            .claim_due(self.context.lease(), &open, now)
            .await?;
        for claim in claims {
            self.fill(claim, now).await;
        }
        Ok(())
    }

    /// Looks an endpoint up and lets its lane know what it is like.
    async fn look_up(&self, id: EndpointId) -> StoreResult<Door> {
        let Some(live) = self.directory.get(id).await? else {
            return Ok(Door::DELETED);
        };
        let latest = || {
            self.directory
                .cached(id)
                .unwrap_or_else(|| Arc::clone(&live))
        };
        let homeless = self.lanes.update(id, latest);
        commit::release(&self.context, &self.lanes, homeless).await;
        Ok(match live.endpoint.config.state {
            _ if live.endpoint.deleted_at.is_some() => Door::DELETED,
            EndpointState::Enabled => Door::Open,
            EndpointState::Paused => Door::Paused,
            EndpointState::Disabled => {
                Door::Closed(DeliveryState::Dead, DeadReason::EndpointDisabled.as_str())
            }
        })
    }

    async fn fill(&self, claim: Claim, now: Timestamp) {
        // What is due and was not claimed is in another's hands for a moment.
        let again = match claim.jobs.is_empty() {
            true => now.plus(Context::STORE_BACKOFF),
            false => now,
        };
        let next_due = claim.next_due.map(|due| due.max(again));
        let homeless = self.lanes.fill(claim.endpoint, claim.jobs, next_due);
        commit::release(&self.context, &self.lanes, homeless).await;
    }

    /// Closes some of what waits for an endpoint that takes no deliveries any more. For the rest its
    /// lane asks again, so that others have their turn.
    async fn settle(
        &self,
        endpoint: EndpointId,
        state: DeliveryState,
        reason: &'static str,
    ) -> StoreResult<()> {
        let now = self.context.clock.now();
        let store = &self.context.store;
        let settled = store.settle_endpoint(endpoint, state, reason, SETTLED, now);
        let is_done = match settled.await? {
            Some(settled) => settled < SETTLED as usize,
            None => {
                self.directory.reload(endpoint).await?;
                false
            }
        };
        let rest = (!is_done).then_some(now);
        self.lanes.fill(endpoint, Vec::new(), rest);
        Ok(())
    }
}

/// Whether an endpoint lets deliveries through.
enum Door {
    Open,
    Paused,
    /// What waits ends in this state, for this reason.
    Closed(DeliveryState, &'static str),
}

impl Door {
    const DELETED: Self = Self::Closed(
        DeliveryState::Cancelled,
        CancelReason::EndpointDeleted.as_str(),
    );
}
