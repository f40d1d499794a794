//! Taking events in.

use axum::{
    Json,
    extract::State,
    http::{HeaderMap, StatusCode},
};
use bytes::Bytes;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::{
    refused,
    sent::{CloudEvent, PlainEvents},
};
use crate::{
    api::{
        auth::InProject,
        extract::RawBody,
        problem::{ApiResult, Code, Problem},
        refusals::EventRefused,
        state::ApiState,
        write::idempotency_key,
    },
    domain::{cloudevents, ids::EventId, project::Project, schema::Violation},
    engine::Sent,
};

/// What became of the events of a request, in their order.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
pub struct SendResults {
    /// One result for each event.
    pub data: Vec<SendResult>,
}

/// What became of an event.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
pub struct SendResult {
    /// Whether it is new.
    pub status: SendStatus,
    /// Its name in Riposte; for a duplicate or a conflict the name of the one that is there. One that
    /// was refused has none.
    #[schema(value_type = Option<String>)]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub id: Option<EventId>,
    /// Why it was refused, if it was.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error: Option<Problem>,
}

/// Whether an event is new.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum SendStatus {
    /// It is, and it is durable with all that it triggers.
    Accepted,
    /// The same event was taken before: nothing was triggered again.
    Duplicate,
    /// Another event with its source and id was taken before: this one was not taken.
    Conflict,
    /// It breaks the schema of its type, which is enforced: it was not taken.
    Broken,
}

/// Send events.
///
/// Takes CloudEvents 1.0 in binary, structured and batch mode, and plain JSON
/// (`{"type": …, "data": …}`, or a list of these). The answer comes after the events and all that
/// they trigger are durable. A batch is taken whole or refused whole as far as its form is
/// concerned; each event then has its own result, also one that breaks the schema of its type. What
/// is malformed or too large stores nothing.
///
/// With an `Idempotency-Key` the same events sent again are duplicates, also where they have no ids.
/// The key is the project's, and holds for `dedupe.window`.
#[utoipa::path(post, path = "/v1/events", tag = "events",
    request_body(content(
        (PlainEvents = "application/json", examples(
            ("an event" = (value = json!({"type": "site.deploy.succeeded", "subject": "site/7",
                "data": {"environment": "production", "version": 3}}))),
            ("several" = (value = json!([
                {"type": "site.deploy.succeeded", "id": "deploy-4711", "subject": "site/7"},
                {"type": "domain.records.updated", "extensions": {"team": "web"}}]))))),
        (CloudEvent = "application/cloudevents+json", example = json!({
            "specversion": "1.0", "id": "deploy-4712", "source": "/services/sites",
            "type": "site.deploy.failed", "data": {"environment": "production"}})),
        (Vec<CloudEvent> = "application/cloudevents-batch+json", example = json!([{
            "specversion": "1.0", "id": "deploy-4713", "source": "/services/sites",
            "type": "site.deploy.failed", "data": {"environment": "staging"}}]))),
        description = "An event, or several"),
    responses(
        (status = 202, description = "The events are durable.", body = SendResults),
        EventRefused))]
pub async fn send(
    State(state): State<ApiState>,
    InProject { project, .. }: InProject,
    headers: HeaderMap,
    body: ApiResult<RawBody>,
) -> ApiResult<(StatusCode, Json<SendResults>)> {
    let bytes = body.as_ref().ok().map(|RawBody(bytes)| bytes.clone());
    let taken = match body {
        Ok(RawBody(body)) => take(&state, &project, &headers, body).await,
        Err(refused) => Err(refused),
    };
    if let Err(problem) = &taken {
        refused::note_request(&state, project.id, problem, &headers, bytes.as_deref());
    }
    Ok((StatusCode::ACCEPTED, Json(taken?)))
}

/// Takes the events of a request.
async fn take(
    state: &ApiState,
    project: &Project,
    headers: &HeaderMap,
    body: Bytes,
) -> ApiResult<SendResults> {
    if state.stopping.is_cancelled() {
        return Err(Problem::new(Code::Unavailable, "the gateway is stopping"));
    }
    let key = idempotency_key(headers)?;
    let decoded = cloudevents::decode(headers, body, &state.settings.events)?;
    let names = refused::names(&decoded.drafts);
    let sent = state
        .gateway
        .accept(project, decoded.drafts, key.as_ref())
        .await?;
    refused::note_events(state, project.id, &names, &sent);
    if let ([Sent::Conflict(id)], false) = (sent.as_slice(), decoded.batch) {
        return Err(Problem::new(
            Code::EventConflict,
            format!("another event with this source and id was taken before, as {id}"),
        ));
    }
    if let ([Sent::Broken(violation)], false) = (sent.as_slice(), decoded.batch) {
        return Err(broken(violation));
    }
    let data = sent.into_iter().map(result).collect();
    Ok(SendResults { data })
}

fn result(sent: Sent) -> SendResult {
    let (status, id, error) = match sent {
        Sent::Accepted(id) => (SendStatus::Accepted, Some(id), None),
        Sent::Duplicate(id) => (SendStatus::Duplicate, Some(id), None),
        Sent::Conflict(id) => (SendStatus::Conflict, Some(id), None),
        Sent::Broken(violation) => (SendStatus::Broken, None, Some(broken(&violation))),
    };
    SendResult { status, id, error }
}

fn broken(violation: &Violation) -> Problem {
    let Violation { pointer, detail } = violation;
    Problem::at(Code::SchemaViolation, pointer, detail)
}
