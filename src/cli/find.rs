//! What is meant by what one has at hand.

use std::io::{self, Write};

use owo_colors::OwoColorize as _;
use serde::Deserialize;

use super::{
    CliError, Exit,
    client::{Answer, ClientError, Gateway, read},
    list::{Page, Query, line},
    terminal,
};

/// What was found.
pub struct Found {
    answer: Answer,
    hits: Vec<Hit>,
    hints: Vec<String>,
}

/// Something that was found.
#[derive(Debug, Deserialize)]
pub struct Hit {
    /// What it is.
    pub kind: String,
    /// By what it was found.
    by: String,
    /// Its name.
    pub id: String,
    path: Option<String>,
    /// What it is and how it stands, in a sentence.
    pub summary: String,
    /// All of it, as the API gives it.
    #[serde(skip)]
    pub json: String,
}

#[derive(Deserialize)]
struct Hints {
    hints: Vec<String>,
}

/// What `text` may mean.
///
/// # Errors
/// If the gateway cannot be asked, or refuses.
pub async fn find(gateway: &Gateway, text: &str) -> Result<Found, ClientError> {
    let path = Query::new("/v1/find").with("q", Some(text)).path();
    let answer = gateway.get(&path).await?;
    let hits = Page::of(&answer)?.data;
    let hits = hits.iter().map(|hit| Hit::read(hit.get()));
    let Hints { hints } = answer.read()?;
    Ok(Found {
        hits: hits.collect::<Result<_, _>>()?,
        hints,
        answer,
    })
}

impl Hit {
    fn read(json: &str) -> Result<Self, ClientError> {
        Ok(Self {
            json: json.to_owned(),
            ..read(json)?
        })
    }

    /// Where it is; of an attempt where its delivery is.
    pub fn path(&self) -> Option<&str> {
        let path = self.path.as_deref()?;
        Some(path.split("/attempts/").next().unwrap_or(path))
    }
}

impl Found {
    /// What is meant: what is called so, or the only thing that begins so. What was sent and did
    /// not become an event is told of beside the event that did.
    pub fn one(&self) -> Option<&Hit> {
        let mut there = self.hits.iter().filter(|hit| hit.kind != "refusal");
        match (there.next(), there.next(), self.hits.as_slice()) {
            (Some(only), None, _) | (None, _, [only]) => Some(only),
            _ => self.hits.iter().find(|hit| hit.by == "id"),
        }
    }

    /// Writes all that may be meant, or what it may mean that there is nothing.
    pub fn write(&self, json: bool, out: &mut dyn Write) -> Result<Exit, CliError> {
        if json {
            line(&self.answer.text, out)?;
        } else {
            self.write_for_a_reader(out)?;
        }
        Ok(match self.hits.is_empty() {
            true => Exit::No,
            false => Exit::Success,
        })
    }

    fn write_for_a_reader(&self, out: &mut dyn Write) -> io::Result<()> {
        let width = terminal::width();
        if self.hits.is_empty() {
            let mut errors = anstream::stderr();
            writeln!(errors, "nothing is called so")?;
            for hint in &self.hints {
                writeln!(errors, "  {}", terminal::hanging(hint, 2, width))?;
            }
            return Ok(());
        }
        writeln!(out, "That may be one of these; ask for one by its id:")?;
        for hit in &self.hits {
            let summary = terminal::hanging(&hit.summary, 2, width);
            writeln!(out, "\n{}\n  {summary}", hit.id.bold())?;
        }
        Ok(())
    }
}
