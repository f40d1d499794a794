//! `/v1/jobs`: long work, how far it has come, and calling it off.

use std::collections::BTreeMap;

use axum::{Json, extract::State};
use serde::Serialize;
use serde_json::value::{RawValue, to_raw_value};
use utoipa::ToSchema;
use utoipa_axum::{router::OpenApiRouter, routes};

use super::{
    access::{Scope, needs},
    answer::Answer,
    auth::InProject,
    extract::{Id, Parameters},
    page::{Page, list_parameters, parameter},
    problem::{ApiResult, Code, Problem},
    refusals::{BadParameter, NotFound, WrongState},
    state::ApiState,
    write::{Write, WriteResult},
};
use crate::{
    domain::{
        attempt::ErrorKind,
        audit::Realm,
        dead_letter::{Filter, Selection},
        delivery::DeadReason,
        ids::{EndpointId, JobId, ListenerId, ProjectId},
        job::{Job, JobFailure, JobKind, JobState, Outcome, Task},
        time::Timestamp,
    },
    store::audit::Audited,
};

/// The routes of this file.
pub fn routes() -> OpenApiRouter<ApiState> {
    OpenApiRouter::new()
        .routes(needs([Scope::EventsRead], routes!(list)))
        .routes(needs([Scope::EventsRead], routes!(get)))
        .routes(needs([Scope::DeliveriesAct], routes!(cancel)))
}

list_parameters! {
    /// Which jobs to list.
    struct ListParameters {
        /// Only those in this state: `queued`, `running`, `done`, `cancelled` or `failed`.
        #[param(example = "running")]
        state: Option<String>,
    }
}

/// A job: long work, done in small steps.
#[derive(Debug, Serialize, ToSchema)]
pub struct JobView {
    /// Its name.
    #[schema(value_type = String, example = "job_01h455vb4pex5vsknk084sn02q")]
    pub id: JobId,
    /// What it does.
    pub kind: JobKind,
    /// Where it stands.
    pub state: JobState,
    /// What it is done to.
    pub selection: SelectionView,
    /// The most in a second; null for as many as can be.
    #[schema(example = 50)]
    pub rate: Option<u32>,
    /// How many things it has looked at.
    #[schema(example = 1_200)]
    pub done: u64,
    /// How many things it looks at in all; null until they are counted.
    #[schema(example = 40_000)]
    pub total: Option<u64>,
    /// How many came to what. `docs/dead-letters.md` explains each outcome.
    #[schema(value_type = BTreeMap<String, u64>, example = json!({"redriven": 1_198, "endpoint_disabled": 2}))]
    pub outcomes: BTreeMap<Outcome, u64>,
    /// The first to which nothing could be done, up to 100; the others are counted alone.
    pub failures: Vec<FailureView>,
    /// Why it failed; null if it did not.
    pub error: Option<String>,
    /// Who asked for it: the name of an API key, or `operator`.
    #[schema(example = "key_01h455vb4pex5vsknk084sn02q")]
    pub requested_by: String,
    /// When it was asked for. It touches what was there then, and nothing that came later.
    #[schema(value_type = String, format = DateTime)]
    pub created_at: Timestamp,
    /// When it began; null if it has not.
    #[schema(value_type = Option<String>, format = DateTime)]
    pub started_at: Option<Timestamp>,
    /// When it ended; null if it has not.
    #[schema(value_type = Option<String>, format = DateTime)]
    pub finished_at: Option<Timestamp>,
}

/// Something to which nothing could be done.
#[derive(Debug, Serialize, ToSchema)]
pub struct FailureView {
    /// Its name.
    #[schema(example = "dlv_01h455vb4pex5vsknk084sn02q")]
    pub id: String,
    /// What came of it.
    pub code: Outcome,
    /// Why, in a sentence.
    #[schema(example = "its endpoint is disabled: enable the endpoint, then redrive")]
    pub detail: String,
}

/// What a job is done to, as it was asked for.
#[derive(Debug, Default, Serialize, ToSchema)]
pub struct SelectionView {
    /// How many were named, if they were.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ids: Option<usize>,
    /// Which project is removed.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>)]
    pub project: Option<ProjectId>,
    /// Whether all were meant.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub all: Option<bool>,
    /// To which endpoint.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>)]
    pub endpoint: Option<EndpointId>,
    /// Of which listener.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>)]
    pub listener: Option<ListenerId>,
    /// Given up for which reason.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<DeadReason>,
    /// With which kind of error.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub error_kind: Option<ErrorKind>,
    /// Of events of which type.
    #[serde(rename = "type", skip_serializing_if = "Option::is_none")]
    pub event_type: Option<String>,
    /// Made from when on.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, format = DateTime)]
    pub since: Option<Timestamp>,
    /// Made before when.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, format = DateTime)]
    pub until: Option<Timestamp>,
}

