//! `riposte keys`: who may speak for a project.

mod make;
mod rotate;
mod view;

use std::io::Write;

use clap::{Args, Subcommand};

use self::{make::Create, rotate::Rotate, view::Key};
use super::{
    CliError, Exit,
    client::{GatewayOptions, block_on},
    list::{ListOptions, Query, at},
};
use crate::clock::Clock;

/// Where keys are.
const PATH: &str = "/v1/keys";

const AFTER_HELP: &str = "\
Examples:
  riposte keys --project acme
  riposte keys create CI --expires 90d --scope events:write
  riposte keys create CI --project acme > acme.key      the key alone, in a file
  riposte keys rotate key_01h455vb4pex5vsknk084sn02q --grace 1h > acme.key
  riposte keys revoke key_01h455vb4pex5vsknk084sn02q

Exit codes:
  0  it is done, or there are some
  1  there are none, or no such key
  2  it could not be done";

/// List, make, rotate and revoke API keys of a project.
///
/// Lists the keys of the project, the newest first, those that were revoked too.
#[derive(Debug, Args)]
#[command(after_help = AFTER_HELP, args_conflicts_with_subcommands = true)]
pub struct KeysArgs {
    #[command(subcommand)]
    what: Option<What>,
    #[command(flatten)]
    list: ListOptions,
    #[command(flatten)]
    gateway: GatewayOptions,
}

#[derive(Debug, Subcommand)]
enum What {
    Create(Create),
    Rotate(Rotate),
    /// Revoke a key: it opens nothing from now on.
    Revoke {
        /// The key: key_…
        id: String,
    },
}

impl KeysArgs {
    /// Lists, makes, rotates or revokes.
    ///
    /// # Errors
    /// If the gateway cannot be asked, or refuses.
    pub fn run(self, out: &mut dyn Write) -> Result<Exit, CliError> {
        block_on(async {
            let clock = Clock::system();
            let gateway = self.gateway.gateway(&clock)?;
            match self.what {
                None => {
                    let query = Query::new(PATH);
                    self.list.show::<Key>(&gateway, &query, &clock, out).await
                }
                Some(What::Create(create)) => create.run(&gateway, clock.now(), out).await,
                Some(What::Rotate(rotate)) => rotate.run(&gateway, clock.now(), out).await,
                Some(What::Revoke { id }) => {
                    gateway.delete(&at(PATH, &id)).await?.granted()?;
                    writeln!(
                        anstream::stderr(),
                        "{id} is revoked: it opens nothing from now on"
                    )?;
                    Ok(Exit::Success)
                }
            }
        })
    }
}
