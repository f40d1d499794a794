//! An event with its data, for a reader.

use std::io::{self, Write};

use owo_colors::OwoColorize as _;
use serde::Deserialize;
use serde_json::value::RawValue;

use super::Event;
use crate::{
    cli::{client::ClientError, facts::Facts, moment::Both, pretty::pretty},
    domain::time::Timestamp,
};

/// What the producer sent, as far as it is not in the summary.
#[derive(Deserialize)]
pub struct Sent {
    event: Content,
}

#[derive(Deserialize)]
struct Content {
    time: Option<String>,
    datacontenttype: Option<String>,
    data: Option<Box<RawValue>>,
    data_base64: Option<String>,
}

impl Sent {
    /// What stands in `json`, to the letter.
    ///
    /// # Errors
    /// If that is no event.
    pub fn parse(json: &str) -> Result<Self, ClientError> {
        serde_json::from_str(json).map_err(ClientError::Unfamiliar)
    }
}

/// Writes `event` and what was `sent`.
pub fn write(event: &Event, sent: &Sent, now: Timestamp, out: &mut dyn Write) -> io::Result<()> {
    let content = &sent.event;
    write_summary(event, now, out)?;
    Facts::default()
        .fact("happened", content.time.as_ref())
        .fact("data is", content.datacontenttype.as_ref())
        .write(out)?;
    if let Some(data) = &content.data {
        writeln!(out, "\n  {}", pretty(data.get(), 2))?;
    }
    if let Some(data) = &content.data_base64 {
        writeln!(out, "\n  {data}")?;
    }
    Ok(())
}

/// Writes what is known of `event` without its data.
pub fn write_summary(event: &Event, now: Timestamp, out: &mut dyn Write) -> io::Result<()> {
    writeln!(out, "{}  {}", event.event_type.bold(), event.id)?;
    let received = Both {
        time: event.received_at,
        now,
    };
    let lineage = &event.lineage;
    let caused = lineage.causation_id.as_ref().map(|cause| {
        let steps = match lineage.hops {
            1 => "1 step".to_owned(),
            hops => format!("{hops} steps"),
        };
        format!("{cause}, {steps} from {}", lineage.correlation_id)
    });
    Facts::default()
        .fact("state", Some(&event.state))
        .fact("source", Some(&event.source))
        .fact("subject", event.subject.as_ref())
        .fact("producer's id", Some(&event.event_id))
        .fact("received", Some(&received))
        .fact("came out of", caused.as_ref())
        .write(out)
}
