//! `riposte nodes`: the processes that share a store, and how they are. For operators.

use std::io::Write;

use clap::Args;
use serde::Deserialize;

use super::{
    CliError, Exit,
    client::{GatewayOptions, block_on},
    list::{Page, Row, Tables, show_one},
    look::Sign,
    moment::from_now,
    terminal,
};
use crate::{clock::Clock, domain::time::Timestamp};

/// Where nodes are.
const PATH: &str = "/v1/nodes";

const AFTER_HELP: &str = "\
Examples:
  riposte nodes
  riposte nodes --json | jq '.data[] | select(.state == \"live\") | .address'

Exit codes: 0 they are shown, 2 the gateway could not be asked.";

/// List the nodes that share the store; for operators.
///
/// Lists those that live first, then those that were lost or have left in the last day.
#[derive(Debug, Args)]
#[command(after_help = AFTER_HELP)]
pub struct NodesArgs {
    /// Print what the API gives, instead of a table
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    gateway: GatewayOptions,
}

/// A node.
#[derive(Debug, Deserialize)]
struct Node {
    id: String,
    version: String,
    address: Option<String>,
    state: String,
    leader: bool,
    epoch: u64,
    heartbeat_at: Timestamp,
    lanes: Lanes,
}

#[derive(Debug, Deserialize)]
struct Lanes {
    open: u64,
    waiting: u64,
    in_flight: u64,
}

impl Row for Node {
    const MANY: &'static str = "nodes";
    const HEADER: &'static [&'static str] =
        &["ID", "ADDRESS", "VERSION", "EPOCH", "HEARD", "STATE", "HAS"];

    fn cells(&self, now: Timestamp) -> Vec<String> {
        vec![
            self.id.clone(),
            self.address.clone().unwrap_or_default(),
            self.version.clone(),
            self.epoch.to_string(),
            from_now(self.heartbeat_at, now),
            self.state(),
            self.has(),
        ]
    }
}

impl Node {
    fn state(&self) -> String {
        let sign = match self.state.as_str() {
            "live" => Sign::Good,
            "lost" => Sign::Bad,
            _ => Sign::Aside,
        };
        let leads = if self.leader { ", leads" } else { "" };
        format!("{} {}{leads}", sign.plain(), self.state)
    }

    /// What it has in memory. What it had is others' by now if it does not live.
    fn has(&self) -> String {
        let Lanes {
            open,
            waiting,
            in_flight,
        } = self.lanes;
        match self.state.as_str() {
            "live" => format!("{in_flight} in flight, {waiting} waiting, {open} lanes"),
            _ => String::new(),
        }
    }
}

impl NodesArgs {
    /// Lists.
    ///
    /// # Errors
    /// If the gateway cannot be asked, or refuses.
    pub fn run(self, out: &mut dyn Write) -> Result<Exit, CliError> {
        block_on(async {
            let clock = Clock::system();
            let gateway = self.gateway.gateway(&clock)?;
            show_one(&gateway, PATH, self.json, out, |answer, out| {
                let nodes = Page::of(answer)?.entries::<Node>()?;
                Tables::new(terminal::width()).write(&nodes, clock.now(), out)?;
                Ok(())
            })
            .await
        })
    }
}
