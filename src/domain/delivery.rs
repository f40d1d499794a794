//! Deliveries: the promise to carry one event to one endpoint because of one listener.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use super::{
    attempt::ErrorKind,
    event::EventType,
    ids::{DeliveryId, EndpointId, EventId, ListenerId, ProjectId},
    names::named,
    time::Timestamp,
};

named! {
    /// Where a delivery stands.
    pub enum DeliveryState {
        /// It waits for its next attempt, or is being attempted.
        Pending = "pending",
        /// The receiver has taken it.
        Delivered = "delivered",
        /// It was given up: a dead letter, kept until it is redriven or discarded.
        Dead = "dead",
        /// It was called off.
        Cancelled = "cancelled",
        /// Its listener matched, but it could not be made.
        Skipped = "skipped",
    }
}

named! {
    /// Why a delivery was given up.
    pub enum DeadReason {
        /// The retry policy asks for no further attempt.
        AttemptsExhausted = "attempts_exhausted",
        /// The next attempt would begin after the policy's deadline.
        DeadlineExceeded = "deadline_exceeded",
        /// The receiver answered 410: the endpoint is disabled as well.
        Gone = "gone",
        /// The receiver answered with a status that its endpoint takes as final.
        FinalStatus = "final_status",
        /// The endpoint was disabled while the delivery waited.
        EndpointDisabled = "endpoint_disabled",
        /// The event of an `emit` reaction could not be made.
        EmitFailed = "emit_failed",
        /// The event is no longer kept, so that there was nothing to send.
        EventGone = "event_gone",
    }
}

named! {
    /// Why a delivery was not made.
    pub enum SkipReason {
        /// The endpoint is disabled.
        EndpointDisabled = "endpoint_disabled",
        /// The endpoint is deleted.
        EndpointDeleted = "endpoint_deleted",
        /// The listener has already had a part in bringing the event about.
        LoopSuppressed = "loop_suppressed",
    }
}

named! {
    /// Why a delivery was called off.
    pub enum CancelReason {
        /// A user asked for it.
        Requested = "requested",
        /// The endpoint was deleted while the delivery waited.
        EndpointDeleted = "endpoint_deleted",
        /// A user discarded it from the dead letters.
        Discarded = "discarded",
        /// The payload of its event was erased.
        EventErased = "event_erased",
    }
}

/// Every reason that a delivery may have, of whatever state, each once.
pub fn reasons() -> BTreeSet<&'static str> {
    let dead = DeadReason::ALL.iter().map(|reason| reason.as_str());
    let skipped = SkipReason::ALL.iter().map(|reason| reason.as_str());
    let cancelled = CancelReason::ALL.iter().map(|reason| reason.as_str());
    dead.chain(skipped).chain(cancelled).collect()
}

/// What a delivery is to bring about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Target {
    /// A webhook to this endpoint.
    Webhook(EndpointId),
    /// An event that could not be emitted.
    Emit,
}

impl Target {
    /// Where a webhook goes; none for an event.
    pub fn endpoint(self) -> Option<EndpointId> {
        match self {
            Self::Webhook(endpoint) => Some(endpoint),
            Self::Emit => None,
        }
    }
}

/// The listener that a delivery is made for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Cause {
    /// The listener.
    pub listener: ListenerId,
    /// The revision of it that the event met.
    pub revision: u32,
    /// Which of its reactions, counted from 0.
    pub reaction: u32,
}

/// A delivery as it is stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Delivery {
    /// Its name; receivers see it as `webhook-id`.
    pub id: DeliveryId,
    /// Whom it belongs to: the listener's project.
    pub project: ProjectId,
    /// The event that it carries.
    pub event: EventId,
    /// What happened: the type of that event.
    pub event_type: EventType,
    /// What it was made for; none for a test of the endpoint.
    pub cause: Option<Cause>,
    /// What it is to bring about.
    pub target: Target,
    /// Where it stands.
    pub state: DeliveryState,
    /// Why it stands there; none where the state says it all. The name of a [`DeadReason`], a
    /// [`SkipReason`] or a [`CancelReason`].
    pub reason: Option<String>,
    /// The last error, or what else there is to say.
    pub detail: Option<String>,
    /// How its last attempt failed; none if it did not, or there was none.
    pub error_kind: Option<ErrorKind>,
    /// What its last attempt was answered with; none if it was not.
    pub status: Option<u16>,
    /// How many attempts were made.
    pub attempts: u32,
    /// When the next attempt is due, where one is.
    pub next_attempt_at: Option<Timestamp>,
    /// Whether it is called off as soon as the attempt that is under way has ended.
    pub cancel_requested: bool,
    /// When it was made.
    pub created_at: Timestamp,
    /// When its retry policy began: when it was made, or last revived.
    pub since: Timestamp,
    /// When it last changed.
    pub updated_at: Timestamp,
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The part of the documentation under `heading`, up to the next one.
    fn section(heading: &str) -> &'static str {
        let page = include_str!("../../docs/errors.md");
        let (_, rest) = page.split_once(heading).expect(heading);
        rest.split_once("\n## ")
            .map_or(rest, |(section, _)| section)
    }

    #[test]
    fn every_reason_is_explained_in_the_documentation() {
        let names = |all: &[&'static str], heading: &str| {
            for name in all {
                let row = format!("\n| `{name}` | ");
                assert!(section(heading).contains(&row), "{heading}: no {name}");
            }
        };
        let dead: Vec<_> = DeadReason::ALL.iter().map(|one| one.as_str()).collect();
        let skipped: Vec<_> = SkipReason::ALL.iter().map(|one| one.as_str()).collect();
        let cancelled: Vec<_> = CancelReason::ALL.iter().map(|one| one.as_str()).collect();
        names(&dead, "## Why a delivery is dead");
        names(&skipped, "## Why a delivery was skipped");
        names(&cancelled, "## Why a delivery was cancelled");
    }
}
