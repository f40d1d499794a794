//! What the gateway answers: JSON, or a problem that says why not.

use std::fmt;

use reqwest::StatusCode;
use serde::de::DeserializeOwned;
use serde_json::Value;

use super::{ClientError, printable::printable};

/// What the gateway answered: JSON, whatever the status.
#[derive(Debug, Clone, PartialEq)]
pub struct Answer {
    /// The HTTP status.
    pub status: StatusCode,
    /// The body; null if there is none.
    pub body: Value,
    /// The body as it came: no number in it is rounded.
    pub text: String,
}

/// What the gateway refused, in the words of its problem (RFC 9457).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refusal {
    status: StatusCode,
    /// What it says, in a line.
    said: String,
    /// Which places it names, each with what is wrong there.
    places: Vec<String>,
}

impl Answer {
    /// An answer of `status` whose body is `text`.
    ///
    /// # Errors
    /// If there is a body that is no JSON.
    pub fn parse(status: StatusCode, text: String) -> Result<Self, serde_json::Error> {
        let body = match text.is_empty() && status == StatusCode::NO_CONTENT {
            true => Value::Null,
            false => serde_json::from_str(&text)?,
        };
        Ok(Self { status, body, text })
    }

    /// What a problem (RFC 9457) says, in a line.
    pub fn problem(&self) -> String {
        let text = |key: &str| self.body.get(key).and_then(Value::as_str);
        let said = text("detail").or_else(|| text("title"));
        match (said, text("code")) {
            (Some(said), Some(code)) => format!("{said} ({code})"),
            (Some(said), None) => said.to_owned(),
            _ => format!("it answers {}", self.status),
        }
    }

    /// What the gateway says against what was asked of it; none if it did it.
    pub fn refusal(&self) -> Option<Refusal> {
        if self.status.is_success() {
            return None;
        }
        let places = self.body.get("errors").and_then(Value::as_array);
        Some(Refusal {
            status: self.status,
            said: self.problem(),
            places: places.into_iter().flatten().map(place).collect(),
        })
    }

    /// The answer, if the gateway did what was asked of it.
    ///
    /// # Errors
    /// What the gateway says against it.
    pub fn granted(self) -> Result<Self, ClientError> {
        match self.refusal() {
            Some(refusal) => Err(ClientError::Refused(refusal)),
            None => Ok(self),
        }
    }

    /// What a granted answer says, to be shown: its texts hold nothing that a terminal obeys.
    ///
    /// # Errors
    /// What the gateway says against it, or that it says something else than it is known to say.
    pub fn read<T: DeserializeOwned>(&self) -> Result<T, ClientError> {
        match self.refusal() {
            Some(refusal) => Err(ClientError::Refused(refusal)),
            None => read(&self.text),
        }
    }
}

/// What `json` of the gateway says, to be shown: its texts hold nothing that a terminal obeys.
///
/// # Errors
/// If it says something else than it is known to say.
pub fn read<T: DeserializeOwned>(json: &str) -> Result<T, ClientError> {
    serde_json::from_str(&printable(json)).map_err(ClientError::Unfamiliar)
}

impl Refusal {
    /// Whether it says that what was named is not there.
    pub fn is_not_found(&self) -> bool {
        self.status == StatusCode::NOT_FOUND
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.said)?;
        self.places
            .iter()
            .try_for_each(|place| write!(formatter, "\n  {place}"))
    }
}

/// What is wrong at one place of what was sent: `/data/x: why`.
fn place(error: &Value) -> String {
    let text = |key: &str| error.get(key).and_then(Value::as_str);
    let parts = [text("pointer").filter(|it| !it.is_empty()), text("detail")];
    parts.into_iter().flatten().collect::<Vec<_>>().join(": ")
}
