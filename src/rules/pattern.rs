//! The `when` part of a rule, parsed: what it asks, and the branches in which it can be fulfilled.

use super::condition::Condition;

/// The most bytes that a pattern may have: 16 KiB.
pub const MAX_BYTES: usize = 16 * 1024;

/// The deepest nesting that a pattern may have (objects and lists inside each other).
pub const MAX_LEVELS: usize = 32;

/// The most paths that one branch may ask for.
pub const MAX_PATHS: usize = 256;

/// The most branches that a pattern may have after each `$or` is expanded, those of its `$not`s
/// counted in.
pub const MAX_BRANCHES: usize = 1_000;

/// An event pattern. It holds for an event if one of its branches does.
///
/// A path is what the keys that lead to it give when joined with dots, so that `{"a.b": …}` and
/// `{"a": {"b": …}}` are the same. Naming a path twice *side by side*, once each way, is refused
/// as the duplicate key that it is. A path that stands beside a `$or` and inside it as well is
/// asked for twice, and then one leaf must do for both.
///
/// `$not` stands beside the fields of an object and holds if the object in it does not, its
/// paths being below the same place. It chooses elements of arrays for itself:
/// `{"items": {"id": [1], "$not": {"state": ["sold"]}}}` wants an item 1 and no sold item at all.
#[derive(Debug, Clone)]
pub struct Pattern {
    pub(super) json: String,
    pub(super) clauses: Vec<Clause>,
    /// Those inside others come before them.
    pub(super) nots: Vec<Not>,
    /// In an order that does not depend on the order of fields.
    pub(super) branches: Vec<Branch>,
}

impl Pattern {
    /// The JSON text that it was parsed from.
    pub fn as_json(&self) -> &str {
        &self.json
    }

    /// What it asks of fields, in the order in which it was written.
    pub fn clauses(&self) -> &[Clause] {
        &self.clauses
    }
}

/// A list of conditions for what stands at one path.
#[derive(Debug, Clone)]
pub struct Clause {
    /// Where it stands in the pattern: an RFC 6901 pointer.
    pub pointer: String,
    /// What it speaks of, with dots between the keys.
    pub path: String,
    /// What it asks, never empty; any of them will do.
    pub conditions: Vec<Condition>,
}

/// A `$not`.
#[derive(Debug, Clone)]
pub(super) struct Not {
    pub pointer: String,
    pub branches: Vec<Branch>,
}

/// What must hold together; numbers are places in the pattern's lists.
#[derive(Debug, Clone, Default)]
pub(super) struct Branch {
    /// Clauses sorted by path.
    pub clauses: Vec<usize>,
    pub nots: Vec<usize>,
}

impl Branch {
    /// This one and the other.
    pub fn and(&self, other: &Self) -> Self {
        let mut both = self.clone();
        both.extend(other);
        both
    }

    pub fn extend(&mut self, other: &Self) {
        self.clauses.extend(&other.clauses);
        self.nots.extend(&other.nots);
    }
}
