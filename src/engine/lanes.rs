//! All lanes: which delivery is attempted next, and which lanes want more from the store.
//!
//! Memory is bounded whatever the backlog: a lane holds up to `lane_buffer` deliveries, all lanes
//! together up to `buffer_bytes`; what does not fit stays in the store. Lanes take turns, so that
//! a thousand slow endpoints do not slow another. Nothing here waits; two tasks are told when there
//! is something to do.

mod whereabouts;

use std::{
    collections::{BTreeSet, HashMap, VecDeque},
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
};

use tokio::sync::Notify;
pub use whereabouts::Whereabouts;

use super::{
    context::EngineSettings,
    directory::LiveEndpoint,
    lane::{Lane, Ring},
};
use crate::{
    domain::{
        ids::{DeliveryId, EndpointId},
        lease::Lease,
        node::LanesStatus,
        time::Timestamp,
    },
    store::queue::{Job, Wish},
};

/// What a job takes in memory beside the data of its event, roughly.
const JOB_BYTES: usize = 1_024;

/// One slot in so many is for endpoints that answer well.
const LAST_SLOTS: usize = 8;

/// The lanes of this node.
#[derive(Debug)]
pub(crate) struct Lanes {
    state: Mutex<State>,
    /// Told when a job may begin.
    pub(super) ready: Notify,
    /// Told when a lane may want jobs from the store.
    pub(super) hungry: Notify,
    /// Whether the store has work that nothing told of.
    unheard: AtomicBool,
}

/// A job whose turn it is.
pub(super) struct Turn {
    pub(super) job: Job,
    pub(super) endpoint: Arc<LiveEndpoint>,
}

#[derive(Debug)]
struct State {
    lanes: HashMap<EndpointId, Lane>,
    /// Lanes with a job that may begin, in the order of their turns: those of endpoints that answer, and
    /// all others. Where only the first may begin something, nobody looks at a thousand of the others.
    proven: VecDeque<EndpointId>,
    unproven: VecDeque<EndpointId>,
    /// Which of both has the next turn.
    whose_turn: Ring,
    /// Lanes that want jobs from the store, by when the first is due there.
    hungry: BTreeSet<(Timestamp, EndpointId)>,
    in_flight: usize,
    bytes: usize,
    stopped: bool,
    limits: Limits,
}

#[derive(Debug, Clone, Copy)]
struct Limits {
    max_in_flight: usize,
    lane_buffer: usize,
    buffer_bytes: usize,
}

impl Lanes {
    pub(super) fn new(settings: &EngineSettings) -> Self {
        Self {
            state: Mutex::new(State {
                lanes: HashMap::new(),
                proven: VecDeque::new(),
                unproven: VecDeque::new(),
                whose_turn: Ring::Proven,
                hungry: BTreeSet::new(),
                in_flight: 0,
                bytes: 0,
                stopped: false,
                limits: Limits {
                    max_in_flight: settings.max_in_flight,
                    lane_buffer: settings.lane_buffer,
                    buffer_bytes: settings.buffer_bytes,
                },
            }),
            ready: Notify::new(),
            hungry: Notify::new(),
            unheard: AtomicBool::new(false),
        }
    }

    /// Promises a place in memory to a delivery that is about to be committed. Gives whether there
    /// is one: what is due in the store goes first. `latest` is the endpoint as it is known; it is
    /// asked while the lane stands still, so that a lane never goes back to what it was like before.
    pub(super) fn reserve(
        &self,
        endpoint: EndpointId,
        event_bytes: usize,
        now: Timestamp,
        latest: impl FnOnce() -> Option<Arc<LiveEndpoint>>,
    ) -> bool {
        self.change(endpoint, |state, id| {
            let Some(live) = latest() else {
                return false;
            };
            let within_bytes = state.bytes + event_bytes <= state.limits.buffer_bytes;
            let buffer = state.limits.lane_buffer;
            let lane = state.lane(id);
            lane.endpoint = Some(live);
            let is_ahead = lane.backlog.is_none_or(|due| due > now) && !lane.refilling;
            let free = is_ahead && lane.occupied() < buffer;
            let promised = free && lane.is_open() && (within_bytes || lane.occupied() == 0);
            if promised {
                lane.reserved += 1;
                state.bytes += event_bytes + JOB_BYTES;
            }
            promised
        })
    }

