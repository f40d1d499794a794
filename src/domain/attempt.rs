//! Attempts: one HTTP request for a delivery, and what came of it.

use std::{net::SocketAddr, time::Duration};

use bytes::Bytes;
use url::Url;

use super::{
    ids::{AttemptId, DeliveryId, EndpointId, ProjectId},
    names::named,
    time::Timestamp,
};

/// The most bytes of a response's body that are kept.
pub const MAX_CAPTURED_BODY: usize = 16 * 1024;

/// A request as it leaves: nothing is added to it but what HTTP itself needs
/// (`host`, `content-length`).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Request {
    /// Whose request it is: the project decides which addresses are open to it.
    pub project: ProjectId,
    /// Where it goes.
    pub url: Url,
    /// The headers in the order in which they are sent, names in lower case.
    pub headers: Vec<(String, String)>,
    /// The body, as signed.
    pub body: Bytes,
    /// How long all of it may take, from the look-up of the name to the last byte of the answer.
    pub timeout: Duration,
    /// How long its connection may take to be made: look-up, TCP and TLS together; none where the
    /// gateway's own limit serves.
    pub connect_timeout: Option<Duration>,
}

/// What a receiver answered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Response {
    /// The HTTP status.
    pub status: u16,
    /// The headers in the order in which they came, names in lower case; bytes that are not
    /// UTF-8 are replaced.
    pub headers: Vec<(String, String)>,
    /// The body, at most [`MAX_CAPTURED_BODY`] of it.
    pub body: Bytes,
    /// Whether the body was longer than what is kept.
    pub truncated: bool,
    /// Why the body broke off, if it did; the status counts all the same.
    pub broke_off: Option<Failure>,
}

/// One request and what came of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Exchange {
    /// The address that was reached, where one was.
    pub address: Option<SocketAddr>,
    /// How long it took.
    pub duration: Duration,
    /// The answer, or why there is none.
    pub result: Result<Response, Failure>,
}

/// Why a request has no answer.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{kind}: {message}")]
pub struct Failure {
    /// Its kind, one of a closed list.
    pub kind: ErrorKind,
    /// What happened, for a reader.
    pub message: String,
}

impl Failure {
    /// A failure of `kind` that `message` describes.
    pub fn new(kind: ErrorKind, message: impl Into<String>) -> Self {
        Self {
            kind,
            message: message.into(),
        }
    }
}

named! {
    /// Every way in which an attempt can fail.
    pub enum ErrorKind {
        /// The name of the endpoint's host does not exist.
        DnsNotFound = "dns_not_found",
        /// The name of the endpoint's host could not be looked up.
        DnsFailed = "dns_failed",
        /// The address is one that webhooks may not go to.
        AddressRefused = "address_refused",
        /// Nothing listens at the address and port.
        ConnectRefused = "connect_refused",
        /// The connection could not be made in time.
        ConnectTimeout = "connect_timeout",
        /// The connection could not be made: the host or its network cannot be reached.
        ConnectFailed = "connect_failed",
        /// The receiver's certificate has expired, or is not valid yet.
        TlsExpired = "tls_expired",
        /// The receiver's certificate is for another name.
        TlsName = "tls_name",
        /// The receiver's certificate is not signed by an authority that is trusted.
        TlsUntrusted = "tls_untrusted",
        /// The TLS handshake failed.
        TlsFailed = "tls_failed",
        /// The receiver closed the connection before it answered.
        SendReset = "send_reset",
        /// The receiver did not send the head of its answer in time.
        HeadersTimeout = "headers_timeout",
        /// The receiver did not send the body of its answer in time.
        BodyTimeout = "body_timeout",
        /// The head of the answer is larger than what is read.
        HeadersTooLarge = "headers_too_large",
        /// What came back is not HTTP.
        Protocol = "protocol",
        /// The answer points elsewhere (3xx); redirects are not followed.
        Redirect = "redirect",
        /// The receiver refused the webhook (4xx).
        Status4xx = "status_4xx",
        /// The receiver failed (5xx).
        Status5xx = "status_5xx",
        /// The answer has a status that means neither success nor failure (1xx).
        StatusOther = "status_other",
        /// The webhook could not be made: its secret, URL or headers cannot be used.
        Unsendable = "unsendable",
    }
}

named! {
    /// How an attempt ended.
    pub enum AttemptOutcome {
        /// The receiver took the webhook (2xx).
        Succeeded = "succeeded",
        /// It did not.
        Failed = "failed",
    }
}

impl Exchange {
    /// Whether the receiver took the webhook (2xx).
    pub fn is_success(&self) -> bool {
        matches!(&self.result, Ok(response) if (200..300).contains(&response.status))
    }

    /// Why the attempt failed; none if it did not.
    pub fn failure(&self) -> Option<Failure> {
        match &self.result {
            Err(failure) => Some(failure.clone()),
            Ok(response) => response.failure(),
        }
    }
}

impl Response {
    /// The value of the first header called `name` (lower case).
    pub fn header(&self, name: &str) -> Option<&str> {
        let found = self.headers.iter().find(|(header, _)| header == name)?;
        Some(&found.1)
    }

    fn failure(&self) -> Option<Failure> {
        let status = self.status;
        let (kind, message) = match status {
            200..300 => return None,
            300..400 => (
                ErrorKind::Redirect,
                match self.header("location") {
                    Some(to) => {
                        format!("answered {status} and points to {to}; redirects are not followed")
                    }
                    None => format!("answered {status}; redirects are not followed"),
                },
            ),
            400..500 => (ErrorKind::Status4xx, format!("answered {status}")),
            500..600 => (ErrorKind::Status5xx, format!("answered {status}")),
            _ => (ErrorKind::StatusOther, format!("answered {status}")),
        };
        Some(Failure::new(kind, message))
    }
}

/// An attempt as it is stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Attempt {
    /// Its name.
    pub id: AttemptId,
    /// The delivery that it was for.
    pub delivery: DeliveryId,
    /// Whom it belongs to.
    pub project: ProjectId,
    /// The endpoint that it went to.
    pub endpoint: EndpointId,
    /// Which attempt of its delivery it was: the first one is 1.
    pub number: u32,
    /// When it began.
    pub started_at: Timestamp,
    /// The URL that was asked.
    pub url: String,
    /// The headers that were sent.
    pub request_headers: Vec<(String, String)>,
    /// What came of it.
    pub exchange: Exchange,
}

impl Attempt {
    /// Forgets what was captured: headers and bodies. What came of it remains.
    pub fn wipe(&mut self) {
        self.request_headers.clear();
        if let Ok(response) = &mut self.exchange.result {
            response.headers.clear();
            response.body = Bytes::new();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn kinds_are_found_by_their_names_and_explained() {
        for kind in ErrorKind::ALL {
            assert_eq!(kind.as_str().parse::<ErrorKind>().ok(), Some(*kind));
            assert!(kind.explanation().ends_with('.'), "{kind}");
        }
        assert!("nonsense".parse::<ErrorKind>().is_err());
    }

    #[test]
    fn every_kind_is_explained_in_the_documentation() {
        let page = include_str!("../../docs/errors.md");
        for kind in ErrorKind::ALL {
            let row = format!("| `{kind}` | ");
            let rows = page.lines().filter(|line| line.starts_with(&row));
            assert_eq!(
                rows.count(),
                1,
                "docs/errors.md has no row that begins {row}"
            );
        }
    }
}
