//! A webhook as the HTTP client takes it: exactly the headers that were given, in their order.

use std::sync::Arc;

use http::{HeaderMap, HeaderName, HeaderValue, Method, header::CONTENT_LENGTH};

use super::{
    departure::{Departing, MayLeave},
    trace::Trace,
};
use crate::domain::attempt::{ErrorKind, Failure, Request};

/// Headers that HTTP itself needs and that are made here or beneath: to give them would let a
/// request mean something else to a receiver than to us.
const FRAMING: [&str; 11] = [
    "connection",
    "content-length",
    "expect",
    "host",
    "keep-alive",
    "proxy-authorization",
    "proxy-connection",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
];

/// `request` as a POST, whose body asks at last whether it may leave.
///
/// # Errors
///
/// [`ErrorKind::Unsendable`] if a header is none, or is one that frames the message.
pub(super) fn outgoing(
    request: Request,
    may_leave: MayLeave,
    trace: Arc<Trace>,
) -> Result<reqwest::Request, Failure> {
    let mut outgoing = reqwest::Request::new(Method::POST, request.url);
    *outgoing.headers_mut() = headers(&request.headers)?;
    // Said here, because the client does not say it of an empty body.
    let length = request.body.len().into();
    outgoing.headers_mut().insert(CONTENT_LENGTH, length);
    let body = Departing::new(request.body, may_leave, trace);
    *outgoing.body_mut() = Some(reqwest::Body::wrap(body));
    Ok(outgoing)
}

fn headers(given: &[(String, String)]) -> Result<HeaderMap, Failure> {
    let mut headers = HeaderMap::with_capacity(given.len());
    for (name, value) in given {
        let header = HeaderName::try_from(name).map_err(|_| unsendable(name, "is no header"))?;
        if FRAMING.contains(&header.as_str()) {
            return Err(unsendable(name, "frames the message and cannot be set"));
        }
        let value = HeaderValue::try_from(value.as_bytes())
            .map_err(|_| unsendable(name, "has a value that no header can carry"))?;
        headers.append(header, value);
    }
    Ok(headers)
}

fn unsendable(name: &str, problem: &str) -> Failure {
    Failure::new(
        ErrorKind::Unsendable,
        format!("the header {name:?} {problem}"),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn problem(name: &str, value: &str) -> Option<ErrorKind> {
        let given = [(name.to_owned(), value.to_owned())];
        headers(&given).err().map(|failure| failure.kind)
    }

    #[test]
    fn headers_that_frame_the_message_or_are_none_make_it_unsendable() {
        for (name, value) in [
            ("content-length", "3"),
            ("Transfer-Encoding", "chunked"),
            ("host", "example.com"),
            ("a b", "c"),
            ("", "c"),
            ("a", "b\r\nc: d"),
            ("a", "\0"),
        ] {
            assert_eq!(
                problem(name, value),
                Some(ErrorKind::Unsendable),
                "{name:?}"
            );
        }
        assert_eq!(problem("x-name", "Zoë"), None);
    }
}
