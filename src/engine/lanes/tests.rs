//! Lanes as a whole, without tasks: what is next, what is full, what wants more.

use std::time::Duration;

use futures_util::FutureExt as _;

use super::*;
use crate::{
    domain::{
        chance::Chance,
        draft::EventDraft,
        endpoint::{Endpoint, EndpointConfig, EndpointState, StateReason},
        event::{Data, Event, EventType},
        ids::{Ids, default_project},
        lease::Lease,
        retention::Retention,
        retry::RetryPolicy,
    },
    engine::{context::EngineSettings, lane::SLOW},
};

const NOW: Timestamp = Timestamp::from_millis(1_700_000_000_000);

struct World {
    lease: Lease,
    ids: Ids,
    lanes: Lanes,
}

impl World {
    fn new(max_in_flight: usize, lane_buffer: usize, buffer_bytes: usize) -> Self {
        let settings = EngineSettings {
            queue_events: 1,
            queue_bytes: 1,
            project_share: 1.0,
            group_events: 1,
            max_in_flight,
            lane_buffer,
            buffer_bytes,
            timeout: Duration::from_secs(1),
            concurrency: 1,
            poll_interval: Duration::from_secs(1),
            max_retry_after: Duration::from_secs(1),
            disable_after: Duration::from_secs(1),
            retry: RetryPolicy::default(),
            dedupe_window: Duration::from_secs(1),
            retention: Retention::all(Duration::from_secs(1)),
        };
        let ids = Ids::new(Chance::seeded(7));
        Self {
            lease: Lease::first(ids.next(NOW)),
            ids,
            lanes: Lanes::new(&settings),
        }
    }

    fn roomy() -> Self {
        Self::new(100, 8, 1 << 20)
    }

    fn endpoint(&self, concurrency: usize) -> Arc<LiveEndpoint> {
        let endpoint = Endpoint {
            id: self.ids.next(NOW),
            version: 1,
            project: default_project(),
            config: EndpointConfig::new("https://example.com/".parse().expect("a URL")),
            state_reason: StateReason::Requested,
            state_since: NOW,
            created_at: NOW,
            updated_at: NOW,
            deleted_at: None,
        };
        Arc::new(LiveEndpoint::for_tests(endpoint, concurrency))
    }

    fn in_state(&self, live: &LiveEndpoint, state: EndpointState) -> Arc<LiveEndpoint> {
        let mut endpoint = live.endpoint.clone();
        endpoint.config.state = state;
        Arc::new(LiveEndpoint::for_tests(endpoint, live.concurrency))
    }

    fn event(&self, bytes: usize) -> Arc<Event> {
        let mut draft = EventDraft::new(EventType::parse("a.b").expect("a type"));
        draft.data = Data::Binary(vec![0; bytes].into());
        Arc::new(draft.complete(self.ids.next(NOW), default_project(), "default", NOW))
    }

    fn job(&self, endpoint: &LiveEndpoint) -> Job {
        Job {
            lease: self.lease,
            delivery: self.ids.next(NOW),
            project: default_project(),
            endpoint: endpoint.endpoint.id,
            event: self.event(10),
            is_test: false,
            attempts: 0,
            attempts_before: 0,
            since: NOW,
        }
    }

    fn reserve(&self, endpoint: &Arc<LiveEndpoint>) -> bool {
        let latest = || Some(Arc::clone(endpoint));
        self.lanes.reserve(endpoint.endpoint.id, 10, NOW, latest)
    }

    fn update(&self, live: &Arc<LiveEndpoint>) -> Vec<Job> {
        self.lanes.update(live.endpoint.id, || Arc::clone(live))
    }

    /// Has a committed delivery take its place, if it is promised one.
    fn commit(&self, endpoint: &Arc<LiveEndpoint>) -> Option<DeliveryId> {
        let job = self.job(endpoint);
        let id = job.delivery;
        let promised = self.reserve(endpoint);
        promised.then(|| self.lanes.offer(job).expect("an open lane"))?;
        Some(id)
    }

    fn turns(&self) -> Vec<Job> {
        std::iter::from_fn(|| self.lanes.next(NOW))
            .map(|turn| turn.job)
            .collect()
    }
}

#[test]
fn lanes_take_turns_and_keep_to_their_concurrency() {
    let world = World::roomy();
    let (one, other) = (world.endpoint(2), world.endpoint(2));
    for _ in 0..3 {
        world.commit(&one).expect("room");
    }
    world.commit(&other).expect("room");
    let turns: Vec<_> = world.turns().iter().map(|job| job.endpoint).collect();
    let (one, other) = (one.endpoint.id, other.endpoint.id);
    assert_eq!(turns, [one, other, one]);
}

