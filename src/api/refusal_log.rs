//! `/v1/refusals`: what was sent and did not become an event, and why.

use axum::{Json, extract::State};
use serde::Serialize;
use utoipa::ToSchema;
use utoipa_axum::{router::OpenApiRouter, routes};

use super::{
    access::{Scope, needs},
    auth::InProject,
    extract::Parameters,
    page::{Page, list_parameters, parameter},
    problem::ApiResult,
    refusals::BadParameter,
    state::ApiState,
};
use crate::{
    domain::{
        ids::{EventId, RefusalId},
        refusal::{RefusalOutcome, RefusalRecord},
        time::Timestamp,
    },
    store::refusals::{RefusalFilter, RefusalTotal},
};

/// The routes of this file.
pub fn routes() -> OpenApiRouter<ApiState> {
    OpenApiRouter::new().routes(needs([Scope::EventsRead], routes!(list)))
}

list_parameters! {
    /// Which refusals to list.
    struct ListParameters {
        /// Only those that came to this: `refused`, `duplicate` or `conflict`.
        #[param(example = "refused")]
        outcome: Option<String>,
        /// Only those of events that their producer gave this id.
        #[param(example = "order-7")]
        event_id: Option<String>,
    }
}

/// Something that was sent and did not become an event.
#[derive(Debug, Serialize, ToSchema)]
struct RefusalView {
    /// Its name.
    #[schema(value_type = String, example = "ref_01h455vb4pex5vsknk084sn02q")]
    id: RefusalId,
    /// When it was sent.
    #[schema(value_type = String, format = DateTime)]
    at: Timestamp,
    /// What became of it.
    outcome: RefusalOutcome,
    /// The code with which it was answered; null for a duplicate.
    #[schema(example = "schema_violation")]
    code: Option<String>,
    /// The place that was wrong: a JSON Pointer, or for events in binary mode the name of a header.
    #[schema(example = "/data/version")]
    pointer: Option<String>,
    /// Why, in a sentence.
    detail: String,
    /// The event that is there instead, for a duplicate or a conflict.
    #[schema(value_type = Option<String>, example = "evt_01h455vb4pex5vsknk084sn02q")]
    event: Option<EventId>,
    /// What its producer called it, if that could be read.
    #[schema(example = "order-7")]
    event_id: Option<String>,
    /// Where it happened, if that could be read.
    #[schema(example = "/shop")]
    source: Option<String>,
    /// What happened, if that could be read.
    #[serde(rename = "type")]
    #[schema(example = "site.deployed")]
    event_type: Option<String>,
}

/// How many there were.
#[derive(Debug, Serialize, ToSchema)]
struct RefusalTotalView {
    /// What they came to.
    outcome: RefusalOutcome,
    /// The code with which they were answered; null for duplicates.
    #[schema(example = "schema_violation")]
    code: Option<String>,
    /// How many, listed or not.
    #[schema(example = 31)]
    count: u64,
    /// When the last one was sent.
    #[schema(value_type = String, format = DateTime)]
    last_at: Timestamp,
}

/// A page of refusals.
#[derive(Debug, Serialize, ToSchema)]
struct RefusalPage {
    #[serde(flatten)]
    page: Page<RefusalView>,
    /// How many there were since the project is, by what they came to.
    totals: Vec<RefusalTotalView>,
}

/// List what was sent and did not become an event, the newest first.
///
/// Requests that were refused, and events that were duplicates or conflicts. The last 1,000 of a
/// project are kept, up to 40 a second; all are counted. They are written down within a second.
#[utoipa::path(get, path = "/v1/refusals", tag = "events", params(ListParameters),
    responses(
        (status = 200, description = "A page of refusals.", body = RefusalPage),
        BadParameter))]
async fn list(
    State(state): State<ApiState>,
    InProject { project, .. }: InProject,
    Parameters(asked): Parameters<ListParameters>,
) -> ApiResult<Json<RefusalPage>> {
    let window = asked.window()?;
    let filter = RefusalFilter {
        outcome: parameter("outcome", asked.outcome.as_deref())?,
        producer_id: asked.event_id,
    };
    let found = state.store.refusals(project.id, filter, &window).await?;
    let totals = state.store.refusal_totals(project.id).await?;
    Ok(Json(RefusalPage {
        page: Page::of(&window, found, RefusalView::from),
        totals: totals.into_iter().map(RefusalTotalView::from).collect(),
    }))
}

impl From<RefusalRecord> for RefusalView {
    fn from(refusal: RefusalRecord) -> Self {
        Self {
            id: refusal.id,
            at: refusal.at,
            outcome: refusal.outcome,
            code: refusal.code,
            pointer: refusal.pointer,
            detail: refusal.detail,
            event: refusal.event,
            event_id: refusal.sent.id,
            source: refusal.sent.source,
            event_type: refusal.sent.event_type,
        }
    }
}

impl From<RefusalTotal> for RefusalTotalView {
    fn from(total: RefusalTotal) -> Self {
        Self {
            outcome: total.outcome,
            code: total.code,
            count: total.count,
            last_at: total.last_at,
        }
    }
}
