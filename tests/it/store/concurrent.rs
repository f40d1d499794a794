//! Many at the same time: what holds step by step holds when steps overlap.

use std::{
    collections::HashMap,
    sync::{
        Arc,
        atomic::{AtomicI64, Ordering},
    },
};

use riposte::{
    domain::ids::{EventId, ProjectId, default_project, platform_project},
    store::{
        change::unanswered,
        listeners::NewListener,
        unit::{Acceptance, Unit},
    },
};
use tokio::task::JoinSet;

use super::{
    retention::listener,
    world::{NOW, World, change_at},
};

/// How many act at the same time: more than there are connections.
const AT_ONCE: usize = 6;

/// How often each does.
const ROUNDS: usize = 25;

/// A batch of events that all have in common, each in an order of its own.
fn batch(world: &World, round: usize, who: usize) -> Vec<Unit> {
    const EVENTS: usize = 30;
    let names = (0..EVENTS).map(|place| match who.is_multiple_of(2) {
        true => place,
        false => EVENTS - 1 - place,
    });
    names
        .map(|name| world.keyed(&format!("{round}/{name}"), "{}"))
        .collect()
}

pub async fn the_same_events_at_once_are_stored_once(world: World) {
    let world = Arc::new(world);
    let mut tasks = JoinSet::new();
    for who in 0..AT_ONCE {
        let world = Arc::clone(&world);
        tasks.spawn(async move {
            let mut settled = Vec::new();
            for round in 0..ROUNDS {
                let units = batch(&world, round, who);
                let accepted = world.accept(&units.iter().collect::<Vec<_>>()).await;
                for (unit, result) in units.iter().zip(accepted) {
                    let key = unit.key.as_ref().expect("a key").producer_id.clone();
                    settled.push((key, unit.events[0].event.id, result));
                }
            }
            settled
        });
    }
    let settled = tasks.join_all().await.concat();
    let mut stored: HashMap<&str, EventId> = HashMap::new();
    for (key, id, result) in &settled {
        if *result == Acceptance::Stored {
            assert_eq!(stored.insert(key, *id), None, "{key} is stored once");
        }
    }
    assert_eq!(stored.len(), ROUNDS * 30);
    for (key, _, result) in &settled {
        if *result != Acceptance::Stored {
            assert_eq!(*result, Acceptance::Duplicate(stored[&**key]));
        }
    }
    let project = default_project();
    let counted = world.store.counts(project).await.expect("counts");
    assert_eq!(counted, world.store.recount(project).await.expect("counts"));
}

/// A unit that was planned with these versions of the rules.
fn planned(world: &World, versions: &[(ProjectId, i64)]) -> Unit {
    Unit {
        assumed: versions.to_vec(),
        ..world.unit("{}")
    }
}

/// Makes a listener, and with it the next version of the rules.
async fn listen(world: &World, project: ProjectId) {
    let new = NewListener {
        id: world.ids.next(NOW),
        config: listener("one"),
        reactions: Vec::new(),
    };
    let change = change_at(NOW);
    let store = &world.store;
    let made = store.insert_listener(project, new, &change, unanswered);
    made.await.expect("a listener");
}

pub async fn rules_hold_for_whatever_is_accepted_after_they_were_answered(world: World) {
    let world = Arc::new(world);
    let projects = [default_project(), platform_project()];
    // The versions that were answered, by project.
    let answered = Arc::new([AtomicI64::new(0), AtomicI64::new(0)]);
    let mut accepting = JoinSet::new();
    for _ in 0..AT_ONCE {
        let (world, answered) = (Arc::clone(&world), Arc::clone(&answered));
        accepting.spawn(async move {
            let mut stored = 0;
            while stored < ROUNDS {
                let mut versions = Vec::new();
                for project in projects {
                    let changes = world.store.rule_changes(project, 0).await;
                    versions.push((project, changes.expect("the rules").version));
                }
                let before = [0, 1].map(|place| answered[place].load(Ordering::SeqCst));
                let unit = planned(&world, &versions);
                match world.accept(&[&unit]).await[..] {
                    [Acceptance::Stale] => {}
                    [Acceptance::Stored] => {
                        stored += 1;
                        for (place, (_, version)) in versions.iter().enumerate() {
                            assert!(*version >= before[place], "{versions:?}, {before:?}");
                        }
                    }
                    ref other => panic!("{other:?}"),
                }
            }
        });
    }
    let mut changing = JoinSet::new();
    for (place, project) in projects.into_iter().enumerate() {
        let (world, answered) = (Arc::clone(&world), Arc::clone(&answered));
        changing.spawn(async move {
            for version in 1.. {
                listen(&world, project).await;
                answered[place].store(version, Ordering::SeqCst);
                if version == i64::try_from(ROUNDS).expect("small") {
                    return;
                }
            }
        });
    }
    accepting.join_all().await;
    changing.join_all().await;
}
