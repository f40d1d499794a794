//! The endpoints that are in use, with their secrets, in memory.

use std::{
    fmt,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use moka::sync::Cache;
use tokio::sync::Mutex;

use super::context::Context;
use crate::{
    domain::{
        endpoint::{Endpoint, LiveSecret},
        ids::EndpointId,
        retry::RetryPolicy,
        signature::Secret,
        time::Timestamp,
    },
    store::{StoreError, StoreResult},
};

/// The most endpoints that are kept in memory.
const CAPACITY: u64 = 20_000;

/// An endpoint, ready for use.
pub(crate) struct LiveEndpoint {
    pub(crate) endpoint: Endpoint,
    secrets: Vec<LiveSecret>,
    /// How many requests may be under way at a time.
    pub(crate) concurrency: usize,
    /// How long a request may take.
    pub(crate) timeout: Duration,
    /// How deliveries are retried.
    pub(crate) retry: RetryPolicy,
    /// Whether the last attempt succeeded. It is kept here because a lane without work is forgotten.
    succeeded: AtomicBool,
}

impl LiveEndpoint {
    /// The secrets that sign at `now`.
    pub(crate) fn secrets_at(&self, now: Timestamp) -> Vec<Secret> {
        let live = self.secrets.iter().filter(|secret| secret.signs_at(now));
        live.map(|live| live.secret.clone()).collect()
    }

    /// Whether the last attempt to it succeeded, as far as this node knows.
    pub(super) fn has_succeeded(&self) -> bool {
        self.succeeded.load(Ordering::Relaxed)
    }

    /// Notes whether the last attempt to it succeeded.
    pub(super) fn note(&self, succeeded: bool) {
        self.succeeded.store(succeeded, Ordering::Relaxed);
    }
}

impl LiveEndpoint {
    /// An endpoint for one request that is no delivery: `secret` alone signs it.
    pub(super) fn passing(endpoint: Endpoint, secret: Secret, timeout: Duration) -> Self {
        let signing = LiveSecret {
            secret,
            created_at: endpoint.created_at,
            expires_at: None,
        };
        Self {
            endpoint,
            secrets: vec![signing],
            concurrency: 1,
            timeout,
            retry: RetryPolicy::once(),
            succeeded: AtomicBool::default(),
        }
    }
}

#[cfg(test)]
impl LiveEndpoint {
    /// An endpoint without secrets.
    pub(super) fn for_tests(endpoint: Endpoint, concurrency: usize) -> Self {
        Self {
            endpoint,
            secrets: Vec::new(),
            concurrency,
            timeout: Duration::from_secs(1),
            retry: RetryPolicy::default(),
            succeeded: AtomicBool::default(),
        }
    }
}

impl fmt::Debug for LiveEndpoint {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "LiveEndpoint({})", self.endpoint.id)
    }
}

/// Finds endpoints, in memory or in the store.
pub(crate) struct Directory {
    context: Context,
    known: Cache<EndpointId, Arc<LiveEndpoint>>,
    /// Held while an endpoint is read and kept: what is read first is kept first.
    reading: Mutex<()>,
}

impl Directory {
    pub(super) fn new(context: Context) -> Self {
        Self {
            context,
            known: Cache::new(CAPACITY),
            reading: Mutex::new(()),
        }
    }

    /// The endpoint called `id`, deleted or not; none if there never was one.
    pub(super) async fn get(&self, id: EndpointId) -> StoreResult<Option<Arc<LiveEndpoint>>> {
        match self.known.get(&id) {
            Some(live) => Ok(Some(live)),
            None => self.reload(id).await,
        }
    }

    /// The endpoint called `id`, if it is in memory.
    pub(super) fn cached(&self, id: EndpointId) -> Option<Arc<LiveEndpoint>> {
        self.known.get(&id)
    }

    /// Lets go of all that is in memory: something may have changed.
    pub(super) fn forget(&self) {
        self.known.invalidate_all();
    }

    /// Reads an endpoint again: something about it has changed.
    pub(super) async fn reload(&self, id: EndpointId) -> StoreResult<Option<Arc<LiveEndpoint>>> {
        let _reading = self.reading.lock().await;
        let (endpoint, secrets) = match self.context.store.live_endpoint(id).await {
            Err(StoreError::NotFound(_)) => return Ok(None),
            found => found?,
        };
        let succeeded = self.known.get(&id).is_some_and(|live| live.has_succeeded());
        let settings = &self.context.settings;
        let config = &endpoint.config;
        let live = Arc::new(LiveEndpoint {
            concurrency: config.concurrency.unwrap_or(settings.concurrency) as usize,
            timeout: config.timeout.unwrap_or(settings.timeout),
            retry: config
                .retry
                .clone()
                .unwrap_or_else(|| settings.retry.clone()),
            endpoint,
            secrets,
            succeeded: succeeded.into(),
        });
        self.known.insert(id, Arc::clone(&live));
        Ok(Some(live))
    }
}
