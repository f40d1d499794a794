//! `riposte events`: what happened, as the gateway has it.

mod show;

use std::{
    fs,
    io::{self, Write},
};

use clap::{Args, Subcommand};
use serde::Deserialize;

use self::show::Sent;
pub use self::show::write_summary;
use super::{
    CliError, Exit,
    client::{GatewayOptions, block_on},
    list::{ListOptions, Query, Row, at, show_one},
    moment::from_now,
};
use crate::{
    clock::Clock,
    domain::{event::EventState, time::Timestamp},
};

const PATH: &str = "/v1/events";

const AFTER_HELP: &str = "\
Examples:
  riposte events --type 'site.deploy.*' --since 1h
  riposte events --subject site/7 --oldest
  riposte events --when '{\"data\": {\"environment\": [\"production\"]}}' --since 1d
  riposte events --id 7f2a            the events that their producer calls so
  riposte events --all --json > events.ndjson
  riposte events get evt_01h455vb4pex5vsknk084sn02q

`riposte why ID` says what came of an event, `riposte trace ID` shows the whole chain.

Exit codes: 0 there are some, 1 there are none, 2 the gateway could not be asked.";

/// List events, or show one.
///
/// Lists events, the newest first, with all that the filters have in common.
#[derive(Debug, Args)]
#[command(after_help = AFTER_HELP, args_conflicts_with_subcommands = true)]
pub struct EventsArgs {
    #[command(subcommand)]
    one: Option<Get>,
    #[command(flatten)]
    filter: Filter,
    #[command(flatten)]
    list: ListOptions,
    #[command(flatten)]
    gateway: GatewayOptions,
}

#[derive(Debug, Args)]
#[command(next_help_heading = "Filters")]
struct Filter {
    /// Only events of this type, for example site.deploy.failed, site.* or site.>
    #[arg(long = "type", value_name = "TYPE")]
    event_type: Option<String>,
    /// Only events from this source
    #[arg(long, value_name = "URI")]
    source: Option<String>,
    /// Only events about this subject
    #[arg(long)]
    subject: Option<String>,
    /// Only those that their producer calls so
    #[arg(long, value_name = "ID")]
    id: Option<String>,
    /// Only those that came out of this one, with itself: evt_…
    #[arg(long, value_name = "EVENT")]
    correlation: Option<String>,
    /// Only events in this state: accepted, loop_suppressed or test
    #[arg(long)]
    state: Option<EventState>,
    /// Only events that this event pattern matches, as a listener's `when` would: JSON, or @FILE
    #[arg(long, value_name = "PATTERN", value_parser = given)]
    when: Option<String>,
}

#[derive(Debug, Subcommand)]
enum Get {
    /// Show an event with its data.
    Get {
        /// The event: evt_…
        id: String,
        /// Print what the API gives
        #[arg(long)]
        json: bool,
    },
}

/// An event as a list shows it.
#[derive(Debug, Deserialize)]
pub struct Event {
    /// Its name.
    pub id: String,
    /// What its producer called it.
    pub event_id: String,
    /// Where it happened.
    pub source: String,
    /// What happened.
    #[serde(rename = "type")]
    pub event_type: String,
    /// What it happened to.
    pub subject: Option<String>,
    /// When the gateway took it in.
    pub received_at: Timestamp,
    /// Whether it met the listeners.
    pub state: String,
    /// What it came out of.
    pub lineage: Lineage,
}

/// What an event came out of.
#[derive(Debug, Deserialize)]
pub struct Lineage {
    /// The first event of the chain.
    pub correlation_id: String,
    /// The event that it was emitted for.
    pub causation_id: Option<String>,
    /// How many steps it is away from the first.
    pub hops: usize,
}

impl Row for Event {
    const MANY: &'static str = "events";
    const HEADER: &'static [&'static str] = &["ID", "RECEIVED", "TYPE", "SUBJECT", "SOURCE"];

    fn cells(&self, now: Timestamp) -> Vec<String> {
        let source = match self.state.as_str() {
            "accepted" => self.source.clone(),
            unusual => format!("{} ({unusual})", self.source),
        };
        vec![
            self.id.clone(),
            from_now(self.received_at, now),
            self.event_type.clone(),
            self.subject.clone().unwrap_or_default(),
            source,
        ]
    }
}

impl EventsArgs {
    /// Lists or shows.
    ///
    /// # Errors
    /// If the gateway cannot be asked, or refuses.
    pub fn run(self, out: &mut dyn Write) -> Result<Exit, CliError> {
        block_on(async {
            let clock = Clock::system();
            let gateway = self.gateway.gateway(&clock)?;
            let Some(Get::Get { id, json }) = self.one else {
                let query = self.filter.query();
                return self.list.show::<Event>(&gateway, &query, &clock, out).await;
            };
            show_one(&gateway, &at(PATH, &id), json, out, |answer, out| {
                let sent = Sent::parse(&answer.text)?;
                Ok(show::write(&answer.read()?, &sent, clock.now(), out)?)
            })
            .await
        })
    }
}

impl Filter {
    fn query(&self) -> Query {
        Query::new(PATH)
            .with("type", self.event_type.as_ref())
            .with("source", self.source.as_ref())
            .with("subject", self.subject.as_ref())
            .with("event_id", self.id.as_ref())
            .with("state", self.state.as_ref())
            .with("when", self.when.as_ref())
            .with("correlation", self.correlation.as_ref())
    }
}

/// The text itself, or what stands in the file that it names.
fn given(text: &str) -> io::Result<String> {
    match text.strip_prefix('@') {
        Some(path) => fs::read_to_string(path),
        None => Ok(text.to_owned()),
    }
}
