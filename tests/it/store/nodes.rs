//! Nodes that share a store: leases, and what becomes of work whose lease was lost.

use std::time::Duration;

use riposte::{
    domain::{
        delivery::DeliveryState,
        endpoint::EndpointState,
        ids::default_project,
        lease::Lease,
        node::{LanesStatus, NodeState, NodeStatus},
        retry::Verdict,
    },
    store::{
        act::Cancellation,
        nodes::{Joined, Joining, Other},
        queue::Wish,
        record::{Disable, Recorded},
    },
};

use super::world::{NOW, World};

/// Far longer than a test.
const LONG: Duration = Duration::from_secs(3_600);

/// A lease that has run out as soon as it is taken.
const NONE: Duration = Duration::ZERO;

async fn join(world: &World, lease: Lease, lasts: Duration) -> Joined {
    let joining = Joining {
        lease,
        lasts,
        version: "1.2.3",
        address: "192.0.2.7:8080".to_owned(),
    };
    world.store.join(&joining, NOW).await.expect("joined")
}

async fn newcomer(world: &World, lasts: Duration) -> Joined {
    join(world, Lease::first(world.ids.next(NOW)), lasts).await
}

/// What `lease` hears of the others when it is renewed.
async fn others(world: &World, lease: Lease) -> Vec<Other> {
    let status = NodeStatus::default();
    let heartbeat = world.store.heartbeat(lease, LONG, &status).await;
    heartbeat.expect("an answer").expect("a lease").others
}

/// Waits until the clock of the database has moved on.
async fn overdue(world: &World, lease: Lease) -> Other {
    loop {
        let others = others(world, lease).await;
        if let Some(other) = others.into_iter().find(|other| other.is_overdue) {
            return other;
        }
    }
}

async fn state_of(world: &World, lease: Lease) -> Option<NodeState> {
    let nodes = world.store.nodes().await.expect("nodes");
    let node = nodes.iter().find(|node| node.lease.node == lease.node);
    node.map(|node| node.state)
}

pub async fn who_joins_alone_releases_what_others_left_and_is_no_row(world: World) {
    let endpoint = world.endpoint().await;
    world.pending(endpoint, true, NOW).await;
    let joined = newcomer(&world, LONG).await;
    assert_eq!((joined.shard, joined.released), (0, 1));
    assert_eq!((joined.now, joined.is_shared), (NOW, false));
    assert_eq!(world.store.nodes().await.expect("nodes"), []);
    world.store.leave(joined.lease).await.expect("left");
}

pub async fn each_node_has_the_smallest_number_that_is_free(world: World) {
    let (one, two) = (newcomer(&world, LONG).await, newcomer(&world, LONG).await);
    assert_eq!((one.shard, two.shard), (0, 1));
    world.store.leave(one.lease).await.expect("left");
    assert_eq!(state_of(&world, one.lease).await, Some(NodeState::Left));
    let (three, four) = tokio::join!(newcomer(&world, LONG), newcomer(&world, LONG));
    let mut shards = [three.shard, four.shard];
    shards.sort_unstable();
    assert_eq!(shards, [0, 2], "no two have the same");
}

pub async fn a_heartbeat_extends_a_lease_and_tells_of_the_others(world: World) {
    let (one, two) = (newcomer(&world, NONE).await, newcomer(&world, LONG).await);
    let other = overdue(&world, two.lease).await;
    assert_eq!((other.lease, other.shard), (one.lease, 0));
    let status = NodeStatus {
        lanes: LanesStatus {
            open: 3,
            waiting: 2,
            in_flight: 1,
        },
        clock_ahead_ms: Some(-7),
        weaknesses: vec!["fsync = off".to_owned()],
    };
    let heartbeat = world.store.heartbeat(one.lease, LONG, &status).await;
    let now = heartbeat.expect("an answer").expect("a lease").now;
    let known = others(&world, two.lease).await;
    assert_eq!((known[0].heartbeat_at, known[0].is_overdue), (now, false));
    assert_eq!(world.store.reap(&other).await.expect("an answer"), None);
    let nodes = world.store.nodes().await.expect("nodes");
    assert_eq!(nodes.len(), 2);
    assert_eq!((nodes[0].lease, &nodes[0].status), (one.lease, &status));
    assert_eq!(nodes[0].lease_until, Some(now.plus(LONG)));
    assert_eq!(nodes[0].version, "1.2.3");
}

