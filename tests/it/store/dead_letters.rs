//! Dead letters: what is done to many of them at once.

use riposte::{
    domain::{
        delivery::{DeadReason, DeliveryState},
        endpoint::EndpointState,
        ids::{DeliveryId, EndpointId, default_project, platform_project},
    },
    store::{
        StoreResult,
        dead_letters::{Discard, Redrive},
        queue::Wish,
        unit::{Acceptance, Fate},
    },
};

use super::world::{NOW, World, after};

async fn dead(world: &World, endpoint: EndpointId) -> DeliveryId {
    let mut unit = world.unit("{}");
    let fate = Fate::Dead(DeadReason::AttemptsExhausted, "answered 500".to_owned());
    let id = world.deliver(&mut unit, endpoint, fate);
    assert_eq!(world.accept(&[&unit]).await, [Acceptance::Stored]);
    id
}

async fn dead_emission(world: &World) -> DeliveryId {
    let mut unit = world.unit("{}");
    let fate = Fate::Dead(DeadReason::EmitFailed, "data.site is absent".to_owned());
    let id = world.deliver(&mut unit, world.ids.next(NOW), fate);
    unit.deliveries[0].endpoint = None;
    assert_eq!(world.accept(&[&unit]).await, [Acceptance::Stored]);
    id
}

async fn disable(world: &World, id: EndpointId) {
    let change = world
        .store
        .change_endpoint(default_project(), id, NOW, |config| {
            config.state = EndpointState::Disabled;
            StoreResult::Ok(())
        });
    change.await.expect("changed");
}

async fn redrive(world: &World, ids: &[DeliveryId]) -> Vec<Redrive> {
    let redriven = world.store.redrive(default_project(), ids, NOW).await;
    let redriven = redriven.expect("redriven");
    assert!(redriven.iter().map(|(id, _)| id).eq(ids), "in their order");
    redriven.into_iter().map(|(_, how)| how).collect()
}

async fn state(world: &World, id: DeliveryId) -> (DeliveryState, Option<String>) {
    let found = world.store.delivery(default_project(), id).await;
    let found = found.expect("a delivery");
    (found.state, found.reason)
}

pub async fn a_page_of_dead_letters_is_redriven_as_far_as_it_can_be(world: World) {
    let (open, disabled, deleted) = (
        world.endpoint().await,
        world.endpoint().await,
        world.endpoint().await,
    );
    let ids = [
        dead(&world, open).await,
        dead(&world, disabled).await,
        dead(&world, deleted).await,
        dead_emission(&world).await,
        world.pending(open, true, NOW).await,
        world.ids.next(NOW),
    ];
    disable(&world, disabled).await;
    let delete = world.store.delete_endpoint(default_project(), deleted, NOW);
    delete.await.expect("deleted");

    let expected = [
        Redrive::Due(open),
        Redrive::EndpointDisabled,
        Redrive::EndpointDeleted,
        Redrive::Emission,
        Redrive::NotDead(DeliveryState::Pending),
        Redrive::NotFound,
    ];
    assert_eq!(redrive(&world, &ids).await, expected);
    assert_eq!(state(&world, ids[0]).await, (DeliveryState::Pending, None));
    for id in &ids[1..4] {
        assert_eq!(state(&world, *id).await.0, DeliveryState::Dead);
    }
    let wishes = [Wish {
        endpoint: open,
        limit: 10,
        bytes: usize::MAX,
    }];
    let claims = world.store.claim_due(world.node, &wishes, NOW).await;
    let jobs = &claims.expect("a claim")[0].jobs;
    let claimed: Vec<_> = jobs.iter().map(|job| job.delivery).collect();
    assert_eq!(claimed, [ids[0]]);
    let again = redrive(&world, &ids[..1]).await;
    assert_eq!(again, [Redrive::NotDead(DeliveryState::Pending)]);
}

pub async fn a_discarded_dead_letter_is_cancelled_and_keeps_its_last_error(world: World) {
    let endpoint = world.endpoint().await;
    let (webhook, emission) = (dead(&world, endpoint).await, dead_emission(&world).await);
    let pending = world.pending(endpoint, true, NOW).await;
    let ids = [webhook, emission, pending, world.ids.next(NOW)];
    let discarded = world.store.discard(default_project(), &ids, NOW).await;
    let discarded: Vec<_> = discarded
        .expect("discarded")
        .into_iter()
        .map(|(_, how)| how)
        .collect();
    let expected = [
        Discard::Discarded,
        Discard::Discarded,
        Discard::NotDead(DeliveryState::Pending),
        Discard::NotFound,
    ];
    assert_eq!(discarded, expected);
    let cancelled = (DeliveryState::Cancelled, Some("discarded".to_owned()));
    assert_eq!(state(&world, webhook).await, cancelled);
    assert_eq!(state(&world, emission).await, cancelled);
    let kept = world.store.delivery(default_project(), webhook).await;
    assert_eq!(
        kept.expect("a delivery").detail.as_deref(),
        Some("answered 500")
    );
}

pub async fn dead_letters_are_paged_through_from_the_oldest_on(world: World) {
    let (one, other) = (world.endpoint().await, world.endpoint().await);
    let mut ids = Vec::new();
    for endpoint in [one, other, one] {
        ids.push(dead(&world, endpoint).await);
    }
    world.pending(one, false, after(5)).await;
    let store = &world.store;
    for (endpoint, after, limit, expected) in [
        (None, None, 2, &ids[..2]),
        (None, Some(ids[1]), 2, &ids[2..]),
        (Some(other), None, 2, &ids[1..2]),
        (Some(other), Some(ids[1]), 2, &[]),
    ] {
        let page = store.dead_letters(default_project(), endpoint, after, limit);
        let page: Vec<_> = page
            .await
            .expect("a page")
            .iter()
            .map(|letter| letter.id)
            .collect();
        assert_eq!(page, expected);
    }
    let count = async |project, endpoint, after| {
        let count = store.count_dead_letters(project, endpoint, after).await;
        count.expect("a count")
    };
    assert_eq!(count(default_project(), None, None).await, 3);
    assert_eq!(count(default_project(), Some(one), Some(ids[0])).await, 1);
    assert_eq!(count(platform_project(), None, None).await, 0);
}

pub async fn dead_letters_of_another_project_are_not_there(world: World) {
    let endpoint = world.endpoint().await;
    let ids = [dead(&world, endpoint).await];
    let store = &world.store;
    let redriven = store.redrive(platform_project(), &ids, NOW).await;
    assert_eq!(redriven.expect("answered"), [(ids[0], Redrive::NotFound)]);
    let discarded = store.discard(platform_project(), &ids, NOW).await;
    assert_eq!(discarded.expect("answered"), [(ids[0], Discard::NotFound)]);
    let standings = store.standings(platform_project(), &ids).await;
    assert_eq!(standings.expect("answered"), [(ids[0], None)]);
    assert_eq!(state(&world, ids[0]).await.0, DeliveryState::Dead);
}
