//! What is past its time goes, and nothing that is still needed.

use std::{num::NonZeroU32, sync::Arc, time::Duration};

use riposte::{
    domain::{
        dead_letter::{Filter, Selection},
        delivery::{DeadReason, DeliveryState, SkipReason},
        draft::EventDraft,
        event::{Data, EventType, Loss},
        ids::{DeliveryId, EventId, ListenerId, default_project},
        job::{Job, JobState, Tally, Task},
        list::{Order, Window},
        listener::{ListenerConfig, ListenerState, Reaction},
        retry::Verdict,
        time::Timestamp,
    },
    store::{
        StoreError,
        accept::AcceptContext,
        act::Revival,
        change::unanswered,
        counters::Counter,
        listeners::{NewListener, WantedReaction},
        partitions::Rows,
        queue::Wish,
        unit::{Acceptance, Continuation, Cursor, Fanout, Fate, MetEvent, Unit},
    },
};

use super::world::{NOW, World, after, change_at};

const DAY: u64 = 86_400;

/// Stores an event with a delivery of this fate.
pub async fn carried(world: &World, fate: Fate) -> (EventId, DeliveryId) {
    let endpoint = world.endpoint().await;
    let mut unit = world.unit(r#"{"site":7}"#);
    let delivery = world.deliver(&mut unit, endpoint, fate);
    assert_eq!(world.accept(&[&unit]).await, [Acceptance::Stored]);
    (unit.events[0].event.id, delivery)
}

async fn pending(world: &World) -> (EventId, DeliveryId) {
    let fate = Fate::Pending {
        owned: true,
        due: NOW,
    };
    carried(world, fate).await
}

async fn dead(world: &World) -> (EventId, DeliveryId) {
    let fate = Fate::Dead(DeadReason::AttemptsExhausted, "timeout: late".to_owned());
    carried(world, fate).await
}

/// Has a pending delivery delivered at `at`.
async fn deliver(world: &World, delivery: DeliveryId, at: Timestamp) {
    let found = world.store.delivery(default_project(), delivery).await;
    let endpoint = found.expect("a delivery").target.endpoint();
    let endpoint = endpoint.expect("an endpoint");
    let outcome = world.outcome(delivery, endpoint, 1, 200, Verdict::Delivered);
    let recorded = world.store.record(world.lease, &[outcome], at).await;
    recorded.expect("recorded");
}

async fn has_event(world: &World, id: EventId) -> bool {
    match world.store.any_event(id).await {
        Ok(_) => true,
        Err(StoreError::NotFound(_)) => false,
        Err(error) => panic!("{error}"),
    }
}

/// Removes events that were taken in before `before`. Gives how many.
async fn sweep_events(world: &World, before: Timestamp) -> u64 {
    let (mut position, mut removed) = (String::new(), 0);
    loop {
        let again = before.plus(Duration::from_secs(DAY));
        let swept = world
            .store
            .sweep_events(&Rows::All, &position, before, again, 2);
        let swept = swept.await.expect("swept");
        removed += swept.removed;
        if swept.is_last {
            return removed;
        }
        position = swept.position;
    }
}

pub async fn deliveries_go_with_their_attempts_once_they_ended_long_ago(world: World) {
    let (_, delivered) = pending(&world).await;
    deliver(&world, delivered, after(10)).await;
    let (_, waiting) = pending(&world).await;
    let (_, dead) = dead(&world).await;
    let store = &world.store;
    let sweep = async |before| {
        let swept = store.sweep_deliveries(&Rows::All, DeliveryState::Delivered, before, 10);
        swept.await.expect("swept").removed
    };
    assert_eq!(sweep(after(10)).await, 0);
    assert_eq!(
        store
            .attempts(default_project(), delivered)
            .await
            .expect("read")
            .len(),
        1
    );
    assert_eq!(sweep(after(11)).await, 1);
    assert!(store.delivery(default_project(), delivered).await.is_err());
    assert_eq!(
        store
            .attempts(default_project(), delivered)
            .await
            .expect("read")
            .len(),
        0
    );
    for (state, removed) in [
        (DeliveryState::Pending, 0),
        (DeliveryState::Cancelled, 0),
        (DeliveryState::Skipped, 0),
        (DeliveryState::Dead, 1),
    ] {
        let swept = store
            .sweep_deliveries(&Rows::All, state, after(DAY), 10)
            .await;
        assert_eq!(swept.expect("swept").removed, removed, "{state}");
    }
    assert!(store.delivery(default_project(), waiting).await.is_ok());
    assert!(store.delivery(default_project(), dead).await.is_err());
}

pub async fn an_event_goes_when_nothing_needs_it_any_more(world: World) {
    let lone = world.unit("{}");
    assert_eq!(world.accept(&[&lone]).await, [Acceptance::Stored]);
    let (waiting, delivery) = pending(&world).await;
    let (dead, _) = dead(&world).await;
    let (done, delivered) = pending(&world).await;
    deliver(&world, delivered, after(1)).await;
    assert_eq!(sweep_events(&world, NOW).await, 0);
    assert_eq!(sweep_events(&world, after(DAY)).await, 2);
    assert!(!has_event(&world, lone.events[0].event.id).await);
    assert!(!has_event(&world, done).await);
    // A second walk from the beginning, as after a restart, passes what is noted.
    assert_eq!(sweep_events(&world, after(DAY)).await, 0);
    let store = &world.store;
    assert_eq!(store.count_kept_events(10).await.expect("counted"), 2);
    deliver(&world, delivery, after(2)).await;
    let look = async |now| {
        let looked = store.sweep_kept_events(after(DAY), now, after(9 * DAY), 10);
        looked.await.expect("looked").removed
    };
    assert_eq!(look(after(DAY)).await, 0);
    assert_eq!(look(after(2 * DAY)).await, 1);
    assert_eq!(look(after(2 * DAY)).await, 0);
    assert!(!has_event(&world, waiting).await);
    assert!(has_event(&world, dead).await);
    assert_eq!(store.count_kept_events(10).await.expect("counted"), 1);
}

pub async fn an_event_that_is_still_fanned_out_is_kept(world: World) {
    let mut unit = world.unit("{}");
    let event = unit.events[0].event.id;
    let fanout = Fanout {
        event,
        project: default_project(),
        rules_version: 0,
        next: Cursor::default(),
    };
    unit.fanouts.push(fanout.clone());
    assert_eq!(world.accept(&[&unit]).await, [Acceptance::Stored]);
    assert_eq!(sweep_events(&world, after(DAY)).await, 0);
    let rest = Unit {
        continues: Some(Continuation::Fanout {
            from: fanout,
            then: None,
        }),
        ..Unit::default()
    };
    assert_eq!(world.accept(&[&rest]).await, [Acceptance::Stored]);
    let looked = world
        .store
        .sweep_kept_events(after(DAY), after(3 * DAY), after(9 * DAY), 10);
    assert_eq!(looked.await.expect("looked").removed, 1);
    assert!(!has_event(&world, event).await);
}

pub async fn what_is_emitted_late_is_not_passed_over(world: World) {
    let mut cause = world.unit("{}");
    let failed = world.ids.next(NOW);
    cause.deliveries.push(riposte::store::unit::NewDelivery {
        id: failed,
        endpoint: None,
        ..cause_delivery(&world, &cause)
    });
    assert_eq!(world.accept(&[&cause]).await, [Acceptance::Stored]);
    // Forty days later the event is emitted after all; its name has the stamp of its cause.
    let late = after(40 * DAY);
    let mut draft = EventDraft::new(EventType::parse("a.b").expect("a type"));
    draft.data = Data::Json("{}".into());
    let event = draft.complete(world.ids.next(NOW), default_project(), "default", late);
    let unit = Unit {
        events: vec![MetEvent {
            event: Arc::new(event.clone()),
            rules_version: 0,
            platform_version: 0,
        }],
        continues: Some(Continuation::Emission(failed)),
        ..Unit::default()
    };
    let context = AcceptContext {
        now: late,
        ..world.context()
    };
    let accepted = world.store.accept(&[&unit], context).await;
    assert_eq!(accepted.expect("accepted"), [Acceptance::Stored]);
    let store = &world.store;
    let look = async |now: Timestamp| {
        let before = now.minus(Duration::from_secs(30 * DAY));
        sweep_events(&world, before).await;
        let again = now.plus(Duration::from_secs(DAY));
        let looked = store.sweep_kept_events(before, now, again, 10).await;
        looked.expect("looked");
        has_event(&world, event.id).await
    };
    assert!(look(late).await, "it is new");
    assert!(look(after(60 * DAY)).await);
    assert!(!look(after(72 * DAY)).await);
}

/// A delivery that is dead at once, of the unit's event.
fn cause_delivery(world: &World, unit: &Unit) -> riposte::store::unit::NewDelivery {
    riposte::store::unit::NewDelivery {
        id: world.ids.next(NOW),
        project: default_project(),
        event: Arc::clone(&unit.events[0].event),
        cause: Some(riposte::domain::delivery::Cause {
            listener: world.ids.next(NOW),
            revision: 1,
            reaction: 0,
        }),
        endpoint: None,
        fate: Fate::Dead(DeadReason::EmitFailed, "why".to_owned()),
    }
}

pub async fn a_delivery_that_has_lost_its_event_is_given_up_when_it_is_due(world: World) {
    let endpoint = world.endpoint().await;
    let lost = world.pending(endpoint, false, NOW).await;
    world.tamper("DELETE FROM events").await;
    let well = world.pending(endpoint, false, after(1)).await;
    let wishes = [Wish {
        endpoint,
        limit: 10,
        bytes: usize::MAX,
    }];
    let claims = world.store.claim_due(world.lease, &wishes, after(1)).await;
    let claims = claims.expect("claims");
    let claimed: Vec<_> = claims[0].jobs.iter().map(|job| job.delivery).collect();
    assert_eq!(claimed, [well]);
    assert_eq!(claims[0].next_due, None);
    let given_up = world.store.delivery(default_project(), lost).await;
    let given_up = given_up.expect("a delivery");
    assert_eq!(given_up.state, DeliveryState::Dead);
    assert_eq!(given_up.reason.as_deref(), Some("event_gone"));
    assert_eq!(given_up.next_attempt_at, None);
}

pub async fn what_has_lost_its_event_is_not_sent_again(world: World) {
    let (_, delivery) = dead(&world).await;
    world.tamper("DELETE FROM events").await;
    let store = &world.store;
    let revived = world.revive(delivery, after(1)).await;
    assert_eq!(revived.expect("asked"), Revival::NothingLeft(Loss::Gone));
    let found = store.delivery(default_project(), delivery).await;
    assert_eq!(found.expect("a delivery").state, DeliveryState::Dead);
}

pub async fn keys_of_events_go_after_their_window(world: World) {
    assert_eq!(
        world.accept(&[&world.keyed("a", "1")]).await,
        [Acceptance::Stored]
    );
    let store = &world.store;
    assert_eq!(
        store
            .sweep_event_keys(NOW, 10)
            .await
            .expect("swept")
            .removed,
        0
    );
    let again = world.keyed("a", "1");
    assert!(matches!(
        world.accept(&[&again]).await[..],
        [Acceptance::Duplicate(_)]
    ));
    assert_eq!(
        store
            .sweep_event_keys(after(1), 10)
            .await
            .expect("swept")
            .removed,
        1
    );
    assert_eq!(world.accept(&[&again]).await, [Acceptance::Stored]);
}

pub async fn jobs_go_after_they_ended(world: World) {
    let store = &world.store;
    let job = |state| Job {
        id: world.ids.next(NOW),
        project: default_project(),
        state,
        task: Task::Redrive {
            selection: Selection::Filter(Filter::default()),
            rate: NonZeroU32::new(1),
        },
        requested_by: "operator".to_owned(),
        position: String::new(),
        total: None,
        tally: Tally::default(),
        error: None,
        created_at: NOW,
        started_at: None,
        finished_at: None,
    };
    let (open, ended) = (job(JobState::Queued), job(JobState::Queued));
    let change = change_at(NOW);
    for job in [&open, &ended] {
        let kept = store.insert_job(job, &change, unanswered);
        kept.await.expect("kept");
    }
    let change = change_at(after(5));
    let cancelled = store.cancel_job(default_project(), ended.id, &change, unanswered);
    cancelled.await.expect("ended");
    assert_eq!(
        store.sweep_jobs(after(5), 10).await.expect("swept").removed,
        0
    );
    assert_eq!(
        store.sweep_jobs(after(6), 10).await.expect("swept").removed,
        1
    );
    let left = store
        .jobs(default_project(), None, &Window::first(Order::Newest, 10))
        .await;
    let left: Vec<_> = left
        .expect("read")
        .entries
        .iter()
        .map(|job| job.id)
        .collect();
    assert_eq!(left, [open.id]);
}

pub async fn counts_of_skips_go_like_deliveries(world: World) {
    let endpoint = world.endpoint().await;
    let listener: ListenerId = world.ids.next(NOW);
    let mut unit = world.unit("{}");
    for _ in 0..1_001 {
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
    let store = &world.store;
    let counted = async || {
        let counts = store.counts(default_project()).await.expect("read");
        counts.get(Counter::SkippedWithoutRows)
    };
    assert_eq!(counted().await, 1);
    let minute = Timestamp::from_millis(NOW.as_millis().div_euclid(60_000) * 60_000);
    assert_eq!(
        store
            .sweep_skip_counts(minute, 10)
            .await
            .expect("swept")
            .removed,
        0
    );
    assert_eq!(
        store.sweep_skip_rows(NOW, 10).await.expect("swept").removed,
        0
    );
    assert_eq!(
        store
            .sweep_skip_counts(after(60), 10)
            .await
            .expect("swept")
            .removed,
        1
    );
    assert_eq!(
        store
            .sweep_skip_rows(after(3_600), 10)
            .await
            .expect("swept")
            .removed,
        1
    );
    assert_eq!(counted().await, 0);
}

pub fn listener(name: &str) -> ListenerConfig {
    ListenerConfig {
        name: Some(name.to_owned()),
        on: vec!["a.b".to_owned()],
        when: None,
        state: ListenerState::Enabled,
        reactions: Vec::new(),
    }
}

async fn rename(world: &World, id: ListenerId, name: &str, at: Timestamp) {
    let named = |config: &mut ListenerConfig| config.name = Some(name.to_owned());
    let (project, change) = (default_project(), change_at(at));
    let changed = world
        .store
        .change_listener(project, id, None, &change, named, unanswered);
    changed.await.expect("changed");
}

async fn make(world: &World, id: ListenerId, reactions: Vec<WantedReaction>, at: Timestamp) {
    let new = NewListener {
        id,
        config: listener("one"),
        reactions,
    };
    let change = change_at(at);
    let made = world
        .store
        .insert_listener(default_project(), new, &change, unanswered);
    made.await.expect("a listener");
}

/// What the listener was called at a version of the rules.
async fn name_at(world: &World, id: ListenerId, version: i64) -> Option<String> {
    let found = world
        .store
        .listener_at(default_project(), version, id)
        .await;
    found.expect("read")?.config.name
}

async fn sweep_revisions(world: &World, now: Timestamp) -> u64 {
    let (mut position, mut removed) = (String::new(), 0);
    loop {
        let swept = world.store.sweep_revisions(&position, now, 1).await;
        let swept = swept.expect("swept");
        removed += swept.removed;
        if swept.is_last {
            return removed;
        }
        position = swept.position;
    }
}

pub async fn a_revision_goes_with_the_last_event_that_may_have_met_it(world: World) {
    let id: ListenerId = world.ids.next(NOW);
    let begin = NOW.minus(Duration::from_secs(DAY));
    make(&world, id, Vec::new(), begin).await;
    rename(&world, id, "two", NOW.minus(Duration::from_secs(3_600))).await;
    let (_, delivery) = pending(&world).await;
    rename(&world, id, "three", after(3_600)).await;
    rename(&world, id, "four", after(7_200)).await;
    // The first one ended before the event came; the second one is what the event met.
    assert_eq!(sweep_revisions(&world, after(DAY)).await, 1);
    assert_eq!(name_at(&world, id, 1).await, None);
    assert_eq!(name_at(&world, id, 2).await.as_deref(), Some("two"));
    deliver(&world, delivery, after(1)).await;
    assert_eq!(sweep_events(&world, after(DAY)).await, 1);
    assert_eq!(sweep_revisions(&world, after(3_601)).await, 0);
    assert_eq!(sweep_revisions(&world, after(DAY)).await, 2);
    assert_eq!(name_at(&world, id, 4).await.as_deref(), Some("four"));
}

pub async fn what_says_that_a_listener_is_deleted_stays(world: World) {
    let store = &world.store;
    let id: ListenerId = world.ids.next(NOW);
    make(&world, id, Vec::new(), NOW).await;
    let change = change_at(after(1));
    let deleted = store.delete_listener(default_project(), id, &change, unanswered);
    deleted.await.expect("deleted");
    assert_eq!(sweep_revisions(&world, after(DAY)).await, 1);
    assert_eq!(sweep_revisions(&world, after(DAY)).await, 0);
    let changes = store.rule_changes(default_project(), 1).await;
    let changes = changes.expect("read").changed;
    assert!(matches!(changes.get(&id), Some(None)), "{changes:?}");
}

pub async fn a_deleted_endpoint_goes_when_nobody_names_it(world: World) {
    let store = &world.store;
    let [named, carried, free, kept] = [
        world.endpoint().await,
        world.endpoint().await,
        world.endpoint().await,
        world.endpoint().await,
    ];
    let id = world.ids.next(NOW);
    let reaction = Reaction::Webhook { endpoint: named };
    let reactions = vec![WantedReaction::Ready(reaction)];
    make(&world, id, reactions, NOW).await;
    let delivery = world.pending(carried, true, NOW).await;
    for endpoint in [named, carried, free] {
        let change = change_at(after(1));
        let deleted = store.delete_endpoint(default_project(), endpoint, &change, unanswered);
        deleted.await.expect("deleted");
    }
    let sweep = async |before| {
        let (mut position, mut removed) = (String::new(), 0);
        loop {
            let swept = store.sweep_endpoints(&position, before, 1).await;
            let swept = swept.expect("swept");
            removed += swept.removed;
            if swept.is_last {
                return removed;
            }
            position = swept.position;
        }
    };
    assert_eq!(sweep(after(1)).await, 0);
    assert_eq!(sweep(after(2)).await, 1);
    let standings = store
        .endpoint_standings(&[named, carried, free, kept])
        .await;
    let standings = standings.expect("read");
    assert!(!standings.contains_key(&free));
    assert_eq!(standings.len(), 3);
    deliver(&world, delivery, after(3)).await;
    let swept = store.sweep_deliveries(&Rows::All, DeliveryState::Delivered, after(4), 10);
    assert_eq!(swept.await.expect("swept").removed, 1);
    assert_eq!(sweep(after(2)).await, 1);
}

pub async fn free_space_is_given_back_beyond_a_reserve(world: World) {
    let store = &world.store;
    assert_eq!(store.give_back(100).await.expect("asked"), (0, false));
    let large = format!("\"{}\"", "x".repeat(200_000));
    for _ in 0..20 {
        assert_eq!(
            world.accept(&[&world.unit(&large)]).await,
            [Acceptance::Stored]
        );
    }
    let full = store.space().await.expect("read");
    assert_eq!(sweep_events(&world, after(DAY)).await, 20);
    let swept = store.space().await.expect("read");
    assert!(swept.free_bytes > Some(3_000_000), "{swept:?}");
    let mut given = 0;
    while let (bytes, true) = store.give_back(64).await.expect("given back") {
        assert!(bytes > 0);
        given += bytes;
    }
    let left = store.space().await.expect("read");
    assert!(
        given > 0 && left.bytes < full.bytes / 2,
        "{full:?} {left:?}"
    );
    assert!(left.free_bytes > Some(0), "{left:?}");
}

pub async fn one_copy_is_made_at_a_time(world: World) {
    let (event, _) = pending(&world).await;
    let copy = world.store.copy().await.expect("made");
    let copy = copy.expect("there is no other");
    assert_eq!(copy.file.metadata().expect("a file").len(), copy.bytes);
    assert!(world.store.copy().await.expect("asked").is_none());
    // Who writes does not wait for who reads the copy.
    let (other, _) = pending(&world).await;
    assert!(other > event);
    drop(copy);
    assert!(world.store.copy().await.expect("made").is_some());
}
