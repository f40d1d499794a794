//! What users do to one delivery: call it off, try it again.
//!
//! What is done to many dead letters at once stands in [`jobs`](super::jobs).

use std::sync::Arc;

use super::{
    commit,
    context::Context,
    gateway::{Gateway, MAX_PLANS},
    rulebook::ActiveListener,
};
use crate::{
    domain::{
        delivery::{Delivery, DeliveryState, Target},
        event::Loss,
        ids::{DeliveryId, ProjectId},
    },
    store::{
        StoreError, StoreResult,
        act::{Cancellation, Revival},
        unit::Acceptance,
    },
};

/// What came of a wish to try a delivery again.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Retried {
    /// It is due now, or done.
    Due,
    /// An attempt is under way, or about to begin.
    UnderWay,
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
    /// [`StoreError::NotFound`] if the project has no such delivery.
    pub async fn cancel(&self, project: ProjectId, id: DeliveryId) -> StoreResult<Cancellation> {
        let Context { store, clock, .. } = &self.parts.context;
        let delivery = store.delivery(project, id).await?;
        let withdrawn = match delivery.target {
            Target::Webhook(endpoint) => self.parts.lanes.withdraw(endpoint, id),
            Target::Emit => None,
        };
        let cancelled = store.cancel(project, id, withdrawn.is_some(), clock.now());
        let cancelled = cancelled.await;
        if cancelled.is_err() {
            let jobs = withdrawn.into_iter().collect();
            commit::release(&self.parts.context, &self.parts.lanes, jobs).await;
        }
        cancelled
    }

    /// Makes a delivery due now, whatever its state.
    ///
    /// # Errors
    /// [`StoreError::NotFound`] if the project has no such delivery.
    pub async fn retry(&self, project: ProjectId, id: DeliveryId) -> StoreResult<Retried> {
        let Context { store, clock, .. } = &self.parts.context;
        let now = clock.now();
        match store.revive(project, id, now).await? {
            Revival::Due(endpoint) => {
                self.parts.lanes.note_backlog(endpoint, now);
                Ok(Retried::Due)
            }
            Revival::UnderWay => Ok(Retried::UnderWay),
            Revival::NothingLeft(loss) => Ok(Retried::NothingLeft(loss)),
            Revival::EndpointClosed => Ok(Retried::EndpointClosed),
            Revival::Emission => match store.delivery(project, id).await? {
                dead if dead.state == DeliveryState::Dead => self.emit_again(dead).await,
                other => Ok(Retried::NothingToEmit(other.state)),
            },
        }
    }

    /// Tries an emission again with the listener as it is now.
    pub(super) async fn emit_again(&self, delivery: Delivery) -> StoreResult<Retried> {
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
            let unit = match planned.await? {
                Ok(unit) => unit,
                Err(why) => {
                    store.note_emission(delivery.id, &why, clock.now()).await?;
                    return Ok(Retried::EmitFailed(why));
                }
            };
            match self.parts.committer.submit(unit, None).await.result().await {
                Ok(Acceptance::Stale) => self.refresh_rules(delivery.project).await?,
                Ok(_) => return Ok(Retried::Due),
                Err(error) => return Ok(Retried::EmitFailed(error.to_string())),
            }
        }
        Ok(Retried::EmitFailed(
            "the rules change faster than the event can be planned".to_owned(),
        ))
    }
}
