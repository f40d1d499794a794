//! Quotas: how much a project may have, and how fast it may send.

use std::{collections::BTreeMap, fmt, time::Duration};

use serde::{Deserialize, Serialize};

use super::names::named;

/// The most that a quota may allow: what every JSON reader can hold exactly.
pub const MAX_QUOTA: u64 = (1 << 53) - 1;

/// The most events a second, and at once, that a quota may allow.
pub const MAX_RATE: u64 = 1_000_000;

named! {
    /// What is limited.
    pub enum Quota {
        /// Events in a second, in the long run.
        EventsPerSecond = "events_per_second",
        /// Events at once; as many as in a second where nothing else is said.
        EventsBurst = "events_burst",
        /// Listeners.
        Listeners = "listeners",
        /// Endpoints.
        Endpoints = "endpoints",
        /// Deliveries that wait for their next attempt, or are being attempted.
        PendingDeliveries = "pending_deliveries",
        /// The bytes of the data of events and of captured bodies of responses.
        StoredBytes = "stored_bytes",
    }
}

/// How much of what there may be; none for as much as there can be.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(from = "BTreeMap<Quota, u64>", into = "BTreeMap<Quota, u64>")]
pub struct Quotas([Option<u64>; Quota::ALL.len()]);

/// A quota that allows no more.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Exceeded {
    /// Which.
    pub quota: Quota,
    /// What it allows.
    pub limit: u64,
    /// What there is, or what was asked for at once.
    pub used: u64,
    /// When asking again may help, where that is known.
    pub wait: Option<Duration>,
}

impl Quota {
    /// The most that it may allow.
    pub fn most(self) -> u64 {
        match self {
            Self::EventsPerSecond | Self::EventsBurst => MAX_RATE,
            _ => MAX_QUOTA,
        }
    }

    /// The least that it may allow: nothing can be counted out, but a rate of nothing is none.
    pub fn least(self) -> u64 {
        match self {
            Self::EventsPerSecond | Self::EventsBurst => 1,
            _ => 0,
        }
    }
}

impl Quotas {
    /// What `quota` allows.
    pub fn get(&self, quota: Quota) -> Option<u64> {
        self.0[quota as usize]
    }

    /// Lets `quota` allow `limit`.
    pub fn set(&mut self, quota: Quota, limit: Option<u64>) {
        self.0[quota as usize] = limit;
    }

    /// These, and what `defaults` say where these say nothing.
    #[must_use]
    pub fn or(self, defaults: Self) -> Self {
        let mut both = self;
        for (own, default) in both.0.iter_mut().zip(defaults.0) {
            *own = own.or(default);
        }
        both
    }

    /// How many events may come in a second, and at once.
    pub fn rate(&self) -> Option<(u64, u64)> {
        let rate = self.get(Quota::EventsPerSecond)?;
        Some((rate, self.get(Quota::EventsBurst).unwrap_or(rate)))
    }

    /// Whether there may be one more, if there are `used`.
    ///
    /// # Errors
    /// If there may not.
    pub fn check(&self, quota: Quota, used: u64) -> Result<(), Exceeded> {
        match self.get(quota) {
            Some(limit) if used >= limit => Err(Exceeded {
                quota,
                limit,
                used,
                wait: None,
            }),
            _ => Ok(()),
        }
    }
}

impl From<BTreeMap<Quota, u64>> for Quotas {
    fn from(limits: BTreeMap<Quota, u64>) -> Self {
        let mut quotas = Self::default();
        for (quota, limit) in limits {
            quotas.set(quota, Some(limit));
        }
        quotas
    }
}

impl From<Quotas> for BTreeMap<Quota, u64> {
    fn from(quotas: Quotas) -> Self {
        let all = Quota::ALL.iter();
        all.filter_map(|quota| Some((*quota, quotas.get(*quota)?)))
            .collect()
    }
}

impl std::error::Error for Exceeded {}

impl fmt::Display for Exceeded {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            quota, limit, used, ..
        } = self;
        match quota {
            Quota::EventsPerSecond => write!(
                formatter,
                "the project may send {limit} events in a second (quota {quota}): come back later"
            ),
            Quota::EventsBurst => write!(
                formatter,
                "the project may send {limit} events at once, not {used} (quota {quota}): send fewer \
                 at a time"
            ),
            Quota::PendingDeliveries => write!(
                formatter,
                "the project has {used} pending deliveries of the {limit} that it may have (quota \
                 {quota}): come back when some have ended"
            ),
            Quota::StoredBytes => write!(
                formatter,
                "the project has {used} stored bytes of the {limit} that it may have (quota {quota})"
            ),
            Quota::Listeners | Quota::Endpoints => write!(
                formatter,
                "the project has {used} {quota} of the {limit} that it may have: delete one, or ask \
                 an operator for more"
            ),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_project_does_not_say_the_defaults_say() {
        let (mut own, mut defaults) = (Quotas::default(), Quotas::default());
        own.set(Quota::Listeners, Some(0));
        defaults.set(Quota::Listeners, Some(7));
        defaults.set(Quota::EventsPerSecond, Some(50));
        let both = own.or(defaults);
        assert_eq!(both.get(Quota::Listeners), Some(0));
        assert_eq!(both.rate(), Some((50, 50)));
        assert_eq!(own.rate(), None);
    }

    #[test]
    fn a_quota_is_reached_and_not_passed() {
        let mut quotas = Quotas::default();
        quotas.set(Quota::Endpoints, Some(2));
        assert_eq!(quotas.check(Quota::Endpoints, 1), Ok(()));
        let full = quotas.check(Quota::Endpoints, 2).expect_err("it is full");
        assert_eq!((full.limit, full.used), (2, 2));
        assert_eq!(quotas.check(Quota::Listeners, u64::MAX), Ok(()));
    }
}
