//! What happens in a project, as its stream tells it: the kinds of happenings, their places in the
//! order in which they became durable, and what a stream says about itself.

use std::{fmt, str::FromStr};

use super::{delivery::DeliveryState, names::named};

named! {
    /// What happened.
    pub enum HappeningKind {
        /// An event was accepted, sent or emitted.
        EventAccepted = "event.accepted",
        /// An attempt has ended: a request was made, with this outcome.
        AttemptMade = "attempt.made",
        /// A delivery waits for its first attempt: it was made, retried or redriven.
        DeliveryPending = "delivery.pending",
        /// A delivery was taken by its receiver.
        DeliveryDelivered = "delivery.delivered",
        /// A delivery was given up: it is a dead letter.
        DeliveryDead = "delivery.dead",
        /// A delivery was called off, or discarded.
        DeliveryCancelled = "delivery.cancelled",
        /// A listener matched, but its delivery could not be made.
        DeliverySkipped = "delivery.skipped",
    }
}

impl From<DeliveryState> for HappeningKind {
    /// What happens when a delivery comes into a state.
    fn from(state: DeliveryState) -> Self {
        match state {
            DeliveryState::Pending => Self::DeliveryPending,
            DeliveryState::Delivered => Self::DeliveryDelivered,
            DeliveryState::Dead => Self::DeliveryDead,
            DeliveryState::Cancelled => Self::DeliveryCancelled,
            DeliveryState::Skipped => Self::DeliverySkipped,
        }
    }
}

named! {
    /// Why something is missing.
    pub enum GapReason {
        /// It is not kept any more: the stream goes on with the oldest that is.
        Expired = "expired",
        /// There has been no such place in this project: the stream goes on with what is new.
        UnknownPlace = "unknown_place",
    }
}

named! {
    /// Why a stream ends.
    pub enum ClosingReason {
        /// The reader was too slow.
        TooSlow = "too_slow",
        /// All that has happened so far is told, and no more was asked for.
        CaughtUp = "caught_up",
        /// The key opens the project no more.
        KeyEnded = "key_ended",
        /// The gateway is stopping.
        Stopping = "stopping",
        /// The store cannot be read now.
        Unavailable = "unavailable",
    }
}

impl ClosingReason {
    /// What the message is called that says so.
    pub const fn event(self) -> &'static str {
        match self {
            Self::TooSlow => "dropped",
            _ => "end",
        }
    }
}

/// The place of a happening in its project: which entry of the journal, and which of the happenings
/// in that, counted from 1. Written like `1207-3`; to users it is opaque.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Place {
    /// The entry.
    pub position: i64,
    /// The happening in it; 0 stands before the first.
    pub number: u32,
}

/// A text that names no place.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a place is the id of a message of the stream, like 1207-3")]
pub struct NoPlace;

impl fmt::Display for Place {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}-{}", self.position, self.number)
    }
}

impl FromStr for Place {
    type Err = NoPlace;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
        let (position, number) = text
            .split_once('-')
            .filter(|(position, number)| digits(position) && digits(number))
            .ok_or(NoPlace)?;
        Ok(Self {
            position: position.parse().map_err(|_| NoPlace)?,
            number: number.parse().map_err(|_| NoPlace)?,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_are_read_as_they_are_written_and_sort_by_position_and_number() {
        let places = ["0-0", "9-1", "9-10", "10-2"].map(|text| {
            let place: Place = text.parse().expect("a place");
            assert_eq!(place.to_string(), text);
            place
        });
        assert!(places.is_sorted());
    }

    #[test]
    fn what_is_no_place_is_refused() {
        for text in [
            "",
            "7",
            "7-",
            "-7",
            "7-+1",
            "a-1",
            "1-2-3",
            "99999999999999999999-1",
        ] {
            assert_eq!(text.parse::<Place>(), Err(NoPlace), "{text}");
        }
    }

    #[test]
    fn every_kind_and_every_reason_is_explained_in_the_documentation() {
        let page = include_str!("../../docs/live.md");
        for kind in HappeningKind::ALL {
            assert!(page.contains(&format!("\n| `{kind}` | ")), "no {kind}");
        }
        for reason in ClosingReason::ALL {
            let row = format!("\n| `{}` | `{reason}` | ", reason.event());
            assert!(page.contains(&row), "no {reason}");
        }
        for reason in GapReason::ALL {
            let row = format!("\n| `gap` | `{reason}` | ");
            assert!(page.contains(&row), "no {reason}");
        }
    }
}
