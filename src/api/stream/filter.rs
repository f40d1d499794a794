//! Which happenings a stream tells of.

use crate::{
    domain::{
        delivery::DeliveryState,
        happening::HappeningKind,
        ids::{EndpointId, EventId, ListenerId},
    },
    rules::On,
    store::journal::Happening,
};

/// What a happening must have: all that is given. What a happening does not have, or what is not
/// kept of it any more, is not what was asked for.
#[derive(Debug, Default)]
pub struct Filter {
    /// One of these kinds.
    pub kinds: Option<Vec<HappeningKind>>,
    /// An event of one of these types.
    pub on: Option<On>,
    /// A delivery to this endpoint.
    pub endpoint: Option<EndpointId>,
    /// A delivery of this listener.
    pub listener: Option<ListenerId>,
    /// A delivery that came into this state.
    pub state: Option<DeliveryState>,
    /// This event.
    pub event: Option<EventId>,
    /// An event of this chain.
    pub correlation: Option<EventId>,
}

impl Filter {
    /// Whether `happening` is to be told of.
    pub fn lets_through(&self, happening: &Happening) -> bool {
        let event = happening.event.as_ref();
        let delivery = happening.delivery.as_ref();
        let endpoint = delivery.and_then(|delivery| Some(delivery.endpoint.as_ref()?.id));
        let listener = delivery.and_then(|delivery| delivery.listener);
        let is_kind = |kinds: &Vec<_>| kinds.contains(&happening.kind);
        let is_type = |on: &On| event.is_some_and(|event| on.matches(event.event_type.as_str()));
        self.kinds.as_ref().is_none_or(is_kind)
            && self.on.as_ref().is_none_or(is_type)
            && is(self.endpoint, endpoint)
            && is(self.listener, listener)
            && is(self.state, happening.state)
            && is(self.event, event.map(|event| event.id))
            && is(self.correlation, event.map(|event| event.correlation))
    }
}

/// Whether `found` is what is wanted, where something is.
fn is<T: PartialEq>(wanted: Option<T>, found: Option<T>) -> bool {
    wanted.is_none() || wanted == found
}
