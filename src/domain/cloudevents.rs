//! CloudEvents 1.0 over HTTP, and plain JSON: from a request to drafts, and from an event to text.
//!
//! | content type | mode |
//! | --- | --- |
//! | `application/cloudevents+json` | structured: one event in the body |
//! | `application/cloudevents-batch+json` | batch: an array of events, which may be empty |
//! | any, with `ce-*` headers | binary: attributes in headers, data in the body |
//! | `application/json`, no `ce-*` headers | plain: see below |
//!
//! Plain JSON is `{"type", "subject", "data", …}`, or an array of such objects as a batch. Of the
//! attributes only `type` must be there; extensions stand in an object `extensions`. An object
//! that has `specversion` is held to be a structured event that came under the wrong media type
//! and is read as one.
//!
//! The bytes of data are kept as they came. One bad event refuses its whole batch. Size limits of
//! the request itself are the server's business.

mod binary;
mod data;
mod encode;
mod error;
mod header_value;
mod plain;
mod structured;
#[cfg(test)]
mod tests;

use bytes::Bytes;
use http::{HeaderMap, header::CONTENT_TYPE};
use serde_json::value::RawValue;

use super::{draft::EventDraft, json, media_type::MediaType};

pub use encode::{attributes_json, to_structured_json};
pub use error::{DecodeClass, DecodeError, DecodeErrorKind};
pub use header_value::encode as encode_header_value;

/// What a header that carries an attribute begins with (HTTP binding, section 3.1.3.1).
pub const HEADER_PREFIX: &str = "ce-";

/// The media type of an event in structured mode (HTTP binding, section 3.2).
pub const STRUCTURED_MEDIA_TYPE: &str = "application/cloudevents+json";

/// The media type of a batch (HTTP binding, section 3.3).
pub const BATCH_MEDIA_TYPE: &str = "application/cloudevents-batch+json";

/// How large what comes in may be. Beyond a limit everything is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// The most bytes of one event: its JSON text or, in binary mode, its headers and its body.
    pub event_bytes: usize,
    /// The most events in a batch.
    pub batch_events: usize,
    /// The deepest nesting of data, whatever mode it comes in.
    pub depth: usize,
}

/// What [`Limits`] allow by default: 256 KiB an event.
pub const DEFAULT_EVENT_BYTES: usize = 256 * 1024;

/// What [`Limits`] allow by default: 1,000 events a batch.
pub const DEFAULT_BATCH_EVENTS: usize = 1_000;

impl Default for Limits {
    fn default() -> Self {
        Self {
            event_bytes: DEFAULT_EVENT_BYTES,
            batch_events: DEFAULT_BATCH_EVENTS,
            depth: json::MAX_DEPTH,
        }
    }
}

/// What a request held.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Decoded {
    /// The events, in the order of the request.
    pub drafts: Vec<EventDraft>,
    /// Whether the producer sent a batch and waits for a list of results.
    pub batch: bool,
}

/// Reads the events of a request.
///
/// # Errors
/// The first thing that is wrong, with its place; nothing of the request is to be kept then.
pub fn decode(headers: &HeaderMap, body: Bytes, limits: &Limits) -> Result<Decoded, DecodeError> {
    let media_type = content_type(headers)?;
    match media_type.as_ref().map(MediaType::essence) {
        Some(STRUCTURED_MEDIA_TYPE) => single(body, limits, structured::decode),
        Some(BATCH_MEDIA_TYPE) => batch(body, limits, structured::decode),
        Some(other) if other.starts_with("application/cloudevents") => {
            Err(DecodeError::unsupported_media_type(other))
        }
        _ if has_attributes(headers) => Ok(Decoded {
            drafts: vec![binary::decode(headers, media_type.as_ref(), body, limits)?],
            batch: false,
        }),
        Some("application/json") if begins_with_array(&body) => batch(body, limits, plain::decode),
        Some("application/json") => single(body, limits, plain::decode),
        other => Err(DecodeError::unsupported_media_type(other.unwrap_or("none"))),
    }
}

/// Reads one event from its JSON text, which has passed [`json::check`].
type DecodeOne = fn(&Bytes, &Limits) -> Result<EventDraft, DecodeError>;

fn single(body: Bytes, limits: &Limits, decode_one: DecodeOne) -> Result<Decoded, DecodeError> {
    check_size(body.len(), limits)?;
    // The object around data is a level that a producer in binary mode does not have.
    json::check(&body, limits.depth + 1)?;
    Ok(Decoded {
        drafts: vec![decode_one(&body, limits)?],
        batch: false,
    })
}

fn batch(body: Bytes, limits: &Limits, decode_one: DecodeOne) -> Result<Decoded, DecodeError> {
    json::check(&body, limits.depth + 2)?;
    let events: Vec<&RawValue> =
        serde_json::from_slice(&body).map_err(|_| DecodeError::not_an_array())?;
    if events.len() > limits.batch_events {
        return Err(DecodeError::batch_too_large(
            events.len(),
            limits.batch_events,
        ));
    }
    let decode_at = |(index, event): (usize, &&RawValue)| {
        decode_element(event, limits, decode_one).map_err(|error| error.under(&format!("/{index}")))
    };
    Ok(Decoded {
        drafts: events
            .iter()
            .enumerate()
            .map(decode_at)
            .collect::<Result<_, _>>()?,
        batch: true,
    })
}

fn decode_element(
    event: &RawValue,
    limits: &Limits,
    decode_one: DecodeOne,
) -> Result<EventDraft, DecodeError> {
    check_size(event.get().len(), limits)?;
    // A copy: a slice would hold the whole batch in memory for as long as one of its events waits.
    decode_one(&Bytes::copy_from_slice(event.get().as_bytes()), limits)
}

fn check_size(size: usize, limits: &Limits) -> Result<(), DecodeError> {
    if size > limits.event_bytes {
        return Err(DecodeError::event_too_large(size, limits.event_bytes));
    }
    Ok(())
}

fn content_type(headers: &HeaderMap) -> Result<Option<MediaType>, DecodeError> {
    let Some(value) = headers.get(CONTENT_TYPE) else {
        return Ok(None);
    };
    let text = String::from_utf8_lossy(value.as_bytes());
    let media_type =
        MediaType::parse(text.trim()).map_err(|error| DecodeError::bad_content_type(&error))?;
    if !media_type.is_utf8() && media_type.essence().starts_with("application/cloudevents") {
        return Err(DecodeError::bad_charset());
    }
    Ok(Some(media_type))
}

fn has_attributes(headers: &HeaderMap) -> bool {
    headers
        .keys()
        .any(|name| name.as_str().starts_with(HEADER_PREFIX))
}

fn begins_with_array(body: &[u8]) -> bool {
    body.trim_ascii_start().first() == Some(&b'[')
}
