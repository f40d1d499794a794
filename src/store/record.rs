//! Recording: attempts and what follows from them, many in one transaction.

use std::{
    collections::{HashMap, HashSet},
    time::Duration,
};

use serde::Serialize;

use super::{
    Connection, Store, StoreError, StoreResult, Writer,
    audit::Entry,
    counters::Deltas,
    erasure, failing, hold,
    journal::Journal,
    locks,
    sql::{Insert, list, query, span, to_json},
};
use crate::domain::{
    attempt::{Attempt, ErrorKind},
    audit::{Action, Actor},
    delivery::{CancelReason, DeadReason, DeliveryState},
    endpoint::{EndpointState, StateReason},
    ids::{AttemptId, DeliveryId, EndpointId, ProjectId},
    lease::Lease,
    retry::Verdict,
    time::Timestamp,
    webhook::Format,
};

/// An attempt that has ended.
#[derive(Debug, Clone)]
pub struct Outcome {
    /// The attempt.
    pub attempt: Attempt,
    /// The format of its body.
    pub format: Format,
    /// What follows for its delivery.
    pub verdict: Verdict,
    /// When its endpoint is to be disabled for it, if ever.
    pub disable: Option<Disable>,
}

/// When an attempt disables its endpoint.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Disable {
    /// At once: the receiver is gone for good.
    Gone,
    /// If every attempt has failed for so long.
    FailingFor(Duration),
}

/// What outcomes came to.
#[derive(Debug, PartialEq, Eq)]
pub struct Records {
    /// Each, in their order.
    pub outcomes: Vec<Recorded>,
    /// The endpoints that were disabled for them.
    pub disabled: Vec<EndpointId>,
}

/// What an outcome came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Recorded {
    /// The delivery is in a state that it stays in.
    Final(DeliveryState),
    /// It waits in the store until it is due.
    Waiting(Timestamp),
    /// Another owns the delivery by now, or the outcome was written before: the attempt is in the log
    /// and changes nothing.
    Superseded,
}

impl Store {
    /// Writes `outcomes` of deliveries that are owned under `lease` in one transaction, and gives what each
    /// came to, in their order. What was recorded before is not recorded again.
    ///
    /// # Errors
    /// If the transaction fails: nothing is durable then, unless that is in doubt.
    pub async fn record(
        &self,
        lease: Lease,
        outcomes: &[Outcome],
        now: Timestamp,
    ) -> StoreResult<Records> {
        let mut transaction = self.write_as(Writer::Record).await?;
        let projects = outcomes.iter().map(|outcome| outcome.attempt.project);
        locks::hold_changes(&mut transaction, &projects.collect()).await?;
        let held = held(&mut transaction, lease, outcomes).await?;
        // An erasure asks for all that is in flight to be called off.
        let suspects = outcomes.iter().map(|outcome| outcome.attempt.delivery);
        let suspects: Vec<_> = suspects
            .filter(|delivery| held.get(delivery).is_none_or(|cancel| *cancel))
            .collect();
        let outcomes = &*erasure::cleared(&mut transaction, outcomes, &suspects).await?;
        let new = insert_attempts(&mut transaction, outcomes).await?;
        let is_new = |outcome: &Outcome| new.contains(&outcome.attempt.id);
        let changes: Vec<_> = outcomes
            .iter()
            .map(|outcome| change(outcome, &held).filter(|_| is_new(outcome)))
            .collect();
        let written: Vec<_> = changes.iter().flatten().collect();
        write_deliveries(&mut transaction, &written, now).await?;
        write_queue(&mut transaction, &written).await?;
        let news = outcomes.iter().zip(&changes);
        let news: Vec<_> = news.filter(|(outcome, _)| is_new(outcome)).collect();
        // An endpoint may be another's to judge by now, as its delivery is.
        let judged = news.iter().filter(|(_, change)| change.is_some());
        let judged: Vec<_> = judged.map(|(outcome, _)| *outcome).collect();
        let mut disabled = Vec::new();
        for (attempt, reason) in failing::judge(&mut transaction, &judged).await? {
            if self.disable(&mut transaction, attempt, reason, now).await? {
                disabled.push(attempt.endpoint);
            }
        }
        deltas(&news).write(&mut transaction).await?;
        self.conclude(transaction, &journal(&news), now).await?;
        Ok(Records {
            outcomes: changes.iter().map(recorded).collect(),
            disabled,
        })
    }

