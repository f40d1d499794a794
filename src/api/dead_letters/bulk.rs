//! Working dead letters off, a page at a time: no transaction is long, and a request is bounded.

use serde::Serialize;
use utoipa::ToSchema;

use super::selection::{Selection, Which};
use crate::{
    api::{finish::finish, problem::ApiResult, state::ApiState},
    domain::{
        delivery::DeliveryState,
        ids::{DeliveryId, EndpointId, ProjectId},
    },
    engine::Redriven,
    store::dead_letters::{Discard, MAX_PAGE},
};

/// The most dead letters that a request redrives or discards; the answer says how many remain.
pub(super) const MAX_PER_REQUEST: usize = 10_000;

/// What is done to dead letters.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Action {
    Redrive,
    Discard,
}

/// A delivery to which nothing was done, and why.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct NotDone {
    /// The delivery.
    #[schema(value_type = String, example = "dlv_01h455vb4pex5vsknk084sn02q")]
    pub id: DeliveryId,
    /// Why, as a stable name.
    pub code: FailureCode,
    /// Why, in a sentence.
    #[schema(example = "its endpoint is disabled: enable the endpoint, then redrive")]
    pub detail: String,
}

/// Why nothing was done to a delivery.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum FailureCode {
    /// Its endpoint is disabled.
    EndpointDisabled,
    /// Its endpoint is deleted.
    EndpointDeleted,
    /// It is an event that still cannot be emitted.
    EmitFailed,
    /// It is no dead letter.
    NotDead,
    /// The project has no such delivery.
    NotFound,
}

/// What was done.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Worked {
    /// To how many dead letters it was done.
    pub(super) done: u64,
    /// What it was not done to.
    pub(super) failed: Vec<NotDone>,
    /// How many dead letters are left to look at.
    pub(super) remaining: u64,
    /// Where to go on, if some are left.
    pub(super) next: Option<DeliveryId>,
}

impl Worked {
    /// How many dead letters were meant.
    pub(super) fn matched(&self) -> u64 {
        let dead = self.failed.iter().filter(|failed| failed.is_dead());
        self.done + self.remaining + dead.count() as u64
    }

    fn add(&mut self, taken: usize, failed: Vec<NotDone>) {
        self.done += (taken - failed.len()) as u64;
        self.failed.extend(failed);
    }
}

impl NotDone {
    /// Whether it is a dead letter still.
    fn is_dead(&self) -> bool {
        !matches!(self.code, FailureCode::NotDead | FailureCode::NotFound)
    }

    fn not_dead(id: DeliveryId, state: DeliveryState) -> Self {
        Self {
            id,
            code: FailureCode::NotDead,
            detail: format!("it is {state}, which is no dead letter"),
        }
    }

    fn not_found(id: DeliveryId) -> Self {
        Self {
            id,
            code: FailureCode::NotFound,
            detail: "there is no such delivery".to_owned(),
        }
    }
}

/// Does `action` to the dead letters of `project` that `selection` means, the oldest first.
///
/// # Errors
/// If the store does not answer. What was done until then stays done.
pub(super) async fn work(
    state: &ApiState,
    project: ProjectId,
    action: Action,
    selection: Selection,
) -> ApiResult<Worked> {
    match (selection.which, selection.dry_run) {
        (Which::Ids(ids), true) => count_named(state, project, &ids).await,
        (Which::Ids(ids), false) => work_named(state, project, action, &ids).await,
        (Which::From { endpoint, after }, true) => {
            let remaining = state.store.count_dead_letters(project, endpoint, after);
            Ok(Worked {
                remaining: remaining.await?,
                ..Worked::default()
            })
        }
        (Which::From { endpoint, after }, false) => {
            work_from(state, project, action, endpoint, after).await
        }
    }
}

async fn count_named(
    state: &ApiState,
    project: ProjectId,
    ids: &[DeliveryId],
) -> ApiResult<Worked> {
    let mut worked = Worked::default();
    for page in ids.chunks(MAX_PAGE as usize) {
        for (id, standing) in state.store.standings(project, page).await? {
            match standing {
                Some(DeliveryState::Dead) => worked.remaining += 1,
                Some(other) => worked.failed.push(NotDone::not_dead(id, other)),
                None => worked.failed.push(NotDone::not_found(id)),
            }
        }
    }
    Ok(worked)
}

async fn work_named(
    state: &ApiState,
    project: ProjectId,
    action: Action,
    ids: &[DeliveryId],
) -> ApiResult<Worked> {
    let mut worked = Worked::default();
    for page in ids.chunks(MAX_PAGE as usize) {
        worked.add(page.len(), action.apply(state, project, page).await?);
    }
    Ok(worked)
}

async fn work_from(
    state: &ApiState,
    project: ProjectId,
    action: Action,
    endpoint: Option<EndpointId>,
    after: Option<DeliveryId>,
) -> ApiResult<Worked> {
    let mut worked = Worked::default();
    let mut last = after;
    for _ in 0..MAX_PER_REQUEST / MAX_PAGE as usize {
        let letters = state
            .store
            .dead_letters(project, endpoint, last, MAX_PAGE)
            .await?;
        let page: Vec<_> = letters.iter().map(|letter| letter.id).collect();
        let Some(end) = page.last() else {
            return Ok(worked);
        };
        last = Some(*end);
        worked.add(page.len(), action.apply(state, project, &page).await?);
    }
    worked.remaining = state
        .store
        .count_dead_letters(project, endpoint, last)
        .await?;
    worked.next = last.filter(|_| worked.remaining > 0);
    Ok(worked)
}

impl Action {
    /// Does it to a page of dead letters; gives those that it could not be done to.
    async fn apply(
        self,
        state: &ApiState,
        project: ProjectId,
        page: &[DeliveryId],
    ) -> ApiResult<Vec<NotDone>> {
        match self {
            Self::Redrive => {
                // A page is carried to its end even if the client goes away in the middle of it.
                let (gateway, page) = (state.gateway.clone(), page.to_vec());
                let redriven = finish(async move { Ok(gateway.redrive(project, &page).await?) });
                let failed = redriven.await?.into_iter();
                Ok(failed
                    .filter_map(|(id, how)| not_redriven(id, how))
                    .collect())
            }
            Self::Discard => {
                let now = state.clock.now();
                let discarded = state.store.discard(project, page, now).await?;
                let failed = discarded.into_iter();
                Ok(failed
                    .filter_map(|(id, how)| not_discarded(id, how))
                    .collect())
            }
        }
    }
}

fn not_redriven(id: DeliveryId, redriven: Redriven) -> Option<NotDone> {
    let (code, detail) = match redriven {
        Redriven::Due => return None,
        Redriven::NotDead(state) => return Some(NotDone::not_dead(id, state)),
        Redriven::NotFound => return Some(NotDone::not_found(id)),
        Redriven::EndpointDisabled => (
            FailureCode::EndpointDisabled,
            "its endpoint is disabled: enable the endpoint, then redrive".to_owned(),
        ),
        Redriven::EndpointDeleted => (
            FailureCode::EndpointDeleted,
            "its endpoint is deleted: it can only be discarded".to_owned(),
        ),
        Redriven::EmitFailed(why) => (
            FailureCode::EmitFailed,
            format!("its event still cannot be emitted: {why}"),
        ),
    };
    Some(NotDone { id, code, detail })
}

fn not_discarded(id: DeliveryId, discard: Discard) -> Option<NotDone> {
    match discard {
        Discard::Discarded => None,
        Discard::NotDead(state) => Some(NotDone::not_dead(id, state)),
        Discard::NotFound => Some(NotDone::not_found(id)),
    }
}
