//! Every way in which sending can fail, as one [`ErrorKind`] with a sentence for a reader. The
//! libraries beneath wrap each other's errors; this looks through them for the one that knows.
//!
//! Nothing here shows the URL: it may carry a secret.

use std::{error::Error, io};

use rustls::CertificateError as Bad;

use super::trace::{Phase, Trace};
use crate::domain::attempt::{ErrorKind, Failure};

/// Why there is no answer.
pub(super) fn classify(error: &reqwest::Error, trace: &Trace) -> Failure {
    if error.is_builder() {
        let message = "the URL or a header cannot be put into an HTTP request";
        return Failure::new(ErrorKind::Unsendable, message);
    }
    let known = find::<Failure>(error)
        .cloned()
        .or_else(|| find(error).map(tls))
        .or_else(|| find(error).map(http2))
        .or_else(|| find(error).map(|error| system(error, trace.phase())))
        .or_else(|| find(error).and_then(http1));
    known.unwrap_or_else(|| match (error.is_timeout(), error.is_connect()) {
        (true, _) => overdue(trace.phase()),
        (_, true) => Failure::new(ErrorKind::ConnectFailed, deepest(error)),
        _ => Failure::new(ErrorKind::Protocol, deepest(error)),
    })
}

/// What was waited for when a time limit passed before the head of the answer came.
pub(super) fn overdue(phase: Phase) -> Failure {
    match phase {
        Phase::Resolving => Failure::new(
            ErrorKind::DnsFailed,
            "the name servers did not answer in time",
        ),
        Phase::Connecting => Failure::new(
            ErrorKind::ConnectTimeout,
            "the connection (TCP, and TLS for https) was not made in time",
        ),
        Phase::Exchanging => Failure::new(
            ErrorKind::HeadersTimeout,
            "the receiver did not send the head of an answer in time",
        ),
    }
}

/// The innermost error of type `E` among `error` and its causes: the outer ones only wrap it.
pub(super) fn find<'a, E: Error + 'static>(error: &'a (dyn Error + 'static)) -> Option<&'a E> {
    causes(error).filter_map(<dyn Error>::downcast_ref).last()
}

fn causes<'a>(error: &'a (dyn Error + 'static)) -> impl Iterator<Item = &'a (dyn Error + 'static)> {
    std::iter::successors(Some(error), |error| cause(*error))
}

/// The cause of `error`. An `io::Error` does not name what it carries as its source.
fn cause<'a>(error: &'a (dyn Error + 'static)) -> Option<&'a (dyn Error + 'static)> {
    match error
        .downcast_ref::<io::Error>()
        .and_then(io::Error::get_ref)
    {
        Some(carried) => Some(carried),
        None => error.source(),
    }
}

/// What the innermost error says. The outermost one, reqwest's, would show the URL.
fn deepest(error: &(dyn Error + 'static)) -> String {
    causes(error)
        .filter(|error| !error.is::<reqwest::Error>())
        .last()
        .map_or_else(|| "the request failed".to_owned(), ToString::to_string)
}

fn tls(error: &rustls::Error) -> Failure {
    let rustls::Error::InvalidCertificate(certificate) = error else {
        return Failure::new(
            ErrorKind::TlsFailed,
            format!("the TLS handshake failed: {error}"),
        );
    };
    let kind = match certificate {
        Bad::Expired
        | Bad::ExpiredContext { .. }
        | Bad::NotValidYet
        | Bad::NotValidYetContext { .. } => ErrorKind::TlsExpired,
        Bad::NotValidForName | Bad::NotValidForNameContext { .. } => ErrorKind::TlsName,
        _ => ErrorKind::TlsUntrusted,
    };
    Failure::new(
        kind,
        format!("the receiver's certificate was refused: {certificate}"),
    )
}

fn http2(error: &h2::Error) -> Failure {
    if error.is_io() || error.is_remote() {
        return reset(format!(
            "the receiver ended the exchange over HTTP/2: {error}"
        ));
    }
    Failure::new(
        ErrorKind::Protocol,
        format!("what came back breaks HTTP/2, or its head is far too large: {error}"),
    )
}

fn http1(error: &hyper::Error) -> Option<Failure> {
    if error.is_parse_too_large() {
        Some(head_too_large())
    } else if error.is_parse() {
        let message = format!("what came back is not HTTP: {}", deepest(error));
        Some(Failure::new(ErrorKind::Protocol, message))
    } else if error.is_incomplete_message() || error.is_closed() || error.is_canceled() {
        Some(reset(
            "the receiver closed the connection before it answered in full",
        ))
    } else {
        None
    }
}

/// The head of the answer is beyond what is read.
pub(super) fn head_too_large() -> Failure {
    Failure::new(
        ErrorKind::HeadersTooLarge,
        "the head of the answer is larger than 64 KiB or 100 lines",
    )
}

fn system(error: &io::Error, phase: Phase) -> Failure {
    use io::ErrorKind as Io;
    match (phase, error.kind()) {
        (Phase::Exchanging, _) => reset(format!("the connection broke: {error}")),
        (_, Io::ConnectionRefused) => Failure::new(
            ErrorKind::ConnectRefused,
            "nothing listens there: the connection was refused",
        ),
        (_, Io::TimedOut) => overdue(phase),
        (_, Io::UnexpectedEof | Io::ConnectionReset | Io::BrokenPipe) => Failure::new(
            ErrorKind::TlsFailed,
            format!("the receiver closed the connection during the TLS handshake: {error}"),
        ),
        _ => Failure::new(
            ErrorKind::ConnectFailed,
            format!("the connection could not be made: {error}"),
        ),
    }
}

fn reset(message: impl Into<String>) -> Failure {
    Failure::new(ErrorKind::SendReset, message)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::clock::Clock;

    #[test]
    fn what_a_request_cannot_carry_is_unsendable_and_the_url_is_not_shown() {
        let error = reqwest::Proxy::all("no url").expect_err("refused");
        let error = error.with_url("https://example.com/secret".parse().expect("a URL"));
        let failure = classify(&error, &Trace::new(443, Clock::system(), Duration::ZERO));
        assert_eq!(failure.kind, ErrorKind::Unsendable);
        assert!(!failure.message.contains("secret"));
        assert!(!deepest(&error).contains("secret"));
    }

    #[test]
    fn the_system_s_errors_are_found_within_what_wraps_them_and_read_by_phase() {
        let inner = io::Error::from(io::ErrorKind::ConnectionReset);
        let outer = io::Error::other(io::Error::other(inner));
        let found: &io::Error = find(&outer).expect("an error");
        assert_eq!(found.kind(), io::ErrorKind::ConnectionReset);
        assert_eq!(system(found, Phase::Connecting).kind, ErrorKind::TlsFailed);
        assert_eq!(system(found, Phase::Exchanging).kind, ErrorKind::SendReset);
        for (kind, expected) in [
            (io::ErrorKind::ConnectionRefused, ErrorKind::ConnectRefused),
            (io::ErrorKind::HostUnreachable, ErrorKind::ConnectFailed),
            (io::ErrorKind::NetworkUnreachable, ErrorKind::ConnectFailed),
            (io::ErrorKind::TimedOut, ErrorKind::ConnectTimeout),
        ] {
            assert_eq!(system(&kind.into(), Phase::Connecting).kind, expected);
        }
    }
}
