//! Removing a project and everything that it has.

use axum::{
    extract::{Path, State},
    http::StatusCode,
};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::{ProjectView, find};
use crate::{
    api::{
        answer::Answer,
        auth::Operator,
        extract::Parameters,
        finish::finish,
        problem::{ApiResult, Code, Problem},
        refusals::{BadParameter, Forbidden, NotFound, WrongState},
        state::ApiState,
        write::{Write, WriteResult},
    },
    domain::{
        ids::{JobId, default_project, platform_project},
        project::Project,
    },
    store::StoreError,
};

/// How a removal is confirmed.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct Confirmation {
    /// The name of the project: nothing is removed without it.
    #[param(example = "globex")]
    confirm: String,
}

/// How far a project is removed.
#[derive(Debug, Serialize, ToSchema)]
pub struct RemovalView {
    /// The job that does it, of the project `platform`.
    #[schema(value_type = String, example = "job_01h455vb4pex5vsknk084sn02q")]
    job: JobId,
    /// How many events and deliveries are gone.
    #[schema(example = 1_200)]
    removed: u64,
    /// How many there were; null until they are counted.
    #[schema(example = 40_000)]
    total: Option<u64>,
}

impl RemovalView {
    /// That of a removal which `job` begins.
    pub(super) fn begun(job: JobId) -> Self {
        Self {
            job,
            removed: 0,
            total: None,
        }
    }

    /// Finds out how far the job has come.
    pub(super) async fn look_up(&mut self, state: &ApiState) -> ApiResult<()> {
        let job = match state.store.job(platform_project(), self.job).await {
            Err(StoreError::NotFound(_)) => return Ok(()),
            job => job?,
        };
        self.removed = job.tally.done();
        self.total = job.total;
        Ok(())
    }
}

/// Remove a project and everything that it has.
///
/// It takes nothing from now on, and its keys open nothing. Attempts that are under way end; then a
/// job removes its rows, and the project last, with its name. Events that listeners of `platform`
/// have still to deliver stay until that is done.
#[utoipa::path(delete, path = "/v1/projects/{project}", tag = "administration",
    params(("project" = String, Path, description = "The project: its name, or `prj_…`", example = "acme"),
        Confirmation),
    responses(
        (status = 202, description = "It is being removed.", body = ProjectView),
        Forbidden, NotFound, BadParameter, WrongState))]
pub async fn remove(
    State(state): State<ApiState>,
    _: Operator,
    Path(called): Path<String>,
    Parameters(asked): Parameters<Confirmation>,
    Write { change, .. }: Write<(), Operator>,
) -> WriteResult<Answer> {
    let project = find(&state, &called).await?;
    check(&project, &asked.confirm)?;
    finish(async move {
        let usage = state.store.usage(&[project.id]).await?;
        let answer = |removed: &Project| {
            let view = ProjectView::of(&state, removed.clone(), &usage);
            let answer = Answer::new(StatusCode::ACCEPTED, &view);
            answer.map(|answer| answer.of_version(removed.version))
        };
        state
            .gateway
            .remove_project(project.id, &change, answer)
            .await
    })
    .await
}

/// Whether `project` may be removed, and is meant.
fn check(project: &Project, confirmed: &str) -> ApiResult<()> {
    if [default_project(), platform_project()].contains(&project.id) {
        return Err(Problem::new(
            Code::WrongState,
            "the projects default and platform cannot be removed",
        ));
    }
    match confirmed == project.name.as_str() {
        true => Ok(()),
        false => Err(Problem::new(
            Code::BadParameter,
            format!(
                "this removes all that the project has: confirm it by its name, \
                 ?confirm={}",
                project.name.as_str()
            ),
        )),
    }
}
