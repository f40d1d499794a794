//! Moments as users give them, and as they are shown: from now, and to be copied.

use std::{fmt, str::FromStr, time::Duration};

use crate::domain::{duration::HumanDuration, time::Timestamp};

/// A moment as a user gives it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Moment {
    /// So long before now: `1h`.
    Ago(Duration),
    /// At that time: RFC 3339.
    At(Timestamp),
}

impl Moment {
    /// The time that is meant, if it is `now`.
    pub fn before(self, now: Timestamp) -> Timestamp {
        match self {
            Self::Ago(duration) => now.minus(duration),
            Self::At(time) => time,
        }
    }

    /// The same, counted forwards: `90d` is in 90 days.
    pub fn after(self, now: Timestamp) -> Timestamp {
        match self {
            Self::Ago(duration) => now.plus(duration),
            Self::At(time) => time,
        }
    }
}

/// Why a text is no moment.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("write it like 90s, 5m, 1h30m or 3d, or as a time like 2026-01-31T12:00:00Z")]
pub struct MomentError;

impl FromStr for Moment {
    type Err = MomentError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let ago = text.parse().map(|HumanDuration(ago)| Self::Ago(ago));
        ago.or_else(|_| text.parse().map(Self::At))
            .map_err(|_| MomentError)
    }
}

/// A time as it is seen from `now`: `3m ago`, `in 2h`, with one unit and no more.
pub fn from_now(time: Timestamp, now: Timestamp) -> String {
    let (length, ahead) = match time > now {
        true => (time.since(now), true),
        false => (now.since(time), false),
    };
    match (coarse(length), ahead) {
        (None, _) => "now".to_owned(),
        (Some(length), true) => format!("in {length}"),
        (Some(length), false) => format!("{length} ago"),
    }
}

/// A time in full, and how it is seen from now.
pub struct Both {
    /// The time.
    pub time: Timestamp,
    /// Now.
    pub now: Timestamp,
}

impl fmt::Display for Both {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            formatter,
            "{}, {}",
            self.time,
            from_now(self.time, self.now)
        )
    }
}

/// A length in its largest unit; none if it is less than a second.
fn coarse(length: Duration) -> Option<String> {
    const UNITS: [(u64, &str); 4] = [(86_400, "d"), (3_600, "h"), (60, "m"), (1, "s")];
    let seconds = length.as_secs();
    let (unit, name) = UNITS.into_iter().find(|(unit, _)| seconds >= *unit)?;
    Some(format!("{}{name}", seconds / unit))
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Timestamp = Timestamp::from_millis(1_700_000_000_000);

    #[test]
    fn a_moment_is_a_length_or_a_time() {
        let hour = Duration::from_secs(3_600);
        let given = |text: &str| text.parse::<Moment>();
        assert_eq!(given("1h"), Ok(Moment::Ago(hour)));
        assert_eq!(given("1h").map(|it| it.before(NOW)), Ok(NOW.minus(hour)));
        assert_eq!(given("1h").map(|it| it.after(NOW)), Ok(NOW.plus(hour)));
        assert_eq!(given("2023-11-14T22:13:20Z"), Ok(Moment::At(NOW)));
        for text in ["", "yesterday", "5", "2023-11-14"] {
            let error = given(text).expect_err(text).to_string();
            assert!(error.contains("write it like"), "{error}");
        }
    }

    #[test]
    fn times_are_seen_from_now_in_one_unit() {
        let at = |seconds: i64| Timestamp::from_millis(NOW.as_millis() + seconds * 1_000);
        for (seconds, shown) in [
            (0, "now"),
            (-5, "5s ago"),
            (-150, "2m ago"),
            (-7_300, "2h ago"),
            (-200_000, "2d ago"),
            (5, "in 5s"),
            (90, "in 1m"),
        ] {
            assert_eq!(from_now(at(seconds), NOW), shown);
        }
    }
}
