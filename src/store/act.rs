//! What is done to deliveries beside attempting them: they are called off, revived and settled.

use std::collections::HashSet;

use serde::Serialize;
use sqlx::AssertSqlSafe;

use super::{
    Connection, Store, StoreError, StoreResult,
    audit::Entry,
    change::{Change, Done},
    counters::{self, Deltas},
    deliveries::{Closing, close, find},
    events, hold,
    journal::Journal,
    retention,
    sql::{list, query, span},
};
use crate::domain::{
    audit::Action,
    delivery::{CancelReason, Delivery, DeliveryState, Target},
    event::Loss,
    ids::{DeliveryId, EndpointId, EventId, ProjectId},
    lease::Lease,
    time::Timestamp,
};

/// What came of a wish to call a delivery off.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Cancellation {
    /// It is called off.
    Cancelled,
    /// An attempt is under way; there will be no other.
    Cancelling,
    /// It is in a state in which there is nothing to call off.
    NotPending(DeliveryState),
}

/// What came of a wish to try a delivery (again).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Revival {
    /// It is due now, at this endpoint.
    Due(EndpointId),
    /// It is about to be attempted already.
    UnderWay,
    /// It is called off as soon as the attempt that is under way has ended.
    BeingCancelled,
    /// Its endpoint is disabled or deleted.
    EndpointClosed,
    /// Nothing is left of its event.
    NothingLeft(Loss),
}

impl Store {
    /// Calls a delivery off. `withdrawn` says that no attempt of it is under way or about to be
    /// begun under that lease, though it may be owned under it.
    ///
    /// # Errors
    /// What `answer` refuses, and what [`Store::begin`] does;
    /// [`StoreError::NotFound`] if the project has no such delivery.
    pub async fn cancel<A: Serialize, E: From<StoreError>>(
        &self,
        project: ProjectId,
        id: DeliveryId,
        withdrawn: Option<Lease>,
        change: &Change,
        answer: impl FnOnce(&Cancellation) -> Result<A, E>,
    ) -> Result<Done<Cancellation, A>, E> {
        let mut writing = self.begin(project, change).await?;
        let (before, owner) = hold::one(&mut writing, project, id).await?;
        if before.state != DeliveryState::Pending {
            let cancellation = Cancellation::NotPending(before.state);
            return writing.finish(cancellation, answer).await;
        }
        let is_free = owner.is_none() || owner == withdrawn;
        let cancellation = call_off(writing.parts(), id, is_free, change.now).await?;
        let after = find(&mut writing, project, id).await?;
        let entry = Entry::changed(Action::DeliveryCancelled, &before, &after)?;
        writing.note(entry).await?;
        writing.finish(cancellation, answer).await
    }

    /// Makes a delivery of a webhook due now, whatever its state; one that is not pending begins its
    /// retry policy anew.
    ///
    /// # Errors
    /// What `answer` refuses, and what [`Store::begin`] does;
    /// [`StoreError::NotFound`] if the project has no such delivery.
    pub async fn revive<A: Serialize, E: From<StoreError>>(
        &self,
        project: ProjectId,
        id: DeliveryId,
        change: &Change,
        answer: impl FnOnce(&Revival) -> Result<A, E>,
    ) -> Result<Done<Revival, A>, E> {
        let mut writing = self.begin(project, change).await?;
        let (before, owner) = hold::one(&mut writing, project, id).await?;
        let revival = revive(writing.parts(), &before, owner, change.now).await?;
        if matches!(revival, Revival::Due(_)) {
            let after = find(&mut writing, project, id).await?;
            let entry = Entry::changed(Action::DeliveryRetried, &before, &after)?;
            writing.note(entry).await?;
        }
        writing.finish(revival, answer).await
    }

