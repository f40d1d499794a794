//! Who gets the webhooks.

use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering},
};

use axum::{Router, extract::State, routing::post};
use tokio::sync::Notify;

use crate::stage::{Result, serve};

/// A receiver that answers at once and counts.
pub struct Receiver {
    /// Where it is.
    pub url: String,
    count: Arc<Count>,
}

#[derive(Default)]
struct Count {
    received: AtomicUsize,
    changed: Notify,
}

impl Receiver {
    /// Starts one.
    pub async fn start() -> Result<Self> {
        let count = Arc::new(Count::default());
        let app = Router::new()
            .route("/", post(received))
            .with_state(Arc::clone(&count));
        let url = serve(app).await?;
        Ok(Self { url, count })
    }

    /// Waits until it has received so many.
    pub async fn has(&self, wanted: usize) {
        loop {
            let changed = self.count.changed.notified();
            if self.count.received.load(Ordering::Relaxed) >= wanted {
                return;
            }
            changed.await;
        }
    }
}

async fn received(State(count): State<Arc<Count>>) {
    count.received.fetch_add(1, Ordering::Relaxed);
    count.changed.notify_one();
}
