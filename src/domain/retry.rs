//! When a delivery is tried again, and when it is given up.

use std::{
    num::NonZeroU32,
    time::{Duration, UNIX_EPOCH},
};

use serde::{Deserialize, Serialize};

use super::{attempt::Exchange, delivery::DeadReason, duration::HumanDuration, time::Timestamp};

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

/// A policy as users write it: either `schedule`, or `base` with its companions.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RetryDocument {
    /// The wait before each attempt, the first included.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub schedule: Option<Vec<HumanDuration>>,
    /// Exponential: the wait before the second attempt.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub base: Option<HumanDuration>,
    /// Exponential: by how much each wait is longer than the one before; 2 where it is left out.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub factor: Option<f64>,
    /// Exponential: the longest wait; 24 h where it is left out.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cap: Option<HumanDuration>,
    /// Exponential: how many attempts are made at most; 10 where it is left out.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub attempts: Option<u32>,
    /// By how large a part, at random, a wait is made longer or shorter: 0 to 1, by default 0.2.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub jitter: Option<f64>,
    /// How long after the delivery was made no further attempt begins.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub deadline: Option<HumanDuration>,
}

/// What is wrong with a retry policy.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{field}: {problem}")]
pub struct RetryError {
    /// The field of the document.
    pub field: &'static str,
    /// What is wrong with it, and what would be right.
    pub problem: String,
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

impl TryFrom<RetryDocument> for RetryPolicy {
    type Error = RetryError;

