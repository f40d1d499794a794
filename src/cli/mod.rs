//! The command line: a file per command. A command takes its arguments and a writer, and answers
//! with an [`Exit`] or with an error that says what to do.

mod advice;
mod attempts;
mod backup;
mod check;
mod clauses;
mod client;
mod completions;
mod confirm;
mod copy;
mod dead_letters;
mod deliveries;
mod demo;
mod endpoints;
mod events;
mod facts;
mod find;
mod follow;
mod jobs;
mod keygen;
mod keys;
mod list;
mod listen;
mod listeners;
mod look;
mod match_;
mod migrate;
mod moment;
mod nodes;
mod options;
mod pretty;
mod projects;
mod redrive;
mod refusals;
mod send;
mod serve;
mod tail;
mod terminal;
mod trace;
mod verify;
mod why;

use std::{
    io::{self, Write},
    process::ExitCode,
};

use clap::{Parser, Subcommand};

use crate::config::ConfigError;

const AFTER_HELP: &str = "\
First steps:
  riposte demo                     watch a platform at work, for a few seconds
  riposte serve --dev              start a gateway on this machine; it shows what to try first
  riposte send site.deployed --data '{\"site\": 7}'
  riposte why ID                   why did my webhook not arrive?
  riposte tail                     watch what happens, as it happens
  riposte check                    show the configuration and where each value comes from

Exit codes:
  0  it worked
  1  the answer is no: an event was refused, nothing matched, a signature is not right
  2  it could not be done: bad arguments, a bad configuration, no gateway; the error says what to do";

/// The outbound reaction gateway of event-driven platforms.
///
/// Services send events, users say which webhooks they want for which events, and Riposte delivers
/// them: signed, retried, and with a log that explains everything.
#[derive(Debug, Parser)]
#[command(version, after_help = AFTER_HELP, arg_required_else_help = true)]
pub struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    Serve(serve::ServeArgs),
    Demo(demo::DemoArgs),
    Send(send::SendArgs),
    Why(why::WhyArgs),
    Trace(trace::TraceArgs),
    Events(events::EventsArgs),
    Deliveries(deliveries::DeliveriesArgs),
    Attempts(attempts::AttemptsArgs),
    Refusals(refusals::RefusalsArgs),
    Endpoints(endpoints::EndpointsArgs),
    Listeners(listeners::ListenersArgs),
    DeadLetters(dead_letters::DeadLettersArgs),
    Redrive(redrive::RedriveArgs),
    Discard(redrive::DiscardArgs),
    Jobs(jobs::JobsArgs),
    Keys(keys::KeysArgs),
    Keygen(keygen::KeygenArgs),
    Projects(projects::ProjectsArgs),
    Nodes(nodes::NodesArgs),
    Tail(tail::TailArgs),
    Listen(listen::ListenArgs),
    Backup(backup::BackupArgs),
    Migrate(migrate::MigrateArgs),
    Copy(copy::CopyArgs),
    Match(match_::MatchArgs),
    Verify(verify::VerifyArgs),
    Check(check::CheckArgs),
    Completions(completions::CompletionsArgs),
}

/// How a command ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Exit {
    /// It worked.
    Success,
    /// It was done, and the answer is no.
    No,
    /// It could not be done.
    Unusable,
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        match exit {
            Exit::Success => Self::SUCCESS,
            Exit::No => Self::from(1),
            Exit::Unusable => Self::from(2),
        }
    }
}

