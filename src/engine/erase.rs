//! Erasing events: what is pending is called off, what was captured is wiped, and nothing that is in
//! memory is sent afterwards.

use std::collections::{HashMap, HashSet};

use super::gateway::Gateway;
use crate::{
    domain::{
        event::Event,
        ids::{DeliveryId, EventId, ProjectId},
        time::Timestamp,
    },
    store::{
        StoreError, StoreResult,
        act::Cancellation,
        change::Change,
        erasure::{Erased, Erasure, Holds, PendingWork},
        trace::Link,
    },
};

/// The most events of a chain of causes that are looked at for descendants.
const MAX_CHAIN: u32 = 50_000;

/// What was erased.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ErasedEvent {
    /// Since when the payload is gone.
    pub at: Timestamp,
    /// How many attempts were wiped.
    pub attempts: u64,
    /// How many deliveries were called off.
    pub cancelled: u64,
    /// How many deliveries are called off as soon as the attempt that is under way has failed.
    pub cancelling: u64,
}

/// What came out of an event.
#[derive(Debug, Clone, Default)]
pub struct Descendants {
    /// The events.
    pub links: Vec<Link>,
    /// Whether the chain of causes is so long that there may be more.
    pub truncated: bool,
}

/// Why nothing was erased.
#[derive(Debug, thiserror::Error)]
pub enum EraseError {
    /// Something is still to be carried out that may not be called off.
    #[error("something is still to be carried out")]
    Held(Holds),
    /// See [`StoreError`].
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl Gateway {
    /// What came out of an event: by emit reactions, of any depth, of `project` alone if one is given.
    ///
    /// # Errors
    /// If the store cannot be read.
    pub async fn descendants(
        &self,
        event: &Event,
        of: Option<ProjectId>,
    ) -> StoreResult<Descendants> {
        let store = &self.parts.context.store;
        let chain = store.chain(event.lineage.correlation, MAX_CHAIN).await?;
        let truncated = chain.len() >= MAX_CHAIN as usize;
        let mut links = below(event.id, &chain);
        links.retain(|link| of.is_none_or(|project| link.project == project));
        Ok(Descendants { links, truncated })
    }

    /// Erases the payload of an event of `project`: from its end on no attempt that carries it
    /// begins. An attempt that is under way can only be waited for.
    ///
    /// # Errors
    /// [`EraseError`]: then at most captures of attempts that had ended are wiped.
    pub async fn erase(
        &self,
        project: ProjectId,
        event: EventId,
        pending: PendingWork,
        change: &Change,
    ) -> Result<ErasedEvent, EraseError> {
        let context = &self.parts.context;
        let holds = context.store.erasure_holds(project, &[event]).await?;
        if holds.forbid(pending) {
            return Err(EraseError::Held(holds));
        }
        let wiped = self.wipe_attempts(event).await?;
        let erasure = Erasure {
            event,
            project,
            pending,
        };
        match context.store.erase(erasure, change).await? {
            Erased::Held(holds) => Err(EraseError::Held(holds)),
            Erased::Done {
                at,
                attempts,
                cancelled,
                cancelling,
            } => {
                let under_way = self.take_back(&cancelling, change).await?;
                Ok(ErasedEvent {
                    at,
                    attempts: wiped + attempts,
                    cancelled: cancelled + cancelling.len() as u64 - under_way,
                    cancelling: under_way,
                })
            }
        }
    }

    /// Wipes captures a step at a time, so that others who write do not wait long. Gives how many.
    async fn wipe_attempts(&self, event: EventId) -> StoreResult<u64> {
        let context = &self.parts.context;
        let (mut attempts, mut after) = (0, String::new());
        loop {
            let begun = context.clock.elapsed();
            let wiped = context.store.wipe_attempts(event, &after).await?;
            attempts += wiped.attempts;
            if wiped.is_last {
                return Ok(attempts);
            }
            after = wiped.position;
            let took = context.clock.elapsed().saturating_sub(begun);
            context.clock.sleep(took).await;
        }
    }

    /// Takes deliveries that are to be called off out of memory. Gives how many are under way.
    async fn take_back(
        &self,
        cancelling: &[(ProjectId, DeliveryId)],
        change: &Change,
    ) -> StoreResult<u64> {
        let change = Change {
            idempotency: None,
            ..change.clone()
        };
        let mut under_way = 0;
        for (project, delivery) in cancelling {
            let is_under_way = |it: &Cancellation| StoreResult::Ok(*it == Cancellation::Cancelling);
            let cancelled = self.cancel(*project, *delivery, &change, is_under_way);
            under_way += u64::from(cancelled.await?);
        }
        Ok(under_way)
    }
}

/// The links of `chain` that hang below `event`.
fn below(event: EventId, chain: &[Link]) -> Vec<Link> {
    let mut children: HashMap<EventId, Vec<Link>> = HashMap::new();
    for link in chain {
        if let Some(cause) = link.cause {
            children.entry(cause).or_default().push(*link);
        }
    }
    let (mut found, mut seen) = (Vec::new(), HashSet::from([event]));
    let mut waiting = vec![event];
    while let Some(parent) = waiting.pop() {
        for link in children.remove(&parent).unwrap_or_default() {
            if seen.insert(link.event) {
                waiting.push(link.event);
                found.push(link);
            }
        }
    }
    found.sort_by_key(|link| link.event);
    found
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::{
        chance::Chance,
        ids::{Ids, default_project},
    };

    #[test]
    fn descendants_are_what_hangs_below_an_event_at_any_depth() {
        let ids = Ids::new(Chance::seeded(1));
        let names: Vec<EventId> = (0..6)
            .map(|_| ids.next(Timestamp::from_millis(1)))
            .collect();
        // 0 led to 1 and 2, 1 to 3, 3 to 4; 5 is nobody's.
        let causes = [None, Some(0), Some(0), Some(1), Some(3), None];
        let chain: Vec<_> = names
            .iter()
            .zip(causes)
            .map(|(name, cause)| Link {
                event: *name,
                project: default_project(),
                cause: cause.map(|cause: usize| names[cause]),
            })
            .collect();
        let found = |event: usize| {
            let links = below(names[event], &chain);
            links
                .iter()
                .map(|link| names.iter().position(|name| *name == link.event))
                .collect::<Vec<_>>()
        };
        assert_eq!(found(1), [Some(3), Some(4)]);
        assert_eq!(found(0), [Some(1), Some(2), Some(3), Some(4)]);
        assert_eq!(found(4), []);
    }
}
