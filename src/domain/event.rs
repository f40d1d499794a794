//! Events: immutable facts in the shape of CloudEvents 1.0.

use std::{collections::BTreeMap, fmt, str::FromStr};

use bytes::Bytes;
use serde::{Deserialize, Serialize};

use super::{ids::EventId, ids::ProjectId, lineage::Lineage, names::named, time::Timestamp};

/// The most characters that an event type may have.
pub const MAX_EVENT_TYPE: usize = 128;

/// An event type: dot-separated tokens of `[A-Za-z0-9_-]`, at most 128 characters.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct EventType(String);

/// Why a text is no event type.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum EventTypeError {
    /// It is empty, or two dots touch, or it begins or ends with one.
    #[error("an event type has no empty token: write it like site.deploy.succeeded")]
    EmptyToken,
    /// A character that tokens may not have.
    #[error(
        "{0:?} may not stand in an event type: its tokens are made of A-Z, a-z, 0-9, _ and -, with dots between"
    )]
    Character(char),
    /// It has more than [`MAX_EVENT_TYPE`] characters.
    #[error("an event type has at most {MAX_EVENT_TYPE} characters")]
    TooLong,
}

impl EventType {
    /// Checks `text`.
    ///
    /// # Errors
    /// The first thing that is wrong with it.
    pub fn parse(text: impl Into<String>) -> Result<Self, EventTypeError> {
        let text = text.into();
        let allowed = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '.');
        if let Some(other) = text.chars().find(|c| !allowed(*c)) {
            return Err(EventTypeError::Character(other));
        }
        if text.len() > MAX_EVENT_TYPE {
            return Err(EventTypeError::TooLong);
        }
        if text.split('.').any(str::is_empty) {
            return Err(EventTypeError::EmptyToken);
        }
        Ok(Self(text))
    }

    /// The type as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for EventType {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

impl FromStr for EventType {
    type Err = EventTypeError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Self::parse(text)
    }
}

impl TryFrom<String> for EventType {
    type Error = EventTypeError;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        Self::parse(text)
    }
}

impl From<EventType> for String {
    fn from(event_type: EventType) -> Self {
        event_type.0
    }
}

/// The value of an extension attribute (CloudEvents 1.0, section 3.1).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum ExtensionValue {
    /// A boolean.
    Boolean(bool),
    /// A signed 32-bit integer.
    Integer(i32),
    /// A string; what arrives in an HTTP header is always one.
    String(String),
}

/// The canonical text of CloudEvents 1.0, section 3.1: what a header carries.
impl fmt::Display for ExtensionValue {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Boolean(value) => write!(formatter, "{value}"),
            Self::Integer(value) => write!(formatter, "{value}"),
            Self::String(value) => formatter.write_str(value),
        }
    }
}

/// The context attributes of an event.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Attributes {
    /// What the producer calls the event, or its [`EventId`] where the producer gave none.
    pub id: String,
    /// Where it happened: a URI reference.
    pub source: String,
    /// What happened.
    pub event_type: EventType,
    /// What it happened to.
    pub subject: Option<String>,
    /// When it happened: RFC 3339, as the producer wrote it.
    pub time: String,
    /// The media type of the data.
    pub datacontenttype: Option<String>,
    /// The schema of the data: a URI.
    pub dataschema: Option<String>,
    /// Everything else.
    pub extensions: BTreeMap<String, ExtensionValue>,
}

/// What an event carries: the bytes as the producer sent them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Data {
    /// Nothing at all; not the same as `null`.
    Absent,
    /// The text of one JSON value.
    Json(Bytes),
    /// Text of another media type: valid UTF-8.
    Text(Bytes),
    /// Bytes of any kind.
    Binary(Bytes),
}

impl Data {
    /// The bytes; none where the data is absent.
    pub fn bytes(&self) -> &[u8] {
        match self {
            Self::Absent => &[],
            Self::Json(bytes) | Self::Text(bytes) | Self::Binary(bytes) => bytes,
        }
    }
}

named! {
    /// What became of an event on its way in.
    pub enum EventState {
        /// It met the listeners.
        Accepted = "accepted",
        /// It is kept, but no listener was asked: it came out of a loop of reactions.
        LoopSuppressed = "loop_suppressed",
        /// It tests an endpoint: it was delivered past all listeners.
        Test = "test",
    }
}

/// Why nothing is left of an event that could be sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Loss {
    /// It is no longer kept.
    Gone,
    /// Its payload was erased.
    Erased,
}

impl Loss {
    /// The same as the end of a sentence about what was to carry it.
    pub fn sentence(self) -> &'static str {
        match self {
            Self::Gone => "its event is no longer kept",
            Self::Erased => "the payload of its event was erased",
        }
    }
}

/// An event as it is stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Event {
    /// Its name in Riposte.
    pub id: EventId,
    /// Whom it belongs to.
    pub project: ProjectId,
    /// Its context attributes.
    pub attributes: Attributes,
    /// Its payload.
    pub data: Data,
    /// When Riposte took it in.
    pub received_at: Timestamp,
    /// What it came out of.
    pub lineage: Lineage,
    /// Whether it met the listeners.
    pub state: EventState,
    /// When its payload was erased, if it was: its data, its subject and all but its required
    /// attributes.
    pub erased_at: Option<Timestamp>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn event_types_are_tokens_with_dots_between() {
        for good in ["a", "site.deploy.succeeded", "A-1._x.9"] {
            assert!(EventType::parse(good).is_ok(), "{good}");
        }
        assert!(EventType::parse("a".repeat(128)).is_ok());
        assert_eq!(
            EventType::parse("a".repeat(129)),
            Err(EventTypeError::TooLong)
        );
        for empty in ["", ".", "a..b", ".a", "a."] {
            assert_eq!(
                EventType::parse(empty),
                Err(EventTypeError::EmptyToken),
                "{empty}"
            );
        }
        for (bad, character) in [("a b", ' '), ("a.*", '*'), ("é", 'é'), ("a/b", '/')] {
            assert_eq!(
                EventType::parse(bad),
                Err(EventTypeError::Character(character)),
                "{bad}"
            );
        }
    }
}
