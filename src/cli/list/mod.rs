//! Lists of what a gateway has: asked for page by page, shown as a table or as JSON, a line each.

mod query;
mod table;

use std::io::{self, Write};

use clap::Args;
use owo_colors::OwoColorize as _;
use serde::{Deserialize, de::DeserializeOwned};
use serde_json::value::RawValue;

pub use self::{
    query::{Query, at},
    table::{Row, Tables},
};
use super::{
    CliError, Exit,
    client::{Answer, ClientError, Gateway, read},
    moment::Moment,
    terminal,
};
use crate::{clock::Clock, domain::time::Timestamp};

/// The most entries that the gateway gives in a page.
const MAX_PAGE: u32 = 250;

/// How much of a list is shown, and how.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Output")]
pub struct ListOptions {
    /// The most that are shown
    #[arg(long, value_name = "COUNT", default_value_t = 50, value_parser = clap::value_parser!(u32).range(1..))]
    limit: u32,
    /// Where to go on: what an earlier list ended with
    #[arg(long)]
    cursor: Option<String>,
    /// The oldest first
    #[arg(long)]
    oldest: bool,
    /// Only what was made since then: 1h, or a time like 2026-01-31T12:00:00Z
    #[arg(long, value_name = "TIME")]
    since: Option<Moment>,
    /// Only what was made before then
    #[arg(long, value_name = "TIME")]
    until: Option<Moment>,
    /// Show all there are, page by page, as they come
    #[arg(long, conflicts_with = "limit")]
    all: bool,
    /// Print what the API gives, one JSON object a line, instead of a table
    #[arg(long)]
    json: bool,
}

/// A page of a list, its entries to the letter.
#[derive(Deserialize)]
pub struct Page {
    /// The entries.
    pub data: Vec<Box<RawValue>>,
    /// Where the next page begins.
    pub next: Option<String>,
    /// Up to when all were looked at, where a search was ended before the page was full.
    pub scanned_until: Option<Timestamp>,
}

impl ListOptions {
    /// Shows what `query` finds, each as an `R`.
    ///
    /// # Errors
    /// If the gateway cannot be asked or refuses, or nothing can be written.
    pub async fn show<R: Row>(
        &self,
        gateway: &Gateway,
        query: &Query,
        clock: &Clock,
        out: &mut dyn Write,
    ) -> Result<Exit, CliError> {
        let mut shown = 0;
        let mut tables = Tables::<R>::new(terminal::width());
        let mut cursor = self.cursor.clone();
        let query = self.range(query.clone(), clock.now());
        loop {
            let path = query.page(self.page(shown), cursor.as_deref());
            let page = Page::of(&gateway.get(&path).await?)?;
            shown += u32::try_from(page.data.len()).unwrap_or(u32::MAX);
            match self.json {
                true => write_lines(&page.data, out)?,
                false => tables.write(&page.entries()?, clock.now(), out)?,
            }
            // Whoever reads along sees a page before the next one is asked for.
            out.flush()?;
            if let Some(reached) = page.scanned_until.filter(|_| page.data.is_empty()) {
                tell(&format!("none up to {reached}; looking further"))?;
            }
            cursor = page.next;
            if cursor.is_none() || self.is_enough(shown) {
                break;
            }
        }
        note::<R>(shown, cursor.as_deref())?;
        Ok(if shown > 0 { Exit::Success } else { Exit::No })
    }

    /// `query` in the order and the range of time that are asked for.
    fn range(&self, query: Query, now: Timestamp) -> Query {
        let time = |moment: Option<Moment>| moment.map(|moment| moment.before(now));
        query
            .with("order", self.oldest.then_some("oldest"))
            .with("since", time(self.since).as_ref())
            .with("until", time(self.until).as_ref())
    }

    /// How many to ask for when `shown` are shown.
    fn page(&self, shown: u32) -> u32 {
        match self.all {
            true => MAX_PAGE,
            false => (self.limit - shown).min(MAX_PAGE),
        }
    }

    fn is_enough(&self, shown: u32) -> bool {
        !self.all && shown >= self.limit
    }
}

/// Shows the one thing at `path`: with `json` as the API gives it, else as `write` has it.
///
/// # Errors
/// If the gateway cannot be asked or refuses, or nothing can be written.
pub async fn show_one(
    gateway: &Gateway,
    path: &str,
    json: bool,
    out: &mut dyn Write,
    write: impl FnOnce(&Answer, &mut dyn Write) -> Result<(), CliError>,
) -> Result<Exit, CliError> {
    let answer = gateway.get(path).await?.granted()?;
    match json {
        true => line(&answer.text, out)?,
        false => write(&answer, out)?,
    }
    Ok(Exit::Success)
}

impl Page {
    /// The page that is answered.
    ///
    /// # Errors
    /// If the gateway refuses, or answers something else.
    pub fn of(answer: &Answer) -> Result<Self, ClientError> {
        match answer.refusal() {
            Some(refusal) => Err(ClientError::Refused(refusal)),
            None => serde_json::from_str(&answer.text).map_err(ClientError::Unfamiliar),
        }
    }

    /// The entries, to be shown.
    ///
    /// # Errors
    /// If they are something else.
    pub fn entries<R: DeserializeOwned>(&self) -> Result<Vec<R>, ClientError> {
        self.data.iter().map(|entry| read(entry.get())).collect()
    }
}

/// What a user is told beside the list: on standard error, so that the list is a list.
fn note<R: Row>(shown: u32, next: Option<&str>) -> io::Result<()> {
    let note = match (shown, next) {
        (0, _) => format!("no {}", R::MANY),
        (_, Some(next)) => format!("more: --cursor {next}"),
        (_, None) => return Ok(()),
    };
    tell(&note)
}

fn tell(note: &str) -> io::Result<()> {
    writeln!(anstream::stderr(), "{}", note.dimmed())
}

fn write_lines(entries: &[Box<RawValue>], out: &mut dyn Write) -> io::Result<()> {
    entries.iter().try_for_each(|entry| line(entry.get(), out))
}

/// Writes a JSON document on one line. Line breaks stand between its tokens alone, never in them.
pub fn line(json: &str, out: &mut dyn Write) -> io::Result<()> {
    writeln!(out, "{}", json.replace(['\n', '\r'], " "))
}

/// JSON documents as one list.
pub fn array<'a>(documents: impl Iterator<Item = &'a str>) -> String {
    let documents: Vec<_> = documents.collect();
    format!("[{}]", documents.join(","))
}
