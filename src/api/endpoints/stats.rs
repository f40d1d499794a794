//! `/v1/endpoints/{id}/stats`: how one endpoint fares.

use axum::{Json, extract::State};
use serde::Serialize;
use utoipa::ToSchema;
use utoipa_axum::{router::OpenApiRouter, routes};

use crate::{
    api::{
        access::{Scope, needs},
        auth::InProject,
        extract::Id,
        problem::ApiResult,
        refusals::NotFound,
        state::ApiState,
    },
    domain::{
        attempt::ErrorKind,
        endpoint::{EndpointState, StateReason},
        ids::{DeliveryId, EndpointId},
        time::Timestamp,
    },
    store::{
        attempts::AttemptLine,
        endpoints::{Ended, EndpointStats},
    },
};

/// The routes of this file.
pub fn routes() -> OpenApiRouter<ApiState> {
    OpenApiRouter::new().routes(needs([Scope::EventsRead], routes!(stats)))
}

/// How an endpoint fares, all at one moment.
#[derive(Serialize, ToSchema)]
struct EndpointStatsView {
    /// The endpoint.
    #[schema(value_type = String, example = "end_01h455vb4pex5vsknk084sn02q")]
    endpoint: EndpointId,
    /// Whether webhooks go.
    state: EndpointState,
    /// Why it is in its state.
    state_reason: StateReason,
    /// Since when it is in its state.
    #[schema(value_type = String, format = DateTime)]
    state_since: Timestamp,
    /// Since when every attempt has failed; null if the last one did not. After
    /// `delivery.disable_after` (5 days by default) the endpoint is disabled.
    #[schema(value_type = Option<String>, format = DateTime)]
    failing_since: Option<Timestamp>,
    /// What waits for it.
    queue: EndpointQueueView,
    /// How the attempts of the last hour ended.
    last_hour: EndedView,
    /// How the attempts of the last day ended.
    last_day: EndedView,
    /// The last attempt that succeeded; null if there is none.
    last_success: Option<LastSuccess>,
    /// The last attempt that failed; null if there is none.
    last_failure: Option<LastFailure>,
    /// Set where there are more attempts than are looked at, the last 10,000: up to this time all
    /// were, and what is missing may be older.
    #[schema(value_type = Option<String>, format = DateTime)]
    scanned_until: Option<Timestamp>,
}

/// What waits for an endpoint.
#[derive(Serialize, ToSchema)]
struct EndpointQueueView {
    /// Deliveries that wait for their next attempt, or are being attempted.
    #[schema(example = 3)]
    pending: u64,
    /// Those whose next attempt is due or under way.
    #[schema(example = 2)]
    due: u64,
    /// Those of them that have been due for more than a minute.
    #[schema(example = 0)]
    late: u64,
    /// Those that are due while the endpoint is paused; then none is among `due` and `late`.
    #[schema(example = 0)]
    held: u64,
    /// Since when the first of those that are due has been so; null if none is.
    #[schema(value_type = Option<String>, format = DateTime)]
    oldest_due_at: Option<Timestamp>,
    /// Whether all were counted; false says that there are at least so many: no more than 10,000
    /// are looked at.
    #[schema(example = true)]
    is_complete: bool,
}

/// How the attempts of a span of time ended.
#[derive(Serialize, ToSchema)]
struct EndedView {
    /// Those that the receiver took.
    #[schema(example = 240)]
    succeeded: u64,
    /// Those that it did not.
    #[schema(example = 12)]
    failed: u64,
    /// Whether all were counted; false says that there are at least so many.
    #[schema(example = true)]
    is_complete: bool,
}

/// An attempt that succeeded.
#[derive(Serialize, ToSchema)]
struct LastSuccess {
    /// When it began.
    #[schema(value_type = String, format = DateTime)]
    at: Timestamp,
    /// The delivery that it was for.
    #[schema(value_type = String, example = "dlv_01h455vb4pex5vsknk084sn02q")]
    delivery: DeliveryId,
    /// What it was answered with.
    #[schema(example = 200)]
    status: Option<u16>,
}

/// An attempt that failed.
#[derive(Serialize, ToSchema)]
struct LastFailure {
    /// When it began.
    #[schema(value_type = String, format = DateTime)]
    at: Timestamp,
    /// The delivery that it was for.
    #[schema(value_type = String, example = "dlv_01h455vb4pex5vsknk084sn02q")]
    delivery: DeliveryId,
    /// The kind of error.
    error_kind: Option<ErrorKind>,
    /// What it was answered with; null if it was not.
    #[schema(example = 503)]
    status: Option<u16>,
}

/// Get the figures of an endpoint.
///
/// What waits for it, how its last attempts ended, and since when it is in its state. Asking costs
/// a bounded amount however much there is.
#[utoipa::path(get, path = "/v1/endpoints/{id}/stats", tag = "endpoints",
    params(("id" = String, Path, description = "The endpoint: `end_…`")),
    responses(
        (status = 200, description = "The figures.", body = EndpointStatsView),
        NotFound))]
async fn stats(
    State(state): State<ApiState>,
    InProject { project, .. }: InProject,
    Id(id): Id<EndpointId>,
) -> ApiResult<Json<EndpointStatsView>> {
    let now = state.clock.now();
    let stats = state.store.endpoint_stats(project.id, id, now).await?;
    Ok(Json(stats.into()))
}

impl From<EndpointStats> for EndpointStatsView {
    fn from(stats: EndpointStats) -> Self {
        let queue = EndpointQueueView::of(&stats);
        let EndpointStats {
            endpoint,
            failing_since,
            attempts,
            ..
        } = stats;
        Self {
            endpoint: endpoint.id,
            state: endpoint.config.state,
            state_reason: endpoint.state_reason,
            state_since: endpoint.state_since,
            failing_since,
            queue,
            last_hour: attempts.last_hour.into(),
            last_day: attempts.last_day.into(),
            last_success: attempts.last_success.map(LastSuccess::from),
            last_failure: attempts.last_failure.map(LastFailure::from),
            scanned_until: attempts.scanned_until,
        }
    }
}

impl EndpointQueueView {
    fn of(stats: &EndpointStats) -> Self {
        Self {
            pending: stats.pending,
            due: stats.backlog.due,
            late: stats.backlog.late,
            held: stats.backlog.held,
            oldest_due_at: stats.backlog.oldest_due,
            is_complete: stats.queue_is_complete(),
        }
    }
}

impl From<Ended> for EndedView {
    fn from(ended: Ended) -> Self {
        Self {
            succeeded: ended.succeeded,
            failed: ended.failed,
            is_complete: ended.is_complete,
        }
    }
}

impl From<AttemptLine> for LastSuccess {
    fn from(attempt: AttemptLine) -> Self {
        Self {
            at: attempt.started_at,
            delivery: attempt.delivery,
            status: attempt.status,
        }
    }
}

impl From<AttemptLine> for LastFailure {
    fn from(attempt: AttemptLine) -> Self {
        Self {
            at: attempt.started_at,
            delivery: attempt.delivery,
            error_kind: attempt.failure.map(|failure| failure.kind),
            status: attempt.status,
        }
    }
}
