//! Membership: the lease under which this node holds its work.

use crate::domain::lease::Lease;

/// What this node is among those that share the store.
#[derive(Debug)]
pub(crate) struct Membership {
    lease: Lease,
}

impl Membership {
    /// A node that is alone with its store: its lease never ends.
    pub(crate) fn new(lease: Lease) -> Self {
        Self { lease }
    }

    /// The current lease.
    pub(crate) fn lease(&self) -> Lease {
        self.lease
    }
}
