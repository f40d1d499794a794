//! The handle by which the API reaches the engine: accept events, say what has changed. What it
//! does to deliveries stands in [`act`](super::act), long work in [`jobs`](super::jobs),
//! and how endpoints are tried out in [`trial`](super::trial).

use std::{sync::Arc, time::Duration};

use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;

use super::{
    admission::{Admission, Overload, Permit},
    commit::{self, CommitError, Committer, Receipt},
    context::Context,
    directory::Directory,
    lanes::Lanes,
    plan::Planner,
    rates::Rates,
    refusals::Refusals,
    retention::Progress,
    rulebook::Rulebook,
    trial::Trials,
};
use crate::{
    domain::{
        draft::{EventDraft, hash_of_all},
        idempotency::IdempotencyKey,
        ids::{EndpointId, EventId, ProjectId},
        project::Project,
        quota::Exceeded,
        schema::Violation,
    },
    store::{
        StoreError, StoreResult,
        unit::{Acceptance, EventKey},
    },
};

/// How often a unit is planned again because the rules have moved, before the producer is told to
/// come back.
pub(super) const MAX_PLANS: usize = 50;

/// How long a producer waits for its answer: where the store stands still, it is told to come back.
const ANSWER_WITHIN: Duration = Duration::from_secs(15);

/// What became of an event that was sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Sent {
    /// It is durable, with all that it triggers.
    Accepted(EventId),
    /// The same event is there already.
    Duplicate(EventId),
    /// Another event with its source and id is there already.
    Conflict(EventId),
    /// It breaks the schema of its type, which is enforced.
    Broken(Violation),
}

/// Why events were not taken.
#[derive(Debug, thiserror::Error)]
pub enum AcceptError {
    /// There is more on its way than can be written.
    #[error("too many events are on their way")]
    Overloaded(Overload),
    /// The store does not answer, or the gateway is stopping. Some of the events may be durable.
    #[error("the store is unavailable")]
    Unavailable,
    /// The project is being removed.
    #[error("there is no such project")]
    NoProject,
    /// A quota of the project is reached.
    #[error("{0}")]
    OverQuota(Exceeded),
    /// The store refuses an event.
    #[error("{0}")]
    Refused(String),
    /// Another request was carried out under the same idempotency key.
    #[error("another request was carried out under this idempotency key")]
    KeyReused,
}

impl From<StoreError> for AcceptError {
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::OverQuota(exceeded) => return Self::OverQuota(exceeded),
            StoreError::NotFound("project") => return Self::NoProject,
            _ => {}
        }
        tracing::error!(%error, "an event could not be planned");
        match error.is_transient() {
            true => Self::Unavailable,
            false => Self::Refused(error.to_string()),
        }
    }
}

impl From<CommitError> for AcceptError {
    fn from(error: CommitError) -> Self {
        match error {
            CommitError::Unavailable => Self::Unavailable,
            CommitError::Refused(why) => Self::Refused(why),
        }
    }
}

/// A handle to the running engine. Clones share it.
#[derive(Clone)]
pub struct Gateway {
    pub(super) parts: Arc<Parts>,
}

pub(super) struct Parts {
    pub(super) failed: CancellationToken,
    pub(super) context: Context,
    pub(super) admission: Arc<Admission>,
    pub(super) rates: Rates,
    pub(super) planner: Arc<Planner>,
    pub(super) rulebook: Arc<Rulebook>,
    pub(super) directory: Arc<Directory>,
    pub(super) lanes: Arc<Lanes>,
    pub(super) committer: Committer,
    /// Told when there is a new job.
    pub(super) jobs: Notify,
    /// What was sent and did not become an event, before it is written down.
    pub(super) refusals: Refusals,
    /// The requests to test URLs that are under way.
    pub(super) trials: Arc<Trials>,
    /// What retention has done.
    pub(super) retention: Arc<Progress>,
}

/// An event that is being taken.
struct Sending<'a> {
    project: &'a Project,
    id: EventId,
    draft: EventDraft,
    /// Its place in a request that was marked.
    request: Option<EventKey>,
    permit: &'a Arc<Permit>,
}

impl Gateway {
    /// Whether the engine still runs.
    pub fn is_running(&self) -> bool {
        !self.parts.failed.is_cancelled()
    }

    /// Takes events of `project`, in their order, from a request that its client may have marked
    /// with `key`. What it gives is in the same order, and comes after each event and all that it
    /// triggers is durable.
    ///
    /// # Errors
    /// [`AcceptError`]; with [`AcceptError::Overloaded`], [`AcceptError::OverQuota`] and
    /// [`AcceptError::KeyReused`] none of the events was taken, otherwise some may have been: sending
    /// them again with their ids, or with the same key, is safe.
    pub async fn accept(
        &self,
        project: &Project,
        drafts: Vec<EventDraft>,
        key: Option<&IdempotencyKey>,
    ) -> Result<Vec<Sent>, AcceptError> {
        let taking = self.take(project, drafts, key);
        let taken = self.parts.context.clock.timeout(ANSWER_WITHIN, taking);
        // What is on its way goes on: the producer sends it again and hears what has become of it.
        taken.await.unwrap_or(Err(AcceptError::Unavailable))
    }

