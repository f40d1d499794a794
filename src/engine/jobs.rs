//! Jobs: works off what users asked for, a step at a time. Jobs take turns, so that a slow one holds
//! up no other. Of several nodes the leader does it, so that a rate is that of all of them.
//!
//! A kind of job is a task and a function that takes a step of it; all else is the same for all.

mod dead_letters;
mod removal;

use std::{collections::HashMap, time::Duration};

use serde::Serialize;

use super::{context::Context, gateway::Gateway, pace::Pace};
use crate::{
    domain::{
        ids::{JobId, ProjectId, platform_project},
        job::{Job, JobState, Tally, Task},
        project::Project,
    },
    store::{StoreError, StoreResult, change::Change, dead_letters::MAX_PAGE},
};

/// The most jobs that take turns; those that came later wait.
const MAX_OPEN: u32 = 64;

/// How often in a second a job with a rate takes a step, if one thing is not too much for that.
const STEPS_A_SECOND: u32 = 10;

impl Gateway {
    /// Keeps a new job, and has it begin.
    ///
    /// # Errors
    /// What `answer` refuses, and what the store does: there is no job then.
    pub async fn start_job<A: Serialize, E: From<StoreError>>(
        &self,
        project: ProjectId,
        task: Task,
        change: &Change,
        answer: impl FnOnce(&Job) -> Result<A, E>,
    ) -> Result<A, E> {
        let store = &self.parts.context.store;
        let job = self.new_job(project, task, change);
        let started = store.insert_job(&job, change, answer).await?;
        self.parts.jobs.notify_one();
        Ok(started.answer)
    }

    /// Begins to remove a project: it takes nothing from now on, and a job does the rest.
    ///
    /// # Errors
    /// What `answer` refuses, and what the store does: it is not removed then.
    pub async fn remove_project<A: Serialize, E: From<StoreError>>(
        &self,
        project: ProjectId,
        change: &Change,
        answer: impl FnOnce(&Project) -> Result<A, E>,
    ) -> Result<A, E> {
        let store = &self.parts.context.store;
        let job = self.new_job(platform_project(), Task::RemoveProject { project }, change);
        let begun = store.remove_project(project, &job, change, answer).await?;
        self.parts.jobs.notify_one();
        Ok(begun.answer)
    }

    fn new_job(&self, project: ProjectId, task: Task, change: &Change) -> Job {
        Job {
            id: self.parts.context.ids.next(change.now),
            project,
            state: JobState::Queued,
            task,
            requested_by: change.by.to_string(),
            position: String::new(),
            total: None,
            tally: Tally::default(),
            error: None,
            created_at: change.now,
            started_at: None,
            finished_at: None,
        }
    }
}

/// Works jobs off.
pub(super) struct JobRunner {
    gateway: Gateway,
    rhythms: HashMap<JobId, Rhythm>,
}

/// When a job takes its next step, and how large that is.
struct Rhythm {
    pace: Pace,
    /// When, on the clock's count of elapsed time.
    due: Duration,
}

impl JobRunner {
    pub(super) fn new(gateway: Gateway) -> Self {
        Self {
            gateway,
            rhythms: HashMap::new(),
        }
    }

    /// Works until it is dropped.
    pub(super) async fn run(mut self) {
        loop {
            let parts = std::sync::Arc::clone(&self.gateway.parts);
            let woken = parts.jobs.notified();
            match self.take_turns().await {
                Ok(pause) => {
                    self.context().clock.timeout(pause, woken).await;
                }
                Err(error) => {
                    tracing::error!(%error, "jobs could not go on; trying again");
                    self.context().back_off().await;
                }
            }
        }
    }

    fn context(&self) -> &Context {
        &self.gateway.parts.context
    }

    /// Takes a step of each job whose turn it is. Gives how long there is nothing to do.
    async fn take_turns(&mut self) -> StoreResult<Duration> {
        let open = match self.context().membership.leads() {
            true => self.context().store.open_jobs(MAX_OPEN).await?,
            false => Vec::new(),
        };
        self.rhythms
            .retain(|id, _| open.iter().any(|job| job.id == *id));
        for job in &open {
            let now = self.context().clock.elapsed();
            if self.rhythm(job).due <= now {
                self.take_turn(job).await?;
            }
        }
        let now = self.context().clock.elapsed();
        let next = self.rhythms.values().map(|rhythm| rhythm.due).min();
        let poll = self.context().settings.poll_interval;
        Ok(next.map_or(poll, |due| due.saturating_sub(now).min(poll)))
    }

    fn rhythm(&mut self, job: &Job) -> &mut Rhythm {
        let most = job.task.rate().map_or(MAX_PAGE, |rate| {
            (rate.get() / STEPS_A_SECOND).clamp(1, MAX_PAGE)
        });
        self.rhythms.entry(job.id).or_insert_with(|| Rhythm {
            pace: Pace::up_to(most),
            due: Duration::ZERO,
        })
    }

    /// Takes a step of `job`. What it stumbles over ends the job, unless the store is to blame.
    async fn take_turn(&mut self, job: &Job) -> StoreResult<()> {
        let begun = self.context().clock.elapsed();
        let size = self.rhythm(job).pace.size();
        let worked = match self.step(job, size).await {
            Err(error) if !error.is_transient() => {
                tracing::error!(%error, job = %job.id, "a job cannot go on");
                let now = self.context().clock.now();
                let why = "the gateway failed; its log says why";
                self.context().store.fail_job(job.id, why, now).await?;
                0
            }
            worked => worked?,
        };
        let ended = self.context().clock.elapsed();
        let rhythm = self.rhythm(job);
        let mut pause = rhythm.pace.learn(ended.saturating_sub(begun));
        let waits = worked == 0 && job.state == JobState::Running;
        if waits && matches!(job.task, Task::RemoveProject { .. }) {
            pause = removal::WAIT;
        }
        let by_rate = job.task.rate().map_or(Duration::ZERO, |rate| {
            Duration::from_secs(1) * worked / rate.get()
        });
        rhythm.due = (ended + pause).max(begun + by_rate);
        Ok(())
    }

    /// Takes a step of `job` with at most `size` things. Gives how many things it worked on.
    async fn step(&self, job: &Job, size: u32) -> StoreResult<u32> {
        if job.state == JobState::Queued {
            return self.begin(job).await;
        }
        match &job.task {
            Task::Redrive { selection, .. } => self.redrive(job, selection, size).await,
            Task::Discard { selection } => self.discard(job, selection, size).await,
            Task::RemoveProject { project } => self.remove(job, *project, size).await,
        }
    }

    /// Counts what a job is to look at.
    async fn begin(&self, job: &Job) -> StoreResult<u32> {
        let total = match &job.task {
            Task::Redrive { selection, .. } | Task::Discard { selection } => {
                self.count_dead_letters(job, selection).await?
            }
            Task::RemoveProject { project } => self.context().store.count_removal(*project).await?,
        };
        let now = self.context().clock.now();
        self.context().store.begin_job(job.id, total, now).await?;
        Ok(0)
    }
}
