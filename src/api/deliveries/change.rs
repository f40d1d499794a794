//! What users do to one delivery: try it again, call it off.

use axum::{extract::State, http::StatusCode};
use serde::Serialize;
use serde_json::{
    json,
    value::{RawValue, to_raw_value},
};
use utoipa::ToSchema;

use crate::{
    api::{
        answer::Answer,
        auth::InProject,
        extract::Id,
        finish::finish,
        problem::{Code, Problem},
        refusals::{NotFound, WrongState},
        state::ApiState,
        write::{Ended, Write, WriteResult},
    },
    domain::{
        audit::Realm,
        delivery::{Delivery, DeliveryState, Target},
        ids::DeliveryId,
    },
    engine::Retried,
    store::{act::Cancellation, audit::Audited},
};

/// What came of a wish to try a delivery again.
#[derive(Debug, Serialize, ToSchema)]
pub struct RetryResult {
    /// How far it has come.
    pub state: RetryState,
}

/// How far a wish to try a delivery again has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum RetryState {
    /// The next attempt is due now; what was an event to emit is emitted.
    Due,
    /// An attempt was under way, or about to begin, already.
    UnderWay,
}

/// What came of a wish to call a delivery off.
#[derive(Debug, Serialize, ToSchema)]
pub struct CancelResult {
    /// How far it has come.
    pub state: CancelState,
}

/// How far a wish to call a delivery off has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum CancelState {
    /// There will be no further attempt.
    Cancelled,
    /// An attempt is under way: if it fails, there will be no other.
    Cancelling,
}

/// Try a delivery now, whatever its state.
///
/// One that waits is due now, and goes on with its retry policy. One that was delivered, given up,
/// called off or skipped begins its retry policy anew, under the same `webhook-id`. What could not
/// be emitted is emitted with the listener as it is now. Refused, with the reason, where its endpoint
/// is disabled or deleted, its event is no longer kept or was erased, or cannot be emitted.
#[utoipa::path(post, path = "/v1/deliveries/{id}/retry", tag = "deliveries",
    params(("id" = String, Path, description = "The delivery: `dlv_…`",
            example = "dlv_01h455vb4pex5vsknk084sn02q")),
    responses(
        (status = 202, description = "It is due now.", body = RetryResult,
         example = json!({"state": "due"})),
        NotFound, WrongState))]
pub async fn retry(
    State(state): State<ApiState>,
    Id(id): Id<DeliveryId>,
    Write {
        by: InProject { project, .. },
        change,
        ..
    }: Write<()>,
) -> WriteResult<Answer> {
    finish(async move { state.gateway.retry(project.id, id, &change, retried).await }).await
}

/// The answer to a wish to try a delivery again.
fn retried(retried: &Retried) -> WriteResult<Answer> {
    let state = match retried {
        Retried::Due => RetryState::Due,
        Retried::UnderWay => RetryState::UnderWay,
        Retried::BeingCancelled => {
            return Err(wrong_state(
                "it is being cancelled: retry it once its attempt has ended",
            ));
        }
        Retried::EndpointClosed => {
            return Err(wrong_state(
                "its endpoint is disabled or deleted: enable the endpoint, then retry",
            ));
        }
        Retried::NothingLeft(loss) => {
            return Err(wrong_state(format!(
                "{}: there is nothing to send",
                loss.sentence()
            )));
        }
        Retried::NothingToEmit(state) => {
            return Err(wrong_state(format!(
                "it is {state}: an event is emitted once, and only a dead letter is tried again"
            )));
        }
        Retried::EmitFailed(why) => {
            return Err(wrong_state(format!(
                "its event still cannot be emitted: {why}"
            )));
        }
    };
    Answer::new(StatusCode::ACCEPTED, &RetryResult { state })
}

/// Call a delivery off.
///
/// Only one that is pending can be called off; dead letters are discarded instead.
#[utoipa::path(post, path = "/v1/deliveries/{id}/cancel", tag = "deliveries",
    params(("id" = String, Path, description = "The delivery: `dlv_…`",
            example = "dlv_01h455vb4pex5vsknk084sn02q")),
    responses(
        (status = 200, description = "It is called off.", body = CancelResult,
         example = json!({"state": "cancelled"})),
        (status = 202, description = "An attempt is under way: if it fails, there will be no other.",
         body = CancelResult, example = json!({"state": "cancelling"})),
        NotFound, WrongState))]
pub async fn cancel(
    State(state): State<ApiState>,
    Id(id): Id<DeliveryId>,
    Write {
        by: InProject { project, .. },
        change,
        ..
    }: Write<()>,
) -> WriteResult<Answer> {
    let cancelled = async move {
        let gateway = &state.gateway;
        gateway.cancel(project.id, id, &change, cancelled).await
    };
    finish(cancelled).await
}

/// The answer to a wish to call a delivery off.
fn cancelled(cancellation: &Cancellation) -> WriteResult<Answer> {
    let (status, state) = match cancellation {
        Cancellation::Cancelled => (StatusCode::OK, CancelState::Cancelled),
        Cancellation::Cancelling => (StatusCode::ACCEPTED, CancelState::Cancelling),
        Cancellation::NotPending(DeliveryState::Dead) => {
            return Err(wrong_state(
                "it is dead, so there is nothing to call off; discard it with POST \
                 /v1/dead-letters/discard",
            ));
        }
        Cancellation::NotPending(state) => {
            return Err(wrong_state(format!(
                "it is {state}: only what is pending can be cancelled"
            )));
        }
    };
    Answer::new(status, &CancelResult { state })
}

fn wrong_state(detail: impl Into<String>) -> Ended {
    Problem::new(Code::WrongState, detail).into()
}

/// What the audit log shows of a delivery: its summary needs more than is at hand.
impl Audited for Delivery {
    fn realm(&self) -> Realm {
        Realm::Project(self.project)
    }

    fn name(&self) -> String {
        self.id.to_string()
    }

    fn document(&self) -> serde_json::Result<Box<RawValue>> {
        let endpoint = match self.target {
            Target::Webhook(endpoint) => Some(endpoint),
            Target::Emit => None,
        };
        to_raw_value(&json!({
            "id": self.id,
            "event": self.event,
            "listener": self.cause.as_ref().map(|cause| cause.listener),
            "endpoint": endpoint,
            "state": self.state,
            "reason": self.reason,
            "detail": self.detail,
            "attempt_count": self.attempts,
            "next_attempt_at": self.next_attempt_at,
            "cancel_requested": self.cancel_requested,
            "updated_at": self.updated_at,
        }))
    }
}
