//! Attempts as the API shows them: the request as it was sent, and what came back.
//!
//! The body of a request is not stored: the event gives it again, byte for byte.

use base64::{Engine as _, prelude::BASE64_STANDARD};
use serde::Serialize;
use utoipa::ToSchema;

use crate::{
    domain::{
        attempt::{Attempt, ErrorKind, Failure, Response},
        event::Event,
        ids::AttemptId,
        time::Timestamp,
        webhook::{Format, HIDDEN, is_sensitive, render},
    },
    store::attempts::AttemptRecord,
};

/// The most bytes of request bodies that one delivery shows. The last attempts show theirs first,
/// the very last in any case.
const MAX_REQUEST_BODIES: usize = 4 * 1024 * 1024;

/// What Riposte's own headers begin with: their values are no secrets of the endpoint.
const OWN_PREFIXES: [&str; 2] = ["webhook-", "ce-"];

/// One request and what came of it.
#[derive(Debug, Serialize, ToSchema)]
pub struct AttemptView {
    /// Its name.
    #[schema(value_type = String, example = "att_01h455vb4pex5vsknk084sn02q")]
    pub id: AttemptId,
    /// Which attempt of its delivery it was: the first one is 1.
    pub number: u32,
    /// When it began.
    #[schema(value_type = String, format = DateTime)]
    pub started_at: Timestamp,
    /// How long it took, in milliseconds.
    pub duration_ms: u64,
    /// What was sent.
    pub request: RequestView,
    /// What came back; null if nothing did.
    pub response: Option<ResponseView>,
    /// Why it failed; null if it did not.
    pub error: Option<ErrorView>,
}

/// A request as it was sent.
#[derive(Debug, Serialize, ToSchema)]
pub struct RequestView {
    /// Always `POST`.
    #[schema(example = "POST")]
    pub method: &'static str,
    /// The URL.
    #[schema(example = "https://ci.example.com/hooks")]
    pub url: String,
    /// The address that the host's name led to; null if none was reached.
    #[schema(example = "203.0.113.7:443")]
    pub address: Option<String>,
    /// The format that the endpoint had.
    pub format: Format,
    /// The headers in their order; `[hidden]` stands for values that may be secret.
    pub headers: Vec<HeaderView>,
    /// The body, byte for byte as it was signed and sent. Null if the event is not kept any more
    /// or was erased, and for early ones of very many attempts with large bodies.
    pub body: Option<BodyView>,
}

/// A response as it came.
#[derive(Debug, Serialize, ToSchema)]
pub struct ResponseView {
    /// The HTTP status.
    #[schema(example = 503)]
    pub status: u16,
    /// The headers in their order.
    pub headers: Vec<HeaderView>,
    /// The body, at most 16 KiB of it.
    pub body: BodyView,
    /// Whether the body was longer than what is kept.
    pub truncated: bool,
    /// Why the body broke off; null if it did not. The status counts all the same.
    pub broke_off: Option<ErrorView>,
}

/// A header.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct HeaderView {
    /// Its name in lower case.
    #[schema(example = "webhook-id")]
    pub name: String,
    /// Its value.
    #[schema(example = "dlv_01h455vb4pex5vsknk084sn02q")]
    pub value: String,
}

/// A body.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct BodyView {
    /// How `content` gives the bytes.
    pub encoding: BodyEncoding,
    /// The bytes.
    #[schema(example = r#"{"id":"7","type":"site.deploy.succeeded"}"#)]
    pub content: String,
}

/// How a text gives bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum BodyEncoding {
    /// They are UTF-8 and stand there as they are.
    Text,
    /// They are no UTF-8: the text is their base64 (RFC 4648, section 4).
    Base64,
}

/// Why something failed.
#[derive(Debug, Serialize, ToSchema)]
pub struct ErrorView {
    /// Its kind: `docs/errors.md` explains each.
    pub kind: ErrorKind,
    /// What happened.
    #[schema(example = "answered 503")]
    pub message: String,
    /// What the kind means.
    #[schema(example = "The receiver failed (5xx).")]
    pub explanation: &'static str,
}

