//! Counters: what they say is what a count over the rows would say, whatever has happened.

use std::time::Duration;

use riposte::{
    domain::{
        dead_letter::{Filter, Selection},
        delivery::{CancelReason, DeadReason, DeliveryState, SkipReason},
        endpoint::{EndpointConfig, EndpointState},
        ids::{DeliveryId, EndpointId, ListenerId, default_project, platform_project},
        job::{Job, JobState, Tally, Task},
        lease::Lease,
        listener::{ListenerConfig, ListenerState},
        retry::Verdict,
    },
    store::{
        StoreError, StoreResult,
        backlog::Backlog,
        change::unanswered,
        counters::Counter,
        jobs::Step,
        listeners::NewListener,
        partitions::Rows,
        queue::Wish,
        unit::{Continuation, Cursor, Fanout, Fate, Unit},
    },
};

use super::world::{NOW, World, after, change_at};

/// How many steps are taken; among so many each kind comes several times.
const STEPS: usize = 400;

/// A world in which anything may happen, and what is there to happen to.
struct Play {
    world: World,
    endpoints: Vec<EndpointId>,
    listeners: Vec<ListenerId>,
    deliveries: Vec<(DeliveryId, EndpointId)>,
    fanouts: Vec<Fanout>,
    emissions: Vec<DeliveryId>,
}

impl Play {
    /// A number below `bound`.
    fn draw(&self, bound: usize) -> usize {
        (self.world.chance.unit() * bound as f64) as usize
    }

    fn any<T: Clone>(&self, all: &[T]) -> Option<T> {
        all.get(self.draw(all.len())).cloned()
    }

    fn some_deliveries(&self) -> Vec<DeliveryId> {
        let picked = (0..self.draw(6)).filter_map(|_| self.any(&self.deliveries));
        let mut ids: Vec<_> = picked.map(|(id, _)| id).collect();
        ids.extend(self.any(&self.emissions));
        ids
    }

    async fn step(&mut self) {
        match self.draw(17) {
            0..=4 => self.accepts().await,
            5 => self.accepts_again().await,
            6..=8 => self.records().await,
            9 => self.cancels().await,
            10 => self.revives().await,
            11 => self.works_on_dead_letters().await,
            12 => self.changes_endpoints().await,
            13 => self.changes_listeners().await,
            14 => self.carries_on().await,
            15 => self.sweeps().await,
            _ => self.releases().await,
        }
    }

    /// A unit with deliveries that begin in every way.
    async fn accepts(&mut self) {
        let mut unit = self.world.unit(&"7".repeat(1 + self.draw(50)));
        for _ in 0..self.draw(5) {
            let Some(endpoint) = self.any(&self.endpoints) else {
                return;
            };
            let owned = self.draw(2) == 0;
            let fate = match self.draw(5) {
                0 => Fate::Skipped(SkipReason::EndpointDisabled),
                1 => Fate::Dead(DeadReason::AttemptsExhausted, "dns_failed: gone".to_owned()),
                _ => Fate::Pending { owned, due: NOW },
            };
            let id = self.world.deliver(&mut unit, endpoint, fate);
            self.deliveries.push((id, endpoint));
        }
        if self.draw(4) == 0 {
            let why = Fate::Dead(DeadReason::EmitFailed, "data.site is absent".to_owned());
            let id = self.world.deliver(&mut unit, self.world.ids.next(NOW), why);
            unit.deliveries.last_mut().expect("a delivery").endpoint = None;
            self.emissions.push(id);
        }
        if self.draw(4) == 0 {
            let fanout = Fanout {
                event: unit.events[0].event.id,
                project: [default_project(), platform_project()][self.draw(2)],
                rules_version: 0,
                next: Cursor::default(),
            };
            unit.fanouts.push(fanout.clone());
            self.fanouts.push(fanout);
        }
        self.world.accept(&[&unit]).await;
    }

    /// The same event over and over, next to one that was planned with old rules.
    async fn accepts_again(&mut self) {
        let mut stale = self.world.unit("{}");
        stale.assumed = vec![(default_project(), -1)];
        let same = self.world.keyed("the same", "{}");
        self.world.accept(&[&same, &stale, &same]).await;
    }

