//! `/v1/backup`: a consistent copy of everything.

use axum::{
    body::{Body, Bytes},
    extract::State,
    http::{HeaderName, HeaderValue, header},
    response::{IntoResponse as _, Response},
};
use base64::{Engine as _, prelude::BASE64_STANDARD};
use futures_util::stream::try_unfold;
use tokio::io::AsyncReadExt as _;
use utoipa_axum::{router::OpenApiRouter, routes};

use super::{
    access::needs_operator,
    auth::Operator,
    problem::{ApiResult, Code, Problem},
    refusals::WrongState,
    state::ApiState,
};
use crate::store::backup::Copy;

/// The header that says which file keeps the key of the secrets; it is left out where the key comes
/// from the configuration.
pub const KEY_FILE: HeaderName = HeaderName::from_static("riposte-secrets-key-file");

/// The header with the hash of the copy (RFC 9530).
pub const DIGEST: HeaderName = HeaderName::from_static("repr-digest");

/// How much of a copy is sent at a time, in bytes.
const CHUNK: usize = 256 << 10;

/// The routes of this file.
pub fn routes() -> OpenApiRouter<ApiState> {
    OpenApiRouter::new().routes(needs_operator(routes!(get)))
}

/// Get a copy of everything.
///
/// An SQLite database as it was at one moment, made while the gateway goes on. The secrets in it are
/// sealed: the key for them is not in it. One copy can be made at a time. It takes as much room beside
/// the database as that has, until it is read. `riposte backup` checks what it gets.
#[utoipa::path(get, path = "/v1/backup", tag = "operation",
    responses(
        (status = 200, description = "The copy.", content_type = "application/vnd.sqlite3",
         body = String,
         headers(
            ("repr-digest" = String, description = "Its hash: `sha-256=:…:` (RFC 9530)."),
            ("riposte-secrets-key-file" = Option<String>, description = "The file on the gateway's \
             machine that keeps the key of the secrets: back it up too, apart from this. Left out \
             where the key comes from the configuration."))),
        WrongState))]
async fn get(State(state): State<ApiState>, _: Operator) -> ApiResult<Response> {
    let copy = state.store.copy().await?.ok_or_else(|| {
        let detail = "another copy is being made or read: come back when that is done";
        Problem::new(Code::WrongState, detail)
    })?;
    let digest = format!("sha-256=:{}:", BASE64_STANDARD.encode(copy.sha256));
    let length = copy.bytes.to_string();
    let mut response = body(copy).into_response();
    let named = [
        (header::CONTENT_TYPE, "application/vnd.sqlite3"),
        (header::CACHE_CONTROL, "no-store"),
        (header::CONTENT_LENGTH, &length),
        (DIGEST, &digest),
    ];
    for (name, value) in named {
        response
            .headers_mut()
            .extend(value_of(value.as_bytes()).map(|value| (name, value)));
    }
    if let Some(file) = &state.settings.secrets_key_file {
        let file = value_of(file.as_os_str().as_encoded_bytes());
        response
            .headers_mut()
            .extend(file.map(|file| (KEY_FILE, file)));
    }
    Ok(response)
}

fn value_of(bytes: &[u8]) -> Option<HeaderValue> {
    HeaderValue::from_bytes(bytes).ok()
}

/// The bytes of a copy; it is let go when they are read, or nobody reads them any more.
fn body(copy: Copy) -> Body {
    let from = (tokio::fs::File::from_std(copy.file), copy.place);
    Body::from_stream(try_unfold(from, async |(mut file, place)| {
        let mut chunk = vec![0; CHUNK];
        let read = file.read(&mut chunk).await?;
        chunk.truncate(read);
        let next = (read > 0).then(|| (Bytes::from(chunk), (file, place)));
        Ok::<_, std::io::Error>(next)
    }))
}
