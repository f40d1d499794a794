//! Lists: which part of one is asked for.

use super::{names::named, time::Timestamp};

named! {
    /// In which order a list is gone through.
    pub enum Order {
        /// What was made last comes first.
        Newest = "newest",
        /// What was made first comes first.
        Oldest = "oldest",
    }
}

/// Which part of a list is asked for; its entries are called by an `I`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Window<I> {
    /// Only what was made at this time or later.
    pub since: Option<Timestamp>,
    /// Only what was made before this time.
    pub until: Option<Timestamp>,
    /// In which order.
    pub order: Order,
    /// Only what comes after this one, in that order.
    pub after: Option<I>,
    /// The most entries.
    pub limit: u32,
}

impl<I> Window<I> {
    /// The first `limit` entries in `order`.
    pub fn first(order: Order, limit: u32) -> Self {
        Self {
            since: None,
            until: None,
            order,
            after: None,
            limit,
        }
    }
}

/// What a window of a list shows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Listed<T, I> {
    /// The entries, in the order that was asked for.
    pub entries: Vec<T>,
    /// After which one to go on; none if nothing is left.
    pub next: Option<I>,
    /// Up to which time was looked, where looking ended before the window was full.
    pub scanned_until: Option<Timestamp>,
}

impl<T, I> Listed<T, I> {
    /// The same, each entry as `view` shows it.
    pub fn map<V>(self, view: impl FnMut(T) -> V) -> Listed<V, I> {
        Listed {
            entries: self.entries.into_iter().map(view).collect(),
            next: self.next,
            scanned_until: self.scanned_until,
        }
    }
}
