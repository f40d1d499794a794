//! How fast projects may send events: a bucket of tokens for each that has a limit, on the engine's
//! clock. Each node counts what comes to itself.

use std::{
    collections::HashMap,
    num::NonZeroU32,
    sync::{Mutex, PoisonError},
    time::Duration,
};

use governor::{
    NotUntil, RateLimiter,
    clock::{Clock as _, Reference as _},
    middleware::NoOpMiddleware,
    state::{InMemoryState, NotKeyed},
};

use crate::{
    clock::Clock,
    domain::{
        ids::ProjectId,
        quota::{Exceeded, Quota, Quotas},
    },
};

/// The limits of projects, and how far each is used.
pub(super) struct Rates {
    clock: Elapsed,
    buckets: Mutex<HashMap<ProjectId, Bucket>>,
}

/// How many events a second, and at once.
type Limit = (u64, u64);

type Limiter = RateLimiter<NotKeyed, InMemoryState, Elapsed, NoOpMiddleware<Duration>>;

struct Bucket {
    limit: Limit,
    limiter: Limiter,
}

/// The engine's clock, as the limiter reads it.
#[derive(Clone)]
struct Elapsed(Clock);

impl governor::clock::Clock for Elapsed {
    type Instant = Duration;

    fn now(&self) -> Duration {
        self.0.elapsed()
    }
}

impl Rates {
    pub(super) fn new(clock: Clock) -> Self {
        Self {
            clock: Elapsed(clock),
            buckets: Mutex::default(),
        }
    }

    /// Whether `project`, which has `quotas`, may send `events` events now. If it may, they count.
    pub(super) fn admit(
        &self,
        project: ProjectId,
        quotas: &Quotas,
        events: usize,
    ) -> Result<(), Exceeded> {
        let mut buckets = self.buckets.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(limit) = quotas.rate() else {
            buckets.remove(&project);
            return Ok(());
        };
        let Some(wanted) = u32::try_from(events).ok().and_then(NonZeroU32::new) else {
            return Ok(());
        };
        let bucket = buckets
            .entry(project)
            .and_modify(|bucket| {
                if bucket.limit != limit {
                    *bucket = Bucket::new(limit, &self.clock);
                }
            })
            .or_insert_with(|| Bucket::new(limit, &self.clock));
        match bucket.limiter.check_n(wanted) {
            Ok(Ok(())) => Ok(()),
            Ok(Err(later)) => Err(Exceeded {
                quota: Quota::EventsPerSecond,
                limit: limit.0,
                used: u64::from(wanted.get()),
                wait: Some(self.wait(&later)),
            }),
            Err(_) => Err(Exceeded {
                quota: Quota::EventsBurst,
                limit: limit.1,
                used: u64::from(wanted.get()),
                wait: None,
            }),
        }
    }

    fn wait(&self, later: &NotUntil<Duration>) -> Duration {
        let earliest = later.earliest_possible();
        earliest.duration_since(self.clock.now()).into()
    }
}

impl Bucket {
    fn new(limit: Limit, clock: &Elapsed) -> Self {
        let number = |number: u64| {
            let number = u32::try_from(number).unwrap_or(u32::MAX);
            NonZeroU32::new(number).unwrap_or(NonZeroU32::MIN)
        };
        let (rate, burst) = limit;
        let quota = governor::Quota::per_second(number(rate)).allow_burst(number(burst));
        Self {
            limit,
            limiter: RateLimiter::direct_with_clock(quota, clock.clone()),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::{
        clock::testing::Stopped,
        domain::ids::{default_project, platform_project},
    };

    #[test]
    fn a_project_sends_a_burst_and_then_so_much_in_a_second() {
        let time = Arc::new(Stopped::default());
        let rates = Rates::new(Clock::new(Arc::clone(&time)));
        let mut quotas = Quotas::default();
        quotas.set(Quota::EventsPerSecond, Some(10));
        quotas.set(Quota::EventsBurst, Some(20));
        let send = |events| rates.admit(default_project(), &quotas, events);
        assert_eq!(send(15), Ok(()));
        assert_eq!(send(5), Ok(()));
        let refused = send(1).expect_err("the bucket is empty");
        assert_eq!(refused.quota, Quota::EventsPerSecond);
        assert_eq!(refused.wait, Some(Duration::from_millis(100)));
        *time.0.lock().expect("no panic") = Duration::from_millis(500);
        assert_eq!(send(5), Ok(()));
        assert!(send(1).is_err());
        let too_many = send(21).expect_err("more than a burst");
        assert_eq!((too_many.quota, too_many.wait), (Quota::EventsBurst, None));
        assert_eq!(rates.admit(platform_project(), &quotas, 20), Ok(()));
        assert_eq!(
            rates.admit(default_project(), &Quotas::default(), 1_000),
            Ok(())
        );
    }
}
