//! The way of an event: ingest, match, commit, dispatch, record.
//!
//! Nothing that was acknowledged is lost: an event is answered after its unit is durable, and an
//! attempt gives its slot back after its outcome is. The engine takes time, chance and the sender
//! of requests as arguments, so that a simulation can stand in for all three.

mod admission;
mod commit;
mod context;
mod directory;
mod dispatch;
mod fanout;
mod gateway;
mod lane;
mod lanes;
mod plan;
mod record;
mod redrive;
mod refill;
mod rulebook;
mod send;

use std::sync::Arc;

pub use admission::Overload;
pub use context::EngineSettings;
pub use gateway::{AcceptError, Gateway, Retried, Sent, TEST_EVENT_TYPE};
pub use redrive::Redriven;
use tokio::{
    sync::Notify,
    task::{JoinHandle, JoinSet},
};

use self::{
    admission::Admission, commit::GroupCommit, context::Context, directory::Directory,
    dispatch::Attempts, fanout::FanoutWorker, gateway::Parts, lanes::Lanes, plan::Planner,
    record::Recording, refill::Refill, rulebook::Rulebook,
};
use crate::{
    clock::Clock,
    domain::{chance::Chance, ids::Ids},
    net::sender::Sender,
    store::{Store, StoreResult},
};

/// What the engine is given.
pub struct Surroundings {
    /// What is durable.
    pub store: Store,
    /// The time.
    pub clock: Clock,
    /// The randomness.
    pub chance: Chance,
    /// The source of identifiers.
    pub ids: Arc<Ids>,
    /// What carries requests to receivers.
    pub sender: Arc<dyn Sender>,
}

/// The running engine.
pub struct Engine {
    context: Context,
    gateway: Gateway,
    lanes: Arc<Lanes>,
    attempts: Attempts,
    /// Tasks that can end at any moment.
    workers: JoinSet<()>,
    /// Tasks that end when nobody can hand them anything any more.
    commit: JoinHandle<()>,
    record: JoinHandle<()>,
}

impl Engine {
    /// Starts the engine; it takes up what the store says.
    ///
    /// # Errors
    /// If the store does not answer.
    pub async fn start(surroundings: Surroundings, settings: EngineSettings) -> StoreResult<Self> {
        let Surroundings {
            store,
            clock,
            chance,
            ids,
            sender,
        } = surroundings;
        let node = ids.next(clock.now());
        let context = Context {
            store,
            clock,
            chance,
            ids,
            node,
            sender,
            settings: Arc::new(settings),
        };
        let released = context.store.release_expired(node).await?;
        tracing::info!(%node, released, "the engine takes up what is stored");
        Ok(Self::assemble(context))
    }

    fn assemble(context: Context) -> Self {
        let lanes = Arc::new(Lanes::new(&context.settings));
        let directory = Arc::new(Directory::new(context.clone()));
        let rulebook = Arc::new(Rulebook::new(context.clone()));
        let fanouts = Arc::new(Notify::new());
        let (committer, commit) = GroupCommit::new(
            context.clone(),
            Arc::clone(&directory),
            Arc::clone(&lanes),
            Arc::clone(&fanouts),
        );
        let (recorder, record) =
            Recording::new(context.clone(), Arc::clone(&lanes), Arc::clone(&directory));
        let planner = Arc::new(Planner {
            context: context.clone(),
            rulebook: Arc::clone(&rulebook),
            directory: Arc::clone(&directory),
        });
        let attempts = Attempts::default();
        let mut workers = JoinSet::new();
        workers.spawn(dispatch::run(
            context.clone(),
            Arc::clone(&lanes),
            recorder,
            attempts.clone(),
        ));
        let refill = Refill {
            context: context.clone(),
            lanes: Arc::clone(&lanes),
            directory: Arc::clone(&directory),
        };
        workers.spawn(refill.run());
        let fanout = FanoutWorker {
            context: context.clone(),
            planner: Arc::clone(&planner),
            rulebook: Arc::clone(&rulebook),
            committer: committer.clone(),
            wake: fanouts,
        };
        workers.spawn(fanout.run());
        let parts = Parts {
            admission: Admission::new(&context.settings),
            context: context.clone(),
            planner,
            rulebook,
            directory,
            lanes: Arc::clone(&lanes),
            committer,
        };
        Self {
            context,
            gateway: Gateway {
                parts: Arc::new(parts),
            },
            lanes,
            attempts,
            workers,
            commit: tokio::spawn(commit.run()),
            record: tokio::spawn(record.run()),
        }
    }

    /// A handle to it.
    pub fn gateway(&self) -> Gateway {
        self.gateway.clone()
    }

    /// Stops: no further attempt begins; those under way may end within the configured time and
    /// are recorded; what is not done stays in the store. Every other [`Gateway`] must be gone.
    pub async fn stop(self) {
        let Self {
            context,
            gateway,
            lanes,
            attempts,
            mut workers,
            commit,
            record,
        } = self;
        lanes.stop();
        let drain = context.settings.drain;
        attempts.tracker.close();
        let ended = attempts.tracker.wait();
        if context.clock.timeout(drain, ended).await.is_none() {
            tracing::warn!(
                in_flight = lanes.in_flight(),
                "attempts are still under way; they will be repeated after the next start"
            );
            attempts.abandoned.cancel();
        }
        workers.shutdown().await;
        drop(gateway);
        for (what, task) in [("commits", commit), ("records", record)] {
            if context.clock.timeout(drain, task).await.is_none() {
                tracing::warn!("{what} were still waiting when the gateway stopped");
            }
        }
        let waiting = lanes.clear();
        if let Err(error) = context.store.release(context.node, &waiting).await {
            tracing::warn!(%error, "the next start releases what waited in memory");
        }
    }
}
