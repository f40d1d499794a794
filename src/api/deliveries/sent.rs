//! One attempt alone: the bytes that were signed, and the request as a command.

use std::collections::BTreeMap;

use axum::{
    Json,
    extract::{FromRequestParts, Path, State},
    http::{HeaderName, request::Parts},
};
use serde::Serialize;
use utoipa::ToSchema;

use super::{
    attempt::{AttemptView, BodyView, HeaderView, RequestView, view},
    curl, sent_event,
};
use crate::{
    api::{
        auth::{Caller, InProject},
        endpoints::NO_STORE,
        problem::{ApiResult, Problem},
        refusals::NotFound,
        state::ApiState,
    },
    domain::{
        event::Event,
        ids::{DeliveryId, EndpointId, ProjectId},
        signature::{ID_HEADER, SIGNATURE_HEADER, Secret, TIMESTAMP_HEADER, sign},
        time::Timestamp,
        webhook::{HIDDEN, render},
    },
    store::{StoreError, StoreResult},
};

/// An attempt with the means to check and to repeat it by hand.
#[derive(Debug, Serialize, ToSchema)]
pub struct SentView {
    #[serde(flatten)]
    attempt: AttemptView,
    /// What the signature in the headers is of: `webhook-id`, `webhook-timestamp` and the body, with
    /// dots between. Null if the event is not kept any more.
    signature_base: Option<BodyView>,
    /// The request as a command for a POSIX shell. Null if the event is not kept any more.
    curl: Option<CurlView>,
}

/// A request as a command.
#[derive(Debug, Serialize, ToSchema)]
pub struct CurlView {
    /// The command. `[hidden]` stands for values that only the endpoint's owner knows.
    #[schema(
        example = "curl -X POST 'https://ci.example.com/hooks' -H 'webhook-id: dlv_…' --data-binary '{}'"
    )]
    command: String,
    /// The time that its signature is of: receivers take it for 5 minutes.
    #[schema(value_type = String, format = DateTime)]
    signed_at: Timestamp,
    /// Whether it was signed now. If not, the signature is the one that was sent: the endpoint is
    /// deleted, or has another URL by now, where its signatures have no business.
    signed_anew: bool,
    /// The headers whose values are hidden: put them in by hand.
    #[schema(example = json!(["authorization"]))]
    hidden: Vec<String>,
}

/// Get one attempt, with what was signed and the request as a command.
///
/// The command is signed anew with the live secrets of the endpoint, under the same `webhook-id`, so
/// that the receiver takes it. Nothing is sent by asking.
#[utoipa::path(get, path = "/v1/deliveries/{id}/attempts/{number}", tag = "deliveries",
    params(
        ("id" = String, Path, description = "The delivery: `dlv_…`",
         example = "dlv_01h455vb4pex5vsknk084sn02q"),
        ("number" = u32, Path, description = "Which attempt: the first one is 1", example = 1)),
    responses(
        (status = 200, description = "The attempt.", body = SentView),
        NotFound))]
pub async fn get_attempt(
    State(state): State<ApiState>,
    InProject { project, .. }: InProject,
    AttemptPath { delivery, number }: AttemptPath,
) -> ApiResult<([(HeaderName, &'static str); 1], Json<SentView>)> {
    let carried = state.store.delivery(project.id, delivery).await?;
    let record = state.store.attempt(project.id, delivery, number).await?;
    let endpoint = record.attempt.endpoint;
    let event = sent_event(&state, &carried).await?;
    let body = event
        .as_ref()
        .map(|event: &Event| render(event, record.format).body);
    let attempt = view(record, event.as_ref());
    let now = state.clock.now();
    let sent = match &body {
        Some(body) => {
            let live = live_secrets(&state, project.id, endpoint, &attempt.request.url, now);
            let live = live.await?;
            let curl = CurlView::of(&attempt.request, body, &live, attempt.started_at, now);
            let base = signature_base(&attempt.request, body);
            (Some(BodyView::of(&base)), Some(curl))
        }
        None => (None, None),
    };
    let (signature_base, curl) = sent;
    Ok((
        [NO_STORE],
        Json(SentView {
            attempt,
            signature_base,
            curl,
        }),
    ))
}

/// The secrets that sign for an endpoint at `url` now; none if it is not there any more.
async fn live_secrets(
    state: &ApiState,
    project: ProjectId,
    endpoint: EndpointId,
    url: &str,
    now: Timestamp,
) -> StoreResult<Vec<Secret>> {
    let current = match state.store.endpoint(project, endpoint).await {
        Err(StoreError::NotFound(_)) => return Ok(Vec::new()),
        found => found?,
    };
    if current.config.url.as_str() != url {
        return Ok(Vec::new());
    }
    let live = state.store.secrets(project, endpoint, now).await?;
    Ok(live.into_iter().map(|live| live.secret).collect())
}

fn signature_base(request: &RequestView, body: &[u8]) -> Vec<u8> {
    let header = |name| header(request, name).unwrap_or_default();
    let mut base = format!("{}.{}.", header(ID_HEADER), header(TIMESTAMP_HEADER)).into_bytes();
    base.extend_from_slice(body);
    base
}

fn header<'r>(request: &'r RequestView, name: &str) -> Option<&'r str> {
    let found = request.headers.iter().find(|header| header.name == name)?;
    Some(&found.value)
}

impl CurlView {
    /// The command for `request`, signed with `secrets` at `now` where there are any.
    fn of(
        request: &RequestView,
        body: &[u8],
        secrets: &[Secret],
        sent_at: Timestamp,
        now: Timestamp,
    ) -> Self {
        let anew = (!secrets.is_empty()).then(|| {
            let id = header(request, ID_HEADER).unwrap_or_default();
            BTreeMap::from([
                (TIMESTAMP_HEADER, now.as_seconds().to_string()),
                (SIGNATURE_HEADER, sign(id, now.as_seconds(), body, secrets)),
            ])
        });
        let value = |shown: &HeaderView| {
            let anew = anew.as_ref().and_then(|anew| anew.get(shown.name.as_str()));
            let value = anew.unwrap_or(&shown.value);
            (shown.name.clone(), value.clone())
        };
        let headers: Vec<_> = request.headers.iter().map(value).collect();
        let hidden = headers.iter().filter(|(_, value)| value == HIDDEN);
        Self {
            hidden: hidden.map(|(name, _)| name.clone()).collect(),
            command: curl::command(&request.url, &headers, body),
            signed_at: if anew.is_some() { now } else { sent_at },
            signed_anew: anew.is_some(),
        }
    }
}

/// The delivery and the number of the attempt in the path. What is neither names nothing.
pub struct AttemptPath {
    delivery: DeliveryId,
    number: u32,
}

impl FromRequestParts<ApiState> for AttemptPath {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &ApiState) -> ApiResult<Self> {
        // Whoever has no key learns nothing of what there is.
        Caller::from_request_parts(parts, state).await?;
        let absent = || Problem::not_found("resource");
        let path = Path::<(String, String)>::from_request_parts(parts, state).await;
        let Path((delivery, number)) = path.map_err(|_| absent())?;
        Ok(Self {
            delivery: delivery.parse().map_err(|_| absent())?,
            number: number.parse().map_err(|_| absent())?,
        })
    }
}
