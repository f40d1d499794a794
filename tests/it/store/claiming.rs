//! The queue, and what follows from attempts.

use riposte::{
    domain::{
        delivery::{DeadReason, DeliveryState},
        endpoint::{EndpointConfig, EndpointState, StateReason},
        ids::{DeliveryId, EndpointId, default_project},
        lease::Lease,
        retry::Verdict,
        time::Timestamp,
    },
    store::{
        act::{Cancellation, Revival},
        queue::Wish,
        record::{Disable, Recorded},
    },
};

use super::world::{NOW, World, after};

fn wish(endpoint: EndpointId, limit: usize) -> Wish {
    let bytes = usize::MAX;
    Wish {
        endpoint,
        limit,
        bytes,
    }
}

async fn disable(world: &World, endpoint: EndpointId) {
    let disable = |config: &mut EndpointConfig| config.state = EndpointState::Disabled;
    world.changes(endpoint, disable).await;
}

async fn claim(world: &World, endpoint: EndpointId, limit: usize, seconds: u64) -> Vec<DeliveryId> {
    let wishes = [wish(endpoint, limit)];
    let claims = world
        .store
        .claim_due(world.lease, &wishes, after(seconds))
        .await;
    let claim = claims.expect("a claim").remove(0);
    claim.jobs.iter().map(|job| job.delivery).collect()
}

async fn state(world: &World, delivery: DeliveryId) -> (DeliveryState, Option<String>, u32) {
    let found = world.store.delivery(default_project(), delivery).await;
    let found = found.expect("a delivery");
    (found.state, found.reason, found.attempts)
}

pub async fn what_is_due_is_claimed_once_in_its_order(world: World) {
    let endpoint = world.endpoint().await;
    let late = world.pending(endpoint, false, after(20)).await;
    let second = world.pending(endpoint, false, after(2)).await;
    let first = world.pending(endpoint, false, after(1)).await;
    assert_eq!(claim(&world, endpoint, 10, 0).await, []);
    assert_eq!(claim(&world, endpoint, 1, 5).await, [first]);
    assert_eq!(claim(&world, endpoint, 10, 5).await, [second]);
    assert_eq!(claim(&world, endpoint, 10, 5).await, []);
    let wishes = [wish(endpoint, 1)];
    let claims = world.store.claim_due(world.lease, &wishes, after(5)).await;
    assert_eq!(claims.expect("a claim")[0].next_due, Some(after(20)));
    assert_eq!(claim(&world, endpoint, 10, 20).await, [late]);
}

pub async fn a_claim_keeps_to_its_bytes_but_takes_at_least_one(world: World) {
    let endpoint = world.endpoint().await;
    for _ in 0..3 {
        // The event carries `{}`.
        world.pending(endpoint, false, NOW).await;
    }
    let claimed = async |bytes| {
        let wishes = [Wish {
            bytes,
            ..wish(endpoint, 10)
        }];
        let claims = world.store.claim_due(world.lease, &wishes, NOW).await;
        let claim = claims.expect("a claim").remove(0);
        (claim.jobs.len(), claim.next_due)
    };
    assert_eq!(claimed(0).await, (1, Some(NOW)));
    assert_eq!(claimed(5).await, (2, None));
}

pub async fn what_a_node_owns_is_claimable_only_after_its_release(world: World) {
    let endpoint = world.endpoint().await;
    let owned = world.pending(endpoint, true, NOW).await;
    assert_eq!(claim(&world, endpoint, 10, 1).await, []);
    world
        .store
        .release(Lease::first(world.ids.next(NOW)), &[owned], NOW)
        .await
        .expect("released");
    assert_eq!(
        claim(&world, endpoint, 10, 1).await,
        [],
        "another node's release changes nothing"
    );
    world
        .store
        .release(world.lease, &[owned], NOW)
        .await
        .expect("released");
    assert_eq!(claim(&world, endpoint, 10, 1).await, [owned]);

    let successor = Lease::first(world.ids.next(NOW));
    assert_eq!(
        world
            .store
            .release_expired(world.lease, NOW)
            .await
            .expect("released"),
        0
    );
    assert_eq!(
        world
            .store
            .release_expired(successor, NOW)
            .await
            .expect("released"),
        1
    );
    assert_eq!(claim(&world, endpoint, 10, 1).await, [owned]);
}

pub async fn backlogs_name_each_endpoint_with_its_first_due_time(world: World) {
    let (one, other, busy) = (
        world.endpoint().await,
        world.endpoint().await,
        world.endpoint().await,
    );
    world.pending(one, false, after(9)).await;
    world.pending(one, false, after(3)).await;
    world.pending(other, false, NOW).await;
    world.pending(busy, true, NOW).await;
    let mut backlogs = world.store.backlogs().await.expect("backlogs");
    backlogs.sort();
    assert_eq!(backlogs, [(one, after(3)), (other, NOW)]);
}