    /// Takes a promise back: the delivery was not committed.
    pub(super) fn unreserve(&self, endpoint: EndpointId, event_bytes: usize) {
        self.change(endpoint, |state, id| {
            state.lane(id).reserved -= 1;
            state.bytes -= event_bytes + JOB_BYTES;
        });
    }

    /// Puts a job that was committed into its promised place. Gives it back if its endpoint was
    /// closed, or the delivery called off, meanwhile.
    pub(super) fn offer(&self, job: Job) -> Result<(), Job> {
        self.change(job.endpoint, |state, id| {
            let lane = state.lane(id);
            lane.reserved -= 1;
            if lane.takes(&job) {
                lane.waiting.push_back(job);
                return Ok(());
            }
            state.bytes -= bytes_of(&job);
            Err(job)
        })
    }

    /// Notes that work for `endpoint` waits in the store from `due` on.
    pub(super) fn note_backlog(&self, endpoint: EndpointId, due: Timestamp) {
        self.change(endpoint, |state, id| state.lane(id).note_backlog(due));
    }

    /// The job whose turn it is, if one may begin: it begins at `now`.
    ///
    /// With it a lane may come to have room for what waits in the store, and nothing else tells the
    /// task that refills lanes.
    pub(super) fn next(&self, now: Timestamp) -> Option<Turn> {
        let mut state = self.lock();
        let first_hungry = state.hungry.first().copied();
        let turn = state.next(now);
        let hungrier = state.hungry.first().copied() != first_hungry;
        drop(state);
        if hungrier {
            self.hungry.notify_one();
        }
        turn
    }

    /// Notes that an attempt has ended and is recorded; `waiting` is when the next one is due.
    pub(super) fn finished(&self, job: &Job, succeeded: bool, waiting: Option<Timestamp>) {
        self.change(job.endpoint, |state, id| {
            let lane = state.lane(id);
            lane.in_flight.remove(&job.delivery);
            if let Some(live) = &lane.endpoint {
                live.note(succeeded);
            }
            if let Some(due) = waiting {
                lane.note_backlog(due);
            }
            state.in_flight -= 1;
            state.bytes -= bytes_of(job);
        });
    }

    /// Takes a delivery out of the lane of `endpoint`, if it waits there for its turn. One that is
    /// on its way into the lane will be given back when it comes.
    pub(super) fn withdraw(&self, endpoint: EndpointId, delivery: DeliveryId) -> Option<Job> {
        self.change(endpoint, |state, id| {
            let lane = state.lane(id);
            let mut waiting = lane.waiting.iter();
            let Some(place) = waiting.position(|job| job.delivery == delivery) else {
                lane.called_off.insert(delivery);
                return None;
            };
            let job = lane.waiting.remove(place)?;
            state.bytes -= bytes_of(&job);
            Some(job)
        })
    }

    /// Takes over what has changed about an endpoint: what `latest` gives, which is asked while the
    /// lane stands still. If it is closed now, its waiting jobs are given back.
    pub(super) fn update(
        &self,
        endpoint: EndpointId,
        latest: impl FnOnce() -> Arc<LiveEndpoint>,
    ) -> Vec<Job> {
        self.change(endpoint, |state, id| {
            let lane = state.lane(id);
            lane.endpoint = Some(latest());
            if lane.is_open() {
                return Vec::new();
            }
            let jobs: Vec<Job> = lane.waiting.drain(..).collect();
            state.bytes -= jobs.iter().map(bytes_of).sum::<usize>();
            jobs
        })
    }

    /// Up to `limit` wishes of lanes that have work due in the store; each lane then waits for
    /// [`Lanes::fill`].
    pub(super) fn wishes(&self, now: Timestamp, limit: usize) -> Vec<Wish> {
        let mut state = self.lock();
        if state.stopped {
            return Vec::new();
        }
        let due = state.hungry.iter().take_while(|(due, _)| *due <= now);
        let endpoints: Vec<_> = due.take(limit).map(|(_, endpoint)| *endpoint).collect();
        let bytes = state.free_bytes() / endpoints.len().max(1);
        endpoints
            .into_iter()
            .filter_map(|endpoint| state.wish(endpoint, bytes))
            .collect()
    }

