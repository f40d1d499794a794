//! What the values of the configuration are, where the standard library has no type for it.

use std::{
    fmt,
    path::{Path, PathBuf},
};

use toml::Value;

use super::postgres::PostgresUrl;

/// Where everything is stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Database {
    /// In one SQLite file.
    Sqlite(PathBuf),
    /// In a PostgreSQL database, which many nodes may share.
    Postgres(PostgresUrl),
}

impl Database {
    /// The URL that names it, with the password.
    pub fn url(&self) -> SecretText {
        SecretText::new(match self {
            Self::Sqlite(_) => self.to_string(),
            Self::Postgres(url) => url.expose().to_owned(),
        })
    }
}

/// Written as the URL that names it, without the password.
impl fmt::Display for Database {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Sqlite(file) => write!(formatter, "sqlite://{}", file.display()),
            Self::Postgres(url) => url.fmt(formatter),
        }
    }
}

/// The files beside a SQLite database that keep the keys which are not configured.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeyFiles {
    /// The database.
    pub database: PathBuf,
    /// The operator's key.
    pub operator: PathBuf,
    /// The key that endpoint secrets are encrypted with.
    pub secrets: PathBuf,
}

impl KeyFiles {
    /// Those beside `database`.
    pub fn beside(database: &Path) -> Self {
        Self {
            database: database.to_owned(),
            operator: database.with_file_name("operator.key"),
            secrets: database.with_file_name("secrets.key"),
        }
    }
}

/// When the schema of the database is brought up to date.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Migrate {
    /// At the start of each node.
    Auto,
    /// By `riposte migrate up` alone; until then no node of a newer release starts.
    Manual,
}

/// How log lines look.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LogFormat {
    /// Text on a terminal, JSON elsewhere.
    Auto,
    /// A line to read.
    Text,
    /// One JSON object a line.
    Json,
}

/// What is logged: a level, or a filter like `info,riposte::engine=debug`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LogFilter(pub(super) String);

impl LogFilter {
    /// The filter as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// A text that must not be shown: it stays out of `Debug` output.
#[derive(Clone, PartialEq, Eq)]
pub struct SecretText(String);

impl SecretText {
    /// Hides `text`.
    pub fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    /// The text itself.
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for SecretText {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("SecretText(hidden)")
    }
}

/// A value as it is shown to a reader.
pub(super) fn describe(value: &Value) -> String {
    match value {
        Value::Table(_) => "a table".to_owned(),
        other => other.to_string(),
    }
}
