//! `/v1/events/{id}/verdicts`: what each listener said to an event, clause by clause, and what
//! became of it.
//!
//! Nothing of this is stored. An event remembers which versions of the rules it met, revisions of
//! listeners are kept, and what a rule says of an event is computed again when somebody asks.

mod later;
mod moment;
mod outcome;
mod scan;
pub mod sentence;
mod totals;
mod view;

use std::time::Duration;

use axum::{Json, extract::State};
use serde::Deserialize;
use utoipa::IntoParams;

use self::{
    moment::Moment,
    scan::{Page, Place},
    view::{RulesView, VerdictsView},
};
use super::view::EventSummary;
use crate::{
    api::{
        auth::InProject,
        extract::{Id, Parameters},
        page::{self, parameter},
        problem::ApiResult,
        refusals::{BadParameter, NotFound},
        state::ApiState,
    },
    domain::ids::EventId,
};

/// How long a page looks at listeners. It ends there, with fewer entries than it may have and a
/// `next`, after the listener that it is looking at.
const PAGE_TIME: Duration = Duration::from_millis(400);

/// How long listeners are counted for the totals; they are left out if that is not enough.
const TOTALS_TIME: Duration = Duration::from_millis(300);

/// How long listeners are looked at that would match now.
const LATER_TIME: Duration = Duration::from_millis(100);

/// Which verdicts to list.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct VerdictParameters {
    /// How many, from 1 to 250; 50 where it is left out.
    limit: Option<u32>,
    /// The `next` of the page before.
    cursor: Option<String>,
}

/// Say what each listener said to an event, and what became of it.
///
/// All listeners of the moment at which the event was accepted, as they were then: those that wait
/// for its type first, disabled ones too; to an operator also the platform's. Each comes with its
/// verdict, clause by clause, and with what its reactions led to. `totals` and `later` stand on the
/// first page alone. A page may have fewer entries than it could, even none: go on while there is a
/// `next`.
#[utoipa::path(get, path = "/v1/events/{id}/verdicts", tag = "events",
    params(("id" = String, Path, description = "The event: `evt_…`"), VerdictParameters),
    responses(
        (status = 200, description = "A page of verdicts.", body = VerdictsView),
        NotFound, BadParameter))]
pub async fn verdicts(
    State(state): State<ApiState>,
    InProject { project, caller }: InProject,
    Id(id): Id<EventId>,
    Parameters(asked): Parameters<VerdictParameters>,
) -> ApiResult<Json<VerdictsView>> {
    let limit = page::limit(asked.limit)?;
    let place: Option<Place> = parameter("cursor", asked.cursor.as_deref())?;
    let record = state.store.event(project.id, id).await?;
    let moment = Moment::of(&record, caller);
    let is_first = place.is_none();
    let begin = place.unwrap_or_default();
    let page = Page::gather(&state, &moment, begin, limit as usize).await?;
    let next = page.next.map(|place| place.to_string());
    let data = outcome::conclude(&state, &moment, page.found).await?;
    let (totals, totals_missing, later) = match is_first {
        true => {
            let (totals, missing) = totals::count(&state, &moment).await?;
            (totals, missing, later::find(&state, &moment).await?)
        }
        false => (None, Some(totals::FIRST_PAGE_ONLY), Vec::new()),
    };
    Ok(Json(VerdictsView {
        event: EventSummary::of(&record.event),
        rules: RulesView::of(&moment),
        note: moment.note(),
        totals,
        totals_missing,
        data,
        next,
        later,
    }))
}