    /// Answers a wish: the jobs that were claimed, and when the first of what is left is due. Gives
    /// those back whose endpoint was closed, or which were called off, meanwhile.
    pub(super) fn fill(
        &self,
        endpoint: EndpointId,
        jobs: Vec<Job>,
        next_due: Option<Timestamp>,
    ) -> Vec<Job> {
        self.change(endpoint, |state, id| {
            let lane = state.lane(id);
            lane.refilling = false;
            if let Some(due) = next_due {
                lane.note_backlog(due);
            }
            let (taken, homeless): (Vec<_>, Vec<_>) =
                jobs.into_iter().partition(|job| lane.takes(job));
            let bytes = taken.iter().map(bytes_of).sum::<usize>();
            lane.waiting.extend(taken);
            state.bytes += bytes;
            homeless
        })
    }

    /// When a lane next wants jobs from the store.
    pub(super) fn next_hunger(&self) -> Option<Timestamp> {
        self.lock().hungry.first().map(|(due, _)| *due)
    }

    /// Has the store asked for work that nothing told of, without waiting for the next poll.
    pub(super) fn look_again(&self) {
        self.unheard.store(true, Ordering::Relaxed);
        self.hungry.notify_one();
    }

    /// Whether [`Lanes::look_again`] was called since this was asked last.
    pub(super) fn has_unheard(&self) -> bool {
        self.unheard.swap(false, Ordering::Relaxed)
    }

    /// Drops what waits in memory and is owned under `lost`: it is others' by now, or free at `now`. Gives
    /// how much that was.
    pub(super) fn let_go(&self, lost: Lease, now: Timestamp) -> usize {
        let mut dropped = 0;
        for id in self.endpoints() {
            dropped += self.change(id, |state, id| {
                let lane = state.lane(id);
                let jobs = std::mem::take(&mut lane.waiting).into_iter();
                let (gone, kept): (VecDeque<_>, _) = jobs.partition(|job| job.lease == lost);
                lane.waiting = kept;
                if !gone.is_empty() {
                    lane.note_backlog(now);
                }
                state.bytes -= gone.iter().map(bytes_of).sum::<usize>();
                gone.len()
            });
        }
        dropped
    }

    /// What they hold.
    pub(super) fn status(&self) -> LanesStatus {
        let state = self.lock();
        let waiting = state.lanes.values().map(|lane| lane.waiting.len());
        LanesStatus {
            open: state.lanes.len() as u64,
            waiting: waiting.sum::<usize>() as u64,
            in_flight: state.in_flight as u64,
        }
    }

    /// Takes out what waits in memory, so that it can be given back to the store.
    pub(super) fn give_back(&self) -> Vec<Job> {
        let mut given = Vec::new();
        for id in self.endpoints() {
            self.change(id, |state, id| {
                let jobs = std::mem::take(&mut state.lane(id).waiting);
                state.bytes -= jobs.iter().map(bytes_of).sum::<usize>();
                given.extend(jobs);
            });
        }
        given
    }

    /// The endpoints that have a lane.
    pub(super) fn endpoints(&self) -> Vec<EndpointId> {
        self.lock().lanes.keys().copied().collect()
    }

    /// Lets no further attempt begin.
    pub(super) fn stop(&self) {
        self.lock().stopped = true;
    }

    /// Lets go of what waits in memory, and gives it.
    pub(super) fn clear(&self) -> Vec<Job> {
        let mut state = self.lock();
        let lanes = state.lanes.values_mut();
        lanes.flat_map(|lane| lane.waiting.drain(..)).collect()
    }

