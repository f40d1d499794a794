//! Time as an argument: what needs the time, or waits, is handed a [`Clock`].

use std::{
    fmt,
    sync::Arc,
    time::{Duration, Instant, SystemTime, UNIX_EPOCH},
};

use futures_util::future::BoxFuture;

use crate::domain::time::Timestamp;

/// A source of time. The system's, or one that a test or a simulation moves.
pub trait TimeSource: Send + Sync {
    /// The wall clock. It may step in either direction.
    fn now(&self) -> Timestamp;

    /// Time that has passed since some fixed moment. It never goes back.
    fn elapsed(&self) -> Duration;

    /// Ends once `duration` of [`TimeSource::elapsed`] has passed.
    fn sleep(&self, duration: Duration) -> BoxFuture<'static, ()>;
}

/// A shared [`TimeSource`].
#[derive(Clone)]
pub struct Clock(Arc<dyn TimeSource>);

impl Clock {
    /// The system's clock.
    pub fn system() -> Self {
        Self::new(SystemTimeSource::new())
    }

    /// A clock that takes its time from `source`.
    pub fn new(source: impl TimeSource + 'static) -> Self {
        Self(Arc::new(source))
    }

    /// See [`TimeSource::now`].
    pub fn now(&self) -> Timestamp {
        self.0.now()
    }

    /// See [`TimeSource::elapsed`].
    pub fn elapsed(&self) -> Duration {
        self.0.elapsed()
    }

    /// See [`TimeSource::sleep`].
    pub async fn sleep(&self, duration: Duration) {
        self.0.sleep(duration).await;
    }

    /// What `work` gives, or `None` if it takes longer than `limit`; it is dropped then.
    pub async fn timeout<T>(&self, limit: Duration, work: impl Future<Output = T>) -> Option<T> {
        tokio::select! {
            biased;
            value = work => Some(value),
            () = self.sleep(limit) => None,
        }
    }
}

impl fmt::Debug for Clock {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("Clock")
    }
}

/// The system's clock, on tokio's timers.
struct SystemTimeSource {
    start: Instant,
}

#[expect(clippy::disallowed_methods, reason = "the one place where time enters")]
impl SystemTimeSource {
    fn new() -> Self {
        Self {
            start: Instant::now(),
        }
    }
}

#[expect(clippy::disallowed_methods, reason = "the one place where time enters")]
impl TimeSource for SystemTimeSource {
    fn now(&self) -> Timestamp {
        let millis = match SystemTime::now().duration_since(UNIX_EPOCH) {
            Ok(after) => i64::try_from(after.as_millis()).unwrap_or(i64::MAX),
            Err(before) => {
                i64::try_from(before.duration().as_millis()).map_or(i64::MIN, |millis| -millis)
            }
        };
        Timestamp::from_millis(millis)
    }

    fn elapsed(&self) -> Duration {
        self.start.elapsed()
    }

    fn sleep(&self, duration: Duration) -> BoxFuture<'static, ()> {
        Box::pin(tokio::time::sleep(duration))
    }
}
