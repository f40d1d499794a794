//! Membership: what this node is among those that share the store, and until when it may send what
//! it has taken.
//!
//! A node holds its work under a lease, which it renews with each heartbeat. On this side the lease
//! counts from before the heartbeat was sent, on a clock that runs on while the process is stopped; on the
//! other side, from when the database got it. So it ends here before anybody takes the work over there.
//! Where a node is alone with its store, its lease never ends.

mod heart;
mod watch;

use std::{
    net::SocketAddr,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use tokio::sync::Notify;

pub(super) use self::heart::Heart;
use super::{context::Context, gateway::Gateway, lanes::Lanes};
use crate::{
    clock::Clock,
    domain::{
        ids::{EventId, NodeId},
        lease::Lease,
        node::{Node, NodeState, NodeStatus},
        time::Timestamp,
    },
    net::departure::MayLeave,
    store::{
        Store, StoreResult,
        nodes::{Heartbeat, Joined, Joining},
    },
};

/// How long a lease holds after the heartbeat that renewed it: five heartbeats.
pub(super) const LEASE: Duration = Duration::from_secs(10);

/// How much earlier a lease ends on this side: what a request may need to leave after it was asked
/// whether it may, and by how much clocks may run at different speeds.
const MARGIN: Duration = Duration::from_millis(500);

/// What a node says about itself when it joins.
#[derive(Debug, Clone, Copy)]
pub(super) struct About {
    /// Which run of the gateway it is.
    pub(super) node: NodeId,
    /// Where its API listens.
    pub(super) address: SocketAddr,
}

/// What this node is among those that share the store.
#[derive(Debug)]
pub(crate) struct Membership {
    clock: Clock,
    about: About,
    started_at: Timestamp,
    standing: Mutex<Standing>,
    /// Told when the lease was renewed or another one was taken.
    changed: Notify,
}

/// How this node stands.
#[derive(Debug, Clone, Copy)]
struct Standing {
    lease: Lease,
    shard: u32,
    /// Until when the lease holds, on [`Clock::boot_elapsed`]; none if it never ends.
    until: Option<Duration>,
    heartbeat_at: Timestamp,
    leads: bool,
    /// Its place among the live nodes, and how many these are.
    place: (usize, usize),
}

impl Membership {
    /// Joins the nodes that share `store`. The clock follows that of the database from then on.
    pub(super) async fn join(store: &Store, clock: &Clock, about: About) -> StoreResult<Self> {
        let asked = clock.boot_elapsed();
        let joined = store
            .join(&joining(about, Lease::first(about.node)), clock.now())
            .await?;
        let membership = Self {
            clock: clock.clone(),
            about,
            started_at: joined.now,
            standing: Mutex::new(Standing::new(&joined, asked)),
            changed: Notify::new(),
        };
        membership.take(store, &joined, asked);
        let (lease, shard, released) = (joined.lease, joined.shard, joined.released);
        tracing::info!(%lease, shard, released, "the engine takes up what is stored");
        Ok(membership)
    }

    /// The current lease. It may not hold any more.
    pub(crate) fn lease(&self) -> Lease {
        self.standing().lease
    }

    /// Whether what is owned under `lease` may be worked on now.
    pub(crate) fn holds(&self, lease: Lease) -> bool {
        let standing = self.standing();
        standing.lease == lease && standing.is_in_time(self.clock.boot_elapsed())
    }

    /// Whether `what` is this node's to do, of what each node can do: it is divided among those that live.
    /// For a moment two may think so.
    pub(crate) fn has_part_in(&self, what: EventId) -> bool {
        let (place, of) = self.standing().place;
        // The last bytes of an identifier are drawn at random.
        let [.., a, b] = *what.uuid().as_bytes();
        usize::from(u16::from_be_bytes([a, b])) % of == place
    }

    /// How many nodes there are to divide work among.
    pub(crate) fn nodes(&self) -> usize {
        self.standing().place.1
    }

    /// Whether this node alone does what one of all nodes is to do. For a moment two may think so.
    pub(crate) fn leads(&self) -> bool {
        let standing = self.standing();
        standing.leads && standing.is_in_time(self.clock.boot_elapsed())
    }

    /// Whether there may be other nodes.
    fn is_shared(&self) -> bool {
        self.standing().until.is_some()
    }

    /// Lets what is owned under `lease` leave for as long as that holds.
    pub(super) fn fence(self: &Arc<Self>, lease: Lease) -> MayLeave {
        let membership = Arc::clone(self);
        MayLeave::as_long_as(move || membership.holds(lease))
    }

    /// Waits until the current lease holds.
    pub(super) async fn held(&self) {
        loop {
            let changed = self.changed.notified();
            if self.holds(self.lease()) {
                return;
            }
            changed.await;
        }
    }

    /// Waits until this node leads.
    pub(super) async fn leading(&self) {
        loop {
            let changed = self.changed.notified();
            if self.leads() {
                return;
            }
            changed.await;
        }
    }

    /// This node as others see it.
    fn describe(&self, status: NodeStatus) -> Node {
        let standing = *self.standing();
        Node {
            lease: standing.lease,
            shard: standing.shard,
            version: env!("CARGO_PKG_VERSION").to_owned(),
            address: Some(self.about.address.to_string()),
            started_at: self.started_at,
            heartbeat_at: standing.heartbeat_at,
            lease_until: standing.until.map(|_| standing.heartbeat_at.plus(LEASE)),
            state: NodeState::Live,
            status,
        }
    }

    /// Goes on under the lease that was given when this node joined.
    fn take(&self, store: &Store, joined: &Joined, asked: Duration) {
        if joined.is_shared {
            self.clock.follow(joined.now, asked);
        }
        store.take_shard(joined.shard);
        *self.standing() = Standing::new(joined, asked);
        self.changed.notify_waiters();
    }

    /// Takes note that the lease was renewed by a heartbeat that was sent after `asked`.
    fn renew(&self, heartbeat: &Heartbeat, asked: Duration) {
        self.clock.follow(heartbeat.now, asked);
        let mut standing = self.standing();
        standing.until = Some(until(asked));
        standing.heartbeat_at = heartbeat.now;
        let others = heartbeat.others.iter().map(|other| other.shard);
        let before = others.filter(|shard| *shard < standing.shard).count();
        standing.place = (before, heartbeat.others.len() + 1);
        standing.leads = heartbeat
            .others
            .iter()
            .all(|other| other.shard > standing.shard);
        drop(standing);
        self.changed.notify_waiters();
    }

    fn standing(&self) -> MutexGuard<'_, Standing> {
        self.standing.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Standing {
    fn new(joined: &Joined, asked: Duration) -> Self {
        Self {
            lease: joined.lease,
            shard: joined.shard,
            until: joined.is_shared.then(|| until(asked)),
            heartbeat_at: joined.now,
            // Who has just joined does not know who leads.
            leads: !joined.is_shared,
            place: (0, 1),
        }
    }

    fn is_in_time(&self, now: Duration) -> bool {
        self.until.is_none_or(|until| now < until)
    }
}

impl Gateway {
    /// The nodes that share the store, and those that were there lately: those that live first. What this
    /// one says about itself is as of now.
    ///
    /// # Errors
    /// If the store cannot be read.
    pub async fn nodes(&self) -> StoreResult<Vec<Node>> {
        let Context {
            store, membership, ..
        } = &self.parts.context;
        let status = status(&self.parts.context, &self.parts.lanes);
        let mut nodes = store.nodes().await?;
        let own = nodes
            .iter_mut()
            .find(|node| node.lease == membership.lease());
        match own {
            Some(own) => own.status = status,
            None => nodes.insert(0, membership.describe(status)),
        }
        Ok(nodes)
    }
}

/// What this node says about itself.
fn status(context: &Context, lanes: &Lanes) -> NodeStatus {
    let weaknesses = context.store.weaknesses().iter();
    NodeStatus {
        lanes: lanes.status(),
        clock_ahead_ms: context.clock.ahead(),
        weaknesses: weaknesses.map(ToString::to_string).collect(),
    }
}

/// Until when a lease holds on this side that was asked for after `asked`.
fn until(asked: Duration) -> Duration {
    asked + LEASE - MARGIN
}

fn joining(about: About, lease: Lease) -> Joining {
    Joining {
        lease,
        lasts: LEASE,
        version: env!("CARGO_PKG_VERSION"),
        address: about.address.to_string(),
    }
}
