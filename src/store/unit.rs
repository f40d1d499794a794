//! Units: what is written in one transaction or not at all. An event, the events that it gives
//! rise to, and all their deliveries.

use std::sync::Arc;

use serde::Serialize;
use serde_json::value::{RawValue, to_raw_value};

use super::{StoreResult, audit::Entry, change::Change, idempotency::Idempotency, sql::unreadable};
use crate::domain::{
    delivery::{Cause, DeadReason, DeliveryState, SkipReason},
    event::Event,
    event_type::KnownViolation,
    idempotency::IdempotencyKey,
    ids::{DeliveryId, EndpointId, EventId, ListenerId, ProjectId},
    time::Timestamp,
};

/// The most events that a unit has.
pub const MAX_EVENTS: usize = 64;

/// The most deliveries that a unit has.
pub const MAX_DELIVERIES: usize = 1_000;

/// What is written in one transaction or not at all.
#[derive(Debug, Clone, Default)]
pub struct Unit {
    /// What makes the unit's first event the same as another, where its producer named it.
    pub key: Option<EventKey>,
    /// What makes the request that sent it the same as another, where its client marked it.
    pub request: Option<EventKey>,
    /// The versions of rules that the unit was planned with: if one has moved, it is not written.
    pub assumed: Vec<(ProjectId, i64)>,
    /// The events, the one that was sent first.
    pub events: Vec<MetEvent>,
    /// Which of them break their schemas and are taken all the same.
    pub violations: Vec<KnownViolation>,
    /// What they trigger.
    pub deliveries: Vec<NewDelivery>,
    /// What is left to do because the unit would have grown too large.
    pub fanouts: Vec<Fanout>,
    /// What was asked for, if it is more than to take an event.
    pub asked: Option<Arc<Asked>>,
    /// What the unit carries on with, if it does not begin with an event that was sent.
    pub continues: Option<Continuation>,
}

/// What somebody asked for who is not a producer: the unit does it, so it is done once, and written
/// down, in the unit's transaction.
#[derive(Debug)]
pub struct Asked {
    pub(super) change: Change,
    pub(super) entry: Option<Entry>,
    pub(super) answer: Box<RawValue>,
}

impl Asked {
    /// What is done by `change`; `entry` is written down about it, and its repeats are answered
    /// `answer`.
    ///
    /// # Errors
    /// If the answer cannot be written as JSON.
    pub fn new(
        change: &Change,
        entry: Option<Entry>,
        answer: &impl Serialize,
    ) -> StoreResult<Self> {
        Ok(Self {
            change: change.clone(),
            entry,
            answer: to_raw_value(answer).map_err(|error| unreadable("answer", error))?,
        })
    }

    /// How a repeat is recognised, if its client marked the request.
    pub fn idempotency(&self) -> Option<&Idempotency> {
        self.change.idempotency.as_ref()
    }
}

/// What makes two events the same (per project): source, producer's id, and a hash of all that the
/// producer sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EventKey {
    /// The project.
    pub project: ProjectId,
    /// The CloudEvents `source`.
    pub source: String,
    /// The CloudEvents `id`.
    pub producer_id: String,
    /// The hash of what was sent.
    pub hash: [u8; 32],
}

/// The source of keys that stand for requests: no event has it.
const REQUESTS: &str = "";

impl EventKey {
    /// The key of the event in the place `place` of a request that is marked with `key`, and whose
    /// events all together have this hash.
    ///
    /// It is the project's, not its API key's: a producer whose API key was replaced meanwhile
    /// sends no event twice.
    pub fn of_request(
        project: ProjectId,
        key: &IdempotencyKey,
        place: usize,
        hash: [u8; 32],
    ) -> Self {
        Self {
            project,
            source: REQUESTS.to_owned(),
            // No key has a line's end: the keys of one request stand together, apart from others.
            producer_id: format!("{}\n{place}", key.as_str()),
            hash,
        }
    }

    /// Between which names the events of the request stand; the second one is not among them.
    pub(super) fn request_range(&self) -> (String, String) {
        let mark = self.producer_id.split('\n').next().unwrap_or_default();
        (format!("{mark}\n"), format!("{mark}\u{b}"))
    }
}

/// An event and the rules that it met.
#[derive(Debug, Clone)]
pub struct MetEvent {
    /// The event.
    pub event: Arc<Event>,
    /// The version of its project's rules.
    pub rules_version: i64,
    /// The version of the platform's rules.
    pub platform_version: i64,
}

/// A delivery that is about to be written.
#[derive(Debug, Clone)]
pub struct NewDelivery {
    /// Its name.
    pub id: DeliveryId,
    /// Whom it belongs to.
    pub project: ProjectId,
    /// The event that it carries.
    pub event: Arc<Event>,
    /// What it is made for.
    pub cause: Option<Cause>,
    /// The endpoint; none for an event that could not be emitted.
    pub endpoint: Option<EndpointId>,
    /// How it begins.
    pub fate: Fate,
}

/// How a delivery begins.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Fate {
    /// It waits for its first attempt.
    Pending {
        /// Whether this node holds it in memory, or leaves it to be claimed.
        owned: bool,
        /// When the attempt is due.
        due: Timestamp,
    },
    /// It is not made.
    Skipped(SkipReason),
    /// It is a dead letter at once.
    Dead(DeadReason, String),
}

impl Fate {
    /// The state that the delivery begins in, why, and what else there is to say.
    pub(super) fn written(&self) -> (DeliveryState, Option<&'static str>, Option<&str>) {
        match self {
            Self::Pending { .. } => (DeliveryState::Pending, None, None),
            Self::Skipped(reason) => (DeliveryState::Skipped, Some(reason.as_str()), None),
            Self::Dead(reason, why) => (DeliveryState::Dead, Some(reason.as_str()), Some(why)),
        }
    }
}

/// A place among the reactions of a project's listeners, in the order of their identifiers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
pub struct Cursor {
    /// The first listener that is not done; none for the very first.
    pub listener: Option<ListenerId>,
    /// The first of its reactions that is not done.
    pub reaction: u32,
}

/// What is left of the reactions to an event.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fanout {
    /// The event.
    pub event: EventId,
    /// Whose listeners: the event's project, or the platform.
    pub project: ProjectId,
    /// The version of their rules that the event met.
    pub rules_version: i64,
    /// Where to go on.
    pub next: Cursor,
}

/// What a unit carries on with.
#[derive(Debug, Clone)]
pub enum Continuation {
    /// The rest of a fan-out; `then` is where the next unit goes on, none where all is done.
    Fanout {
        /// Where this unit began.
        from: Fanout,
        /// Where the next one begins.
        then: Option<Cursor>,
    },
    /// An event that could not be emitted at first: its dead letter is settled.
    Emission(DeliveryId),
}

/// What became of a unit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Acceptance {
    /// It is durable.
    Stored,
    /// The event that was sent is there already, under this name.
    Duplicate(EventId),
    /// An event of the same source and id, but another content, is there under this name.
    Conflict(EventId),
    /// Another request than the one that sent it is there under its mark.
    KeyReused,
    /// What was asked for was done before, or the mark of the request is another's:
    /// [`Store::answered`](super::Store::answered) tells.
    Repeated,
    /// The rules have moved since it was planned: plan again.
    Stale,
    /// What it carries on with has been done by another, or nothing is left of the event that it sends.
    Superseded,
}
