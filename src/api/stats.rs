//! `/v1/stats`: how much a project has of what, and whether something of it is late.

use axum::{Json, extract::State};
use serde::Serialize;
use utoipa::ToSchema;
use utoipa_axum::{router::OpenApiRouter, routes};

use super::{
    access::{Scope, needs},
    auth::InProject,
    problem::ApiResult,
    projects::QuotasView,
    state::ApiState,
};
use crate::{
    domain::time::Timestamp,
    store::{
        backlog::Backlog,
        counters::{Counter, Counts},
        stats::Stats,
    },
};

/// The routes of this file.
pub fn routes() -> OpenApiRouter<ApiState> {
    OpenApiRouter::new().routes(needs([Scope::EventsRead], routes!(get)))
}

/// How much a project has of what, all at one moment.
#[derive(Debug, Serialize, ToSchema)]
pub struct StatsView {
    /// Events.
    #[schema(example = 1_200)]
    pub events: u64,
    /// The bytes of the data of all events and of the captured bodies of all responses.
    #[schema(example = 345_600)]
    pub stored_bytes: u64,
    /// Endpoints.
    #[schema(example = 4)]
    pub endpoints: u64,
    /// Listeners.
    #[schema(example = 7)]
    pub listeners: u64,
    /// Deliveries by state.
    pub deliveries: DeliveryCounts,
    /// Skipped deliveries beyond those that can be listed: they are counted alone, and not among
    /// `deliveries`.
    #[schema(example = 0)]
    pub skipped_without_rows: u64,
    /// Events that are still being carried to the rest of very many listeners.
    #[schema(example = 0)]
    pub fanouts: u64,
    /// What of the pending deliveries is due.
    pub queue: QueueView,
    /// How much there may be, and how far that is used.
    pub quotas: QuotasView,
}

/// How many deliveries are in which state.
#[derive(Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct DeliveryCounts {
    /// They wait for their next attempt, or are being attempted.
    #[schema(example = 3)]
    pub pending: u64,
    /// Their receivers have taken them.
    #[schema(example = 2_400)]
    pub delivered: u64,
    /// They were given up.
    #[schema(example = 12)]
    pub dead: u64,
    /// They were called off, or discarded.
    #[schema(example = 1)]
    pub cancelled: u64,
    /// Their listeners matched, but they could not be made.
    #[schema(example = 0)]
    pub skipped: u64,
}

/// Which pending deliveries are due, and since when; those that wait for a later attempt are not.
#[derive(Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct QueueView {
    /// Deliveries whose next attempt is due or under way.
    #[schema(example = 2)]
    pub due: u64,
    /// Those of them that have been due for more than a minute.
    #[schema(example = 0)]
    pub late: u64,
    /// Deliveries that are due, but whose endpoint is paused; they are not among the others.
    #[schema(example = 0)]
    pub held: u64,
    /// Since when the first of those that are due has been so; null if none is.
    #[schema(value_type = Option<String>, format = DateTime)]
    pub oldest_due_at: Option<Timestamp>,
    /// Whether all were counted; false says that there are at least so many: no more than 10,000
    /// deliveries, of 10,000 endpoints, are looked at.
    #[schema(example = true)]
    pub is_complete: bool,
}

/// Get the figures of the project.
///
/// They are kept and not counted: asking costs the same however much there is.
#[utoipa::path(get, path = "/v1/stats", tag = "operation",
    responses((status = 200, description = "The figures.", body = StatsView)))]
async fn get(
    State(state): State<ApiState>,
    InProject { project, .. }: InProject,
) -> ApiResult<Json<StatsView>> {
    let stats = state.store.stats(project.id, state.clock.now()).await?;
    let usage = state.store.usage(&[project.id]).await?;
    let quotas = QuotasView::of(&state.store, &project, &usage);
    Ok(Json(StatsView::of(stats, quotas)))
}

impl StatsView {
    fn of(stats: Stats, quotas: QuotasView) -> Self {
        let count = |counter| stats.counts.get(counter);
        Self {
            events: count(Counter::Events),
            stored_bytes: count(Counter::StoredBytes),
            endpoints: count(Counter::Endpoints),
            listeners: count(Counter::Listeners),
            deliveries: DeliveryCounts::of(&stats.counts),
            skipped_without_rows: count(Counter::SkippedWithoutRows),
            fanouts: count(Counter::Fanouts),
            queue: QueueView::of(stats.backlog),
            quotas,
        }
    }
}

impl DeliveryCounts {
    fn of(counts: &Counts) -> Self {
        Self {
            pending: counts.get(Counter::Pending),
            delivered: counts.get(Counter::Delivered),
            dead: counts.get(Counter::Dead),
            cancelled: counts.get(Counter::Cancelled),
            skipped: counts.get(Counter::Skipped),
        }
    }
}

impl QueueView {
    /// The view of `backlog`.
    pub fn of(backlog: Backlog) -> Self {
        Self {
            due: backlog.due,
            late: backlog.late,
            held: backlog.held,
            oldest_due_at: backlog.oldest_due,
            is_complete: backlog.is_complete,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::delivery::DeliveryState;

    #[test]
    fn every_state_is_there_even_where_there_is_none_in_it() {
        let mut counts = Counts::default();
        counts[Counter::of(DeliveryState::Dead)] = 7;
        let view = serde_json::to_value(DeliveryCounts::of(&counts)).expect("JSON");
        for state in DeliveryState::ALL {
            let expected = if *state == DeliveryState::Dead { 7 } else { 0 };
            assert_eq!(view[state.as_str()], expected, "{state}");
        }
    }
}
