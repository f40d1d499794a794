//! Several nodes at the same deliveries at the same time. On SQLite one comes after the other; what
//! comes of it is the same.

use std::{collections::HashSet, sync::Arc};

use futures_util::future::join_all;
use riposte::{
    domain::{
        delivery::{DeadReason, DeliveryState},
        endpoint::EndpointState,
        ids::{DeliveryId, EndpointId, default_project},
        lease::Lease,
        retry::Verdict,
    },
    store::{
        queue::{Job, Wish},
        record::{Disable, Outcome, Recorded},
        unit::{Acceptance, Fate},
    },
};
use tokio::task::JoinSet;

use super::{
    dead_letters::{disable, job, step},
    world::{NOW, World},
};

/// How many nodes there are: more than there are connections.
const NODES: usize = 6;

/// How many deliveries they have in common.
const DELIVERIES: usize = 1_000;

/// Stores pending deliveries that are due now, in turn to each of `endpoints`.
async fn pending(world: &World, endpoints: &[EndpointId], count: usize) -> Vec<DeliveryId> {
    let mut unit = world.unit("{}");
    let ids = (0..count).map(|place| {
        let fate = Fate::Pending {
            owned: false,
            due: NOW,
        };
        world.deliver(&mut unit, endpoints[place % endpoints.len()], fate)
    });
    let ids = ids.collect();
    assert_eq!(world.accept(&[&unit]).await, [Acceptance::Stored]);
    ids
}

async fn claim(world: &World, lease: Lease, endpoints: &[EndpointId], limit: usize) -> Vec<Job> {
    let wishes = endpoints.iter().map(|endpoint| Wish {
        endpoint: *endpoint,
        limit,
        bytes: usize::MAX,
    });
    let wishes: Vec<_> = wishes.collect();
    let claims = world.store.claim_due(lease, &wishes, NOW).await;
    let claims = claims.expect("claims").into_iter();
    claims.flat_map(|claim| claim.jobs).collect()
}

fn lease(world: &World) -> Lease {
    Lease::first(world.ids.next(NOW))
}

async fn assert_counted(world: &World) {
    let project = default_project();
    let counts = world.store.counts(project).await.expect("counts");
    let recount = world.store.recount(project).await.expect("counts");
    assert_eq!(counts, recount);
}

pub async fn nodes_that_claim_at_once_have_each_delivery_once(world: World) {
    let endpoints = [world.endpoint().await, world.endpoint().await];
    let ids = pending(&world, &endpoints, DELIVERIES).await;
    let world = Arc::new(world);
    let mut nodes = JoinSet::<Vec<DeliveryId>>::new();
    for _ in 0..NODES {
        let world = Arc::clone(&world);
        nodes.spawn(async move {
            let (lease, mut claimed) = (lease(&world), Vec::new());
            // What others have in hand is passed over: there may be more after a claim of nothing.
            while !world.store.backlogs().await.expect("backlogs").is_empty() {
                claimed.extend(claim(&world, lease, &endpoints, 7).await);
            }
            assert!(claimed.iter().all(|job| job.lease == lease));
            claimed.into_iter().map(|job| job.delivery).collect()
        });
    }
    let claimed = nodes.join_all().await.concat();
    assert_eq!(claimed.len(), ids.len());
    let claimed: HashSet<_> = claimed.into_iter().collect();
    assert_eq!(claimed, ids.into_iter().collect());
}

