//! `/v1/dead-letters`: what was given up, and what is done about it.

mod dry_run;
mod groups;
mod selection;

use axum::{
    Json,
    extract::State,
    http::StatusCode,
    response::{IntoResponse as _, Response},
};
use utoipa_axum::{router::OpenApiRouter, routes};

use self::selection::Asked;
pub use self::{
    dry_run::{DryRun, SampleView},
    groups::{DeadLetterGroup, DeadLetterGroups, GroupBy},
    selection::SelectionBody,
};
use super::{
    access::{Scope, needs},
    answer::Answer,
    auth::InProject,
    deliveries::{self, DeliverySummary},
    extract::{Body, Parameters},
    jobs::JobView,
    page::{Page, list_parameters, parameter},
    problem::{ApiResult, Problem},
    refusals::{BadParameter, Invalid},
    state::ApiState,
    write::{Write, WriteResult},
};
use crate::{
    domain::{
        dead_letter::Selection,
        delivery::{DeadReason, DeliveryState},
        ids::ProjectId,
        job::{Job, Task},
    },
    store::{change::Change, deliveries::DeliveryFilter},
};

/// The routes of this folder.
pub fn routes() -> OpenApiRouter<ApiState> {
    OpenApiRouter::new()
        .routes(needs([Scope::EventsRead], routes!(list)))
        .routes(needs([Scope::EventsRead], routes!(groups::groups)))
        .routes(needs([Scope::DeliveriesAct], routes!(redrive)))
        .routes(needs([Scope::DeliveriesAct], routes!(discard)))
}

list_parameters! {
    /// Which dead letters to list.
    struct ListParameters {
        /// Only those to this endpoint.
        #[param(example = "end_01h455vb4pex5vsknk084sn02q")]
        endpoint: Option<String>,
        /// Only those of this listener.
        #[param(example = "lis_01h455vb4pex5vsknk084sn02q")]
        listener: Option<String>,
        /// Only those of events of this type; `*` and `>` stand for tokens, as in a listener's `on`.
        #[serde(rename = "type")]
        #[param(example = "site.deploy.*")]
        event_type: Option<String>,
        /// Only those that were given up for this reason.
        #[param(example = "attempts_exhausted")]
        reason: Option<String>,
        /// Only those whose last attempt failed in this way.
        #[param(example = "connect_refused")]
        error_kind: Option<String>,
        /// Only those whose last attempt was answered with this status, or one of this class.
        #[param(example = "5xx")]
        status: Option<String>,
    }
}

/// List dead letters, the newest first.
///
/// Among them are events that could not be emitted: their `target` is `emit`.
#[utoipa::path(get, path = "/v1/dead-letters", tag = "dead letters", params(ListParameters),
    responses(
        (status = 200, description = "A page of dead letters.", body = Page<DeliverySummary>),
        BadParameter))]
async fn list(
    State(state): State<ApiState>,
    InProject { project, .. }: InProject,
    Parameters(asked): Parameters<ListParameters>,
) -> ApiResult<Json<Page<DeliverySummary>>> {
    let window = asked.window()?;
    let reason: Option<DeadReason> = parameter("reason", asked.reason.as_deref())?;
    let filter = DeliveryFilter {
        state: Some(DeliveryState::Dead),
        listener: parameter("listener", asked.listener.as_deref())?,
        endpoint: parameter("endpoint", asked.endpoint.as_deref())?,
        status: parameter("status", asked.status.as_deref())?,
        error_kind: parameter("error_kind", asked.error_kind.as_deref())?,
        reason: reason.map(|reason| reason.as_str().to_owned()),
        event_type: parameter("type", asked.event_type.as_deref())?,
        ..DeliveryFilter::default()
    };
    let page = deliveries::page(&state, project.id, &filter, &window);
    Ok(Json(page.await?))
}

/// Let dead letters go on their way again.
///
/// Those that are named, those that have something in common, or all of them: a job makes each due
/// now, and it begins its retry policy anew, under the same `webhook-id`; an event that could not be
/// emitted is emitted with its listener as it is now. A dead letter whose endpoint is disabled or
/// deleted stays dead. The job touches what is dead now, and nothing that dies later; asking twice is
/// safe. With `rate` receivers that have just come back are not run over. `dry_run` counts.
#[utoipa::path(post, path = "/v1/dead-letters/redrive", tag = "dead letters",
    request_body(content = SelectionBody, examples(
        ("those that are named" = (value = json!({"ids": ["dlv_01h455vb4pex5vsknk084sn02q"]}))),
        ("those of an endpoint, 50 a second" = (value = json!({"endpoint": "end_01h455vb4pex5vsknk084sn02q", "rate": 50}))),
        ("those of a cause" = (value = json!({"reason": "attempts_exhausted", "error_kind": "connect_refused"}))),
        ("how many there are" = (value = json!({"all": true, "dry_run": true}))))),
    responses(
        (status = 202, description = "The job that does it.", body = JobView),
        (status = 200, description = "With `dry_run`: to how many it would be done.", body = DryRun),
        Invalid))]
async fn redrive(
    State(state): State<ApiState>,
    write: Write<Body<SelectionBody>>,
) -> WriteResult<Response> {
    let (asked, asker) = taken_apart(write)?;
    let rate = asked.rate;
    let task = |selection| Task::Redrive { selection, rate };
    work(&state, asker, asked, task).await
}

/// Discard dead letters.
///
/// Those that are named, those that have something in common, or all of them: a job makes each
/// `cancelled` with the reason `discarded`; it keeps its attempts and last error. The job touches what
/// is dead now, and nothing that dies later. `dry_run` counts.
#[utoipa::path(post, path = "/v1/dead-letters/discard", tag = "dead letters",
    request_body(content = SelectionBody, examples(
        ("those that are named" = (value = json!({"ids": ["dlv_01h455vb4pex5vsknk084sn02q"]}))),
        ("those of an endpoint" = (value = json!({"endpoint": "end_01h455vb4pex5vsknk084sn02q"}))),
        ("how many there are" = (value = json!({"all": true, "dry_run": true}))))),
    responses(
        (status = 202, description = "The job that does it.", body = JobView),
        (status = 200, description = "With `dry_run`: to how many it would be done.", body = DryRun),
        Invalid))]
async fn discard(
    State(state): State<ApiState>,
    write: Write<Body<SelectionBody>>,
) -> WriteResult<Response> {
    let (asked, asker) = taken_apart(write)?;
    if asked.rate.is_some() {
        let detail = "a discard has no rate: leave it out";
        return Err(Problem::invalid("/rate", detail).into());
    }
    let task = |selection| Task::Discard { selection };
    work(&state, asker, asked, task).await
}

/// What a request asks for, and for which project it does so.
fn taken_apart(write: Write<Body<SelectionBody>>) -> ApiResult<(Asked, (ProjectId, Change))> {
    let Body(body) = write.body;
    let asked = Asked::try_from(body)?;
    Ok((asked, (write.by.project.id, write.change)))
}

/// Starts the job that does `task` to what is asked for, or counts that.
async fn work(
    state: &ApiState,
    (project, change): (ProjectId, Change),
    asked: Asked,
    task: impl FnOnce(Selection) -> Task,
) -> WriteResult<Response> {
    if asked.dry_run {
        let run = dry_run::count(state, project, &asked.selection).await?;
        return Ok(Json(run).into_response());
    }
    let task = task(asked.selection);
    let answer = |job: &Job| Answer::new(StatusCode::ACCEPTED, &JobView::of(job.clone()));
    let started = state.gateway.start_job(project, task, &change, answer);
    Ok(started.await?.into_response())
}
