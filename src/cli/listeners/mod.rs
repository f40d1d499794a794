//! `riposte listeners`: who waits for which events, and what follows.

use std::io::{self, Write};

use clap::{Args, Subcommand};
use owo_colors::OwoColorize as _;
use serde::Deserialize;
use serde_json::value::RawValue;

use super::{
    CliError, Exit,
    client::{GatewayOptions, block_on},
    facts::Facts,
    list::{ListOptions, Query, Row, at, show_one},
    look::Sign,
    moment::Both,
    pretty::pretty,
};
use crate::{
    clock::Clock,
    domain::{listener::ListenerState, time::Timestamp},
};

/// Where listeners are.
pub const PATH: &str = "/v1/listeners";

const AFTER_HELP: &str = "\
Examples:
  riposte listeners --hears site.deploy.failed
  riposte listeners --endpoint end_01h455vb4pex5vsknk084sn02q
  riposte listeners get lis_01h455vb4pex5vsknk084sn02q     with its event pattern
  riposte listeners get lis_01h455vb4pex5vsknk084sn02q --json

Exit codes: 0 there are some, 1 there are none, 2 the gateway could not be asked.";

/// List listeners, or show one.
///
/// Lists listeners, the newest first: what they wait for and what follows.
#[derive(Debug, Args)]
#[command(after_help = AFTER_HELP, args_conflicts_with_subcommands = true)]
pub struct ListenersArgs {
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
    /// Only those in this state: enabled or disabled
    #[arg(long)]
    state: Option<ListenerState>,
    /// Only those whose name has this in it, in any case
    #[arg(long)]
    name: Option<String>,
    /// Only those that wait for events of this type, for example site.deploy.failed
    #[arg(long, value_name = "TYPE")]
    hears: Option<String>,
    /// Only those that send to this endpoint: end_…
    #[arg(long)]
    endpoint: Option<String>,
}

#[derive(Debug, Subcommand)]
enum Get {
    /// Show a listener.
    Get {
        /// The listener: lis_…
        id: String,
        /// Print what the API gives
        #[arg(long)]
        json: bool,
    },
}

/// A listener.
#[derive(Debug, Deserialize)]
pub struct Listener {
    /// Its name.
    pub id: String,
    name: Option<String>,
    state: String,
    on: Vec<String>,
    when: Option<Box<RawValue>>,
    reactions: Vec<Reaction>,
    revision: u32,
    created_at: Timestamp,
    updated_at: Timestamp,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Reaction {
    Webhook { endpoint: String },
    Emit(Emitted),
}

#[derive(Debug, Deserialize)]
struct Emitted {
    #[serde(rename = "type")]
    event_type: String,
}

impl Row for Listener {
    const MANY: &'static str = "listeners";
    const HEADER: &'static [&'static str] = &["ID", "STATE", "NAME", "WAITS FOR → REACTIONS"];

    fn cells(&self, _: Timestamp) -> Vec<String> {
        vec![
            self.id.clone(),
            format!("{} {}", Sign::of(&self.state).plain(), self.state),
            self.name.clone().unwrap_or_default(),
            format!("{} → {}", self.on.join(", "), self.reactions().join(", ")),
        ]
    }
}

impl ListenersArgs {
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
                return self
                    .list
                    .show::<Listener>(&gateway, &query, &clock, out)
                    .await;
            };
            show_one(&gateway, &at(PATH, &id), json, out, |answer, out| {
                Ok(answer.read::<Listener>()?.write(clock.now(), out)?)
            })
            .await
        })
    }
}

impl Filter {
    fn query(&self) -> Query {
        Query::new(PATH)
            .with("state", self.state.as_ref())
            .with("name", self.name.as_ref())
            .with("hears", self.hears.as_ref())
            .with("endpoint", self.endpoint.as_ref())
    }
}

impl Listener {
    /// Writes all of it for a reader.
    pub fn write(&self, now: Timestamp, out: &mut dyn Write) -> io::Result<()> {
        let sign = Sign::of(&self.state);
        let name = self.name.as_deref().unwrap_or("listener");
        writeln!(out, "{} {}  {}", sign.coloured(), name.bold(), self.id)?;
        let both = |time| Both { time, now };
        let pattern = self.when.as_ref().map(|when| pretty(when.get(), 16));
        Facts::default()
            .fact("state", Some(&self.state))
            .fact("waits for", Some(&self.on.join(", ")))
            .fact("reactions", Some(&self.reactions().join(", ")))
            .fact(
                "revision",
                Some(&format!("{}, of {}", self.revision, both(self.updated_at))),
            )
            .fact("made", Some(&both(self.created_at)))
            .write(out)?;
        match pattern {
            Some(pattern) => writeln!(out, "  {}{pattern}", format!("{:<14}", "when").dimmed()),
            None => Ok(()),
        }
    }

    fn reactions(&self) -> Vec<String> {
        let reaction = |reaction: &Reaction| match reaction {
            Reaction::Webhook { endpoint } => format!("webhook to {endpoint}"),
            Reaction::Emit(event) => format!("emit {}", event.event_type),
        };
        self.reactions.iter().map(reaction).collect()
    }
}
