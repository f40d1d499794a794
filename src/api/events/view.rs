//! Events as the API shows them.

use bytes::Bytes;
use serde::Serialize;
use serde_json::value::{RawValue, to_raw_value};
use utoipa::ToSchema;

use crate::{
    api::problem::{ApiResult, Code, Problem},
    domain::{
        audit::Realm,
        cloudevents,
        event::{Data, Event, EventState},
        ids::{EventId, ListenerId},
        time::Timestamp,
    },
    store::audit::Audited,
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
    /// When what it carried was erased; null if it was not.
    #[schema(value_type = Option<String>, format = DateTime)]
    pub erased_at: Option<Timestamp>,
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
    /// The CloudEvent as its producer sent it, with what was filled in. If it was erased, its `data`
    /// is null, and attributes that need not be there are gone.
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
            erased_at: event.erased_at,
            lineage: LineageView {
                correlation_id: event.lineage.correlation,
                causation_id: event.lineage.causation,
                hops: event.lineage.hops(),
                listeners: event.lineage.path.clone(),
            },
        }
    }
}

impl Audited for Event {
    fn realm(&self) -> Realm {
        Realm::Project(self.project)
    }

    fn name(&self) -> String {
        self.id.to_string()
    }

    fn document(&self) -> serde_json::Result<Box<RawValue>> {
        to_raw_value(&EventSummary::of(self))
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
            event: raw(match event.erased_at {
                None => cloudevents::to_structured_json(event),
                Some(_) => cloudevents::to_structured_json(&without_data(event)),
            })?,
        })
    }
}

/// An erased event as it is shown: with null where data may have been.
fn without_data(event: &Event) -> Event {
    Event {
        data: Data::Json(Bytes::from_static(b"null")),
        ..event.clone()
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
