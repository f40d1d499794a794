//! Where a pending delivery is: under way, in memory, or in the store.

use super::Lanes;
use crate::{
    domain::{
        ids::{DeliveryId, EndpointId},
        time::Timestamp,
    },
    engine::gateway::Gateway,
};

/// Where a pending delivery is, as far as this node knows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Whereabouts {
    /// Its attempt began then, and has not been recorded yet.
    InFlight(Timestamp),
    /// It waits in memory for its turn, and so many to the same endpoint come before it.
    InMemory(usize),
    /// It is not in the memory of this node, where so many to the same endpoint wait for their
    /// turn.
    Elsewhere(usize),
}

impl Lanes {
    /// Where `delivery` to `endpoint` is. Looks through what the endpoint has in memory, which
    /// `lane_buffer` bounds.
    fn whereabouts(&self, endpoint: EndpointId, delivery: DeliveryId) -> Whereabouts {
        let state = self.lock();
        let Some(lane) = state.lanes.get(&endpoint) else {
            return Whereabouts::Elsewhere(0);
        };
        if let Some(since) = lane.in_flight.get(&delivery) {
            return Whereabouts::InFlight(*since);
        }
        let mut waiting = lane.waiting.iter();
        match waiting.position(|job| job.delivery == delivery) {
            Some(place) => Whereabouts::InMemory(place),
            None => Whereabouts::Elsewhere(lane.waiting.len()),
        }
    }
}

impl Gateway {
    /// Where the pending `delivery` to `endpoint` is at this moment.
    pub fn whereabouts(&self, endpoint: EndpointId, delivery: DeliveryId) -> Whereabouts {
        self.parts.lanes.whereabouts(endpoint, delivery)
    }
}