    /// Disables the endpoint that `attempt` went to, unless it is gone or has another URL by now. Gives
    /// whether it did: of nodes that come to it at the same time, one does.
    async fn disable(
        &self,
        connection: &mut Connection,
        attempt: &Attempt,
        reason: StateReason,
        now: Timestamp,
    ) -> StoreResult<bool> {
        let (project, id) = (attempt.project, attempt.endpoint);
        let before = match self.find(connection, project, id).await {
            Err(StoreError::NotFound(_)) => return Ok(false),
            found => found?,
        };
        let moved = before.config.url.as_str() != attempt.url;
        if moved || before.config.state == EndpointState::Disabled {
            return Ok(false);
        }
        // Those who judge it hold that it fails before they hold the endpoint.
        failing::forget(connection, &[id]).await?;
        let written = query(
            "UPDATE endpoints SET state = $2, state_reason = $3, state_since = $4, updated_at = $4,
                 version = version + 1
             WHERE id = $1 AND version = $5",
        )
        .bind(id.to_string())
        .bind(EndpointState::Disabled.as_str())
        .bind(reason.as_str())
        .bind(now.as_millis())
        .bind(i64::try_from(before.version).unwrap_or(i64::MAX))
        .execute(&mut *connection)
        .await?;
        if written == 0 {
            return Ok(false);
        }
        let after = self.find(connection, project, id).await?;
        let entry = Entry::changed(Action::EndpointChanged, &before, &after)?;
        let entry = entry.because(format!("{} ({})", reason.explanation(), attempt.id));
        let change = super::change::Change::new(Actor::Gateway, now);
        self.note(connection, &change, entry).await?;
        Ok(true)
    }
}

/// By how much outcomes and the changes of their deliveries, all of which were pending, change the
/// counters.
fn deltas(news: &[(&Outcome, &Option<Change>)]) -> Deltas {
    let mut deltas = Deltas::default();
    for (Outcome { attempt, .. }, change) in news {
        if let Ok(response) = &attempt.exchange.result {
            deltas.add_bytes(attempt.project, &response.body);
        }
        if let Some(change) = change {
            deltas.moved(change.project, DeliveryState::Pending, change.state, 1);
        }
    }
    deltas
}

/// What has happened: each attempt, and what its delivery has come to.
fn journal(news: &[(&Outcome, &Option<Change>)]) -> Journal {
    let mut journal = Journal::default();
    for (Outcome { attempt, .. }, change) in news {
        let next = change.as_ref().and_then(|change| change.due);
        journal.attempt(attempt.project, (attempt.id, attempt.delivery), next);
        if let Some(Change {
            state,
            reason,
            due: None,
            ..
        }) = change
        {
            journal.delivery(attempt.project, attempt.delivery, *state, *reason);
        }
    }
    journal
}

/// Holds the deliveries that are still owned under `lease`. Gives whether each is to be called off.
async fn held(
    connection: &mut Connection,
    lease: Lease,
    outcomes: &[Outcome],
) -> StoreResult<HashMap<DeliveryId, bool>> {
    let deliveries = outcomes.iter().map(|outcome| outcome.attempt.delivery);
    let pending = hold::pending(connection, deliveries).await?;
    let owned = pending
        .into_iter()
        .filter(|(_, owner)| *owner == Some(lease));
    let mut held: HashMap<_, _> = owned.map(|(delivery, _)| (delivery, false)).collect();
    // Asked once they are held: nobody who wants one called off can come in between.
    let owned: Vec<_> = held.keys().copied().collect();
    let [first, last] = span(&owned);
    let rows = query(
        "SELECT id FROM deliveries
         WHERE id IN (SELECT value FROM json_each($1)) AND id BETWEEN $2 AND $3
           AND cancel_requested = 1",
    )
    .bind(list(&owned))
    .bind(first)
    .bind(last)
    .fetch_all(connection)
    .await?;
    for row in &rows {
        held.insert(row.parsed("id")?, true);
    }
    Ok(held)
}

/// What is written about a delivery.
#[derive(Serialize)]
struct Change {
    id: DeliveryId,
    state: DeliveryState,
    reason: Option<&'static str>,
    detail: Option<String>,
    error_kind: Option<ErrorKind>,
    status: Option<u16>,
    attempts: u32,
    due: Option<i64>,
    #[serde(skip)]
    project: ProjectId,
}

fn change(outcome: &Outcome, held: &HashMap<DeliveryId, bool>) -> Option<Change> {
    let attempt = &outcome.attempt;
    let cancel = *held.get(&attempt.delivery)?;
    let (state, reason, due) = match outcome.verdict {
        Verdict::Delivered => (DeliveryState::Delivered, None, None),
        Verdict::Retry(_) | Verdict::Dead(_) if cancel => (
            DeliveryState::Cancelled,
            Some(CancelReason::Requested.as_str()),
            None,
        ),
        Verdict::Retry(due) => (DeliveryState::Pending, None, Some(due.as_millis())),
        Verdict::Dead(reason) => (DeliveryState::Dead, Some(DeadReason::as_str(reason)), None),
    };
    let failure = attempt.exchange.failure();
    let response = attempt.exchange.result.as_ref().ok();
    Some(Change {
        id: attempt.delivery,
        state,
        reason,
        error_kind: failure.as_ref().map(|failure| failure.kind),
        status: response.map(|response| response.status),
        detail: failure.map(|failure| failure.to_string()),
        attempts: attempt.number,
        due,
        project: attempt.project,
    })
}

