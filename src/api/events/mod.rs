//! `/v1/events`: sending events, and looking them up.

pub(super) mod given;
mod send;
mod sent;
mod trace;
pub(super) mod verdicts;
mod view;

use axum::{Json, extract::State};
use utoipa_axum::{router::OpenApiRouter, routes};

pub use self::view::{EventSummary, EventView};
use super::{
    access::{Scope, needs},
    auth::InProject,
    extract::{Id, Parameters},
    page::{Page, list_parameters, parameter},
    problem::ApiResult,
    refusals::{BadParameter, NotFound},
    state::ApiState,
};
use crate::{domain::ids::EventId, store::events::EventFilter};

/// The routes of this file.
pub fn routes() -> OpenApiRouter<ApiState> {
    OpenApiRouter::new()
        .routes(needs([Scope::EventsWrite], routes!(send::send)))
        .routes(needs([Scope::EventsRead], routes!(list)))
        .routes(needs([Scope::EventsRead], routes!(get)))
        .routes(needs([Scope::EventsRead], routes!(trace::trace)))
        .routes(needs([Scope::EventsRead], routes!(verdicts::verdicts)))
}

list_parameters! {
    /// Which events to list.
    struct ListParameters {
        /// Only events of this type.
        #[serde(rename = "type")]
        event_type: Option<String>,
        /// Only events that their producer gave this id.
        event_id: Option<String>,
        /// Only the events that came out of this one, and itself.
        correlation: Option<String>,
    }
}

/// List events, the newest first.
///
/// Their data is left out; get one to see it.
#[utoipa::path(get, path = "/v1/events", tag = "events", params(ListParameters),
    responses(
        (status = 200, description = "A page of events.", body = Page<EventSummary>),
        BadParameter))]
async fn list(
    State(state): State<ApiState>,
    InProject { project, .. }: InProject,
    Parameters(asked): Parameters<ListParameters>,
) -> ApiResult<Json<Page<EventSummary>>> {
    let window = asked.window()?;
    let filter = EventFilter {
        event_type: parameter("type", asked.event_type.as_deref())?,
        producer_id: asked.event_id,
        correlation: parameter("correlation", asked.correlation.as_deref())?,
        before: window.before,
    };
    let records = state.store.events(project.id, &filter, window.reach());
    let events = records.await?.into_iter().map(|record| record.event);
    Ok(Json(Page::of(
        events.collect(),
        &window,
        |event| event.id,
        |event| EventSummary::of(&event),
    )))
}

/// Get an event.
#[utoipa::path(get, path = "/v1/events/{id}", tag = "events",
    params(("id" = String, Path, description = "The event: `evt_…`")),
    responses(
        (status = 200, description = "The event.", body = EventView),
        NotFound))]
async fn get(
    State(state): State<ApiState>,
    InProject { project, .. }: InProject,
    Id(id): Id<EventId>,
) -> ApiResult<Json<EventView>> {
    let record = state.store.event(project.id, id).await?;
    Ok(Json(EventView::of(&record.event)?))
}
