//! Small steps: how much long work does at a time, so that nobody who writes waits long for it.

use std::time::Duration;

/// How long a step may hold the one who writes, more or less.
const GOAL: Duration = Duration::from_millis(20);

/// The least that a step does.
const LEAST: u32 = 8;

/// How much a step does: more while steps are short, less where one took long.
#[derive(Debug, Clone, Copy)]
pub(super) struct Pace {
    size: u32,
    most: u32,
}

impl Pace {
    /// Steps that do at most `most`.
    pub(super) fn up_to(most: u32) -> Self {
        let size = (most / 8).max(LEAST.min(most));
        Self { size, most }
    }

    /// How much the next step does at most.
    pub(super) fn size(self) -> u32 {
        self.size
    }

    /// Learns how long a step took. Gives how long to leave the store to others: as long again.
    pub(super) fn learn(&mut self, took: Duration) -> Duration {
        if took > GOAL {
            self.size = (self.size / 2).max(LEAST.min(self.most));
        } else if took * 2 < GOAL {
            self.size = self.size.saturating_mul(2).min(self.most);
        }
        took.max(Duration::from_millis(1))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn steps_grow_while_they_are_short_and_shrink_when_one_is_long() {
        let mut pace = Pace::up_to(1_000);
        for _ in 0..10 {
            pace.learn(Duration::from_millis(1));
        }
        assert_eq!(pace.size(), 1_000);
        assert_eq!(pace.learn(GOAL), GOAL);
        assert_eq!(pace.size(), 1_000);
        for _ in 0..20 {
            pace.learn(GOAL * 2);
        }
        assert_eq!(pace.size(), LEAST);
        assert_eq!(pace.learn(Duration::ZERO), Duration::from_millis(1));
    }

    #[test]
    fn a_step_may_be_bounded_to_one() {
        let mut pace = Pace::up_to(1);
        pace.learn(GOAL * 2);
        assert_eq!(pace.size(), 1);
    }
}
