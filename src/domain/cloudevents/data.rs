//! What kind of data bytes are, by what their producer says of them.

use base64::{Engine as _, engine::general_purpose::STANDARD_PAD_INDIFFERENT};
use bytes::Bytes;
use serde_json::value::RawValue;

use crate::domain::{
    event::Data,
    json::{self, JsonError},
    media_type::MediaType,
};

use super::Limits;

/// The data that `bytes` are under `media_type`: JSON, which is checked; text, if it is valid
/// UTF-8; or just bytes.
///
/// # Errors
/// The media type says JSON, and the bytes are not.
pub fn declared(bytes: Bytes, media_type: &MediaType, limits: &Limits) -> Result<Data, JsonError> {
    if media_type.is_json() {
        json::check(&bytes, limits.depth)?;
        return Ok(Data::Json(bytes));
    }
    if media_type.is_text() && std::str::from_utf8(&bytes).is_ok() {
        return Ok(Data::Text(bytes));
    }
    Ok(Data::Binary(bytes))
}

/// The data of a body without a media type: JSON if it can be read as such, else bytes.
/// CloudEvents' SDKs send both without saying what it is.
///
/// # Errors
/// It begins like an object or an array and is no JSON: that it was meant to be is plain.
pub fn undeclared(bytes: Bytes, limits: &Limits) -> Result<Data, JsonError> {
    match json::check(&bytes, limits.depth) {
        Ok(()) => Ok(Data::Json(bytes)),
        Err(error) if matches!(bytes.trim_ascii_start().first(), Some(b'{' | b'[')) => Err(error),
        Err(_) => Ok(Data::Binary(bytes)),
    }
}

/// The data of a `data` member `raw`, whose bytes stand in `event`: under a media type other than
/// JSON a string is text (JSON format, section 3.1.2), and everything else is JSON.
pub fn member(raw: &RawValue, event: &Bytes, media_type: Option<&MediaType>) -> Data {
    let is_json = media_type.is_none_or(MediaType::is_json);
    let text = || serde_json::from_str::<String>(raw.get()).ok();
    match (is_json, text()) {
        (false, Some(text)) => Data::Text(Bytes::from(text)),
        _ => Data::Json(event.slice_ref(raw.get().as_bytes())),
    }
}

/// The bytes of a `data_base64` member; none if it is no base64.
pub fn base64_member(raw: &RawValue) -> Option<Bytes> {
    let text: String = serde_json::from_str(raw.get()).ok()?;
    Some(STANDARD_PAD_INDIFFERENT.decode(text).ok()?.into())
}