pub async fn of_two_leases_the_one_that_owns_a_delivery_settles_it(world: World) {
    let endpoint = world.endpoint().await;
    for _ in 0..20 {
        let ids = pending(&world, &[endpoint], 10).await;
        let (paused, successor) = (lease(&world), lease(&world));
        assert_eq!(claim(&world, paused, &[endpoint], 10).await.len(), 10);
        let outcomes = |status, verdict| {
            let outcome = |id: &DeliveryId| world.outcome(*id, endpoint, 1, status, verdict);
            ids.iter().map(outcome).collect::<Vec<Outcome>>()
        };
        let dead = Verdict::Dead(DeadReason::AttemptsExhausted);
        let (late, right) = (outcomes(500, dead), outcomes(200, Verdict::Delivered));
        // The work of the paused node is taken over while it wakes up and records.
        let take_over = async {
            let released = world.store.release(paused, &ids, NOW).await;
            released.expect("released");
            let mut claimed = 0;
            // A claim passes over what the other looks at just now.
            while !world.store.backlogs().await.expect("backlogs").is_empty() {
                claimed += claim(&world, successor, &[endpoint], 10).await.len();
            }
            let recorded = world.store.record(successor, &right, NOW).await;
            (claimed, recorded.expect("recorded").outcomes)
        };
        let wake_up = world.store.record(paused, &late, NOW);
        let ((claimed, recorded), of_paused) = tokio::join!(take_over, wake_up);
        let of_paused = of_paused.expect("recorded").outcomes;
        // All of it went together, either way.
        let (winner, loser, state) = match claimed {
            10 => (recorded, of_paused, DeliveryState::Delivered),
            0 => (of_paused, recorded, DeliveryState::Dead),
            other => panic!("{other} were taken over"),
        };
        assert!(winner.iter().all(|one| *one == Recorded::Final(state)));
        assert!(loser.iter().all(|one| *one == Recorded::Superseded));
        for id in ids {
            let found = world.store.delivery(default_project(), id).await;
            assert_eq!(found.expect("a delivery").state, state);
            let attempts = world.store.attempts(default_project(), id).await;
            assert_eq!(attempts.expect("attempts").len(), 2, "both are in the log");
        }
    }
    assert_counted(&world).await;
}

pub async fn a_receiver_that_is_gone_is_disabled_once(world: World) {
    for _ in 0..10 {
        let endpoint = world.endpoint().await;
        pending(&world, &[endpoint], NODES).await;
        let gone = async || {
            let lease = lease(&world);
            let jobs = claim(&world, lease, &[endpoint], 1).await;
            let dead = Verdict::Dead(DeadReason::Gone);
            let outcomes = jobs.iter().map(|job| Outcome {
                disable: Some(Disable::Gone),
                ..world.outcome(job.delivery, endpoint, 1, 410, dead)
            });
            let outcomes: Vec<_> = outcomes.collect();
            let recorded = world.store.record(lease, &outcomes, NOW).await;
            recorded.expect("recorded");
        };
        join_all((0..NODES).map(|_| gone())).await;
        let found = world.store.endpoint(default_project(), endpoint).await;
        let found = found.expect("the endpoint");
        assert_eq!(found.config.state, EndpointState::Disabled);
        assert_eq!(found.version, 2, "it has changed once");
    }
}

/// What comes of the attempt of the job at `place`.
fn verdict(place: usize) -> (u16, Verdict) {
    match place % 3 {
        0 => (200, Verdict::Delivered),
        1 => (500, Verdict::Retry(NOW)),
        _ => (500, Verdict::Dead(DeadReason::AttemptsExhausted)),
    }
}

/// A node that claims, attempts, records, and gives some of it back.
async fn work(world: Arc<World>, endpoints: [EndpointId; 3], node: usize) {
    let lease = lease(&world);
    for round in 0..40 {
        let mut jobs = claim(&world, lease, &endpoints, 20).await;
        if node.is_multiple_of(2) {
            jobs.reverse();
        }
        let unsent = jobs.split_off(jobs.len() - jobs.len() / 4);
        let outcomes = jobs.iter().enumerate().map(|(place, job)| {
            let (status, verdict) = verdict(place + round + node);
            world.outcome(
                job.delivery,
                job.endpoint,
                job.attempts + 1,
                status,
                verdict,
            )
        });
        let outcomes: Vec<_> = outcomes.collect();
        let recorded = world.store.record(lease, &outcomes, NOW).await;
        let recorded = recorded.expect("recorded");
        assert!(
            !recorded.outcomes.contains(&Recorded::Superseded),
            "it owns them"
        );
        let unsent: Vec<_> = unsent.iter().map(|job| job.delivery).collect();
        let released = world.store.release(lease, &unsent, NOW).await;
        released.expect("released");
    }
}

