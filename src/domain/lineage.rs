//! Lineage: which event an event came out of, and through which listeners.

use super::ids::{EventId, ListenerId};

/// The most steps that an event may be away from the one that a producer sent.
pub const MAX_HOPS: usize = 16;

/// Where an event stands in its chain of causes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Lineage {
    /// The first event of the chain; an event that a producer sent is its own.
    pub correlation: EventId,
    /// The event that this one was emitted for; none for one that a producer sent.
    pub causation: Option<EventId>,
    /// The listeners whose reactions led here, the first one first: one for each hop.
    pub path: Vec<ListenerId>,
}

impl Lineage {
    /// The lineage of an event that a producer sent.
    pub fn root(event: EventId) -> Self {
        Self {
            correlation: event,
            causation: None,
            path: Vec::new(),
        }
    }

    /// The lineage of what `listener` emits for `parent`, whose lineage this is.
    #[must_use]
    pub fn child(&self, parent: EventId, listener: ListenerId) -> Self {
        let mut path = self.path.clone();
        path.push(listener);
        Self {
            correlation: self.correlation,
            causation: Some(parent),
            path,
        }
    }

    /// How many steps the event is away from the one that a producer sent.
    pub fn hops(&self) -> usize {
        self.path.len()
    }

    /// Whether the event is further than [`MAX_HOPS`] from its first cause.
    pub fn is_too_long(&self) -> bool {
        self.hops() > MAX_HOPS
    }

    /// Whether `listener` has already had a part in bringing the event about.
    pub fn contains(&self, listener: ListenerId) -> bool {
        self.path.contains(&listener)
    }
}
