//! Endpoints that fail.

use std::time::Duration;

use riposte::{
    domain::{
        delivery::DeadReason,
        endpoint::{EndpointConfig, EndpointState, StateReason},
        ids::{EndpointId, default_project},
        retry::Verdict,
        time::Timestamp,
    },
    store::record::{Disable, Outcome, Records},
};

use super::world::{NOW, World, after};

/// How long these endpoints may fail.
const BEARABLE: Duration = Duration::from_secs(60);

/// An attempt to `endpoint` that began at `at` and was answered with `status`.
async fn attempt(world: &World, endpoint: EndpointId, at: Timestamp, status: u16) -> Outcome {
    let delivery = world.pending(endpoint, true, NOW).await;
    let verdict = match status {
        200 => Verdict::Delivered,
        _ => Verdict::Dead(DeadReason::AttemptsExhausted),
    };
    let mut outcome = world.outcome(delivery, endpoint, 1, status, verdict);
    outcome.attempt.started_at = at;
    outcome.disable = (status != 200).then_some(Disable::FailingFor(BEARABLE));
    outcome
}

async fn records(world: &World, outcomes: &[Outcome]) -> Records {
    let recorded = world.store.record(world.lease, outcomes, NOW).await;
    recorded.expect("recorded")
}

async fn answers(world: &World, endpoint: EndpointId, at: Timestamp, status: u16) -> Records {
    let outcome = attempt(world, endpoint, at, status).await;
    records(world, &[outcome]).await
}

async fn failing_since(world: &World, endpoint: EndpointId) -> Option<Timestamp> {
    let stats = world.store.endpoint_stats(default_project(), endpoint, NOW);
    stats.await.expect("figures").failing_since
}

pub async fn an_endpoint_fails_from_its_first_failure_on_until_an_attempt_succeeds(world: World) {
    let (endpoint, other) = (world.endpoint().await, world.endpoint().await);
    assert_eq!(failing_since(&world, endpoint).await, None);
    for second in [1, 2] {
        answers(&world, endpoint, after(second), 500).await;
        assert_eq!(failing_since(&world, endpoint).await, Some(after(1)));
    }
    assert_eq!(failing_since(&world, other).await, None);
    answers(&world, endpoint, after(3), 200).await;
    assert_eq!(failing_since(&world, endpoint).await, None);
    answers(&world, endpoint, after(4), 500).await;
    assert_eq!(failing_since(&world, endpoint).await, Some(after(4)));
}

pub async fn what_a_group_of_attempts_says_counts_in_the_order_of_their_beginnings(world: World) {
    let (fails, recovers) = (world.endpoint().await, world.endpoint().await);
    let group = [
        attempt(&world, fails, after(3), 500).await,
        attempt(&world, recovers, after(3), 200).await,
        attempt(&world, fails, after(2), 500).await,
        attempt(&world, recovers, after(1), 500).await,
        attempt(&world, fails, after(1), 200).await,
    ];
    records(&world, &group).await;
    assert_eq!(failing_since(&world, fails).await, Some(after(2)));
    assert_eq!(failing_since(&world, recovers).await, None);
}

pub async fn an_endpoint_that_fails_for_too_long_is_disabled_and_says_why(world: World) {
    let (endpoint, healthy) = (world.endpoint().await, world.endpoint().await);
    for second in [0, 59] {
        let records = answers(&world, endpoint, after(second), 500).await;
        assert_eq!(records.disabled, []);
    }
    let last = [
        attempt(&world, endpoint, after(60), 500).await,
        attempt(&world, healthy, after(60), 500).await,
    ];
    assert_eq!(records(&world, &last).await.disabled, [endpoint]);
    let found = world.store.endpoint(default_project(), endpoint).await;
    let found = found.expect("the endpoint");
    assert_eq!(found.config.state, EndpointState::Disabled);
    assert_eq!(found.state_reason, StateReason::Failing);
    assert_eq!(failing_since(&world, endpoint).await, None, "it is settled");
    let late = answers(&world, endpoint, after(61), 500).await;
    assert_eq!(late.disabled, []);
    assert_eq!(failing_since(&world, endpoint).await, None);
}

pub async fn an_endpoint_that_is_changed_by_its_owner_begins_anew(world: World) {
    let endpoint = world.endpoint().await;
    answers(&world, endpoint, after(1), 500).await;
    let named = |config: &mut EndpointConfig| config.name = Some("CI".to_owned());
    world.changes(endpoint, named).await;
    assert_eq!(failing_since(&world, endpoint).await, Some(after(1)));
    let paused = |config: &mut EndpointConfig| config.state = EndpointState::Paused;
    world.changes(endpoint, paused).await;
    assert_eq!(failing_since(&world, endpoint).await, None);
    let enabled = |config: &mut EndpointConfig| config.state = EndpointState::Enabled;
    world.changes(endpoint, enabled).await;
    answers(&world, endpoint, after(100), 500).await;
    assert_eq!(failing_since(&world, endpoint).await, Some(after(100)));
    world
        .changes(endpoint, |config| config.url.set_path("/moved"))
        .await;
    assert_eq!(failing_since(&world, endpoint).await, None);
}
