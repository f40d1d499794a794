//! Jobs as the API gives them, as far as they are shown.

use std::{
    collections::BTreeMap,
    io::{self, Write},
};

use owo_colors::OwoColorize as _;
use serde::Deserialize;
use serde_json::{Map, Value};

use crate::{
    cli::{
        facts::Facts,
        list::Row,
        look::Sign,
        moment::{Both, from_now},
        terminal,
    },
    domain::time::Timestamp,
};

/// What comes of something to which the job did what it was asked for.
const DONE: [&str; 2] = ["redriven", "discarded"];

/// A job.
#[derive(Debug, Deserialize)]
pub struct Job {
    /// Its name.
    pub id: String,
    /// What it does.
    pub kind: String,
    /// Where it stands.
    pub state: String,
    selection: Map<String, Value>,
    rate: Option<u32>,
    /// How many things it has looked at.
    pub done: u64,
    /// How many things it looks at in all.
    pub total: Option<u64>,
    outcomes: BTreeMap<String, u64>,
    failures: Vec<Failure>,
    error: Option<String>,
    requested_by: String,
    created_at: Timestamp,
    started_at: Option<Timestamp>,
    finished_at: Option<Timestamp>,
}

/// Something to which nothing could be done.
#[derive(Debug, Deserialize)]
struct Failure {
    id: String,
    detail: String,
}

impl Row for Job {
    const MANY: &'static str = "jobs";
    const HEADER: &'static [&'static str] = &["ID", "MADE", "KIND", "STATE", "SO FAR"];

    fn cells(&self, now: Timestamp) -> Vec<String> {
        vec![
            self.id.clone(),
            from_now(self.created_at, now),
            self.kind.clone(),
            format!("{} {}", Sign::of(&self.state).plain(), self.state),
            self.progress(),
        ]
    }
}

impl Job {
    /// Whether it has ended.
    pub fn has_ended(&self) -> bool {
        self.finished_at.is_some()
    }

    /// Whether it has done what it was asked for to all that was meant.
    pub fn did_all(&self) -> bool {
        let done: u64 = DONE
            .iter()
            .filter_map(|name| self.outcomes.get(*name))
            .sum();
        self.state == "done" && done == self.done
    }

    /// How far it has come, and what came of it so far.
    pub fn progress(&self) -> String {
        let total = self.total.map_or("?".to_owned(), |total| total.to_string());
        let counts = self
            .outcomes
            .iter()
            .map(|(name, count)| format!("{count} {name}"));
        let counts: Vec<_> = counts.collect();
        match counts.is_empty() {
            true => format!("{} of {total}", self.done),
            false => format!("{} of {total}: {}", self.done, counts.join(", ")),
        }
    }

    /// Writes what came of it: a line, and the first to which nothing could be done.
    pub fn write_outcome(&self, out: &mut dyn Write) -> io::Result<()> {
        let (sign, width) = (Sign::of(&self.state), terminal::width());
        let state = self.state.style(sign.style());
        writeln!(out, "{} {state} {}", sign.coloured(), self.progress())?;
        if let Some(error) = &self.error {
            writeln!(out, "  {}", terminal::hanging(error, 2, width))?;
        }
        for failure in &self.failures {
            let detail = terminal::hanging(&failure.detail, 4, width);
            writeln!(out, "  {}\n    {}", failure.id, detail.dimmed())?;
        }
        Ok(())
    }

    /// Writes all of it for a reader.
    pub fn write(&self, now: Timestamp, out: &mut dyn Write) -> io::Result<()> {
        writeln!(out, "{}  {}", self.kind.bold(), self.id)?;
        let both = |time| Both { time, now };
        let rate = self.rate.map(|rate| format!("at most {rate} a second"));
        Facts::default()
            .fact("of", Some(&self.meant()))
            .fact("rate", rate.as_ref())
            .fact("asked for by", Some(&self.requested_by))
            .fact("made", Some(&both(self.created_at)))
            .fact("began", self.started_at.map(both).as_ref())
            .fact("ended", self.finished_at.map(both).as_ref())
            .write(out)?;
        writeln!(out)?;
        self.write_outcome(out)
    }

    /// What it is done to, in words.
    fn meant(&self) -> String {
        let part = |(name, value): (&String, &Value)| match (name.as_str(), value) {
            ("all", _) => "all dead letters".to_owned(),
            ("ids", count) => format!("{count} that were named"),
            (name, Value::String(text)) => format!("{name} {text}"),
            (name, value) => format!("{name} {value}"),
        };
        let parts: Vec<_> = self.selection.iter().map(part).collect();
        parts.join(", ")
    }
}
