//! Leases: what a node holds its work by.

use std::{fmt, str::FromStr};

use super::ids::NodeId;

/// A node's right to what it has taken, written `nod_…/3`. A node that has lost it goes on under the
/// next epoch, so what it still does under the old one is told apart from what is its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Lease {
    /// Who holds it.
    pub node: NodeId,
    /// Which of the leases it is that the node has had, from 1 on.
    pub epoch: u64,
}

/// A text is no lease.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is no lease: it is written like nod_01h455vb4pex5vsknk084sn02q/1")]
pub struct BadLease(String);

impl Lease {
    /// The first one of `node`.
    pub fn first(node: NodeId) -> Self {
        Self { node, epoch: 1 }
    }

    /// The one that follows when this one is lost.
    #[must_use]
    pub fn next(self) -> Self {
        Self {
            epoch: self.epoch + 1,
            ..self
        }
    }
}

impl fmt::Display for Lease {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}/{}", self.node, self.epoch)
    }
}

impl FromStr for Lease {
    type Err = BadLease;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let parts = text.split_once('/').and_then(|(node, epoch)| {
            Some(Self {
                node: node.parse().ok()?,
                epoch: epoch.parse().ok()?,
            })
        });
        parts.ok_or_else(|| BadLease(text.to_owned()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::{chance::Chance, ids::Ids, time::Timestamp};

    #[test]
    fn a_lease_is_written_with_its_epoch_and_read_again() {
        let node = Ids::new(Chance::seeded(1)).next(Timestamp::from_millis(5));
        let lease = Lease::first(node).next().next();
        assert_eq!(lease.to_string(), format!("{node}/3"));
        assert_eq!(lease.to_string().parse(), Ok(lease));
        for bad in [node.to_string(), format!("{node}/"), "evt_1/3".to_owned()] {
            assert_eq!(bad.parse::<Lease>(), Err(BadLease(bad)));
        }
    }
}
