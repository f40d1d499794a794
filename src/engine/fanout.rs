//! Fan-out: works off what was left of units that were larger than a transaction. Nodes divide them
//! among themselves; if two take one at the same time, one of them moves it.

use std::{fmt::Display, sync::Arc};

use tokio::sync::Notify;

use super::{commit::Committer, context::Context, plan::Planner, rulebook::Rulebook};
use crate::{
    domain::ids::{EventId, ProjectId},
    store::{
        StoreResult,
        unit::{Acceptance, Fanout},
    },
};

/// How many fan-outs are read at a time.
const PAGE: u32 = 16;

/// Works off fan-outs.
pub(super) struct FanoutWorker {
    pub(super) context: Context,
    pub(super) planner: Arc<Planner>,
    pub(super) rulebook: Arc<Rulebook>,
    pub(super) committer: Committer,
    /// Told when there is a new one.
    pub(super) wake: Arc<Notify>,
    /// How far it has come.
    pub(super) round: Round,
}

/// A round through all fan-outs, a page at a time: one that cannot go on keeps nobody from those after it.
#[derive(Debug, Default)]
pub(super) struct Round {
    /// The last one of the page before; none where it begins.
    after: Option<(EventId, ProjectId)>,
    /// Whether some were this node's.
    has_work: bool,
}

/// What a look at the fan-outs found.
enum Found {
    Nothing,
    Some,
}

impl FanoutWorker {
    /// Works until it is dropped.
    pub(super) async fn run(mut self) {
        let wake = Arc::clone(&self.wake);
        loop {
            let woken = wake.notified();
            match self.work_off().await {
                Ok(Found::Nothing) => {
                    let poll = self.context.settings.poll_interval;
                    self.context.clock.timeout(poll, woken).await;
                }
                Ok(Found::Some) => {}
                Err(error) => {
                    tracing::error!(%error, "a fan-out could not go on; trying again");
                    self.context.back_off().await;
                }
            }
        }
    }

    /// Takes each fan-out of the next page a step further. Gives whether there may be more to do: there is
    /// none at the end of a round that found nothing.
    async fn work_off(&mut self) -> StoreResult<Found> {
        let Context {
            store, membership, ..
        } = &self.context;
        let nodes = u32::try_from(membership.nodes()).unwrap_or(1);
        let limit = PAGE.saturating_mul(nodes);
        let mut fanouts = store.fanouts(self.round.after, limit).await?;
        let last = fanouts.last().map(|last| (last.event, last.project));
        self.round.after = last.filter(|_| fanouts.len() == limit as usize);
        fanouts.retain(|fanout| membership.has_part_in(fanout.event));
        self.round.has_work |= !fanouts.is_empty();
        for fanout in &fanouts {
            match self.step(fanout).await {
                Err(error) if !error.is_transient() => self.set_back(fanout, error).await,
                result => result?,
            }
        }
        let is_over = self.round.after.is_none();
        if is_over && !std::mem::take(&mut self.round.has_work) {
            return Ok(Found::Nothing);
        }
        Ok(Found::Some)
    }

    async fn set_back(&self, fanout: &Fanout, error: impl Display) {
        tracing::error!(%error, event = %fanout.event, "a fan-out cannot go on");
        self.context.back_off().await;
    }

    async fn step(&self, fanout: &Fanout) -> StoreResult<()> {
        let unit = self.planner.fanout(fanout).await?;
        let assumed = unit.assumed.clone();
        match self.committer.submit(unit, None).await.result().await {
            Ok(Acceptance::Stale) => {
                for (project, _) in assumed {
                    self.rulebook.refresh(project).await?;
                }
            }
            Ok(_) => {}
            Err(error) => self.set_back(fanout, error).await,
        }
        Ok(())
    }
}