/// List jobs, the newest first.
///
/// Those that have ended are kept for `retention.jobs`.
#[utoipa::path(get, path = "/v1/jobs", tag = "jobs", params(ListParameters),
    responses(
        (status = 200, description = "A page of jobs.", body = Page<JobView>),
        BadParameter))]
async fn list(
    State(state): State<ApiState>,
    InProject { project, .. }: InProject,
    Parameters(asked): Parameters<ListParameters>,
) -> ApiResult<Json<Page<JobView>>> {
    let window = asked.window()?;
    let in_state = parameter("state", asked.state.as_deref())?;
    let jobs = state.store.jobs(project.id, in_state, &window).await?;
    Ok(Json(Page::of(&window, jobs, JobView::of)))
}

/// Get a job.
#[utoipa::path(get, path = "/v1/jobs/{id}", tag = "jobs",
    params(("id" = String, Path, description = "The job: `job_…`",
            example = "job_01h455vb4pex5vsknk084sn02q")),
    responses(
        (status = 200, description = "The job.", body = JobView),
        NotFound))]
async fn get(
    State(state): State<ApiState>,
    InProject { project, .. }: InProject,
    Id(id): Id<JobId>,
) -> ApiResult<Json<JobView>> {
    let job = state.store.job(project.id, id).await?;
    Ok(Json(JobView::of(job)))
}

/// Call a job off.
///
/// It takes no further step; what it has done stays done.
#[utoipa::path(post, path = "/v1/jobs/{id}/cancel", tag = "jobs",
    params(("id" = String, Path, description = "The job: `job_…`",
            example = "job_01h455vb4pex5vsknk084sn02q")),
    responses(
        (status = 200, description = "It is called off.", body = JobView),
        NotFound,
        WrongState))]
async fn cancel(
    State(state): State<ApiState>,
    Id(id): Id<JobId>,
    Write {
        by: InProject { project, .. },
        change,
        ..
    }: Write<()>,
) -> WriteResult<Answer> {
    let answer = |(job, called_off): &(Job, bool)| match called_off {
        true => Answer::ok(&JobView::of(job.clone())),
        false => Err(Problem::new(
            Code::WrongState,
            format!("the job is {} already", job.state),
        )
        .into()),
    };
    let cancelled = state.store.cancel_job(project.id, id, &change, answer);
    Ok(cancelled.await?.answer)
}

impl Audited for Job {
    fn realm(&self) -> Realm {
        Realm::Project(self.project)
    }

    fn name(&self) -> String {
        self.id.to_string()
    }

    fn document(&self) -> serde_json::Result<Box<RawValue>> {
        to_raw_value(&JobView::of(self.clone()))
    }
}

impl JobView {
    /// All of `job`.
    pub fn of(job: Job) -> Self {
        Self {
            id: job.id,
            kind: job.task.kind(),
            state: job.state,
            selection: SelectionView::of_task(&job.task),
            rate: job.task.rate().map(Into::into),
            done: job.tally.done(),
            total: job.total,
            outcomes: job.tally.outcomes,
            failures: job.tally.failures.into_iter().map(Into::into).collect(),
            error: job.error,
            requested_by: job.requested_by,
            created_at: job.created_at,
            started_at: job.started_at,
            finished_at: job.finished_at,
        }
    }
}

impl From<JobFailure> for FailureView {
    fn from(failure: JobFailure) -> Self {
        let JobFailure { id, code, detail } = failure;
        Self { id, code, detail }
    }
}

impl SelectionView {
    fn of_task(task: &Task) -> Self {
        match task {
            Task::Redrive { selection, .. } | Task::Discard { selection } => Self::of(selection),
            Task::RemoveProject { project } => Self {
                project: Some(*project),
                ..Self::default()
            },
        }
    }

    fn of(selection: &Selection) -> Self {
        let filter = match selection {
            Selection::Ids(ids) => {
                return Self {
                    ids: Some(ids.len()),
                    ..Self::default()
                };
            }
            Selection::Filter(filter) => filter.clone(),
        };
        Self {
            all: (filter == Filter::default()).then_some(true),
            ids: None,
            project: None,
            endpoint: filter.endpoint,
            listener: filter.listener,
            reason: filter.reason,
            error_kind: filter.error_kind,
            event_type: filter.event_type.map(String::from),
            since: filter.since,
            until: filter.until,
        }
    }
}
