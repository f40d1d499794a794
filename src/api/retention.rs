//! `/v1/retention`: what is kept for how long, how far the sweeping has come, and how much room there
//! is.

use axum::{Json, extract::State};
use serde::Serialize;
use utoipa::ToSchema;
use utoipa_axum::{router::OpenApiRouter, routes};

use super::{
    access::needs_operator, auth::Operator, problem::ApiResult, refusals::Forbidden,
    state::ApiState,
};
use crate::{
    domain::{duration::HumanDuration, retention::Kept, time::Timestamp},
    engine::{KindStatus, RetentionStatus},
    store::retention::{MAX_KEPT_COUNTED, Space},
};

/// The routes of this file.
pub fn routes() -> OpenApiRouter<ApiState> {
    OpenApiRouter::new().routes(needs_operator(routes!(get)))
}

/// How far the sweeping has come.
#[derive(Debug, Serialize, ToSchema)]
pub struct RetentionView {
    /// Each kind of thing that is kept for a time.
    pub kinds: Vec<KindView>,
    /// Events past their time that are kept because a delivery of theirs is pending or dead; counted
    /// up to 100,000.
    #[schema(example = 12)]
    pub kept_events: u64,
    /// When the last round began; null before the first.
    #[schema(value_type = Option<String>, format = DateTime)]
    pub round_started_at: Option<Timestamp>,
    /// When it ended; null while it goes on.
    #[schema(value_type = Option<String>, format = DateTime)]
    pub round_finished_at: Option<Timestamp>,
    /// How much room the store takes.
    pub space: SpaceView,
}

/// A kind of thing that is kept for a time.
#[derive(Debug, Serialize, ToSchema)]
pub struct KindView {
    /// The kind.
    pub kind: Kept,
    /// What its time counts from, and what it waits for.
    #[schema(example = "Jobs: until `retention.jobs` after they ended.")]
    pub explanation: &'static str,
    /// For how long it is kept; null for what goes with the last that needs it.
    #[schema(value_type = Option<String>, example = "30d")]
    pub kept_for: Option<HumanDuration>,
    /// What is older than this is gone, as far as nothing needs it; null before the first round.
    #[schema(value_type = Option<String>, format = DateTime)]
    pub swept_until: Option<Timestamp>,
    /// How many were removed since the gateway started.
    #[schema(example = 40_000)]
    pub removed: u64,
}

/// How much room the store takes.
#[derive(Debug, Serialize, ToSchema)]
pub struct SpaceView {
    /// The bytes of the database.
    #[schema(example = 268_435_456)]
    pub bytes: u64,
    /// Those of them that are free: what is written next goes there.
    #[schema(example = 4_194_304)]
    pub free_bytes: u64,
    /// The bytes that were given back to the file system since the gateway started.
    #[schema(example = 0)]
    pub given_back_bytes: u64,
}

/// Show what is kept for how long, and how far removing the rest has come.
#[utoipa::path(get, path = "/v1/retention", tag = "operation",
    responses(
        (status = 200, description = "The state of retention.", body = RetentionView),
        Forbidden))]
async fn get(State(state): State<ApiState>, _: Operator) -> ApiResult<Json<RetentionView>> {
    let status = state.gateway.retention();
    let space = state.store.space().await?;
    let kept_events = state.store.count_kept_events(MAX_KEPT_COUNTED).await?;
    Ok(Json(RetentionView::of(status, space, kept_events)))
}

impl RetentionView {
    fn of(status: RetentionStatus, space: Space, kept_events: u64) -> Self {
        Self {
            kinds: status.kinds.into_iter().map(KindView::of).collect(),
            kept_events,
            round_started_at: status.round.map(|round| round.started_at),
            round_finished_at: status.round.and_then(|round| round.finished_at),
            space: SpaceView {
                bytes: space.bytes,
                free_bytes: space.free_bytes,
                given_back_bytes: status.given_back,
            },
        }
    }
}

impl KindView {
    fn of(kind: KindStatus) -> Self {
        Self {
            kind: kind.what,
            explanation: kind.what.explanation(),
            kept_for: kind.kept_for.map(HumanDuration),
            swept_until: kind.swept_until,
            removed: kind.removed,
        }
    }
}