#[test]
fn a_full_lane_leaves_the_rest_in_the_store_and_asks_for_it_when_it_has_room() {
    let world = World::roomy();
    let endpoint = world.endpoint(8);
    for _ in 0..8 {
        world.commit(&endpoint).expect("room");
    }
    assert_eq!(world.commit(&endpoint), None);
    world.lanes.note_backlog(endpoint.endpoint.id, NOW);
    assert!(
        world.lanes.wishes(NOW, 10).is_empty(),
        "a full lane wants nothing"
    );

    let running = world.turns();
    assert_eq!(running.len(), 8);
    let wishes = world.lanes.wishes(NOW, 10);
    assert_eq!(
        wishes.iter().map(|wish| wish.limit).collect::<Vec<_>>(),
        [8]
    );
    assert!(world.lanes.wishes(NOW, 10).is_empty(), "one wish at a time");
    assert_eq!(
        world.commit(&endpoint),
        None,
        "what is in the store goes first"
    );

    let claimed = vec![world.job(&endpoint)];
    assert!(
        world
            .lanes
            .fill(endpoint.endpoint.id, claimed, None)
            .is_empty()
    );
    world.commit(&endpoint).expect("the store has no more");
}

#[test]
fn a_turn_that_makes_room_wakes_whoever_refills_the_lane() {
    let world = World::roomy();
    let endpoint = world.endpoint(8);
    for _ in 0..8 {
        world.commit(&endpoint).expect("room");
    }
    world.lanes.note_backlog(endpoint.endpoint.id, NOW);
    let is_told = || world.lanes.hungry.notified().now_or_never().is_some();
    assert!(!is_told(), "a full lane wants nothing");
    let told: Vec<_> = (0..8)
        .map(|_| world.lanes.next(NOW).map(|_| is_told()))
        .collect();
    let told: Vec<_> = told.into_iter().flatten().collect();
    assert_eq!(
        told,
        [false, false, false, true, false, false, false, false],
        "once, when the half of it is free"
    );
}

#[test]
fn a_retry_that_is_not_due_holds_nobody_up() {
    let world = World::roomy();
    let endpoint = world.endpoint(8);
    let later = NOW.plus(Duration::from_secs(60));
    world.lanes.note_backlog(endpoint.endpoint.id, later);
    world.commit(&endpoint).expect("the retry is not due");
    assert!(world.lanes.wishes(NOW, 10).is_empty());
    assert_eq!(world.lanes.next_hunger(), Some(later));
    assert_eq!(world.lanes.wishes(later, 10).len(), 1);
}

#[test]
fn all_lanes_together_keep_to_their_bytes_but_an_empty_one_may_take_one() {
    let world = World::new(100, 8, 4 * JOB_BYTES);
    let (one, other) = (world.endpoint(1), world.endpoint(1));
    let taken = (0..8).filter_map(|_| world.commit(&one)).count();
    assert!((1..8).contains(&taken), "{taken}");
    assert!(world.commit(&other).is_some(), "an empty lane takes one");
    assert!(world.commit(&other).is_none());
    for job in world.turns() {
        world.lanes.finished(&job, true, None);
    }
    for job in world.turns() {
        world.lanes.finished(&job, true, None);
    }
    assert!(world.commit(&other).is_some());
}

#[test]
fn where_memory_is_crowded_the_store_is_asked_only_for_lanes_that_are_empty() {
    let world = World::new(100, 8, 2 * JOB_BYTES);
    let (one, other) = (world.endpoint(1), world.endpoint(1));
    while world.commit(&one).is_some() {}
    for live in [&one, &other] {
        world.lanes.note_backlog(live.endpoint.id, NOW);
    }
    let wishes = world.lanes.wishes(NOW, 10);
    let asking: Vec<_> = wishes.iter().map(|wish| wish.endpoint).collect();
    assert_eq!(asking, [other.endpoint.id]);
    assert_eq!(wishes[0].bytes, 0, "the one that it may take comes anyway");
    assert_eq!(
        world.lanes.next_hunger(),
        None,
        "nobody is woken for lanes that get nothing"
    );
    for _ in 0..2 {
        for job in world.turns() {
            world.lanes.finished(&job, true, None);
        }
    }
    assert_eq!(world.lanes.wishes(NOW, 10).len(), 1);
}

#[test]
fn where_slots_are_scarce_a_failing_lane_has_one() {
    let world = World::new(4, 8, 1 << 20);
    let (failing, healthy) = (world.endpoint(4), world.endpoint(4));
    for _ in 0..2 {
        world.commit(&healthy).expect("room");
    }
    for job in world.turns() {
        world.lanes.finished(&job, true, None);
    }
    for _ in 0..4 {
        world.commit(&failing).expect("room");
        world.commit(&healthy).expect("room");
    }
    let turns = world.turns();
    let to_failing = turns
        .iter()
        .filter(|job| job.endpoint == failing.endpoint.id);
    assert_eq!((turns.len(), to_failing.count()), (4, 1));
}