    async fn take(
        &self,
        project: &Project,
        drafts: Vec<EventDraft>,
        key: Option<&IdempotencyKey>,
    ) -> Result<Vec<Sent>, AcceptError> {
        self.check_quotas(project, drafts.len()).await?;
        let bytes = drafts.iter().map(|draft| draft.data.bytes().len()).sum();
        let admitted = self.parts.admission.admit(project.id, drafts.len(), bytes);
        let permit = Arc::new(admitted.map_err(AcceptError::Overloaded)?);
        let mark = key.map(|key| (key, hash_of_all(&drafts)));
        if let Some((key, hash)) = mark {
            let first = EventKey::of_request(project.id, key, 0, hash);
            let Context {
                store,
                clock,
                settings,
                ..
            } = &self.parts.context;
            let since = clock.now().minus(settings.dedupe_window);
            if store.is_anothers(&first, since).await? {
                return Err(AcceptError::KeyReused);
            }
        }
        let mut results = Vec::with_capacity(drafts.len());
        let mut submitted = Vec::with_capacity(drafts.len());
        for (place, draft) in drafts.into_iter().enumerate() {
            let sending = Sending {
                project,
                id: self.parts.context.ids.next(self.parts.context.clock.now()),
                draft,
                request: mark.map(|(key, hash)| EventKey::of_request(project.id, key, place, hash)),
                permit: &permit,
            };
            let planned = self.submit(&sending).await?;
            // The first one says whether the key is another request's: the others wait for that.
            match mark.is_some() && place == 0 {
                true => results.push(self.conclude(sending, planned).await?),
                false => submitted.push((sending, planned)),
            }
        }
        for (sending, planned) in submitted {
            results.push(self.conclude(sending, planned).await?);
        }
        Ok(results)
    }

    /// Whether `project` may send `events` events now. What is on its way to being durable is not
    /// counted yet, so that a quota may be passed by as much as can be on its way.
    async fn check_quotas(&self, project: &Project, events: usize) -> Result<(), AcceptError> {
        let Context { store, clock, .. } = &self.parts.context;
        let now = clock.now();
        store.check_sending(project, now).await?;
        let quotas = store.quotas_of(project);
        let admitted = self.parts.rates.admit(project.id, &quotas, events);
        admitted.map_err(|exceeded| {
            store.note_refusal(project.id, exceeded.quota, now);
            AcceptError::OverQuota(exceeded)
        })
    }

    async fn submit(
        &self,
        sending: &Sending<'_>,
    ) -> Result<Result<Receipt, Violation>, AcceptError> {
        let Sending { project, id, .. } = *sending;
        let (draft, request) = (sending.draft.clone(), sending.request.clone());
        let planner = &self.parts.planner;
        let unit = match planner.sent(project, id, draft, request).await? {
            Ok(unit) => unit,
            Err(violation) => return Ok(Err(violation)),
        };
        let permit = Some(Arc::clone(sending.permit));
        Ok(Ok(self.parts.committer.submit(unit, permit).await))
    }

    /// Waits for the result of an event that was not refused; plans it again as long as the rules have
    /// moved.
    async fn conclude(
        &self,
        sending: Sending<'_>,
        mut planned: Result<Receipt, Violation>,
    ) -> Result<Sent, AcceptError> {
        for _ in 0..MAX_PLANS {
            let receipt = match planned {
                Ok(receipt) => receipt,
                Err(violation) => return Ok(Sent::Broken(violation)),
            };
            match receipt.result().await? {
                Acceptance::Stored | Acceptance::Superseded => {
                    return Ok(Sent::Accepted(sending.id));
                }
                Acceptance::Duplicate(first) => return Ok(Sent::Duplicate(first)),
                Acceptance::Conflict(first) => return Ok(Sent::Conflict(first)),
                Acceptance::KeyReused | Acceptance::Repeated => return Err(AcceptError::KeyReused),
                Acceptance::Stale => self.refresh_rules(sending.project.id).await?,
            }
            planned = self.submit(&sending).await?;
        }
        Err(AcceptError::Unavailable)
    }

    pub(super) async fn refresh_rules(&self, project: ProjectId) -> StoreResult<()> {
        let rulebook = &self.parts.rulebook;
        rulebook.refresh(project).await?;
        rulebook
            .refresh(crate::domain::ids::platform_project())
            .await
    }

    /// Says that the listeners of `project` have changed: from its end on they hold as they are.
    ///
    /// # Errors
    /// If the store cannot be read; the next event will find out by itself.
    pub async fn rules_changed(&self, project: ProjectId) -> StoreResult<()> {
        self.parts.rulebook.refresh(project).await
    }

    /// Says that an endpoint has changed: from its end on no attempt begins that its new state
    /// forbids.
    pub async fn endpoint_changed(&self, endpoint: EndpointId) {
        let Parts {
            context,
            directory,
            lanes,
            ..
        } = &*self.parts;
        endpoint_changed(context, directory, lanes, endpoint).await;
    }
}

/// Lets the lanes know what an endpoint is like now.
pub(super) async fn endpoint_changed(
    context: &Context,
    directory: &Directory,
    lanes: &Lanes,
    endpoint: EndpointId,
) {
    let live = loop {
        match directory.reload(endpoint).await {
            Ok(live) => break live,
            Err(error) if error.is_transient() => {
                tracing::error!(%error, %endpoint, "an endpoint could not be read; trying again");
                context.back_off().await;
            }
            Err(error) => {
                tracing::error!(%error, %endpoint, "an endpoint cannot be read");
                return;
            }
        }
    };
    if let Some(live) = live {
        // Of two changes that come at once, the one that was read last may be told of first.
        let homeless = lanes.update(endpoint, || directory.cached(endpoint).unwrap_or(live));
        commit::release(context, lanes, homeless).await;
    }
}
