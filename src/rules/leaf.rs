//! What stands at the end of a path: in an event, and as a literal in a rule.

use std::{fmt, sync::Arc};

use jiter::{Jiter, JiterResult, Peek};

use super::number::Number;

/// A JSON value that holds no others.
#[derive(Debug, Clone, PartialEq)]
pub enum Leaf {
    /// `null`.
    Null,
    /// `true` or `false`.
    Bool(bool),
    /// A number; see [`Number`] for when two are equal.
    Number(Number),
    /// A string, unescaped.
    Text(Arc<str>),
}

impl Leaf {
    /// Reads the leaf at which `json` stands, and which begins with `first`.
    ///
    /// # Errors
    /// If it is not well-formed.
    pub(super) fn read(json: &mut Jiter<'_>, first: Peek) -> JiterResult<Self> {
        Ok(match first {
            Peek::String => Self::Text(json.known_str()?.into()),
            Peek::True | Peek::False => Self::Bool(json.known_bool(first)?),
            Peek::Null => {
                json.known_null()?;
                Self::Null
            }
            number => {
                // The digits, signs, points and exponents of a number are ASCII.
                let text = String::from_utf8_lossy(json.known_number_bytes(number)?);
                Self::Number(Number::of_json(&text))
            }
        })
    }

    /// The string, if it is one.
    pub fn as_text(&self) -> Option<&str> {
        match self {
            Self::Text(text) => Some(text),
            _ => None,
        }
    }

    /// The number, if it is one.
    pub fn as_number(&self) -> Option<&Number> {
        match self {
            Self::Number(number) => Some(number),
            _ => None,
        }
    }
}

/// The leaf as JSON; numbers as they were written.
impl fmt::Display for Leaf {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Null => formatter.write_str("null"),
            Self::Bool(value) => write!(formatter, "{value}"),
            Self::Number(number) => formatter.write_str(number.as_str()),
            Self::Text(text) => {
                let quoted = serde_json::to_string(text).map_err(|_| fmt::Error)?;
                formatter.write_str(&quoted)
            }
        }
    }
}
