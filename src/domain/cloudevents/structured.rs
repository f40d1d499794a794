//! Structured mode: the whole event is one JSON object (JSON format, section 3).

use bytes::Bytes;
use indexmap::IndexMap;
use serde_json::value::RawValue;

use crate::domain::{
    attributes::{AttributeReason, RESERVED_NAMES},
    draft::{DraftBuilder, EventDraft},
    event::{Data, ExtensionValue},
    media_type::MediaType,
};

use super::{
    Limits, data,
    error::{DecodeError, DecodeErrorKind},
};

/// What an event in this mode must have, in the order in which its lack is named.
const REQUIRED: [&str; 4] = ["specversion", "type", "source", "id"];

/// The members of a JSON object, each as the text that it is.
pub type Members<'e> = IndexMap<String, &'e RawValue>;

/// Reads the event whose checked JSON text is `event`.
pub fn decode(event: &Bytes, limits: &Limits) -> Result<EventDraft, DecodeError> {
    let mut members = members(event)?;
    let data = take_data(&mut members, event, limits)?;
    let mut builder = DraftBuilder::new();
    for (name, raw) in &members {
        take(&mut builder, name, raw, "")?;
    }
    if let Some(missing) = REQUIRED.iter().find(|name| !builder.has(name)) {
        return Err(DecodeError::member(&AttributeReason::Missing.of(missing)));
    }
    let draft = builder.finish(data);
    draft.map_err(|error| DecodeError::member(&error))
}

/// The members of the object that `event` is.
pub fn members(event: &[u8]) -> Result<Members<'_>, DecodeError> {
    serde_json::from_slice(event).map_err(|_| {
        DecodeError::at(
            DecodeErrorKind::MalformedEvent,
            "",
            "an event is a JSON object",
        )
    })
}

/// Gives `builder` the attribute `name`, which stands under the pointer `above`. `null` is the
/// same as nothing (JSON format, section 2.2).
pub fn take(
    builder: &mut DraftBuilder,
    name: &str,
    raw: &RawValue,
    above: &str,
) -> Result<(), DecodeError> {
    if raw.get() == "null" {
        return Ok(());
    }
    let value = serde_json::from_str::<ExtensionValue>(raw.get());
    let value = value.map_err(|_| not_an_attribute(name).of(name));
    let taken = value.and_then(|value| builder.attribute(name, value));
    taken.map_err(|error| DecodeError::member(&error).under(above))
}

/// Takes `data` or `data_base64` out of `members`.
pub fn take_data(
    members: &mut Members<'_>,
    event: &Bytes,
    limits: &Limits,
) -> Result<Data, DecodeError> {
    let in_base64 = members
        .shift_remove("data_base64")
        .filter(|raw| raw.get() != "null");
    let plain = members.shift_remove("data");
    let media_type = media_type(members);
    match (plain, in_base64) {
        (None, None) => Ok(Data::Absent),
        (Some(raw), None) => Ok(data::member(raw, event, media_type.as_ref())),
        (None, Some(raw)) => decode_base64(raw, media_type.as_ref(), limits),
        (Some(_), Some(_)) => Err(DecodeError::at(
            DecodeErrorKind::InvalidData,
            "/data_base64",
            "an event has data or data_base64, not both",
        )),
    }
}

fn decode_base64(
    raw: &RawValue,
    media_type: Option<&MediaType>,
    limits: &Limits,
) -> Result<Data, DecodeError> {
    let refused =
        |reason: String| DecodeError::at(DecodeErrorKind::InvalidData, "/data_base64", reason);
    let bytes = data::base64_member(raw)
        .ok_or_else(|| refused("this is a string in base64 (RFC 4648, section 4)".to_owned()))?;
    let Some(media_type) = media_type else {
        return Ok(Data::Binary(bytes));
    };
    data::declared(bytes, media_type, limits)
        .map_err(|error| refused(format!("datacontenttype says JSON, but {error}")))
}

/// What `datacontenttype` says; nothing where it cannot be read, which is refused later.
fn media_type(members: &Members<'_>) -> Option<MediaType> {
    let text: String = serde_json::from_str(members.get("datacontenttype")?.get()).ok()?;
    MediaType::parse(&text).ok()
}

fn not_an_attribute(name: &str) -> AttributeReason {
    if RESERVED_NAMES.contains(&name) {
        AttributeReason::NotText
    } else {
        AttributeReason::NotScalar
    }
}
