//! The environment as a layer of the configuration: `RIPOSTE_DELIVERY__TIMEOUT` sets
//! `delivery.timeout`. What is given as text gets the type that the key's default has.

use std::ffi::OsString;

use toml::Value;

use super::{
    error::{ConfigError, Origin},
    settings::{Found, Given, Key},
};

/// What the names of all variables begin with.
const PREFIX: &str = "RIPOSTE_";

/// Variables that belong to commands, not to the configuration.
const OF_COMMANDS: &[&str] = &[
    "RIPOSTE_CONFIG",
    "RIPOSTE_KEY",
    "RIPOSTE_PROJECT",
    "RIPOSTE_URL",
    "RIPOSTE_SECRET",
];

/// What `environment` says.
///
/// # Errors
/// A variable of ours that is not UTF-8.
pub(super) fn read(environment: &[(OsString, OsString)]) -> Result<Vec<Found>, ConfigError> {
    environment
        .iter()
        .filter_map(|(name, value)| Some((name.to_str()?, value)))
        .filter(|(name, value)| is_ours(name, &value.to_string_lossy()))
        .map(|(name, value)| found(name, value))
        .collect()
}

/// The variable that sets the key `path`.
pub(super) fn variable(path: &str) -> String {
    format!("{PREFIX}{}", path.to_ascii_uppercase().replace('.', "__"))
}

/// `text` with the type of the default of `key`, if it can be read as that; else as the text that
/// it is, so that the check of the value can say what is wrong.
pub(super) fn value_of(key: &Key, text: &str) -> Value {
    let typed = match key.default_value() {
        Some(Value::Integer(_)) => text.trim().parse().ok().map(Value::Integer),
        Some(Value::Float(_)) => text.trim().parse().ok().map(Value::Float),
        Some(Value::Boolean(_)) => text.trim().parse().ok().map(Value::Boolean),
        Some(Value::Array(_)) => list(text.trim()),
        _ => None,
    };
    typed.unwrap_or_else(|| Value::String(text.to_owned()))
}

fn found(name: &str, value: &OsString) -> Result<Found, ConfigError> {
    let key = name[PREFIX.len()..].to_ascii_lowercase().replace("__", ".");
    let text = value.to_str().ok_or_else(|| ConfigError::Encoding {
        variable: name.to_owned(),
    })?;
    Ok(Found {
        key,
        value: Given::Text(text.to_owned()),
        origin: Origin::Environment(name.to_owned()),
    })
}

fn is_ours(name: &str, value: &str) -> bool {
    name.starts_with(PREFIX) && !OF_COMMANDS.contains(&name) && !is_service_link(name, value)
}

/// Whether Kubernetes set the variable: it does so for every service, also for one that somebody
/// called `riposte`.
fn is_service_link(name: &str, value: &str) -> bool {
    name.starts_with("RIPOSTE_SERVICE_")
        || name.starts_with("RIPOSTE_PORT_")
        || (name == "RIPOSTE_PORT" && value.contains("://"))
}

/// A list: in TOML if it begins with a bracket, else with commas between.
fn list(text: &str) -> Option<Value> {
    if text.starts_with('[') {
        let mut document: toml::Table = toml::from_str(&format!("value = {text}")).ok()?;
        return document.remove("value");
    }
    let items = text
        .split(',')
        .map(str::trim)
        .filter(|item| !item.is_empty());
    Some(Value::Array(items.map(item).collect()))
}

fn item(text: &str) -> Value {
    text.parse()
        .map_or_else(|_| Value::String(text.to_owned()), Value::Integer)
}
