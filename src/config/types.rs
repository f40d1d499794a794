//! What the values of the configuration are, where the standard library has no type for it.

use std::{
    fmt,
    path::{Path, PathBuf},
};

use toml::Value;

/// Where everything is stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Database {
    /// In one SQLite file.
    Sqlite(PathBuf),
}

impl Database {
    /// The directory in which the files that belong to the store are kept.
    pub fn directory(&self) -> &Path {
        let Self::Sqlite(file) = self;
        match file.parent() {
            Some(parent) if parent != Path::new("") => parent,
            _ => Path::new("."),
        }
    }
}

/// Written as the URL that names it.
impl fmt::Display for Database {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self::Sqlite(file) = self;
        write!(formatter, "sqlite://{}", file.display())
    }
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
