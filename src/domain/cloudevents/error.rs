//! Why a request holds no events.

use crate::domain::{
    attributes::{AttributeError, AttributeReason},
    json::{self, JsonError},
    media_type::MediaTypeError,
};

use super::{BATCH_MEDIA_TYPE, HEADER_PREFIX, STRUCTURED_MEDIA_TYPE};

/// Why a request is refused, and the place in it. Its text is a sentence that begins with the place.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{}: {reason}", self.place())]
pub struct DecodeError {
    /// What kind of thing is wrong.
    pub kind: DecodeErrorKind,
    /// A JSON Pointer into the body, empty for all of it; or the name of a header.
    pub pointer: String,
    /// What is wrong there, as a sentence without its full stop.
    pub reason: String,
}

/// Every kind of refusal.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum DecodeErrorKind {
    /// The body is not JSON, has a key twice, or nests too deep.
    MalformedJson,
    /// The body is JSON, but not of the shape that events have.
    MalformedEvent,
    /// An attribute that must be there is not.
    MissingAttribute,
    /// An attribute is not what CloudEvents or a limit say.
    InvalidAttribute,
    /// The data is not what its media type says, or cannot be read.
    InvalidData,
    /// An event is larger than what is taken.
    EventTooLarge,
    /// A batch has more events than what is taken.
    BatchTooLarge,
    /// The body is of a media type in which no events come.
    UnsupportedMediaType,
}

/// What a refusal means to whoever speaks the transport's language.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum DecodeClass {
    /// The request has to be put right before it is sent again.
    Malformed,
    /// The request has to be made smaller.
    TooLarge,
    /// The request has to come in another format.
    UnsupportedMediaType,
}

impl DecodeErrorKind {
    /// All of them.
    pub const ALL: [Self; 8] = [
        Self::MalformedJson,
        Self::MalformedEvent,
        Self::MissingAttribute,
        Self::InvalidAttribute,
        Self::InvalidData,
        Self::EventTooLarge,
        Self::BatchTooLarge,
        Self::UnsupportedMediaType,
    ];

    /// The name by which clients know it; it never changes.
    pub const fn code(self) -> &'static str {
        match self {
            Self::MalformedJson => "malformed_json",
            Self::MalformedEvent => "malformed_event",
            Self::MissingAttribute => "missing_attribute",
            Self::InvalidAttribute => "invalid_attribute",
            Self::InvalidData => "invalid_data",
            Self::EventTooLarge => "event_too_large",
            Self::BatchTooLarge => "batch_too_large",
            Self::UnsupportedMediaType => "unsupported_media_type",
        }
    }

    /// What it means to the transport.
    pub const fn class(self) -> DecodeClass {
        match self {
            Self::MalformedJson
            | Self::MalformedEvent
            | Self::MissingAttribute
            | Self::InvalidAttribute
            | Self::InvalidData => DecodeClass::Malformed,
            Self::EventTooLarge | Self::BatchTooLarge => DecodeClass::TooLarge,
            Self::UnsupportedMediaType => DecodeClass::UnsupportedMediaType,
        }
    }
}

impl DecodeError {
    /// A refusal at `pointer` for `reason`, a sentence without its full stop.
    pub(super) fn at(
        kind: DecodeErrorKind,
        pointer: impl Into<String>,
        reason: impl ToString,
    ) -> Self {
        Self {
            kind,
            pointer: pointer.into(),
            reason: reason.to_string(),
        }
    }

    /// The same refusal where what was read stands under the pointer `above`.
    pub(super) fn under(self, above: &str) -> Self {
        Self {
            pointer: format!("{above}{}", self.pointer),
            ..self
        }
    }

    /// A refused attribute of a JSON object at the root of the body.
    pub(super) fn member(error: &AttributeError) -> Self {
        Self::attribute(error, format!("/{}", json::escape_pointer(&error.name)))
    }

    /// A refused attribute that came, or should have come, in a header.
    pub(super) fn header(error: &AttributeError) -> Self {
        Self::attribute(error, format!("{HEADER_PREFIX}{}", error.name))
    }

    pub(super) fn event_too_large(size: usize, limit: usize) -> Self {
        Self::at(
            DecodeErrorKind::EventTooLarge,
            "",
            format!("an event has at most {limit} bytes, this one has {size}"),
        )
    }

    pub(super) fn batch_too_large(count: usize, limit: usize) -> Self {
        Self::at(
            DecodeErrorKind::BatchTooLarge,
            "",
            format!("a batch has at most {limit} events, this one has {count}; send several"),
        )
    }

    pub(super) fn not_an_array() -> Self {
        Self::at(
            DecodeErrorKind::MalformedEvent,
            "",
            "a batch is an array of events",
        )
    }

    pub(super) fn unsupported_media_type(found: &str) -> Self {
        Self::at(
            DecodeErrorKind::UnsupportedMediaType,
            "content-type",
            format!(
                "events come as {STRUCTURED_MEDIA_TYPE}, {BATCH_MEDIA_TYPE}, application/json, or \
                 as any media type with their attributes in {HEADER_PREFIX}* headers; this \
                 request has {found}"
            ),
        )
    }

    pub(super) fn bad_content_type(error: &MediaTypeError) -> Self {
        Self::at(DecodeErrorKind::UnsupportedMediaType, "content-type", error)
    }

    pub(super) fn bad_charset() -> Self {
        Self::at(
            DecodeErrorKind::UnsupportedMediaType,
            "content-type",
            "events in JSON are written in UTF-8",
        )
    }

    fn place(&self) -> &str {
        if self.pointer.is_empty() {
            "the body"
        } else {
            &self.pointer
        }
    }

    fn attribute(error: &AttributeError, pointer: String) -> Self {
        let kind = match error.reason {
            AttributeReason::Missing => DecodeErrorKind::MissingAttribute,
            _ => DecodeErrorKind::InvalidAttribute,
        };
        Self::at(kind, pointer, &error.reason)
    }
}

impl From<JsonError> for DecodeError {
    fn from(error: JsonError) -> Self {
        Self::at(DecodeErrorKind::MalformedJson, error.pointer, error.reason)
    }
}
