//! Readers of values: each takes what a layer gave and answers with a checked value, or says what
//! would have been right.

use std::{net::SocketAddr, ops::RangeInclusive, path::PathBuf, time::Duration};

use ipnet::IpNet;
use toml::Value;
use tracing_subscriber::{EnvFilter, filter::LevelFilter};

use super::{
    error::ValueError,
    postgres::{self, PostgresUrl},
    size,
    types::{Database, LogFilter, LogFormat, Migrate, describe},
};
use crate::domain::{api_key::ApiKey, seal::SealingKey};

pub(super) fn whole<T: TryFrom<i64>>(
    range: RangeInclusive<i64>,
) -> impl Fn(&Value) -> Result<T, ValueError> {
    move |value| {
        let number = value
            .as_integer()
            .ok_or_else(|| not(value, "a whole number"))?;
        let number = within(number, &range, |number| number.to_string())?;
        T::try_from(number).map_err(|_| not(value, "a whole number that this machine can hold"))
    }
}

/// A value, or the word `none`.
pub(super) fn unless_none<T>(
    read: impl Fn(&Value) -> Result<T, ValueError>,
) -> impl Fn(&Value) -> Result<Option<T>, ValueError> {
    // The environment has texts alone, and takes the type of a key from its default.
    let number = |text: &str| text.trim().parse().ok().map(Value::Integer);
    move |value| match value.as_str() {
        Some("none") => Ok(None),
        Some(text) => read(&number(text).unwrap_or_else(|| value.clone())).map(Some),
        None => read(value).map(Some),
    }
}

pub(super) fn fraction(range: RangeInclusive<f64>) -> impl Fn(&Value) -> Result<f64, ValueError> {
    move |value| {
        let number = match value {
            Value::Integer(whole) => i32::try_from(*whole).ok().map(f64::from),
            other => other.as_float(),
        };
        let number = number.ok_or_else(|| not(value, "a number, for example 0.5"))?;
        within(number, &range, |number| number.to_string())
    }
}

pub(super) fn flag(value: &Value) -> Result<bool, ValueError> {
    value.as_bool().ok_or_else(|| not(value, "true or false"))
}

pub(super) fn bytes(range: RangeInclusive<u64>) -> impl Fn(&Value) -> Result<u64, ValueError> {
    const EXPECTED: &str = "a size: write a number and its unit, for example \"256 KiB\"";
    move |value| {
        let bytes = match value {
            Value::Integer(bytes) => u64::try_from(*bytes).ok(),
            other => other.as_str().and_then(size::parse),
        };
        within(
            bytes.ok_or_else(|| not(value, EXPECTED))?,
            &range,
            size::format,
        )
    }
}

pub(super) fn duration(
    range: RangeInclusive<Duration>,
) -> impl Fn(&Value) -> Result<Duration, ValueError> {
    const EXPECTED: &str =
        "a duration: write a number and its unit (ms, s, m, h or d), for example \"15s\"";
    move |value| {
        let text = value
            .as_str()
            .and_then(|text| humantime::parse_duration(text).ok());
        let duration = text.ok_or_else(|| not(value, EXPECTED))?;
        within(duration, &range, |duration| {
            humantime::format_duration(*duration).to_string()
        })
    }
}

/// A duration of so many days, without a rest.
pub(super) fn whole_days(
    range: RangeInclusive<u64>,
) -> impl Fn(&Value) -> Result<Duration, ValueError> {
    const DAY: u64 = 24 * 60 * 60;
    let days = |days: &u64| Duration::from_secs(days * DAY);
    let read = duration(days(range.start())..=days(range.end()));
    move |value| match read(value)? {
        whole if whole.subsec_nanos() == 0 && whole.as_secs() % DAY == 0 => Ok(whole),
        _ => Err(not(value, "a number of whole days, for example \"7d\"")),
    }
}

pub(super) fn schedule(
    most: usize,
    range: RangeInclusive<Duration>,
) -> impl Fn(&Value) -> Result<Vec<Duration>, ValueError> {
    move |value| {
        let waits = list(duration(range.clone()))(value)?;
        match waits.len() {
            found if found == 0 || found > most => Err(ValueError::Length { found, most }),
            _ => Ok(waits),
        }
    }
}

pub(super) fn list<T>(
    item: impl Fn(&Value) -> Result<T, ValueError>,
) -> impl Fn(&Value) -> Result<Vec<T>, ValueError> {
    move |value| {
        let items = value
            .as_array()
            .ok_or_else(|| not(value, "a list, for example [\"a\", \"b\"]"))?;
        let numbered = items.iter().zip(1..);
        numbered
            .map(|(value, number)| item(value).map_err(|problem| in_item(number, problem)))
            .collect()
    }
}

pub(super) fn address(value: &Value) -> Result<SocketAddr, ValueError> {
    const EXPECTED: &str =
        "an IP address and a port: write it like \"127.0.0.1:8080\" or \"[::]:8080\"";
    text(value, EXPECTED)?
        .parse()
        .map_err(|_| not(value, EXPECTED))
}

