//! Plain JSON: an event for whoever has no CloudEvents library at hand.

use bytes::Bytes;

use crate::domain::{
    attributes::{AttributeReason, RESERVED_NAMES},
    draft::{DraftBuilder, EventDraft},
    json,
};

use super::{
    Limits,
    error::{DecodeError, DecodeErrorKind},
    structured::{self, members, take, take_data},
};

/// Everything that an event in plain JSON may have besides `data` and `data_base64`.
const ATTRIBUTES: [&str; 7] = [
    "type",
    "subject",
    "id",
    "source",
    "time",
    "datacontenttype",
    "dataschema",
];

/// Reads the event whose checked JSON text is `event`.
pub fn decode(event: &Bytes, limits: &Limits) -> Result<EventDraft, DecodeError> {
    let mut members = members(event)?;
    if members.contains_key("specversion") {
        return structured::decode(event, limits);
    }
    let data = take_data(&mut members, event, limits)?;
    let mut builder = DraftBuilder::new();
    if let Some(extensions) = members.shift_remove("extensions") {
        take_extensions(&mut builder, extensions.get())?;
    }
    for (name, raw) in &members {
        if !ATTRIBUTES.contains(&name.as_str()) {
            return Err(unknown(name));
        }
        take(&mut builder, name, raw, "")?;
    }
    let draft = builder.finish(data);
    draft.map_err(|error| DecodeError::member(&error))
}

fn take_extensions(builder: &mut DraftBuilder, text: &str) -> Result<(), DecodeError> {
    if text == "null" {
        return Ok(());
    }
    let extensions = members(text.as_bytes()).map_err(|_| {
        DecodeError::at(
            DecodeErrorKind::MalformedEvent,
            "/extensions",
            "extensions are an object of names and values",
        )
    })?;
    for (name, raw) in &extensions {
        if RESERVED_NAMES.contains(&name.as_str()) {
            let refused = AttributeReason::ReservedName.of(name);
            return Err(DecodeError::member(&refused).under("/extensions"));
        }
        take(builder, name, raw, "/extensions")?;
    }
    Ok(())
}

fn unknown(name: &str) -> DecodeError {
    DecodeError::at(
        DecodeErrorKind::MalformedEvent,
        format!("/{}", json::escape_pointer(name)),
        format!(
            "an event in plain JSON has no such member; it has {}, extensions, and data or \
             data_base64",
            ATTRIBUTES.join(", ")
        ),
    )
}
