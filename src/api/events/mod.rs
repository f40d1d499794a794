//! `/v1/events`: sending events, and looking them up.

mod send;
mod view;

use axum::{Json, extract::State};
use serde::Deserialize;
use utoipa::IntoParams;
use utoipa_axum::{router::OpenApiRouter, routes};

pub use self::view::{EventSummary, EventView};
use super::{
    auth::InProject,
    extract::{Id, Parameters},
    page::{Page, limit, parameter},
    problem::{ApiResult, Problem},
    state::ApiState,
};
use crate::{domain::ids::EventId, store::events::EventFilter};

/// The routes of this file.
pub fn routes() -> OpenApiRouter<ApiState> {
    OpenApiRouter::new()
        .routes(routes!(send::send, list))
        .routes(routes!(get))
}

/// Which events to list.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
struct ListParameters {
    /// How many, from 1 to 250; 50 where it is left out.
    limit: Option<u32>,
    /// The `next` of the page before.
    cursor: Option<String>,
    /// Only events of this type.
    #[serde(rename = "type")]
    event_type: Option<String>,
    /// Only events that their producer gave this id.
    event_id: Option<String>,
    /// Only the events that came out of this one, and itself.
    correlation: Option<String>,
}

/// List events, the newest first.
///
/// Their data is left out; get one to see it.
#[utoipa::path(get, path = "/v1/events", tag = "events", params(ListParameters),
    responses((status = 200, description = "A page of events.", body = Page<EventSummary>)))]
async fn list(
    State(state): State<ApiState>,
    InProject { project, .. }: InProject,
    Parameters(asked): Parameters<ListParameters>,
) -> ApiResult<Json<Page<EventSummary>>> {
    let limit = limit(asked.limit)?;
    let filter = EventFilter {
        event_type: parameter("type", asked.event_type.as_deref())?,
        producer_id: asked.event_id,
        correlation: parameter("correlation", asked.correlation.as_deref())?,
        before: parameter("cursor", asked.cursor.as_deref())?,
    };
    let records = state.store.events(project.id, &filter, limit + 1).await?;
    let cursor = |record: &crate::store::events::EventRecord| record.event.id.to_string();
    Ok(Json(Page::of(records, limit, cursor, |record| {
        EventSummary::of(&record.event)
    })))
}

/// Get an event.
#[utoipa::path(get, path = "/v1/events/{id}", tag = "events",
    params(("id" = String, Path, description = "The event: `evt_…`")),
    responses(
        (status = 200, description = "The event.", body = EventView),
        (status = 404, description = "The project has no such event.", body = Problem,
         content_type = "application/problem+json")))]
async fn get(
    State(state): State<ApiState>,
    InProject { project, .. }: InProject,
    Id(id): Id<EventId>,
) -> ApiResult<Json<EventView>> {
    let record = state.store.event(project.id, id).await?;
    Ok(Json(EventView::of(&record.event)?))
}
