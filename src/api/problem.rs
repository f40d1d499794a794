//! Errors as users see them: RFC 9457 `application/problem+json` with a stable code.
//!
//! What only the log may see (what a database said, say) is logged where it is turned into a
//! problem, and goes no further.

use std::time::Duration;

use axum::{
    Json,
    http::{HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::access::lacks;
use crate::{
    domain::{
        cloudevents::{DecodeClass, DecodeError},
        quota::{Exceeded, Quota},
    },
    engine::{AcceptError, Overload, TrialError},
    store::StoreError,
};

// The name is taken as a token, as `domain::names` explains.
macro_rules! codes {
    ($($(#[doc = $doc:literal])* $variant:ident = $name:tt, $status:ident;)*) => {
        /// Every error that the API answers with. The name is stable; `docs/api-errors.md` explains
        /// each.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
        pub enum Code {$(
            $(#[doc = $doc])*
            #[serde(rename = $name)]
            $variant,
        )*}

        impl Code {
            /// All of them.
            pub const ALL: &'static [Self] = &[$(Self::$variant),*];

            /// The stable name.
            pub const fn as_str(self) -> &'static str {
                match self {$(Self::$variant => $name,)*}
            }

            /// The HTTP status.
            pub const fn status(self) -> StatusCode {
                match self {$(Self::$variant => StatusCode::$status,)*}
            }

            /// What it means, in a sentence.
            pub const fn title(self) -> &'static str {
                match self {$(Self::$variant => concat!($($doc),*).trim_ascii(),)*}
            }
        }
    };
}

codes! {
    /// The request has no API key, or one that opens nothing.
    Unauthorized = "unauthorized", UNAUTHORIZED;
    /// The API key does not open this.
    Forbidden = "forbidden", FORBIDDEN;
    /// There is no such thing, or it belongs to another project.
    NotFound = "not_found", NOT_FOUND;
    /// The resource has no such method.
    MethodNotAllowed = "method_not_allowed", METHOD_NOT_ALLOWED;
    /// A part of the query string or of the path cannot be used.
    BadParameter = "bad_parameter", BAD_REQUEST;
    /// The body is not what it should be.
    BadBody = "bad_body", BAD_REQUEST;
    /// An event is not well-formed.
    BadEvent = "bad_event", BAD_REQUEST;
    /// The content type is not one that is read here.
    UnsupportedMediaType = "unsupported_media_type", UNSUPPORTED_MEDIA_TYPE;
    /// The body, or an event in it, is larger than what is taken.
    TooLarge = "too_large", PAYLOAD_TOO_LARGE;
    /// A value is not one that can be used.
    Invalid = "invalid", UNPROCESSABLE_ENTITY;
    /// The event breaks the schema of its type, which is enforced.
    SchemaViolation = "schema_violation", UNPROCESSABLE_ENTITY;
    /// The URL is one to which webhooks may not go.
    UrlRefused = "url_refused", UNPROCESSABLE_ENTITY;
    /// There is another event with this source and id.
    EventConflict = "event_conflict", CONFLICT;
    /// There is one of that name already.
    AlreadyExists = "already_exists", CONFLICT;
    /// The state that it is in does not allow this.
    WrongState = "wrong_state", CONFLICT;
    /// The thing is not of the version that `If-Match` names.
    PreconditionFailed = "precondition_failed", PRECONDITION_FAILED;
    /// Another request was carried out under this `Idempotency-Key`.
    IdempotencyKeyReused = "idempotency_key_reused", UNPROCESSABLE_ENTITY;
    /// The project has its share of what the gateway can do at a time: come back later.
    TooManyRequests = "too_many_requests", TOO_MANY_REQUESTS;
    /// The project sends more events in a second than it may: come back later.
    RateLimited = "rate_limited", TOO_MANY_REQUESTS;
    /// The project has as many pending deliveries as it may have: come back when some have ended.
    BacklogFull = "backlog_full", TOO_MANY_REQUESTS;
    /// The project stores as many bytes as it may.
    StorageFull = "storage_full", INSUFFICIENT_STORAGE;
    /// The project has as much of this as it may have.
    QuotaExceeded = "quota_exceeded", FORBIDDEN;
    /// The gateway has more than it can write: come back later.
    Overloaded = "overloaded", SERVICE_UNAVAILABLE;
    /// The store does not answer, or the gateway is stopping: come back later.
    Unavailable = "unavailable", SERVICE_UNAVAILABLE;
    /// The gateway failed; its log says why.
    Internal = "internal", INTERNAL_SERVER_ERROR;
}

/// How long a producer that is turned away is asked to stay away.
const RETRY_AFTER: Duration = Duration::from_secs(1);

/// The same where room is made by the end of deliveries, or by retention.
const RETRY_WHEN_FULL: Duration = Duration::from_secs(10);

/// An error as it is answered.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Problem {
    /// A URI that names the code: `urn:riposte:problem:` and the code.
    #[serde(rename = "type")]
    pub uri: String,
    /// The code's sentence.
    pub title: String,
    /// The HTTP status.
    pub status: u16,
    /// The stable name of the error.
    pub code: Code,
    /// What is wrong with this request.
    pub detail: String,
    /// The places in the body that are wrong.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub errors: Vec<Place>,
    /// How long to stay away, where that is known.
    #[serde(skip)]
    #[schema(ignore)]
    pub retry_after: Option<Duration>,
}

/// A place in the body, and what is wrong there.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Place {
    /// The JSON Pointer (RFC 6901) to the place; empty for the body as a whole. For events in
    /// binary mode the name of a header.
    pub pointer: String,
    /// What is wrong, and what would be right.
    pub detail: String,
    /// The stable name of what is wrong, where there is one: for a URL the rule that refuses it,
    /// for a listener's `on` and `when` the kind of mistake.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
}

/// What handlers give.
pub type ApiResult<T> = Result<T, Problem>;

impl Problem {
    /// An error with `code`; `detail` says what is wrong with this request.
    pub fn new(code: Code, detail: impl Into<String>) -> Self {
        Self {
            uri: format!("urn:riposte:problem:{}", code.as_str()),
            title: code.title().to_owned(),
            status: code.status().as_u16(),
            code,
            detail: detail.into(),
            errors: Vec::new(),
            retry_after: None,
        }
    }

    /// The same, at a place in the body.
    pub fn at(code: Code, pointer: impl Into<String>, detail: impl Into<String>) -> Self {
        let detail = detail.into();
        let place = Place {
            pointer: pointer.into(),
            detail: detail.clone(),
            reason: None,
        };
        Self {
            errors: vec![place],
            ..Self::new(code, detail)
        }
    }

    /// A value at `pointer` that cannot be used.
    pub fn invalid(pointer: impl Into<String>, detail: impl Into<String>) -> Self {
        Self::at(Code::Invalid, pointer, detail)
    }

    /// The same, with `reason` as the stable name of what is wrong at its places.
    #[must_use]
    pub fn because(mut self, reason: &str) -> Self {
        for place in &mut self.errors {
            place.reason = Some(reason.to_owned());
        }
        self
    }

    /// The same, where what was read stands at `pointer` of the body.
    #[must_use]
    pub fn below(mut self, pointer: &str) -> Self {
        for place in &mut self.errors {
            place.pointer.insert_str(0, pointer);
        }
        self
    }

    /// There is no such thing, or it belongs to another project: nobody can tell which.
    pub fn not_found(what: &str) -> Self {
        Self::new(Code::NotFound, format!("there is no such {what}"))
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let status = self.code.status();
        let mut response = (status, Json(&self)).into_response();
        let headers = response.headers_mut();
        headers.insert(
            header::CONTENT_TYPE,
            HeaderValue::from_static("application/problem+json"),
        );
        if matches!(status.as_u16(), 429 | 503 | 507) {
            let wait = self.retry_after.unwrap_or(RETRY_AFTER);
            let seconds = wait.as_millis().div_ceil(1_000).max(1);
            let seconds = u64::try_from(seconds).unwrap_or(u64::MAX);
            headers.insert(header::RETRY_AFTER, HeaderValue::from(seconds));
        }
        if self.code == Code::Unauthorized {
            headers.insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
        }
        response
    }
}

impl From<StoreError> for Problem {
    fn from(error: StoreError) -> Self {
        match &error {
            StoreError::NotFound(what) => Self::not_found(what),
            StoreError::Exists(_) => Self::new(Code::AlreadyExists, error.to_string()),
            StoreError::UnknownEndpoint(index) => Self::invalid(
                format!("/reactions/{index}/webhook/endpoint"),
                "the project has no such endpoint",
            ),
            StoreError::Full(..) => Self::new(Code::WrongState, error.to_string()),
            StoreError::TooManySecrets => Self::new(
                Code::WrongState,
                format!("{error}; wait until an old one ends, or let all end with a grace of 0s"),
            ),
            StoreError::PreconditionFailed => Self::new(
                Code::PreconditionFailed,
                "it has changed since you read it; read it again, and send the change with its new ETag",
            ),
            StoreError::KeyReused => Self::new(
                Code::IdempotencyKeyReused,
                "another request was carried out under this key; give each request a key of its own",
            ),
            StoreError::OverQuota(exceeded) => (*exceeded).into(),
            StoreError::BeyondScopes(scope) => lacks(*scope),
            StoreError::Unrotatable(_) | StoreError::SqliteOnly(_) => {
                Self::new(Code::WrongState, error.to_string())
            }
            StoreError::InDoubt(_) => {
                tracing::error!(%error, "nobody knows whether a step was taken");
                Self::new(
                    Code::Unavailable,
                    "the store did not say whether it was done; look, or repeat it with the same Idempotency-Key",
                )
            }
            error if error.is_transient() => {
                tracing::error!(%error, "the store is unavailable");
                Self::new(
                    Code::Unavailable,
                    "the store does not answer; come back later",
                )
            }
            error => {
                tracing::error!(%error, "a request failed");
                Self::new(Code::Internal, "the gateway failed; its log says why")
            }
        }
    }
}

impl From<AcceptError> for Problem {
    fn from(error: AcceptError) -> Self {
        match error {
            AcceptError::Overloaded(Overload::Project) => Self::new(
                Code::TooManyRequests,
                "the project has its share of the events that can wait to be written; come back later",
            ),
            AcceptError::Overloaded(Overload::Gateway) => Self::new(
                Code::Overloaded,
                "there are as many events waiting to be written as there can be; come back later",
            ),
            AcceptError::OverQuota(exceeded) => exceeded.into(),
            AcceptError::NoProject => Self::not_found("project"),
            AcceptError::Unavailable => Self::new(
                Code::Unavailable,
                "the events may not have been stored; send them again, with the same ids",
            ),
            AcceptError::KeyReused => StoreError::KeyReused.into(),
            AcceptError::Refused(error) => {
                tracing::error!(%error, "an event was refused by the store");
                Self::new(Code::Internal, "the gateway failed; its log says why")
            }
        }
    }
}

impl From<Exceeded> for Problem {
    fn from(exceeded: Exceeded) -> Self {
        let (code, retry_after) = match exceeded.quota {
            Quota::EventsPerSecond => (Code::RateLimited, exceeded.wait),
            Quota::PendingDeliveries => (Code::BacklogFull, Some(RETRY_WHEN_FULL)),
            Quota::StoredBytes => (Code::StorageFull, Some(RETRY_WHEN_FULL)),
            Quota::EventsBurst | Quota::Listeners | Quota::Endpoints => (Code::QuotaExceeded, None),
        };
        Self {
            retry_after,
            ..Self::new(code, exceeded.to_string())
        }
    }
}

impl From<TrialError> for Problem {
    fn from(error: TrialError) -> Self {
        match error {
            TrialError::Busy => Self::new(Code::TooManyRequests, error.to_string()),
            TrialError::Event(error) => error.into(),
        }
    }
}

impl From<DecodeError> for Problem {
    fn from(error: DecodeError) -> Self {
        let code = match error.kind.class() {
            DecodeClass::Malformed => Code::BadEvent,
            DecodeClass::TooLarge => Code::TooLarge,
            DecodeClass::UnsupportedMediaType => Code::UnsupportedMediaType,
        };
        Self::at(code, error.pointer.clone(), error.reason.clone())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_code_is_explained_with_its_status() {
        let catalogue = include_str!("../../docs/api-errors.md");
        for code in Code::ALL {
            let row = format!("| `{}` | {} | ", code.as_str(), code.status().as_u16());
            let rows = catalogue.lines().filter(|line| line.starts_with(&row));
            assert_eq!(
                rows.count(),
                1,
                "docs/api-errors.md has no row that begins {row}"
            );
        }
    }

    #[test]
    fn the_catalogue_has_no_code_that_the_api_does_not_know() {
        let catalogue = include_str!("../../docs/api-errors.md");
        for line in catalogue.lines() {
            let mut cells = line.split(" | ");
            let (Some(name), Some(status)) = (cells.next(), cells.next()) else {
                continue;
            };
            if status.parse::<u16>().is_ok() {
                let name = name.trim_matches(['|', ' ', '`']);
                assert!(Code::ALL.iter().any(|code| code.as_str() == name), "{name}");
            }
        }
    }
}
