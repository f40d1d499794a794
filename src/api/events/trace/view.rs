//! Traces as the API shows them.

use serde::Serialize;
use utoipa::ToSchema;

use crate::domain::{
    delivery::DeliveryState,
    event::EventState,
    ids::{DeliveryId, EndpointId, EventId, ListenerId, ProjectId},
    time::Timestamp,
};

/// What led to an event, and what came of it.
#[derive(Debug, Serialize, ToSchema)]
pub struct TraceView {
    /// The event that was asked about.
    #[schema(value_type = String, example = "evt_01h455vb4pex5vsknk084sn02q")]
    pub event: EventId,
    /// The first event of its chain of causes, whether it is still kept or not.
    #[schema(value_type = String, example = "evt_01h455vb4pex5vsknk084sn02q")]
    pub first_cause: EventId,
    /// Whether there is more than is shown: more events, or more reactions of one of them.
    pub truncated: bool,
    /// The tree: the first cause, with all below it. There are several where what lies between is
    /// not kept any more, or belongs to another project.
    pub roots: Vec<EventNode>,
}

/// An event of a trace.
#[derive(Debug, Serialize, ToSchema)]
pub struct EventNode {
    /// Its name in Riposte.
    #[schema(value_type = String, example = "evt_01h455vb4pex5vsknk084sn02q")]
    pub id: EventId,
    /// What happened.
    #[serde(rename = "type")]
    #[schema(example = "site.deploy.succeeded")]
    pub event_type: String,
    /// What it happened to.
    pub subject: Option<String>,
    /// Whether it met the listeners.
    pub state: EventState,
    /// When it happened.
    pub time: String,
    /// When what it carried was erased; null if it was not.
    #[schema(value_type = Option<String>, format = DateTime)]
    pub erased_at: Option<Timestamp>,
    /// When Riposte took it in.
    #[schema(value_type = String, format = DateTime)]
    pub received_at: Timestamp,
    /// Whom it belongs to.
    #[schema(value_type = String, example = "prj_01h455vb4pex5vsknk084sn02q")]
    pub project: ProjectId,
    /// Whether it is the one that was asked about.
    pub is_asked: bool,
    /// Whether some of its reactions are still to be carried out.
    pub fanning_out: bool,
    /// Whether it has more deliveries than are shown.
    pub truncated: bool,
    /// What listeners did about it.
    pub reactions: Vec<ReactionNode>,
}

/// A reaction of a trace: it led to a delivery, to an event, or to both (an event that could not be
/// emitted at first).
#[derive(Debug, Default, Serialize, ToSchema)]
pub struct ReactionNode {
    /// The listener; null for a test of an endpoint.
    pub listener: Option<ListenerNode>,
    /// Which of its reactions, counted from 0.
    pub reaction: Option<u32>,
    /// The delivery that it led to.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub delivery: Option<DeliveryNode>,
    /// The event that it led to.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(no_recursion)]
    pub event: Option<Box<EventNode>>,
}

/// A listener of a trace.
#[derive(Debug, Serialize, ToSchema)]
pub struct ListenerNode {
    /// The listener.
    #[schema(value_type = String, example = "lis_01h455vb4pex5vsknk084sn02q")]
    pub id: ListenerId,
    /// The revision that the event met; null if that is not kept any more.
    pub revision: Option<u32>,
    /// What it was called then.
    pub name: Option<String>,
    /// Whose it is.
    #[schema(value_type = String, example = "prj_01h455vb4pex5vsknk084sn02q")]
    pub project: ProjectId,
}

/// A delivery of a trace.
#[derive(Debug, Serialize, ToSchema)]
pub struct DeliveryNode {
    /// The delivery.
    #[schema(value_type = String, example = "dlv_01h455vb4pex5vsknk084sn02q")]
    pub id: DeliveryId,
    /// Where it goes; null for an event that could not be emitted.
    #[schema(value_type = Option<String>, example = "end_01h455vb4pex5vsknk084sn02q")]
    pub endpoint: Option<EndpointId>,
    /// Where it stands.
    pub state: DeliveryState,
    /// How many attempts were made.
    pub attempts: u32,
    /// Where it stands, in a sentence.
    #[schema(example = "delivered at the 1st attempt, 200 after 12 ms")]
    pub summary: String,
}
