//! The journal: what happened, in the order in which it became durable.

use std::collections::HashMap;

use riposte::{
    domain::{
        delivery::{DeadReason, DeliveryState, SkipReason},
        happening::{HappeningKind, Place},
        ids::default_project,
        retry::Verdict,
        time::Timestamp,
    },
    store::{
        accept::AcceptContext,
        journal::{Happening, Standing},
        partitions::Rows,
        unit::{Acceptance, Fate},
    },
};

use super::world::{NOW, World, after};
use crate::support::until;

const BEGINNING: Place = Place {
    position: 0,
    number: 0,
};

/// Waits until all that is durable can be read: others may have begun to write before.
async fn settled(world: &World) {
    let moment = world.store.journal_moment().await.expect("a moment");
    until("the journal to tell all", async || {
        match world.store.journal_tells(moment).await {
            Ok(true) => Ok(()),
            other => Err(format!("{other:?}")),
        }
    })
    .await;
}

async fn told(world: &World, after: Place) -> Vec<Happening> {
    settled(world).await;
    let page = world.store.journal_after(default_project(), after).await;
    let page = page.expect("a page");
    assert_eq!(page.gap, None, "{page:?}");
    let places = page.happenings.iter().map(|happening| happening.place);
    assert!(places.is_sorted_by(|one, other| one < other));
    page.happenings
}

/// Stores an event at `now`; gives the place of the journal's head then.
async fn event_at(world: &World, now: Timestamp) -> Place {
    let context = AcceptContext {
        now,
        ..world.context()
    };
    let stored = world.store.accept(&[&world.unit("{}")], context).await;
    assert_eq!(stored.expect("accepted"), [Acceptance::Stored]);
    head(world).await
}

/// The place of the journal's head.
pub async fn head(world: &World) -> Place {
    settled(world).await;
    let head = world.store.journal_head(default_project()).await;
    head.expect("a head")
}

pub async fn the_journal_tells_each_state_that_deliveries_come_into(world: World) {
    let endpoint = world.endpoint().await;
    let mut unit = world.unit("{}");
    let skipped = Fate::Skipped(SkipReason::EndpointDisabled);
    let skipped = world.deliver(&mut unit, endpoint, skipped);
    assert_eq!(world.accept(&[&unit]).await, [Acceptance::Stored]);
    let (delivered, retried, dead, cancelled, settled) = (
        world.pending(endpoint, true, NOW).await,
        world.pending(endpoint, true, NOW).await,
        world.pending(endpoint, true, NOW).await,
        world.pending(endpoint, false, NOW).await,
        world.pending(endpoint, true, NOW).await,
    );
    let given_up = Verdict::Dead(DeadReason::AttemptsExhausted);
    let outcomes = [
        world.outcome(delivered, endpoint, 1, 200, Verdict::Delivered),
        world.outcome(retried, endpoint, 1, 500, Verdict::Retry(after(60))),
        world.outcome(dead, endpoint, 1, 500, given_up),
        world.outcome(settled, endpoint, 1, 500, given_up),
    ];
    let recorded = world.store.record(world.lease, &outcomes, after(1)).await;
    recorded.expect("recorded");
    world.cancel(cancelled, false).await.expect("an answer");
    world.revive(settled, after(2)).await.expect("an answer");
    let all = told(&world, BEGINNING).await;
    let mut states = HashMap::new();
    for happening in &all {
        if let (Some(delivery), Some(state)) = (&happening.delivery, happening.state) {
            assert_eq!(happening.kind, HappeningKind::from(state));
            states.insert(delivery.id, state);
        }
    }
    for id in [skipped, delivered, retried, dead, cancelled, settled] {
        let stored = world.store.delivery(default_project(), id).await;
        assert_eq!(states[&id], stored.expect("it is there").state);
    }
    assert_eq!(states[&settled], DeliveryState::Pending);
    let attempts = all
        .iter()
        .filter_map(|happening| happening.attempt.as_ref());
    let next: Vec<_> = attempts.map(|attempt| attempt.next_at).collect();
    assert_eq!(next, [None, Some(after(60)), None, None]);
    for place in [all[3].place, all[7].place] {
        let rest = told(&world, place).await.into_iter();
        let rest: Vec<_> = rest.map(|happening| happening.place).collect();
        let expected = all.iter().map(|happening| happening.place);
        let expected: Vec<_> = expected.filter(|known| *known > place).collect();
        assert_eq!(rest, expected);
    }
}

