//! What users do to one delivery: call it off, try it again.
//!
//! What is done to many dead letters at once stands in [`jobs`](super::jobs).

use std::sync::Arc;

use serde::Serialize;

use super::{
    commit::{self, CommitError},
    context::Context,
    gateway::{Gateway, MAX_PLANS},
    rulebook::ActiveListener,
};
use crate::{
    domain::{
        audit::Action,
        delivery::{Delivery, DeliveryState, Target},
        event::Loss,
        ids::{DeliveryId, ProjectId},
    },
    store::{
        StoreError, StoreResult,
        act::{Cancellation, Revival},
        audit::Entry,
        change::Change,
        unit::{Acceptance, Asked},
    },
};

/// What came of a wish to try a delivery again.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Retried {
    /// It is due now, or done.
    Due,
    /// An attempt is under way, or about to begin.
    UnderWay,
    /// It is called off as soon as the attempt that is under way has ended.
    BeingCancelled,
    /// Its endpoint is disabled or deleted, so nothing can be sent.
    EndpointClosed,
    /// Nothing is left of its event.
    NothingLeft(Loss),
    /// It is an event to emit, but in a state in which that is not wanted any more.
    NothingToEmit(DeliveryState),
    /// It is an event that still cannot be emitted, for this reason.
    EmitFailed(String),
}

impl Gateway {
    /// Calls a delivery off.
    ///
    /// # Errors
    /// What `answer` refuses, and what the store does: [`StoreError::NotFound`] if the project has no
    /// such delivery.
    pub async fn cancel<A: Serialize, E: From<StoreError>>(
        &self,
        project: ProjectId,
        id: DeliveryId,
        change: &Change,
        answer: impl FnOnce(&Cancellation) -> Result<A, E>,
    ) -> Result<A, E> {
        let store = &self.parts.context.store;
        let delivery = store.delivery(project, id).await?;
        let withdrawn = match delivery.target {
            Target::Webhook(endpoint) => self.parts.lanes.withdraw(endpoint, id),
            Target::Emit => None,
        };
        let lease = withdrawn.as_ref().map(|job| job.lease);
        let cancelled = store.cancel(project, id, lease, change, answer);
        let cancelled = cancelled.await;
        if cancelled.is_err() {
            let jobs = withdrawn.into_iter().collect();
            commit::release(&self.parts.context, &self.parts.lanes, jobs).await;
        }
        Ok(cancelled?.answer)
    }

    /// Makes a delivery due now, whatever its state.
    ///
    /// # Errors
    /// What `answer` refuses, and what the store does: [`StoreError::NotFound`] if the project has no
    /// such delivery.
    pub async fn retry<A: Serialize, E: From<StoreError>>(
        &self,
        project: ProjectId,
        id: DeliveryId,
        change: &Change,
        answer: impl Fn(&Retried) -> Result<A, E>,
    ) -> Result<A, E> {
        let store = &self.parts.context.store;
        let delivery = store.delivery(project, id).await?;
        if delivery.target == Target::Emit {
            let emitted = Asked::new(
                change,
                Some(emission(&delivery, change)?),
                &answer(&Retried::Due)?,
            )?;
            return answer(&self.emit_for(delivery, emitted).await?);
        }
        let answer = |revival: &Revival| answer(&Retried::from(*revival));
        let revived = store.revive(project, id, change, answer).await?;
        if let Revival::Due(endpoint) = revived.now {
            self.parts.lanes.note_backlog(endpoint, change.now);
        }
        Ok(revived.answer)
    }

    /// Emits what a user asked for. A repeat ends as the request did.
    async fn emit_for(&self, delivery: Delivery, asked: Asked) -> StoreResult<Retried> {
        let idempotency = asked.idempotency().cloned();
        let retried = match delivery.state {
            DeliveryState::Dead => self.emit_again(delivery, Some(Arc::new(asked))).await?,
            other => Retried::NothingToEmit(other),
        };
        if let (Retried::NothingToEmit(_), Some(idempotency)) = (&retried, idempotency)
            && let Some(answered) = self.parts.context.store.answered(&idempotency).await?
        {
            return Err(StoreError::Repeated(answered));
        }
        Ok(retried)
    }

    /// Tries an emission again with the listener as it is now, because somebody asked for it or as a
    /// part of a job.
    pub(super) async fn emit_again(
        &self,
        delivery: Delivery,
        asked: Option<Arc<Asked>>,
    ) -> StoreResult<Retried> {
        let Context { store, clock, .. } = &self.parts.context;
        let failed = |why: &str| Ok(Retried::EmitFailed(why.to_owned()));
        let Some(cause) = delivery.cause else {
            return failed("it is not known which listener it was made for");
        };
        let listener = match store.listener(delivery.project, cause.listener).await {
            Err(StoreError::NotFound(_)) => return failed("its listener is deleted"),
            found => found?,
        };
        let Some(active) = ActiveListener::new(listener) else {
            return failed("the rule of its listener cannot be read by this version");
        };
        let event = match store.any_event(delivery.event).await {
            Err(StoreError::NotFound(_)) => return Ok(Retried::NothingLeft(Loss::Gone)),
            found => Arc::new(found?.event),
        };
        if event.erased_at.is_some() {
            return Ok(Retried::NothingLeft(Loss::Erased));
        }
        for _ in 0..MAX_PLANS {
            let planned = self
                .parts
                .planner
                .emission(&event, &active, cause.reaction, delivery.id);
            let mut unit = match planned.await? {
                Ok(unit) => unit,
                Err(why) => {
                    store.note_emission(delivery.id, &why, clock.now()).await?;
                    return Ok(Retried::EmitFailed(why));
                }
            };
            unit.asked = asked.clone();
            match self.parts.committer.submit(unit, None).await.result().await {
                Ok(Acceptance::Repeated) => {
                    return Ok(Retried::NothingToEmit(DeliveryState::Delivered));
                }
                Ok(Acceptance::Stale) => self.refresh_rules(delivery.project).await?,
                Ok(_) => return Ok(Retried::Due),
                Err(CommitError::Unavailable) => {
                    return Err(StoreError::unavailable("an event was not written"));
                }
                Err(error) => return Ok(Retried::EmitFailed(error.to_string())),
            }
        }
        Ok(Retried::EmitFailed(
            "the rules change faster than the event can be planned".to_owned(),
        ))
    }
}

impl From<Revival> for Retried {
    fn from(revival: Revival) -> Self {
        match revival {
            Revival::Due(_) => Self::Due,
            Revival::UnderWay => Self::UnderWay,
            Revival::BeingCancelled => Self::BeingCancelled,
            Revival::NothingLeft(loss) => Self::NothingLeft(loss),
            Revival::EndpointClosed => Self::EndpointClosed,
        }
    }
}

/// What the audit log tells of a dead letter whose event is emitted.
fn emission(before: &Delivery, change: &Change) -> StoreResult<Entry> {
    let after = Delivery {
        state: DeliveryState::Delivered,
        reason: None,
        detail: None,
        updated_at: change.now,
        ..before.clone()
    };
    Entry::changed(Action::DeliveryRetried, before, &after)
}