/// Why a command could not be done.
#[derive(Debug, thiserror::Error)]
pub enum CliError {
    /// The configuration cannot be used.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// See [`serve::ServeError`].
    #[error(transparent)]
    Serve(#[from] serve::ServeError),
    /// See [`demo::DemoError`].
    #[error(transparent)]
    Demo(#[from] demo::DemoError),
    /// See [`client::ClientError`].
    #[error(transparent)]
    Client(#[from] client::ClientError),
    /// See [`send::SendError`].
    #[error(transparent)]
    Send(#[from] send::SendError),
    /// See [`match_::MatchError`].
    #[error(transparent)]
    Match(#[from] match_::MatchError),
    /// See [`listen::ListenError`].
    #[error(transparent)]
    Listen(#[from] listen::ListenError),
    /// See [`verify::VerifyArgsError`].
    #[error(transparent)]
    Verify(#[from] verify::VerifyArgsError),
    /// See [`confirm::ConfirmError`].
    #[error(transparent)]
    Confirm(#[from] confirm::ConfirmError),
    /// See [`backup::BackupError`].
    #[error(transparent)]
    Backup(#[from] backup::BackupError),
    /// See [`migrate::MigrateError`].
    #[error(transparent)]
    Migrate(#[from] migrate::MigrateError),
    /// See [`check::ConnectError`].
    #[error(transparent)]
    Connect(#[from] check::ConnectError),
    /// See [`copy::CopyCommandError`].
    #[error(transparent)]
    Copy(#[from] copy::CopyCommandError),
    /// What was to be shown could not be written.
    #[error("the output cannot be written: {0}")]
    Output(#[from] io::Error),
}

impl CliError {
    /// How a command ends with this. That something is not there is an answer.
    fn exit(&self) -> Exit {
        match self {
            Self::Client(error) if error.is_not_found() => Exit::No,
            _ => Exit::Unusable,
        }
    }
}

impl Cli {
    /// Runs the command and reports an error, if there is one, on standard error.
    pub fn run(self) -> ExitCode {
        let mut out = anstream::stdout();
        let result = self
            .command
            .run(&mut out)
            .and_then(|exit| Ok(out.flush().map(|()| exit)?));
        match result {
            Ok(exit) => exit.into(),
            // Whoever reads our output has seen enough: `riposte check | head` is no failure.
            Err(CliError::Output(error)) if error.kind() == io::ErrorKind::BrokenPipe => {
                ExitCode::SUCCESS
            }
            Err(error) => {
                // If standard error is closed too, the exit code is all that can still be said.
                let _ = writeln!(anstream::stderr(), "error: {error}");
                error.exit().into()
            }
        }
    }
}

impl Command {
    fn run(self, out: &mut dyn Write) -> Result<Exit, CliError> {
        match self {
            Self::Serve(args) => args.run(out),
            Self::Demo(args) => args.run(out),
            Self::Send(args) => args.run(out),
            Self::Why(args) => args.run(out),
            Self::Trace(args) => args.run(out),
            Self::Events(args) => args.run(out),
            Self::Deliveries(args) => args.run(out),
            Self::Attempts(args) => args.run(out),
            Self::Refusals(args) => args.run(out),
            Self::Endpoints(args) => args.run(out),
            Self::Listeners(args) => args.run(out),
            Self::DeadLetters(args) => args.run(out),
            Self::Redrive(args) => args.run(out),
            Self::Discard(args) => args.run(out),
            Self::Jobs(args) => args.run(out),
            Self::Keys(args) => args.run(out),
            Self::Keygen(args) => args.run(out),
            Self::Projects(args) => args.run(out),
            Self::Nodes(args) => args.run(out),
            Self::Tail(args) => args.run(out),
            Self::Listen(args) => args.run(out),
            Self::Backup(args) => args.run(out),
            Self::Migrate(args) => args.run(out),
            Self::Copy(args) => args.run(out),
            Self::Match(args) => args.run(out),
            Self::Verify(args) => args.run(out),
            Self::Check(args) => args.run(out),
            Self::Completions(args) => args.run(out),
        }
    }
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory as _;

    use super::*;

    #[test]
    fn the_arguments_are_consistent() {
        Cli::command().debug_assert();
    }

    #[test]
    fn every_command_teaches_with_an_example() {
        for command in Cli::command().get_subcommands() {
            let name = command.get_name();
            let help = command
                .get_after_help()
                .map(ToString::to_string)
                .unwrap_or_default();
            assert!(help.contains(&format!("riposte {name}")), "{name}");
            assert!(command.get_about().is_some(), "{name}");
        }
    }
}
