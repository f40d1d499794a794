//! A file of events, gathered into requests of a bounded size.

use std::io::BufRead;

use super::events::{Defaults, EventError, WireEvent};

/// The most events in one request.
const MAX_BATCH: usize = 500;

/// The most bytes of one request, unless one event alone is larger.
const MAX_BATCH_BYTES: usize = 512 << 10;

/// Reads NDJSON and gives it out in bodies of requests, each a JSON array of events.
pub struct Batches<'d, R> {
    lines: R,
    line: usize,
    defaults: Defaults<'d>,
    held_back: Option<Vec<u8>>,
}

impl<'d, R: BufRead> Batches<'d, R> {
    /// The batches of `lines`.
    pub fn new(lines: R, defaults: Defaults<'d>) -> Self {
        Self {
            lines,
            line: 0,
            defaults,
            held_back: None,
        }
    }

    /// The next body; none when all lines were given out. Empty lines do not count.
    ///
    /// # Errors
    /// A line that is no event; those before it in the batch are not given out.
    pub fn next_body(&mut self) -> Result<Option<Vec<u8>>, EventError> {
        let mut body = vec![b'['];
        let mut count = 0;
        while count < MAX_BATCH {
            let Some(event) = self.next_event()? else {
                break;
            };
            if count > 0 && body.len() + event.len() > MAX_BATCH_BYTES {
                self.held_back = Some(event);
                break;
            }
            if count > 0 {
                body.push(b',');
            }
            body.extend_from_slice(&event);
            count += 1;
        }
        body.push(b']');
        Ok((count > 0).then_some(body))
    }

    fn next_event(&mut self) -> Result<Option<Vec<u8>>, EventError> {
        if let Some(event) = self.held_back.take() {
            return Ok(Some(event));
        }
        let mut text = String::new();
        loop {
            text.clear();
            if self.lines.read_line(&mut text)? == 0 {
                return Ok(None);
            }
            self.line += 1;
            if !text.trim().is_empty() {
                let event = WireEvent::from_line(text.trim(), self.line, &self.defaults)?;
                return Ok(Some(event.to_json()));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::Value;

    use super::*;

    const DEFAULTS: Defaults<'static> = Defaults {
        source: "/here",
        id: &|| String::new(),
    };

    #[test]
    fn batches_are_bounded_in_events_and_bytes_and_lose_nothing() {
        let short = "{\"type\":\"a\"}\n\n".repeat(MAX_BATCH + 1);
        assert_eq!(sizes(&short), [MAX_BATCH, 1]);
        let long = format!(
            "{{\"type\":\"a\",\"data\":\"{}\"}}\n",
            "x".repeat(MAX_BATCH_BYTES / 2)
        );
        assert_eq!(sizes(&long.repeat(3)), [1, 1, 1]);
        let huge = format!(
            "{{\"type\":\"a\",\"data\":\"{}\"}}",
            "x".repeat(2 * MAX_BATCH_BYTES)
        );
        assert_eq!(sizes(&huge), [1]);
        assert_eq!(sizes("\n\n"), [0; 0]);
    }

    fn sizes(lines: &str) -> Vec<usize> {
        let mut batches = Batches::new(lines.as_bytes(), DEFAULTS);
        let mut sizes = Vec::new();
        while let Some(body) = batches.next_body().expect("events") {
            let events: Vec<Value> = serde_json::from_slice(&body).expect("a list");
            sizes.push(events.len());
        }
        sizes
    }
}
