//! Writing down what was sent and did not become an event.

use axum::http::{HeaderMap, header::HeaderName};
use serde_json::Value;

use crate::{
    api::{
        problem::{Code, Problem},
        state::ApiState,
    },
    domain::{
        draft::EventDraft,
        ids::ProjectId,
        refusal::{Refusal, RefusalOutcome, SentName},
    },
    engine::Sent,
};

/// The largest body that is looked into once more for what its producer calls the event.
const MAX_LOOKED_INTO: usize = 256 * 1024;

/// What the producer calls the events of a request, in their order.
pub(super) fn names(drafts: &[EventDraft]) -> Vec<SentName> {
    let name = |draft: &EventDraft| SentName {
        id: draft.id.clone(),
        source: draft.source.clone(),
        event_type: Some(draft.event_type.to_string()),
    };
    drafts.iter().map(name).collect()
}

/// Notes which of the events called `names` were not taken.
pub(super) fn note_events(state: &ApiState, project: ProjectId, names: &[SentName], sent: &[Sent]) {
    for (name, sent) in names.iter().zip(sent) {
        let (outcome, code, event) = match sent {
            Sent::Accepted(_) => continue,
            Sent::Duplicate(first) => (RefusalOutcome::Duplicate, None, Some(*first)),
            Sent::Conflict(first) => {
                let code = Some(Code::EventConflict.as_str());
                (RefusalOutcome::Conflict, code, Some(*first))
            }
            Sent::Broken(_) => {
                let code = Some(Code::SchemaViolation.as_str());
                (RefusalOutcome::Refused, code, None)
            }
        };
        let (pointer, detail) = match sent {
            Sent::Broken(violation) => (Some(violation.pointer.clone()), violation.detail.clone()),
            _ => (None, outcome.explanation().to_owned()),
        };
        let refusal = || Refusal {
            outcome,
            code,
            pointer,
            detail,
            event,
            sent: name.clone(),
        };
        state
            .gateway
            .note_refusal(project, (outcome, code), refusal);
    }
}

/// Notes that a request was refused as a whole.
pub(super) fn note_request(
    state: &ApiState,
    project: ProjectId,
    problem: &Problem,
    headers: &HeaderMap,
    body: Option<&[u8]>,
) {
    // These were noted event by event.
    if matches!(problem.code, Code::EventConflict | Code::SchemaViolation) {
        return;
    }
    let kind = (RefusalOutcome::Refused, Some(problem.code.as_str()));
    state.gateway.note_refusal(project, kind, || {
        let pointer = problem.errors.first().map(|place| place.pointer.clone());
        Refusal {
            outcome: kind.0,
            code: kind.1,
            sent: readable(headers, body, pointer.as_deref().unwrap_or_default()),
            pointer,
            detail: problem.detail.clone(),
            event: None,
        }
    });
}

/// What can be read of the event at `pointer` of a request that was refused.
fn readable(headers: &HeaderMap, body: Option<&[u8]>, pointer: &str) -> SentName {
    let header = |name: &'static str| {
        let value = headers.get(HeaderName::from_static(name))?;
        value.to_str().ok().map(str::to_owned)
    };
    if headers.contains_key("ce-specversion") {
        return SentName {
            id: header("ce-id"),
            source: header("ce-source"),
            event_type: header("ce-type"),
        };
    }
    let body = body.filter(|body| body.len() <= MAX_LOOKED_INTO);
    let Some(value) = body.and_then(|body| serde_json::from_slice::<Value>(body).ok()) else {
        return SentName::default();
    };
    let index = || pointer.split('/').nth(1)?.parse::<usize>().ok();
    let event = match &value {
        Value::Array(list) => index().and_then(|index| list.get(index)),
        other => Some(other),
    };
    let text = |key: &str| event?.get(key)?.as_str().map(str::to_owned);
    SentName {
        id: text("id"),
        source: text("source"),
        event_type: text("type"),
    }
}