pub async fn a_stale_or_repeated_unit_is_not_told_of(world: World) {
    let first = world.keyed("7", "{}");
    assert_eq!(world.accept(&[&first]).await, [Acceptance::Stored]);
    let head = head(&world).await;
    let again = world.keyed("7", "{}");
    assert_ne!(world.accept(&[&again]).await, [Acceptance::Stored]);
    assert_eq!(told(&world, head).await.len(), 0);
    assert_eq!(told(&world, BEGINNING).await.len(), 1);
}

pub async fn what_is_old_goes_from_the_journal_and_places_go_on(world: World) {
    let mut places = Vec::new();
    for seconds in 1..=5 {
        places.push(event_at(&world, after(seconds)).await);
    }
    assert!(places.is_sorted_by(|one, other| one < other));
    let store = &world.store;
    let since = async |seconds| store.journal_since(default_project(), after(seconds)).await;
    assert_eq!(since(1).await.expect("a place"), BEGINNING);
    assert_eq!(since(3).await.expect("a place"), places[1]);
    assert_eq!(since(9).await.expect("a place"), places[4]);
    let standing = async |place| {
        let standing = store.journal_standing(default_project(), place).await;
        standing.expect("a standing")
    };
    assert_eq!(standing(BEGINNING).await, (Standing::Kept, BEGINNING));
    let swept = store
        .sweep_journal(&Rows::All, "", after(4), 2)
        .await
        .expect("swept");
    assert_eq!((swept.removed, swept.position.as_str()), (2, ""));
    let swept = store
        .sweep_journal(&Rows::All, "", after(4), 2)
        .await
        .expect("swept");
    assert_eq!(swept.removed, 1);
    let end = store
        .sweep_journal(&Rows::All, &swept.position, after(4), 2)
        .await;
    assert!(end.expect("swept").is_last);
    assert_eq!(standing(places[3]).await, (Standing::Kept, places[2]));
    assert_eq!(standing(places[2]).await, (Standing::Kept, places[2]));
    assert_eq!(standing(places[1]).await, (Standing::Expired, places[2]));
    assert_eq!(standing(BEGINNING).await, (Standing::Expired, places[2]));
    assert_eq!(since(1).await.expect("a place"), places[2]);
    let beyond = Place {
        position: places[4].position + 1,
        number: 1,
    };
    assert_eq!(standing(beyond).await.0, Standing::Unknown);
    let page = store.journal_after(default_project(), places[0]).await;
    let page = page.expect("a page");
    assert_eq!((page.gap, page.happenings.len()), (Some(places[2]), 2));
    let swept = store
        .sweep_journal(&Rows::All, "", after(60), 9)
        .await
        .expect("swept");
    assert_eq!(swept.removed, 2);
    assert_eq!(head(&world).await, places[4]);
    assert_eq!(standing(places[4]).await.0, Standing::Kept);
    assert_eq!(standing(beyond).await.0, Standing::Unknown);
    let next = event_at(&world, after(61)).await;
    assert!(next > places[4], "no position comes twice");
    assert_eq!(told(&world, places[4]).await.len(), 1);
}

pub async fn a_bell_rings_for_its_project_alone(world: World) {
    let mut own = world.store.bell(default_project());
    let mut other = world.store.bell(world.ids.next(NOW));
    event_at(&world, NOW).await;
    assert!(own.has_changed().expect("it is there"));
    assert!(!other.has_changed().expect("it is there"));
    own.mark_unchanged();
    other.mark_unchanged();
}
