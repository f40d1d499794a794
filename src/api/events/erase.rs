//! `/v1/events/{id}/erase`: wipes what an event carried.

use axum::extract::State;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::{
    api::{
        answer::Answer,
        auth::{Caller, InProject},
        extract::{Id, RawBody, read_or_default},
        finish::finish,
        problem::{ApiResult, Code, Problem},
        refusals::{Invalid, NotFound, WrongState},
        state::ApiState,
        write::{Write, WriteResult},
    },
    domain::{
        event::Event,
        ids::{EventId, ProjectId},
        time::Timestamp,
    },
    engine::{Descendants, EraseError, ErasedEvent},
    store::{
        change::Change,
        erasure::{Holds, PendingWork},
        trace::Link,
    },
};

/// The most descendants that are named.
const MAX_NAMED: usize = 1_000;

/// How to erase an event.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(default, deny_unknown_fields)]
pub struct EraseRequest {
    /// Whether deliveries that are pending, and reactions that are still to come, are called off.
    /// Without it nothing is erased while there are any.
    #[schema(example = true)]
    cancel_pending: bool,
    /// Whether what came out of the event is erased with it: templates may have copied from it.
    #[schema(example = false)]
    descendants: bool,
}

/// What was erased.
#[derive(Debug, Serialize, ToSchema)]
pub struct EraseView {
    /// The event.
    #[schema(value_type = String, example = "evt_01h455vb4pex5vsknk084sn02q")]
    pub id: EventId,
    /// Since when its payload is gone.
    #[schema(value_type = String, format = DateTime)]
    pub erased_at: Timestamp,
    /// How many attempts were wiped; with those of its descendants, if these were erased.
    #[schema(example = 3)]
    pub attempts: u64,
    /// How many deliveries were called off.
    #[schema(example = 0)]
    pub cancelled: u64,
    /// How many attempts were under way: what they carry cannot be taken back, and if they fail there
    /// will be no other.
    #[schema(example = 0)]
    pub cancelling: u64,
    /// The events that came out of it, by reactions that emit, at any depth: up to 1,000 of them.
    pub descendants: Vec<DescendantView>,
    /// Whether there are, or may be, more descendants than are named.
    pub truncated: bool,
}

/// An event that came out of another.
#[derive(Debug, Serialize, ToSchema)]
pub struct DescendantView {
    /// The event.
    #[schema(value_type = String, example = "evt_01h455vb4pex5vsknk084sn02q")]
    pub id: EventId,
    /// What happened.
    #[serde(rename = "type")]
    #[schema(example = "usage.measured")]
    pub event_type: String,
    /// Since when its payload is gone; null if it is not.
    #[schema(value_type = Option<String>, format = DateTime)]
    pub erased_at: Option<Timestamp>,
}

/// Erase what an event carried.
///
/// Its data, its subject, its extensions and its media type and schema are wiped, and so is what was
/// captured of its attempts: headers and bodies, sent and received. Its ids, source, type, time, state
/// and lineage remain, and so do its deliveries with their outcomes. It cannot be undone. Erasing it
/// again changes nothing. Nothing can be sent of it afterwards; sent again by its producer it is
/// recognised as before. What receivers were sent, and backups, cannot be reached.
///
/// Of what came out of it, a project's key sees and erases what is the project's; what is pending for
/// listeners of the platform only an operator calls off.
#[utoipa::path(post, path = "/v1/events/{id}/erase", tag = "events",
    params(("id" = String, Path, description = "The event: `evt_…`",
            example = "evt_01h455vb4pex5vsknk084sn02q")),
    request_body(content = Option<EraseRequest>, description = "How; nothing is needed",
        example = json!({"cancel_pending": true, "descendants": true})),
    responses(
        (status = 200, description = "It is erased.", body = EraseView),
        NotFound, Invalid, WrongState))]
