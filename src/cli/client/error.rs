//! Why a gateway could not be asked, and what to do about it.

use std::io;

use super::{answer::Refusal, key::DEFAULT_KEY_FILE};
use crate::keyfile::KeyFileError;

/// Why the gateway could not be asked.
#[derive(Debug, thiserror::Error)]
pub enum ClientError {
    /// There is no key.
    #[error(
        "no API key: set RIPOSTE_KEY, pass --key, or run this where {DEFAULT_KEY_FILE} is \
         (`riposte serve` makes that file at its first start)"
    )]
    NoKey,
    /// See [`KeyFileError`].
    #[error(transparent)]
    KeyFile(#[from] KeyFileError),
    /// The key or the project cannot stand in a header.
    #[error("the {0} holds characters that an HTTP header cannot carry: was it copied whole?")]
    Header(&'static str),
    /// The URL is not one of a gateway.
    #[error("{0} is not the URL of a gateway: write it like http://127.0.0.1:8080")]
    Url(String),
    /// The client could not be set up.
    #[error("HTTP cannot be set up: {0}")]
    Setup(reqwest::Error),
    /// Nothing answers there.
    #[error(
        "no gateway answers at {url} ({reason}): start one with `riposte serve --dev`, or name \
         another one with --url"
    )]
    Unreachable {
        /// Where it was looked for.
        url: String,
        /// What happened.
        reason: String,
    },
    /// It does not know the key.
    #[error("the gateway at {url} does not accept the key from {key_from}: {detail}")]
    Key {
        /// The gateway.
        url: String,
        /// Where the key was taken from.
        key_from: &'static str,
        /// What the gateway says.
        detail: String,
    },
    /// It has no room for more, and still had none when it was asked again.
    #[error("the gateway at {url} cannot take more now, try again later: {detail}")]
    Busy {
        /// The gateway.
        url: String,
        /// What the gateway says.
        detail: String,
    },
    /// It does not do what it is asked for.
    #[error("{0}")]
    Refused(Refusal),
    /// It answers in a way that this program does not know.
    #[error(
        "the gateway answers in a way that this program does not know; is it of another \
         version? ({0})"
    )]
    Unfamiliar(serde_json::Error),
    /// The runtime could not be started.
    #[error("this process cannot be set up: {0}")]
    Runtime(io::Error),
    /// What came back is not what a gateway answers.
    #[error("what answers at {url} is no Riposte gateway: {reason}")]
    Foreign {
        /// Where it is.
        url: String,
        /// What it did.
        reason: String,
    },
}

impl ClientError {
    /// Whether the gateway says that what was named is not there.
    pub fn is_not_found(&self) -> bool {
        matches!(self, Self::Refused(refusal) if refusal.is_not_found())
    }
}
