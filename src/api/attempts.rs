//! `/v1/attempts`: every request that was sent, of whatever delivery. One delivery shows its own in
//! full; a list of them leaves out headers and bodies.

use axum::{Json, extract::State};
use serde::Serialize;
use utoipa::ToSchema;
use utoipa_axum::{router::OpenApiRouter, routes};

use super::{
    access::{Scope, needs},
    auth::InProject,
    deliveries::ErrorView,
    extract::Parameters,
    page::{Page, list_parameters, parameter},
    problem::ApiResult,
    refusals::BadParameter,
    state::ApiState,
};
use crate::{
    domain::{
        attempt::AttemptOutcome,
        ids::{AttemptId, DeliveryId, EndpointId},
        time::Timestamp,
    },
    store::attempts::{AttemptFilter, AttemptLine},
};

/// The routes of this file.
pub fn routes() -> OpenApiRouter<ApiState> {
    OpenApiRouter::new().routes(needs([Scope::EventsRead], routes!(list)))
}

list_parameters! {
    /// Which attempts to list.
    struct ListParameters {
        /// Only those of this delivery.
        #[param(example = "dlv_01h455vb4pex5vsknk084sn02q")]
        delivery: Option<String>,
        /// Only those that went to this endpoint.
        #[param(example = "end_01h455vb4pex5vsknk084sn02q")]
        endpoint: Option<String>,
        /// Only those that ended so: `succeeded` or `failed`.
        #[param(example = "failed")]
        outcome: Option<String>,
        /// Only those that failed in this way.
        #[param(example = "connect_refused")]
        error_kind: Option<String>,
        /// Only those that were answered with this status, or one of this class.
        #[param(example = "5xx")]
        status: Option<String>,
    }
}

/// An attempt without what was sent and what came back.
#[derive(Debug, Serialize, ToSchema)]
pub struct AttemptSummary {
    /// Its name.
    #[schema(value_type = String, example = "att_01h455vb4pex5vsknk084sn02q")]
    id: AttemptId,
    /// The delivery that it was for.
    #[schema(value_type = String, example = "dlv_01h455vb4pex5vsknk084sn02q")]
    delivery: DeliveryId,
    /// The endpoint that it went to.
    #[schema(value_type = String, example = "end_01h455vb4pex5vsknk084sn02q")]
    endpoint: EndpointId,
    /// Which attempt of its delivery it was: the first one is 1.
    #[schema(example = 1)]
    number: u32,
    /// Whether the receiver took the webhook.
    outcome: AttemptOutcome,
    /// When it began.
    #[schema(value_type = String, format = DateTime)]
    started_at: Timestamp,
    /// How long it took, in milliseconds.
    #[schema(example = 12)]
    duration_ms: u64,
    /// The URL that was asked.
    #[schema(example = "https://ci.example.com/hooks")]
    url: String,
    /// The HTTP status that it was answered with; null if it was not.
    #[schema(example = 503)]
    status: Option<u16>,
    /// Why it failed; null if it did not.
    error: Option<ErrorView>,
}

/// List attempts, the newest first.
///
/// What was sent and what came back is left out; `GET /v1/deliveries/{id}` shows it.
#[utoipa::path(get, path = "/v1/attempts", tag = "deliveries", params(ListParameters),
    responses(
        (status = 200, description = "A page of attempts.", body = Page<AttemptSummary>),
        BadParameter))]
async fn list(
    State(state): State<ApiState>,
    InProject { project, .. }: InProject,
    Parameters(asked): Parameters<ListParameters>,
) -> ApiResult<Json<Page<AttemptSummary>>> {
    let window = asked.window()?;
    let filter = AttemptFilter {
        delivery: parameter("delivery", asked.delivery.as_deref())?,
        status: parameter("status", asked.status.as_deref())?,
        error_kind: parameter("error_kind", asked.error_kind.as_deref())?,
        outcome: parameter("outcome", asked.outcome.as_deref())?,
        endpoint: parameter("endpoint", asked.endpoint.as_deref())?,
    };
    let listed = state.store.list_attempts(project.id, &filter, &window);
    Ok(Json(Page::of(&window, listed.await?, AttemptSummary::of)))
}

impl AttemptSummary {
    fn of(attempt: AttemptLine) -> Self {
        Self {
            id: attempt.id,
            delivery: attempt.delivery,
            endpoint: attempt.endpoint,
            number: attempt.number,
            outcome: match attempt.failure {
                None => AttemptOutcome::Succeeded,
                Some(_) => AttemptOutcome::Failed,
            },
            started_at: attempt.started_at,
            duration_ms: u64::try_from(attempt.duration.as_millis()).unwrap_or(u64::MAX),
            url: attempt.url,
            status: attempt.status,
            error: attempt.failure.map(ErrorView::of),
        }
    }
}
