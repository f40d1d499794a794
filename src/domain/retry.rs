//! When a delivery is tried again, and when it is given up.

mod document;

use std::{
    num::NonZeroU32,
    time::{Duration, UNIX_EPOCH},
};

pub use document::{RetryDocument, RetryError};
use serde::{Deserialize, Serialize};

use super::{attempt::Exchange, delivery::DeadReason, time::Timestamp};

/// The most attempts that a policy may ask for.
pub const MAX_ATTEMPTS: u32 = 100;

/// The longest wait between two attempts, and the longest deadline, that a policy may ask for.
pub const MAX_DELAY: Duration = Duration::from_secs(30 * 24 * 3_600);

/// How deliveries to an endpoint are tried again.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "RetryDocument", into = "RetryDocument")]
pub struct RetryPolicy {
    pace: Pace,
    jitter: f64,
    deadline: Option<Duration>,
}

/// The waits before the attempts.
#[derive(Debug, Clone, PartialEq)]
enum Pace {
    /// One wait for each attempt, the first one's included.
    List(Vec<Duration>),
    /// The first attempt at once, then waits that grow by a factor up to a cap.
    Exponential {
        base: Duration,
        factor: f64,
        cap: Duration,
        attempts: NonZeroU32,
    },
}

/// What follows from an attempt.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// The receiver has it.
    Delivered,
    /// It is tried again at this time.
    Retry(Timestamp),
    /// It is given up.
    Dead(DeadReason),
}

/// Where a delivery stands when an attempt has ended.
#[derive(Debug, Clone, Copy)]
pub struct Progress {
    /// Attempts made since the delivery was made or last redriven, the one that ended included.
    pub attempts: u32,
    /// When the delivery was made or last redriven.
    pub since: Timestamp,
    /// The end of the attempt.
    pub now: Timestamp,
}

impl Default for RetryPolicy {
    /// The schedule that Standard Webhooks recommends, with 20 % jitter.
    fn default() -> Self {
        let seconds = [
            0, 5, 300, 1_800, 7_200, 18_000, 36_000, 50_400, 72_000, 86_400,
        ];
        Self {
            pace: Pace::List(seconds.map(Duration::from_secs).to_vec()),
            jitter: 0.2,
            deadline: None,
        }
    }
}

impl RetryPolicy {
    /// One attempt at once and no other: what a test of an endpoint gets.
    pub fn once() -> Self {
        Self {
            pace: Pace::List(vec![Duration::ZERO]),
            jitter: 0.0,
            deadline: None,
        }
    }

    /// How long a delivery waits for attempt `number` (the first is 1) after the one before it;
    /// none if it is not to be made. `chance` is from 0 to 1.
    pub fn delay(&self, number: u32, chance: f64) -> Option<Duration> {
        let delay = match &self.pace {
            Pace::List(delays) => *delays.get(number.checked_sub(1)? as usize)?,
            Pace::Exponential { attempts, .. } if number > attempts.get() => return None,
            Pace::Exponential { .. } if number <= 1 => Duration::ZERO,
            Pace::Exponential {
                base, factor, cap, ..
            } => {
                let grown = base.as_secs_f64() * factor.powf(f64::from(number) - 2.0);
                Duration::from_secs_f64(grown.min(cap.as_secs_f64()))
            }
        };
        Some(delay.mul_f64(1.0 + self.jitter * (2.0 * chance - 1.0)))
    }

    /// What follows from `exchange`. A Retry-After of the receiver makes the wait longer, to at
    /// most `max_retry_after`; 410 ends it (RFC 9110, section 15.5.11).
    pub fn judge(
        &self,
        exchange: &Exchange,
        progress: Progress,
        max_retry_after: Duration,
        chance: f64,
    ) -> Verdict {
        if exchange.is_success() {
            return Verdict::Delivered;
        }
        if is_gone(exchange) {
            return Verdict::Dead(DeadReason::Gone);
        }
        let Some(delay) = self.delay(progress.attempts + 1, chance) else {
            return Verdict::Dead(DeadReason::AttemptsExhausted);
        };
        let asked = retry_after(exchange, progress.now).unwrap_or_default();
        let next = progress.now.plus(delay.max(asked.min(max_retry_after)));
        match self.deadline {
            Some(deadline) if next > progress.since.plus(deadline) => {
                Verdict::Dead(DeadReason::DeadlineExceeded)
            }
            _ => Verdict::Retry(next),
        }
    }
}

/// Whether the receiver said that it is gone for good.
pub fn is_gone(exchange: &Exchange) -> bool {
    matches!(&exchange.result, Ok(response) if response.status == 410)
}

/// How long the receiver asked to be left alone: seconds, or an HTTP date (RFC 9110, section
/// 10.2.3). What is neither is ignored, as is a date that has passed.
fn retry_after(exchange: &Exchange, now: Timestamp) -> Option<Duration> {
    let text = exchange.result.as_ref().ok()?.header("retry-after")?.trim();
    if !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit()) {
        return Some(Duration::from_secs(text.parse().unwrap_or(u64::MAX)));
    }
    let date = httpdate::parse_http_date(text).ok()?;
    let millis = date.duration_since(UNIX_EPOCH).ok()?.as_millis();
    Some(Timestamp::from_millis(i64::try_from(millis).ok()?).since(now))
}

#[cfg(test)]
mod tests;
