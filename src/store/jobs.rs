//! Jobs: what is to be done, and how far it has come. A step of a job moves it in the transaction
//! that does the step's work, so that nothing is done twice or left out, whatever ends meanwhile.

use serde::Serialize;
use sqlx::AssertSqlSafe;

use super::{
    Connection, Store, StoreError, StoreResult,
    audit::Entry,
    change::{Change, Done},
    list::{Index, Query, Table},
    sql::{Row, query, query_scalar, to_json},
};
use crate::domain::{
    audit::Action,
    ids::{JobId, ProjectId},
    job::{Job, JobState, Outcome, Tally},
    list::{Listed, Window},
    time::Timestamp,
};

/// All jobs: so few that filters look at all of them.
static JOBS: Table = Table {
    name: "jobs",
    alias: "j",
    id: "id",
    owner: "project_id",
    columns: "j.*",
    join: "",
    always: None,
    all: Index::all("jobs_by_project"),
    all_values: &[],
    indexes: &[],
};

/// A step of a job, as it is written together with what it does.
#[derive(Debug, Clone)]
pub struct Step<'a> {
    /// The job as the step found it: if it has moved meanwhile, or was called off, the step does
    /// nothing.
    pub job: &'a Job,
    /// The last thing that the step looked at; after the one where the job stood.
    pub position: String,
    /// What was done before, for this step, in transactions of its own.
    pub tally: Tally,
    /// Whether nothing is left after it.
    pub is_last: bool,
}

impl Store {
    /// Keeps a new job.
    ///
    /// # Errors
    /// What `answer` refuses, and what [`Store::begin`] does.
    pub async fn insert_job<A: Serialize, E: From<StoreError>>(
        &self,
        job: &Job,
        change: &Change,
        answer: impl FnOnce(&Job) -> Result<A, E>,
    ) -> Result<Done<Job, A>, E> {
        let mut writing = self.begin(job.project, change).await?;
        insert(&mut writing, job).await?;
        let entry = Entry::made(Action::JobStarted, job)?;
        writing.note(entry).await?;
        writing.finish(job.clone(), answer).await
    }

    /// The job called `id`, of `project`.
    ///
    /// # Errors
    /// [`StoreError::NotFound`] if the project has no such job.
    pub async fn job(&self, project: ProjectId, id: JobId) -> StoreResult<Job> {
        let mut connection = self.read().await?;
        find(&mut connection, project, id).await
    }

    /// The jobs of `project`, those in `state` alone if one is given.
    ///
    /// # Errors
    /// If the store cannot be read.
    pub async fn jobs(
        &self,
        project: ProjectId,
        state: Option<JobState>,
        window: &Window<JobId>,
    ) -> StoreResult<Listed<Job, JobId>> {
        let mut snapshot = self.browse().await?;
        let query = listed(project, state);
        let read = |row: &Row| job(row).map(Some);
        query.list(&mut snapshot, window, read).await
    }

    /// Up to `limit` jobs that have not ended, whosever they are, the oldest first.
    ///
    /// # Errors
    /// If the store cannot be read.
    pub async fn open_jobs(&self, limit: u32) -> StoreResult<Vec<Job>> {
        let mut connection = self.read().await?;
        let rows = query("SELECT * FROM jobs WHERE finished_at IS NULL ORDER BY id LIMIT $1")
            .bind(limit)
            .fetch_all(&mut connection)
            .await?;
        rows.iter().map(job).collect()
    }

    /// Lets a job that was queued begin: it is to look at `total` things.
    ///
    /// # Errors
    /// If the store cannot be written.
    pub async fn begin_job(&self, id: JobId, total: u64, now: Timestamp) -> StoreResult<()> {
        let mut transaction = self.write().await?;
        query(
            "UPDATE jobs SET state = 'running', total = $2, started_at = $3
             WHERE id = $1 AND state = 'queued'",
        )
        .bind(id.to_string())
        .bind(whole(total))
        .bind(now.as_millis())
        .execute(&mut transaction)
        .await?;
        transaction.commit().await?;
        Ok(())
    }

    /// Calls a job off: no further step of it is written. `answer` is given the job as it is then,
    /// and whether it was called off by this.
    ///
    /// # Errors
    /// What `answer` refuses, and what [`Store::begin`] does;
    /// [`StoreError::NotFound`] if the project has no such job.
    pub async fn cancel_job<A: Serialize, E: From<StoreError>>(
        &self,
        project: ProjectId,
        id: JobId,
        change: &Change,
        answer: impl FnOnce(&(Job, bool)) -> Result<A, E>,
    ) -> Result<Done<(Job, bool), A>, E> {
        let mut writing = self.begin(project, change).await?;
        let before = find(&mut writing, project, id).await?;
        if before.state.is_final() {
            return writing.finish((before, false), answer).await;
        }
        end(&mut writing, id, JobState::Cancelled, None, change.now).await?;
        let after = find(&mut writing, project, id).await?;
        let entry = Entry::changed(Action::JobCancelled, &before, &after)?;
        writing.note(entry).await?;
        writing.finish((after, true), answer).await
    }

