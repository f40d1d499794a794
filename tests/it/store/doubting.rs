//! Commits whose answer is lost. Nobody can say whether they were made durable; either way it comes to
//! the same.

use riposte::{
    domain::{
        delivery::DeliveryState,
        ids::{DeliveryId, EndpointId, default_project},
        retry::Verdict,
        time::Timestamp,
    },
    store::{
        Store, StoreError,
        queue::Wish,
        record::Recorded,
        unit::{Acceptance, Fate, Unit},
    },
};

use super::world::{NOW, World};
use crate::support::Breaks;

const BOTH: [Breaks; 2] = [Breaks::BeforeCommit, Breaks::AfterCommit];

/// A unit of an event that its producer calls `id`, with a delivery that is begun as owned.
fn sent(world: &World, id: &str, endpoint: EndpointId) -> Unit {
    let mut unit = world.keyed(id, "{}");
    let (owned, due) = (true, NOW);
    world.deliver(&mut unit, endpoint, Fate::Pending { owned, due });
    unit
}

/// What `store` claims for `endpoint`.
async fn claim(
    world: &World,
    store: &Store,
    endpoint: EndpointId,
) -> Result<Vec<DeliveryId>, StoreError> {
    let wish = Wish {
        endpoint,
        limit: 10,
        bytes: usize::MAX,
    };
    let claims = store.claim_due(world.lease, &[wish], NOW).await?;
    Ok(claims[0].jobs.iter().map(|job| job.delivery).collect())
}

pub async fn what_was_accepted_in_doubt_is_recognised_and_delivered(world: World) {
    for breaks in BOTH {
        let endpoint = world.endpoint().await;
        let (proxy, store) = world.through_a_proxy().await;
        let name = format!("{breaks:?}");
        let first = sent(&world, &name, endpoint);
        proxy.breaks(breaks, 1);
        let accepted = store.accept(&[&first], world.context()).await;
        assert!(
            matches!(accepted, Err(StoreError::InDoubt(_))),
            "{accepted:?}"
        );
        let again = sent(&world, &name, endpoint);
        let accepted = store.accept(&[&again], world.context()).await;
        let durable = match (breaks, &accepted.expect("accepted")[..]) {
            (Breaks::BeforeCommit, [Acceptance::Stored]) => &again,
            (Breaks::AfterCommit, [Acceptance::Duplicate(id)]) => {
                assert_eq!(*id, first.events[0].event.id);
                &first
            }
            (_, other) => panic!("{breaks:?} came to {other:?}"),
        };
        // Only what is in nobody's memory may be claimed.
        store.settle_doubts(NOW).await.expect("settled");
        let claimed = claim(&world, &store, endpoint).await.expect("a claim");
        let expected: &[_] = match breaks {
            Breaks::BeforeCommit => &[],
            Breaks::AfterCommit => &[durable.deliveries[0].id],
        };
        assert_eq!(claimed, expected);
        // What this node has claimed since is in its memory, and stays its own.
        store.settle_doubts(NOW).await.expect("settled");
        assert_eq!(claim(&world, &store, endpoint).await.expect("a claim"), []);
    }
}

pub async fn what_was_claimed_in_doubt_is_claimed_again(world: World) {
    for breaks in BOTH {
        let endpoint = world.endpoint().await;
        let waiting = world.pending(endpoint, false, NOW).await;
        let (proxy, store) = world.through_a_proxy().await;
        proxy.breaks(breaks, 1);
        let claimed = claim(&world, &store, endpoint).await;
        assert!(
            matches!(claimed, Err(StoreError::InDoubt(_))),
            "{claimed:?}"
        );
        store.settle_doubts(NOW).await.expect("settled");
        assert_eq!(
            claim(&world, &store, endpoint).await.expect("a claim"),
            [waiting]
        );
    }
}

pub async fn an_outcome_that_was_recorded_in_doubt_counts_once(world: World) {
    for breaks in BOTH {
        let endpoint = world.endpoint().await;
        let delivery = world.pending(endpoint, true, NOW).await;
        let (proxy, store) = world.through_a_proxy().await;
        let outcomes = [world.outcome(delivery, endpoint, 1, 200, Verdict::Delivered)];
        let record = async |now: Timestamp| store.record(world.lease, &outcomes, now).await;
        proxy.breaks(breaks, 1);
        let recorded = record(NOW).await;
        assert!(
            matches!(recorded, Err(StoreError::InDoubt(_))),
            "{recorded:?}"
        );
        let expected = match breaks {
            Breaks::BeforeCommit => Recorded::Final(DeliveryState::Delivered),
            Breaks::AfterCommit => Recorded::Superseded,
        };
        assert_eq!(record(NOW).await.expect("recorded").outcomes, [expected]);
        let found = store.delivery(default_project(), delivery).await;
        assert_eq!(found.expect("a delivery").state, DeliveryState::Delivered);
        let attempts = store.attempts(default_project(), delivery).await;
        assert_eq!(attempts.expect("attempts").len(), 1);
    }
    let project = default_project();
    let counts = world.store.counts(project).await.expect("counts");
    assert_eq!(counts, world.store.recount(project).await.expect("counts"));
}
