//! The catalogue of event types: what users say about them, and what was seen of them.

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use super::{
    event::EventType,
    ids::{EventId, ProjectId},
    schema::{Validation, Violation},
    time::Timestamp,
};

/// The most types of a project that are catalogued because they were seen; events of others are
/// counted together.
pub const MAX_SEEN: u32 = 10_000;

/// The most types of a project that users may describe.
pub const MAX_DESCRIBED: u32 = 1_000;

/// What users say about a type; checked, but kept as they wrote it.
#[derive(Debug, Clone, Default, Serialize)]
pub struct Description {
    /// What it means.
    pub description: Option<String>,
    /// What the data of its events is like: a JSON Schema.
    pub schema: Option<Box<RawValue>>,
    /// The data of an event of it.
    pub example: Option<Box<RawValue>>,
    /// What happens to events that break the schema.
    pub validation: Validation,
}

/// What was seen of a type.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Seen {
    /// How many events.
    pub count: u64,
    /// When the first one was received.
    pub first_at: Timestamp,
    /// When the last one was received.
    pub last_at: Timestamp,
    /// The last one.
    pub last_event: EventId,
    /// How many broke the schema and were taken.
    pub violations: u64,
    /// The last one that did.
    pub last_violation: Option<KnownViolation>,
}

/// An event that broke its schema and was taken.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct KnownViolation {
    /// The event.
    pub event: EventId,
    /// The JSON Pointer to the place in it.
    pub pointer: String,
    /// What is wrong there.
    pub detail: String,
}

/// An entry of the catalogue: described, seen, or both.
#[derive(Debug, Clone)]
pub struct CatalogueEntry {
    /// Whose catalogue it is in.
    pub project: ProjectId,
    /// The type.
    pub event_type: EventType,
    /// What users say about it.
    pub description: Description,
    /// Which revision of it that is; 0 where nobody has said anything.
    pub revision: u64,
    /// When somebody first said something about it; none if nobody has.
    pub created_at: Option<Timestamp>,
    /// When that last changed.
    pub updated_at: Option<Timestamp>,
    /// What was seen of it; none if nothing was.
    pub seen: Option<Seen>,
}

impl Description {
    /// Whether events are judged in the same way as by `other`.
    pub fn judges_like(&self, other: &Self) -> bool {
        self.validation == other.validation && is_same(&self.schema, &other.schema)
    }

    /// Whether the same is said by `other`.
    pub fn says_like(&self, other: &Self) -> bool {
        self.judges_like(other)
            && self.description == other.description
            && is_same(&self.example, &other.example)
    }
}

fn is_same(one: &Option<Box<RawValue>>, other: &Option<Box<RawValue>>) -> bool {
    let text = |json: &Option<Box<RawValue>>| json.as_ref().map(|it| it.get().to_owned());
    text(one) == text(other)
}

impl KnownViolation {
    /// That `event` broke its schema, and where.
    pub fn new(event: EventId, violation: Violation) -> Self {
        Self {
            event,
            pointer: violation.pointer,
            detail: violation.detail,
        }
    }
}
