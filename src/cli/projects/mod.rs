//! `riposte projects`: the tenants, and how much each has of what it may have. For operators.

mod view;

use std::io::Write;

use clap::{Args, Subcommand};

use self::view::Project;
use super::{
    CliError, Exit,
    client::{GatewayOptions, block_on},
    list::{ListOptions, Query, at, show_one},
};
use crate::clock::Clock;

/// Where projects are.
const PATH: &str = "/v1/projects";

const AFTER_HELP: &str = "\
Examples:
  riposte projects
  riposte projects get acme           its quotas, how far each is used, what it refused
  riposte projects --all --json | jq '{name, used: .quotas.stored_bytes.used}'

Exit codes: 0 there are some, 1 there are none, 2 the gateway could not be asked.";

/// List projects, or show one with its quotas; for operators.
///
/// Lists projects, the newest first, with what each has, and of how much where a quota limits it.
#[derive(Debug, Args)]
#[command(after_help = AFTER_HELP, args_conflicts_with_subcommands = true)]
pub struct ProjectsArgs {
    #[command(subcommand)]
    one: Option<Get>,
    #[command(flatten)]
    list: ListOptions,
    #[command(flatten)]
    gateway: GatewayOptions,
}

#[derive(Debug, Subcommand)]
enum Get {
    /// Show a project: its quotas, how far each is used, and what is opened for it.
    Get {
        /// The project: its name, or prj_…
        called: String,
        /// Print what the API gives
        #[arg(long)]
        json: bool,
    },
}

impl ProjectsArgs {
    /// Lists or shows.
    ///
    /// # Errors
    /// If the gateway cannot be asked, or refuses.
    pub fn run(self, out: &mut dyn Write) -> Result<Exit, CliError> {
        block_on(async {
            let clock = Clock::system();
            let gateway = self.gateway.gateway(&clock)?;
            let Some(Get::Get { called, json }) = self.one else {
                let query = Query::new(PATH);
                return self
                    .list
                    .show::<Project>(&gateway, &query, &clock, out)
                    .await;
            };
            show_one(&gateway, &at(PATH, &called), json, out, |answer, out| {
                Ok(answer.read::<Project>()?.write(clock.now(), out)?)
            })
            .await
        })
    }
}
