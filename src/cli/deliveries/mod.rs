//! `riposte deliveries`: what is sent where, and how far it has come.

mod show;
mod timeline;
mod view;

use std::io::Write;

use clap::{Args, Subcommand};

pub use self::{
    show::{write, write_story},
    view::{Delivery, DeliveryStory},
};
use super::{
    CliError, Exit,
    client::{GatewayOptions, block_on},
    list::{ListOptions, Query, at, show_one},
};
use crate::{
    clock::Clock,
    domain::{attempt::ErrorKind, delivery::DeliveryState},
};

/// Where deliveries are.
pub const PATH: &str = "/v1/deliveries";

const AFTER_HELP: &str = "\
Examples:
  riposte deliveries --state dead --since 1d
  riposte deliveries --status 5xx --type 'site.deploy.*'
  riposte deliveries --endpoint end_01h455vb4pex5vsknk084sn02q --state pending
  riposte deliveries --event evt_01h455vb4pex5vsknk084sn02q
  riposte deliveries get dlv_01h455vb4pex5vsknk084sn02q       with its attempts and what to do

Exit codes: 0 there are some, 1 there are none, 2 the gateway could not be asked.";

/// List deliveries, or show one with its attempts.
///
/// Lists deliveries, the newest first, with all that the filters have in common. Each says in a
/// sentence where it stands.
#[derive(Debug, Args)]
#[command(after_help = AFTER_HELP, args_conflicts_with_subcommands = true)]
pub struct DeliveriesArgs {
    #[command(subcommand)]
    one: Option<Get>,
    /// Only those in this state: pending, delivered, dead, cancelled or skipped
    #[arg(long, help_heading = "Filters")]
    state: Option<DeliveryState>,
    #[command(flatten)]
    common: Common,
    #[command(flatten)]
    list: ListOptions,
    #[command(flatten)]
    gateway: GatewayOptions,
}

/// What deliveries have in common, whatever their state.
#[derive(Debug, Args)]
#[command(next_help_heading = "Filters")]
pub struct Common {
    /// Only those to this endpoint: end_…
    #[arg(long)]
    endpoint: Option<String>,
    /// Only those of this listener: lis_…
    #[arg(long)]
    listener: Option<String>,
    /// Only those of this event: evt_…
    #[arg(long)]
    event: Option<String>,
    /// Only those of events of this type, for example site.deploy.failed, site.* or site.>
    #[arg(long = "type", value_name = "TYPE")]
    event_type: Option<String>,
    /// Only those that stand where they do for this reason, for example attempts_exhausted
    #[arg(long)]
    reason: Option<String>,
    /// Only those whose last attempt failed so, for example connect_refused
    #[arg(long, value_name = "KIND")]
    error: Option<ErrorKind>,
    /// Only those whose last attempt was answered so: 503, or 5xx
    #[arg(long)]
    status: Option<String>,
}

#[derive(Debug, Subcommand)]
enum Get {
    /// Show a delivery: where it stands, what happened to it, and what to do.
    Get {
        /// The delivery: dlv_…
        id: String,
        /// Print what the API gives, with the requests and responses in full
        #[arg(long)]
        json: bool,
    },
}

impl DeliveriesArgs {
    /// Lists or shows.
    ///
    /// # Errors
    /// If the gateway cannot be asked, or refuses.
    pub fn run(self, out: &mut dyn Write) -> Result<Exit, CliError> {
        block_on(async {
            let clock = Clock::system();
            let gateway = self.gateway.gateway(&clock)?;
            let Some(Get::Get { id, json }) = self.one else {
                let query = self.common.query(self.state);
                return self
                    .list
                    .show::<Delivery>(&gateway, &query, &clock, out)
                    .await;
            };
            show_one(&gateway, &at(PATH, &id), json, out, |answer, out| {
                Ok(write(&answer.read()?, clock.now(), out)?)
            })
            .await
        })
    }
}

impl Common {
    /// The deliveries in `state`, or in any, that have it in common.
    pub fn query(&self, state: Option<DeliveryState>) -> Query {
        Query::new(PATH)
            .with("state", state.as_ref())
            .with("endpoint", self.endpoint.as_ref())
            .with("listener", self.listener.as_ref())
            .with("event", self.event.as_ref())
            .with("type", self.event_type.as_ref())
            .with("reason", self.reason.as_ref())
            .with("error_kind", self.error.as_ref())
            .with("status", self.status.as_ref())
    }
}
