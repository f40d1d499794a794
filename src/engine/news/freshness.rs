//! Freshness: whether this node knows what the others had changed two seconds ago.

use std::{
    sync::{Mutex, PoisonError},
    time::Duration,
};

use tokio::sync::Notify;

use crate::clock::Clock;

/// The longest time after which a change that another node has made holds here.
const WITHIN: Duration = Duration::from_secs(2);

/// Until when what this node has in memory may be worked on.
#[derive(Debug)]
pub(crate) struct Freshness {
    clock: Clock,
    /// On [`Clock::boot_elapsed`]; none where nobody else changes anything.
    until: Option<Mutex<Duration>>,
    renewed: Notify,
}

impl Freshness {
    /// What is in memory is fresh now; for ever, if the store is not `shared` with other nodes.
    pub(in crate::engine) fn new(clock: Clock, shared: bool) -> Self {
        let until = shared.then(|| Mutex::new(clock.boot_elapsed() + WITHIN));
        Self {
            clock,
            until,
            renewed: Notify::new(),
        }
    }

    /// Takes note that all is known here that was changed before `moment`.
    pub(super) fn renew(&self, moment: Duration) {
        if let Some(until) = &self.until {
            *until.lock().unwrap_or_else(PoisonError::into_inner) = moment + WITHIN;
            self.renewed.notify_waiters();
        }
    }

    fn is_fresh(&self) -> bool {
        let until = self.until.as_ref();
        until.is_none_or(|until| {
            self.clock.boot_elapsed() < *until.lock().unwrap_or_else(PoisonError::into_inner)
        })
    }

    /// Waits until what is in memory is fresh.
    pub(in crate::engine) async fn fresh(&self) {
        loop {
            let mut renewed = std::pin::pin!(self.renewed.notified());
            renewed.as_mut().enable();
            if self.is_fresh() {
                return;
            }
            renewed.await;
        }
    }
}