#[test]
fn the_last_slots_are_for_endpoints_that_answer_well() {
    let world = World::new(16, 8, 1 << 20);
    let healthy = world.endpoint(16);
    world.commit(&healthy).expect("room");
    let job = world.turns().remove(0);
    world.lanes.finished(&job, true, None);
    let hanging: Vec<_> = (0..20).map(|_| world.endpoint(4)).collect();
    for endpoint in &hanging {
        world.commit(endpoint).expect("room");
    }
    assert_eq!(world.turns().len(), 14, "two of sixteen are left");
    for _ in 0..3 {
        world.commit(&healthy).expect("room");
    }
    let last = world.turns();
    assert_eq!(last.len(), 2);
    assert!(last.iter().all(|job| job.endpoint == healthy.endpoint.id));
    world.lanes.finished(&last[0], true, None);
    let later = NOW.plus(SLOW);
    assert!(world.lanes.next(later).is_none(), "it hangs as well");
    world.lanes.finished(&last[1], true, None);
    assert!(world.lanes.next(later).is_some(), "it does not any more");
}

#[test]
fn closing_an_endpoint_gives_its_jobs_back_and_opening_it_asks_for_them() {
    let world = World::roomy();
    let endpoint = world.endpoint(1);
    let id = endpoint.endpoint.id;
    for _ in 0..3 {
        world.commit(&endpoint).expect("room");
    }
    let running = world.lanes.next(NOW).expect("a turn").job;
    let paused = world.in_state(&endpoint, EndpointState::Paused);
    assert_eq!(world.update(&paused).len(), 2);
    world.lanes.note_backlog(id, NOW);
    world.lanes.finished(&running, false, Some(NOW));
    assert!(world.lanes.next(NOW).is_none());
    assert!(
        world.lanes.wishes(NOW, 10).is_empty(),
        "what waits for a paused endpoint stays"
    );

    assert!(world.update(&endpoint).is_empty());
    assert_eq!(world.lanes.wishes(NOW, 10).len(), 1);
}

#[test]
fn what_waits_for_a_disabled_endpoint_is_taken_up_to_be_closed() {
    let world = World::roomy();
    let endpoint = world.endpoint(1);
    world.lanes.note_backlog(endpoint.endpoint.id, NOW);
    let disabled = world.in_state(&endpoint, EndpointState::Disabled);
    world.update(&disabled);
    assert_eq!(world.lanes.wishes(NOW, 10).len(), 1);
}

#[test]
fn a_job_that_comes_when_its_endpoint_has_closed_is_given_back() {
    let world = World::roomy();
    let endpoint = world.endpoint(1);
    assert!(world.reserve(&endpoint));
    world.update(&world.in_state(&endpoint, EndpointState::Paused));
    assert!(world.lanes.offer(world.job(&endpoint)).is_err());
}

#[test]
fn a_delivery_is_withdrawn_only_before_its_turn() {
    let world = World::roomy();
    let endpoint = world.endpoint(1);
    let id = endpoint.endpoint.id;
    let (first, second) = (
        world.commit(&endpoint).expect("room"),
        world.commit(&endpoint).expect("room"),
    );
    world.lanes.next(NOW).expect("a turn");
    assert!(world.lanes.withdraw(id, first).is_none());
    assert_eq!(
        world.lanes.withdraw(id, second).map(|job| job.delivery),
        Some(second)
    );
    assert!(world.lanes.withdraw(id, second).is_none());
}

#[test]
fn a_delivery_that_is_called_off_on_its_way_into_the_lane_is_given_back() {
    let world = World::roomy();
    let endpoint = world.endpoint(1);
    let id = endpoint.endpoint.id;
    let (committed, claimed, other) = (
        world.job(&endpoint),
        world.job(&endpoint),
        world.job(&endpoint),
    );
    assert!(world.reserve(&endpoint));
    assert!(world.lanes.withdraw(id, committed.delivery).is_none());
    assert!(world.lanes.offer(committed).is_err());

    world.lanes.note_backlog(id, NOW);
    assert_eq!(world.lanes.wishes(NOW, 10).len(), 1);
    world.update(&endpoint);
    assert!(world.lanes.withdraw(id, claimed.delivery).is_none());
    let expected = other.delivery;
    let homeless = world.lanes.fill(id, vec![claimed.clone(), other], None);
    assert_eq!(homeless[0].delivery, claimed.delivery);
    let turns: Vec<_> = world.turns().iter().map(|job| job.delivery).collect();
    assert_eq!((homeless.len(), turns), (1, vec![expected]));
}

#[test]
fn nothing_begins_after_a_stop_and_nothing_is_kept_of_idle_lanes() {
    let world = World::roomy();
    let endpoint = world.endpoint(1);
    world.commit(&endpoint).expect("room");
    let job = world.lanes.next(NOW).expect("a turn").job;
    world.lanes.finished(&job, true, None);
    assert!(world.lanes.lock().lanes.is_empty());
    assert_eq!(world.lanes.lock().bytes, 0);

    world.commit(&endpoint).expect("room");
    world.lanes.stop();
    assert!(world.lanes.next(NOW).is_none());
    assert_eq!(world.lanes.clear().len(), 1);
}
