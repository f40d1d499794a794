//! A receiver that answers at once, and one that never does.

use std::{
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};

use axum::{Json, Router, extract::State, routing::post};
use serde_json::Value;
use tokio::{io::AsyncReadExt as _, net::TcpListener, sync::Notify};

use crate::stage::{Result, now, serve};

/// A receiver that answers at once, and notes how long webhooks took to come.
pub struct Healthy {
    /// Where it is.
    pub url: String,
    log: Arc<Log>,
}

struct Log {
    begun: Instant,
    took: Mutex<Vec<Duration>>,
    changed: Notify,
}

impl Log {
    fn elapsed_micros(&self) -> u64 {
        u64::try_from(self.begun.elapsed().as_micros()).unwrap_or(u64::MAX)
    }
}

impl Healthy {
    /// Starts one.
    pub async fn start() -> Result<Self> {
        let log = Arc::new(Log {
            begun: now(),
            took: Mutex::default(),
            changed: Notify::new(),
        });
        let app = Router::new()
            .route("/", post(received))
            .with_state(Arc::clone(&log));
        let url = serve(app).await?;
        Ok(Self { url, log })
    }

    /// The time by which events say when they were sent.
    pub fn elapsed_micros(&self) -> u64 {
        self.log.elapsed_micros()
    }

    /// Waits until so many webhooks have come, and gives how long each took.
    pub async fn takes(&self, wanted: usize) -> Vec<Duration> {
        loop {
            let changed = self.log.changed.notified();
            {
                let mut took = self.log.took.lock().unwrap_or_else(PoisonError::into_inner);
                if took.len() >= wanted {
                    return std::mem::take(&mut *took);
                }
            }
            changed.await;
        }
    }
}

async fn received(State(log): State<Arc<Log>>, Json(webhook): Json<Value>) {
    let now = log.elapsed_micros();
    let sent_at = webhook["data"]["sent_at"].as_u64().unwrap_or(now);
    let took = Duration::from_micros(now - sent_at);
    let mut all = log.took.lock().unwrap_or_else(PoisonError::into_inner);
    all.push(took);
    drop(all);
    log.changed.notify_one();
}

/// A receiver that takes every connection and never answers.
pub struct Hanging {
    /// Where it is.
    pub url: String,
    open: Arc<AtomicUsize>,
}

impl Hanging {
    /// Starts one.
    pub async fn start() -> Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let url = format!("http://{}", listener.local_addr()?);
        let open = Arc::new(AtomicUsize::new(0));
        let count = Arc::clone(&open);
        tokio::spawn(async move {
            while let Ok((mut stream, _)) = listener.accept().await {
                let count = Arc::clone(&count);
                tokio::spawn(async move {
                    count.fetch_add(1, Ordering::Relaxed);
                    let mut bytes = [0; 4096];
                    while stream.read(&mut bytes).await.is_ok_and(|read| read > 0) {}
                    count.fetch_sub(1, Ordering::Relaxed);
                });
            }
        });
        Ok(Self { url, open })
    }

    /// How many connections are open.
    pub fn open(&self) -> usize {
        self.open.load(Ordering::Relaxed)
    }
}
