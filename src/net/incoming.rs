//! An answer as it is recorded: the head within its limits, the body up to its cap.

use bytes::{Bytes, BytesMut};
use http::HeaderMap;

use super::{
    classify::{classify, head_too_large},
    sender::{MAX_HEAD_BYTES, MAX_HEADER_LINES},
    trace::Trace,
};
use crate::domain::attempt::{Failure, MAX_CAPTURED_BODY};

/// The headers of an answer in the order in which they came, if they are within the limits. What
/// HTTP/1.1 lets through before it looks is bounded too, at some 400 KiB.
pub(super) fn head(headers: &HeaderMap) -> Result<Vec<(String, String)>, Failure> {
    let bytes: usize = headers
        .iter()
        .map(|(name, value)| name.as_str().len() + value.len() + ": \r\n".len())
        .sum();
    if headers.len() > MAX_HEADER_LINES || bytes > MAX_HEAD_BYTES as usize {
        return Err(head_too_large());
    }
    let text = |value: &http::HeaderValue| String::from_utf8_lossy(value.as_bytes()).into_owned();
    Ok(headers
        .iter()
        .map(|(name, value)| (name.to_string(), text(value)))
        .collect())
}

/// What has come of a body so far. It keeps what it has when reading is given up.
#[derive(Debug, Default)]
pub(super) struct Capture {
    kept: BytesMut,
    is_truncated: bool,
}

impl Capture {
    /// Reads until the body ends or goes beyond the cap.
    ///
    /// # Errors
    ///
    /// Why the body broke off.
    pub(super) async fn read(
        &mut self,
        response: &mut reqwest::Response,
        trace: &Trace,
    ) -> Result<(), Failure> {
        while !self.is_truncated {
            match response.chunk().await {
                Ok(Some(chunk)) => self.take(&chunk),
                Ok(None) => break,
                Err(error) => return Err(classify(&error, trace)),
            }
        }
        Ok(())
    }

    /// The bytes that are kept, and whether there were more.
    pub(super) fn finish(self) -> (Bytes, bool) {
        (self.kept.freeze(), self.is_truncated)
    }

    fn take(&mut self, chunk: &[u8]) {
        let room = MAX_CAPTURED_BODY - self.kept.len();
        self.kept.extend_from_slice(&chunk[..chunk.len().min(room)]);
        self.is_truncated = chunk.len() > room;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_body_as_long_as_the_cap_is_whole_and_one_byte_more_is_not() {
        let mut capture = Capture::default();
        capture.take(&[1; MAX_CAPTURED_BODY - 1]);
        capture.take(&[2]);
        assert!(!capture.is_truncated);
        capture.take(&[3]);
        let (kept, is_truncated) = capture.finish();
        assert_eq!((kept.len(), is_truncated), (MAX_CAPTURED_BODY, true));
        assert_eq!(kept.last(), Some(&2));
    }

    #[test]
    fn a_head_with_too_many_lines_or_bytes_is_refused() {
        let lines = |count: usize, value: usize| {
            let mut headers = HeaderMap::new();
            for _ in 0..count {
                headers.append("x", "v".repeat(value).parse().expect("a value"));
            }
            head(&headers).map(|headers| headers.len())
        };
        assert_eq!(lines(100, 600), Ok(100));
        assert_eq!(lines(101, 1), Err(head_too_large()));
        assert_eq!(lines(100, 700), Err(head_too_large()));
    }
}
