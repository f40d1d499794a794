//! Dead letters that have their cause in common, for a reader.

use std::io::{self, Write};

use owo_colors::OwoColorize as _;
use serde::Deserialize;
use serde_json::{Map, Value};

use crate::{
    cli::{
        facts::Facts,
        look::Sign,
        moment::Both,
        redrive::{dead_letters, options_for},
        serve::quoted,
    },
    domain::time::Timestamp,
};

/// Dead letters that have their cause in common.
#[derive(Debug, Deserialize)]
pub struct Group {
    endpoint: Option<Endpoint>,
    endpoints: u64,
    reason: String,
    error_kind: Option<String>,
    cause: String,
    advice: String,
    count: u64,
    exact: bool,
    first_at: Timestamp,
    last_at: Timestamp,
    samples: Vec<String>,
    selection: Option<Map<String, Value>>,
}

/// Where they go.
#[derive(Debug, Deserialize)]
struct Endpoint {
    id: String,
    name: Option<String>,
    host: Option<String>,
    state: Option<String>,
}

impl Group {
    /// Writes it, with the command that redrives it in `project`.
    pub fn write(
        &self,
        project: Option<&str>,
        now: Timestamp,
        out: &mut dyn Write,
    ) -> io::Result<()> {
        let count = dead_letters(self.count, self.exact);
        writeln!(
            out,
            "{} {}  {}",
            Sign::Bad.coloured(),
            count.bold(),
            self.why()
        )?;
        let both = |time| Both { time, now };
        Facts::default()
            .fact("to", self.to().as_ref())
            .fact("cause", Some(&self.cause))
            .fact("to do", Some(&self.advice))
            .fact("first", Some(&both(self.first_at)))
            .fact("last", Some(&both(self.last_at)))
            .write(out)?;
        if let Some(sample) = self.samples.first() {
            fact("for example", &format!("riposte why {sample}"), out)?;
        }
        match self.redrive(project) {
            Some(command) => fact("then", &command, out),
            None => Ok(()),
        }
    }

    /// Why they were given up, in the names of the API.
    fn why(&self) -> String {
        let kind = self.error_kind.as_ref();
        let kind = kind.map_or(String::new(), |kind| format!(", {kind}"));
        format!("{}{kind}", self.reason)
    }

    /// Where they go; none for events that could not be emitted.
    fn to(&self) -> Option<String> {
        match (&self.endpoint, self.endpoints) {
            (Some(endpoint), _) => Some(endpoint.line()),
            (None, 0) => None,
            (None, 1) => Some("1 endpoint".to_owned()),
            (None, many) => Some(format!("{many} endpoints")),
        }
    }

    /// The command that takes these up again, and no others; none where nothing means them alone.
    fn redrive(&self, project: Option<&str>) -> Option<String> {
        let options = options_for(self.selection.as_ref()?)?;
        let project = project.map(|it| format!(" --project {}", quoted(it)));
        let project = project.unwrap_or_default();
        Some(format!("riposte redrive {options}{project}"))
    }
}

impl Endpoint {
    fn line(&self) -> String {
        let host = self.host.as_ref().map(|host| format!("at {host}"));
        let state = match self.state.as_deref() {
            Some("enabled") => None,
            Some(state) => Some(state.to_owned()),
            None => Some("deleted".to_owned()),
        };
        let parts = [self.name.clone(), Some(self.id.clone()), host, state];
        parts.into_iter().flatten().collect::<Vec<_>>().join(", ")
    }
}

/// Writes a command as a fact, on one line however long it is: it is there to be copied.
fn fact(name: &str, command: &str, out: &mut dyn Write) -> io::Result<()> {
    let name = format!("  {name:<14}");
    writeln!(out, "{}{command}", name.dimmed())
}
