//! Events as the API shows them.

use serde::Serialize;
use serde_json::value::{RawValue, to_raw_value};
use utoipa::ToSchema;

use crate::{
    api::problem::{ApiResult, Code, Problem},
    domain::{
        cloudevents,
        event::{Event, EventState},
        ids::{EventId, ListenerId},
        time::Timestamp,
    },
};

/// An event without its data.
#[derive(Debug, Serialize, ToSchema)]
pub struct EventSummary {
    /// The event's name in Riposte.
    #[schema(value_type = String, example = "evt_01h455vb4pex5vsknk084sn02q")]
    pub id: EventId,
    /// What its producer called it.
    pub event_id: String,
    /// Where it happened.
    pub source: String,
    /// What happened.
    #[serde(rename = "type")]
    pub event_type: String,
    /// What it happened to.
    pub subject: Option<String>,
    /// When it happened.
    pub time: String,
    /// When Riposte took it in.
    #[schema(value_type = String, format = DateTime)]
    pub received_at: Timestamp,
    /// Whether it met the listeners.
    pub state: EventState,
    /// What it came out of.
    pub lineage: LineageView,
}

/// What an event came out of.
#[derive(Debug, Serialize, ToSchema)]
pub struct LineageView {
    /// The first event of the chain.
    #[schema(value_type = String)]
    pub correlation_id: EventId,
    /// The event that it was emitted for; null for one that a producer sent.
    #[schema(value_type = Option<String>)]
    pub causation_id: Option<EventId>,
    /// How many steps it is away from the one that a producer sent.
    pub hops: usize,
    /// The listeners whose reactions led here.
    #[schema(value_type = Vec<String>)]
    pub listeners: Vec<ListenerId>,
}

/// An event.
#[derive(Debug, Serialize, ToSchema)]
pub struct EventView {
    #[serde(flatten)]
    summary: EventSummary,
    /// The CloudEvent as its producer sent it, with what was filled in.
    #[schema(value_type = Object)]
    event: Box<RawValue>,
}

impl EventSummary {
    /// The summary of `event`.
    pub fn of(event: &Event) -> Self {
        let attributes = &event.attributes;
        Self {
            id: event.id,
            event_id: attributes.id.clone(),
            source: attributes.source.clone(),
            event_type: attributes.event_type.to_string(),
            subject: attributes.subject.clone(),
            time: attributes.time.clone(),
            received_at: event.received_at,
            state: event.state,
            lineage: LineageView {
                correlation_id: event.lineage.correlation,
                causation_id: event.lineage.causation,
                hops: event.lineage.hops(),
                listeners: event.lineage.path.clone(),
            },
        }
    }
}

impl EventView {
    /// All of `event`.
    ///
    /// # Errors
    /// If its data is no JSON though it was stored as such.
    pub fn of(event: &Event) -> ApiResult<Self> {
        Ok(Self {
            summary: EventSummary::of(event),
            event: raw(cloudevents::to_structured_json(event))?,
        })
    }
}

/// JSON text as it is.
///
/// # Errors
/// If it is no JSON.
pub fn raw(json: Vec<u8>) -> ApiResult<Box<RawValue>> {
    let text = String::from_utf8(json).unwrap_or_default();
    RawValue::from_string(text).or_else(|error| {
        tracing::error!(%error, "what is stored as JSON is none");
        to_raw_value(&()).map_err(|_| Problem::new(Code::Internal, "the event cannot be shown"))
    })
}
