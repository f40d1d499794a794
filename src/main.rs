//! The program: it parses its arguments and runs one command.

use std::process::ExitCode;

use clap::Parser as _;
use riposte::cli::Cli;

fn main() -> ExitCode {
    Cli::parse().run()
}
