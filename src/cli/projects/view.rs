//! Projects as the API gives them, as far as they are shown.

use std::io::{self, Write};

use indicatif::{BinaryBytes, HumanCount};
use owo_colors::OwoColorize as _;
use serde::Deserialize;

use crate::{
    cli::{
        facts::Facts,
        list::Row,
        look::Sign,
        moment::{Both, from_now},
    },
    domain::time::Timestamp,
};

/// A project.
#[derive(Debug, Deserialize)]
pub struct Project {
    id: String,
    name: String,
    openings: Openings,
    quotas: Quotas,
    removal: Option<Removal>,
    created_at: Timestamp,
}

#[derive(Debug, Deserialize)]
struct Openings {
    allow_networks: Vec<String>,
    allow_hosts: Vec<String>,
    allow_http: bool,
}

#[derive(Debug, Deserialize)]
struct Quotas {
    events_per_second: Quota,
    events_burst: Quota,
    listeners: Quota,
    endpoints: Quota,
    pending_deliveries: Quota,
    stored_bytes: Quota,
}

#[derive(Debug, Deserialize)]
struct Quota {
    limit: Option<u64>,
    is_own: bool,
    used: Option<u64>,
    refused: u64,
    last_refused_at: Option<Timestamp>,
}

#[derive(Debug, Deserialize)]
struct Removal {
    job: String,
    removed: u64,
    total: Option<u64>,
}

impl Row for Project {
    const MANY: &'static str = "projects";
    const HEADER: &'static [&'static str] = &["ID", "NAME", "MADE", "HAS"];

    fn cells(&self, now: Timestamp) -> Vec<String> {
        vec![
            self.id.clone(),
            self.name.clone(),
            from_now(self.created_at, now),
            self.has(),
        ]
    }
}

impl Project {
    /// What it has, in a line.
    fn has(&self) -> String {
        if let Some(removal) = &self.removal {
            let sign = Sign::Waiting.plain();
            return format!("{sign} is being removed by {}", removal.job);
        }
        let quotas = &self.quotas;
        [
            format!("{} endpoints", quotas.endpoints.used(count)),
            format!("{} listeners", quotas.listeners.used(count)),
            format!("{} pending", quotas.pending_deliveries.used(count)),
            quotas.stored_bytes.used(bytes),
        ]
        .join(", ")
    }

    /// Writes all of it for a reader.
    pub fn write(&self, now: Timestamp, out: &mut dyn Write) -> io::Result<()> {
        writeln!(out, "{}  {}", self.name.bold(), self.id)?;
        let quotas = &self.quotas;
        let quota = |quota: &Quota| Some(quota.line(count, now));
        let stored = quotas.stored_bytes.line(bytes, now);
        let made = Both {
            time: self.created_at,
            now,
        };
        Facts::default()
            .fact("made", Some(&made))
            .fact("removal", self.removal.as_ref().map(Removal::line).as_ref())
            .fact("endpoints", quota(&quotas.endpoints).as_ref())
            .fact("listeners", quota(&quotas.listeners).as_ref())
            .fact("pending", quota(&quotas.pending_deliveries).as_ref())
            .fact("stored", Some(&stored))
            .fact("events/second", quota(&quotas.events_per_second).as_ref())
            .fact("events at once", quota(&quotas.events_burst).as_ref())
            .fact("may reach", self.openings.line().as_ref())
            .write(out)
    }
}

impl Quota {
    /// How much there is, and of how much where it is limited.
    fn used(&self, shown: fn(u64) -> String) -> String {
        match (self.used.map(shown), self.limit.map(shown)) {
            (Some(used), Some(limit)) => format!("{used} of {limit}"),
            (Some(used), None) => used,
            (None, Some(limit)) => format!("at most {limit}"),
            (None, None) => "no limit".to_owned(),
        }
    }

    /// All of it, in a line.
    fn line(&self, shown: fn(u64) -> String, now: Timestamp) -> String {
        let mut line = self.used(shown);
        if self.is_own {
            line.push_str(", its own limit");
        }
        if let Some(at) = self.last_refused_at {
            let (refused, at) = (count(self.refused), from_now(at, now));
            line.push_str(&format!(", refused {refused}, last {at}"));
        }
        line
    }
}

impl Removal {
    fn line(&self) -> String {
        let total = self.total.map_or("?".to_owned(), |total| total.to_string());
        format!("{} of {total} are gone, by {}", self.removed, self.job)
    }
}

impl Openings {
    /// What is opened; none if nothing is.
    fn line(&self) -> Option<String> {
        let http = self.allow_http.then(|| "plain http".to_owned());
        let all = self.allow_networks.iter().chain(&self.allow_hosts);
        let all: Vec<_> = all.cloned().chain(http).collect();
        (!all.is_empty()).then(|| all.join(", "))
    }
}

/// A number with marks at the thousands.
fn count(number: u64) -> String {
    HumanCount(number).to_string()
}

/// A number of bytes in the unit that suits it.
fn bytes(number: u64) -> String {
    BinaryBytes(number).to_string()
}
