//! Logs: lines to read on a terminal, one JSON object a line elsewhere, always on standard error.
//!
//! What is logged is decided where it happens; secrets are kept out there, not here.

use std::io::{IsTerminal as _, stderr};

use tracing_subscriber::{EnvFilter, fmt, layer::SubscriberExt as _, util::SubscriberInitExt as _};

use crate::config::{Log, LogFilter, LogFormat};

/// Why logs cannot be started.
#[derive(Debug, thiserror::Error)]
pub enum TelemetryError {
    /// The filter is not well-formed; the configuration has checked it, so this does not happen.
    #[error("log.level: {0}")]
    Filter(#[from] tracing_subscriber::filter::ParseError),
    /// Somebody else has started them in this process.
    #[error("logs were started twice: {0}")]
    Twice(#[from] tracing_subscriber::util::TryInitError),
}

/// Starts the logs of the whole process, as `log` says.
///
/// # Errors
/// If they were started before.
pub fn init(log: &Log) -> Result<(), TelemetryError> {
    let registry = tracing_subscriber::registry().with(filter(&log.level)?);
    let lines = fmt::layer().with_writer(stderr);
    if is_json(log.format, stderr().is_terminal()) {
        registry
            .with(lines.json().flatten_event(true).with_current_span(true))
            .try_init()?;
    } else {
        let colours = stderr().is_terminal() && std::env::var_os("NO_COLOR").is_none();
        registry.with(lines.with_ansi(colours)).try_init()?;
    }
    Ok(())
}

/// A filter as it stands, but that sqlx logs no statement unless it is asked to by name.
fn filter(level: &LogFilter) -> Result<EnvFilter, tracing_subscriber::filter::ParseError> {
    let quiet = if level.as_str().contains("sqlx") {
        ""
    } else {
        ",sqlx=warn"
    };
    EnvFilter::try_new(format!("{}{quiet}", level.as_str()))
}

fn is_json(format: LogFormat, terminal: bool) -> bool {
    match format {
        LogFormat::Auto => !terminal,
        LogFormat::Text => false,
        LogFormat::Json => true,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{Config, Flag, Sources};

    fn filter_of(level: &str) -> String {
        let flag = Flag {
            name: "--log-level",
            key: "log.level",
            value: level.to_owned(),
        };
        let sources = Sources {
            flags: vec![flag],
            ..Sources::default()
        };
        let config = Config::load(&sources).expect(level);
        filter(&config.log.level).expect(level).to_string()
    }

    #[test]
    fn statements_are_logged_only_where_sqlx_is_named() {
        assert_eq!(filter_of("debug"), "sqlx=warn,debug");
        assert_eq!(filter_of("info,sqlx=debug"), "sqlx=debug,info");
    }

    #[test]
    fn auto_is_json_where_nobody_reads_along() {
        assert!(is_json(LogFormat::Auto, false));
        assert!(!is_json(LogFormat::Auto, true));
        assert!(!is_json(LogFormat::Text, false));
        assert!(is_json(LogFormat::Json, true));
    }
}
