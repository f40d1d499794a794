//! What a change is answered: kept with it as it is, so that each repeat gets the same.

use axum::{
    http::{HeaderName, HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};
use serde::{Deserialize, Serialize};

use super::{endpoints::NO_STORE, problem::Problem, tag::Tag, write::Ended};
use crate::api::problem::Code;

/// The header that marks the answer to a repeat.
pub const REPLAYED: HeaderName = HeaderName::from_static("idempotent-replayed");

/// A status, a document, and what goes along with them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Answer {
    status: u16,
    /// The document as JSON; none where there is nothing to say.
    body: Option<String>,
    /// Where the thing is that was made.
    location: Option<String>,
    /// Which version of the thing it tells of.
    version: Option<u64>,
    /// Whether it shows secrets, and is to stay out of caches.
    secret: bool,
    #[serde(skip)]
    replayed: bool,
}

impl Answer {
    /// `document`, with `status`.
    ///
    /// # Errors
    /// If it cannot be written as JSON.
    pub fn new(status: StatusCode, document: &impl Serialize) -> Result<Self, Ended> {
        let body = serde_json::to_string(document).map_err(|error| {
            tracing::error!(%error, "an answer cannot be written");
            Problem::new(Code::Internal, "the gateway failed; its log says why")
        })?;
        Ok(Self {
            body: Some(body),
            ..Self::empty(status)
        })
    }

    /// A thing was made that is at `path`: `document`.
    ///
    /// # Errors
    /// As [`Answer::new`].
    pub fn created(path: String, document: &impl Serialize) -> Result<Self, Ended> {
        Ok(Self {
            location: Some(path),
            ..Self::new(StatusCode::CREATED, document)?
        })
    }

    /// A thing is as `document` says.
    ///
    /// # Errors
    /// As [`Answer::new`].
    pub fn ok(document: &impl Serialize) -> Result<Self, Ended> {
        Self::new(StatusCode::OK, document)
    }

    /// A thing is gone.
    ///
    /// # Errors
    /// None.
    pub fn gone<T>(_: &T) -> Result<Self, Ended> {
        Ok(Self::empty(StatusCode::NO_CONTENT))
    }

    /// The same, telling of a thing of this version.
    #[must_use]
    pub fn of_version(self, version: u64) -> Self {
        Self {
            version: Some(version),
            ..self
        }
    }

    /// The same, kept out of caches (RFC 9111, section 5.2.2.5).
    #[must_use]
    pub fn with_secrets(self) -> Self {
        Self {
            secret: true,
            ..self
        }
    }

    /// The same, as the answer to a repeat.
    #[must_use]
    pub fn replayed(self) -> Self {
        Self {
            replayed: true,
            ..self
        }
    }

    fn empty(status: StatusCode) -> Self {
        Self {
            status: status.as_u16(),
            body: None,
            location: None,
            version: None,
            secret: false,
            replayed: false,
        }
    }
}

impl IntoResponse for Answer {
    fn into_response(self) -> Response {
        let status = StatusCode::from_u16(self.status).unwrap_or(StatusCode::OK);
        let mut response = (status, self.body.unwrap_or_default()).into_response();
        let headers = response.headers_mut();
        headers.remove(header::CONTENT_TYPE);
        if status != StatusCode::NO_CONTENT {
            let json = HeaderValue::from_static("application/json");
            headers.insert(header::CONTENT_TYPE, json);
        }
        let location = self.location.map(HeaderValue::try_from);
        if let Some(Ok(location)) = location {
            headers.insert(header::LOCATION, location);
        }
        if let Some(version) = self.version {
            headers.insert(header::ETAG, Tag(version).into());
        }
        if self.secret {
            headers.insert(NO_STORE.0, HeaderValue::from_static(NO_STORE.1));
        }
        if self.replayed {
            headers.insert(REPLAYED, HeaderValue::from_static("true"));
        }
        response
    }
}
