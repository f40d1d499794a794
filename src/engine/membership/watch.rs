//! Watching over the others: who has gone silent.

use std::{collections::HashMap, time::Duration};

use super::LEASE;
use crate::{
    domain::{lease::Lease, time::Timestamp},
    store::nodes::Other,
};

/// What this node has heard of the others, on its own clock.
#[derive(Debug, Default)]
pub(super) struct Watch(HashMap<Lease, Heard>);

#[derive(Debug)]
struct Heard {
    /// The last heartbeat, by the database's clock.
    heartbeat_at: Timestamp,
    /// Since when no later one is known of.
    since: Duration,
}

impl Watch {
    /// Forgets what was heard. A store that did not answer this node may not have answered the others
    /// either, so they all get the time of a lease to be heard again.
    pub(super) fn begin_anew(&mut self) {
        self.0.clear();
    }

    /// Those of `others` whose lease has run out by the database's clock, and of whom this node, which looks
    /// at `now` on a clock that nobody sets, has heard nothing for the time of a lease. So no clock that
    /// jumps does anybody wrong.
    pub(super) fn silent(&mut self, others: &[Other], now: Duration) -> Vec<Other> {
        self.0
            .retain(|lease, _| others.iter().any(|other| other.lease == *lease));
        let silent = others.iter().filter(|other| {
            let since = self.silence_of(other, now);
            other.is_overdue && now.saturating_sub(since) >= LEASE
        });
        silent.copied().collect()
    }

    /// Since when nothing is heard of `other`.
    fn silence_of(&mut self, other: &Other, now: Duration) -> Duration {
        let news = || Heard {
            heartbeat_at: other.heartbeat_at,
            since: now,
        };
        let heard = self.0.entry(other.lease).or_insert_with(news);
        if heard.heartbeat_at != other.heartbeat_at {
            *heard = news();
        }
        heard.since
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::{chance::Chance, ids::Ids};

    const HEARTBEAT_AT: Timestamp = Timestamp::from_millis(1_700_000_000_000);

    fn other() -> Other {
        Other {
            lease: Lease::first(Ids::new(Chance::seeded(1)).next(HEARTBEAT_AT)),
            shard: 1,
            heartbeat_at: HEARTBEAT_AT,
            is_overdue: true,
        }
    }

    fn silent(watch: &mut Watch, other: Other, seconds: u64) -> bool {
        !watch
            .silent(&[other], Duration::from_secs(seconds))
            .is_empty()
    }

    #[test]
    fn a_node_is_silent_when_both_clocks_say_so() {
        let (mut watch, other) = (Watch::default(), other());
        assert!(
            !silent(&mut watch, other, 100),
            "it is not watched for long"
        );
        assert!(!silent(&mut watch, other, 109));
        let in_time = Other {
            is_overdue: false,
            ..other
        };
        assert!(
            !silent(&mut watch, in_time, 110),
            "the database's was set back"
        );
        assert!(silent(&mut watch, other, 110));
    }

    #[test]
    fn a_heartbeat_or_another_lease_begins_the_silence_anew() {
        let (mut watch, other) = (Watch::default(), other());
        assert!(!silent(&mut watch, other, 100));
        let heard = Other {
            heartbeat_at: HEARTBEAT_AT.plus(Duration::from_millis(1)),
            ..other
        };
        assert!(
            !silent(&mut watch, heard, 110),
            "the database's jumped ahead"
        );
        assert!(silent(&mut watch, heard, 120));
        let next = Other {
            lease: other.lease.next(),
            ..heard
        };
        assert!(!silent(&mut watch, next, 121));
    }

    #[test]
    fn whoever_was_out_of_touch_gives_the_others_time() {
        let (mut watch, other) = (Watch::default(), other());
        assert!(!silent(&mut watch, other, 100));
        watch.begin_anew();
        assert!(!silent(&mut watch, other, 111));
        assert!(silent(&mut watch, other, 121));
    }
}
