//! Retention: removing what is past its time, in small steps.
//!
//! Each step is one short transaction that looks at a bounded number of rows, along an index that
//! begins with those that are due: what a sweep costs follows what it removes, not what there is.
//! Nothing goes that a pending or dead delivery, or a fan-out, still needs.

mod configuration;
mod deliveries;
mod events;
mod journal;
mod small;
mod space;

pub(super) use self::events::{note, note_late, note_reopened};
pub use self::space::Space;

/// How far kept events are counted.
pub const MAX_KEPT_COUNTED: u32 = 100_000;

/// What a step of a sweep came to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Swept {
    /// How many things it removed.
    pub removed: u64,
    /// Where the next step begins; empty where sweeps always begin with the first thing that is due.
    pub position: String,
    /// Whether nothing is left for a next step.
    pub is_last: bool,
}

impl Swept {
    /// A step that found nothing.
    pub fn nothing() -> Self {
        Self::first(0, 1)
    }

    /// A step that removed the first `removed` things of those that are due, of at most `limit`.
    fn first(removed: u64, limit: u32) -> Self {
        Self {
            removed,
            position: String::new(),
            is_last: removed < u64::from(limit),
        }
    }
}
