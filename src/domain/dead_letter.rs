//! Dead letters: which of them are meant when something is done to many.

use serde::{Deserialize, Serialize};

use super::{
    attempt::ErrorKind,
    delivery::DeadReason,
    event::EventType,
    ids::{DeliveryId, EndpointId, ListenerId},
    time::Timestamp,
};

/// The most dead letters that are meant by their names.
pub const MAX_NAMED: usize = 1_000;

/// Which dead letters of a project are meant.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Selection {
    /// These, each once, in the order of their names; at most [`MAX_NAMED`].
    Ids(Vec<DeliveryId>),
    /// All that a filter lets through.
    Filter(Filter),
}

/// What dead letters have in common; what is left out says nothing.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Filter {
    /// Only those to this endpoint.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub endpoint: Option<EndpointId>,
    /// Only those of this listener.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub listener: Option<ListenerId>,
    /// Only those that were given up for this reason.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<DeadReason>,
    /// Only those whose last attempt failed in this way.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error_kind: Option<ErrorKind>,
    /// Only those of events of this type.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub event_type: Option<EventType>,
    /// Only deliveries that were made at this time or later.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub since: Option<Timestamp>,
    /// Only deliveries that were made before this time.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub until: Option<Timestamp>,
}
