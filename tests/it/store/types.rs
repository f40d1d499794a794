//! The catalogue of event types.

use std::sync::Arc;

use riposte::{
    domain::{
        event::EventType,
        event_type::{CatalogueEntry, Description, KnownViolation, MAX_SEEN, Seen},
        ids::default_project,
        schema::Validation,
    },
    store::{
        StoreError, StoreResult,
        change::unanswered,
        event_types::{CatalogueFilter, Wanted},
        unit::Unit,
    },
};
use serde_json::value::RawValue;

use super::world::{NOW, World, change_at};

fn named(name: &str) -> EventType {
    EventType::parse(name).expect("a type")
}

fn of_type(world: &World, name: &str) -> Unit {
    let mut unit = world.unit("{}");
    let event = Arc::make_mut(&mut unit.events[0].event);
    event.attributes.event_type = named(name);
    unit
}

/// The entry of a type in the catalogue.
async fn entry(world: &World, name: &str) -> StoreResult<CatalogueEntry> {
    let store = &world.store;
    store.catalogue_entry(default_project(), &named(name)).await
}

async fn forget(world: &World, name: &str) {
    let (name, change) = (named(name), change_at(NOW));
    let store = &world.store;
    let forgotten = store.forget_type(default_project(), &name, &change, unanswered);
    forgotten.await.expect("forgotten");
}

async fn describe(world: &World, name: &str, description: Description) {
    let replace = |described: &mut Description| {
        *described = description;
        Ok::<_, StoreError>(())
    };
    let name = named(name);
    let place = (default_project(), &name);
    let change = change_at(NOW);
    let described = world
        .store
        .describe_type(place, Wanted::Any, &change, replace, unanswered);
    described.await.expect("described");
}

pub async fn types_are_counted_with_the_events_that_are_accepted(world: World) {
    let (one, mut two, other) = (
        of_type(&world, "a"),
        of_type(&world, "a"),
        of_type(&world, "b"),
    );
    let broken = KnownViolation {
        event: two.events[0].event.id,
        pointer: "/data".to_owned(),
        detail: "wrong".to_owned(),
    };
    two.violations.push(broken.clone());
    let last_event = two.events[0].event.id;
    world.accept(&[&one, &two, &other]).await;
    world.accept(&[&of_type(&world, "b")]).await;
    let filter = CatalogueFilter::default();
    let all = world.store.catalogue(default_project(), &filter, 10);
    let all = all.await.expect("a catalogue");
    let counts: Vec<_> = all
        .iter()
        .map(|it| it.seen.as_ref().map(|seen| seen.count))
        .collect();
    assert_eq!(counts, [Some(2), Some(2)]);
    let expected = Seen {
        count: 2,
        first_at: NOW,
        last_at: NOW,
        last_event,
        violations: 1,
        last_violation: Some(broken),
    };
    assert_eq!(all[0].seen.as_ref(), Some(&expected));

    // A unit that is not written counts for nothing.
    let stale = Unit {
        assumed: vec![(default_project(), 7)],
        ..of_type(&world, "a")
    };
    world.accept(&[&stale]).await;
    assert_eq!(
        entry(&world, "a")
            .await
            .expect("an entry")
            .seen
            .map(|seen| seen.count),
        Some(2)
    );
}

pub async fn types_beyond_the_limit_are_counted_together(world: World) {
    let units: Vec<_> = (0..MAX_SEEN + 3)
        .map(|number| of_type(&world, &format!("t{number:05}")))
        .collect();
    for group in units.chunks(1_000) {
        let group: Vec<_> = group.iter().collect();
        world.accept(&group).await;
    }
    let store = &world.store;
    assert_eq!(
        store
            .uncatalogued(default_project())
            .await
            .expect("a number"),
        3
    );
    let beyond = entry(&world, &format!("t{MAX_SEEN:05}")).await;
    assert!(matches!(beyond, Err(StoreError::NotFound(_))));
    forget(&world, "t00000").await;
    world.accept(&[&of_type(&world, "new")]).await;
    assert!(entry(&world, "new").await.is_ok());
}

pub async fn a_schema_makes_stale_what_was_planned_without_it(world: World) {
    let version = async || {
        let changes = world
            .store
            .rule_changes(default_project(), 0)
            .await
            .expect("rules");
        (
            changes.version,
            changes
                .judged
                .get(&named("a"))
                .map(|judged| (judged.validation, judged.version)),
        )
    };
    let before = version().await;
    let words = Description {
        description: Some("words".to_owned()),
        ..Description::default()
    };
    describe(&world, "a", words.clone()).await;
    assert_eq!(version().await, before);
    let judged = Description {
        schema: Some(RawValue::from_string("{}".to_owned()).expect("JSON")),
        validation: Validation::Warn,
        ..words.clone()
    };
    describe(&world, "a", judged.clone()).await;
    let now = before.0 + 1;
    assert_eq!(version().await, (now, Some((Validation::Warn, now))));
    let stored = world
        .store
        .event_schema(default_project(), &named("a"))
        .await
        .expect("read");
    assert_eq!(
        stored.map(|it| (it.version, it.text)),
        Some((now, "{}".to_owned()))
    );
    let other_words = Description {
        description: None,
        ..judged
    };
    describe(&world, "a", other_words).await;
    assert_eq!(version().await, (now, Some((Validation::Warn, now))));
    forget(&world, "a").await;
    assert_eq!(version().await, (now + 1, None));
}
