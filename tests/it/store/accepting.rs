//! Units: written whole, once, and only under the rules that they were planned with.

use std::time::Duration;

use riposte::{
    domain::{
        delivery::{DeadReason, DeliveryState, SkipReason},
        ids::{default_project, platform_project},
        list::{Order, Window},
    },
    store::{
        StoreError,
        counters::Counter,
        deliveries::DeliveryFilter,
        unit::{Acceptance, Continuation, Cursor, Fanout, Fate, Unit},
    },
};

use super::world::{NOW, World, after};

pub async fn a_stored_unit_is_there_with_all_that_belongs_to_it(world: World) {
    let endpoint = world.endpoint().await;
    let mut unit = world.unit(r#"{"n": 1.10, "text": "\u00e9"}"#);
    let due = Fate::Pending {
        owned: false,
        due: after(5),
    };
    let pending = world.deliver(&mut unit, endpoint, due);
    let dead = Fate::Dead(DeadReason::EmitFailed, "no site".to_owned());
    let dead = world.deliver(&mut unit, endpoint, dead);
    let skipped = Fate::Skipped(SkipReason::EndpointDisabled);
    let skipped = world.deliver(&mut unit, endpoint, skipped);
    assert_eq!(world.accept(&[&unit]).await, [Acceptance::Stored]);

    let sent = &unit.events[0].event;
    let stored = world
        .store
        .event(default_project(), sent.id)
        .await
        .expect("the event");
    assert_eq!(stored.event, **sent);
    for (id, state, reason, due) in [
        (pending, DeliveryState::Pending, None, Some(after(5))),
        (dead, DeliveryState::Dead, Some("emit_failed"), None),
        (
            skipped,
            DeliveryState::Skipped,
            Some("endpoint_disabled"),
            None,
        ),
    ] {
        let delivery = world
            .store
            .delivery(default_project(), id)
            .await
            .expect("a delivery");
        assert_eq!((delivery.event, delivery.state), (sent.id, state));
        assert_eq!(
            (delivery.reason.as_deref(), delivery.next_attempt_at),
            (reason, due)
        );
    }
    let foreign = world.store.event(platform_project(), sent.id).await;
    assert!(matches!(foreign, Err(StoreError::NotFound("event"))));
}

pub async fn the_same_event_is_a_duplicate_and_another_one_under_its_key_a_conflict(world: World) {
    let (first, same, other) = (
        world.keyed("1", "a"),
        world.keyed("1", "a"),
        world.keyed("1", "b"),
    );
    let id = first.events[0].event.id;
    assert_eq!(world.accept(&[&first]).await, [Acceptance::Stored]);
    let results = world.accept(&[&same, &other]).await;
    assert_eq!(
        results,
        [Acceptance::Duplicate(id), Acceptance::Conflict(id)]
    );
    let counts = world.store.counts(default_project()).await;
    assert_eq!(counts.expect("counts").get(Counter::Events), 1);
}

pub async fn a_batch_answers_for_each_unit(world: World) {
    let units: Vec<Unit> = ["2", "1", "2", "1", "3"]
        .iter()
        .zip(["a", "a", "a", "b", "a"])
        .map(|(id, data)| world.keyed(id, data))
        .collect();
    let event = |place: usize| units[place].events[0].event.id;
    let results = world.accept(&units.iter().collect::<Vec<_>>()).await;
    let expected = [
        Acceptance::Stored,
        Acceptance::Stored,
        Acceptance::Duplicate(event(0)),
        Acceptance::Conflict(event(1)),
        Acceptance::Stored,
    ];
    assert_eq!(results, expected);
}

pub async fn a_key_is_forgotten_after_its_window(world: World) {
    let (first, again) = (world.keyed("1", "a"), world.keyed("1", "b"));
    world.accept(&[&first]).await;
    let mut context = world.context();
    context.now = after(10);
    context.keys_since = NOW.plus(Duration::from_millis(1));
    let results = world
        .store
        .accept(&[&again], context)
        .await
        .expect("accepted");
    assert_eq!(results, [Acceptance::Stored]);
    let results = world
        .store
        .accept(&[&again], context)
        .await
        .expect("accepted");
    assert_eq!(results, [Acceptance::Duplicate(again.events[0].event.id)]);
}

pub async fn a_stale_unit_leaves_nothing_behind(world: World) {
    let endpoint = world.endpoint().await;
    let mut stale = world.keyed("1", "a");
    stale.assumed = vec![(default_project(), 0), (platform_project(), 7)];
    world.deliver(
        &mut stale,
        endpoint,
        Fate::Pending {
            owned: false,
            due: NOW,
        },
    );
    let fresh = world.keyed("2", "a");
    let results = world.accept(&[&stale, &fresh]).await;
    assert_eq!(results, [Acceptance::Stale, Acceptance::Stored]);
    assert!(world.store.backlogs().await.expect("backlogs").is_empty());

    stale.assumed = vec![(default_project(), 0), (platform_project(), 0)];
    assert_eq!(world.accept(&[&stale]).await, [Acceptance::Stored]);
}

pub async fn a_refused_unit_leaves_nothing_of_its_batch_behind(world: World) {
    let (good, bad) = (world.keyed("1", "a"), world.unit("b"));
    world.accept(&[&bad]).await;
    // The same event once more, without a key that would tell.
    let refused = world.store.accept(&[&good, &bad], world.context()).await;
    assert!(
        matches!(&refused, Err(error) if !error.is_transient()),
        "{refused:?}"
    );
    assert_eq!(world.accept(&[&good]).await, [Acceptance::Stored]);
}

pub async fn a_fanout_moves_once_from_each_place(world: World) {
    let mut unit = world.unit("{}");
    let start = Fanout {
        event: unit.events[0].event.id,
        project: default_project(),
        rules_version: 3,
        next: Cursor::default(),
    };
    unit.fanouts = vec![start.clone()];
    world.accept(&[&unit]).await;
    assert_eq!(
        world.store.fanouts(None, 10).await.expect("fanouts"),
        std::slice::from_ref(&start)
    );

    let place = (start.event, start.project);
    let later = world.store.fanouts(Some(place), 10).await;
    assert_eq!(later.expect("fanouts"), [], "none stands after it");

    let next = Cursor {
        listener: Some(world.ids.next(NOW)),
        reaction: 2,
    };
    let step = |from: &Fanout, then| Unit {
        continues: Some(Continuation::Fanout {
            from: from.clone(),
            then,
        }),
        ..Unit::default()
    };
    let moved = step(&start, Some(next));
    assert_eq!(world.accept(&[&moved]).await, [Acceptance::Stored]);
    assert_eq!(world.accept(&[&moved]).await, [Acceptance::Superseded]);
    let middle = Fanout { next, ..start };
    assert_eq!(
        world.store.fanouts(None, 10).await.expect("fanouts"),
        std::slice::from_ref(&middle)
    );
    assert_eq!(
        world.accept(&[&step(&middle, None)]).await,
        [Acceptance::Stored]
    );
    assert!(
        world
            .store
            .fanouts(None, 10)
            .await
            .expect("fanouts")
            .is_empty()
    );
}

pub async fn skipped_deliveries_are_rows_up_to_a_limit_and_counts_beyond(world: World) {
    let endpoint = world.endpoint().await;
    let listener = world.ids.next(NOW);
    for _ in 0..3 {
        let mut unit = world.unit("{}");
        for _ in 0..400 {
            world.deliver(
                &mut unit,
                endpoint,
                Fate::Skipped(SkipReason::EndpointDisabled),
            );
        }
        for delivery in &mut unit.deliveries {
            delivery.cause.as_mut().expect("a cause").listener = listener;
        }
        assert_eq!(world.accept(&[&unit]).await, [Acceptance::Stored]);
    }
    let counts = world.store.counts(default_project()).await.expect("counts");
    assert_eq!(counts.get(Counter::Skipped), 1_000);
    assert_eq!(counts.get(Counter::SkippedWithoutRows), 200);
    let filter = DeliveryFilter {
        listener: Some(listener),
        ..DeliveryFilter::default()
    };
    let rows = world
        .store
        .deliveries(
            default_project(),
            &filter,
            &Window::first(Order::Newest, 2_000),
        )
        .await;
    assert_eq!(rows.expect("rows").entries.len(), 1_000);
}
