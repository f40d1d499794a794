//! What came and what the receiver made of it, a line each.

use std::{
    io::{self, Write},
    time::Duration,
};

use owo_colors::OwoColorize as _;
use serde_json::json;
use url::Url;

use super::webhook::Source;
use crate::{
    cli::{client::Taken, follow::Happening, look::Sign},
    domain::time::Timestamp,
};

/// A webhook that was handed over, or could not be.
#[derive(Debug)]
pub struct Came {
    at: Timestamp,
    event_type: Option<String>,
    subject: Option<String>,
    id: Option<String>,
    attempt: Option<u32>,
    taken: Taken,
    /// The headers that were left out, since their values are hidden.
    without: Vec<String>,
}

/// Tells what comes.
pub struct Report<'o> {
    json: bool,
    out: &'o mut dyn Write,
    taken: u64,
    failed: u64,
    /// Whether it was said that headers are left out.
    said_without: bool,
}

impl Came {
    /// What belongs to `happening` was `taken` so, `without` these headers.
    pub fn of(happening: &Happening, taken: Taken, without: Vec<String>) -> Self {
        let event = happening.event.as_ref();
        let delivery = happening.delivery.as_ref().map(|delivery| &delivery.id);
        Self {
            at: happening.at,
            event_type: event.map(|event| event.event_type.clone()),
            subject: event.and_then(|event| event.subject.clone()),
            id: delivery.or(event.map(|event| &event.id)).cloned(),
            attempt: happening.attempt.as_ref().map(|attempt| attempt.number),
            taken,
            without,
        }
    }

    /// Whether the receiver took it.
    fn is_taken(&self) -> bool {
        matches!(self.taken.answer, Ok(200..=299))
    }
}

impl<'o> Report<'o> {
    /// Tells it to `out`, in JSON or to be read.
    pub fn new(json: bool, out: &'o mut dyn Write) -> Self {
        Self {
            json,
            out,
            taken: 0,
            failed: 0,
            said_without: false,
        }
    }

    /// Says that it begins, and which secret verifies what comes.
    pub fn open(&self, to: &Url, source: &Source) -> io::Result<()> {
        let mut errors = anstream::stderr();
        match source {
            Source::AsSent => writeln!(
                errors,
                "Webhooks go to {to} as the gateway sends them: the endpoint's secret verifies them."
            ),
            Source::Anew(anew) => writeln!(
                errors,
                "Webhooks go to {to}. The secret that verifies them: {}",
                anew.secret.expose().as_str()
            ),
        }
    }

    /// Tells what came of one.
    pub fn came(&mut self, came: &Came) -> io::Result<()> {
        match came.is_taken() {
            true => self.taken += 1,
            false => self.failed += 1,
        }
        if !came.without.is_empty() && !self.said_without {
            self.said_without = true;
            let names = came.without.join(", ");
            writeln!(
                anstream::stderr(),
                "left out, since only the endpoint's owner knows their values: {names}"
            )?;
        }
        match self.json {
            true => self.write_json(came)?,
            false => self.write_line(came)?,
        }
        self.out.flush()
    }

    fn write_json(&mut self, came: &Came) -> io::Result<()> {
        let line = json!({
            "at": came.at,
            "id": came.id,
            "type": came.event_type,
            "subject": came.subject,
            "attempt": came.attempt,
            "status": came.taken.answer.as_ref().ok(),
            "error": came.taken.answer.as_ref().err(),
            "duration_ms": milliseconds(came.taken.duration),
        });
        writeln!(self.out, "{line}")
    }

    fn write_line(&mut self, came: &Came) -> io::Result<()> {
        let sign = Sign::whether(came.is_taken());
        let what = came.event_type.as_deref().unwrap_or("?");
        let subject = came.subject.iter().map(|subject| format!(" {subject}"));
        let subject: String = subject.collect();
        let attempt = came.attempt.filter(|number| *number > 1);
        let attempt = attempt.map_or(String::new(), |number| format!(", attempt {number}"));
        let answer = match &came.taken.answer {
            Ok(status) => status.to_string(),
            Err(error) => error.clone(),
        };
        writeln!(
            self.out,
            "{} {what}{subject}: {} in {} ms{attempt}  {}",
            sign.coloured(),
            answer.style(sign.style()),
            milliseconds(came.taken.duration),
            came.id.as_deref().unwrap_or_default().dimmed()
        )
    }

    /// Says how many came.
    pub fn sum_up(&self) -> io::Result<()> {
        let (taken, failed) = (self.taken, self.failed);
        let all = taken + failed;
        writeln!(
            anstream::stderr(),
            "\n{all} came: {taken} taken, {failed} failed"
        )
    }
}

fn milliseconds(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}
