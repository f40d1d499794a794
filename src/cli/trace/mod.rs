//! `riposte trace`: what led to an event and what came of it, drawn as a tree.

mod tree;

use std::io::Write;

use clap::Args;
use owo_colors::OwoColorize as _;

use self::tree::{Node, Trace};
use super::{
    CliError, Exit,
    client::{GatewayOptions, block_on},
    list::{at, line},
    terminal,
};
use crate::clock::Clock;

const AFTER_HELP: &str = "\
Examples:
  riposte trace evt_01h455vb4pex5vsknk084sn02q
  riposte trace evt_01h455vb4pex5vsknk084sn02q --json

The tree begins with the first cause; the event that was asked about is marked.

Exit codes: 0 here it is, 1 there is no such event, 2 the gateway could not be asked.";

/// Show what led to an event and what came of it, as a tree.
///
/// Draws the chain of events from the first cause on: each with the reactions of listeners to it,
/// the webhooks and how they stand, and the events that it led to.
#[derive(Debug, Args)]
#[command(after_help = AFTER_HELP)]
pub struct TraceArgs {
    /// The event: evt_…
    id: String,
    /// Print what the API gives
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    gateway: GatewayOptions,
}

impl TraceArgs {
    /// Asks and draws.
    ///
    /// # Errors
    /// If the gateway cannot be asked, or refuses.
    pub fn run(self, out: &mut dyn Write) -> Result<Exit, CliError> {
        block_on(async {
            let clock = Clock::system();
            let gateway = self.gateway.gateway(&clock)?;
            let path = format!("{}/trace", at("/v1/events", &self.id));
            let answer = gateway.get(&path).await?.granted()?;
            match self.json {
                true => line(&answer.text, out)?,
                false => draw(&answer.read()?, out)?,
            }
            Ok(Exit::Success)
        })
    }
}

fn draw(trace: &Trace, out: &mut dyn Write) -> Result<(), CliError> {
    let width = terminal::width();
    for (index, root) in trace.roots.iter().enumerate() {
        if index > 0 {
            writeln!(out, "\n(what lies between is not to be seen any more)\n")?;
        }
        Node::of(root).draw(width, out)?;
    }
    if trace.truncated {
        writeln!(out, "\n{}", "There is more than is shown.".dimmed())?;
    }
    Ok(())
}
