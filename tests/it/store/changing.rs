//! Changes: carried out once, to their version, and written down.

use std::{sync::Arc, time::Duration};

use riposte::{
    domain::{
        audit::{Action, Actor, Realm},
        endpoint::EndpointConfig,
        idempotency::IdempotencyKey,
        ids::{EndpointId, default_project},
        list::{Order, Window},
        time::Timestamp,
    },
    store::{
        StoreError, StoreResult,
        audit::{AuditFilter, AuditRecord},
        change::{Change, IfMatch, unanswered},
        idempotency::Idempotency,
        unit::{Acceptance, Asked, EventKey, Unit},
    },
};

use super::world::{NOW, World, after, change_at};

/// A change by a request that asks for `request` under `key`, at `now`.
fn marked(key: &str, request: u8, now: Timestamp) -> Change {
    let idempotency = Idempotency {
        realm: Realm::Project(default_project()),
        caller: Actor::Operator,
        key: IdempotencyKey::parse(key.as_bytes()).expect("a key"),
        request: [request; 32],
        since: now.minus(Duration::from_secs(60)),
    };
    Change {
        idempotency: Some(idempotency),
        ..change_at(now)
    }
}

/// Calls an endpoint `name`; the answer is the name.
async fn rename(world: &World, id: EndpointId, name: &str, change: &Change) -> StoreResult<String> {
    let apply = |config: &mut EndpointConfig| {
        config.name = Some(name.to_owned());
        StoreResult::Ok(())
    };
    let answer = |_: &_| StoreResult::Ok(name.to_owned());
    let store = &world.store;
    let changed = store.change_endpoint(default_project(), id, change, apply, answer);
    Ok(changed.await?.answer)
}

async fn name_of(world: &World, id: EndpointId) -> Option<String> {
    let endpoint = world.store.endpoint(default_project(), id).await;
    endpoint.expect("an endpoint").config.name
}

async fn log(world: &World, id: EndpointId) -> Vec<AuditRecord> {
    let filter = AuditFilter {
        object: Some(id.to_string()),
        ..AuditFilter::default()
    };
    let realm = Realm::Project(default_project());
    let window = Window::first(Order::Oldest, 100);
    let listed = world.store.audit(realm, &filter, &window).await;
    listed.expect("a log").entries
}

#[track_caller]
fn assert_repeated(result: StoreResult<String>, expected: &str) {
    match result {
        Err(StoreError::Repeated(answered)) => {
            assert_eq!(answered.read::<String>().expect("an answer"), expected);
        }
        other => panic!("{other:?}"),
    }
}

pub async fn a_request_is_carried_out_once_and_its_repeats_get_its_answer(world: World) {
    let id = world.endpoint().await;
    let change = marked("k", 1, NOW);
    let first = rename(&world, id, "one", &change).await;
    assert_eq!(first.expect("changed"), "one");
    rename(&world, id, "two", &change_at(NOW))
        .await
        .expect("changed");
    assert_repeated(rename(&world, id, "one", &change).await, "one");
    assert_eq!(name_of(&world, id).await.as_deref(), Some("two"));
    let idempotency = change.idempotency.expect("it has one");
    let answered = world.store.answered(&idempotency).await;
    let answered = answered.expect("read").expect("it is there");
    assert_eq!(answered.read::<String>().expect("an answer"), "one");
    assert!(!format!("{answered:?}").contains("one"));
}

pub async fn another_request_under_the_same_key_is_refused(world: World) {
    let id = world.endpoint().await;
    rename(&world, id, "one", &marked("k", 1, NOW))
        .await
        .expect("changed");
    let other = rename(&world, id, "two", &marked("k", 2, NOW)).await;
    assert!(matches!(other, Err(StoreError::KeyReused)), "{other:?}");
    let mut elsewhere = marked("k", 2, NOW);
    if let Some(idempotency) = &mut elsewhere.idempotency {
        idempotency.caller = Actor::Key(world.ids.next(NOW));
    }
    let theirs = rename(&world, id, "three", &elsewhere).await;
    assert_eq!(theirs.expect("changed"), "three");
}

