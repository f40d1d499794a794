//! `riposte demo`: plays a story against real receivers, on a gateway of its own, and tells what
//! happens.

mod cast;
mod figures;
mod host;
mod inbox;
mod keep;
mod narrator;
mod receiver;
mod rest;
mod stage;
mod story;
mod table;
#[cfg(test)]
mod tests;

mod town;
mod wiring;

use std::{
    fmt::Display,
    io::{self, IsTerminal as _, Write, stdout},
    pin::{Pin, pin},
    time::Duration,
};

use clap::Args;
use owo_colors::OwoColorize as _;

use self::{figures::Figures, host::Host, stage::Stage};
use super::{
    CliError, Exit,
    client::ClientError,
    serve::{ServeError, stop},
};
use crate::{app::AppError, clock::Clock, telemetry};

const AFTER_HELP: &str = "\
Examples:
  riposte demo                    watch a platform at work, for a few seconds
  riposte demo --keep             leave it running then, to look at it with curl
  riposte demo --json             print the final figures alone

Everything runs in this process and listens on 127.0.0.1; the store is a temporary directory that is
removed at the end.

Exit codes:
  0  everything happened as it should
  1  something did not; the error says what
  2  it could not begin; the error says what to do";

/// How long the story may take, on a machine that has much else to do.
const LIMIT: Duration = Duration::from_secs(60);

/// Watch a platform at work: events go in, webhooks arrive.
///
/// Starts a gateway on a temporary store and real HTTP receivers around it, and plays how a platform
/// for web hosting deploys the sites of two customers: services react to each other's events,
/// customers hear of their own by signed webhooks, one receiver fails at first and is retried, one is
/// down and its webhook becomes a dead letter until it is redriven. Each line is told as it happens.
#[derive(Debug, Args)]
#[command(after_help = AFTER_HELP)]
pub struct DemoArgs {
    /// Leave the gateway and its receivers running until Ctrl-C, and show how to look at them
    #[arg(long)]
    keep: bool,
    /// Print the final figures as JSON instead of the story
    #[arg(long, conflicts_with = "keep")]
    json: bool,
}

/// Why the story was not told to its end.
#[derive(Debug, thiserror::Error)]
pub enum DemoError {
    /// The runtime or its signals could not be set up.
    #[error("this process cannot be set up: {0}")]
    Runtime(io::Error),
    /// The temporary directory cannot be made, used or removed.
    #[error(
        "the temporary directory for the store cannot be used: {0}; TMPDIR chooses another one"
    )]
    Directory(io::Error),
    /// A receiver or the gateway cannot listen.
    #[error("it is not possible to listen on 127.0.0.1: {0}")]
    Receiver(io::Error),
    /// See [`AppError`].
    #[error(transparent)]
    App(#[from] AppError),
    /// See [`ClientError`].
    #[error(transparent)]
    Client(#[from] ClientError),
    /// The gateway refuses what it should do.
    #[error("the gateway would not {what}: {why}")]
    Refused {
        /// What it should do.
        what: &'static str,
        /// What it says.
        why: String,
    },
    /// The gateway answers something else than what it was asked.
    #[error("the gateway was asked to {what}, and what it answers is not understood: {why}")]
    Unexpected {
        /// What it was asked.
        what: &'static str,
        /// What is wrong with the answer.
        why: String,
    },
    /// Something did not happen in time.
    #[error("after {} s the story still waits for {what}{}", limit.as_secs(), listed(known))]
    Late {
        /// What did not happen.
        what: String,
        /// How long the story may take.
        limit: Duration,
        /// What the gateway says of deliveries that have not come home.
        known: Vec<String>,
    },
    /// Somebody wanted it to end.
    #[error("it was interrupted before the story was over")]
    Interrupted,
    /// Something is not as it was promised.
    #[error("this is not as it should be: {0}")]
    Untrue(String),
}

impl DemoError {
    fn unexpected(what: &'static str, why: &dyn Display) -> Self {
        let why = why.to_string();
        Self::Unexpected { what, why }
    }

    /// Whether the story began, and did not go as it should.
    fn is_an_answer(&self) -> bool {
        use DemoError::{Interrupted, Late, Refused, Unexpected, Untrue};
        matches!(
            self,
            Refused { .. } | Unexpected { .. } | Late { .. } | Interrupted | Untrue(_)
        )
    }
}

impl DemoArgs {
    /// Plays and tells.
    ///
    /// # Errors
    /// If it could not begin. That something did not happen as it should is an answer.
    pub fn run(self, out: &mut dyn Write) -> Result<Exit, CliError> {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .enable_all()
            .build();
        let runtime = runtime.map_err(DemoError::Runtime)?;
        runtime.block_on(async {
            let interrupted = stop::requested().map_err(DemoError::Runtime)?;
            let host = Host::start().await?;
            telemetry::init(host.log()).map_err(ServeError::from)?;
            self.perform(host, interrupted, out).await
        })
    }

    /// Plays until `interrupted` ends at the latest, and leaves nothing behind.
    async fn perform(
        &self,
        host: Host,
        interrupted: impl Future<Output = ()>,
        out: &mut dyn Write,
    ) -> Result<Exit, CliError> {
        let mut interrupted = pin!(interrupted);
        let ended = self.play(&host, interrupted.as_mut(), out).await;
        host.stop().await?;
        match ended {
            Err(CliError::Demo(error)) if error.is_an_answer() => {
                writeln!(anstream::stderr(), "error: {error}")?;
                Ok(Exit::No)
            }
            ended => ended,
        }
    }

    async fn play(
        &self,
        host: &Host,
        mut interrupted: Pin<&mut impl Future<Output = ()>>,
        out: &mut dyn Write,
    ) -> Result<Exit, CliError> {
        let clock = Clock::system();
        let (narrator, mut script) = narrator::begin(clock.clone());
        let mut nobody = io::sink();
        let story = async {
            let stage = Stage::build(host, clock.clone(), narrator).await?;
            let figures = stage.play(LIMIT, story::play(&stage)).await?;
            Ok::<_, DemoError>((stage, figures))
        };
        let told: &mut dyn Write = match self.json {
            true => &mut nobody,
            false => &mut *out,
        };
        writeln!(told, "{}", introduction(host))?;
        let (_stage, figures) = tokio::select! {
            told = script.write_during(told, story) => told??,
            () = interrupted.as_mut() => return Err(DemoError::Interrupted.into()),
        };
        self.show(&figures, out)?;
        if self.keep {
            keep::write(host, stdout().is_terminal(), out)?;
            script.write_during(out, interrupted).await?;
        }
        Ok(Exit::Success)
    }

    fn show(&self, figures: &Figures, out: &mut dyn Write) -> Result<(), CliError> {
        match self.json {
            true => serde_json::to_writer_pretty(&mut *out, figures)
                .map_err(io::Error::from)
                .and_then(|()| writeln!(out))?,
            false => table::write(figures, out)?,
        }
        match figures.check.holds {
            true => Ok(()),
            false => Err(DemoError::Untrue("the figures do not agree".to_owned()).into()),
        }
    }
}

fn introduction(host: &Host) -> String {
    format!(
        "{}\nA gateway at {} with a temporary store, and everybody around it, in this process.",
        "A platform for web hosting, its services and two of its customers".bold(),
        host.url()
    )
}

/// Lines below what they explain.
fn listed(lines: &[String]) -> String {
    lines.iter().map(|line| format!("\n  {line}")).collect()
}
