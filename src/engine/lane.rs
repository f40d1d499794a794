//! A lane: what one endpoint has in memory. Each endpoint is a bulkhead of its own.

use std::{
    collections::{HashMap, HashSet, VecDeque},
    sync::Arc,
    time::Duration,
};

use super::directory::LiveEndpoint;
use crate::{
    domain::{ids::DeliveryId, time::Timestamp},
    store::queue::Job,
};

/// How long an attempt may be under way until its endpoint counts as one that hangs.
pub(super) const SLOW: Duration = Duration::from_secs(1);

/// The lanes that take turns with each other.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Ring {
    /// Those whose endpoint's last attempt succeeded.
    Proven,
    /// All others.
    Unproven,
}

impl Ring {
    /// The one whose turn is after this one's.
    pub(super) fn other(self) -> Self {
        match self {
            Self::Proven => Self::Unproven,
            Self::Unproven => Self::Proven,
        }
    }
}

/// What is known of an endpoint's work.
#[derive(Debug, Default)]
pub(super) struct Lane {
    /// The endpoint as it is now; none until somebody has looked it up.
    pub(super) endpoint: Option<Arc<LiveEndpoint>>,
    /// Jobs that wait for their turn; this node owns them.
    pub(super) waiting: VecDeque<Job>,
    /// Places promised to deliveries that are being committed.
    pub(super) reserved: usize,
    /// Deliveries whose attempt has begun and is not recorded, and when it began.
    pub(super) in_flight: HashMap<DeliveryId, Timestamp>,
    /// When the first of what waits in the store is due; none if nothing is known to wait there.
    pub(super) backlog: Option<Timestamp>,
    /// Whether the store is being asked for jobs.
    pub(super) refilling: bool,
    /// Deliveries that were called off while they may have been on their way into the lane.
    pub(super) called_off: HashSet<DeliveryId>,
    /// In which ring of lanes that take turns it stands, if it does.
    pub(super) in_ring: Option<Ring>,
    /// Where it stands in the index of lanes that want jobs from the store.
    pub(super) indexed: Option<Timestamp>,
}

impl Lane {
    /// Whether webhooks may leave now; an endpoint that was not looked up yet may be open.
    pub(super) fn is_open(&self) -> bool {
        self.endpoint
            .as_ref()
            .is_none_or(|live| live.endpoint.is_open())
    }

    /// Whether what waits in the store is to stay there. What waits for an endpoint that is
    /// disabled or deleted is taken up to be closed.
    fn is_paused(&self) -> bool {
        self.endpoint
            .as_ref()
            .is_some_and(|live| live.endpoint.is_paused())
    }

    /// How many jobs it has or has promised to have.
    pub(super) fn occupied(&self) -> usize {
        self.waiting.len() + self.reserved
    }

    /// When it wants jobs from the store; none if it does not. Where memory is `crowded`, only an
    /// empty lane does: one that is not will be asked again when it has changed.
    pub(super) fn wants_jobs(&self, buffer: usize, crowded: bool) -> Option<Timestamp> {
        let has_room = match crowded {
            true => self.occupied() == 0,
            false => self.occupied() * 2 <= buffer,
        };
        self.backlog
            .filter(|_| has_room && !self.refilling && !self.is_paused())
    }

    /// Whether jobs are on their way into it that it cannot name yet.
    pub(super) fn expects_jobs(&self) -> bool {
        self.reserved > 0 || self.refilling
    }

    /// Whether it takes a job that has come: its endpoint is open, and nobody has called it off.
    pub(super) fn takes(&self, job: &Job) -> bool {
        self.is_open() && !self.called_off.contains(&job.delivery)
    }

    /// Whether it has a job that may begin, as far as the lane itself is concerned.
    pub(super) fn is_ready(&self) -> bool {
        let slots = self.endpoint.as_ref().map_or(0, |live| live.concurrency);
        !self.waiting.is_empty() && self.in_flight.len() < slots && self.is_open()
    }

    /// The ring in which it takes its turns.
    pub(super) fn ring(&self) -> Ring {
        let live = self.endpoint.as_ref();
        match live.is_some_and(|live| live.has_succeeded()) {
            true => Ring::Proven,
            false => Ring::Unproven,
        }
    }

    /// Whether its endpoint answers well: the last attempt succeeded, and none that is under way at `now`
    /// is slow.
    pub(super) fn answers_well(&self, now: Timestamp) -> bool {
        let is_slow = |begun: &Timestamp| now.since(*begun) >= SLOW;
        self.ring() == Ring::Proven && !self.in_flight.values().any(is_slow)
    }

    /// Notes that something waits in the store from `due` on.
    pub(super) fn note_backlog(&mut self, due: Timestamp) {
        self.backlog = Some(self.backlog.map_or(due, |known| known.min(due)));
    }

    /// Whether nothing is left of it to remember.
    pub(super) fn is_idle(&self) -> bool {
        self.occupied() == 0
            && self.in_flight.is_empty()
            && self.backlog.is_none()
            && !self.refilling
    }
}
