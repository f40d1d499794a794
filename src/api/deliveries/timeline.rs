//! What happened to a delivery, in the order in which it did, and what is to come.

use serde::Serialize;
use utoipa::ToSchema;

use super::{attempt::AttemptView, circumstances::Around};
use crate::{
    domain::{
        attempt::ErrorKind,
        delivery::{Delivery, DeliveryState, Target},
        event::Event,
        time::Timestamp,
    },
    engine::Whereabouts,
};

/// What can happen to a delivery.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Step {
    /// Riposte took the event in.
    Received,
    /// A reaction of a listener asked for the delivery.
    Matched,
    /// A user asked for a test of the endpoint.
    Tested,
    /// It was put into the queue.
    Queued,
    /// A user revived it: its retry policy began anew.
    Revived,
    /// Early attempts that are not shown.
    LeftOut,
    /// An attempt was made.
    Attempted,
    /// An attempt is under way.
    InFlight,
    /// The next attempt is due.
    NextAttempt,
    /// The receiver took it, or the event was emitted.
    Delivered,
    /// It was given up.
    Dead,
    /// It was called off.
    Cancelled,
    /// It was not made.
    Skipped,
    /// What its event carried was erased, and what was captured of its attempts.
    Erased,
}

/// Something that happened, or is to happen.
#[derive(Debug, Serialize, ToSchema)]
pub struct StepView {
    /// When; of an attempt the beginning. Null for early attempts that are not shown.
    #[schema(value_type = Option<String>, format = DateTime)]
    pub at: Option<Timestamp>,
    /// What.
    pub what: Step,
    /// Which attempt it was: the first one is 1. Of those that are not shown the last one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub attempt: Option<u32>,
    /// What the receiver answered.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(example = 503)]
    pub status: Option<u16>,
    /// How long the attempt took, in milliseconds.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub duration_ms: Option<u64>,
    /// Why the attempt failed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub error: Option<ErrorKind>,
    /// Why it ended so: the delivery's `reason`.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(example = "attempts_exhausted")]
    pub reason: Option<String>,
}

/// The timeline of `delivery`; `event` is what it carries, if that is still kept.
pub fn timeline(
    delivery: &Delivery,
    attempts: &[AttemptView],
    event: Option<&Event>,
    around: &Around,
) -> Vec<StepView> {
    let mut steps = beginning(delivery, attempts, event);
    steps.extend(left_out(attempts));
    steps.extend(attempts.iter().map(attempted));
    let erased = event.and_then(|event| event.erased_at);
    steps.extend(erased.map(|at| StepView::at(at, Step::Erased)));
    if delivery.since > delivery.created_at {
        steps.push(StepView::at(delivery.since, Step::Revived));
    }
    // Attempts of a delivery that was revived stand before and after that; a stable sort keeps
    // what came at the same millisecond in its order.
    steps.sort_by_key(|step| step.at);
    steps.extend(ending(delivery, around));
    steps
}

fn beginning(
    delivery: &Delivery,
    attempts: &[AttemptView],
    event: Option<&Event>,
) -> Vec<StepView> {
    let at = delivery.created_at;
    let received = event.map(|event| StepView::at(event.received_at.min(at), Step::Received));
    let asked = match delivery.cause {
        Some(_) => Step::Matched,
        None => Step::Tested,
    };
    // What was skipped, or could not be emitted, was never in the queue unless a user revived it.
    let tried = attempts.first().map(|first| first.started_at);
    let queued = match delivery.target {
        Target::Webhook(_) if delivery.state != DeliveryState::Skipped => {
            delivery.since == at || tried.is_some_and(|tried| tried < delivery.since)
        }
        _ => false,
    };
    let queued = queued.then(|| StepView::at(at, Step::Queued));
    let asked = StepView::at(at, asked);
    received.into_iter().chain([asked]).chain(queued).collect()
}

fn left_out(attempts: &[AttemptView]) -> Option<StepView> {
    let before = attempts.first()?.number.checked_sub(1)?;
    (before > 0).then(|| StepView {
        at: None,
        attempt: Some(before),
        ..StepView::at(Timestamp::default(), Step::LeftOut)
    })
}

fn attempted(attempt: &AttemptView) -> StepView {
    StepView {
        attempt: Some(attempt.number),
        status: attempt.response.as_ref().map(|response| response.status),
        duration_ms: Some(attempt.duration_ms),
        error: attempt.error.as_ref().map(|error| error.kind),
        ..StepView::at(attempt.started_at, Step::Attempted)
    }
}

fn ending(delivery: &Delivery, around: &Around) -> Option<StepView> {
    let end = |what| StepView {
        reason: delivery.reason.clone(),
        ..StepView::at(delivery.updated_at, what)
    };
    match (delivery.state, around.whereabouts) {
        (DeliveryState::Pending, Some(Whereabouts::InFlight(since))) => Some(StepView {
            attempt: Some(delivery.attempts + 1),
            ..StepView::at(since, Step::InFlight)
        }),
        (DeliveryState::Pending, _) => delivery.next_attempt_at.map(|due| StepView {
            attempt: Some(delivery.attempts + 1),
            ..StepView::at(due, Step::NextAttempt)
        }),
        (DeliveryState::Delivered, _) => Some(end(Step::Delivered)),
        (DeliveryState::Dead, _) => Some(end(Step::Dead)),
        (DeliveryState::Cancelled, _) => Some(end(Step::Cancelled)),
        (DeliveryState::Skipped, _) => Some(end(Step::Skipped)),
    }
}

impl StepView {
    fn at(at: Timestamp, what: Step) -> Self {
        Self {
            at: Some(at),
            what,
            attempt: None,
            status: None,
            duration_ms: None,
            error: None,
            reason: None,
        }
    }
}
