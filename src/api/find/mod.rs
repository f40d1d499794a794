//! `/v1/find`: whoever has an id, a name or a URL and does not know of what, asks here.
//!
//! Every look-up is served by an index and bounded, so that a search costs the same whatever there
//! is. What another project has is not found, and not told apart from what is not there.

mod hints;
mod hit;
mod query;
mod search;

use axum::{Json, extract::State};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::{router::OpenApiRouter, routes};

pub use self::hit::{FoundBy, FoundKind, Hit};
use self::{query::Query, search::Search};
use super::{
    access::{Scope, needs},
    auth::{Caller, InProject},
    extract::Parameters,
    problem::{ApiResult, Code, Problem},
    refusals::{BadParameter, Forbidden},
    state::ApiState,
};
use crate::domain::any_id::AnyId;

/// The routes of this folder.
pub fn routes() -> OpenApiRouter<ApiState> {
    OpenApiRouter::new().routes(needs([Scope::EventsRead, Scope::ConfigRead], routes!(find)))
}

/// What to look for.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
struct FindParameters {
    /// An id of any kind, a producer's id of an event, its source and id with a space between them,
    /// the beginning of an endpoint's URL, or of the name of a listener, an endpoint or an API key.
    #[param(example = "dlv_01h455vb4pex5vsknk084sn02q")]
    q: String,
    /// Looks for an id in every project; for operators alone.
    #[serde(default)]
    #[param(value_type = Option<bool>)]
    all_projects: bool,
}

/// What was found.
#[derive(Debug, Serialize, ToSchema)]
struct Found {
    /// What was looked for; of an API key its public part.
    #[schema(example = "dlv_01h455vb4pex5vsknk084sn02q")]
    q: String,
    /// What was found, at most 10 of each kind.
    data: Vec<Hit>,
    /// The kinds of which there is more: ask more exactly, or list them.
    more: Vec<FoundKind>,
    /// What was looked for.
    #[schema(example = json!(["a delivery", "events by their producer's id"]))]
    looked_for: Vec<&'static str>,
    /// Where nothing was found, what that may mean.
    hints: Vec<String>,
}

/// Find something.
///
/// Takes whatever somebody has at hand, and says what it is, where it is and how it stands. Nothing
/// found is an empty list, with hints.
#[utoipa::path(get, path = "/v1/find", tag = "find", params(FindParameters),
    responses(
        (status = 200, description = "What was found.", body = Found),
        BadParameter, Forbidden))]
async fn find(
    State(state): State<ApiState>,
    mut by: InProject,
    Parameters(asked): Parameters<FindParameters>,
) -> ApiResult<Json<Found>> {
    if asked.all_projects && by.caller != Caller::Operator {
        return Err(Problem::new(
            Code::Forbidden,
            "to look in all projects takes an operator's key",
        ));
    }
    let query = Query::read(&asked.q)?;
    let (id, text) = match &query {
        Query::Text(text) => (AnyId::read(text), Some(text.as_str())),
        Query::Key(id) => (Some(*id), None),
        Query::Secret => (None, None),
    };
    let mut hints = Vec::new();
    if asked.all_projects {
        hints.extend(id.is_none().then(hints::only_ids));
        go_to_owner(&state, &mut by, id).await?;
    }
    let mut search = Search::new(&state, &by);
    if let Some(id) = id {
        search.id(id).await?;
    }
    if let Some(text) = text.filter(|_| !asked.all_projects) {
        search.text(text).await?;
    }
    let looked_for = search.looked_for.clone();
    let (data, more) = search.bounded();
    if data.is_empty() {
        hints.extend(hints::of(&query, id, &by, asked.all_projects));
    }
    Ok(Json(Found {
        q: query.shown(),
        data,
        more,
        looked_for,
        hints,
    }))
}

/// Turns to the project that what is called `id` belongs to.
async fn go_to_owner(state: &ApiState, by: &mut InProject, id: Option<AnyId>) -> ApiResult<()> {
    let Some(id) = id else {
        return Ok(());
    };
    if let Some(owner) = state.store.owner_of(id).await? {
        by.project = match state.store.project(owner).await {
            Err(crate::store::StoreError::NotFound(_)) => return Ok(()),
            found => found?,
        };
    }
    Ok(())
}
