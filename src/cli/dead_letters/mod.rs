//! `riposte dead-letters`: what was given up, by endpoint and cause.

mod group;

use std::io::{self, Write};

use clap::{Args, Subcommand, ValueEnum};
use owo_colors::OwoColorize as _;
use serde::Deserialize;

use self::group::Group;
use super::{
    CliError, Exit,
    client::{Gateway, GatewayOptions, block_on},
    deliveries::{Common, Delivery},
    list::{ListOptions, Page, Query, Row, line},
};
use crate::{
    clock::Clock,
    domain::{delivery::DeliveryState, time::Timestamp},
};

/// Where groups of dead letters are.
const PATH: &str = "/v1/dead-letters/groups";

/// The most groups that the gateway gives.
const MAX_GROUPS: u32 = 250;

const AFTER_HELP: &str = "\
Examples:
  riposte dead-letters                            what fails, and what to do about it
  riposte dead-letters --by cause                 does the same fail elsewhere?
  riposte dead-letters --endpoint end_01h455vb4pex5vsknk084sn02q
  riposte dead-letters --json | jq '{reason, error_kind, count}'
  riposte dead-letters list --error connect_refused --since 1d

Exit codes: 0 there are some, 1 there are none, 2 the gateway could not be asked.";

/// Show what was given up, by endpoint and cause, and what to do about it.
///
/// The largest groups come first, each with the command that redrives it and nothing else; `discard`
/// takes the same options.
#[derive(Debug, Args)]
#[command(after_help = AFTER_HELP, args_conflicts_with_subcommands = true)]
pub struct DeadLettersArgs {
    #[command(subcommand)]
    one_by_one: Option<OneByOne>,
    /// What those of a group have in common: the endpoint and the cause, or the cause alone
    #[arg(long, value_enum, default_value_t = By::Endpoint, help_heading = "Filters")]
    by: By,
    /// Only those to this endpoint: end_…
    #[arg(long, help_heading = "Filters")]
    endpoint: Option<String>,
    #[command(flatten)]
    output: Output,
    #[command(flatten)]
    gateway: GatewayOptions,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum By {
    /// The endpoint and the cause
    Endpoint,
    /// The cause, whatever the endpoint
    Cause,
}

#[derive(Debug, Args)]
#[command(next_help_heading = "Output")]
struct Output {
    /// The most groups that are shown
    #[arg(long, value_name = "COUNT", default_value_t = 50, value_parser = clap::value_parser!(u32).range(1..=i64::from(MAX_GROUPS)))]
    limit: u32,
    /// Show as many groups as the gateway gives: 250
    #[arg(long, conflicts_with = "limit")]
    all: bool,
    /// Print what the API gives, one JSON object a line
    #[arg(long)]
    json: bool,
}

#[derive(Debug, Subcommand)]
enum OneByOne {
    /// List dead letters one by one, the newest first: `deliveries --state dead`.
    List {
        #[command(flatten)]
        common: Common,
        #[command(flatten)]
        list: ListOptions,
    },
}

/// A delivery that was given up.
#[derive(Deserialize)]
#[serde(transparent)]
struct DeadLetter(Delivery);

impl Row for DeadLetter {
    const MANY: &'static str = "dead letters";
    const HEADER: &'static [&'static str] = Delivery::HEADER;

    fn cells(&self, now: Timestamp) -> Vec<String> {
        self.0.cells(now)
    }
}

impl DeadLettersArgs {
    /// Shows groups, or lists.
    ///
    /// # Errors
    /// If the gateway cannot be asked, or refuses.
    pub fn run(self, out: &mut dyn Write) -> Result<Exit, CliError> {
        block_on(async {
            let clock = Clock::system();
            let gateway = self.gateway.gateway(&clock)?;
            let Some(OneByOne::List { common, list }) = self.one_by_one else {
                return self.show(&gateway, clock.now(), out).await;
            };
            let query = common.query(Some(DeliveryState::Dead));
            list.show::<DeadLetter>(&gateway, &query, &clock, out).await
        })
    }

    async fn show(
        &self,
        gateway: &Gateway,
        now: Timestamp,
        out: &mut dyn Write,
    ) -> Result<Exit, CliError> {
        let by_cause = (self.by == By::Cause).then_some("cause");
        let limit = self.output.limit();
        let query = Query::new(PATH)
            .with("by", by_cause)
            .with("endpoint", self.endpoint.as_ref());
        let answer = gateway.get(&query.page(limit, None)).await?;
        let groups = Page::of(&answer)?;
        match self.output.json {
            true => (groups.data.iter()).try_for_each(|group| line(group.get(), out))?,
            false => write(&groups.entries()?, self.gateway.project(), now, out)?,
        }
        // What is shown comes before what is said about it.
        out.flush()?;
        let is_full = groups.data.len() >= limit as usize;
        let note = match answer.body["exact"] == true {
            _ if groups.data.is_empty() => "no dead letters",
            true => return Ok(Exit::Success),
            false if is_full && limit < MAX_GROUPS => "there may be more groups: --all",
            false => "these are not all: there is more than one answer counts",
        };
        writeln!(anstream::stderr(), "{}", note.dimmed())?;
        Ok(match groups.data.is_empty() {
            true => Exit::No,
            false => Exit::Success,
        })
    }
}

impl Output {
    fn limit(&self) -> u32 {
        match self.all {
            true => MAX_GROUPS,
            false => self.limit,
        }
    }
}

/// Writes groups of `project` with a line between them.
fn write(
    groups: &[Group],
    project: Option<&str>,
    now: Timestamp,
    out: &mut dyn Write,
) -> io::Result<()> {
    for (index, group) in groups.iter().enumerate() {
        if index > 0 {
            writeln!(out)?;
        }
        group.write(project, now, out)?;
    }
    Ok(())
}
