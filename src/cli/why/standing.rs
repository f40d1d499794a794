//! Endpoints and listeners: how they stand, and what of theirs did not arrive.

use std::io::Write;

use owo_colors::OwoColorize as _;

use super::Asker;
use crate::cli::{
    CliError,
    client::Answer,
    deliveries::{self, Delivery},
    endpoints::Endpoint,
    list::{Page, Query, Tables, array, line},
    listeners::Listener,
    terminal,
};

/// How many deliveries of each state are shown.
const MAX_SHOWN: u32 = 5;

/// The states, each with what is said of its deliveries.
const STATES: [(&str, &str); 5] = [
    ("pending", "What waits"),
    ("dead", "What was given up"),
    ("skipped", "What was skipped"),
    ("cancelled", "What was called off"),
    ("delivered", "What was delivered"),
];

impl Asker<'_> {
    /// Explains the endpoint called `id` at `path`.
    pub(super) async fn explain_endpoint(
        &self,
        id: &str,
        path: &str,
        out: &mut dyn Write,
    ) -> Result<(), CliError> {
        let answer = self.gateway.get(path).await?.granted()?;
        if !self.json {
            answer.read::<Endpoint>()?.write(self.clock.now(), out)?;
        }
        self.latest(&answer, "endpoint", id, out).await
    }

    /// Explains the listener called `id` at `path`.
    pub(super) async fn explain_listener(
        &self,
        id: &str,
        path: &str,
        out: &mut dyn Write,
    ) -> Result<(), CliError> {
        let answer = self.gateway.get(path).await?.granted()?;
        if !self.json {
            answer.read::<Listener>()?.write(self.clock.now(), out)?;
        }
        self.latest(&answer, "listener", id, out).await?;
        if !self.json {
            writeln!(out, "\nWhat it said to an event: riposte why evt_…")?;
        }
        Ok(())
    }

    /// Shows the latest deliveries of each state of what is called `id`, after what it `is`.
    async fn latest(
        &self,
        is: &Answer,
        filter: &'static str,
        id: &str,
        out: &mut dyn Write,
    ) -> Result<(), CliError> {
        let mut pages = Vec::new();
        for (state, title) in STATES {
            let query = Query::new(deliveries::PATH).with(filter, Some(id));
            let query = query.with("state", Some(state));
            let answer = self.gateway.get(&query.page(MAX_SHOWN, None)).await?;
            pages.push((title, Page::of(&answer)?));
        }
        if self.json {
            let all = pages.iter().flat_map(|(_, page)| &page.data);
            let (is, deliveries) = (&is.text, array(all.map(|it| it.get())));
            let document = format!(r#"{{"{filter}":{is},"deliveries":{deliveries}}}"#);
            return Ok(line(&document, out)?);
        }
        if pages.iter().all(|(_, page)| page.data.is_empty()) {
            writeln!(out, "\nNo delivery of this {filter} is there.")?;
        }
        pages
            .iter()
            .try_for_each(|(title, page)| self.table(title, page, out))
    }

    fn table(&self, title: &str, page: &Page, out: &mut dyn Write) -> Result<(), CliError> {
        if page.data.is_empty() {
            return Ok(());
        }
        let more = page.next.as_ref().map_or("", |_| ", the latest");
        writeln!(out, "\n{}", format!("{title}{more}:").bold())?;
        let rows: Vec<Delivery> = page.entries()?;
        Ok(Tables::new(terminal::width()).write(&rows, self.clock.now(), out)?)
    }
}
