//! `/v1/events`: sending events, and looking them up.

mod erase;
pub(super) mod given;
mod refused;
mod search;
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
        .routes(needs([Scope::Admin], routes!(erase::erase)))
        .routes(needs([Scope::EventsRead], routes!(trace::trace)))
        .routes(needs([Scope::EventsRead], routes!(verdicts::verdicts)))
}

list_parameters! {
    /// Which events to list.
    struct ListParameters {
        /// Only events of this type; `*` and `>` stand for tokens, as in a listener's `on`.
        #[serde(rename = "type")]
        #[param(example = "site.deploy.*")]
        event_type: Option<String>,
        /// Only events from this source.
        #[param(example = "/ci")]
        source: Option<String>,
        /// Only events about this subject.
        #[param(example = "site/7")]
        subject: Option<String>,
        /// Only events that their producer gave this id.
        #[param(example = "deploy-7")]
        event_id: Option<String>,
        /// Only the events that came out of this one, and itself.
        #[param(example = "evt_01h455vb4pex5vsknk084sn02q")]
        correlation: Option<String>,
        /// Only events in this state: `accepted`, `loop_suppressed` or `test`.
        #[param(example = "loop_suppressed")]
        state: Option<String>,
        /// Only events that this event pattern matches: what a listener's `when` would be, as JSON.
        #[param(example = r#"{"data":{"environment":["production"]}}"#)]
        when: Option<String>,
    }
}

/// List events, the newest first.
///
/// Their data is left out; get one to see it. With `when` the log is searched: a request looks at a
/// bounded part of it, and `scanned_until` says up to where; go on while there is a `next`.
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
        correlation: parameter("correlation", asked.correlation.as_deref())?,
        producer_id: asked.event_id,
        subject: asked.subject,
        state: parameter("state", asked.state.as_deref())?,
        event_type: parameter("type", asked.event_type.as_deref())?,
        source: asked.source,
    };
    let listed = match asked.when.as_deref().map(search::rule).transpose()? {
        Some(rule) => search::search(&state, project.id, &filter, &rule, &window).await?,
        None => {
            let listed = state.store.events(project.id, &filter, &window).await?;
            listed.map(|record| EventSummary::of(&record.event))
        }
    };
    Ok(Json(Page::of(&window, listed, |event| event)))
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
