//! HTTP statuses as users ask for them: one, or a class.

use std::{fmt, ops::Range, str::FromStr};

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

/// A status, such as `503`, or a class of them, such as `5xx`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Statuses {
    /// This one.
    Exactly(u16),
    /// Those that begin with this digit.
    Class(u16),
}

/// A text is neither a status nor a class.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("write a status like 503, or a class like 5xx")]
pub struct NoStatus;

impl Statuses {
    /// The statuses that are meant.
    pub const fn range(self) -> Range<u16> {
        match self {
            Self::Exactly(status) => status..status + 1,
            Self::Class(class) => class * 100..(class + 1) * 100,
        }
    }
}

impl FromStr for Statuses {
    type Err = NoStatus;

    fn from_str(text: &str) -> Result<Self, NoStatus> {
        let digits = text.strip_suffix("xx").unwrap_or(text);
        let number: u16 = match digits.bytes().all(|byte| byte.is_ascii_digit()) {
            true => digits.parse().map_err(|_| NoStatus)?,
            false => return Err(NoStatus),
        };
        match (digits.len(), text.len()) {
            (1, 3) if (1..=9).contains(&number) => Ok(Self::Class(number)),
            (3, 3) if (100..=999).contains(&number) => Ok(Self::Exactly(number)),
            _ => Err(NoStatus),
        }
    }
}

impl fmt::Display for Statuses {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Exactly(status) => write!(formatter, "{status}"),
            Self::Class(class) => write!(formatter, "{class}xx"),
        }
    }
}

impl Serialize for Statuses {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Statuses {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?
            .parse()
            .map_err(de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_status_or_a_class_is_read() {
        for (text, range) in [("503", 503..504), ("5xx", 500..600), ("100", 100..101)] {
            let read: Statuses = text.parse().expect(text);
            assert_eq!((read.range(), read.to_string()), (range, text.to_owned()));
        }
        for bad in [
            "", "xx", "0xx", "50x", "5x", "+5xx", "+50", "99", "1000", "5XX", "50xx", "²xx",
        ] {
            assert_eq!(bad.parse::<Statuses>(), Err(NoStatus), "{bad}");
        }
    }
}
