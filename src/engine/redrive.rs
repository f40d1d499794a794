//! Redriving: many dead letters go on their way again in one step of the store.

use std::collections::BTreeSet;

use futures_util::future::try_join_all;

use super::{act::Retried, context::Context, gateway::Gateway};
use crate::{
    domain::{
        delivery::DeliveryState,
        ids::{DeliveryId, EndpointId, ProjectId},
    },
    store::{StoreResult, dead_letters::Redrive},
};

/// How many events are emitted at a time: they share transactions.
const EMISSIONS: usize = 64;

/// What came of a wish to redrive a dead letter.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Redriven {
    /// It is due now; an event is emitted.
    Due,
    /// Its endpoint is disabled: it stays dead.
    EndpointDisabled,
    /// Its endpoint is deleted: it stays dead.
    EndpointDeleted,
    /// It is an event that still cannot be emitted, for this reason: it stays dead.
    EmitFailed(String),
    /// It is no dead letter, but in this state.
    NotDead(DeliveryState),
    /// The project has no such delivery.
    NotFound,
}

impl Gateway {
    /// Makes those of `ids` due now that are dead letters of `project`, and gives what came of
    /// each, in their order. At most [`MAX_PAGE`](crate::store::dead_letters::MAX_PAGE) should be
    /// given.
    ///
    /// # Errors
    /// If the store does not answer. Some may have been redriven: doing it again is safe.
    pub async fn redrive(
        &self,
        project: ProjectId,
        ids: &[DeliveryId],
    ) -> StoreResult<Vec<(DeliveryId, Redriven)>> {
        let Context { store, clock, .. } = &self.parts.context;
        let now = clock.now();
        let redrives = store.redrive(project, ids, now).await?;
        for endpoint in endpoints(&redrives) {
            self.parts.lanes.note_backlog(endpoint, now);
        }
        let mut results = Vec::with_capacity(redrives.len());
        for group in redrives.chunks(EMISSIONS) {
            let concluded = group
                .iter()
                .map(|(id, redrive)| self.conclude_redrive(project, *id, *redrive));
            results.extend(try_join_all(concluded).await?);
        }
        Ok(results)
    }

    async fn conclude_redrive(
        &self,
        project: ProjectId,
        id: DeliveryId,
        redrive: Redrive,
    ) -> StoreResult<(DeliveryId, Redriven)> {
        let redriven = match redrive {
            Redrive::Due(_) => Redriven::Due,
            Redrive::EndpointDisabled => Redriven::EndpointDisabled,
            Redrive::EndpointDeleted => Redriven::EndpointDeleted,
            Redrive::NotDead(state) => Redriven::NotDead(state),
            Redrive::NotFound => Redriven::NotFound,
            Redrive::Emission => {
                let delivery = self.parts.context.store.delivery(project, id).await?;
                emitted(self.emit_again(delivery).await?)
            }
        };
        Ok((id, redriven))
    }
}

/// What came of emitting an event again, as what came of redriving it.
fn emitted(retried: Retried) -> Redriven {
    match retried {
        Retried::Due | Retried::UnderWay => Redriven::Due,
        Retried::EndpointClosed => Redriven::EndpointDeleted,
        Retried::NothingToEmit(state) => Redriven::NotDead(state),
        Retried::EmitFailed(why) => Redriven::EmitFailed(why),
    }
}

fn endpoints(redrives: &[(DeliveryId, Redrive)]) -> BTreeSet<EndpointId> {
    let due = redrives.iter().filter_map(|(_, redrive)| match redrive {
        Redrive::Due(endpoint) => Some(*endpoint),
        _ => None,
    });
    due.collect()
}
