//! `riposte verify`: checks the signature of a webhook that was received, without any network.

mod verdict;

use std::{
    fs,
    io::{self, Read as _, Write},
    path::{Path, PathBuf},
    time::Duration,
};

use clap::Args;
use serde_json::json;

use self::verdict::{Headers, Verdict, judge};
use super::{CliError, Exit};
use crate::{
    clock::Clock,
    config::SecretText,
    domain::signature::{ID_HEADER, SIGNATURE_HEADER, Secret, SecretError, TIMESTAMP_HEADER},
};

const AFTER_HELP: &str = "\
Examples:
  riposte verify --secret whsec_… --id dlv_… --timestamp 1700000000 --signature v1,… --body body.json
  riposte verify --secret whsec_… --headers headers.txt --body body.json --tolerance 3d
  printf '%s' \"$BODY\" | riposte verify --secret whsec_… --headers headers.txt

The body must be the bytes as they came: parsed and written again, they are other bytes.

Exit codes: 0 the signature is right, 1 it is not (the reason is shown), 2 it could not be checked.";

/// Check the signature of a webhook.
///
/// Checks webhook-signature as a receiver does (Standard Webhooks, HMAC-SHA256): that one of the
/// signatures fits the id, the timestamp and the body, and that the timestamp is of now.
#[derive(Debug, Args)]
#[command(after_help = AFTER_HELP)]
pub struct VerifyArgs {
    /// The endpoint's secret, whsec_…; more than one while it is being replaced. Other users of
    /// this machine can see arguments: prefer RIPOSTE_SECRET
    #[arg(
        long,
        env = "RIPOSTE_SECRET",
        hide_env_values = true,
        value_delimiter = ' ',
        required = true,
        value_parser = hidden
    )]
    secret: Vec<SecretText>,
    /// The value of the header webhook-id
    #[arg(long, required_unless_present = "headers")]
    id: Option<String>,
    /// The value of the header webhook-timestamp
    #[arg(long, required_unless_present = "headers", allow_hyphen_values = true)]
    timestamp: Option<String>,
    /// The value of the header webhook-signature
    #[arg(long, required_unless_present = "headers")]
    signature: Option<String>,
    /// A file with the request's headers, one `name: value` a line, instead of the three above
    #[arg(long, value_name = "FILE", conflicts_with_all = ["id", "timestamp", "signature"])]
    headers: Option<PathBuf>,
    /// The file with the body; - for standard input
    #[arg(long, value_name = "FILE", default_value = "-")]
    body: PathBuf,
    /// How far the timestamp may be from now, in either direction
    #[arg(long, value_name = "DURATION", default_value = "5m", value_parser = humantime::parse_duration)]
    tolerance: Duration,
    /// Print JSON instead of a sentence
    #[arg(long)]
    json: bool,
}

/// Why there is nothing to check.
#[derive(Debug, thiserror::Error)]
pub enum VerifyArgsError {
    /// A file cannot be read.
    #[error("{} cannot be read: {reason}", path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// Why.
        reason: io::Error,
    },
    /// A secret is malformed; it is not repeated.
    #[error("--secret: {0}")]
    Secret(#[from] SecretError),
    /// A header is not in the file.
    #[error("{} has no header {name}: it needs a line `{name}: …`", path.display())]
    NoHeader {
        /// The file.
        path: PathBuf,
        /// The header.
        name: &'static str,
    },
}

impl VerifyArgs {
    /// Checks and says what is wrong.
    ///
    /// # Errors
    /// If the headers or the body cannot be read. A signature that is not right is an answer.
    pub fn run(self, out: &mut dyn Write) -> Result<Exit, CliError> {
        let secrets = self.secrets()?;
        let headers = self.read_headers()?;
        let body = read(&self.body)?;
        let verdict = judge(
            &headers,
            &body,
            &secrets,
            self.tolerance,
            Clock::system().now(),
        );
        if self.json {
            let valid = verdict == Verdict::Right;
            writeln!(
                out,
                "{}",
                json!({"valid": valid, "reason": verdict.to_string()})
            )?;
        } else {
            writeln!(out, "{verdict}")?;
        }
        Ok(if verdict == Verdict::Right {
            Exit::Success
        } else {
            Exit::No
        })
    }

    fn secrets(&self) -> Result<Vec<Secret>, VerifyArgsError> {
        let parsed = self.secret.iter().map(|text| Secret::parse(text.expose()));
        Ok(parsed.collect::<Result<_, _>>()?)
    }

    fn read_headers(&self) -> Result<Headers, VerifyArgsError> {
        let Some(path) = &self.headers else {
            let given = |value: &Option<String>| value.clone().unwrap_or_default();
            return Ok(Headers {
                id: given(&self.id),
                timestamp: given(&self.timestamp),
                signature: given(&self.signature),
            });
        };
        let bytes = read(path)?;
        let text = String::from_utf8_lossy(&bytes);
        let header = |name: &'static str| {
            verdict::find(&text, name).ok_or_else(|| VerifyArgsError::NoHeader {
                path: path.clone(),
                name,
            })
        };
        Ok(Headers {
            id: header(ID_HEADER)?,
            timestamp: header(TIMESTAMP_HEADER)?,
            signature: header(SIGNATURE_HEADER)?,
        })
    }
}

fn read(path: &Path) -> Result<Vec<u8>, VerifyArgsError> {
    let mut bytes = Vec::new();
    let read = if path == Path::new("-") {
        io::stdin().read_to_end(&mut bytes).map(|_| bytes)
    } else {
        fs::read(path)
    };
    read.map_err(|reason| VerifyArgsError::Unreadable {
        path: path.to_owned(),
        reason,
    })
}

/// Takes every text: clap would repeat in its error what a parser refuses, secret or not.
fn hidden(text: &str) -> Result<SecretText, std::convert::Infallible> {
    Ok(SecretText::new(text.trim()))
}
