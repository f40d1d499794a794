//! Binary mode: attributes in `ce-*` headers, the data is the body (HTTP binding, section 3.1).

use bytes::Bytes;
use http::{
    HeaderMap, HeaderValue,
    header::{CONTENT_TYPE, HeaderName},
};

use crate::domain::{
    attributes::{AttributeError, AttributeReason},
    draft::{DraftBuilder, EventDraft},
    event::{Data, ExtensionValue},
    json::JsonError,
    media_type::MediaType,
};

use super::{
    HEADER_PREFIX, Limits, check_size,
    data::{declared, undeclared},
    error::{DecodeError, DecodeErrorKind},
    header_value,
};

/// What an event in a header must have, in the order in which its lack is named.
const REQUIRED: [&str; 4] = ["specversion", "type", "source", "id"];

/// Reads the event of a request that has `ce-*` headers.
pub fn decode(
    headers: &HeaderMap,
    media_type: Option<&MediaType>,
    body: Bytes,
    limits: &Limits,
) -> Result<EventDraft, DecodeError> {
    check_size(size_of(headers, &body), limits)?;
    let mut builder = DraftBuilder::new();
    for (name, value) in attributes(headers) {
        take(&mut builder, name, value)?;
    }
    if let Some(missing) = REQUIRED.iter().find(|name| !builder.has(name)) {
        return Err(DecodeError::header(&AttributeReason::Missing.of(missing)));
    }
    take_content_type(&mut builder, headers)?;
    let data = decode_data(body, media_type, limits).map_err(bad_data)?;
    let draft = builder.finish(data);
    draft.map_err(|error| DecodeError::header(&error))
}

fn attributes(headers: &HeaderMap) -> impl Iterator<Item = (&str, &HeaderValue)> {
    let attribute = |(name, value)| Some((attribute_name(name)?, value));
    headers.iter().filter_map(attribute)
}

fn attribute_name(header: &HeaderName) -> Option<&str> {
    header.as_str().strip_prefix(HEADER_PREFIX)
}

fn take(builder: &mut DraftBuilder, name: &str, value: &HeaderValue) -> Result<(), DecodeError> {
    if name == "datacontenttype" {
        return Err(DecodeError::at(
            DecodeErrorKind::InvalidAttribute,
            "ce-datacontenttype",
            "in binary mode the media type of the data stands in content-type",
        ));
    }
    let text = header_value::decode(value.as_bytes()).ok_or_else(|| {
        DecodeError::at(
            DecodeErrorKind::InvalidAttribute,
            format!("{HEADER_PREFIX}{name}"),
            "what is percent-encoded here is not UTF-8",
        )
    })?;
    let taken = builder.attribute(name, ExtensionValue::String(text));
    taken.map_err(|error| DecodeError::header(&error))
}

/// Takes `content-type` as it was sent for the attribute `datacontenttype`.
fn take_content_type(builder: &mut DraftBuilder, headers: &HeaderMap) -> Result<(), DecodeError> {
    let Some(value) = headers.get(CONTENT_TYPE) else {
        return Ok(());
    };
    let text = String::from_utf8_lossy(value.as_bytes()).trim().to_owned();
    let taken = builder.attribute("datacontenttype", ExtensionValue::String(text));
    taken.map_err(|AttributeError { reason, .. }| {
        DecodeError::at(DecodeErrorKind::InvalidAttribute, "content-type", reason)
    })
}

fn decode_data(
    body: Bytes,
    media_type: Option<&MediaType>,
    limits: &Limits,
) -> Result<Data, JsonError> {
    match media_type {
        _ if body.is_empty() => Ok(Data::Absent),
        Some(media_type) => declared(body, media_type, limits),
        None => undeclared(body, limits),
    }
}

fn bad_data(error: JsonError) -> DecodeError {
    let is_no_json = error.pointer.is_empty();
    let mut refused = DecodeError::from(error);
    if is_no_json {
        refused.reason += "; data that is not JSON needs a content-type that says what it is";
    }
    refused
}

fn size_of(headers: &HeaderMap, body: &[u8]) -> usize {
    let header = |(name, value): (&str, &HeaderValue)| name.len() + value.len();
    body.len() + attributes(headers).map(header).sum::<usize>()
}