pub async fn erase(
    State(state): State<ApiState>,
    Id(id): Id<EventId>,
    Write {
        by: InProject { project, caller },
        change,
        body: RawBody(body),
    }: Write<RawBody>,
) -> WriteResult<Answer> {
    let asked: EraseRequest = read_or_default(&body)?;
    let event = state.store.event(project.id, id).await?.event;
    let seen_by = match caller {
        Caller::Operator => None,
        Caller::Project { id, .. } => Some(id),
    };
    let pending = match (asked.cancel_pending, seen_by) {
        (false, _) => PendingWork::Respect,
        (true, None) => PendingWork::CancelAll,
        (true, Some(project)) => PendingWork::CancelOf(project),
    };
    let descendants = state.gateway.descendants(&event, seen_by).await?;
    let with_it = match asked.descendants {
        true => descendants.links.clone(),
        false => Vec::new(),
    };
    let work = erase_all(state.clone(), event, with_it, pending, change.clone());
    let (at, sum) = finish(work).await?;
    let view = view(&state, id, at, sum, descendants).await?;
    Ok(state.store.keep_answer(&change, Answer::ok(&view)?).await?)
}

/// Erases events, the one that was asked for last: if anything stands in the way of one below it,
/// asking again goes on.
async fn erase_all(
    state: ApiState,
    event: Event,
    descendants: Vec<Link>,
    pending: PendingWork,
    change: Change,
) -> ApiResult<(Timestamp, ErasedEvent)> {
    let all = descendants.iter().map(|link| (link.project, link.event));
    let all: Vec<_> = all.chain([(event.project, event.id)]).collect();
    for (project, id) in &all {
        let holds = state.store.erasure_holds(*project, &[*id]).await?;
        if holds.forbid(own(pending, *project)) {
            return Err(held(holds, pending));
        }
    }
    let mut sum = None;
    for (project, id) in all {
        let erased = state
            .gateway
            .erase(project, id, own(pending, project), &change);
        let erased = erased.await.map_err(|error| match error {
            EraseError::Held(holds) => held(holds, pending),
            EraseError::Store(error) => error.into(),
        })?;
        sum = Some(add(sum, erased));
    }
    if let Err(error) = state.store.empty_log().await {
        tracing::warn!(%error, "what was erased stays in the log of the store for some time");
    }
    let sum = sum.ok_or_else(|| Problem::not_found("event"))?;
    Ok((sum.at, sum))
}

/// What may be called off of an event of `project`.
fn own(pending: PendingWork, project: ProjectId) -> PendingWork {
    match pending {
        PendingWork::CancelOf(_) => PendingWork::CancelOf(project),
        other => other,
    }
}

fn add(sum: Option<ErasedEvent>, next: ErasedEvent) -> ErasedEvent {
    let Some(sum) = sum else {
        return next;
    };
    ErasedEvent {
        at: next.at,
        attempts: sum.attempts + next.attempts,
        cancelled: sum.cancelled + next.cancelled,
        cancelling: sum.cancelling + next.cancelling,
    }
}

fn held(holds: Holds, pending: PendingWork) -> Problem {
    let detail = match (holds.own, pending) {
        (_, PendingWork::CancelOf(_)) | (0, _) => {
            "reactions of the platform are still to be carried out: wait for them, or ask an operator"
        }
        _ => {
            "deliveries or reactions are still pending: wait for them, or call them off with \
             \"cancel_pending\": true"
        }
    };
    Problem::new(Code::WrongState, detail)
}

async fn view(
    state: &ApiState,
    id: EventId,
    erased_at: Timestamp,
    sum: ErasedEvent,
    Descendants { links, truncated }: Descendants,
) -> ApiResult<EraseView> {
    let named = links.iter().take(MAX_NAMED).map(|link| link.event);
    let named: Vec<_> = named.collect();
    let records = state.store.traced_events(&named).await?;
    let descendant = |id: &EventId| {
        let event = &records.get(id)?.event;
        Some(DescendantView {
            id: *id,
            event_type: event.attributes.event_type.to_string(),
            erased_at: event.erased_at,
        })
    };
    Ok(EraseView {
        id,
        erased_at,
        attempts: sum.attempts,
        cancelled: sum.cancelled,
        cancelling: sum.cancelling,
        descendants: named.iter().filter_map(descendant).collect(),
        truncated: truncated || links.len() > named.len(),
    })
}