    /// Changes the state of a lane, brings the indexes up to date and wakes who waits.
    fn change<T>(&self, id: EndpointId, change: impl FnOnce(&mut State, EndpointId) -> T) -> T {
        let mut state = self.lock();
        let first_hungry = state.hungry.first().copied();
        let value = change(&mut state, id);
        state.settle(id);
        let ready = !state.proven.is_empty() || !state.unproven.is_empty();
        let hungrier = state.hungry.first().copied() != first_hungry;
        drop(state);
        if ready {
            self.ready.notify_one();
        }
        if hungrier {
            self.hungry.notify_one();
        }
        value
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn lane(&mut self, id: EndpointId) -> &mut Lane {
        self.lanes.entry(id).or_default()
    }

    /// How many more bytes all lanes together may hold.
    fn free_bytes(&self) -> usize {
        self.limits.buffer_bytes.saturating_sub(self.bytes)
    }

    /// The wish of a hungry lane for jobs of up to `bytes` bytes. None if it is not hungry any more:
    /// memory may have become crowded since it was last looked at.
    fn wish(&mut self, endpoint: EndpointId, bytes: usize) -> Option<Wish> {
        self.settle(endpoint);
        let buffer = self.limits.lane_buffer;
        let crowded = self.free_bytes() == 0;
        let lane = self.lanes.get_mut(&endpoint)?;
        lane.indexed?;
        lane.refilling = true;
        lane.backlog = None;
        let limit = if crowded { 1 } else { buffer - lane.occupied() };
        self.settle(endpoint);
        Some(Wish {
            endpoint,
            limit,
            bytes,
        })
    }

    /// Brings the ring and the index up to date after a change of lane `id`.
    fn settle(&mut self, id: EndpointId) {
        let buffer = self.limits.lane_buffer;
        let crowded = self.free_bytes() == 0;
        let Some(lane) = self.lanes.get_mut(&id) else {
            return;
        };
        if !lane.expects_jobs() {
            lane.called_off.clear();
        }
        if lane.is_ready() && lane.in_ring.is_none() {
            let ring = lane.ring();
            lane.in_ring = Some(ring);
            match ring {
                Ring::Proven => self.proven.push_back(id),
                Ring::Unproven => self.unproven.push_back(id),
            }
        }
        let wanted = lane.wants_jobs(buffer, crowded);
        if wanted != lane.indexed {
            if let Some(due) = lane.indexed {
                self.hungry.remove(&(due, id));
            }
            if let Some(due) = wanted {
                self.hungry.insert((due, id));
            }
            lane.indexed = wanted;
        }
        if lane.is_idle() && lane.in_ring.is_none() {
            self.lanes.remove(&id);
        }
    }

    fn next(&mut self, now: Timestamp) -> Option<Turn> {
        if self.stopped || self.in_flight >= self.limits.max_in_flight {
            return None;
        }
        let first = self.whose_turn;
        [first, first.other()].into_iter().find_map(|ring| {
            let taken = self.next_of(ring, now)?;
            self.whose_turn = ring.other();
            Some(taken)
        })
    }

    fn next_of(&mut self, ring: Ring, now: Timestamp) -> Option<Turn> {
        let waiting = match ring {
            Ring::Proven => self.proven.len(),
            Ring::Unproven if self.are_last() => 0,
            Ring::Unproven => self.unproven.len(),
        };
        for _ in 0..waiting {
            let id = match ring {
                Ring::Proven => self.proven.pop_front()?,
                Ring::Unproven => self.unproven.pop_front()?,
            };
            let taken = self.take_turn(id, now);
            self.settle(id);
            if taken.is_some() {
                return taken;
            }
        }
        None
    }

    /// Whether the slots that are left are for endpoints that answer well.
    fn are_last(&self) -> bool {
        let most = self.limits.max_in_flight;
        self.in_flight >= most - most / LAST_SLOTS
    }

    /// Takes a job of lane `id` out. Where slots are scarce, a lane whose endpoint does not answer well,
    /// or was not tried yet, has one of them and no more, and none of the last ones: however many receivers hang, one that answers
    /// finds a slot. It keeps its place in the ring.
    fn take_turn(&mut self, id: EndpointId, now: Timestamp) -> Option<Turn> {
        let are_scarce = self.in_flight * 2 >= self.limits.max_in_flight;
        let are_last = self.are_last();
        let lane = self.lanes.get_mut(&id)?;
        lane.in_ring = None;
        if !lane.is_ready() {
            return None;
        }
        let wants_too_much = are_last || !lane.in_flight.is_empty();
        if are_scarce && wants_too_much && !lane.answers_well(now) {
            return None;
        }
        let endpoint = Arc::clone(lane.endpoint.as_ref()?);
        let job = lane.waiting.pop_front()?;
        lane.in_flight.insert(job.delivery, now);
        self.in_flight += 1;
        Some(Turn { job, endpoint })
    }
}

/// What a job takes in memory.
fn bytes_of(job: &Job) -> usize {
    job.event.data.bytes().len() + JOB_BYTES
}

#[cfg(test)]
mod tests;