    /// Attempts of deliveries, of which some are not owned.
    async fn records(&mut self) {
        if let Some(endpoint) = self.any(&self.endpoints) {
            let wishes = [Wish {
                endpoint,
                limit: 3,
                bytes: usize::MAX,
            }];
            let store = &self.world.store;
            let claims = store.claim_due(self.world.lease, &wishes, NOW).await;
            claims.expect("claims");
        }
        let mut ids = self.some_deliveries();
        ids.sort_unstable();
        ids.dedup();
        let known = self.deliveries.iter().filter(|(id, _)| ids.contains(id));
        let outcomes: Vec<_> = known
            .map(|(id, endpoint)| {
                let verdict = match self.draw(3) {
                    0 => Verdict::Delivered,
                    1 => Verdict::Retry(NOW),
                    _ => Verdict::Dead(DeadReason::AttemptsExhausted),
                };
                self.world.outcome(*id, *endpoint, 1, 200, verdict)
            })
            .collect();
        let recorded = self.world.store.record(self.world.lease, &outcomes, NOW);
        recorded.await.expect("recorded");
    }

    async fn cancels(&mut self) {
        if let Some((id, _)) = self.any(&self.deliveries) {
            let withdrawn = self.draw(2) == 0;
            let cancelled = self.world.cancel(id, withdrawn).await;
            assert_found_or_swept(cancelled);
        }
    }

    async fn revives(&mut self) {
        if let Some((id, _)) = self.any(&self.deliveries) {
            let revived = self.world.revive(id, NOW).await;
            assert_found_or_swept(revived);
        }
    }