fn recorded(change: &Option<Change>) -> Recorded {
    match change {
        None => Recorded::Superseded,
        Some(Change { due: Some(due), .. }) => Recorded::Waiting(Timestamp::from_millis(*due)),
        Some(change) => Recorded::Final(change.state),
    }
}

async fn write_deliveries(
    connection: &mut Connection,
    changes: &[&Change],
    now: Timestamp,
) -> StoreResult<()> {
    let ids: Vec<_> = changes.iter().map(|change| change.id).collect();
    let [first, last] = span(&ids);
    query(
        "UPDATE deliveries
         SET state = w.value ->> 'state', reason = w.value ->> 'reason', detail = w.value ->> 'detail',
             error_kind = w.value ->> 'error_kind',
             status = CAST(w.value ->> 'status' AS BIGINT),
             attempts = CAST(w.value ->> 'attempts' AS BIGINT),
             cancel_requested = 0, updated_at = $2
         FROM json_each($1) AS w
         WHERE deliveries.id = w.value ->> 'id' AND deliveries.id BETWEEN $3 AND $4",
    )
    .bind(to_json(&changes)?)
    .bind(now.as_millis())
    .bind(first)
    .bind(last)
    .execute(connection)
    .await?;
    Ok(())
}

async fn write_queue(connection: &mut Connection, changes: &[&Change]) -> StoreResult<()> {
    let (waiting, done): (Vec<&Change>, Vec<&Change>) =
        changes.iter().partition(|change| change.due.is_some());
    query("DELETE FROM queue WHERE delivery_id IN (SELECT value FROM json_each($1))")
        .bind(list(done.iter().map(|change| change.id)))
        .execute(&mut *connection)
        .await?;
    if waiting.is_empty() {
        return Ok(());
    }
    query(
        "UPDATE queue SET due_at = CAST(w.value ->> 'due' AS BIGINT), owner = NULL
         FROM json_each($1) AS w WHERE queue.delivery_id = w.value ->> 'id'",
    )
    .bind(to_json(&waiting)?)
    .execute(connection)
    .await?;
    Ok(())
}

/// Writes attempts into the log, and gives which of them were not there: what is recorded again,
/// because nobody could say whether it was, counts once.
async fn insert_attempts(
    connection: &mut Connection,
    outcomes: &[Outcome],
) -> StoreResult<HashSet<AttemptId>> {
    let insert = Insert {
        into: "attempts (id, delivery_id, project_id, endpoint_id, number, started_at, duration_ms, \
               url, format, request_headers_json, address, error_kind, error_message, status, \
               response_headers_json, response_body, response_truncated, response_broke_off)",
        columns: 18,
        tail: "ON CONFLICT DO NOTHING RETURNING id",
    };
    let inserted = insert
        .run(connection, outcomes, |values, outcome| {
            let attempt = &outcome.attempt;
            let failure = attempt.exchange.failure();
            let response = attempt.exchange.result.as_ref().ok();
            let headers = |headers: &Vec<(String, String)>| serde_json::json!(headers).to_string();
            values
                .bind(attempt.id.to_string())
                .bind(attempt.delivery.to_string())
                .bind(attempt.project.to_string())
                .bind(attempt.endpoint.to_string())
                .bind(attempt.number)
                .bind(attempt.started_at.as_millis())
                .bind(i64::try_from(attempt.exchange.duration.as_millis()).unwrap_or(i64::MAX))
                .bind(&attempt.url)
                .bind(outcome.format.as_str())
                .bind(headers(&attempt.request_headers))
                .bind(attempt.exchange.address.map(|address| address.to_string()))
                .bind(failure.as_ref().map(|failure| failure.kind.as_str()))
                .bind(failure.map(|failure| failure.message))
                .bind(response.map(|response| response.status))
                .bind(response.map(|response| headers(&response.headers)))
                .bind(response.map(|response| response.body.to_vec()))
                .bind(response.is_some_and(|response| response.truncated))
                .bind(response.and_then(|response| Some(response.broke_off.as_ref()?.to_string())))
        })
        .await?;
    inserted.iter().map(|row| row.parsed("id")).collect()
}