pub(super) fn network(value: &Value) -> Result<IpNet, ValueError> {
    const EXPECTED: &str = "a network: write it like \"10.0.0.0/8\" or \"fd00::/8\"";
    let found: IpNet = text(value, EXPECTED)?
        .parse()
        .map_err(|_| not(value, EXPECTED))?;
    match found.trunc() {
        network if network == found => Ok(network),
        network => Err(ValueError::HostBits { found, network }),
    }
}

pub(super) fn port(value: &Value) -> Result<u16, ValueError> {
    whole(1..=65_535)(value)
}

pub(super) fn host_name(value: &Value) -> Result<String, ValueError> {
    const EXPECTED: &str = "a host name alone: write it like \"hooks.example.com\"; \
        addresses belong into allow_networks";
    match url::Host::parse(text(value, EXPECTED)?.trim_end_matches('.')) {
        Ok(url::Host::Domain(name)) => Ok(name),
        _ => Err(not(value, EXPECTED)),
    }
}

/// The refusal shows the scheme alone: a URL may hold a password.
pub(super) fn database(value: &Value) -> Result<Database, ValueError> {
    const EXPECTED: &str = "a database that is supported: it is the path of a SQLite file, written \
        like \"sqlite://data/riposte.db\" or \"sqlite:///var/lib/riposte/riposte.db\", or a PostgreSQL \
        database, written like \"postgres://riposte:password@db.example.com/riposte\"";
    let url = text(value, EXPECTED)?;
    if postgres::SCHEMES
        .iter()
        .any(|scheme| url.starts_with(scheme))
    {
        let parsed = PostgresUrl::parse(url).map(Database::Postgres);
        return parsed.map_err(|error| ValueError::Secret(error.to_string()));
    }
    let path = url
        .strip_prefix("sqlite://")
        .filter(|path| is_file_path(path));
    let scheme = url
        .split_once("://")
        .map(|(scheme, _)| format!("{scheme}://…"));
    path.map(|path| Database::Sqlite(PathBuf::from(path)))
        .ok_or_else(|| ValueError::Not {
            found: scheme.unwrap_or_else(|| "this".to_owned()),
            expected: EXPECTED,
        })
}

fn is_file_path(path: &str) -> bool {
    !path.is_empty() && !path.ends_with('/') && !path.contains(['?', '\0'])
}

pub(super) fn operator_key(value: &Value) -> Result<ApiKey, ValueError> {
    let parsed = ApiKey::parse(value.as_str().unwrap_or_default().trim());
    parsed.map_err(|error| ValueError::Secret(error.to_string()))
}

pub(super) fn sealing_key(value: &Value) -> Result<SealingKey, ValueError> {
    let parsed = SealingKey::parse(value.as_str().unwrap_or_default().trim());
    parsed.map_err(|error| ValueError::Secret(error.to_string()))
}

pub(super) fn migrate(value: &Value) -> Result<Migrate, ValueError> {
    match value.as_str() {
        Some("auto") => Ok(Migrate::Auto),
        Some("manual") => Ok(Migrate::Manual),
        _ => Err(not(value, "\"auto\" or \"manual\"")),
    }
}

pub(super) fn log_format(value: &Value) -> Result<LogFormat, ValueError> {
    match value.as_str() {
        Some("auto") => Ok(LogFormat::Auto),
        Some("text") => Ok(LogFormat::Text),
        Some("json") => Ok(LogFormat::Json),
        _ => Err(not(value, "\"auto\", \"text\" or \"json\"")),
    }
}

/// A word without `=` must be a level: `EnvFilter` takes a misspelt one for a module's name.
pub(super) fn log_filter(value: &Value) -> Result<LogFilter, ValueError> {
    const EXPECTED: &str = "a level (off, error, warn, info, debug or trace) or a filter like \
        \"info,riposte::engine=debug\"";
    let filter = text(value, EXPECTED)?;
    let well_formed = |part: &str| match part.rsplit_once('=') {
        Some((_, level)) => level.parse::<LevelFilter>().is_ok(),
        None => part.parse::<LevelFilter>().is_ok(),
    };
    if filter.split(',').all(|part| well_formed(part.trim())) && EnvFilter::try_new(filter).is_ok()
    {
        Ok(LogFilter(filter.to_owned()))
    } else {
        Err(not(value, EXPECTED))
    }
}

fn text<'v>(value: &'v Value, expected: &'static str) -> Result<&'v str, ValueError> {
    value.as_str().ok_or_else(|| not(value, expected))
}

fn not(value: &Value, expected: &'static str) -> ValueError {
    ValueError::Not {
        found: describe(value),
        expected,
    }
}

fn in_item(number: usize, problem: ValueError) -> ValueError {
    ValueError::Item {
        number,
        problem: Box::new(problem),
    }
}

fn within<T: PartialOrd>(
    value: T,
    range: &RangeInclusive<T>,
    show: impl Fn(&T) -> String,
) -> Result<T, ValueError> {
    if range.contains(&value) {
        return Ok(value);
    }
    Err(ValueError::Range {
        found: show(&value),
        least: show(range.start()),
        most: show(range.end()),
    })
}