pub async fn what_is_refused_leaves_neither_a_key_nor_an_entry(world: World) {
    let id = world.endpoint().await;
    let change = marked("k", 1, NOW);
    let apply = |config: &mut EndpointConfig| {
        config.name = Some("lost".to_owned());
        StoreResult::Ok(())
    };
    let refuse = |_: &_| Err::<(), _>(StoreError::Exists("name"));
    let store = &world.store;
    let refused = store.change_endpoint(default_project(), id, &change, apply, refuse);
    assert!(matches!(refused.await, Err(StoreError::Exists("name"))));
    assert_eq!(name_of(&world, id).await, None);
    assert_eq!(log(&world, id).await.len(), 1);
    let other = rename(&world, id, "one", &marked("k", 2, NOW)).await;
    assert_eq!(other.expect("the key is free"), "one");
}

pub async fn a_key_is_free_again_after_its_window(world: World) {
    let id = world.endpoint().await;
    let store = &world.store;
    rename(&world, id, "one", &marked("k", 1, NOW))
        .await
        .expect("changed");
    assert_repeated(
        rename(&world, id, "two", &marked("k", 1, after(60))).await,
        "one",
    );
    let later = rename(&world, id, "two", &marked("k", 2, after(61))).await;
    assert_eq!(later.expect("it is forgotten"), "two");
    let swept = store.sweep_idempotency_keys(after(61), 10).await;
    assert_eq!(swept.expect("swept").removed, 0);
    let swept = store.sweep_idempotency_keys(after(62), 10).await;
    assert_eq!(swept.expect("swept").removed, 1);
}

pub async fn an_entry_of_the_audit_log_goes_after_its_time(world: World) {
    let id = world.endpoint().await;
    let later = rename(&world, id, "one", &change_at(after(60))).await;
    assert_eq!(later.expect("changed"), "one");
    let store = &world.store;
    let swept = store.sweep_audit(NOW, 10).await.expect("swept");
    assert_eq!((swept.removed, swept.is_last), (0, true));
    let swept = store.sweep_audit(after(60), 1).await.expect("swept");
    assert_eq!((swept.removed, swept.is_last), (1, false));
    let left = log(&world, id).await;
    assert_eq!(left.len(), 1, "{left:?}");
    assert_eq!(left[0].at, after(60));
}

pub async fn a_change_is_made_to_the_version_that_it_is_meant_for(world: World) {
    let id = world.endpoint().await;
    let meant_for = |versions: &[u64]| Change {
        if_match: IfMatch::OneOf(versions.to_vec()),
        ..change_at(NOW)
    };
    rename(&world, id, "one", &meant_for(&[7, 1]))
        .await
        .expect("the first version");
    for versions in [&[1][..], &[], &[3]] {
        let refused = rename(&world, id, "two", &meant_for(versions)).await;
        assert!(matches!(refused, Err(StoreError::PreconditionFailed)));
    }
    // What leaves all as it is makes no version.
    rename(&world, id, "one", &meant_for(&[2]))
        .await
        .expect("nothing to do");
    let endpoint = world.store.endpoint(default_project(), id).await;
    assert_eq!(endpoint.expect("it").version, 2);
    let store = &world.store;
    let delete = |change: Change| async move {
        let deleted = store.delete_endpoint(default_project(), id, &change, unanswered);
        StoreResult::Ok(deleted.await?.now.id)
    };
    let refused = delete(meant_for(&[1])).await;
    assert!(matches!(refused, Err(StoreError::PreconditionFailed)));
    assert_eq!(delete(meant_for(&[2])).await.expect("deleted"), id);
}