    /// Where a delivery goes that is to be called off while it is in a node's memory: nowhere if that is
    /// not so.
    ///
    /// # Errors
    /// If the store cannot be read.
    pub async fn called_off(
        &self,
        delivery: DeliveryId,
    ) -> StoreResult<Vec<(EndpointId, DeliveryId)>> {
        let statement = "SELECT id, endpoint_id FROM deliveries
                         WHERE id = $1 AND state = 'pending' AND cancel_requested = 1
                           AND endpoint_id IS NOT NULL";
        self.to_call_off(statement, delivery).await
    }

    /// The same for each delivery that carries `event`.
    ///
    /// # Errors
    /// If the store cannot be read.
    pub async fn called_off_with(
        &self,
        event: EventId,
    ) -> StoreResult<Vec<(EndpointId, DeliveryId)>> {
        let statement = "SELECT id, endpoint_id FROM deliveries
                         WHERE event_id = $1 AND state = 'pending' AND cancel_requested = 1
                           AND endpoint_id IS NOT NULL";
        self.to_call_off(statement, event).await
    }

    async fn to_call_off(
        &self,
        statement: &'static str,
        id: impl ToString,
    ) -> StoreResult<Vec<(EndpointId, DeliveryId)>> {
        let mut connection = self.read().await?;
        let rows = query(statement)
            .bind(id.to_string())
            .fetch_all(&mut connection)
            .await?;
        rows.iter()
            .map(|row| Ok((row.parsed("endpoint_id")?, row.parsed("id")?)))
            .collect()
    }

    /// Closes up to `limit` deliveries that wait, owned by nobody, for an endpoint that takes none
    /// any more. Gives how many there were; none if it takes deliveries after all.
    ///
    /// # Errors
    /// If the store cannot be written.
    pub async fn settle_endpoint(
        &self,
        endpoint: EndpointId,
        state: DeliveryState,
        reason: &'static str,
        limit: u32,
        now: Timestamp,
    ) -> StoreResult<Option<usize>> {
        let (mut transaction, mut journal) = (self.write().await?, Journal::default());
        if takes_deliveries(&mut transaction, endpoint).await? {
            return Ok(None);
        }
        let lock = transaction.by("", "FOR UPDATE SKIP LOCKED");
        let rows = query(AssertSqlSafe(format!(
            "WITH first AS MATERIALIZED (
                 SELECT delivery_id FROM queue WHERE endpoint_id = $1 AND owner IS NULL
                 ORDER BY due_at, delivery_id LIMIT $2 {lock})
             DELETE FROM queue WHERE delivery_id IN (SELECT delivery_id FROM first)
             RETURNING delivery_id"
        )))
        .bind(endpoint.to_string())
        .bind(limit)
        .fetch_all(&mut transaction)
        .await?;
        let ids = rows.iter().map(|row| row.parsed("delivery_id"));
        let ids = ids.collect::<StoreResult<Vec<DeliveryId>>>()?;
        let closing = Closing { state, reason };
        close(&mut transaction, &ids, closing, &mut journal, now).await?;
        self.conclude(transaction, &journal, now).await?;
        Ok(Some(ids.len()))
    }
}

async fn call_off(
    (connection, journal): (&mut Connection, &mut Journal),
    id: DeliveryId,
    is_free: bool,
    now: Timestamp,
) -> StoreResult<Cancellation> {
    if is_free {
        query("DELETE FROM queue WHERE delivery_id = $1")
            .bind(id.to_string())
            .execute(&mut *connection)
            .await?;
        let closing = Closing::called_off(CancelReason::Requested);
        close(connection, &[id], closing, journal, now).await?;
        return Ok(Cancellation::Cancelled);
    }
    query("UPDATE deliveries SET cancel_requested = 1, updated_at = $2 WHERE id = $1")
        .bind(id.to_string())
        .bind(now.as_millis())
        .execute(connection)
        .await?;
    Ok(Cancellation::Cancelling)
}