    fn try_from(document: RetryDocument) -> Result<Self, Self::Error> {
        Ok(Self {
            jitter: within("jitter", document.jitter.unwrap_or(0.2), 0.0, 1.0)?,
            deadline: document
                .deadline
                .map(|deadline| bounded("deadline", deadline))
                .transpose()?,
            pace: pace(&document)?,
        })
    }
}

fn pace(document: &RetryDocument) -> Result<Pace, RetryError> {
    match (&document.schedule, document.base) {
        (Some(schedule), None) => list(document, schedule),
        (None, Some(base)) => exponential(document, base),
        (Some(_), Some(_)) => Err(wrong(
            "base",
            "stands beside a schedule: give one of the two",
        )),
        (None, None) => Err(wrong(
            "schedule",
            "is missing: give a schedule like [\"0s\", \"5s\", \"5m\"], or a base for exponential waits",
        )),
    }
}

fn list(document: &RetryDocument, schedule: &[HumanDuration]) -> Result<Pace, RetryError> {
    for (field, given) in [
        ("factor", document.factor.is_some()),
        ("cap", document.cap.is_some()),
        ("attempts", document.attempts.is_some()),
    ] {
        if given {
            return Err(wrong(field, "goes with base, not with a schedule"));
        }
    }
    if schedule.is_empty() || schedule.len() > MAX_ATTEMPTS as usize {
        return Err(wrong(
            "schedule",
            format!("has from 1 to {MAX_ATTEMPTS} waits"),
        ));
    }
    let delays = schedule.iter().map(|delay| bounded("schedule", *delay));
    Ok(Pace::List(delays.collect::<Result<_, _>>()?))
}

fn exponential(document: &RetryDocument, base: HumanDuration) -> Result<Pace, RetryError> {
    let base = bounded("base", base)?;
    let day = HumanDuration(Duration::from_secs(86_400));
    let cap = bounded("cap", document.cap.unwrap_or(day))?;
    if base.is_zero() || base > cap {
        return Err(wrong("base", "is more than 0s and at most the cap"));
    }
    let attempts = document.attempts.unwrap_or(10);
    Ok(Pace::Exponential {
        base,
        cap,
        factor: within("factor", document.factor.unwrap_or(2.0), 1.0, 10.0)?,
        attempts: NonZeroU32::new(attempts)
            .filter(|attempts| attempts.get() <= MAX_ATTEMPTS)
            .ok_or_else(|| wrong("attempts", format!("is from 1 to {MAX_ATTEMPTS}")))?,
    })
}

fn bounded(field: &'static str, duration: HumanDuration) -> Result<Duration, RetryError> {
    if duration.0 <= MAX_DELAY {
        Ok(duration.0)
    } else {
        let longest = HumanDuration(MAX_DELAY);
        Err(wrong(field, format!("{duration} is longer than {longest}")))
    }
}

fn within(field: &'static str, value: f64, low: f64, high: f64) -> Result<f64, RetryError> {
    if (low..=high).contains(&value) {
        Ok(value)
    } else {
        Err(wrong(field, format!("is from {low} to {high}")))
    }
}

fn wrong(field: &'static str, problem: impl Into<String>) -> RetryError {
    RetryError {
        field,
        problem: problem.into(),
    }
}

impl From<RetryPolicy> for RetryDocument {
    fn from(policy: RetryPolicy) -> Self {
        let common = Self {
            jitter: Some(policy.jitter),
            deadline: policy.deadline.map(HumanDuration),
            ..Self::default()
        };
        match policy.pace {
            Pace::List(delays) => Self {
                schedule: Some(delays.into_iter().map(HumanDuration).collect()),
                ..common
            },
            Pace::Exponential {
                base,
                factor,
                cap,
                attempts,
            } => Self {
                base: Some(HumanDuration(base)),
                factor: Some(factor),
                cap: Some(HumanDuration(cap)),
                attempts: Some(attempts.get()),
                ..common
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::attempt::{ErrorKind, Failure, Response};

    const NOW: Timestamp = Timestamp::from_millis(1_700_000_000_000);
    const DAY: Duration = Duration::from_secs(86_400);

    fn policy(text: &str) -> RetryPolicy {
        serde_json::from_str(text).expect(text)
    }

    fn answered(status: u16, retry_after: Option<&str>) -> Exchange {
        Exchange {
            address: None,
            duration: Duration::ZERO,
            result: Ok(Response {
                status,
                headers: retry_after
                    .map(|value| ("retry-after".to_owned(), value.to_owned()))
                    .into_iter()
                    .collect(),
                body: bytes::Bytes::new(),
                truncated: false,
                broke_off: None,
            }),
        }
    }

    fn judge(policy: &RetryPolicy, exchange: &Exchange, attempts: u32) -> Verdict {
        let progress = Progress {
            attempts,
            since: NOW,
            now: NOW,
        };
        policy.judge(exchange, progress, DAY, 0.5)
    }

    fn after(seconds: u64) -> Verdict {
        Verdict::Retry(NOW.plus(Duration::from_secs(seconds)))
    }

    #[test]
    fn the_default_schedule_ends_after_ten_attempts() {
        let policy = RetryPolicy::default();
        let failed = answered(500, None);
        assert_eq!(judge(&policy, &failed, 1), after(5));
        assert_eq!(judge(&policy, &failed, 2), after(300));
        assert_eq!(judge(&policy, &failed, 9), after(86_400));
        assert_eq!(
            judge(&policy, &failed, 10),
            Verdict::Dead(DeadReason::AttemptsExhausted)
        );
    }

    #[test]
    fn jitter_moves_a_wait_by_its_part_in_both_directions() {
        let policy = RetryPolicy::default();
        assert_eq!(policy.delay(2, 0.0), Some(Duration::from_secs(4)));
        assert_eq!(policy.delay(2, 1.0), Some(Duration::from_secs(6)));
    }

    #[test]
    fn exponential_waits_grow_to_their_cap() {
        let policy = policy(r#"{"base":"5s","factor":2,"cap":"1m","attempts":7,"jitter":0}"#);
        let waits: Vec<_> = (1..=8)
            .map(|number| policy.delay(number, 0.5).map(|delay| delay.as_secs()))
            .collect();
        let expected = [
            Some(0),
            Some(5),
            Some(10),
            Some(20),
            Some(40),
            Some(60),
            Some(60),
            None,
        ];
        assert_eq!(waits, expected);
    }

    #[test]
    fn success_410_and_the_deadline_end_a_delivery() {
        let policy = policy(r#"{"schedule":["0s","1h","1h"],"jitter":0,"deadline":"30m"}"#);
        assert_eq!(judge(&policy, &answered(204, None), 1), Verdict::Delivered);
        assert_eq!(
            judge(&policy, &answered(410, None), 1),
            Verdict::Dead(DeadReason::Gone)
        );
        assert_eq!(
            judge(&policy, &answered(500, None), 1),
            Verdict::Dead(DeadReason::DeadlineExceeded)
        );
    }

    #[test]
    fn retry_after_makes_a_wait_longer_within_bounds() {
        let policy = RetryPolicy::default();
        for (value, seconds) in [
            ("120", 120),
            ("0", 5),
            ("-1", 5),
            ("1e30", 5),
            ("NaN", 5),
            ("", 5),
            ("99999999999999999999999", 86_400),
            ("Tue, 14 Nov 2023 22:15:20 GMT", 120),
            ("Tue, 14 Nov 2000 22:15:20 GMT", 5),
            ("Fri, 31 Dec 9999 23:59:59 GMT", 86_400),
        ] {
            assert_eq!(
                judge(&policy, &answered(503, Some(value)), 1),
                after(seconds),
                "{value}"
            );
        }
    }

    #[test]
    fn a_failure_without_an_answer_is_tried_again() {
        let exchange = Exchange {
            result: Err(Failure::new(ErrorKind::ConnectRefused, "refused")),
            ..answered(0, None)
        };
        assert_eq!(judge(&RetryPolicy::default(), &exchange, 1), after(5));
    }

    #[test]
    fn a_bad_policy_is_refused_by_the_name_of_its_field() {
        for (text, field) in [
            ("{}", "schedule"),
            (r#"{"schedule":[]}"#, "schedule"),
            (r#"{"schedule":["31d"]}"#, "schedule"),
            (r#"{"schedule":["0s"],"base":"1s"}"#, "base"),
            (r#"{"schedule":["0s"],"factor":2}"#, "factor"),
            (r#"{"schedule":["0s"],"jitter":1.5}"#, "jitter"),
            (r#"{"base":"0s"}"#, "base"),
            (r#"{"base":"2h","cap":"1h"}"#, "base"),
            (r#"{"base":"1s","factor":0.5}"#, "factor"),
            (r#"{"base":"1s","attempts":0}"#, "attempts"),
            (r#"{"base":"1s","attempts":101}"#, "attempts"),
        ] {
            let document: RetryDocument = serde_json::from_str(text).expect(text);
            let error = RetryPolicy::try_from(document).expect_err(text);
            assert_eq!(error.field, field, "{text}");
        }
    }

    #[test]
    fn a_policy_is_written_as_it_is_read() {
        for text in [
            r#"{"schedule":["0s","5s"],"jitter":0.2,"deadline":"3d"}"#,
            r#"{"base":"5s","factor":2.0,"cap":"1h","attempts":12,"jitter":0.1}"#,
        ] {
            assert_eq!(serde_json::to_string(&policy(text)).expect(text), text);
        }
    }
}
