//! `riposte completions`: what a shell needs to complete commands and options.

use std::io::Write;

use clap::{Args, CommandFactory as _};
use clap_complete::{Shell, generate};

use super::{Cli, CliError, Exit};

const AFTER_HELP: &str = "\
Examples:
  source <(riposte completions bash)                                      in ~/.bashrc
  riposte completions zsh > \"${fpath[1]}/_riposte\"
  riposte completions fish > ~/.config/fish/completions/riposte.fish

Exit codes: 0 it is printed, 2 there is no such shell.";

/// Print the completions of a shell.
///
/// Prints a script by which a shell completes the commands and options of this program.
#[derive(Debug, Args)]
#[command(after_help = AFTER_HELP)]
pub struct CompletionsArgs {
    /// The shell
    shell: Shell,
}

impl CompletionsArgs {
    /// Prints.
    ///
    /// # Errors
    /// If nothing can be written.
    pub fn run(self, out: &mut dyn Write) -> Result<Exit, CliError> {
        let mut script = Vec::new();
        generate(self.shell, &mut Cli::command(), "riposte", &mut script);
        out.write_all(&script)?;
        Ok(Exit::Success)
    }
}