/// A user who calls some deliveries off, and has others tried again.
async fn act(world: Arc<World>, ids: Vec<DeliveryId>) {
    for (place, id) in ids.iter().enumerate() {
        match place % 5 {
            0 => {
                let cancelled = world.cancel(*id, false).await;
                cancelled.expect("an answer");
            }
            1 => {
                world.revive(*id, NOW).await.expect("an answer");
            }
            _ => {}
        }
    }
}

/// A job that redrives what is dead, or discards it, a page at a time.
async fn job_on(world: Arc<World>, ids: Vec<DeliveryId>, redrives: bool) {
    let job = job(&world, default_project(), ids.len() as u64).await;
    for page in ids.chunks(50) {
        let step = step(&job, "", false);
        match redrives {
            true => {
                let redriven = world.store.redrive(&step, page, NOW).await;
                redriven.expect("redriven");
            }
            false => {
                let discarded = world.store.discard(&step, page, NOW).await;
                discarded.expect("discarded");
            }
        }
    }
}

/// The engine of a node that settles what waits for an endpoint which is closed.
async fn settle(world: Arc<World>, endpoint: EndpointId) {
    disable(&world, endpoint).await;
    for _ in 0..40 {
        let reason = DeadReason::EndpointDisabled.as_str();
        let (store, state) = (&world.store, DeliveryState::Dead);
        let settled = store.settle_endpoint(endpoint, state, reason, 10, NOW);
        settled.await.expect("settled");
    }
}

pub async fn whatever_is_done_at_once_each_delivery_is_in_one_state(world: World) {
    let endpoints = [
        world.endpoint().await,
        world.endpoint().await,
        world.endpoint().await,
    ];
    let ids = pending(&world, &endpoints, DELIVERIES).await;
    let backwards: Vec<_> = ids.iter().rev().copied().collect();
    let world = Arc::new(world);
    let mut tasks = JoinSet::new();
    for node in 0..NODES {
        tasks.spawn(work(Arc::clone(&world), endpoints, node));
    }
    for ids in [&ids, &backwards] {
        tasks.spawn(act(Arc::clone(&world), ids.clone()));
        tasks.spawn(job_on(Arc::clone(&world), ids.clone(), true));
    }
    tasks.spawn(job_on(Arc::clone(&world), backwards, false));
    for _ in 0..2 {
        tasks.spawn(settle(Arc::clone(&world), endpoints[2]));
    }
    tasks.join_all().await;
    assert_counted(&world).await;
    assert_queued(&world, &ids).await;
}

/// That each delivery has a row in the queue if it is pending, and none otherwise.
async fn assert_queued(world: &World, ids: &[DeliveryId]) {
    let left = world.store.release_expired(world.lease, NOW).await;
    assert_eq!(left.expect("released"), 0, "nodes gave back what they had");
    let mut waiting = HashSet::new();
    for (endpoint, _) in world.store.backlogs().await.expect("backlogs") {
        let jobs = claim(world, world.lease, &[endpoint], DELIVERIES).await;
        waiting.extend(jobs.into_iter().map(|job| job.delivery));
    }
    for id in ids {
        let found = world.store.delivery(default_project(), *id).await;
        let found = found.expect("a delivery");
        let is_pending = found.state == DeliveryState::Pending;
        assert_eq!(waiting.remove(id), is_pending, "{found:?}");
        assert_eq!(found.next_attempt_at.is_some(), is_pending, "{found:?}");
        assert!(!found.cancel_requested, "{found:?}");
    }
    assert!(waiting.is_empty(), "{waiting:?}");
}
