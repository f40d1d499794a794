//! Listeners: standing rules that say which events they wait for and what follows.

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use super::{
    ids::{EndpointId, ListenerId, ProjectId},
    names::named,
    time::Timestamp,
};

/// The most reactions that a listener may have.
pub const MAX_REACTIONS: usize = 32;

named! {
    /// Whether a listener is asked.
    pub enum ListenerState {
        /// It meets every event of its project.
        Enabled = "enabled",
        /// It meets none.
        Disabled = "disabled",
    }
}

/// What a listener triggers.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Reaction {
    /// A webhook to an endpoint of the same project.
    Webhook {
        /// The endpoint.
        endpoint: EndpointId,
    },
    /// Another event, of the listener's project: the template that it is made of.
    Emit(Box<RawValue>),
}

/// What users decide about a listener; checked, but kept as they wrote it.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct ListenerConfig {
    /// What users call it.
    pub name: Option<String>,
    /// Whether it is asked.
    pub state: ListenerState,
    /// The event types that it waits for.
    pub on: Vec<String>,
    /// The event pattern that the content must match; none where every content does.
    pub when: Option<Box<RawValue>>,
    /// What follows.
    pub reactions: Vec<Reaction>,
}

/// One revision of a listener as it is stored.
#[derive(Debug, Clone)]
pub struct Listener {
    /// Its name; the same through all revisions.
    pub id: ListenerId,
    /// Whom it belongs to.
    pub project: ProjectId,
    /// Which revision it is: the first is 1.
    pub revision: u32,
    /// What users decided.
    pub config: ListenerConfig,
    /// When the listener was made.
    pub created_at: Timestamp,
    /// When this revision was made.
    pub updated_at: Timestamp,
}
