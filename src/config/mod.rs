//! The configuration: every key, its default, and the checked value that the program works with.
//!
//! A key is given by the built-in defaults, the configuration file, the environment or a flag; the
//! later one wins. A key that nobody knows, or a value that cannot be used, stops the start with an
//! error that names the place. What has passed is a real value: a duration, not a text. What is
//! done with the values is not known here.

mod environment;
mod error;
mod file;
mod postgres;
mod sections;
mod settings;
mod size;
mod types;
mod values;

use std::net::SocketAddr;

pub use error::{ConfigError, Conflict, Origin, ValueError};
pub use postgres::{PostgresUrl, PostgresUrlError};
pub use sections::{
    Dedupe, DefaultQuotas, Delivery, Idempotency, Ingest, Limits, Log, Postgres, Retention, Retry,
    Secrets, Shutdown, Sqlite, Stream, keys,
};
pub use settings::{Flag, Key, Setting, Settings, Sources};
pub use types::{Database, KeyFiles, LogFilter, LogFormat, Migrate, SecretText};

use values::{address, database, operator_key, sealing_key};

use crate::domain::{api_key::ApiKey, seal::SealingKey};

/// Where the configuration file is looked for if no other is named.
pub const DEFAULT_FILE: &str = "config/riposte.toml";

/// The whole configuration, checked.
#[derive(Debug, Clone)]
pub struct Config {
    /// Whether this is the development profile: loopback, `localhost`, http and every port are
    /// open to the webhooks of the project `default`, and the gateway listens on loopback only.
    pub dev: bool,
    /// Where the gateway listens; port 0 takes a free one.
    pub listen: SocketAddr,
    /// Where everything is stored.
    pub database: Database,
    /// The operator's API key; if none is given it is kept in a file, see [`KeyFiles`].
    pub operator_key: Option<ApiKey>,
    /// The key that endpoint secrets are encrypted with; if none is given it is kept in a file, see
    /// [`KeyFiles`].
    pub secrets_key: Option<SealingKey>,
    /// See [`Limits`].
    pub limits: Limits,
    /// See [`Ingest`].
    pub ingest: Ingest,
    /// See [`DefaultQuotas`].
    pub quotas: DefaultQuotas,
    /// See [`Delivery`].
    pub delivery: Delivery,
    /// See [`Retry`].
    pub retry: Retry,
    /// See [`Secrets`].
    pub secrets: Secrets,
    /// See [`Dedupe`].
    pub dedupe: Dedupe,
    /// See [`Idempotency`].
    pub idempotency: Idempotency,
    /// See [`Retention`].
    pub retention: Retention,
    /// See [`Stream`].
    pub stream: Stream,
    /// See [`Shutdown`].
    pub shutdown: Shutdown,
    /// See [`Log`].
    pub log: Log,
    /// See [`Sqlite`].
    pub sqlite: Sqlite,
    /// See [`Postgres`].
    pub postgres: Postgres,
}

impl Config {
    /// Gathers what `sources` say and checks it.
    ///
    /// # Errors
    /// The first thing that is wrong, with its place.
    pub fn load(sources: &Sources) -> Result<Self, ConfigError> {
        Self::from_settings(&Settings::load(sources)?)
    }

    /// Checks what was gathered.
    ///
    /// # Errors
    /// The first value that cannot be used, or two that do not go together, with its place.
    pub fn from_settings(settings: &Settings) -> Result<Self, ConfigError> {
        let config = Self {
            dev: settings.dev(),
            listen: settings.get("listen", address)?,
            database: settings.get("database", database)?,
            operator_key: settings.get_optional("operator_key", operator_key)?,
            secrets_key: settings.get_optional("secrets_key", sealing_key)?,
            limits: Limits::read(settings)?,
            ingest: Ingest::read(settings)?,
            quotas: DefaultQuotas::read(settings)?,
            delivery: Delivery::read(settings)?,
            retry: Retry::read(settings)?,
            secrets: Secrets::read(settings)?,
            dedupe: Dedupe::read(settings)?,
            idempotency: Idempotency::read(settings)?,
            retention: Retention::read(settings)?,
            stream: Stream::read(settings)?,
            shutdown: Shutdown::read(settings)?,
            log: Log::read(settings)?,
            sqlite: Sqlite::read(settings)?,
            postgres: Postgres::read(settings)?,
        };
        config.check_together(settings)?;
        Ok(config)
    }

    /// The files that keep the keys which are not configured; none where they must be.
    pub fn key_files(&self) -> Option<KeyFiles> {
        match &self.database {
            Database::Sqlite(file) => Some(KeyFiles::beside(file)),
            Database::Postgres(_) => None,
        }
    }

    /// Refuses values that are possible each for itself, but not together.
    fn check_together(&self, settings: &Settings) -> Result<(), ConfigError> {
        let (limits, ingest) = (&self.limits, &self.ingest);
        let pairs = [
            (
                limits.event_bytes <= limits.request_bytes,
                ["limits.event_bytes", "limits.request_bytes"],
            ),
            (
                limits.request_bytes <= ingest.queue_bytes,
                ["limits.request_bytes", "ingest.queue_bytes"],
            ),
            (
                limits.batch_events <= ingest.queue_events,
                ["limits.batch_events", "ingest.queue_events"],
            ),
        ];
        if let Some((_, [smaller, larger])) = pairs.into_iter().find(|(fits, _)| !fits) {
            return Err(settings.conflict(smaller, larger));
        }
        if self.dev && !self.listen.ip().is_loopback() {
            return Err(ConfigError::OpenToOthers {
                origin: settings.origin("listen"),
                address: self.listen,
            });
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests;
