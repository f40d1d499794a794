//! Making a key. It is shown this once, so that it can be copied or put into a file.

use std::io::{self, IsTerminal as _, Write, stdout};

use clap::Args;
use owo_colors::OwoColorize as _;
use serde::Deserialize;
use serde_json::json;

use super::{PATH, view::Key};
use crate::{
    cli::{
        CliError, Exit,
        client::Gateway,
        list::line,
        moment::{Both, Moment},
    },
    domain::{scope::Scope, time::Timestamp},
};

/// Make a key of the project, and show it this once.
///
/// On a terminal with what belongs to it; elsewhere the key alone goes to standard output, so that
/// it can be put into a file.
#[derive(Debug, Args)]
pub struct Create {
    /// What it is called, for example CI
    name: String,
    /// When it ends: 90d, or a time like 2027-01-31T00:00:00Z; never if absent
    #[arg(long, value_name = "TIME")]
    expires: Option<Moment>,
    /// What it may do, for example events:write; may be repeated. All that yours may do if absent
    #[arg(long = "scope", value_name = "SCOPE")]
    scopes: Vec<Scope>,
    /// Print what the API gives
    #[arg(long)]
    json: bool,
}

/// A key that was made.
#[derive(Deserialize)]
pub(super) struct Made {
    #[serde(flatten)]
    pub(super) about: Key,
    key: String,
}

impl Create {
    /// Makes it and shows it.
    pub async fn run(
        self,
        gateway: &Gateway,
        now: Timestamp,
        out: &mut dyn Write,
    ) -> Result<Exit, CliError> {
        let expires = self.expires.map(|moment| moment.after(now).to_string());
        let scopes = (!self.scopes.is_empty()).then_some(&self.scopes);
        let body = json!({"name": self.name, "expires_at": expires, "scopes": scopes});
        let answer = gateway.post_json(PATH, &body).await?.granted()?;
        if self.json {
            line(&answer.text, out)?;
            return Ok(Exit::Success);
        }
        let made: Made = answer.read()?;
        made.show("is made", now, out)?;
        Ok(Exit::Success)
    }
}

impl Made {
    /// Shows it, after what `came` of it.
    pub(super) fn show(&self, came: &str, now: Timestamp, out: &mut dyn Write) -> io::Result<()> {
        let end = match self.about.expires_at {
            Some(time) => format!("expires {}", Both { time, now }),
            None => "never expires".to_owned(),
        };
        let mut errors = anstream::stderr();
        let (name, id) = (&self.about.name, &self.about.id);
        writeln!(errors, "{name} ({id}) {came}; it {end}")?;
        if stdout().is_terminal() {
            writeln!(errors, "{}", "The key is shown this once:".dimmed())?;
        }
        writeln!(out, "{}", self.key)
    }
}
