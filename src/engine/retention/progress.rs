//! What retention has done since the start, as operators see it.

use std::{
    collections::HashMap,
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use crate::{
    domain::{
        retention::{Kept, Retention},
        time::Timestamp,
    },
    store::partitions::{Cause, Round},
};

/// What retention has done since the start.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RetentionStatus {
    /// Each kind of thing, in a fixed order.
    pub kinds: Vec<KindStatus>,
    /// The last round; none before the first.
    pub round: Option<RoundStatus>,
    /// How many bytes were given back to the file system.
    pub given_back: u64,
    /// How many partitions of logs were dropped.
    pub dropped: u64,
    /// Partitions that are past their time and still there.
    pub overdue: Vec<Overdue>,
}

/// A partition that is past its time and still there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Overdue {
    /// What it is called.
    pub name: String,
    /// Why.
    pub cause: Cause,
}

/// How far the sweep of one kind has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct KindStatus {
    /// The kind.
    pub what: Kept,
    /// For how long it is kept; none for what goes with the last that needs it.
    pub kept_for: Option<Duration>,
    /// What is older than this is removed; none before the first round.
    pub swept_until: Option<Timestamp>,
    /// How many were removed.
    pub removed: u64,
}

/// A round of sweeping.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RoundStatus {
    /// When it began.
    pub started_at: Timestamp,
    /// When it ended; none while it goes on.
    pub finished_at: Option<Timestamp>,
}

/// Keeps count.
#[derive(Debug, Default)]
pub(in crate::engine) struct Progress(Mutex<Counts>);

#[derive(Debug, Default)]
struct Counts {
    round: Option<RoundStatus>,
    removed: HashMap<Kept, u64>,
    swept: HashMap<Kept, Timestamp>,
    given_back: u64,
    dropped: u64,
    overdue: Vec<Overdue>,
}

impl Progress {
    pub(super) fn begins(&self, now: Timestamp) {
        self.lock().round = Some(RoundStatus {
            started_at: now,
            finished_at: None,
        });
    }

    pub(super) fn ends(&self, now: Timestamp) {
        if let Some(round) = &mut self.lock().round {
            round.finished_at = Some(now);
        }
    }

    pub(super) fn removes(&self, what: Kept, count: u64) {
        *self.lock().removed.entry(what).or_default() += count;
    }

    pub(super) fn removed(&self, what: Kept) -> u64 {
        self.lock().removed.get(&what).copied().unwrap_or(0)
    }

    pub(super) fn swept(&self, what: Kept, until: Option<Timestamp>) {
        if let Some(until) = until {
            self.lock().swept.insert(what, until);
        }
    }

    pub(super) fn drops(&self, round: Round) {
        let mut counts = self.lock();
        counts.dropped += round.dropped.len() as u64;
        let overdue = round.overdue.into_iter();
        counts.overdue = overdue
            .map(|(name, cause)| Overdue { name, cause })
            .collect();
    }

    pub(super) fn gave_back(&self, bytes: u64) {
        self.lock().given_back += bytes;
    }

    pub(super) fn status(&self, retention: &Retention) -> RetentionStatus {
        let counts = self.lock();
        let kind = |what: &Kept| KindStatus {
            what: *what,
            kept_for: retention.of(*what),
            swept_until: counts.swept.get(what).copied(),
            removed: counts.removed.get(what).copied().unwrap_or(0),
        };
        RetentionStatus {
            kinds: Kept::ALL.iter().map(kind).collect(),
            round: counts.round,
            given_back: counts.given_back,
            dropped: counts.dropped,
            overdue: counts.overdue.clone(),
        }
    }

    fn lock(&self) -> MutexGuard<'_, Counts> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
