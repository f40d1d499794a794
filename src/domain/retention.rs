//! Retention: what is kept for a time and goes then, and for how long that is.

use std::time::Duration;

use super::names::named;

named! {
    /// What is kept for a time, and goes then.
    pub enum Kept {
        /// Events: until `retention.events` after they were taken in, and as long as a delivery of
        /// theirs is pending or dead.
        Events = "events",
        /// Deliveries that were delivered, cancelled or skipped, with their attempts: until
        /// `retention.deliveries` after they ended.
        Deliveries = "deliveries",
        /// Dead letters, with their attempts: until `retention.dead_letters` after they died.
        DeadLetters = "dead_letters",
        /// Counts of skipped deliveries that have no rows: as long as deliveries.
        SkipCounts = "skip_counts",
        /// The keys by which repeated events are recognised: for `dedupe.window`.
        EventKeys = "event_keys",
        /// The keys by which repeated requests are recognised, with their answers: for
        /// `idempotency.window`.
        IdempotencyKeys = "idempotency_keys",
        /// Jobs: until `retention.jobs` after they ended.
        Jobs = "jobs",
        /// What was changed by whom: for `retention.audit`.
        Audit = "audit",
        /// What happened when, for those who follow it: for `retention.journal`. Of each project the
        /// newest entry stays.
        Journal = "journal",
        /// Revisions of listeners that hold no more: as long as there are events that met them.
        ListenerRevisions = "listener_revisions",
        /// Endpoints that were deleted: as long as a delivery or a listener names them.
        DeletedEndpoints = "deleted_endpoints",
    }
}

/// For how long things are kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Retention {
    /// Events, from when they were taken in.
    pub events: Duration,
    /// Deliveries that are not dead, from when they ended.
    pub deliveries: Duration,
    /// Dead letters, from when they died.
    pub dead_letters: Duration,
    /// Jobs, from when they ended.
    pub jobs: Duration,
    /// What was changed by whom.
    pub audit: Duration,
    /// What happened when.
    pub journal: Duration,
    /// The keys of events, from when these were taken in.
    pub event_keys: Duration,
    /// The keys of requests, from when these were carried out.
    pub idempotency_keys: Duration,
}

impl Retention {
    /// All of it for the same time.
    pub const fn all(time: Duration) -> Self {
        Self {
            events: time,
            deliveries: time,
            dead_letters: time,
            jobs: time,
            audit: time,
            journal: time,
            event_keys: time,
            idempotency_keys: time,
        }
    }

    /// For how long `what` is kept; none for what goes with the last that needs it.
    pub fn of(&self, what: Kept) -> Option<Duration> {
        match what {
            Kept::Events => Some(self.events),
            Kept::Deliveries | Kept::SkipCounts => Some(self.deliveries),
            Kept::DeadLetters => Some(self.dead_letters),
            Kept::EventKeys => Some(self.event_keys),
            Kept::IdempotencyKeys => Some(self.idempotency_keys),
            Kept::Jobs => Some(self.jobs),
            Kept::Audit => Some(self.audit),
            Kept::Journal => Some(self.journal),
            Kept::ListenerRevisions | Kept::DeletedEndpoints => None,
        }
    }

    /// The shortest time for which anything is kept.
    pub fn shortest(&self) -> Duration {
        let kept = Kept::ALL.iter().filter_map(|what| self.of(*what));
        kept.min().unwrap_or(self.events)
    }
}
