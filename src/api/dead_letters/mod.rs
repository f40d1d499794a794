//! `/v1/dead-letters`: what was given up, and what is done about it.

mod bulk;
mod selection;

use axum::{Json, extract::State};
use serde::Serialize;
use utoipa::ToSchema;
use utoipa_axum::{router::OpenApiRouter, routes};

use self::{
    bulk::{Action, Worked, work},
    selection::Selection,
};
pub use self::{
    bulk::{FailureCode, NotDone},
    selection::SelectionBody,
};
use super::{
    auth::InProject,
    deliveries::{self, DeliverySummary},
    extract::{Body, Parameters},
    page::{Page, list_parameters, parameter},
    problem::ApiResult,
    refusals::{BadParameter, Invalid},
    state::ApiState,
};
use crate::{
    domain::{delivery::DeliveryState, ids::DeliveryId},
    store::deliveries::DeliveryFilter,
};

/// The routes of this folder.
pub fn routes() -> OpenApiRouter<ApiState> {
    OpenApiRouter::new()
        .routes(routes!(list))
        .routes(routes!(redrive))
        .routes(routes!(discard))
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
    }
}

/// What a redrive has done.
#[derive(Debug, Serialize, ToSchema)]
pub struct RedriveResult {
    /// How many dead letters were meant: what is redriven, failed and remains.
    #[schema(example = 12)]
    matched: u64,
    /// How many are due now; an event that could not be emitted is emitted.
    #[schema(example = 11)]
    redriven: u64,
    /// Those that stay as they are, and why.
    failed: Vec<NotDone>,
    /// How many were not looked at, because a request takes at most 10,000.
    #[schema(example = 0)]
    remaining: u64,
    /// The `cursor` to go on with where some remain; null otherwise, and where they were only
    /// counted.
    #[schema(value_type = Option<String>)]
    next: Option<DeliveryId>,
}

/// What a discard has done.
#[derive(Debug, Serialize, ToSchema)]
pub struct DiscardResult {
    /// How many dead letters were meant: what is discarded and remains.
    #[schema(example = 12)]
    matched: u64,
    /// How many are cancelled now, with the reason `discarded`.
    #[schema(example = 12)]
    discarded: u64,
    /// Those that stay as they are, and why.
    failed: Vec<NotDone>,
    /// How many were not looked at, because a request takes at most 10,000.
    #[schema(example = 0)]
    remaining: u64,
    /// The `cursor` to go on with where some remain; null otherwise, and where they were only
    /// counted.
    #[schema(value_type = Option<String>)]
    next: Option<DeliveryId>,
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
    let filter = DeliveryFilter {
        state: Some(DeliveryState::Dead),
        endpoint: parameter("endpoint", asked.endpoint.as_deref())?,
        listener: parameter("listener", asked.listener.as_deref())?,
        event: None,
        before: window.before,
    };
    let page = deliveries::page(&state, project.id, &filter, &window);
    Ok(Json(page.await?))
}

/// Let dead letters go on their way again.
///
/// Those that are named, those of an endpoint, or all of them: each begins its retry policy anew,
/// under the same `webhook-id`; an event that could not be emitted is emitted with its listener as
/// it is now. A dead letter whose endpoint is disabled or deleted stays dead. A request takes at
/// most 10,000, the oldest first; where more remain, ask again with `cursor`. Asking twice is safe.
#[utoipa::path(post, path = "/v1/dead-letters/redrive", tag = "dead letters",
    request_body(content = SelectionBody, examples(
        ("those that are named" = (value = json!({"ids": ["dlv_01h455vb4pex5vsknk084sn02q"]}))),
        ("those of an endpoint" = (value = json!({"endpoint": "end_01h455vb4pex5vsknk084sn02q"}))),
        ("how many there are" = (value = json!({"all": true, "dry_run": true}))))),
    responses(
        (status = 200, description = "What was done.", body = RedriveResult),
        Invalid))]
async fn redrive(
    State(state): State<ApiState>,
    InProject { project, .. }: InProject,
    Body(body): Body<SelectionBody>,
) -> ApiResult<Json<RedriveResult>> {
    let selection = Selection::try_from(body)?;
    let worked = work(&state, project.id, Action::Redrive, selection).await?;
    Ok(Json(worked.into()))
}

/// Discard dead letters.
///
/// Those that are named, those of an endpoint, or all of them: each is `cancelled` with the reason
/// `discarded`, and keeps its attempts and last error. A request takes at most 10,000, the oldest
/// first; where more remain, ask again.
#[utoipa::path(post, path = "/v1/dead-letters/discard", tag = "dead letters",
    request_body(content = SelectionBody, examples(
        ("those that are named" = (value = json!({"ids": ["dlv_01h455vb4pex5vsknk084sn02q"]}))),
        ("those of an endpoint" = (value = json!({"endpoint": "end_01h455vb4pex5vsknk084sn02q"}))),
        ("how many there are" = (value = json!({"all": true, "dry_run": true}))))),
    responses(
        (status = 200, description = "What was done.", body = DiscardResult),
        Invalid))]
async fn discard(
    State(state): State<ApiState>,
    InProject { project, .. }: InProject,
    Body(body): Body<SelectionBody>,
) -> ApiResult<Json<DiscardResult>> {
    let selection = Selection::try_from(body)?;
    let worked = work(&state, project.id, Action::Discard, selection).await?;
    Ok(Json(worked.into()))
}

impl From<Worked> for RedriveResult {
    fn from(worked: Worked) -> Self {
        Self {
            matched: worked.matched(),
            redriven: worked.done,
            remaining: worked.remaining,
            next: worked.next,
            failed: worked.failed,
        }
    }
}

impl From<Worked> for DiscardResult {
    fn from(worked: Worked) -> Self {
        Self {
            matched: worked.matched(),
            discarded: worked.done,
            remaining: worked.remaining,
            next: worked.next,
            failed: worked.failed,
        }
    }
}
