//! What listeners said to an event, and what became of it.

use std::{
    collections::HashMap,
    io::{self, Write},
};

use owo_colors::OwoColorize as _;
use serde::Deserialize;

use crate::{
    cli::{
        clauses,
        deliveries::{DeliveryStory, write_story},
        look::Sign,
        terminal,
    },
    domain::time::Timestamp,
    rules::Explanation,
};

/// A page of verdicts.
#[derive(Deserialize)]
pub struct Verdicts {
    /// Why no listener was asked.
    pub note: Option<String>,
    /// The totals over all pages.
    pub totals: Option<Totals>,
    /// The verdicts, of those that wait for the type first.
    pub data: Vec<Verdict>,
    /// Where the next page begins.
    pub next: Option<String>,
    /// Listeners that came too late.
    pub later: Vec<Later>,
}

/// How many listeners said what.
#[derive(Deserialize)]
pub struct Totals {
    /// All of that moment.
    pub listeners: u64,
    /// Those that wait for the type.
    pub on_matched: u64,
    /// Those that matched.
    pub matched: u64,
}

/// What one listener said.
#[derive(Deserialize)]
pub struct Verdict {
    listener: String,
    revision: u32,
    name: Option<String>,
    superseded: bool,
    asked: bool,
    summary: String,
    verdict: Option<Explanation>,
    /// What became of its reactions.
    pub reactions: Vec<Reaction>,
}

/// What became of a reaction.
#[derive(Deserialize)]
pub struct Reaction {
    outcome: String,
    summary: String,
    endpoint: Option<String>,
    /// The delivery, where there is one.
    pub delivery: Option<String>,
    state: Option<String>,
    event: Option<String>,
}

/// A listener that came too late.
#[derive(Deserialize)]
pub struct Later {
    listener: String,
    name: Option<String>,
    hint: String,
}

impl Verdict {
    /// Whether the listener waits for events of this type.
    pub fn waits_for_the_type(&self) -> bool {
        let held = |verdict: &Explanation| verdict.on.iter().any(|subject| subject.held);
        self.verdict.as_ref().is_none_or(held)
    }

    /// Writes it, with the stories of its deliveries as far as they are known.
    pub fn write(
        &self,
        stories: &HashMap<String, DeliveryStory>,
        now: Timestamp,
        out: &mut dyn Write,
    ) -> io::Result<()> {
        let matched = self.verdict.as_ref().is_some_and(|it| it.matched);
        let sign = match self.asked {
            true => Sign::whether(matched),
            false => Sign::Aside,
        };
        let name = self.name.as_deref().unwrap_or("a listener without a name");
        let since = if self.superseded {
            ", changed since"
        } else {
            ""
        };
        writeln!(out, "\n{} {}", sign.coloured(), name.bold())?;
        let revision = format!("{}, revision {}{since}", self.listener, self.revision);
        writeln!(out, "  {}", revision.dimmed())?;
        let summary = terminal::hanging(&self.summary, 2, terminal::width());
        writeln!(out, "  {summary}")?;
        if let Some(verdict) = &self.verdict {
            clauses::write(&verdict.on, verdict.when.as_ref(), 4, out)?;
        }
        self.reactions
            .iter()
            .try_for_each(|reaction| reaction.write(stories, now, out))
    }
}

impl Reaction {
    fn write(
        &self,
        stories: &HashMap<String, DeliveryStory>,
        now: Timestamp,
        out: &mut dyn Write,
    ) -> io::Result<()> {
        let state = self.state.as_deref().unwrap_or(&self.outcome);
        let what = match (&self.endpoint, &self.event) {
            (Some(endpoint), _) => format!("webhook to {endpoint}"),
            (None, Some(event)) if self.outcome == "emitted" => format!("emitted {event}"),
            (None, Some(event)) => format!("event {event}"),
            (None, None) => "event".to_owned(),
        };
        writeln!(out, "  {} {what}", Sign::of(state).coloured())?;
        if let Some(delivery) = &self.delivery {
            writeln!(out, "      {}", delivery.dimmed())?;
        }
        let story = self.delivery.as_ref().and_then(|id| stories.get(id));
        match story {
            Some(story) => write_story(story, 6, now, out),
            None if self.outcome == "emitted" => Ok(()),
            None => {
                let summary = terminal::hanging(&self.summary, 6, terminal::width());
                writeln!(out, "      {summary}")
            }
        }
    }
}

impl Later {
    /// Writes it.
    pub fn write(&self, out: &mut dyn Write) -> io::Result<()> {
        let name = self.name.as_deref().unwrap_or("a listener without a name");
        let hint = terminal::hanging(&self.hint, 2, terminal::width());
        let (sign, listener) = (Sign::Aside.coloured(), self.listener.dimmed());
        writeln!(out, "\n{sign} {}\n  {listener}\n  {hint}", name.bold())
    }
}
