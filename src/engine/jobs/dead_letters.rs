//! Jobs on dead letters: redriving and discarding.

use std::collections::BTreeSet;

use futures_util::future::try_join_all;

use super::JobRunner;
use crate::{
    domain::{
        dead_letter::Selection,
        delivery::{Delivery, DeliveryState, Target},
        ids::DeliveryId,
        job::{Job, Outcome, Tally},
        time::Timestamp,
    },
    engine::act::Retried,
    store::{
        StoreResult,
        dead_letters::{Found, From, Redrive},
        jobs::Step,
    },
};

/// How many events are emitted at a time: they share transactions.
const EMISSIONS: usize = 64;

impl JobRunner {
    /// How many dead letters a job is to look at.
    pub(super) async fn count_dead_letters(
        &self,
        job: &Job,
        selection: &Selection,
    ) -> StoreResult<u64> {
        let filter = match selection {
            Selection::Ids(ids) => return Ok(ids.len() as u64),
            Selection::Filter(filter) => filter,
        };
        let mut from = beginning(job);
        let mut total = 0;
        loop {
            let store = &self.context().store;
            let counted = store.count_dead_letters(job.project, filter, from).await?;
            total += counted.count;
            from.after = counted.position;
            if counted.is_last {
                return Ok(total);
            }
        }
    }

    /// Redrives a page of dead letters. Gives how many.
    ///
    /// Events that could not be emitted are emitted first, each in a transaction of its own. Those
    /// are dead letters no more then: a step that is taken again after a crash does not meet them.
    pub(super) async fn redrive(
        &self,
        job: &Job,
        selection: &Selection,
        size: u32,
    ) -> StoreResult<u32> {
        let found = self.find(job, selection, size).await?;
        let emissions = self.emissions(job, &found.ids).await?;
        let webhooks: Vec<_> = found
            .ids
            .iter()
            .filter(|id| !emissions.iter().any(|emission| emission.id == **id))
            .copied()
            .collect();
        let mut step = step(job, &found);
        step.tally = self.emit(emissions).await?;
        let now = self.context().clock.now();
        let store = &self.context().store;
        let redriven = store.redrive(&step, &webhooks, now).await?;
        self.take_up(&redriven.unwrap_or_default(), now);
        Ok(worked(&found))
    }

    /// Discards a page of dead letters. Gives how many.
    pub(super) async fn discard(
        &self,
        job: &Job,
        selection: &Selection,
        size: u32,
    ) -> StoreResult<u32> {
        let found = self.find(job, selection, size).await?;
        let now = self.context().clock.now();
        let store = &self.context().store;
        store.discard(&step(job, &found), &found.ids, now).await?;
        Ok(worked(&found))
    }

    /// Has the lanes take up what was redriven.
    fn take_up(&self, redriven: &[(DeliveryId, Redrive)], now: Timestamp) {
        let due = redriven.iter().filter_map(|(_, redrive)| match redrive {
            Redrive::Due(endpoint) => Some(*endpoint),
            _ => None,
        });
        for endpoint in due.collect::<BTreeSet<_>>() {
            self.gateway.parts.lanes.note_backlog(endpoint, now);
        }
    }

    /// The next dead letters that a job is to look at.
    async fn find(&self, job: &Job, selection: &Selection, size: u32) -> StoreResult<Found> {
        match selection {
            Selection::Ids(ids) => Ok(next_of(ids, &job.position, size)),
            Selection::Filter(filter) => {
                let from = From {
                    after: job.position.parse().ok(),
                    ..beginning(job)
                };
                let store = &self.context().store;
                store
                    .find_dead_letters(job.project, filter, from, size)
                    .await
            }
        }
    }

    /// Those of `ids` that are events which could not be emitted.
    async fn emissions(&self, job: &Job, ids: &[DeliveryId]) -> StoreResult<Vec<Delivery>> {
        let store = &self.context().store;
        let mut emissions = store.deliveries_named(job.project, ids).await?;
        emissions.retain(|delivery| {
            delivery.target == Target::Emit && delivery.state == DeliveryState::Dead
        });
        Ok(emissions)
    }

    /// Tries to emit events again. Gives what came of it.
    async fn emit(&self, emissions: Vec<Delivery>) -> StoreResult<Tally> {
        let mut tally = Tally::default();
        for group in emissions.chunks(EMISSIONS) {
            let tried = group
                .iter()
                .map(|emission| self.gateway.emit_again(emission.clone(), None));
            for (emission, retried) in group.iter().zip(try_join_all(tried).await?) {
                tell(emission.id, retried, &mut tally);
            }
        }
        Ok(tally)
    }
}

/// Counts what came of an event that was tried again.
fn tell(id: DeliveryId, retried: Retried, tally: &mut Tally) {
    match retried {
        Retried::Due | Retried::UnderWay | Retried::BeingCancelled => {
            tally.count(Outcome::Redriven);
        }
        Retried::EndpointClosed | Retried::NothingToEmit(_) => tally.count(Outcome::Changed),
        Retried::NothingLeft(loss) => tally.lost(id, loss),
        Retried::EmitFailed(why) => {
            let detail = format!("its event still cannot be emitted: {why}");
            tally.fail(id, Outcome::EmitFailed, detail);
        }
    }
}

/// From where a job begins to look at dead letters.
fn beginning(job: &Job) -> From {
    From {
        after: None,
        dead_by: job.created_at,
    }
}

fn step<'a>(job: &'a Job, found: &Found) -> Step<'a> {
    let position = found.position.map(|position| position.to_string());
    Step {
        job,
        position: position.unwrap_or_else(|| job.position.clone()),
        tally: Tally::default(),
        is_last: found.is_last,
    }
}

fn worked(found: &Found) -> u32 {
    u32::try_from(found.ids.len()).unwrap_or(u32::MAX)
}

/// The next of `ids`, which are in their order, after `position`.
fn next_of(ids: &[DeliveryId], position: &str, size: u32) -> Found {
    let after: Option<DeliveryId> = position.parse().ok();
    let done = ids.partition_point(|id| after.is_some_and(|after| *id <= after));
    let rest = &ids[done..];
    let next = &rest[..rest.len().min(size as usize)];
    Found {
        ids: next.to_vec(),
        position: next.last().copied(),
        is_last: next.len() == rest.len(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::{chance::Chance, ids::Ids};

    #[test]
    fn named_ones_are_gone_through_in_their_order() {
        let source = Ids::new(Chance::seeded(1));
        let ids: Vec<DeliveryId> = (0..5)
            .map(|_| source.next(Timestamp::from_millis(5)))
            .collect();
        let (mut position, mut seen) = (String::new(), Vec::new());
        loop {
            let found = next_of(&ids, &position, 2);
            seen.extend(found.ids.iter().copied());
            if found.is_last {
                break;
            }
            position = found.position.expect("a position").to_string();
        }
        assert_eq!(seen, ids);
        assert!(next_of(&[], "", 2).is_last);
    }
}
