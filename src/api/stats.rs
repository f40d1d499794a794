//! `/v1/stats`: how much a project has of what.

use axum::{Json, extract::State};
use serde::Serialize;
use utoipa::ToSchema;
use utoipa_axum::{router::OpenApiRouter, routes};

use super::{auth::InProject, problem::ApiResult, state::ApiState};
use crate::{domain::delivery::DeliveryState, store::stats::Stats};

/// The routes of this file.
pub fn routes() -> OpenApiRouter<ApiState> {
    OpenApiRouter::new().routes(routes!(get))
}

/// How much a project has of what, all at one moment.
#[derive(Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct StatsView {
    /// Events.
    #[schema(example = 1_200)]
    pub events: u64,
    /// Deliveries by state.
    pub deliveries: DeliveryCounts,
    /// Skipped deliveries beyond those that can be listed: they are counted alone, and not among
    /// `deliveries`.
    #[schema(example = 0)]
    pub skipped_without_rows: u64,
    /// Events that are still being carried to the rest of very many listeners.
    #[schema(example = 0)]
    pub fanouts: u64,
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

/// Get the figures of the project.
#[utoipa::path(get, path = "/v1/stats", tag = "operation",
    responses((status = 200, description = "The figures.", body = StatsView)))]
async fn get(
    State(state): State<ApiState>,
    InProject { project, .. }: InProject,
) -> ApiResult<Json<StatsView>> {
    Ok(Json(state.store.stats(project.id).await?.into()))
}

impl From<Stats> for StatsView {
    fn from(stats: Stats) -> Self {
        let count = |state| stats.deliveries.get(&state).copied().unwrap_or(0);
        Self {
            events: stats.events,
            deliveries: DeliveryCounts {
                pending: count(DeliveryState::Pending),
                delivered: count(DeliveryState::Delivered),
                dead: count(DeliveryState::Dead),
                cancelled: count(DeliveryState::Cancelled),
                skipped: count(DeliveryState::Skipped),
            },
            skipped_without_rows: stats.skipped_without_rows,
            fanouts: stats.fanouts,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_state_is_there_even_where_there_is_none_in_it() {
        let stats = Stats {
            deliveries: [(DeliveryState::Dead, 7)].into(),
            ..Stats::default()
        };
        let view = serde_json::to_value(StatsView::from(stats)).expect("JSON");
        for state in DeliveryState::ALL {
            let expected = if *state == DeliveryState::Dead { 7 } else { 0 };
            assert_eq!(view["deliveries"][state.as_str()], expected, "{state}");
        }
    }
}
