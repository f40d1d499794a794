//! Giving a key a successor, beside which it goes on for a while.

use std::io::Write;

use clap::Args;
use serde_json::{Map, Value};

use super::{PATH, make::Made};
use crate::{
    cli::{
        CliError, Exit,
        client::Gateway,
        list::{at, line},
    },
    domain::{duration::HumanDuration, time::Timestamp},
};

/// Give a key a successor, and show that this once.
///
/// The successor has the same name, scopes and end. The old key goes on for a while, so that whoever
/// has it can change over; at most two live at a time.
#[derive(Debug, Args)]
pub struct Rotate {
    /// The key: key_…
    id: String,
    /// How long the old key goes on: 1h, at most 30d, 0s to end it at once; as the gateway is
    /// configured if absent
    #[arg(long, value_name = "DURATION")]
    grace: Option<HumanDuration>,
    /// Print what the API gives
    #[arg(long)]
    json: bool,
}

impl Rotate {
    /// Rotates it, and shows the successor.
    pub async fn run(
        self,
        gateway: &Gateway,
        now: Timestamp,
        out: &mut dyn Write,
    ) -> Result<Exit, CliError> {
        let grace = self.grace.map(|grace| Value::from(grace.to_string()));
        let grace = grace.map(|grace| ("grace".to_owned(), grace));
        let body = Value::Object(grace.into_iter().collect::<Map<_, _>>());
        let path = format!("{}/rotate", at(PATH, &self.id));
        let answer = gateway.post_json(&path, &body).await?.granted()?;
        if self.json {
            line(&answer.text, out)?;
            return Ok(Exit::Success);
        }
        let made: Made = answer.read()?;
        made.show(&format!("succeeds {}", self.id), now, out)?;
        writeln!(anstream::stderr(), "{} {}", self.id, self.goes_on())?;
        Ok(Exit::Success)
    }

    /// How long the old key opens what it opened.
    fn goes_on(&self) -> String {
        match self.grace {
            Some(HumanDuration(grace)) if grace.is_zero() => "opens nothing from now on".to_owned(),
            Some(grace) => format!("goes on for {grace}, or to its own end"),
            None => "goes on for a while: `riposte keys` says how long".to_owned(),
        }
    }
}
