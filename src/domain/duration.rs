//! Durations as users write them: a number and a unit (`500ms`, `15s`, `5m`, `2h`, `3d`), or
//! several of these in a row (`1h30m`).

use std::{fmt, str::FromStr, time::Duration};

use serde::{Deserialize, Serialize};

/// A duration that is read and written as text; a part of a millisecond is dropped.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct HumanDuration(pub Duration);

/// Why a text is no duration.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{text:?} is no duration ({why}): write it like 500ms, 15s, 5m, 2h or 3d")]
pub struct DurationError {
    text: String,
    why: String,
}

/// The units in which a duration is written, the longest first: milliseconds and name.
const UNITS: [(u128, &str); 5] = [
    (86_400_000, "d"),
    (3_600_000, "h"),
    (60_000, "m"),
    (1_000, "s"),
    (1, "ms"),
];

impl FromStr for HumanDuration {
    type Err = DurationError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match humantime::parse_duration(text) {
            Ok(duration) => Ok(Self(duration)),
            Err(error) => Err(DurationError {
                text: text.to_owned(),
                why: error.to_string(),
            }),
        }
    }
}

impl TryFrom<String> for HumanDuration {
    type Error = DurationError;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        text.parse()
    }
}

impl From<HumanDuration> for String {
    fn from(duration: HumanDuration) -> Self {
        duration.to_string()
    }
}

impl fmt::Display for HumanDuration {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut rest = self.0.as_millis();
        if rest == 0 {
            return formatter.write_str("0s");
        }
        for (millis, unit) in UNITS {
            let count = rest / millis;
            rest %= millis;
            if count > 0 {
                write!(formatter, "{count}{unit}")?;
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_are_written_as_they_are_read() {
        for text in [
            "0s",
            "500ms",
            "15s",
            "5m",
            "2h",
            "3d",
            "1h30m",
            "1d2h3m4s5ms",
        ] {
            assert_eq!(text.parse::<HumanDuration>().expect(text).to_string(), text);
        }
        assert_eq!(
            "90s".parse::<HumanDuration>().expect("90s").to_string(),
            "1m30s"
        );
    }

    #[test]
    fn what_is_no_duration_is_refused_with_an_example() {
        for text in ["", "5", "-5s", "5 parsecs", "NaN"] {
            let error = text.parse::<HumanDuration>().expect_err(text).to_string();
            assert!(error.contains("write it like"), "{error}");
        }
    }
}