pub async fn an_outcome_settles_or_postpones_its_delivery(world: World) {
    let endpoint = world.endpoint().await;
    let delivered = world.pending(endpoint, true, NOW).await;
    let retried = world.pending(endpoint, true, NOW).await;
    let dead = world.pending(endpoint, true, NOW).await;
    let exhausted = Verdict::Dead(DeadReason::AttemptsExhausted);
    let outcomes = [
        world.outcome(delivered, endpoint, 1, 204, Verdict::Delivered),
        world.outcome(retried, endpoint, 1, 500, Verdict::Retry(after(60))),
        world.outcome(dead, endpoint, 1, 500, exhausted),
    ];
    let recorded = world
        .store
        .record(world.lease, &outcomes, NOW)
        .await
        .expect("recorded");
    let expected = [
        Recorded::Final(DeliveryState::Delivered),
        Recorded::Waiting(after(60)),
        Recorded::Final(DeliveryState::Dead),
    ];
    assert_eq!(recorded.outcomes, expected);
    assert_eq!(
        state(&world, delivered).await,
        (DeliveryState::Delivered, None, 1)
    );
    assert_eq!(
        state(&world, retried).await,
        (DeliveryState::Pending, None, 1)
    );
    let reason = Some("attempts_exhausted".to_owned());
    assert_eq!(state(&world, dead).await, (DeliveryState::Dead, reason, 1));
    assert_eq!(claim(&world, endpoint, 10, 59).await, []);
    assert_eq!(claim(&world, endpoint, 10, 60).await, [retried]);

    let attempts = world
        .store
        .attempts(default_project(), dead)
        .await
        .expect("attempts");
    assert_eq!(attempts.len(), 1);
    assert_eq!(attempts[0].attempt, outcomes[2].attempt);
}

pub async fn an_outcome_of_a_node_that_no_longer_owns_changes_nothing(world: World) {
    let endpoint = world.endpoint().await;
    let delivery = world.pending(endpoint, true, NOW).await;
    let paused = world.lease.next();
    let outcome = world.outcome(delivery, endpoint, 1, 200, Verdict::Delivered);
    let recorded = world
        .store
        .record(paused, &[outcome], NOW)
        .await
        .expect("recorded");
    assert_eq!(recorded.outcomes, [Recorded::Superseded]);
    assert_eq!(
        state(&world, delivery).await,
        (DeliveryState::Pending, None, 0)
    );
    let attempts = world.store.attempts(default_project(), delivery).await;
    assert_eq!(
        attempts.expect("attempts").len(),
        1,
        "what was sent is in the log all the same"
    );
}

pub async fn a_delivery_is_called_off_at_once_or_after_its_attempt(world: World) {
    let endpoint = world.endpoint().await;
    let (waiting, held) = (
        world.pending(endpoint, false, NOW).await,
        world.pending(endpoint, true, NOW).await,
    );
    let last = world.pending(endpoint, true, NOW).await;
    let (failing, succeeding) = (
        world.pending(endpoint, true, NOW).await,
        world.pending(endpoint, true, NOW).await,
    );
    let cancel = async |id, withdrawn| {
        let cancelled = world.cancel(id, withdrawn).await;
        cancelled.expect("an answer")
    };
    assert_eq!(cancel(waiting, false).await, Cancellation::Cancelled);
    assert_eq!(cancel(held, true).await, Cancellation::Cancelled);
    assert_eq!(cancel(failing, false).await, Cancellation::Cancelling);
    assert_eq!(cancel(succeeding, false).await, Cancellation::Cancelling);
    assert_eq!(cancel(last, false).await, Cancellation::Cancelling);
    let outcomes = [
        world.outcome(failing, endpoint, 1, 500, Verdict::Retry(after(60))),
        world.outcome(succeeding, endpoint, 1, 200, Verdict::Delivered),
        world.outcome(
            last,
            endpoint,
            1,
            500,
            Verdict::Dead(DeadReason::AttemptsExhausted),
        ),
    ];
    world
        .store
        .record(world.lease, &outcomes, NOW)
        .await
        .expect("recorded");
    let requested = || Some("requested".to_owned());
    assert_eq!(
        state(&world, last).await,
        (DeliveryState::Cancelled, requested(), 1)
    );
    assert_eq!(
        state(&world, held).await,
        (DeliveryState::Cancelled, requested(), 0)
    );
    assert_eq!(
        state(&world, failing).await,
        (DeliveryState::Cancelled, requested(), 1)
    );
    assert_eq!(
        state(&world, succeeding).await,
        (DeliveryState::Delivered, None, 1)
    );
    assert_eq!(
        cancel(succeeding, false).await,
        Cancellation::NotPending(DeliveryState::Delivered)
    );
    assert!(world.store.backlogs().await.expect("backlogs").is_empty());
}

pub async fn what_is_to_be_called_off_is_not_claimable_after_its_release(world: World) {
    let endpoint = world.endpoint().await;
    let (given_up, left_behind, wanted) = (
        world.pending(endpoint, true, NOW).await,
        world.pending(endpoint, true, NOW).await,
        world.pending(endpoint, true, NOW).await,
    );
    for id in [given_up, left_behind] {
        let cancelled = world.cancel(id, false).await;
        assert_eq!(cancelled.expect("an answer"), Cancellation::Cancelling);
    }
    let released = world.store.release(world.lease, &[given_up], NOW).await;
    released.expect("released");
    let successor = Lease::first(world.ids.next(NOW));
    let released = world.store.release_expired(successor, NOW).await;
    assert_eq!(released.expect("released"), 2);
    assert_eq!(claim(&world, endpoint, 10, 1).await, [wanted]);
    for id in [given_up, left_behind] {
        let requested = Some("requested".to_owned());
        assert_eq!(
            state(&world, id).await,
            (DeliveryState::Cancelled, requested, 0)
        );
    }
}

