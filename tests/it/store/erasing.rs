//! Erasure: what an event carried is gone, that it happened remains.

use std::sync::Arc;

use riposte::{
    domain::{
        attempt::Attempt,
        audit::Actor,
        delivery::DeliveryState,
        draft::EventDraft,
        event::{Data, EventType, ExtensionValue, Loss},
        ids::{DeliveryId, EndpointId, EventId, default_project, platform_project},
        retry::Verdict,
        time::Timestamp,
    },
    store::{
        StoreError, StoreResult,
        act::Revival,
        change::Change,
        erasure::{Erased, Erasure, Holds, PendingWork},
        record::Recorded,
        unit::{Acceptance, Fanout, Fate, MetEvent, Unit},
    },
};

use super::world::{NOW, World, after};

/// What must not be found anywhere once it is erased.
const MARK: &str = "ada-lovelace-1815";

/// An event that has the mark wherever a producer can put something, with `size` bytes of data.
fn marked(world: &World, size: usize) -> Unit {
    let mut draft = EventDraft::new(EventType::parse("user.named").expect("a type"));
    let filling = "x".repeat(size);
    draft.data = Data::Json(format!(r#"{{"name":"{MARK}","filling":"{filling}{MARK}"}}"#).into());
    draft.subject = Some(format!("users/{MARK}"));
    draft.dataschema = Some(format!("https://example.com/{MARK}"));
    let extension = ExtensionValue::String(MARK.to_owned());
    draft.extensions.insert("name".to_owned(), extension);
    let event = draft.complete(world.ids.next(NOW), default_project(), "default", NOW);
    Unit {
        events: vec![MetEvent {
            event: Arc::new(event),
            rules_version: 0,
            platform_version: 0,
        }],
        ..Unit::default()
    }
}

struct Carried {
    event: EventId,
    delivery: DeliveryId,
    endpoint: EndpointId,
}

/// Stores a marked event whose delivery this node has in memory.
async fn in_flight(world: &World) -> Carried {
    let endpoint = world.endpoint().await;
    let mut unit = marked(world, 20_000);
    let fate = Fate::Pending {
        owned: true,
        due: NOW,
    };
    let delivery = world.deliver(&mut unit, endpoint, fate);
    assert_eq!(world.accept(&[&unit]).await, [Acceptance::Stored]);
    Carried {
        event: unit.events[0].event.id,
        delivery,
        endpoint,
    }
}

/// Records an attempt whose captures have the mark.
async fn attempt(world: &World, carried: &Carried, verdict: Verdict) -> Recorded {
    let mut outcome = world.outcome(carried.delivery, carried.endpoint, 1, 200, verdict);
    let Attempt {
        request_headers,
        exchange,
        ..
    } = &mut outcome.attempt;
    let header = ("x-name".to_owned(), MARK.to_owned());
    request_headers.push(header.clone());
    let response = exchange.result.as_mut().expect("a response");
    response.headers.push(header);
    response.body = format!("thank you, {MARK}").into();
    let recorded = world.store.record(world.lease, &[outcome], after(1)).await;
    recorded.expect("recorded").outcomes[0]
}

async fn erase(world: &World, event: EventId, pending: PendingWork) -> Erased {
    let erasure = Erasure {
        event,
        project: default_project(),
        pending,
    };
    erased_at(world, erasure, after(60)).await.expect("erased")
}

async fn erased_at(world: &World, erasure: Erasure, now: Timestamp) -> StoreResult<Erased> {
    let change = Change::new(Actor::Operator, now);
    world.store.erase(erasure, &change).await
}

/// The one attempt of a delivery.
async fn captured(world: &World, delivery: DeliveryId) -> Attempt {
    let attempts = world.store.attempts(default_project(), delivery).await;
    attempts.expect("read").remove(0).attempt
}

async fn assert_counters(world: &World) {
    let kept = world.store.counts(default_project()).await.expect("counts");
    let counted = world.store.recount(default_project()).await;
    assert_eq!(kept, counted.expect("counts"));
}

pub async fn an_erased_event_keeps_that_it_happened_and_nothing_of_what_it_carried(world: World) {
    let carried = in_flight(&world).await;
    attempt(&world, &carried, Verdict::Delivered).await;
    let before = world
        .store
        .any_event(carried.event)
        .await
        .expect("read")
        .event;
    let wiped = world.store.wipe_attempts(carried.event, "").await;
    assert_eq!(wiped.expect("wiped").attempts, 1);
    let erased = erase(&world, carried.event, PendingWork::Respect).await;
    let Erased::Done {
        at,
        attempts,
        cancelled,
        cancelling,
    } = erased
    else {
        panic!("{erased:?}");
    };
    assert_eq!((at, attempts, cancelled), (after(60), 0, 0));
    assert_eq!(cancelling, []);
    let event = world
        .store
        .any_event(carried.event)
        .await
        .expect("read")
        .event;
    assert_eq!(event.erased_at, Some(after(60)));
    assert_eq!(event.data, Data::Absent);
    assert_eq!(event.attributes.subject, None);
    assert_eq!(event.attributes.dataschema, None);
    assert!(event.attributes.extensions.is_empty());
    assert_eq!(event.attributes.event_type, before.attributes.event_type);
    assert_eq!(event.attributes.time, before.attributes.time);
    assert_eq!(event.attributes.id, before.attributes.id);
    assert_eq!((event.lineage, event.state), (before.lineage, before.state));
    let attempt = captured(&world, carried.delivery).await;
    assert_eq!(attempt.request_headers, []);
    let response = attempt.exchange.result.expect("a response");
    assert_eq!((response.status, response.headers), (200, Vec::new()));
    assert!(response.body.is_empty());
    assert_counters(&world).await;
    let again = Erasure {
        event: carried.event,
        project: default_project(),
        pending: PendingWork::Respect,
    };
    let again = erased_at(&world, again, after(90)).await.expect("erased");
    assert!(matches!(again, Erased::Done { at, .. } if at == after(60)));
    assert_counters(&world).await;
}

pub async fn an_erasure_waits_for_what_is_pending_or_calls_it_off(world: World) {
    let endpoint = world.endpoint().await;
    let mut unit = marked(&world, 10);
    let event = unit.events[0].event.id;
    let due = after(600);
    let free = world.deliver(&mut unit, endpoint, Fate::Pending { owned: false, due });
    unit.fanouts.push(Fanout {
        event,
        project: default_project(),
        rules_version: 0,
        next: Default::default(),
    });
    let of_platform = world.deliver(&mut unit, endpoint, Fate::Pending { owned: false, due });
    unit.deliveries[1].project = platform_project();
    assert_eq!(world.accept(&[&unit]).await, [Acceptance::Stored]);
    let holds = Holds { own: 2, others: 1 };
    let store = &world.store;
    let seen = store.erasure_holds(default_project(), &[event]).await;
    assert_eq!(seen.expect("read"), holds);
    for pending in [
        PendingWork::Respect,
        PendingWork::CancelOf(default_project()),
    ] {
        assert_eq!(erase(&world, event, pending).await, Erased::Held(holds));
        let kept = store.any_event(event).await.expect("read").event;
        assert_eq!(kept.erased_at, None);
    }
    let erased = erase(&world, event, PendingWork::CancelAll).await;
    assert!(
        matches!(&erased, Erased::Done { cancelled: 2, cancelling, .. } if cancelling.is_empty()),
        "{erased:?}"
    );
    for (project, id) in [(default_project(), free), (platform_project(), of_platform)] {
        let delivery = store.delivery(project, id).await.expect("a delivery");
        assert_eq!(delivery.state, DeliveryState::Cancelled);
        assert_eq!(delivery.reason.as_deref(), Some("event_erased"));
        assert_eq!(delivery.next_attempt_at, None);
    }
    assert_eq!(store.fanouts(None, 10).await.expect("read"), []);
    assert_counters(&world).await;
}

pub async fn nothing_is_captured_of_an_attempt_that_ends_after_the_erasure(world: World) {
    for (verdict, state) in [
        (Verdict::Retry(after(5)), DeliveryState::Cancelled),
        (Verdict::Delivered, DeliveryState::Delivered),
    ] {
        let carried = in_flight(&world).await;
        let erased = erase(&world, carried.event, PendingWork::CancelAll).await;
        let cancelling = match erased {
            Erased::Done { cancelling, .. } => cancelling,
            Erased::Held(_) => panic!("{erased:?}"),
        };
        assert_eq!(cancelling, [(default_project(), carried.delivery)]);
        let recorded = attempt(&world, &carried, verdict).await;
        assert_eq!(recorded, Recorded::Final(state));
        let attempt = captured(&world, carried.delivery).await;
        assert_eq!(attempt.request_headers, []);
        assert!(attempt.exchange.result.expect("a response").body.is_empty());
        assert_counters(&world).await;
    }
}

pub async fn what_was_erased_is_not_sent_again(world: World) {
    let carried = in_flight(&world).await;
    let event = world
        .store
        .any_event(carried.event)
        .await
        .expect("read")
        .event;
    attempt(&world, &carried, Verdict::Delivered).await;
    erase(&world, carried.event, PendingWork::Respect).await;
    let revived = world.revive(carried.delivery, after(70)).await;
    let revived = revived.expect("asked");
    assert_eq!(revived, Revival::NothingLeft(Loss::Erased));
    // Nor by one who has read it before.
    let mut unit = Unit {
        events: vec![MetEvent {
            event: Arc::new(event),
            rules_version: 0,
            platform_version: 0,
        }],
        ..Unit::default()
    };
    let fate = Fate::Pending {
        owned: false,
        due: NOW,
    };
    world.deliver(&mut unit, carried.endpoint, fate);
    unit.events.clear();
    assert_eq!(world.accept(&[&unit]).await, [Acceptance::Superseded]);
}

pub async fn an_erased_event_is_recognised_when_it_comes_again(world: World) {
    let first = world.keyed("a", "1");
    assert_eq!(world.accept(&[&first]).await, [Acceptance::Stored]);
    let id = first.events[0].event.id;
    erase(&world, id, PendingWork::Respect).await;
    assert_eq!(
        world
            .accept(&[&world.keyed("a", "1"), &world.keyed("a", "2")])
            .await,
        [Acceptance::Duplicate(id), Acceptance::Conflict(id)]
    );
}

pub async fn an_event_of_another_project_is_not_erased(world: World) {
    let unit = marked(&world, 10);
    assert_eq!(world.accept(&[&unit]).await, [Acceptance::Stored]);
    let event = unit.events[0].event.id;
    let erasure = Erasure {
        event,
        project: platform_project(),
        pending: PendingWork::CancelAll,
    };
    let refused = erased_at(&world, erasure, NOW).await;
    assert!(
        matches!(refused, Err(StoreError::NotFound("event"))),
        "{refused:?}"
    );
}

pub async fn nothing_of_what_was_erased_is_left_in_the_file(world: World) {
    let mut marked_ones = Vec::new();
    for size in [10, 500, 3_000, 20_000, 200_000] {
        // What lies between makes pages split, and content move.
        for _ in 0..20 {
            let other = world.unit(&format!("\"{}\"", "o".repeat(size / 4)));
            assert_eq!(world.accept(&[&other]).await, [Acceptance::Stored]);
        }
        let unit = marked(&world, size);
        assert_eq!(world.accept(&[&unit]).await, [Acceptance::Stored]);
        marked_ones.push(unit.events[0].event.id);
        let carried = in_flight(&world).await;
        attempt(&world, &carried, Verdict::Delivered).await;
        marked_ones.push(carried.event);
    }
    assert!(world.is_on_disk(MARK), "the mark is found where it is");
    for event in marked_ones {
        let wiped = world.store.wipe_attempts(event, "").await;
        wiped.expect("wiped");
        erase(&world, event, PendingWork::Respect).await;
    }
    assert!(world.store.empty_log().await.expect("emptied"));
    assert!(!world.is_on_disk(MARK));
}
