//! Retention: what is past its time goes, in small steps between which others write, and the space
//! is given back.
//!
//! A round sweeps each kind of thing in turn. What a round costs follows what it removes; where a
//! walk remembers how far it came, the next round goes on there.

mod progress;
mod walks;

use std::{collections::HashMap, sync::Arc, time::Duration};

pub(super) use self::progress::Progress;
pub use self::progress::{KindStatus, Overdue, RetentionStatus, RoundStatus};
use super::{context::Context, gateway::Gateway, pace::Pace};
use crate::{
    domain::retention::Kept,
    store::{
        StoreError, StoreResult,
        partitions::{Ages, Rows},
    },
};

/// The most things that a step looks at.
const MAX_STEP: u32 = 1_000;

/// The most pages that a step gives back.
const MAX_PAGES: u32 = 1_024;

/// How long after a round the next one begins: this part of the shortest time for which anything is
/// kept, within these bounds.
const ROUNDS: u32 = 30;
const MIN_PAUSE: Duration = Duration::from_millis(500);
const MAX_PAUSE: Duration = Duration::from_secs(10 * 60);

impl Gateway {
    /// What retention has done since the start, and how far it has come.
    pub fn retention(&self) -> RetentionStatus {
        let parts = &self.parts;
        parts.retention.status(&parts.context.settings.retention)
    }
}

/// Sweeps.
pub(super) struct Sweeper {
    context: Context,
    progress: Arc<Progress>,
    /// Where walks along the log of events, which go on from round to round, have come to.
    positions: HashMap<Rows, String>,
    /// When walks through things that may have to stay for long were last made, on the clock's count
    /// of elapsed time.
    walked: HashMap<Kept, Duration>,
}

impl Sweeper {
    pub(super) fn new(context: Context, progress: Arc<Progress>) -> Self {
        Self {
            context,
            progress,
            positions: HashMap::new(),
            walked: HashMap::new(),
        }
    }

    /// Works until it is dropped, while this node leads: one of all nodes is enough.
    pub(super) async fn run(mut self) {
        let shortest = self.context.settings.retention.shortest();
        let pause = (shortest / ROUNDS).clamp(MIN_PAUSE, MAX_PAUSE);
        loop {
            self.context.membership.leading().await;
            self.progress.begins(self.context.clock.now());
            let removed = self.round().await;
            self.progress.ends(self.context.clock.now());
            tell(&removed);
            self.context.clock.sleep(pause).await;
        }
    }

    /// Sweeps each kind of thing in turn. One that cannot be swept holds up no other.
    async fn round(&mut self) -> HashMap<Kept, u64> {
        let before: HashMap<_, _> = Kept::ALL
            .iter()
            .map(|what| (*what, self.progress.removed(*what)))
            .collect();
        if let Err(error) = self.drop_partitions().await {
            self.set_back("partitions", error).await;
        }
        for what in Kept::ALL {
            if !self.is_due(*what) {
                continue;
            }
            if let Err(error) = self.sweep(*what).await {
                self.set_back(what.as_str(), error).await;
            }
        }
        if let Err(error) = self.give_back().await {
            self.set_back("space", error).await;
        }
        let removed = before.into_iter();
        removed
            .map(|(what, before)| (what, self.progress.removed(what) - before))
            .collect()
    }

    /// Makes partitions of the logs ahead, where these have any, and drops those that are past their
    /// time.
    async fn drop_partitions(&self) -> StoreResult<()> {
        let store = &self.context.store;
        let now = self.context.clock.now();
        let made = store.make_partitions(now).await;
        let round = store
            .drop_partitions(&Ages {
                retention: self.context.settings.retention,
                now,
                look_again: self.look_again(now),
            })
            .await?;
        for (what, count) in round.dropped.iter().flat_map(|dropped| &dropped.removed) {
            self.progress.removes(*what, *count);
        }
        self.progress.drops(round);
        made.map(|_| ())
    }

    async fn set_back(&self, what: &'static str, error: StoreError) {
        tracing::error!(%error, what, "what is past its time could not be removed; the next round tries again");
        self.context.back_off().await;
    }

    /// Gives free space back, a few pages at a time.
    async fn give_back(&self) -> StoreResult<()> {
        let mut pace = Pace::up_to(MAX_PAGES);
        loop {
            let begun = self.context.clock.elapsed();
            let (bytes, has_more) = self.context.store.give_back(pace.size()).await?;
            self.progress.gave_back(bytes);
            if !has_more {
                return Ok(());
            }
            let took = self.context.clock.elapsed().saturating_sub(begun);
            self.context.clock.sleep(pace.learn(took)).await;
        }
    }
}

/// Says what a round has removed, if it was anything. Dead letters do not go unnoticed.
fn tell(removed: &HashMap<Kept, u64>) {
    let count = |what| removed.get(&what).copied().unwrap_or(0);
    let expired = count(Kept::DeadLetters);
    if expired > 0 {
        tracing::warn!(
            expired,
            "dead letters have expired: retention.dead_letters is over"
        );
    }
    if removed.values().any(|count| *count > 0) {
        tracing::info!(
            events = count(Kept::Events),
            deliveries = count(Kept::Deliveries),
            skip_counts = count(Kept::SkipCounts),
            event_keys = count(Kept::EventKeys),
            idempotency_keys = count(Kept::IdempotencyKeys),
            jobs = count(Kept::Jobs),
            audit = count(Kept::Audit),
            journal = count(Kept::Journal),
            listener_revisions = count(Kept::ListenerRevisions),
            deleted_endpoints = count(Kept::DeletedEndpoints),
            "what is past its time is removed"
        );
    }
}
