//! Fan-out: works off what was left of units that were larger than a transaction. Nodes divide them
//! among themselves; if two take one at the same time, one of them moves it.

use std::{fmt::Display, sync::Arc};

use tokio::sync::Notify;

use super::{commit::Committer, context::Context, plan::Planner, rulebook::Rulebook};
use crate::store::{
    StoreResult,
    unit::{Acceptance, Fanout},
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
}

impl FanoutWorker {
    /// Works until it is dropped.
    pub(super) async fn run(self) {
        loop {
            let woken = self.wake.notified();
            match self.work_off().await {
                Ok(0) => {
                    let poll = self.context.settings.poll_interval;
                    self.context.clock.timeout(poll, woken).await;
                }
                Ok(_) => {}
                Err(error) => {
                    tracing::error!(%error, "a fan-out could not go on; trying again");
                    self.context.back_off().await;
                }
            }
        }
    }

    /// Takes each fan-out a step further, and gives how many there were. One whose event or
    /// listeners cannot be read does not hold up those after it.
    async fn work_off(&self) -> StoreResult<usize> {
        let Context {
            store, membership, ..
        } = &self.context;
        let nodes = u32::try_from(membership.nodes()).unwrap_or(1);
        let mut fanouts = store.fanouts(PAGE.saturating_mul(nodes)).await?;
        fanouts.retain(|fanout| membership.has_part_in(fanout.event));
        for fanout in &fanouts {
            match self.step(fanout).await {
                Err(error) if !error.is_transient() => self.set_back(fanout, error).await,
                result => result?,
            }
        }
        Ok(fanouts.len())
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
