//! The one place where tests wait. Deadlines are generous: they end a test that has failed, and
//! are never what a test is about.

use std::{fmt::Display, panic::Location, time::Duration};

use riposte::clock::Clock;

/// How long a test waits for what is to come.
const PATIENCE: Duration = Duration::from_secs(60);

/// How often something is looked at that cannot be awaited.
const GLANCE: Duration = Duration::from_millis(10);

/// What `work` gives.
///
/// # Panics
/// If it takes too long; the text says what was waited for.
#[track_caller]
pub fn within<T>(what: impl Display, work: impl Future<Output = T>) -> impl Future<Output = T> {
    let place = Location::caller();
    async move {
        let done = Clock::system().timeout(PATIENCE, work).await;
        done.unwrap_or_else(|| panic!("{place}: waited {PATIENCE:?} in vain for {what}"))
    }
}

/// Looks again and again until `look` finds something. Where it finds nothing it says what it saw
/// instead, so that the panic can.
///
/// # Panics
/// If it takes too long.
#[track_caller]
pub fn until<T>(
    what: impl Display,
    look: impl AsyncFnMut() -> Result<T, String>,
) -> impl Future<Output = T> {
    until_for(PATIENCE, what, look)
}

/// As [`until`], for what takes longer.
#[track_caller]
pub fn until_for<T>(
    patience: Duration,
    what: impl Display,
    mut look: impl AsyncFnMut() -> Result<T, String>,
) -> impl Future<Output = T> {
    let (place, clock) = (Location::caller(), Clock::system());
    async move {
        let end = clock.elapsed() + patience;
        loop {
            match look().await {
                Ok(found) => return found,
                Err(seen) if clock.elapsed() > end => {
                    panic!("{place}: waited in vain for {what}; the last look saw {seen}")
                }
                Err(_) => clock.sleep(GLANCE).await,
            }
        }
    }
}
