//! Several nodes, each a process of its own, that share one database and nothing else.

use std::{
    cell::{Cell, RefCell},
    time::Duration,
};

use futures_util::future::join_all;
use riposte::domain::chance::Chance;
use tokio::sync::watch;

use crate::{
    load::{Door, Streamed, Supply, stream},
    support::{Api, Process, Setup, within},
};

/// How many requests of each node may be under way: what the loss of one may repeat.
pub const IN_FLIGHT: usize = 64;

/// How long a producer waits for a node before it goes to another one: longer than a node needs to
/// say that it cannot reach its database.
const PATIENCE: Duration = Duration::from_secs(10);

/// The nodes, and the door to them.
pub struct Nodes {
    setups: Vec<Setup>,
    processes: RefCell<Vec<Option<Process>>>,
    door: Door,
    chance: Chance,
    /// How often something was streamed in.
    rounds: Cell<usize>,
}

/// How many events of a stream are acknowledged.
pub struct Progress(watch::Receiver<usize>);

impl Nodes {
    /// Three nodes on the database of `setup`.
    pub async fn start(setup: &Setup) -> Self {
        Self::start_each([setup; 3]).await
    }

    /// A node for each setup. All start at once.
    pub async fn start_each<const COUNT: usize>(setups: [&Setup; COUNT]) -> Self {
        let setups = setups.map(|setup| {
            let in_flight = IN_FLIGHT.to_string();
            let bounded = setup
                .clone()
                .with("RIPOSTE_DELIVERY__MAX_IN_FLIGHT", &in_flight);
            bounded.with("RIPOSTE_LOG__LEVEL", "warn")
        });
        let processes = join_all(setups.iter().map(|setup| setup.clone().run())).await;
        let apis = processes.iter().map(Process::api).collect();
        Self {
            setups: setups.to_vec(),
            processes: RefCell::new(processes.into_iter().map(Some).collect()),
            door: Door::to(apis).with_patience(PATIENCE),
            chance: Chance::from_system(),
            rounds: Cell::new(0),
        }
    }

    /// The same, for producers that wait no longer than this for a node.
    pub fn with_patience(self, patience: Duration) -> Self {
        Self {
            door: self.door.with_patience(patience),
            ..self
        }
    }

    /// The API of a node that runs.
    pub fn api(&self, number: usize) -> Api {
        self.with(number, Process::api)
    }

    /// Stops a node as SIGSTOP does.
    pub fn pause(&self, number: usize) {
        self.with(number, Process::pause);
    }

    /// Lets it go on.
    pub fn resume(&self, number: usize) {
        self.with(number, Process::resume);
    }

    /// Ends a node as `kill -9` does.
    pub fn kill(&self, number: usize) {
        let process = self.processes.borrow_mut()[number].take();
        process.expect("it runs").kill();
    }

    /// Starts a node that was killed.
    pub async fn restart(&self, number: usize) {
        let process = self.setups[number].clone().run().await;
        self.door.opens_at(number, process.api());
        self.processes.borrow_mut()[number] = Some(process);
    }

    /// Streams events into all nodes for as long as something happens, and until each event is
    /// acknowledged.
    pub async fn stream_while<T>(&self, happens: impl AsyncFnOnce(Progress) -> T) -> (Streamed, T) {
        self.rounds.set(self.rounds.get() + 1);
        let (supply, acknowledged) = (Supply::endless(), watch::Sender::new(0));
        let progress = Progress(acknowledged.subscribe());
        let happens = async {
            let given = happens(progress).await;
            supply.ends();
            given
        };
        let round = self.rounds.get();
        let streaming = stream(round, &self.door, &supply, &acknowledged, &self.chance);
        tokio::join!(streaming, happens)
    }

    fn with<T>(&self, number: usize, act: impl FnOnce(&Process) -> T) -> T {
        act(self.processes.borrow()[number].as_ref().expect("it runs"))
    }
}

impl Progress {
    /// Waits until `count` events more are acknowledged.
    pub async fn of(&mut self, count: usize) {
        let before = *self.0.borrow();
        let more = self.0.wait_for(|now| *now >= before + count);
        let more = within(format!("{count} events to be acknowledged"), more).await;
        more.expect("somebody counts");
    }
}
