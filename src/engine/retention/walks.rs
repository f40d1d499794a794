//! How each kind of thing is swept. Another kind is another arm here, and a step in the store.

use std::time::Duration;

use super::{MAX_STEP, Sweeper};
use crate::{
    domain::{delivery::DeliveryState, retention::Kept, time::Timestamp},
    engine::pace::Pace,
    store::{
        StoreResult,
        partitions::{Log, Rows},
        retention::Swept,
    },
};

/// How often is walked through things that may have to stay for long.
const LONG_WALK: Duration = Duration::from_secs(24 * 60 * 60);

/// The most of those that a step looks at: each takes a search of its own.
const MAX_LONG_STEP: u32 = 16;

/// A part of the sweep of a kind.
#[derive(Clone, Copy)]
enum Part {
    All,
    In(DeliveryState),
    /// Events that were still needed when the walk along the log passed them.
    KeptAside,
    /// Notes of how many rows of skips there were in an hour.
    SkipRows,
}

/// The parts of the sweep of `what`.
fn parts(what: Kept) -> &'static [Part] {
    match what {
        Kept::Deliveries => &[
            Part::In(DeliveryState::Delivered),
            Part::In(DeliveryState::Cancelled),
            Part::In(DeliveryState::Skipped),
        ],
        Kept::DeadLetters => &[Part::In(DeliveryState::Dead)],
        Kept::Events => &[Part::All, Part::KeptAside],
        Kept::SkipCounts => &[Part::All, Part::SkipRows],
        Kept::EventKeys
        | Kept::IdempotencyKeys
        | Kept::Jobs
        | Kept::Audit
        | Kept::Journal
        | Kept::ListenerRevisions
        | Kept::DeletedEndpoints => &[Part::All],
    }
}

impl Sweeper {
    /// Whether `what` is swept in this round.
    pub(super) fn is_due(&mut self, what: Kept) -> bool {
        let now = self.context.clock.elapsed();
        let is_long = matches!(what, Kept::ListenerRevisions | Kept::DeletedEndpoints);
        let every = LONG_WALK.min(self.context.settings.retention.shortest());
        let walked = self.walked.get(&what);
        if is_long && walked.is_some_and(|walked| now.saturating_sub(*walked) < every) {
            return false;
        }
        self.walked.insert(what, now);
        true
    }

    /// Removes all of `what` that is past its time, a step at a time.
    pub(super) async fn sweep(&mut self, what: Kept) -> StoreResult<()> {
        let now = self.context.clock.now();
        let kept_for = self.context.settings.retention.of(what);
        let until = now.minus(kept_for.unwrap_or_default());
        for rows in self.rows(what, until).await? {
            for part in parts(what) {
                self.walk((what, *part), &rows, until).await?;
            }
        }
        self.progress.swept(what, kept_for.map(|_| until));
        Ok(())
    }

    /// Which rows of a log are swept one by one; all where it is none.
    async fn rows(&self, what: Kept, until: Timestamp) -> StoreResult<Vec<Rows>> {
        let log = match what {
            Kept::Events => Log::Events,
            Kept::Deliveries | Kept::DeadLetters => Log::Deliveries,
            Kept::Journal => Log::Journal,
            _ => return Ok(vec![Rows::All]),
        };
        let kept_for = self.context.settings.retention.of(what);
        let kept_for = kept_for.unwrap_or_default();
        self.context.store.loose_rows(log, kept_for, until).await
    }

    async fn walk(
        &mut self,
        (what, part): (Kept, Part),
        rows: &Rows,
        until: Timestamp,
    ) -> StoreResult<()> {
        // A log is walked along once; other walks begin anew each time.
        let along = matches!((what, part), (Kept::Events, Part::All)).then(|| rows.clone());
        let mut position = match &along {
            Some(rows) => self.positions.remove(rows).unwrap_or_default(),
            None => String::new(),
        };
        let most = match what {
            Kept::DeletedEndpoints => MAX_LONG_STEP,
            _ => MAX_STEP,
        };
        let mut pace = Pace::up_to(most);
        loop {
            let begun = self.context.clock.elapsed();
            let step = (what, part);
            let swept = self.step(step, rows, &position, until, pace.size()).await?;
            self.progress.removes(what, swept.removed);
            position = swept.position;
            if let Some(rows) = &along {
                self.positions.insert(rows.clone(), position.clone());
            }
            if swept.is_last {
                return Ok(());
            }
            let took = self.context.clock.elapsed().saturating_sub(begun);
            self.context.clock.sleep(pace.learn(took)).await;
        }
    }

    /// Takes a step from `position` on.
    async fn step(
        &self,
        (what, part): (Kept, Part),
        rows: &Rows,
        position: &str,
        until: Timestamp,
        size: u32,
    ) -> StoreResult<Swept> {
        let store = &self.context.store;
        let retention = &self.context.settings.retention;
        let now = self.context.clock.now();
        match (what, part) {
            (_, Part::In(state)) => store.sweep_deliveries(rows, state, until, size).await,
            (Kept::Events, Part::KeptAside) => {
                let again = self.look_again(now);
                store.sweep_kept_events(until, now, again, size).await
            }
            (Kept::Events, _) => {
                let again = self.look_again(now);
                store.sweep_events(rows, position, until, again, size).await
            }
            (_, Part::SkipRows) => store.sweep_skip_rows(now, size).await,
            (Kept::SkipCounts, _) => store.sweep_skip_counts(until, size).await,
            (Kept::EventKeys, _) => store.sweep_event_keys(until, size).await,
            (Kept::IdempotencyKeys, _) => store.sweep_idempotency_keys(until, size).await,
            (Kept::Jobs, _) => store.sweep_jobs(until, size).await,
            (Kept::Audit, _) => store.sweep_audit(until, size).await,
            (Kept::Journal, _) => store.sweep_journal(rows, position, until, size).await,
            (Kept::ListenerRevisions, _) => store.sweep_revisions(position, now, size).await,
            (Kept::DeletedEndpoints, _) => {
                let before = now.minus(retention.deliveries);
                store.sweep_endpoints(position, before, size).await
            }
            (Kept::Deliveries | Kept::DeadLetters, Part::All | Part::KeptAside) => {
                Ok(Swept::nothing())
            }
        }
    }

    /// When an event that is still needed now is looked at again.
    pub(super) fn look_again(&self, now: Timestamp) -> Timestamp {
        let retention = &self.context.settings.retention;
        let pause = retention.events / super::ROUNDS;
        now.plus(pause.clamp(super::MIN_PAUSE, LONG_WALK))
    }
}
