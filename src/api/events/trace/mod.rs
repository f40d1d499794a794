//! `/v1/events/{id}/trace`: what led to an event, and what came of it.

mod choose;
mod tree;
mod view;

use axum::{Json, extract::State};

use self::view::TraceView;
use crate::{
    api::{
        auth::{Caller, InProject},
        extract::Id,
        problem::ApiResult,
        refusals::NotFound,
        state::ApiState,
    },
    domain::ids::{EventId, ProjectId},
};

/// The most events of a chain that are looked at.
const MAX_CHAIN: u32 = 2_000;

/// The most events that a trace shows: the way to the one that is asked about first, then what came
/// of it, then what else came of its first cause.
const MAX_EVENTS: usize = 100;

/// The most deliveries that a trace shows of one event.
const MAX_DELIVERIES: u32 = 50;

/// Show what led to an event and what came of it, as a tree.
///
/// From the first cause down: each event has its reactions, each reaction the delivery or the event
/// that it led to. An event that belongs to another project than the caller's is left out, with what
/// came of it: what listeners of the platform do is shown to operators alone.
#[utoipa::path(get, path = "/v1/events/{id}/trace", tag = "events",
    params(("id" = String, Path, description = "The event: `evt_…`",
            example = "evt_01h455vb4pex5vsknk084sn02q")),
    responses(
        (status = 200, description = "The tree.", body = TraceView),
        NotFound))]
pub async fn trace(
    State(state): State<ApiState>,
    InProject { project, caller }: InProject,
    Id(id): Id<EventId>,
) -> ApiResult<Json<TraceView>> {
    let asked = state.store.event(project.id, id).await?.event;
    let seen_by = match caller {
        Caller::Operator => None,
        Caller::Project { id, .. } => Some(id),
    };
    let chosen = choose::choose(&state, &asked, seen_by).await?;
    let truncated = chosen.truncated;
    let tree = tree::grow(&state, id, chosen, seen_by).await?;
    Ok(Json(TraceView {
        event: id,
        first_cause: asked.lineage.correlation,
        truncated: truncated || tree.truncated,
        roots: tree.roots,
    }))
}

/// Whether somebody sees what belongs to `project`; an operator sees all.
fn sees(seen_by: Option<ProjectId>, project: ProjectId) -> bool {
    seen_by.is_none_or(|own| own == project)
}
