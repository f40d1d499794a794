//! Happenings as the stream tells them.

use serde::Serialize;
use utoipa::ToSchema;

use crate::{
    domain::{
        delivery::DeliveryState,
        event::EventState,
        happening::HappeningKind,
        ids::{AttemptId, DeliveryId, EndpointId, EventId, ListenerId},
        time::Timestamp,
    },
    store::journal::{AttemptBrief, DeliveryBrief, EventBrief, Happening},
};

/// Something that happened. What retention or erasure has taken since is null.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = StreamHappening)]
pub struct MessageView {
    /// Its place in the stream: what `Last-Event-ID` and `after` take.
    #[schema(example = "1207-3")]
    id: String,
    /// What happened.
    kind: HappeningKind,
    /// When it became durable.
    #[schema(value_type = String, format = DateTime)]
    at: Timestamp,
    /// The event that it is about; of a delivery or an attempt the event that is delivered.
    event: Option<EventView>,
    /// The delivery that it is about; null where it is about an event.
    delivery: Option<DeliveryView>,
    /// The attempt that it is about; null where it is not about one.
    attempt: Option<AttemptView>,
}

/// An event in the stream.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = StreamEvent)]
struct EventView {
    /// Its name in Riposte.
    #[schema(value_type = String, example = "evt_01h455vb4pex5vsknk084sn02q")]
    id: EventId,
    /// What happened.
    #[serde(rename = "type")]
    #[schema(example = "site.deploy.succeeded")]
    event_type: String,
    /// To what.
    #[schema(example = "site/7")]
    subject: Option<String>,
    /// Where it came from.
    #[schema(example = "/ci")]
    source: String,
    /// Whether it met the listeners.
    state: EventState,
    /// The first event of its chain of causes.
    #[schema(value_type = String, example = "evt_01h455vb4pex5vsknk084sn02q")]
    correlation: EventId,
    /// The event that it came out of, if it did.
    #[schema(value_type = Option<String>)]
    causation: Option<EventId>,
}

/// A delivery in the stream.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = StreamDelivery)]
struct DeliveryView {
    /// Its name; receivers see it as `webhook-id`.
    #[schema(value_type = String, example = "dlv_01h455vb4pex5vsknk084sn02q")]
    id: DeliveryId,
    /// The state that it came into; null where an attempt is told of.
    state: Option<DeliveryState>,
    /// Why: `docs/errors.md` explains each reason.
    #[schema(example = "attempts_exhausted")]
    reason: Option<String>,
    /// The listener that it was made for; null for a test of an endpoint.
    #[schema(value_type = Option<String>, example = "lis_01h455vb4pex5vsknk084sn02q")]
    listener: Option<ListenerId>,
    /// Where it goes; null for an event that could not be emitted.
    endpoint: Option<EndpointView>,
}

/// An endpoint in the stream, as it is when that is read.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = StreamEndpoint)]
struct EndpointView {
    /// Its name in Riposte.
    #[schema(value_type = String, example = "end_01h455vb4pex5vsknk084sn02q")]
    id: EndpointId,
    /// What its owner calls it.
    #[schema(example = "CI")]
    name: Option<String>,
    /// Where it is.
    #[schema(example = "https://ci.example.com/hooks")]
    url: Option<String>,
}

/// An attempt in the stream.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = StreamAttempt)]
struct AttemptView {
    /// Its name.
    #[schema(value_type = String, example = "att_01h455vb4pex5vsknk084sn02q")]
    id: AttemptId,
    /// Which attempt of its delivery: the first one is 1.
    #[schema(example = 1)]
    number: u32,
    /// How long it took.
    #[schema(example = 128)]
    duration_ms: u64,
    /// What the receiver answered; null if it did not.
    #[schema(example = 503)]
    status: Option<u16>,
    /// Why it failed; null if the receiver took it. `docs/errors.md` explains each kind.
    error: Option<ErrorView>,
    /// When the next attempt is due; null if there is to be none.
    #[schema(value_type = Option<String>, format = DateTime)]
    next_attempt_at: Option<Timestamp>,
}

/// Why an attempt failed.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = StreamError)]
struct ErrorView {
    /// The kind of failure.
    #[schema(example = "status_5xx")]
    kind: String,
    /// What happened.
    #[schema(example = "answered 503")]
    message: String,
}

impl MessageView {
    /// What is told of `happening`.
    pub fn of(happening: &Happening) -> Self {
        let delivery = happening.delivery.as_ref();
        Self {
            id: happening.place.to_string(),
            kind: happening.kind,
            at: happening.at,
            event: happening.event.as_ref().map(EventView::of),
            delivery: delivery.map(|delivery| DeliveryView::of(delivery, happening)),
            attempt: happening.attempt.as_ref().map(AttemptView::of),
        }
    }
}

impl EventView {
    fn of(event: &EventBrief) -> Self {
        Self {
            id: event.id,
            event_type: event.event_type.to_string(),
            subject: event.subject.clone(),
            source: event.source.clone(),
            state: event.state,
            correlation: event.correlation,
            causation: event.causation,
        }
    }
}

impl DeliveryView {
    fn of(delivery: &DeliveryBrief, happening: &Happening) -> Self {
        let endpoint = delivery.endpoint.as_ref().map(|endpoint| EndpointView {
            id: endpoint.id,
            name: endpoint.name.clone(),
            url: endpoint.url.clone(),
        });
        Self {
            id: delivery.id,
            state: happening.state,
            reason: happening.reason.clone(),
            listener: delivery.listener,
            endpoint,
        }
    }
}

impl AttemptView {
    fn of(attempt: &AttemptBrief) -> Self {
        let error = attempt.error.clone();
        Self {
            id: attempt.id,
            number: attempt.number,
            duration_ms: u64::try_from(attempt.duration.as_millis()).unwrap_or(u64::MAX),
            status: attempt.status,
            error: error.map(|(kind, message)| ErrorView { kind, message }),
            next_attempt_at: attempt.next_at,
        }
    }
}
