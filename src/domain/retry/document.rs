//! Retry policies as users write them.

use std::{num::NonZeroU32, time::Duration};

use serde::{Deserialize, Serialize};

use super::{MAX_ATTEMPTS, MAX_DELAY, Pace, RetryPolicy};
use crate::domain::duration::HumanDuration;

/// A policy as users write it: either `schedule`, or `base` with its companions.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct RetryDocument {
    /// The wait before each attempt, the first included.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Vec<String>>, example = json!(["0s", "5s", "5m"]))]
    pub schedule: Option<Vec<HumanDuration>>,
    /// Exponential: the wait before the second attempt.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, example = "5s")]
    pub base: Option<HumanDuration>,
    /// Exponential: by how much each wait is longer than the one before; 2 where it is left out.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub factor: Option<f64>,
    /// Exponential: the longest wait; 24 h where it is left out.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, example = "1h")]
    pub cap: Option<HumanDuration>,
    /// Exponential: how many attempts are made at most; 10 where it is left out.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub attempts: Option<u32>,
    /// By how large a part, at random, a wait is made longer or shorter: 0 to 1, by default 0.2.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub jitter: Option<f64>,
    /// How long after the delivery was made no further attempt begins.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, example = "3d")]
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
