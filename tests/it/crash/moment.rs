//! When the program is killed: a little after so much is acknowledged, or so much has arrived.
//! Moments are counted, so that they fall everywhere in a round on any machine; the little after
//! is timed, so that they fall everywhere between two answers.

use std::{fmt, time::Duration};

use riposte::{clock::Clock, domain::chance::Chance};
use tokio::sync::watch;

use super::EVENTS;
use crate::support::within;

/// How long after its count a moment comes at most.
const AFTER: Duration = Duration::from_millis(25);

/// A moment of a round.
#[derive(Debug, Clone, Copy)]
pub struct Moment {
    count: Count,
    after: Duration,
}

/// What is counted.
#[derive(Debug, Clone, Copy)]
enum Count {
    /// So many events are acknowledged.
    Acknowledged(usize),
    /// So many requests have come to the receiver.
    Received(usize),
}

impl Moment {
    /// A moment by chance.
    pub fn draw(chance: &Chance) -> Self {
        let count = (chance.unit() * EVENTS as f64) as usize;
        let count = match chance.unit() < 0.5 {
            true => Count::Acknowledged(count),
            false => Count::Received(count),
        };
        let after = AFTER.mul_f64(chance.unit());
        Self { count, after }
    }

    /// Waits for it: `counts` are of what is acknowledged in this round and of what was ever
    /// received, `before` of it before the round.
    pub async fn comes(
        self,
        counts: &mut (watch::Receiver<usize>, watch::Receiver<usize>),
        before: usize,
        clock: &Clock,
    ) {
        let (count, wanted) = match self.count {
            Count::Acknowledged(wanted) => (&mut counts.0, wanted),
            Count::Received(wanted) => (&mut counts.1, before + wanted),
        };
        let comes = count.wait_for(|count| *count >= wanted);
        within(format!("the moment {self}"), comes)
            .await
            .expect("whoever counts is there");
        clock.sleep(self.after).await;
    }
}

impl fmt::Display for Moment {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (what, count) = match self.count {
            Count::Acknowledged(count) => ("acknowledged", count),
            Count::Received(count) => ("received", count),
        };
        write!(
            formatter,
            "{what} >= {count} + {} ms",
            self.after.as_millis()
        )
    }
}
