//! Deliveries as the API shows them.

use serde::Serialize;
use utoipa::ToSchema;

use super::{
    attempt::{AttemptView, views},
    circumstances::Around,
    summary::summary,
    timeline::{StepView, timeline},
};
use crate::{
    domain::{
        attempt::ErrorKind,
        delivery::{Cause, Delivery, DeliveryState, Target},
        event::{Event, Loss},
        ids::{DeliveryId, EndpointId, EventId, ListenerId},
        time::Timestamp,
    },
    store::attempts::AttemptRecord,
};

/// A delivery without its attempts.
#[derive(Debug, Serialize, ToSchema)]
pub struct DeliverySummary {
    /// Its name; receivers see it as `webhook-id`.
    #[schema(value_type = String, example = "dlv_01h455vb4pex5vsknk084sn02q")]
    pub id: DeliveryId,
    /// Where it stands.
    pub state: DeliveryState,
    /// Where it stands, in a sentence.
    #[schema(
        example = "dead: 10 attempts, last error status_5xx: answered 503 – the receiver failed (5xx)"
    )]
    pub summary: String,
    /// Why it stands there: `docs/errors.md` explains each reason. Null where the state says all.
    #[schema(example = "attempts_exhausted")]
    pub reason: Option<String>,
    /// The last error.
    #[schema(example = "status_5xx: answered 503")]
    pub detail: Option<String>,
    /// How its last attempt failed; null if it did not, or there was none.
    #[schema(example = "status_5xx")]
    pub error_kind: Option<ErrorKind>,
    /// The HTTP status that its last attempt was answered with; null if it was not.
    #[schema(example = 503)]
    pub status: Option<u16>,
    /// What it is to bring about.
    pub target: TargetKind,
    /// Where the webhook goes; null for an event that could not be emitted.
    #[schema(value_type = Option<String>, example = "end_01h455vb4pex5vsknk084sn02q")]
    pub endpoint: Option<EndpointId>,
    /// The event that it carries.
    pub event: EventReference,
    /// What it was made for; null for a test of the endpoint.
    pub cause: Option<CauseView>,
    /// How many attempts were made.
    #[schema(example = 10)]
    pub attempt_count: u32,
    /// When the next attempt is due; null where there will be none.
    #[schema(value_type = Option<String>, format = DateTime)]
    pub next_attempt_at: Option<Timestamp>,
    /// Whether it is called off as soon as the attempt that is under way has failed.
    pub cancel_requested: bool,
    /// When it was made.
    #[schema(value_type = String, format = DateTime)]
    pub created_at: Timestamp,
    /// When it last changed.
    #[schema(value_type = String, format = DateTime)]
    pub updated_at: Timestamp,
}

/// What a delivery is to bring about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum TargetKind {
    /// A webhook to an endpoint.
    Webhook,
    /// An event that could not be emitted when its listener asked for it.
    Emit,
}

/// The event that a delivery carries.
#[derive(Debug, Serialize, ToSchema)]
pub struct EventReference {
    /// Its name in Riposte.
    #[schema(value_type = String, example = "evt_01h455vb4pex5vsknk084sn02q")]
    pub id: EventId,
    /// What happened; known also when the event is not kept any more.
    #[serde(rename = "type")]
    #[schema(example = "site.deploy.succeeded")]
    pub event_type: String,
}

/// What a delivery was made for.
#[derive(Debug, Serialize, ToSchema)]
pub struct CauseView {
    /// The listener.
    #[schema(value_type = String, example = "lis_01h455vb4pex5vsknk084sn02q")]
    pub listener: ListenerId,
    /// The revision of it that the event met.
    pub revision: u32,
    /// Which of its reactions, counted from 0.
    pub reaction: u32,
}

/// A delivery.
#[derive(Debug, Serialize, ToSchema)]
pub struct DeliveryView {
    #[serde(flatten)]
    summary: DeliverySummary,
    /// What can be shown no more, and why; null if nothing is missing.
    #[schema(example = "the bodies of its requests are not known: its event is no longer kept")]
    note: Option<String>,
    /// What happened to it, in that order, and what is to come.
    timeline: Vec<StepView>,
    /// Its attempts in their order; of very many the last 200.
    attempts: Vec<AttemptView>,
}

impl DeliverySummary {
    /// The summary of `delivery`, with what is known `around` it.
    pub fn of(delivery: &Delivery, around: &Around) -> Self {
        let (target, to) = match delivery.target {
            Target::Webhook(endpoint) => (TargetKind::Webhook, Some(endpoint)),
            Target::Emit => (TargetKind::Emit, None),
        };
        Self {
            id: delivery.id,
            state: delivery.state,
            summary: summary(delivery, around),
            reason: delivery.reason.clone(),
            detail: delivery.detail.clone(),
            error_kind: delivery.error_kind,
            status: delivery.status,
            target,
            endpoint: to,
            event: EventReference {
                id: delivery.event,
                event_type: delivery.event_type.to_string(),
            },
            cause: delivery.cause.map(CauseView::of),
            attempt_count: delivery.attempts,
            next_attempt_at: delivery.next_attempt_at,
            cancel_requested: delivery.cancel_requested,
            created_at: delivery.created_at,
            updated_at: delivery.updated_at,
        }
    }
}

impl CauseView {
    fn of(cause: Cause) -> Self {
        Self {
            listener: cause.listener,
            revision: cause.revision,
            reaction: cause.reaction,
        }
    }
}

impl DeliveryView {
    /// Where it stands, in a sentence.
    pub fn summary(&self) -> &str {
        &self.summary.summary
    }

    /// All of `delivery`. Without its `event`, or if that was erased, the bodies of its
    /// requests are not known any more.
    pub fn of(
        delivery: &Delivery,
        attempts: Vec<AttemptRecord>,
        event: Option<&Event>,
        around: &Around,
    ) -> Self {
        let attempts = views(attempts, event.filter(|event| event.erased_at.is_none()));
        Self {
            summary: DeliverySummary::of(delivery, around),
            note: loss(event).map(|loss| {
                format!(
                    "the bodies of its requests are not known: {}",
                    loss.sentence()
                )
            }),
            timeline: timeline(delivery, &attempts, event, around),
            attempts,
        }
    }
}

/// What is lost of the event of a delivery, if anything is.
fn loss(event: Option<&Event>) -> Option<Loss> {
    match event {
        None => Some(Loss::Gone),
        Some(event) => event.erased_at.map(|_| Loss::Erased),
    }
}