    async fn works_on_dead_letters(&mut self) {
        let ids = self.some_deliveries();
        let job = Job {
            id: self.world.ids.next(NOW),
            project: default_project(),
            state: JobState::Queued,
            task: Task::Discard {
                selection: Selection::Filter(Filter::default()),
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
        let store = &self.world.store;
        let change = change_at(NOW);
        let made = store.insert_job(&job, &change, unanswered);
        made.await.expect("a job");
        store.begin_job(job.id, 1, NOW).await.expect("begun");
        let step = Step {
            job: &job,
            position: "1".to_owned(),
            tally: Tally::default(),
            is_last: true,
        };
        if self.draw(2) == 0 {
            store.redrive(&step, &ids, NOW).await.expect("redriven");
        } else {
            store.discard(&step, &ids, NOW).await.expect("discarded");
        }
    }

    /// Makes endpoints, disables and deletes them, and settles what waited for them.
    async fn changes_endpoints(&mut self) {
        self.endpoints.push(self.world.endpoint().await);
        let place = self.draw(self.endpoints.len());
        let endpoint = self.endpoints[place];
        let store = &self.world.store;
        let change = change_at(NOW);
        let mut close = (DeliveryState::Dead, DeadReason::EndpointDisabled.as_str());
        if self.draw(2) == 0 {
            let disable = |config: &mut EndpointConfig| {
                config.state = EndpointState::Disabled;
                StoreResult::Ok(())
            };
            let disabled =
                store.change_endpoint(default_project(), endpoint, &change, disable, unanswered);
            disabled.await.expect("disabled");
        } else {
            let deleted = store.delete_endpoint(default_project(), endpoint, &change, unanswered);
            deleted.await.expect("deleted");
            self.endpoints.swap_remove(place);
            close = (
                DeliveryState::Cancelled,
                CancelReason::EndpointDeleted.as_str(),
            );
        }
        let settled = store.settle_endpoint(endpoint, close.0, close.1, 2, NOW);
        settled.await.expect("settled");
    }

    async fn changes_listeners(&mut self) {
        let store = &self.world.store;
        let change = change_at(NOW);
        if self.draw(3) == 0
            && let Some(id) = self.listeners.pop()
        {
            let deleted = store.delete_listener(default_project(), id, &change, unanswered);
            deleted.await.expect("deleted");
            return;
        }
        let id = self.world.ids.next(NOW);
        let config = ListenerConfig {
            name: None,
            state: ListenerState::Enabled,
            on: vec![">".to_owned()],
            when: None,
            reactions: Vec::new(),
        };
        let new = NewListener {
            id,
            config,
            reactions: Vec::new(),
        };
        let made = store.insert_listener(default_project(), new, &change, unanswered);
        made.await.expect("made");
        self.listeners.push(id);
        let disable = |config: &mut ListenerConfig| config.state = ListenerState::Disabled;
        let project = default_project();
        let changed = store.change_listener(project, id, None, &change, disable, unanswered);
        changed.await.expect("changed");
    }

    /// Ends a fan-out, and tries to end it again; emits what could not be emitted.
    async fn carries_on(&mut self) {
        let mut units = Vec::new();
        if let Some(from) = self.any(&self.fanouts) {
            let then = (self.draw(2) == 0).then(|| Cursor {
                listener: Some(self.world.ids.next(NOW)),
                reaction: 0,
            });
            units.extend([then, None].map(|then| Unit {
                continues: Some(Continuation::Fanout {
                    from: from.clone(),
                    then,
                }),
                ..Unit::default()
            }));
        }
        if let Some(id) = self.any(&self.emissions) {
            let mut unit = self.world.unit("{}");
            unit.continues = Some(Continuation::Emission(id));
            units.push(unit);
        }
        self.world.accept(&units.iter().collect::<Vec<_>>()).await;
    }

    /// Some of what is over goes for good.
    async fn sweeps(&mut self) {
        let (store, later) = (&self.world.store, after(1));
        let state = DeliveryState::ALL[self.draw(DeliveryState::ALL.len())];
        let swept = store.sweep_deliveries(&Rows::All, state, later, 2).await;
        swept.expect("swept");
        let swept = store.sweep_events(&Rows::All, "", later, after(2), 3).await;
        swept.expect("swept");
        store
            .sweep_kept_events(later, after(3), after(4), 1)
            .await
            .expect("swept");
        store.sweep_skip_counts(after(120), 1).await.expect("swept");
    }

    async fn releases(&mut self) {
        let ids = self.some_deliveries();
        let store = &self.world.store;
        let released = store.release(self.world.lease, &ids, NOW).await;
        released.expect("released");
        if self.draw(8) == 0 {
            let another = Lease::first(self.world.ids.next(NOW));
            store.release_expired(another, NOW).await.expect("released");
        }
    }
}

/// A delivery may be gone by now, which is the one thing that may go wrong.
fn assert_found_or_swept<T>(result: StoreResult<T>) {
    if let Err(error) = result {
        assert!(matches!(error, StoreError::NotFound(_)), "{error}");
    }
}

pub async fn counters_say_what_a_count_over_the_rows_says(world: World) {
    let world = played(world).await;
    let counts = world.store.counts(default_project()).await;
    let counts = counts.expect("counts");
    for counter in Counter::ALL {
        let expected = *counter != Counter::SkippedWithoutRows;
        assert_eq!(counts.get(*counter) > 0, expected, "{counter}: {counts:?}");
    }
}

pub async fn a_store_that_had_no_counters_counts_once(world: World) {
    let world = played(world).await;
    let counts = world.store.counts(default_project()).await;
    world.migrates_counters().await;
    let migrated = world.store.counts(default_project()).await;
    assert_eq!(migrated.expect("counts"), counts.expect("counts"));
}

/// Does all kinds of things, and recounts after each.
async fn played(world: World) -> World {
    let mut play = Play {
        endpoints: vec![world.endpoint().await, world.endpoint().await],
        world,
        listeners: Vec::new(),
        deliveries: Vec::new(),
        fanouts: Vec::new(),
        emissions: Vec::new(),
    };
    for number in 0..STEPS {
        play.step().await;
        for project in [default_project(), platform_project()] {
            let store = &play.world.store;
            let kept = store.counts(project).await.expect("counts");
            let counted = store.recount(project).await.expect("counts");
            assert_eq!(kept, counted, "after step {number}");
        }
    }
    play.world
}

pub async fn a_backlog_says_what_is_due_late_and_held(world: World) {
    let (open, paused) = (world.endpoint().await, world.endpoint().await);
    let pause = |config: &mut EndpointConfig| {
        config.state = EndpointState::Paused;
        StoreResult::Ok(())
    };
    let change = change_at(NOW);
    let paused_now =
        world
            .store
            .change_endpoint(default_project(), paused, &change, pause, unanswered);
    paused_now.await.expect("paused");
    world.pending(open, true, after(5)).await;
    world.pending(open, false, after(30)).await;
    world.pending(open, false, after(500)).await;
    world.pending(paused, false, NOW).await;
    let expected = Backlog {
        due: 2,
        late: 1,
        held: 1,
        oldest_due: Some(after(5)),
        is_complete: true,
    };
    let now = after(5).plus(Duration::from_millis(60_001));
    let store = &world.store;
    let stats = store.stats(default_project(), now).await.expect("stats");
    assert_eq!(stats.backlog, expected);
    let none = Backlog {
        is_complete: true,
        ..Backlog::default()
    };
    let early = store.stats(default_project(), NOW).await.expect("stats");
    assert_eq!(early.backlog, Backlog { held: 1, ..none });
    let own = store.endpoint_stats(default_project(), open, now).await;
    let own = own.expect("its figures");
    assert_eq!(own.pending, 3);
    assert_eq!(
        own.backlog,
        Backlog {
            held: 0,
            ..expected
        }
    );
    let other = store.stats(platform_project(), now).await.expect("stats");
    assert_eq!(other.backlog, none);
}
