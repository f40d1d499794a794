//! What every part of the engine needs: the store, time, chance, and the settings.

use std::{sync::Arc, time::Duration};

use super::{membership::Membership, news::Freshness};
use crate::{
    clock::Clock,
    domain::{chance::Chance, ids::Ids, lease::Lease, retention::Retention, retry::RetryPolicy},
    net::sender::Sender,
    store::Store,
};

/// How the engine works. Every bound has its name here.
#[derive(Debug, Clone)]
pub struct EngineSettings {
    /// The most events that may be on their way to being durable; beyond, producers wait (503).
    pub queue_events: usize,
    /// The most bytes of such events.
    pub queue_bytes: usize,
    /// The part of both that one project may take (429 beyond).
    pub project_share: f64,
    /// The most events that are written in one transaction, if a unit alone has not more.
    pub group_events: usize,
    /// The most requests that are under way at a time, over all endpoints.
    pub max_in_flight: usize,
    /// The most deliveries that a lane holds in memory; the rest waits in the store.
    pub lane_buffer: usize,
    /// The most bytes of events that all lanes hold in memory; an empty lane may take one more.
    pub buffer_bytes: usize,
    /// How long a request may take where its endpoint does not say.
    pub timeout: Duration,
    /// How many requests may be under way to an endpoint that does not say.
    pub concurrency: u32,
    /// How often the store is asked for work that no wake-up told of.
    pub poll_interval: Duration,
    /// The longest wait that a receiver can ask for with Retry-After.
    pub max_retry_after: Duration,
    /// How long every attempt to an endpoint may fail until it is disabled.
    pub disable_after: Duration,
    /// How deliveries are retried where their endpoint does not say.
    pub retry: RetryPolicy,
    /// For how long an event is recognised when it is sent again.
    pub dedupe_window: Duration,
    /// For how long what is past is kept.
    pub retention: Retention,
}

/// What every part of the engine shares.
#[derive(Clone)]
pub(crate) struct Context {
    pub(crate) store: Store,
    pub(crate) clock: Clock,
    pub(crate) chance: Chance,
    pub(crate) ids: Arc<Ids>,
    pub(crate) membership: Arc<Membership>,
    pub(crate) freshness: Arc<Freshness>,
    pub(crate) sender: Arc<dyn Sender>,
    pub(crate) settings: Arc<EngineSettings>,
}

impl Context {
    /// How long to wait before the store is asked again after it failed.
    pub(crate) const STORE_BACKOFF: Duration = Duration::from_millis(200);

    /// The lease under which what is taken now is held. It may be another one a moment later.
    pub(crate) fn lease(&self) -> Lease {
        self.membership.lease()
    }

    /// Waits before the store is asked again.
    pub(crate) async fn back_off(&self) {
        self.clock.sleep(Self::STORE_BACKOFF).await;
    }
}
