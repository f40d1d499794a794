//! What handlers take out of requests, with errors that name the place.

use axum::{
    extract::{FromRequest, FromRequestParts, Path, Query, Request, rejection::BytesRejection},
    http::request::Parts,
};
use bytes::Bytes;
use serde::de::DeserializeOwned;
use serde_path_to_error::Segment;

use super::{
    problem::{ApiResult, Code, Problem},
    state::ApiState,
};
use crate::domain::json;

/// A JSON object as the body, strictly read: no key twice, no field that is not known.
#[derive(Debug)]
pub struct Body<T>(pub T);

impl<T: DeserializeOwned> FromRequest<ApiState> for Body<T> {
    type Rejection = Problem;

    async fn from_request(request: Request, state: &ApiState) -> ApiResult<Self> {
        let RawBody(bytes) = RawBody::from_request(request, state).await?;
        read(&bytes).map(Self)
    }
}

/// The bytes of a body, up to the limit.
#[derive(Debug)]
pub struct RawBody(pub Bytes);

impl FromRequest<ApiState> for RawBody {
    type Rejection = Problem;

    async fn from_request(request: Request, state: &ApiState) -> ApiResult<Self> {
        let limit = state.settings.request_bytes;
        match Bytes::from_request(request, state).await {
            Ok(bytes) => Ok(Self(bytes)),
            Err(BytesRejection::FailedToBufferBody(error)) if error.status() == 413 => {
                Err(Problem::new(
                    Code::TooLarge,
                    format!("the body has more than {limit} bytes"),
                ))
            }
            Err(error) => Err(Problem::new(Code::BadBody, error.body_text())),
        }
    }
}

/// Reads `bytes` as a JSON object, strictly.
///
/// # Errors
/// The first place that is not well-formed, or not what `T` has there.
pub fn read<T: DeserializeOwned>(bytes: &[u8]) -> ApiResult<T> {
    json::check(bytes, json::MAX_DEPTH)
        .map_err(|error| Problem::at(Code::BadBody, error.pointer, error.reason))?;
    // Of a list serde would take the values as fields in their order.
    if !bytes.trim_ascii_start().starts_with(b"{") {
        return Err(Problem::invalid("", "this must be a JSON object"));
    }
    let mut reader = serde_json::Deserializer::from_slice(bytes);
    serde_path_to_error::deserialize(&mut reader).map_err(|error| {
        let pointer = pointer(error.path());
        Problem::invalid(pointer, without_position(&error.into_inner().to_string()))
    })
}

/// Reads `bytes` as [`read`] does; of a body that is empty, what is there by default.
///
/// # Errors
/// The first place that is not well-formed, or not what `T` has there.
pub fn read_or_default<T: DeserializeOwned + Default>(bytes: &[u8]) -> ApiResult<T> {
    match bytes.trim_ascii() {
        [] => Ok(T::default()),
        bytes => read(bytes),
    }
}

/// The JSON Pointer of a place.
fn pointer(path: &serde_path_to_error::Path) -> String {
    path.iter().fold(String::new(), |pointer, segment| {
        let token = match segment {
            Segment::Seq { index } => index.to_string(),
            Segment::Map { key } => json::escape_pointer(key),
            Segment::Enum { variant } => json::escape_pointer(variant),
            Segment::Unknown => return pointer,
        };
        pointer + "/" + &token
    })
}

/// serde_json ends its messages with a line and column; the pointer says it better.
fn without_position(message: &str) -> &str {
    message
        .rsplit_once(" at line ")
        .map_or(message, |(message, _)| message)
}

/// The id in the path. A text that is no id of this kind names nothing.
#[derive(Debug)]
pub struct Id<T>(pub T);

impl<T: std::str::FromStr + Send> FromRequestParts<ApiState> for Id<T> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &ApiState) -> ApiResult<Self> {
        // Whoever has no key learns nothing of what there is.
        super::auth::Caller::from_request_parts(parts, state).await?;
        let absent = || Problem::not_found("resource");
        let Path(text) = Path::<String>::from_request_parts(parts, state)
            .await
            .map_err(|_| absent())?;
        text.parse().map(Self).map_err(|_| absent())
    }
}

/// The query string.
#[derive(Debug)]
pub struct Parameters<T>(pub T);

impl<T: DeserializeOwned> FromRequestParts<ApiState> for Parameters<T> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &ApiState) -> ApiResult<Self> {
        match Query::from_request_parts(parts, state).await {
            Ok(Query(parameters)) => Ok(Self(parameters)),
            Err(error) => Err(Problem::new(Code::BadParameter, error.body_text())),
        }
    }
}