pub async fn an_entry_tells_of_each_change_and_of_nothing_else(world: World) {
    let id = world.endpoint().await;
    let change = Change {
        address: "192.0.2.7".parse().ok(),
        ..change_at(after(5))
    };
    for _ in 0..2 {
        rename(&world, id, "one", &change).await.expect("changed");
    }
    let entries = log(&world, id).await;
    let actions: Vec<_> = entries.iter().map(|entry| entry.action).collect();
    assert_eq!(actions, [Action::EndpointCreated, Action::EndpointChanged]);
    let entry = &entries[1];
    assert_eq!((entry.at, entry.actor), (after(5), Actor::Operator));
    assert_eq!(entry.address.as_deref(), Some("192.0.2.7"));
    assert_eq!(entry.fields, ["name", "updated_at"]);
    let (before, after) = (entry.before.as_ref(), entry.after.as_ref());
    assert!(before.expect("a document").get().contains(r#""name":null"#));
    assert!(after.expect("a document").get().contains(r#""name":"one""#));
}

pub async fn what_a_unit_was_asked_for_is_done_once(world: World) {
    let asking = |request: u8| Unit {
        asked: Some(Arc::new(
            Asked::new(&marked("k", request, NOW), None, &"sent").expect("an answer"),
        )),
        ..world.unit("{}")
    };
    let [first, repeat, other, plain] = [asking(1), asking(1), asking(2), world.unit("{}")];
    let results = world.accept(&[&first, &repeat, &plain]).await;
    assert_eq!(
        results,
        [Acceptance::Stored, Acceptance::Repeated, Acceptance::Stored]
    );
    assert_eq!(world.accept(&[&other]).await, [Acceptance::Repeated]);
    let idempotency = marked("k", 1, NOW).idempotency.expect("it has one");
    let answered = world.store.answered(&idempotency).await.expect("read");
    let answer = answered.expect("it is there").read::<String>();
    assert_eq!(answer.expect("an answer"), "sent");
    let left_out = repeat.events[0].event.id;
    let found = world.store.event(default_project(), left_out).await;
    assert!(matches!(found, Err(StoreError::NotFound(_))));
}

pub async fn a_request_of_events_is_recognised_event_by_event(world: World) {
    let key = IdempotencyKey::parse(b"outbox").expect("a key");
    let mark = |unit: Unit, place: usize, request: u8| Unit {
        request: Some(EventKey::of_request(
            default_project(),
            &key,
            place,
            [request; 32],
        )),
        ..unit
    };
    let nameless = |place, request| mark(world.unit("{}"), place, request);
    let sent = [nameless(0, 1), nameless(1, 1)];
    let ids = [sent[0].events[0].event.id, sent[1].events[0].event.id];
    let stored = world.accept(&[&sent[0], &sent[1]]).await;
    assert_eq!(stored, [Acceptance::Stored, Acceptance::Stored]);
    let again = [nameless(0, 1), nameless(1, 1), nameless(2, 1)];
    let results = world.accept(&[&again[0], &again[1], &again[2]]).await;
    assert_eq!(
        results,
        [
            Acceptance::Duplicate(ids[0]),
            Acceptance::Duplicate(ids[1]),
            Acceptance::Stored
        ]
    );
    assert_eq!(
        world.accept(&[&nameless(1, 2)]).await,
        [Acceptance::KeyReused]
    );
    // An event that is known by its own id makes the request's key known as well.
    let known = world.keyed("a", "1");
    let first = known.events[0].event.id;
    world.accept(&[&known]).await;
    for _ in 0..2 {
        let repeat = mark(world.keyed("a", "1"), 7, 1);
        let results = world.accept(&[&repeat]).await;
        assert_eq!(results, [Acceptance::Duplicate(first)]);
    }
    let found = world
        .store
        .events_of_request(default_project(), &key, 10)
        .await;
    assert_eq!(found.expect("read").len(), 4);
    let other = EventKey::of_request(default_project(), &key, 9, [2; 32]);
    let same = EventKey::of_request(default_project(), &key, 9, [1; 32]);
    let since = NOW.minus(Duration::from_secs(1));
    for (key, since, expected) in [
        (&other, since, true),
        (&same, since, false),
        (&other, after(1), false),
    ] {
        let is_anothers = world.store.is_anothers(key, since).await;
        assert_eq!(is_anothers.expect("read"), expected);
    }
}