pub async fn the_work_of_a_node_that_is_lost_goes_on_elsewhere(mut world: World) {
    let endpoint = world.endpoint().await;
    let lost = newcomer(&world, NONE).await.lease;
    world.lease = lost;
    let (sent, unwanted) = (
        world.pending(endpoint, true, NOW).await,
        world.pending(endpoint, true, NOW).await,
    );
    world.lease = newcomer(&world, LONG).await.lease;
    let held = world.pending(endpoint, true, NOW).await;
    let cancelled = world.cancel(unwanted, false).await.expect("an answer");
    assert_eq!(cancelled, Cancellation::Cancelling);

    let other = overdue(&world, world.lease).await;
    assert_eq!(world.store.reap(&other).await.expect("reaped"), Some(2));
    assert_eq!(world.store.reap(&other).await.expect("an answer"), None);
    assert_eq!(state_of(&world, lost).await, Some(NodeState::Lost));
    let found = world.store.delivery(default_project(), unwanted).await;
    assert_eq!(found.expect("it").state, DeliveryState::Cancelled);

    let wishes = [Wish {
        endpoint,
        limit: 10,
        bytes: usize::MAX,
    }];
    let claims = world.store.claim_due(world.lease, &wishes, NOW).await;
    let jobs = &claims.expect("a claim")[0].jobs;
    let claimed: Vec<_> = jobs.iter().map(|job| job.delivery).collect();
    assert_eq!(claimed, [sent], "{held} is the other node's own");

    let mut late = world.outcome(sent, endpoint, 1, 410, Verdict::Delivered);
    late.disable = Some(Disable::Gone);
    let recorded = world.store.record(lost, &[late], NOW).await;
    assert_eq!(recorded.expect("recorded").outcomes, [Recorded::Superseded]);
    let found = world.store.endpoint(default_project(), endpoint).await;
    assert_eq!(found.expect("it").config.state, EndpointState::Enabled);
    let status = NodeStatus::default();
    let heartbeat = world.store.heartbeat(lost, LONG, &status).await;
    assert!(heartbeat.expect("an answer").is_none());
}

pub async fn a_node_that_comes_back_goes_on_under_another_epoch_with_nothing(mut world: World) {
    let endpoint = world.endpoint().await;
    let first = newcomer(&world, NONE).await.lease;
    world.lease = first;
    world.pending(endpoint, true, NOW).await;
    let joined = join(&world, first.next(), LONG).await;
    assert_eq!((joined.lease, joined.released), (first.next(), 1));

    let watcher = newcomer(&world, LONG).await.lease;
    join(&world, joined.lease, NONE).await;
    let other = overdue(&world, watcher).await;
    world.store.reap(&other).await.expect("reaped");
    let again = join(&world, joined.lease.next(), LONG).await;
    assert_eq!(again.lease.epoch, 3);
    assert_eq!(state_of(&world, first).await, Some(NodeState::Live));
}

pub async fn what_is_written_under_a_lost_lease_is_found_and_old_nodes_are_forgotten(
    mut world: World,
) {
    let endpoint = world.endpoint().await;
    let gone = newcomer(&world, LONG).await.lease;
    world.store.leave(gone).await.expect("left");
    let live = newcomer(&world, LONG).await;
    world.lease = live.lease;
    world.pending(endpoint, true, NOW).await;
    world.lease = gone;
    world.pending(endpoint, true, NOW).await;
    let tidied = world.store.tidy_nodes(live.now).await;
    assert_eq!(tidied.expect("tidied"), 1);
    assert_eq!(state_of(&world, gone).await, Some(NodeState::Left));

    let tomorrow = live.now.plus(Duration::from_secs(25 * 60 * 60));
    let tidied = world.store.tidy_nodes(tomorrow).await;
    assert_eq!(tidied.expect("tidied"), 0);
    assert_eq!(state_of(&world, gone).await, None);
    assert_eq!(state_of(&world, live.lease).await, Some(NodeState::Live));
}
