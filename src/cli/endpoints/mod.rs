//! `riposte endpoints`: where webhooks go.

use std::io::{self, Write};

use clap::{Args, Subcommand};
use owo_colors::OwoColorize as _;
use serde::Deserialize;
use serde_json::Value;

use super::{
    CliError, Exit,
    client::{GatewayOptions, block_on},
    facts::Facts,
    list::{ListOptions, Query, Row, at, show_one},
    look::Sign,
    moment::{Both, from_now},
};
use crate::{
    clock::Clock,
    domain::{endpoint::EndpointState, time::Timestamp},
};

/// Where endpoints are.
pub const PATH: &str = "/v1/endpoints";

const AFTER_HELP: &str = "\
Examples:
  riposte endpoints --state disabled
  riposte endpoints --to hooks.example.com
  riposte endpoints --all --json | jq -r .url
  riposte endpoints get end_01h455vb4pex5vsknk084sn02q

Exit codes: 0 there are some, 1 there are none, 2 the gateway could not be asked.";

/// List endpoints, or show one.
///
/// Lists endpoints, the newest first.
#[derive(Debug, Args)]
#[command(after_help = AFTER_HELP, args_conflicts_with_subcommands = true)]
pub struct EndpointsArgs {
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
    /// Only those in this state: enabled, paused or disabled
    #[arg(long)]
    state: Option<EndpointState>,
    /// Only those whose name has this in it, in any case
    #[arg(long)]
    name: Option<String>,
    /// Only those whose URL has this in it, for example hooks.example.com
    #[arg(long = "to", value_name = "URL")]
    to: Option<String>,
}

#[derive(Debug, Subcommand)]
enum Get {
    /// Show an endpoint.
    Get {
        /// The endpoint: end_…
        id: String,
        /// Print what the API gives
        #[arg(long)]
        json: bool,
    },
}

/// An endpoint.
#[derive(Debug, Deserialize)]
pub struct Endpoint {
    /// Its name.
    pub id: String,
    name: Option<String>,
    url: String,
    state: String,
    state_reason: String,
    state_since: Timestamp,
    format: String,
    timeout: Option<String>,
    #[serde(default)]
    connect_timeout: Option<String>,
    #[serde(default)]
    final_statuses: Vec<Value>,
    concurrency: Option<u32>,
    created_at: Timestamp,
}

impl Row for Endpoint {
    const MANY: &'static str = "endpoints";
    const HEADER: &'static [&'static str] = &["ID", "STATE", "SINCE", "NAME", "URL"];

    fn cells(&self, now: Timestamp) -> Vec<String> {
        vec![
            self.id.clone(),
            format!("{} {}", Sign::of(&self.state).plain(), self.state),
            from_now(self.state_since, now),
            self.name.clone().unwrap_or_default(),
            self.url.clone(),
        ]
    }
}

impl EndpointsArgs {
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
                    .show::<Endpoint>(&gateway, &query, &clock, out)
                    .await;
            };
            show_one(&gateway, &at(PATH, &id), json, out, |answer, out| {
                Ok(answer.read::<Endpoint>()?.write(clock.now(), out)?)
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
            .with("url", self.to.as_ref())
    }
}

impl Endpoint {
    /// Writes all of it for a reader.
    pub fn write(&self, now: Timestamp, out: &mut dyn Write) -> io::Result<()> {
        let sign = Sign::of(&self.state);
        let name = self.name.as_deref().unwrap_or("endpoint");
        writeln!(out, "{} {}  {}", sign.coloured(), name.bold(), self.id)?;
        let since = Both {
            time: self.state_since,
            now,
        };
        let made = Both {
            time: self.created_at,
            now,
        };
        let why = match self.state_reason.as_str() {
            "gone" => ": the receiver answered 410",
            "failing" => ": every attempt failed for too long",
            _ => "",
        };
        let statuses = self.final_statuses.iter();
        let words = statuses.map(|one| one.as_str().map_or_else(|| one.to_string(), str::to_owned));
        let finals = words.collect::<Vec<_>>().join(", ");
        Facts::default()
            .fact("url", Some(&self.url))
            .fact("state", Some(&format!("{} since {since}{why}", self.state)))
            .fact("format", Some(&self.format))
            .fact("timeout", self.timeout.as_ref())
            .fact("connecting", self.connect_timeout.as_ref())
            .fact("final", (!finals.is_empty()).then_some(&finals))
            .fact("concurrency", self.concurrency.as_ref())
            .fact("made", Some(&made))
            .write(out)
    }
}
