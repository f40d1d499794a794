//! Making a key. It is shown this once, so that it can be copied or put into a file.

use std::io::{IsTerminal as _, Write, stdout};

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
struct Made {
    #[serde(flatten)]
    about: Key,
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
        let end = match made.about.expires_at {
            Some(time) => format!("expires {}", Both { time, now }),
            None => "never expires".to_owned(),
        };
        let about = format!("{} ({}) is made; it {end}", made.about.name, made.about.id);
        let mut errors = anstream::stderr();
        writeln!(errors, "{about}")?;
        if stdout().is_terminal() {
            writeln!(errors, "{}", "The key is shown this once:".dimmed())?;
        }
        writeln!(out, "{}", made.key)?;
        Ok(Exit::Success)
    }
}
