//! Time as a test wants it.

use std::{
    sync::{
        Arc,
        atomic::{AtomicI64, AtomicU64, Ordering},
    },
    time::Duration,
};

use futures_util::future::BoxFuture;
use riposte::{
    clock::{Clock, TimeSource},
    domain::time::Timestamp,
};
use tokio::sync::watch;

/// The system's time, moved and stopped as it happens to a machine. Clones are the same.
#[derive(Clone)]
pub struct Time(Arc<Moved>);

struct Moved {
    real: Clock,
    wall: AtomicI64,
    asleep: AtomicU64,
    stopped: watch::Sender<bool>,
}

impl Time {
    /// The time of a machine whose clock is so many milliseconds ahead.
    pub fn ahead_by(millis: i64) -> Self {
        Self(Arc::new(Moved {
            real: Clock::system(),
            wall: AtomicI64::new(millis),
            asleep: AtomicU64::new(0),
            stopped: watch::Sender::new(false),
        }))
    }

    /// A clock that shows it.
    pub fn clock(&self) -> Clock {
        Clock::new(self.clone())
    }

    /// From now on no timer ends, as in a process that is stopped.
    pub fn stops(&self) {
        self.0.stopped.send_replace(true);
    }

    /// Timers end again.
    pub fn goes_on(&self) {
        self.0.stopped.send_replace(false);
    }

    /// Lets the machine sleep: the time counts on, and no timer does.
    pub fn sleeps_for(&self, duration: Duration) {
        let millis = u64::try_from(duration.as_millis()).expect("some time");
        self.0.asleep.fetch_add(millis, Ordering::Relaxed);
    }
}

impl TimeSource for Time {
    fn now(&self) -> Timestamp {
        let (wall, asleep) = (&self.0.wall, &self.0.asleep);
        let moved =
            Timestamp::from_millis(self.0.real.now().as_millis() + wall.load(Ordering::Relaxed));
        moved.plus(Duration::from_millis(asleep.load(Ordering::Relaxed)))
    }

    fn elapsed(&self) -> Duration {
        self.0.real.elapsed()
    }

    fn boot_elapsed(&self) -> Duration {
        let asleep = Duration::from_millis(self.0.asleep.load(Ordering::Relaxed));
        self.0.real.boot_elapsed() + asleep
    }

    fn sleep(&self, duration: Duration) -> BoxFuture<'static, ()> {
        let moved = Arc::clone(&self.0);
        Box::pin(async move {
            moved.real.sleep(duration).await;
            let mut stopped = moved.stopped.subscribe();
            // Whoever could let it go on is gone with its sender, which this holds.
            let _ = stopped.wait_for(|stopped| !stopped).await;
        })
    }
}
