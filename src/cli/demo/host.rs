//! The gateway of the demo: the same that `riposte serve` runs, in this process, on a free port of
//! this machine and a store in a temporary directory. Neither the environment nor a configuration
//! file of the user has a say in it.

use std::{
    fs, io,
    net::SocketAddr,
    path::{Path, PathBuf},
};

use tempfile::TempDir;
use tokio::{net::TcpListener, task::JoinHandle};
use tokio_util::sync::CancellationToken;

use super::{DemoError, rest::Rest};
use crate::{
    app::{App, AppError},
    cli::{
        CliError,
        client::{Gateway, Key},
    },
    clock::Clock,
    config::{Config, KeyFiles, Log, SecretText, Sources},
    keyfile,
};

/// The configuration, but for the database. Little is logged, which would break into the story, and
/// the end does not wait long.
const CONFIGURATION: &str = r#"
listen = "127.0.0.1:0"

[shutdown]
drain = "2s"

[log]
level = "error"
format = "text"
"#;

/// A gateway that runs in this process.
pub struct Host {
    address: SocketAddr,
    config: Config,
    stop: CancellationToken,
    served: JoinHandle<Result<(), AppError>>,
    // Dropped last: it holds the store.
    directory: TempDir,
}

impl Host {
    /// Starts a gateway on a new store.
    ///
    /// # Errors
    /// If it cannot start.
    pub async fn start() -> Result<Self, CliError> {
        let directory = TempDir::with_prefix("riposte-demo-").map_err(DemoError::Directory)?;
        let config = configuration(directory.path())?;
        let listener = TcpListener::bind(config.listen).await;
        let listener = listener.map_err(DemoError::Receiver)?;
        let address = listener.local_addr().map_err(DemoError::Receiver)?;
        let app = App::start(&config, address).await.map_err(DemoError::App)?;
        let stop = CancellationToken::new();
        let served = tokio::spawn(app.serve(listener, stop.clone().cancelled_owned()));
        Ok(Self {
            address,
            config,
            stop,
            served,
            directory,
        })
    }

    /// Where it listens.
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// What it logs, and how.
    pub fn log(&self) -> &Log {
        &self.config.log
    }

    /// The file that holds its operator's key.
    pub fn key_file(&self) -> PathBuf {
        KeyFiles::beside(&database_in(self.directory.path())).operator
    }

    /// Its operator's key.
    ///
    /// # Errors
    /// If the file that holds it cannot be read.
    pub fn key(&self) -> Result<SecretText, DemoError> {
        let missing = || DemoError::Directory(io::ErrorKind::NotFound.into());
        keyfile::read(&self.key_file())
            .map_err(|error| DemoError::Client(error.into()))?
            .ok_or_else(missing)
    }

    /// Speaks to it with `key`.
    ///
    /// # Errors
    /// If a client cannot be set up.
    pub fn open_with(&self, key: SecretText, clock: &Clock) -> Result<Rest, DemoError> {
        let key = Key::find(Some(key))?;
        let gateway = Gateway::new(&self.url(), key, None, clock.clone())?;
        Ok(Rest::new(gateway))
    }

    /// Stops it and removes its store.
    ///
    /// # Errors
    /// If it did not run to the end, or the store cannot be removed.
    pub async fn stop(self) -> Result<(), DemoError> {
        self.stop.cancel();
        let served = self.served.await;
        let served = served.map_err(|_panic| AppError::Engine);
        served.flatten().map_err(DemoError::App)?;
        self.directory.close().map_err(DemoError::Directory)
    }
}

fn database_in(directory: &Path) -> PathBuf {
    directory.join("riposte.db")
}

/// The configuration of a gateway whose store is in `directory`, read from a file there.
fn configuration(directory: &Path) -> Result<Config, CliError> {
    let file = directory.join("riposte.toml");
    let database = format!("sqlite://{}", database_in(directory).display());
    let database = toml::Value::String(database);
    let text = format!("database = {database}\n{CONFIGURATION}");
    fs::write(&file, text).map_err(DemoError::Directory)?;
    Ok(Config::load(&Sources {
        file: Some(file),
        ..Sources::default()
    })?)
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;

    use super::*;

    #[test]
    fn the_configuration_is_a_good_one_and_keeps_to_its_directory() {
        let directory = TempDir::new().expect("a directory");
        let config = configuration(directory.path()).expect("a configuration");
        assert_eq!(config.listen.ip(), Ipv4Addr::LOCALHOST);
        assert_eq!(config.listen.port(), 0);
        let files = config.key_files().expect("files");
        assert_eq!(files.database, database_in(directory.path()));
    }
}
