//! What was sent and did not become an event: refused requests, duplicates and conflicts.
//!
//! None of it is stored as an event, so it is written down apart, as far as that costs little.

use super::{
    ids::{EventId, ProjectId, RefusalId},
    names::named,
    time::Timestamp,
};

/// The most refusals of a project that are kept; older ones are counted.
pub const MAX_KEPT: u32 = 1_000;

/// The most bytes that are kept of a text which a producer sent: what can stand in an index.
const MAX_TEXT: usize = 2_000;

named! {
    /// What became of what was sent.
    pub enum RefusalOutcome {
        /// It was refused: nothing of it was stored.
        Refused = "refused",
        /// The same event was taken before: nothing was triggered again.
        Duplicate = "duplicate",
        /// Another event with its source and id was taken before: it was not taken.
        Conflict = "conflict",
    }
}

/// Something that was sent and did not become an event.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refusal {
    /// What became of it.
    pub outcome: RefusalOutcome,
    /// The stable code with which it was answered; none for a duplicate.
    pub code: Option<&'static str>,
    /// The place that was wrong, where there was one.
    pub pointer: Option<String>,
    /// Why, in a sentence.
    pub detail: String,
    /// The event that is there instead, for a duplicate or a conflict.
    pub event: Option<EventId>,
    /// What could be read of it.
    pub sent: SentName,
}

/// What producers call an event, as far as it could be read.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct SentName {
    /// The producer's id.
    pub id: Option<String>,
    /// Where it happened.
    pub source: Option<String>,
    /// What happened.
    pub event_type: Option<String>,
}

/// A refusal as it is stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RefusalRecord {
    /// Its name.
    pub id: RefusalId,
    /// Who sent it.
    pub project: ProjectId,
    /// When.
    pub at: Timestamp,
    /// What became of it.
    pub outcome: RefusalOutcome,
    /// The stable code with which it was answered.
    pub code: Option<String>,
    /// The place that was wrong.
    pub pointer: Option<String>,
    /// Why.
    pub detail: String,
    /// The event that is there instead.
    pub event: Option<EventId>,
    /// What could be read of it.
    pub sent: SentName,
}

impl SentName {
    /// The same, with the beginnings of texts that are very long.
    #[must_use]
    pub fn cut(self) -> Self {
        let cut = |text: Option<String>| {
            text.map(|mut text| {
                text.truncate(text.floor_char_boundary(MAX_TEXT));
                text
            })
        };
        Self {
            id: cut(self.id),
            source: cut(self.source),
            event_type: cut(self.event_type),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_beginning_of_a_long_text_is_kept_up_to_a_whole_character() {
        let sent = SentName {
            id: Some("€".repeat(MAX_TEXT)),
            source: Some("/short".to_owned()),
            event_type: None,
        };
        let cut = sent.cut();
        assert_eq!(cut.id, Some("€".repeat(MAX_TEXT / "€".len())));
        assert_eq!(cut.source.as_deref(), Some("/short"));
    }
}
