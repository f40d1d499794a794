//! Time as an argument: what needs the time, or waits, is handed a [`Clock`].

use std::{
    fmt,
    sync::{
        Arc,
        atomic::{AtomicI64, Ordering},
    },
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

    /// The same, counting on while the machine sleeps or this program is stopped.
    fn boot_elapsed(&self) -> Duration;

    /// Ends once `duration` of [`TimeSource::elapsed`] has passed.
    fn sleep(&self, duration: Duration) -> BoxFuture<'static, ()>;
}

/// A shared [`TimeSource`], which may follow another clock.
#[derive(Clone)]
pub struct Clock {
    source: Arc<dyn TimeSource>,
    /// What the clock that is followed shows when [`TimeSource::boot_elapsed`] is nothing, in
    /// milliseconds since the Unix epoch.
    followed: Arc<AtomicI64>,
}

/// No clock is followed.
const NONE: i64 = i64::MIN;

impl Clock {
    /// The system's clock.
    pub fn system() -> Self {
        Self::new(SystemTimeSource::new())
    }

    /// A clock that takes its time from `source`.
    pub fn new(source: impl TimeSource + 'static) -> Self {
        Self {
            source: Arc::new(source),
            followed: Arc::new(AtomicI64::new(NONE)),
        }
    }

    /// The time by the clock that is followed. Where none is: see [`TimeSource::now`].
    pub fn now(&self) -> Timestamp {
        match self.followed.load(Ordering::Relaxed) {
            NONE => self.source.now(),
            zero => Timestamp::from_millis(zero).plus(self.boot_elapsed()),
        }
    }

    /// Follows a clock that showed `shown` at some moment after `asked`, a point of
    /// [`Clock::boot_elapsed`], and before now. The wall clock of this machine does not matter from
    /// then on.
    ///
    /// What is known from earlier stands as long as it can be true: it is moved no further than into
    /// the time that the answer took, so that the time does not flicker with the network.
    pub fn follow(&self, shown: Timestamp, asked: Duration) {
        let earliest = shown.minus(self.boot_elapsed()).as_millis();
        // What was shown is whole milliseconds, and the one that was shown may have been almost over.
        let latest = shown.minus(asked).as_millis() + 1;
        let zero = match self.followed.load(Ordering::Relaxed) {
            NONE => earliest.midpoint(latest),
            known => known.clamp(earliest, latest),
        };
        self.followed.store(zero, Ordering::Relaxed);
    }

    /// By how many milliseconds the wall clock of this machine is ahead of the clock that is followed;
    /// none if none is.
    pub fn ahead(&self) -> Option<i64> {
        let follows = self.followed.load(Ordering::Relaxed) != NONE;
        follows.then(|| self.source.now().as_millis() - self.now().as_millis())
    }

    /// See [`TimeSource::elapsed`].
    pub fn elapsed(&self) -> Duration {
        self.source.elapsed()
    }

    /// See [`TimeSource::boot_elapsed`].
    pub fn boot_elapsed(&self) -> Duration {
        self.source.boot_elapsed()
    }

    /// See [`TimeSource::sleep`].
    pub async fn sleep(&self, duration: Duration) {
        self.source.sleep(duration).await;
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

    #[cfg(target_os = "linux")]
    fn boot_elapsed(&self) -> Duration {
        let time = rustix::time::clock_gettime(rustix::time::ClockId::Boottime);
        Duration::try_from(time).unwrap_or_default()
    }

    /// Elsewhere the clock of [`Instant`] is the best that there is.
    #[cfg(not(target_os = "linux"))]
    fn boot_elapsed(&self) -> Duration {
        self.elapsed()
    }

    fn sleep(&self, duration: Duration) -> BoxFuture<'static, ()> {
        Box::pin(tokio::time::sleep(duration))
    }
}

#[cfg(test)]
pub mod testing {
    //! A clock for tests of a part.

    use std::sync::Mutex;

    use super::*;

    /// A wall clock that stands an hour after the epoch, and time that passes when it is told to.
    #[derive(Default)]
    pub struct Stopped(pub Mutex<Duration>);

    impl TimeSource for Arc<Stopped> {
        fn now(&self) -> Timestamp {
            Timestamp::from_millis(3_600_000)
        }

        fn elapsed(&self) -> Duration {
            *self.0.lock().expect("no panic")
        }

        fn boot_elapsed(&self) -> Duration {
            self.elapsed()
        }

        fn sleep(&self, _: Duration) -> BoxFuture<'static, ()> {
            Box::pin(std::future::pending())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{testing::Stopped, *};

    #[test]
    fn a_clock_that_follows_another_shows_its_time_and_moves_as_little_as_it_must() {
        let source = Arc::new(Stopped::default());
        let clock = Clock::new(Arc::clone(&source));
        let pass = |millis| *source.0.lock().expect("no panic") += Duration::from_millis(millis);
        let shows = || clock.now().as_millis();
        pass(100);
        assert_eq!((shows(), clock.ahead()), (3_600_000, None));

        let asked = clock.boot_elapsed();
        pass(20);
        clock.follow(Timestamp::from_millis(5_000), asked);
        assert_eq!(shows(), 5_010, "as if it was shown halfway");
        assert_eq!(clock.ahead(), Some(3_600_000 - 5_010));

        pass(90);
        let asked = clock.boot_elapsed();
        pass(10);
        clock.follow(Timestamp::from_millis(5_102), asked);
        assert_eq!(shows(), 5_110, "what is known can be true, and stands");

        let asked = clock.boot_elapsed();
        clock.follow(Timestamp::from_millis(4_000), asked);
        assert_eq!(shows(), 4_001, "the other clock was set back");
        pass(1_000);
        assert_eq!(shows(), 5_001);
    }
}
