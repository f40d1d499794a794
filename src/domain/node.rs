//! Nodes: the processes that share a store.

use serde::{Deserialize, Serialize};

use super::{lease::Lease, names::named, time::Timestamp};

named! {
    /// What has become of a node.
    pub enum NodeState {
        /// It holds a lease, or its lease has run out and nobody has taken note of that yet.
        Live = "live",
        /// Its lease has run out: what it had is others' by now.
        Lost = "lost",
        /// It has stopped, and given back what it had.
        Left = "left",
    }
}

/// A node, as the store knows it. All times are by the clock of the database.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Node {
    /// Under what it holds its work; if it is lost, the one that it would get next.
    pub lease: Lease,
    /// The smallest number that no other live node had when it joined.
    pub shard: u32,
    /// The version of its program.
    pub version: String,
    /// Where its API listens.
    pub address: Option<String>,
    /// When it joined first.
    pub started_at: Timestamp,
    /// When it was last heard of.
    pub heartbeat_at: Timestamp,
    /// When its lease runs out; none if it never does.
    pub lease_until: Option<Timestamp>,
    /// What has become of it.
    pub state: NodeState,
    /// What it said about itself when it was last heard of.
    pub status: NodeStatus,
}

/// What a node says about itself. A node of another version may say less, or more.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct NodeStatus {
    /// What its lanes hold.
    pub lanes: LanesStatus,
    /// By how many milliseconds its own clock is ahead of the database's; none if it uses its own.
    pub clock_ahead_ms: Option<i64>,
    /// What may make the database lose what it has acknowledged, in a sentence each.
    pub weaknesses: Vec<String>,
}

/// What the lanes of a node hold.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct LanesStatus {
    /// How many endpoints have one.
    pub open: u64,
    /// Deliveries that wait in memory for their turn.
    pub waiting: u64,
    /// Deliveries whose attempt is under way, or is being recorded.
    pub in_flight: u64,
}
