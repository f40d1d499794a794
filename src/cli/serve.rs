//! `riposte serve`: runs the gateway until it is told to stop.

pub(super) mod stop;
mod welcome;

use std::{
    io::{self, ErrorKind, IsTerminal as _, Write, stdout},
    net::SocketAddr,
};

use clap::Args;
use tokio::net::TcpListener;

pub(super) use self::welcome::quoted;
use self::welcome::{OperatorKey, Welcome};
use super::{CliError, Exit, options::ConfigOptions};
use crate::{
    app::{App, AppError},
    clock::Clock,
    config::Config,
    domain::chance::Chance,
    keys::{Keys, KeysError},
    telemetry::{self, TelemetryError},
};

const AFTER_HELP: &str = "\
Examples:
  riposte serve --dev                   webhooks may go to this machine: to try things out
  riposte serve --config /etc/riposte.toml
  RIPOSTE_LISTEN=0.0.0.0:8080 RIPOSTE_DATABASE=sqlite:///var/lib/riposte/riposte.db riposte serve

The first SIGTERM or Ctrl-C finishes what is under way (key shutdown.drain says for how long); the
second one ends at once. Nothing that was accepted is lost either way.

Exit codes: 0 it was stopped, 2 it could not start or go on; the error says what to do.";

/// Run the gateway.
///
/// Takes events over HTTP and delivers webhooks, until SIGTERM or Ctrl-C. Everything is kept in
/// one SQLite file; keys are made at the first start and kept in files beside it.
#[derive(Debug, Args)]
#[command(after_help = AFTER_HELP)]
pub struct ServeArgs {
    #[command(flatten)]
    options: ConfigOptions,
}

/// Why the gateway cannot run.
#[derive(Debug, thiserror::Error)]
pub enum ServeError {
    /// See [`TelemetryError`].
    #[error(transparent)]
    Telemetry(#[from] TelemetryError),
    /// The runtime or its signals could not be set up.
    #[error("this process cannot be set up: {0}")]
    Runtime(io::Error),
    /// See [`KeysError`].
    #[error(transparent)]
    Keys(#[from] KeysError),
    /// See [`AppError`].
    #[error(transparent)]
    App(#[from] AppError),
    /// Another program listens there.
    #[error(
        "{0} is in use: another program, perhaps another gateway, listens there; stop it, or \
         choose another address with --listen, for example --listen {ip}:{port}",
        ip = .0.ip(), port = .0.port().checked_add(1).unwrap_or(8080)
    )]
    InUse(SocketAddr),
    /// The address cannot be listened on for another reason.
    #[error("it is not possible to listen on {address}: {reason}; {hint}")]
    Listen {
        /// The address.
        address: SocketAddr,
        /// What the system says.
        reason: io::Error,
        /// What to do.
        hint: &'static str,
    },
}

impl ServeArgs {
    /// Serves until a signal comes.
    ///
    /// # Errors
    /// If the gateway cannot start, or cannot go on.
    pub fn run(self, out: &mut dyn Write) -> Result<Exit, CliError> {
        let config = Config::load(&self.options.sources())?;
        telemetry::init(&config.log).map_err(ServeError::from)?;
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .enable_all()
            .build();
        runtime
            .map_err(ServeError::Runtime)?
            .block_on(serve(config, out))
    }
}

async fn serve(config: Config, out: &mut dyn Write) -> Result<Exit, CliError> {
    let listener = bind(config.listen).await?;
    let address = listener.local_addr().map_err(ServeError::Runtime)?;
    let stop = stop::requested().map_err(ServeError::Runtime)?;
    let keys = Keys::open(&config, &Chance::from_system(), &Clock::system());
    let keys = keys.map_err(ServeError::from)?;
    let app = App::start(&config, address)
        .await
        .map_err(ServeError::from)?;
    let welcome = Welcome {
        address,
        operator_key: OperatorKey::of(&keys),
        dev: config.dev,
        terminal: stdout().is_terminal(),
    };
    welcome.show(out)?;
    if config.dev {
        tracing::warn!(
            "development profile: the project default may reach this machine, over http"
        );
    }
    app.serve(listener, stop).await.map_err(ServeError::from)?;
    Ok(Exit::Success)
}

/// Listens on `address`; where that fails, the error says what to do.
async fn bind(address: SocketAddr) -> Result<TcpListener, ServeError> {
    TcpListener::bind(address)
        .await
        .map_err(|reason| match reason.kind() {
            ErrorKind::AddrInUse => ServeError::InUse(address),
            kind => ServeError::Listen {
                address,
                reason,
                hint: hint(kind),
            },
        })
}

fn hint(kind: ErrorKind) -> &'static str {
    match kind {
        ErrorKind::PermissionDenied => {
            "ports below 1024 are for root alone: choose a higher one with --listen"
        }
        ErrorKind::AddrNotAvailable => {
            "this machine does not have that address: choose one of its own, or 0.0.0.0 for all"
        }
        _ => "choose another address with --listen",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_port_in_use_is_named_with_another_one_to_try() {
        let taken = bind(SocketAddr::from(([127, 0, 0, 1], 0)))
            .await
            .expect("a free port");
        let address = taken.local_addr().expect("its address");
        let error = bind(address).await.expect_err("in use").to_string();
        assert!(
            error.starts_with(&format!("{address} is in use")),
            "{error}"
        );
        assert!(error.contains("--listen 127.0.0.1:"), "{error}");
    }

    #[tokio::test]
    async fn an_address_of_another_machine_is_explained() {
        let elsewhere = SocketAddr::from(([192, 0, 2, 1], 0));
        let error = bind(elsewhere).await.expect_err("not ours").to_string();
        assert!(
            error.contains("this machine does not have that address"),
            "{error}"
        );
    }
}