pub async fn a_closed_delivery_comes_back_with_a_new_budget(world: World) {
    let endpoint = world.endpoint().await;
    let delivery = world.pending(endpoint, true, NOW).await;
    let exhausted = Verdict::Dead(DeadReason::AttemptsExhausted);
    let outcome = world.outcome(delivery, endpoint, 1, 500, exhausted);
    world
        .store
        .record(world.lease, &[outcome], NOW)
        .await
        .expect("recorded");
    let revived = world.revive(delivery, after(90)).await;
    assert_eq!(revived.expect("an answer"), Revival::Due(endpoint));
    let wishes = [wish(endpoint, 1)];
    let claims = world
        .store
        .claim_due(world.lease, &wishes, after(90))
        .await
        .expect("a claim");
    let job = &claims[0].jobs[0];
    assert_eq!(
        (job.attempts, job.attempts_before, job.since),
        (1, 1, after(90))
    );
    let revived = world.revive(delivery, after(91)).await;
    assert_eq!(revived.expect("an answer"), Revival::UnderWay);
}

pub async fn what_waits_for_a_closed_endpoint_is_settled_in_steps(world: World) {
    let endpoint = world.endpoint().await;
    let mut ids = Vec::new();
    for seconds in 0..5 {
        ids.push(world.pending(endpoint, false, after(seconds)).await);
    }
    disable(&world, endpoint).await;
    let reason = DeadReason::EndpointDisabled.as_str();
    let settle = async || {
        let settled = world
            .store
            .settle_endpoint(endpoint, DeliveryState::Dead, reason, 3, NOW);
        settled.await.expect("settled")
    };
    let steps = [settle().await, settle().await, settle().await];
    assert_eq!(steps, [Some(3), Some(2), Some(0)]);
    for id in ids {
        let reason = Some(reason.to_owned());
        assert_eq!(state(&world, id).await, (DeliveryState::Dead, reason, 0));
    }
}

pub async fn what_waits_for_an_endpoint_that_was_opened_again_is_not_settled(world: World) {
    let endpoint = world.endpoint().await;
    let waiting = world.pending(endpoint, false, NOW).await;
    let reason = DeadReason::EndpointDisabled.as_str();
    let settled = world
        .store
        .settle_endpoint(endpoint, DeliveryState::Dead, reason, 3, NOW);
    assert_eq!(settled.await.expect("an answer"), None);
    assert_eq!(claim(&world, endpoint, 10, 0).await, [waiting]);
}

pub async fn what_waits_for_a_closed_endpoint_is_due_at_once(world: World) {
    let (closed, open) = (world.endpoint().await, world.endpoint().await);
    for endpoint in [closed, open] {
        world.pending(endpoint, false, after(3_600)).await;
    }
    disable(&world, closed).await;
    let mut backlogs = world.store.backlogs().await.expect("backlogs");
    backlogs.sort();
    let epoch = Timestamp::from_millis(0);
    assert_eq!(backlogs, [(closed, epoch), (open, after(3_600))]);
}

pub async fn an_endpoint_that_has_moved_is_not_disabled_by_its_old_url(world: World) {
    let endpoint = world.endpoint().await;
    let delivery = world.pending(endpoint, true, NOW).await;
    let gone = Verdict::Dead(DeadReason::Gone);
    let mut outcome = world.outcome(delivery, endpoint, 1, 410, gone);
    outcome.disable = Some(Disable::Gone);
    outcome.attempt.url = "https://example.com/old".to_owned();
    let recorded = world.store.record(world.lease, &[outcome], NOW).await;
    assert_eq!(
        recorded.expect("recorded").outcomes,
        [Recorded::Final(DeliveryState::Dead)]
    );
    let found = world.store.endpoint(default_project(), endpoint).await;
    assert_eq!(
        found.expect("the endpoint").config.state,
        EndpointState::Enabled
    );
}

pub async fn a_gone_endpoint_is_disabled_with_its_outcome(world: World) {
    let endpoint = world.endpoint().await;
    let delivery = world.pending(endpoint, true, NOW).await;
    let mut outcome = world.outcome(delivery, endpoint, 1, 410, Verdict::Dead(DeadReason::Gone));
    outcome.disable = Some(Disable::Gone);
    world
        .store
        .record(world.lease, &[outcome], after(1))
        .await
        .expect("recorded");
    let found = world
        .store
        .endpoint(default_project(), endpoint)
        .await
        .expect("the endpoint");
    assert_eq!(found.config.state, EndpointState::Disabled);
    assert_eq!(
        (found.state_reason, found.state_since),
        (StateReason::Gone, after(1))
    );
}
