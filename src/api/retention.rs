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
    engine::{KindStatus, Overdue, RetentionStatus},
    store::{
        partitions::{Cause, Log, PartitionSize},
        retention::{MAX_KEPT_COUNTED, Space},
    },
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
    /// The partitions of the logs, where these have any: on PostgreSQL.
    pub partitions: Vec<PartitionView>,
    /// How many partitions were dropped since the gateway started.
    #[schema(example = 4)]
    pub partitions_dropped: u64,
}

/// A partition of a log: what came in within some time, dropped as a whole when all of that is past.
#[derive(Debug, Serialize, ToSchema)]
pub struct PartitionView {
    /// The log.
    pub log: Log,
    /// What its table is called.
    #[schema(example = "events_20261123")]
    pub name: String,
    /// Where its time begins; null for the one that takes what belongs into no other.
    #[schema(value_type = Option<String>, format = DateTime)]
    pub from: Option<Timestamp>,
    /// Where its time ends.
    #[schema(value_type = Option<String>, format = DateTime)]
    pub to: Option<Timestamp>,
    /// About how many rows it has.
    #[schema(example = 1_200_000)]
    pub rows: u64,
    /// The bytes of it, with its indexes.
    #[schema(example = 1_073_741_824)]
    pub bytes: u64,
    /// Why it is still there, if it is past its time.
    pub overdue: Option<Cause>,
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
    /// Those of them that are free: what is written next goes there. Null on PostgreSQL, where each table
    /// has such bytes of its own.
    #[schema(example = 4_194_304)]
    pub free_bytes: Option<u64>,
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
    let partitions = state.store.partitions().await?;
    Ok(Json(RetentionView::of(
        status,
        space,
        kept_events,
        partitions,
    )))
}

impl RetentionView {
    fn of(
        status: RetentionStatus,
        space: Space,
        kept_events: u64,
        partitions: Vec<PartitionSize>,
    ) -> Self {
        let overdue = &status.overdue;
        let view = |partition| PartitionView::of(partition, overdue);
        Self {
            partitions: partitions.into_iter().map(view).collect(),
            partitions_dropped: status.dropped,
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

impl PartitionView {
    fn of(partition: PartitionSize, overdue: &[Overdue]) -> Self {
        let mut overdue = overdue.iter();
        Self {
            overdue: overdue
                .find(|one| one.name == partition.name)
                .map(|one| one.cause),
            log: partition.log,
            name: partition.name,
            from: partition.span.map(|(from, _)| from),
            to: partition.span.map(|(_, to)| to),
            rows: partition.rows,
            bytes: partition.bytes,
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
