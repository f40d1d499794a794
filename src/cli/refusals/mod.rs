//! `riposte refusals`: what was sent and did not become an event.

use std::io::{self, Write};

use clap::Args;
use serde::Deserialize;

use super::{
    CliError, Exit,
    client::{GatewayOptions, block_on},
    list::{ListOptions, Query, Row},
    look::Sign,
    moment::{Both, from_now},
    terminal,
};
use crate::{
    clock::Clock,
    domain::{refusal::RefusalOutcome, time::Timestamp},
};

/// Where refusals are.
pub const PATH: &str = "/v1/refusals";

const AFTER_HELP: &str = "\
Examples:
  riposte refusals
  riposte refusals --id order-7
  riposte refusals --outcome duplicate --json

Exit codes: 0 there are some, 1 there are none, 2 the gateway could not be asked.";

/// List what was sent and did not become an event.
///
/// Lists requests that were refused, and events that were duplicates or conflicts, the newest first;
/// of each project the last 1000 are kept.
#[derive(Debug, Args)]
#[command(after_help = AFTER_HELP)]
pub struct RefusalsArgs {
    /// Only those that came to this: refused, duplicate or conflict
    #[arg(long, help_heading = "Filters")]
    outcome: Option<RefusalOutcome>,
    /// Only those of events that their producer calls so
    #[arg(long, value_name = "ID", help_heading = "Filters")]
    id: Option<String>,
    #[command(flatten)]
    list: ListOptions,
    #[command(flatten)]
    gateway: GatewayOptions,
}

/// Something that was sent and did not become an event.
#[derive(Debug, Deserialize)]
pub struct Refusal {
    /// Its name.
    id: String,
    at: Timestamp,
    outcome: String,
    code: Option<String>,
    pointer: Option<String>,
    detail: String,
    /// The event that is there instead.
    pub event: Option<String>,
    event_id: Option<String>,
}

impl Row for Refusal {
    const MANY: &'static str = "refusals";
    const HEADER: &'static [&'static str] = &["ID", "SENT", "PRODUCER'S ID", "OUTCOME"];

    fn cells(&self, now: Timestamp) -> Vec<String> {
        vec![
            self.id.clone(),
            from_now(self.at, now),
            self.event_id.clone().unwrap_or_default(),
            format!("{} {}", self.sign().plain(), self.said()),
        ]
    }
}

impl RefusalsArgs {
    /// Lists.
    ///
    /// # Errors
    /// If the gateway cannot be asked, or refuses.
    pub fn run(self, out: &mut dyn Write) -> Result<Exit, CliError> {
        block_on(async {
            let clock = Clock::system();
            let gateway = self.gateway.gateway(&clock)?;
            let query = Query::new(PATH)
                .with("outcome", self.outcome.as_ref())
                .with("event_id", self.id.as_ref());
            self.list
                .show::<Refusal>(&gateway, &query, &clock, out)
                .await
        })
    }
}

impl Refusal {
    /// Writes it as something that was sent again.
    pub fn write(&self, now: Timestamp, out: &mut dyn Write) -> io::Result<()> {
        let both = Both { time: self.at, now };
        let said = format!("sent again at {both}: {}", self.said());
        let said = terminal::hanging(&said, 4, terminal::width());
        writeln!(out, "  {} {said}", self.sign().coloured())
    }

    fn sign(&self) -> Sign {
        match self.outcome.as_str() {
            "duplicate" => Sign::Aside,
            _ => Sign::Bad,
        }
    }

    /// What came of it, in words.
    fn said(&self) -> String {
        let at = self.pointer.as_ref().filter(|it| !it.is_empty());
        let at = at.map_or(String::new(), |pointer| format!(" at {pointer}"));
        match &self.code {
            Some(code) => format!("{} ({code}){at}: {}", self.outcome, self.detail),
            None => format!("{}: {}", self.outcome, self.detail),
        }
    }
}
