//! Removing projects: everything that one has goes in small steps, and the project last, with its name.
//!
//! A project that is being removed takes nothing any more: its rules have no version, so that no unit
//! can be planned for it, and its keys are revoked. What waits for its endpoints is closed by the
//! engine, as for any endpoint that is deleted; only then its rows go. Events that another project
//! (the platform) has still to deliver stay until that is done.

mod stages;

use serde::Serialize;

use self::stages::{Stage, Worked};
use super::{
    Connection, Store, StoreError, StoreResult,
    audit::Entry,
    change::{Change, Done},
    jobs::{self, Step},
    locks,
    notices::{self, News},
    projects::find,
    sql::query,
};
use crate::domain::{
    audit::{Action, Realm},
    ids::{EndpointId, ProjectId},
    job::{Job, Outcome, Tally},
    project::Project,
    time::Timestamp,
};

/// What a step of a removal came to.
#[derive(Debug, Default)]
pub struct Removed {
    /// How many rows are gone; none where something is still under way that has to end first.
    pub rows: u32,
    /// Endpoints that are deleted since.
    pub endpoints: Vec<EndpointId>,
}

impl Store {
    /// Begins to remove a project: it takes nothing from now on, its keys open nothing, and `job` is
    /// kept to do the rest. Where it is being removed already, that goes on.
    ///
    /// # Errors
    /// What `answer` refuses, and what [`Store::begin`] does;
    /// [`StoreError::NotFound`] if there is no such project.
    pub async fn remove_project<A: Serialize, E: From<StoreError>>(
        &self,
        id: ProjectId,
        job: &Job,
        change: &Change,
        answer: impl FnOnce(&Project) -> Result<A, E>,
    ) -> Result<Done<Project, A>, E> {
        let mut writing = self.begin(Realm::Gateway, change).await?;
        locks::own_changes(&mut writing, id.into()).await?;
        locks::own_rules(&mut writing, id).await?;
        let before = find(&mut writing, id).await?;
        change.if_match.check(before.version)?;
        if is_under_way(&mut writing, &before, job.project).await? {
            return writing.finish(before, answer).await;
        }
        close(&mut writing, id, job, change.now).await?;
        jobs::insert(&mut writing, job).await?;
        let after = find(&mut writing, id).await?;
        let entry = Entry::changed(Action::ProjectRemoved, &before, &after)?;
        writing.note(entry).await?;
        writing.finish(after, answer).await
    }

    /// How many events and deliveries a project has: what its removal counts.
    ///
    /// # Errors
    /// If the store cannot be read.
    pub async fn count_removal(&self, project: ProjectId) -> StoreResult<u64> {
        let counts = self.counts(project).await?;
        Ok(stages::counted(&counts))
    }

    /// Takes a step of a removal: at most `limit` rows go, and the job moves on, in one transaction.
    ///
    /// # Errors
    /// If the store cannot be written: nothing is removed then.
    pub async fn removal_step(
        &self,
        job: &Job,
        project: ProjectId,
        limit: u32,
        now: Timestamp,
    ) -> StoreResult<Removed> {
        let place = Place::of(&job.position);
        let stage = Stage::ALL[place.stage.min(Stage::ALL.len() - 1)];
        let mut transaction = self.write().await?;
        let worked = stage.work(&mut transaction, project, limit, now).await?;
        let Worked::Done {
            rows,
            counted,
            is_through,
            endpoints,
        } = worked
        else {
            return Ok(Removed::default());
        };
        let news: Vec<_> = endpoints.iter().copied().map(News::Endpoint).collect();
        notices::tell(&mut transaction, &news).await?;
        let is_last = is_through && stage == Stage::Project;
        let step = Step {
            job,
            position: place.next(is_through).to_string(),
            tally: Tally::default(),
            is_last,
        };
        if !step.may_go(&mut transaction).await? {
            return Ok(Removed::default());
        }
        let mut tally = Tally::default();
        tally.count_many(Outcome::Removed, counted);
        step.write(&mut transaction, tally, now).await?;
        transaction.commit().await?;
        Ok(Removed {
            rows: rows.max(1),
            endpoints,
        })
    }
}

/// Whether a job works on the removal of `project`.
async fn is_under_way(
    connection: &mut Connection,
    project: &Project,
    operators: ProjectId,
) -> StoreResult<bool> {
    match project.removal {
        Some(job) => {
            let job = jobs::find(connection, operators, job).await?;
            Ok(!job.state.is_final())
        }
        None => Ok(false),
    }
}

/// Lets a project take nothing any more, and its keys open nothing.
async fn close(
    connection: &mut Connection,
    id: ProjectId,
    job: &Job,
    now: Timestamp,
) -> StoreResult<()> {
    query(
        "UPDATE projects SET state = 'removing', removal_job_id = $2, version = version + 1,
                             rules_version = rules_version + 1
         WHERE id = $1",
    )
    .bind(id.to_string())
    .bind(job.id.to_string())
    .execute(&mut *connection)
    .await?;
    query(
        "UPDATE api_keys SET revoked_at = $2, version = version + 1
         WHERE project_id = $1 AND revoked_at IS NULL",
    )
    .bind(id.to_string())
    .bind(now.as_millis())
    .execute(connection)
    .await?;
    Ok(())
}

/// Where a removal stands: a stage, and how many steps were taken, which tells each place from all
/// before it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
struct Place {
    stage: usize,
    steps: u64,
}

impl Place {
    fn of(position: &str) -> Self {
        let parts = position.split_once(':');
        let read = parts.and_then(|(stage, steps)| {
            Some(Self {
                stage: stage.parse().ok()?,
                steps: steps.parse().ok()?,
            })
        });
        read.unwrap_or_default()
    }

    fn next(self, is_through: bool) -> Self {
        Self {
            stage: self.stage + usize::from(is_through),
            steps: self.steps + 1,
        }
    }
}

impl std::fmt::Display for Place {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(formatter, "{}:{}", self.stage, self.steps)
    }
}