/// The views of the attempts of a delivery, in their order. Without its `event` the bodies of the
/// requests are not known any more.
pub fn views(attempts: Vec<AttemptRecord>, event: Option<&Event>) -> Vec<AttemptView> {
    let mut bodies = Bodies {
        event,
        rendered: Vec::new(),
        left: MAX_REQUEST_BODIES,
    };
    let mut views: Vec<_> = attempts
        .into_iter()
        .rev()
        .enumerate()
        .map(|(back, record)| {
            let body = bodies.take(record.format, back == 0);
            AttemptView::of(record, body)
        })
        .collect();
    views.reverse();
    views
}

/// The view of one attempt, with its body if its `event` is still kept.
pub fn view(attempt: AttemptRecord, event: Option<&Event>) -> AttemptView {
    let body = event.map(|event| BodyView::of(&render(event, attempt.format).body));
    AttemptView::of(attempt, body)
}

/// The bodies that an event becomes, as long as they may be shown.
struct Bodies<'a> {
    event: Option<&'a Event>,
    rendered: Vec<(Format, BodyView)>,
    left: usize,
}

impl Bodies<'_> {
    /// The body in `format`; none if there is no room for it. A body that `must` be shown has room.
    fn take(&mut self, format: Format, must: bool) -> Option<BodyView> {
        let body = self.render(format)?;
        let bytes = body.content.len();
        if bytes > self.left && !must {
            return None;
        }
        self.left = self.left.saturating_sub(bytes);
        Some(body)
    }

    fn render(&mut self, format: Format) -> Option<BodyView> {
        let known = self.rendered.iter().find(|(known, _)| *known == format);
        if let Some((_, body)) = known {
            return Some(body.clone());
        }
        let body = BodyView::of(&render(self.event?, format).body);
        self.rendered.push((format, body.clone()));
        Some(body)
    }
}

impl AttemptView {
    fn of(AttemptRecord { attempt, format }: AttemptRecord, body: Option<BodyView>) -> Self {
        let Attempt {
            url,
            request_headers,
            exchange,
            ..
        } = attempt;
        Self {
            id: attempt.id,
            number: attempt.number,
            started_at: attempt.started_at,
            duration_ms: u64::try_from(exchange.duration.as_millis()).unwrap_or(u64::MAX),
            error: exchange.failure().map(ErrorView::of),
            request: RequestView {
                method: "POST",
                url,
                address: exchange.address.map(|address| address.to_string()),
                format,
                headers: request_headers.into_iter().map(sent_header).collect(),
                body,
            },
            response: exchange.result.ok().map(ResponseView::of),
        }
    }
}

impl ResponseView {
    fn of(response: Response) -> Self {
        let headers = response.headers.into_iter();
        Self {
            status: response.status,
            headers: headers
                .map(|(name, value)| HeaderView { name, value })
                .collect(),
            body: BodyView::of(&response.body),
            truncated: response.truncated,
            broke_off: response.broke_off.map(ErrorView::of),
        }
    }
}

impl BodyView {
    /// The view of `bytes`.
    pub fn of(bytes: &[u8]) -> Self {
        match std::str::from_utf8(bytes) {
            Ok(text) => Self {
                encoding: BodyEncoding::Text,
                content: text.to_owned(),
            },
            Err(_) => Self {
                encoding: BodyEncoding::Base64,
                content: BASE64_STANDARD.encode(bytes),
            },
        }
    }
}

impl ErrorView {
    /// The view of `failure`.
    pub fn of(failure: Failure) -> Self {
        Self {
            kind: failure.kind,
            message: failure.message,
            explanation: failure.kind.explanation(),
        }
    }
}

/// A header that was sent, as a reader may see it.
fn sent_header((name, value): (String, String)) -> HeaderView {
    let is_own = OWN_PREFIXES.iter().any(|prefix| name.starts_with(prefix));
    let value = match is_sensitive(&name) && !is_own {
        true => HIDDEN.to_owned(),
        false => value,
    };
    HeaderView { name, value }
}

#[cfg(test)]
mod tests;
