//! `/v1/deliveries`: what became of what listeners triggered, attempt by attempt.

mod attempt;
mod change;
mod circumstances;
mod curl;
mod sent;
mod summary;
mod timeline;
mod view;

use axum::{Json, extract::State};
use utoipa_axum::{router::OpenApiRouter, routes};

pub use self::{
    attempt::{AttemptView, ErrorView, view as attempt_view},
    circumstances::Circumstances,
    summary::{in_passing, skip_reason, summary},
    view::{DeliverySummary, DeliveryView},
};
use super::{
    access::{Scope, needs},
    auth::InProject,
    extract::{Id, Parameters},
    page::{Page, list_parameters, parameter},
    problem::{ApiResult, Code, Problem},
    refusals::{BadParameter, NotFound},
    state::ApiState,
};
use crate::{
    domain::{
        delivery::{Delivery, reasons},
        event::Event,
        ids::{DeliveryId, ProjectId},
        list::Window,
    },
    store::{StoreError, StoreResult, deliveries::DeliveryFilter},
};

/// The routes of this folder.
pub fn routes() -> OpenApiRouter<ApiState> {
    OpenApiRouter::new()
        .routes(needs([Scope::EventsRead], routes!(list)))
        .routes(needs([Scope::EventsRead], routes!(get)))
        .routes(needs([Scope::EventsRead], routes!(sent::get_attempt)))
        .routes(needs([Scope::DeliveriesAct], routes!(change::retry)))
        .routes(needs([Scope::DeliveriesAct], routes!(change::cancel)))
}

list_parameters! {
    /// Which deliveries to list.
    struct ListParameters {
        /// Only those in this state: `pending`, `delivered`, `dead`, `cancelled` or `skipped`.
        #[param(example = "dead")]
        state: Option<String>,
        /// Only those to this endpoint.
        #[param(example = "end_01h455vb4pex5vsknk084sn02q")]
        endpoint: Option<String>,
        /// Only those of this listener.
        #[param(example = "lis_01h455vb4pex5vsknk084sn02q")]
        listener: Option<String>,
        /// Only those of this event: its name in Riposte.
        #[param(example = "evt_01h455vb4pex5vsknk084sn02q")]
        event: Option<String>,
        /// Only those of events of this type; `*` and `>` stand for tokens, as in a listener's `on`.
        #[serde(rename = "type")]
        #[param(example = "site.deploy.*")]
        event_type: Option<String>,
        /// Only those that stand where they do for this reason.
        #[param(example = "attempts_exhausted")]
        reason: Option<String>,
        /// Only those whose last attempt failed in this way.
        #[param(example = "connect_refused")]
        error_kind: Option<String>,
        /// Only those whose last attempt was answered with this status, or one of this class.
        #[param(example = "5xx")]
        status: Option<String>,
    }
}

/// List deliveries, the newest first.
///
/// Their attempts are left out; get one to see them.
#[utoipa::path(get, path = "/v1/deliveries", tag = "deliveries", params(ListParameters),
    responses(
        (status = 200, description = "A page of deliveries.", body = Page<DeliverySummary>),
        BadParameter))]
async fn list(
    State(state): State<ApiState>,
    InProject { project, .. }: InProject,
    Parameters(asked): Parameters<ListParameters>,
) -> ApiResult<Json<Page<DeliverySummary>>> {
    let window = asked.window()?;
    let filter = DeliveryFilter {
        event: parameter("event", asked.event.as_deref())?,
        listener: parameter("listener", asked.listener.as_deref())?,
        endpoint: parameter("endpoint", asked.endpoint.as_deref())?,
        status: parameter("status", asked.status.as_deref())?,
        error_kind: parameter("error_kind", asked.error_kind.as_deref())?,
        reason: reason(asked.reason)?,
        event_type: parameter("type", asked.event_type.as_deref())?,
        state: parameter("state", asked.state.as_deref())?,
        unchanged_since: None,
    };
    Ok(Json(page(&state, project.id, &filter, &window).await?))
}

/// The page that shows `window` of the deliveries that `filter` lets through.
///
/// # Errors
/// If the store cannot be read.
pub(super) async fn page(
    state: &ApiState,
    project: ProjectId,
    filter: &DeliveryFilter,
    window: &Window<DeliveryId>,
) -> ApiResult<Page<DeliverySummary>> {
    let listed = state.store.deliveries(project, filter, window).await?;
    let circumstances = Circumstances::of(state, &listed.entries).await?;
    let view =
        |delivery: Delivery| DeliverySummary::of(&delivery, &circumstances.around(&delivery));
    Ok(Page::of(window, listed, view))
}

/// A reason that a delivery may have.
fn reason(text: Option<String>) -> ApiResult<Option<String>> {
    let known = reasons();
    match text {
        Some(text) if !known.contains(text.as_str()) => {
            let known: Vec<_> = known.into_iter().collect();
            Err(Problem::new(
                Code::BadParameter,
                format!("reason: {text:?} is not one of {}", known.join(", ")),
            ))
        }
        text => Ok(text),
    }
}

/// Get a delivery with its attempts.
///
/// Each attempt shows the request as it was sent and what came back. Values of the endpoint's own
/// headers are hidden where their names say that they carry secrets; the signature is shown.
#[utoipa::path(get, path = "/v1/deliveries/{id}", tag = "deliveries",
    params(("id" = String, Path, description = "The delivery: `dlv_…`, which receivers see as `webhook-id`",
            example = "dlv_01h455vb4pex5vsknk084sn02q")),
    responses(
        (status = 200, description = "The delivery.", body = DeliveryView),
        NotFound))]
async fn get(
    State(state): State<ApiState>,
    InProject { project, .. }: InProject,
    Id(id): Id<DeliveryId>,
) -> ApiResult<Json<DeliveryView>> {
    Ok(Json(view(&state, project.id, id).await?))
}

/// All that is known of a delivery.
///
/// # Errors
/// If the project has no such delivery.
pub async fn view(state: &ApiState, project: ProjectId, id: DeliveryId) -> ApiResult<DeliveryView> {
    let delivery = state.store.delivery(project, id).await?;
    let attempts = state.store.attempts(project, id).await?;
    let event = event(state, &delivery).await?;
    let around = circumstances::around(state, &delivery).await?;
    Ok(DeliveryView::of(
        &delivery,
        attempts,
        event.as_ref(),
        &around,
    ))
}

/// Where `delivery` stands, in a sentence.
///
/// # Errors
/// If the store cannot be read.
pub async fn sentence(state: &ApiState, delivery: &Delivery) -> ApiResult<String> {
    let around = circumstances::around(state, delivery).await?;
    Ok(summary::summary(delivery, &around))
}

/// The event of `delivery`, if it is still kept and there is something in it that was sent.
async fn sent_event(state: &ApiState, delivery: &Delivery) -> StoreResult<Option<Event>> {
    let event = event(state, delivery).await?;
    Ok(event.filter(|event| event.erased_at.is_none()))
}

/// The event of `delivery`, if it is still kept. It may be another project's: what the platform
/// delivers are its customers' events.
async fn event(state: &ApiState, delivery: &Delivery) -> StoreResult<Option<Event>> {
    match state.store.any_event(delivery.event).await {
        Ok(record) => Ok(Some(record.event)),
        Err(StoreError::NotFound(_)) => Ok(None),
        Err(error) => Err(error),
    }
}
