//! What an explanation tells: the data of it, ready to be shown as JSON.

use std::fmt;

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use utoipa::ToSchema;

use super::leaf::Leaf;

/// The most values of an event that are shown for one clause.
pub const MAX_FOUND: usize = 8;

/// The most characters that are shown of a value.
pub const MAX_FOUND_CHARS: usize = 200;

/// The most notes on branches that an explanation has.
pub const MAX_NOTES: usize = 8;

/// Why an event matches a rule, or does not. It stands in the order in which the rule was written.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Explanation {
    /// Whether the event matches.
    pub matched: bool,
    /// The event's type, empty if it has none.
    pub event_type: String,
    /// For each entry of `on`, whether it holds; one is enough.
    pub on: Vec<SubjectVerdict>,
    /// What `when` says, if the rule has it.
    pub when: Option<WhenVerdict>,
}

/// Whether an entry of `on` holds.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct SubjectVerdict {
    /// The entry.
    pub subject: String,
    /// Whether the event's type is one of those.
    pub held: bool,
}

/// What a pattern says.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct WhenVerdict {
    /// Whether it holds.
    pub held: bool,
    /// Its clauses, also those under `$or` and `$not`.
    pub clauses: Vec<ClauseVerdict>,
    /// Its `$not`s, inner ones before those around them.
    pub nots: Vec<NotVerdict>,
    /// What the clauses alone do not tell; at most [`MAX_NOTES`].
    pub notes: Vec<Note>,
}

/// What one clause says.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ClauseVerdict {
    /// Where it stands in the pattern: an RFC 6901 pointer.
    pub pointer: String,
    /// The path that it speaks of.
    pub path: String,
    /// Its conditions, as they were written; any of them will do.
    #[schema(value_type = Vec<serde_json::Value>, example = json!(["production", {"prefix": "live-"}]))]
    pub wanted: Vec<JsonText>,
    /// What stands at that path in the event: at most [`MAX_FOUND`] values, strings and numbers
    /// of more than [`MAX_FOUND_CHARS`] cut, with `…` at the cut.
    #[schema(value_type = Vec<serde_json::Value>, example = json!(["staging"]))]
    pub found: Vec<JsonText>,
    /// How many more values stand there.
    pub found_more: usize,
    /// Whether it holds: together with others where a branch does, else by itself.
    pub held: bool,
}

/// Whether a `$not` holds.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct NotVerdict {
    /// Where it stands in the pattern: an RFC 6901 pointer.
    pub pointer: String,
    /// Whether it holds, which is to say that the object in it does not.
    pub held: bool,
}

/// Why a pattern does not hold although its clauses do.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Note {
    /// The pointers of the clauses that it speaks of.
    pub clauses: Vec<String>,
    /// A sentence.
    pub text: String,
}

/// The text of a JSON value; it stands in JSON as that value.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(transparent)]
pub struct JsonText(Box<RawValue>);

impl JsonText {
    /// The text.
    pub fn as_str(&self) -> &str {
        self.0.get()
    }

    /// The value of a leaf, cut at [`MAX_FOUND_CHARS`].
    pub(super) fn of_leaf(leaf: &Leaf) -> Self {
        match leaf {
            Leaf::Text(text) => Self::of(&Leaf::Text(cut(text).into()).to_string()),
            Leaf::Number(number) if number.as_str().len() > MAX_FOUND_CHARS => {
                Self::of(&Leaf::Text(cut(number.as_str()).into()).to_string())
            }
            other => Self::of(&other.to_string()),
        }
    }

    /// `json` is the text of a JSON value; what should not be is `null`.
    pub(super) fn of(json: &str) -> Self {
        let raw = RawValue::from_string(json.to_owned());
        Self(raw.unwrap_or_else(|_| RawValue::NULL.to_owned()))
    }
}

impl fmt::Display for JsonText {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.as_str())
    }
}

impl PartialEq for JsonText {
    fn eq(&self, other: &Self) -> bool {
        self.as_str() == other.as_str()
    }
}

impl Eq for JsonText {}

fn cut(text: &str) -> String {
    match text.char_indices().nth(MAX_FOUND_CHARS) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text.to_owned(),
    }
}