    /// Ends a job that cannot go on, unless it has ended meanwhile.
    ///
    /// # Errors
    /// If the store cannot be written.
    pub async fn fail_job(&self, id: JobId, why: &str, now: Timestamp) -> StoreResult<()> {
        let mut transaction = self.write().await?;
        end(&mut transaction, id, JobState::Failed, Some(why), now).await?;
        transaction.commit().await?;
        Ok(())
    }
}

impl Step<'_> {
    /// Whether the job stands where the step found it, so that the step may be done: it stays there
    /// until the step has been written. If it was called off meanwhile, what was done before still
    /// counts.
    pub(super) async fn may_go(&self, connection: &mut Connection) -> StoreResult<bool> {
        let lock = connection.by("", "FOR UPDATE");
        let state: Option<String> = query_scalar(AssertSqlSafe(format!(
            "SELECT state FROM jobs WHERE id = $1 AND position = $2 {lock}"
        )))
        .bind(self.job.id.to_string())
        .bind(&self.job.position)
        .fetch_optional(&mut *connection)
        .await?;
        match state.as_deref() {
            Some("running") => Ok(true),
            Some(_) => {
                self.write_tally(connection, &self.sum(Tally::default()))
                    .await?;
                Ok(false)
            }
            None => Ok(false),
        }
    }

    /// Moves the job on: the step came to `tally`, beside what was done before.
    pub(super) async fn write(
        &self,
        connection: &mut Connection,
        tally: Tally,
        now: Timestamp,
    ) -> StoreResult<()> {
        let mut sum = self.sum(tally);
        if self.is_last {
            let missing = self.job.total.unwrap_or(0).saturating_sub(sum.done());
            sum.count_many(Outcome::Changed, missing);
        }
        self.write_tally(connection, &sum).await?;
        query("UPDATE jobs SET position = $2 WHERE id = $1")
            .bind(self.job.id.to_string())
            .bind(&self.position)
            .execute(&mut *connection)
            .await?;
        match self.is_last {
            true => end(connection, self.job.id, JobState::Done, None, now).await,
            false => Ok(()),
        }
    }

    fn sum(&self, tally: Tally) -> Tally {
        let mut sum = self.job.tally.clone();
        sum.add(self.tally.clone());
        sum.add(tally);
        sum
    }

    async fn write_tally(&self, connection: &mut Connection, tally: &Tally) -> StoreResult<()> {
        query("UPDATE jobs SET tally_json = $2 WHERE id = $1")
            .bind(self.job.id.to_string())
            .bind(to_json(tally)?)
            .execute(connection)
            .await?;
        Ok(())
    }
}

pub(super) async fn insert(connection: &mut Connection, job: &Job) -> StoreResult<()> {
    query(
        "INSERT INTO jobs (id, project_id, state, task_json, requested_by, total, tally_json, created_at)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8)",
    )
    .bind(job.id.to_string())
    .bind(job.project.to_string())
    .bind(job.state.as_str())
    .bind(to_json(&job.task)?)
    .bind(&job.requested_by)
    .bind(job.total.map(whole))
    .bind(to_json(&job.tally)?)
    .bind(job.created_at.as_millis())
    .execute(connection)
    .await?;
    Ok(())
}

/// What is asked for the jobs of `project`.
pub(super) fn listed(project: ProjectId, state: Option<JobState>) -> Query {
    Query::of(&JOBS, project).only("state", state.map(JobState::as_str))
}

/// Ends a job that has not ended.
async fn end(
    connection: &mut Connection,
    id: JobId,
    state: JobState,
    why: Option<&str>,
    now: Timestamp,
) -> StoreResult<()> {
    query(
        "UPDATE jobs SET state = $2, error = $3, finished_at = $4
         WHERE id = $1 AND finished_at IS NULL",
    )
    .bind(id.to_string())
    .bind(state.as_str())
    .bind(why)
    .bind(now.as_millis())
    .execute(connection)
    .await?;
    Ok(())
}

pub(super) async fn find(
    connection: &mut Connection,
    project: ProjectId,
    id: JobId,
) -> StoreResult<Job> {
    let row = query("SELECT * FROM jobs WHERE id = $1 AND project_id = $2")
        .bind(id.to_string())
        .bind(project.to_string())
        .fetch_optional(connection)
        .await?;
    job(&row.ok_or(StoreError::NotFound("job"))?)
}

fn job(row: &Row) -> StoreResult<Job> {
    Ok(Job {
        id: row.parsed("id")?,
        project: row.parsed("project_id")?,
        state: row.parsed("state")?,
        task: row.json("task_json")?,
        requested_by: row.text("requested_by")?,
        position: row.text("position")?,
        total: row.number_opt("total")?,
        tally: row.json("tally_json")?,
        error: row.text_opt("error")?,
        created_at: row.time("created_at")?,
        started_at: row.time_opt("started_at")?,
        finished_at: row.time_opt("finished_at")?,
    })
}

fn whole(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}
