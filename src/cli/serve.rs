//! `riposte serve`: runs the gateway until it is told to stop.

use super::{CliError, Exit, options::ConfigOptions};
use clap::Args;
use std::io::Write;
#[derive(Debug, Args)]
#[command(after_help = "riposte serve")]
/// x
pub struct ServeArgs {
    #[command(flatten)]
    options: ConfigOptions,
}
/// x
#[derive(Debug, thiserror::Error)]
pub enum ServeError {}
impl ServeArgs {
    pub fn run(self, _out: &mut dyn Write) -> Result<Exit, CliError> {
        let _ = self.options;
        Ok(Exit::Success)
    }
}
