//! The way of an event: ingest, match, commit, dispatch, record.
//!
//! Nothing that was acknowledged is lost: an event is answered after its unit is durable, and an
//! attempt gives its slot back after its outcome is. The engine takes time, chance and the sender
//! of requests as arguments, so that a simulation can stand in for all three.

mod act;
mod admission;
mod commit;
mod context;
mod directory;
mod dispatch;
mod erase;
mod fanout;
mod gateway;
mod jobs;
mod judge;
mod lane;
mod lanes;
mod membership;
mod news;
mod notes;
mod pace;
mod plan;
mod rates;
mod record;
mod refill;
mod refusals;
mod retention;
mod rulebook;
mod send;
mod trial;

use std::{net::SocketAddr, sync::Arc, time::Duration};

pub use act::Retried;
pub use admission::Overload;
pub use context::EngineSettings;
pub use erase::{Descendants, EraseError, ErasedEvent};
pub use gateway::{AcceptError, Gateway, Sent};
pub use lanes::Whereabouts;
pub use retention::{KindStatus, Overdue, RetentionStatus, RoundStatus};
use tokio::{
    sync::Notify,
    task::{JoinHandle, JoinSet},
};
use tokio_util::sync::CancellationToken;
pub use trial::{MAX_TRIAL, TEST_EVENT_TYPE, TestEvent, TrialError, TrialRequest};

use self::{
    admission::Admission,
    commit::GroupCommit,
    context::Context,
    directory::Directory,
    dispatch::Attempts,
    fanout::{FanoutWorker, Round},
    gateway::Parts,
    jobs::JobRunner,
    judge::Judge,
    lanes::Lanes,
    membership::{About, Heart, Membership},
    news::{Freshness, Newsreader},
    plan::Planner,
    rates::Rates,
    record::Recording,
    refill::Refill,
    refusals::Refusals,
    retention::Sweeper,
    rulebook::Rulebook,
};
use crate::{
    clock::Clock,
    domain::{chance::Chance, ids::Ids},
    net::{policies::Policies, sender::Sender},
    store::{Store, StoreResult, notices::Heard},
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
    /// Where the API listens, as other nodes are told.
    pub address: SocketAddr,
    /// What is open for which project, as the sender asks it.
    pub policies: Arc<Policies>,
    /// From where on what others tell is to be read: all that is given here was read after it.
    pub heard: Heard,
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
    /// Cancelled when a task has ended.
    failed: CancellationToken,
}

/// How long a stop waits for what is already handed in to be written.
const FLUSH: Duration = Duration::from_secs(5);

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
            address,
            policies,
            heard,
        } = surroundings;
        let node = ids.next(clock.now());
        let membership = Membership::join(&store, &clock, About { node, address }).await?;
        let freshness = Freshness::new(clock.clone(), store.is_shared());
        let context = Context {
            store,
            clock,
            chance,
            ids,
            membership: Arc::new(membership),
            freshness: Arc::new(freshness),
            sender,
            settings: Arc::new(settings),
        };
        Ok(Self::assemble(context, policies, heard))
    }

    fn assemble(context: Context, policies: Arc<Policies>, heard: Heard) -> Self {
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
            judge: Judge::new(context.clone(), Arc::clone(&rulebook)),
            rulebook: Arc::clone(&rulebook),
            directory: Arc::clone(&directory),
        });
        let attempts = Attempts::default();
        let failed = CancellationToken::new();
        let mut workers = JoinSet::new();
        let dispatch = dispatch::run(
            context.clone(),
            Arc::clone(&lanes),
            recorder,
            attempts.clone(),
        );
        workers.spawn(watched(dispatch, &failed));
        let heart = Heart::new(context.clone(), Arc::clone(&lanes));
        workers.spawn(watched(heart.run(), &failed));
        let refill = Refill {
            context: context.clone(),
            lanes: Arc::clone(&lanes),
            directory: Arc::clone(&directory),
        };
        workers.spawn(watched(refill.run(), &failed));
        let fanout = FanoutWorker {
            context: context.clone(),
            planner: Arc::clone(&planner),
            rulebook: Arc::clone(&rulebook),
            committer: committer.clone(),
            wake: fanouts,
            round: Round::default(),
        };
        workers.spawn(watched(fanout.run(), &failed));
        let swept = Arc::default();
        let sweeper = Sweeper::new(context.clone(), Arc::clone(&swept));
        workers.spawn(watched(sweeper.run(), &failed));
        let parts = Parts {
            failed: failed.clone(),
            admission: Admission::new(&context.settings),
            rates: Rates::new(context.clock.clone()),
            context: context.clone(),
            planner,
            rulebook,
            directory,
            lanes: Arc::clone(&lanes),
            committer,
            jobs: Notify::new(),
            refusals: Refusals::default(),
            trials: Arc::default(),
            retention: Arc::clone(&swept),
        };
        let gateway = Gateway {
            parts: Arc::new(parts),
        };
        let jobs = JobRunner::new(gateway.clone());
        workers.spawn(watched(jobs.run(), &failed));
        workers.spawn(watched(notes::run(context.clone()), &failed));
        workers.spawn(watched(Refusals::run(gateway.clone()), &failed));
        if context.store.is_shared() {
            let reader = Newsreader {
                gateway: gateway.clone(),
                policies,
                heard,
            };
            workers.spawn(watched(reader.run(), &failed));
            workers.spawn(watched(news::ring(gateway.clone()), &failed));
        }
        Self {
            context,
            gateway,
            lanes,
            attempts,
            workers,
            commit: tokio::spawn(watched(commit.run(), &failed)),
            record: tokio::spawn(watched(record.run(), &failed)),
            failed,
        }
    }

    /// A handle to it.
    pub fn gateway(&self) -> Gateway {
        self.gateway.clone()
    }

    /// Ends when a part of the engine has failed: it must be stopped, and started anew.
    pub async fn failed(&self) {
        self.failed.cancelled().await;
    }

    /// Lets no further attempt begin, and ends when those under way have.
    pub async fn drain(&self) {
        self.lanes.stop();
        self.attempts.tracker.close();
        self.attempts.tracker.wait().await;
    }

    /// Stops: attempts that are still under way are abandoned and will be repeated, what has ended
    /// is recorded, and what is not done stays in the store. Every other [`Gateway`] should be
    /// gone.
    pub async fn stop(self) {
        let Self {
            context,
            gateway,
            lanes,
            attempts,
            mut workers,
            commit,
            record,
            ..
        } = self;
        lanes.stop();
        attempts.abandoned.cancel();
        workers.shutdown().await;
        gateway.parts.refusals.flush(&context).await;
        drop(gateway);
        for (what, task) in [("commits", commit), ("records", record)] {
            if context.clock.timeout(FLUSH, task).await.is_none() {
                tracing::warn!("{what} were still waiting when the gateway stopped");
            }
        }
        let waiting = lanes.clear();
        let now = context.clock.now();
        for (lease, deliveries) in commit::by_lease(&waiting) {
            if let Err(error) = context.store.release(lease, &deliveries, now).await {
                tracing::warn!(%error, "the next start releases what waited in memory");
            }
        }
        if let Err(error) = context.store.leave(context.lease()).await {
            tracing::warn!(%error, "others will take note that this node has left when its lease has run out");
        }
    }
}

/// A task whose end, also by a panic, is told.
fn watched(
    task: impl Future<Output = ()> + Send + 'static,
    failed: &CancellationToken,
) -> impl Future<Output = ()> + Send + 'static {
    let end = failed.clone().drop_guard();
    async move {
        let _end = end;
        task.await;
    }
}
