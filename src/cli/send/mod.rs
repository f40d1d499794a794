//! `riposte send`: sends one event, or a file of them, and shows what became of each.

mod batches;
mod events;
mod report;

use std::{
    fs::{self, File},
    io::{self, BufRead, BufReader, Write},
    path::{Path, PathBuf},
};

use clap::Args;

use self::{
    batches::Batches,
    events::{Defaults, EventError, WireEvent},
    report::Report,
};
use super::{
    CliError, Exit,
    client::{Answer, ClientError, Gateway, GatewayOptions, block_on},
};
use crate::{
    clock::Clock,
    domain::{
        chance::Chance,
        ids::{EventKind, Ids},
    },
};

const AFTER_HELP: &str = "\
Examples:
  riposte send site.deployed --subject site/7 --data '{\"version\": 3}'
  riposte send site.deployed --data @event.json
  echo '{\"version\": 3}' | riposte send site.deployed --data -
  riposte send --file events.ndjson --project prj_01h455vb4pex5vsknk084sn02q

Exit codes:
  0  every event was taken (a duplicate of an earlier one counts as taken)
  1  the gateway refused at least one
  2  nothing could be sent: the error says what to do";

/// The media type of one CloudEvent in JSON.
const SINGLE: &str = "application/cloudevents+json";

/// The media type of a batch of them.
const BATCH: &str = "application/cloudevents-batch+json";

/// Where an event comes from if nobody says so.
const DEFAULT_SOURCE: &str = "/riposte/send";

/// Send events to a gateway.
///
/// Sends one event of TYPE, or with --file all events of a file, as CloudEvents 1.0. The gateway
/// has stored an event, and all that it triggers, before this command reports it.
#[derive(Debug, Args)]
#[command(after_help = AFTER_HELP)]
pub struct SendArgs {
    /// What happened, for example site.deploy.succeeded
    #[arg(value_name = "TYPE", required_unless_present = "file")]
    event_type: Option<String>,
    /// What the event carries: JSON, @FILE, or - for standard input
    #[arg(long, value_name = "JSON", allow_hyphen_values = true)]
    data: Option<String>,
    /// What it happened to, for example site/7
    #[arg(long)]
    subject: Option<String>,
    /// Where it happened: a URI reference; /riposte/send if absent
    #[arg(long, value_name = "URI")]
    source: Option<String>,
    /// The event's id, unique for its source; the same id twice is one event. Made if absent
    #[arg(long)]
    id: Option<String>,
    /// Send all events of FILE (- for standard input): one JSON object a line, each a CloudEvent
    /// or just {"type": …, "data": …}
    #[arg(long, value_name = "FILE", conflicts_with_all = ["event_type", "data", "subject", "id"])]
    file: Option<PathBuf>,
    /// Print one JSON object per event
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    gateway: GatewayOptions,
}

/// Why events could not be sent.
#[derive(Debug, thiserror::Error)]
pub enum SendError {
    /// See [`EventError`].
    #[error(transparent)]
    Event(#[from] EventError),
    /// The data or the events cannot be read.
    #[error("{} cannot be read: {reason}", path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// Why.
        reason: io::Error,
    },
}

impl SendArgs {
    /// Sends and shows.
    ///
    /// # Errors
    /// If nothing could be sent. What the gateway refuses is an answer, not an error.
    pub fn run(self, out: &mut dyn Write) -> Result<Exit, CliError> {
        block_on(self.send(out))
    }

    async fn send(self, out: &mut dyn Write) -> Result<Exit, CliError> {
        let clock = Clock::system();
        let ids = Ids::new(Chance::from_system());
        let id = || ids.next::<EventKind>(clock.now()).uuid().to_string();
        let defaults = Defaults {
            source: self.source.as_deref().unwrap_or(DEFAULT_SOURCE),
            id: &id,
        };
        let mut report = Report::new(out, self.json);
        if let Some(file) = &self.file {
            let mut batches = Batches::new(open(file)?, defaults);
            let gateway = self.gateway.gateway(&clock)?;
            while let Some(body) = batches.next_body().map_err(SendError::from)? {
                report.add(&post(&gateway, BATCH, body).await?)?;
            }
            report.sum_up()?;
        } else {
            let event = self.event(&defaults)?;
            let gateway = self.gateway.gateway(&clock)?;
            report.add(&post(&gateway, SINGLE, event.to_json()).await?)?;
        }
        Ok(report.exit())
    }

    fn event(&self, defaults: &Defaults<'_>) -> Result<WireEvent, SendError> {
        let attributes = [
            ("id", self.id.as_deref()),
            ("subject", self.subject.as_deref()),
        ];
        let event_type = self.event_type.as_deref().unwrap_or_default();
        let data = self.data.as_deref().map(read_data).transpose()?;
        Ok(WireEvent::new(
            event_type,
            &attributes,
            data.as_deref(),
            defaults,
        )?)
    }
}

async fn post(gateway: &Gateway, content_type: &str, body: Vec<u8>) -> Result<Answer, ClientError> {
    gateway.post("/v1/events", content_type, body).await
}

/// The data itself, or what stands in the file, or on standard input, that it names.
fn read_data(given: &str) -> Result<String, SendError> {
    let (path, read) = match given.strip_prefix('@') {
        Some(path) => (path, fs::read_to_string(path)),
        None if given == "-" => ("standard input", io::read_to_string(io::stdin())),
        None => return Ok(given.to_owned()),
    };
    read.map_err(|reason| unreadable(Path::new(path), reason))
}

fn open(path: &Path) -> Result<Box<dyn BufRead>, SendError> {
    if path == Path::new("-") {
        return Ok(Box::new(io::stdin().lock()));
    }
    let file = File::open(path).map_err(|reason| unreadable(path, reason))?;
    Ok(Box::new(BufReader::new(file)))
}

fn unreadable(path: &Path, reason: io::Error) -> SendError {
    SendError::Unreadable {
        path: path.to_owned(),
        reason,
    }
}