async fn revive(
    (connection, journal): (&mut Connection, &mut Journal),
    delivery: &Delivery,
    owner: Option<Lease>,
    now: Timestamp,
) -> StoreResult<Revival> {
    if let Some(loss) = events::loss(connection, delivery.event).await? {
        return Ok(Revival::NothingLeft(loss));
    }
    let Target::Webhook(endpoint) = delivery.target else {
        return Err(StoreError::NotFound("webhook"));
    };
    if !takes_deliveries(connection, endpoint).await? {
        return Ok(Revival::EndpointClosed);
    }
    match (delivery.state, owner) {
        (DeliveryState::Pending, None) => hasten(connection, delivery.id, now).await?,
        (DeliveryState::Pending, Some(_)) if delivery.cancel_requested => {
            return Ok(Revival::BeingCancelled);
        }
        (DeliveryState::Pending, Some(_)) => return Ok(Revival::UnderWay),
        _ => {
            let reopened = reopen(connection, &[delivery.id], journal, now).await?;
            // Another node was faster, or it has just gone with its time.
            if reopened.is_empty() {
                return Ok(Revival::UnderWay);
            }
        }
    }
    Ok(Revival::Due(endpoint))
}

/// Whether an endpoint takes deliveries: as it stays until the transaction ends.
async fn takes_deliveries(connection: &mut Connection, endpoint: EndpointId) -> StoreResult<bool> {
    let lock = connection.by("", "FOR SHARE");
    let row = query(AssertSqlSafe(format!(
        "SELECT deleted_at IS NULL AND state <> 'disabled' AS is_open
         FROM endpoints WHERE id = $1 {lock}"
    )))
    .bind(endpoint.to_string())
    .fetch_optional(connection)
    .await?;
    row.map_or(Ok(false), |row| row.flag("is_open"))
}

/// Makes a delivery that is held, and that nobody owns, due now.
async fn hasten(connection: &mut Connection, id: DeliveryId, now: Timestamp) -> StoreResult<()> {
    query("UPDATE queue SET due_at = $2 WHERE delivery_id = $1 AND due_at > $2")
        .bind(id.to_string())
        .bind(now.as_millis())
        .execute(connection)
        .await?;
    Ok(())
}

/// Puts those of the deliveries of webhooks that are closed back into the queue, with all attempts
/// before them. Gives which those are.
pub(super) async fn reopen(
    connection: &mut Connection,
    ids: &[DeliveryId],
    journal: &mut Journal,
    now: Timestamp,
) -> StoreResult<HashSet<DeliveryId>> {
    let closed = hold::ended(connection, ids).await?;
    if closed.is_empty() {
        return Ok(HashSet::new());
    }
    for (project, id) in &closed {
        journal.delivery(*project, *id, DeliveryState::Pending, None);
    }
    let closed: Vec<_> = closed.into_iter().map(|(_, id)| id).collect();
    retention::note_reopened(connection, &closed, now).await?;
    let before = counters::states(&mut *connection, &closed).await?;
    let [first, last] = span(&closed);
    query(
        "UPDATE deliveries
         SET state = 'pending', reason = NULL, cancel_requested = 0, attempts_before = attempts,
             since = $2, updated_at = $2
         WHERE id IN (SELECT value FROM json_each($1)) AND id BETWEEN $3 AND $4",
    )
    .bind(list(&closed))
    .bind(now.as_millis())
    .bind(&first)
    .bind(&last)
    .execute(&mut *connection)
    .await?;
    query(
        "INSERT INTO queue (delivery_id, project_id, endpoint_id, due_at)
         SELECT id, project_id, endpoint_id, $2 FROM deliveries
         WHERE id IN (SELECT value FROM json_each($1)) AND id BETWEEN $3 AND $4",
    )
    .bind(list(&closed))
    .bind(now.as_millis())
    .bind(&first)
    .bind(&last)
    .execute(&mut *connection)
    .await?;
    let deltas = Deltas::moving(before, DeliveryState::Pending);
    deltas.write(connection).await?;
    Ok(closed.into_iter().collect())
}
