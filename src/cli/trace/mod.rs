//! `riposte trace`: what led to an event and what came of it, drawn as a tree.

mod tree;

use std::io::Write;

use clap::Args;
use owo_colors::OwoColorize as _;

use self::tree::{Node, Trace};
use super::{
    CliError, Exit,
    client::{Gateway, GatewayOptions, block_on},
    deliveries::Delivery,
    find::{Hit, find},
    list::{at, show_one},
    terminal,
};
use crate::clock::Clock;

const AFTER_HELP: &str = "\
Examples:
  riposte trace evt_01h455vb4pex5vsknk084sn02q
  riposte trace evt_01h455vb4pex5vsknk084sn02q --json
  riposte trace deploy-7                           the event that its producer calls so

The tree begins with the first cause; the event that was asked about is marked.

Exit codes: 0 here it is, 1 no event is called so, 2 the gateway could not be asked.";

/// Show what led to an event and what came of it, as a tree.
///
/// Draws the chain of events from the first cause on: each with the reactions of listeners to it,
/// the webhooks and how they stand, and the events that it led to.
#[derive(Debug, Args)]
#[command(after_help = AFTER_HELP)]
pub struct TraceArgs {
    /// The event (evt_…, or its producer's own id), or a delivery or an attempt of one
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
            let found = find(&gateway, &self.id).await?;
            let Some(hit) = found.one() else {
                return found.write(self.json, out);
            };
            let Some(event) = event_of(&gateway, hit).await? else {
                writeln!(anstream::stderr(), "no event is called so: {}", hit.summary)?;
                return Ok(Exit::No);
            };
            let path = format!("{}/trace", at("/v1/events", &event));
            show_one(&gateway, &path, self.json, out, |answer, out| {
                draw(&answer.read()?, out)
            })
            .await
        })
    }
}

/// The event that `hit` is, or is about.
async fn event_of(gateway: &Gateway, hit: &Hit) -> Result<Option<String>, CliError> {
    match (hit.kind.as_str(), hit.path()) {
        ("event", _) => Ok(Some(hit.id.clone())),
        ("delivery" | "attempt", Some(path)) => {
            let answer = gateway.get(path).await?.granted()?;
            let delivery: Delivery = answer.read()?;
            Ok(Some(delivery.event.id))
        }
        _ => Ok(None),
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
