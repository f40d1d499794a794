//! What is known around deliveries when they are shown: it makes their sentences telling.

use std::collections::HashMap;

use crate::{
    api::state::ApiState,
    domain::{
        delivery::{Delivery, DeliveryState, Target},
        ids::{DeliveryId, EndpointId},
        time::Timestamp,
    },
    engine::{Gateway, Whereabouts},
    store::{
        StoreResult,
        circumstances::{LastAttempt, Standing},
    },
};

/// What is known around one delivery.
#[derive(Debug, Clone)]
pub struct Around {
    /// How its endpoint is; none if there is none, or never was.
    pub endpoint: Option<Standing>,
    /// How its last attempt went; none if there was none, or nobody asked.
    pub last: Option<LastAttempt>,
    /// Where it is, if it is pending.
    pub whereabouts: Option<Whereabouts>,
    /// How many deliveries to its endpoint are due before it in the store, if somebody counted.
    pub due_before: Option<u32>,
    /// The time.
    pub now: Timestamp,
}

/// What is known around the deliveries of a page.
pub struct Circumstances {
    gateway: Gateway,
    standings: HashMap<EndpointId, Standing>,
    last: HashMap<DeliveryId, LastAttempt>,
    now: Timestamp,
}

impl Circumstances {
    /// Looks around `deliveries`, with two reads for all of them.
    ///
    /// # Errors
    /// If the store cannot be read.
    pub async fn of(state: &ApiState, deliveries: &[Delivery]) -> StoreResult<Self> {
        let standing = |delivery: &&Delivery| {
            matches!(
                delivery.state,
                DeliveryState::Pending | DeliveryState::Skipped
            )
        };
        let endpoints = deliveries.iter().filter(standing).filter_map(endpoint);
        let delivered = |delivery: &&Delivery| delivery.state == DeliveryState::Delivered;
        let delivered = deliveries.iter().filter(delivered);
        let mut endpoints: Vec<_> = endpoints.collect();
        endpoints.sort_unstable();
        endpoints.dedup();
        let delivered: Vec<_> = delivered.map(|delivery| delivery.id).collect();
        Ok(Self {
            gateway: state.gateway.clone(),
            standings: state.store.endpoint_standings(&endpoints).await?,
            last: state.store.last_attempts(&delivered).await?,
            now: state.clock.now(),
        })
    }

    /// What is known around `delivery`.
    pub fn around(&self, delivery: &Delivery) -> Around {
        let endpoint = endpoint(delivery);
        let pending = endpoint.filter(|_| delivery.state == DeliveryState::Pending);
        Around {
            endpoint: endpoint.and_then(|endpoint| self.standings.get(&endpoint).copied()),
            last: self.last.get(&delivery.id).cloned(),
            whereabouts: pending.map(|endpoint| self.gateway.whereabouts(endpoint, delivery.id)),
            due_before: None,
            now: self.now,
        }
    }
}

/// What is known around one delivery, with what is due before it.
///
/// # Errors
/// If the store cannot be read.
pub async fn around(state: &ApiState, delivery: &Delivery) -> StoreResult<Around> {
    let circumstances = Circumstances::of(state, std::slice::from_ref(delivery)).await?;
    let mut around = circumstances.around(delivery);
    if let (Some(Whereabouts::Elsewhere(_)), Some(endpoint), Some(due)) = (
        around.whereabouts,
        endpoint(delivery),
        delivery.next_attempt_at.filter(|due| *due <= around.now),
    ) {
        let before = state.store.due_before(endpoint, due, delivery.id);
        around.due_before = Some(before.await?);
    }
    Ok(around)
}

fn endpoint(delivery: &Delivery) -> Option<EndpointId> {
    match delivery.target {
        Target::Webhook(endpoint) => Some(endpoint),
        Target::Emit => None,
    }
}
