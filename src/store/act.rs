//! What is done to deliveries beside attempting them: they are called off, revived and settled.

use super::{
    Connection, Store, StoreResult,
    columns::Columns as _,
    counters::{self, Deltas},
    deliveries::{close, find},
    events,
    rows::list,
};
use crate::domain::{
    delivery::{CancelReason, DeliveryState, Target},
    event::Loss,
    ids::{DeliveryId, EndpointId, ProjectId},
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
    /// Its endpoint is disabled or deleted.
    EndpointClosed,
    /// It is an event that could not be emitted: there is nothing to send.
    Emission,
    /// Nothing is left of its event.
    NothingLeft(Loss),
}

impl Store {
    /// Calls a delivery off. `withdrawn` says that no attempt of it is under way or about to be
    /// begun on this node, though the node may own it.
    ///
    /// # Errors
    /// [`StoreError::NotFound`] if the project has no such delivery.
    pub async fn cancel(
        &self,
        project: ProjectId,
        id: DeliveryId,
        withdrawn: bool,
        now: Timestamp,
    ) -> StoreResult<Cancellation> {
        let mut transaction = self.write().await?;
        let state = find(&mut transaction, project, id).await?.state;
        if state != DeliveryState::Pending {
            return Ok(Cancellation::NotPending(state));
        }
        let removed =
            sqlx::query("DELETE FROM queue WHERE delivery_id = $1 AND (owner IS NULL OR $2)")
                .bind(id.to_string())
                .bind(withdrawn)
                .execute(&mut *transaction)
                .await?
                .rows_affected();
        let cancellation = if removed == 1 {
            close(
                &mut transaction,
                &[id],
                DeliveryState::Cancelled,
                CancelReason::Requested.as_str(),
                now,
            )
            .await?;
            Cancellation::Cancelled
        } else {
            sqlx::query(
                "UPDATE deliveries SET cancel_requested = 1, updated_at = $2 WHERE id = $1",
            )
            .bind(id.to_string())
            .bind(now.as_millis())
            .execute(&mut *transaction)
            .await?;
            Cancellation::Cancelling
        };
        transaction.commit().await?;
        Ok(cancellation)
    }

    /// Makes a delivery due now, whatever its state; one that is not pending begins its retry
    /// policy anew.
    ///
    /// # Errors
    /// [`StoreError::NotFound`] if the project has no such delivery.
    pub async fn revive(
        &self,
        project: ProjectId,
        id: DeliveryId,
        now: Timestamp,
    ) -> StoreResult<Revival> {
        let mut transaction = self.write().await?;
        let delivery = find(&mut transaction, project, id).await?;
        if let Some(loss) = events::loss(&mut transaction, delivery.event).await? {
            return Ok(Revival::NothingLeft(loss));
        }
        let Target::Webhook(endpoint) = delivery.target else {
            return Ok(Revival::Emission);
        };
        if !takes_deliveries(&mut transaction, endpoint).await? {
            return Ok(Revival::EndpointClosed);
        }
        let due = match delivery.state {
            DeliveryState::Pending => hasten(&mut transaction, id, now).await?,
            _ => reopen(&mut transaction, &[id], now).await? == 1,
        };
        transaction.commit().await?;
        Ok(if due {
            Revival::Due(endpoint)
        } else {
            Revival::UnderWay
        })
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
        let mut transaction = self.write().await?;
        if takes_deliveries(&mut transaction, endpoint).await? {
            return Ok(None);
        }
        let rows = sqlx::query(
            "DELETE FROM queue WHERE delivery_id IN (
                 SELECT delivery_id FROM queue WHERE endpoint_id = $1 AND owner IS NULL
                 ORDER BY due_at, delivery_id LIMIT $2)
             RETURNING delivery_id",
        )
        .bind(endpoint.to_string())
        .bind(limit)
        .fetch_all(&mut *transaction)
        .await?;
        let ids = rows.iter().map(|row| row.parsed("delivery_id"));
        let ids = ids.collect::<StoreResult<Vec<DeliveryId>>>()?;
        close(&mut transaction, &ids, state, reason, now).await?;
        transaction.commit().await?;
        Ok(Some(ids.len()))
    }
}

async fn takes_deliveries(connection: &mut Connection, endpoint: EndpointId) -> StoreResult<bool> {
    let open: Option<i64> = sqlx::query_scalar(
        "SELECT 1 FROM endpoints WHERE id = $1 AND deleted_at IS NULL AND state <> 'disabled'",
    )
    .bind(endpoint.to_string())
    .fetch_optional(connection)
    .await?;
    Ok(open.is_some())
}

/// Makes a delivery that nobody owns due now. Gives whether there was one.
async fn hasten(connection: &mut Connection, id: DeliveryId, now: Timestamp) -> StoreResult<bool> {
    let hastened = sqlx::query(
        "UPDATE queue SET due_at = min(due_at, $2) WHERE delivery_id = $1 AND owner IS NULL",
    )
    .bind(id.to_string())
    .bind(now.as_millis())
    .execute(connection)
    .await?;
    Ok(hastened.rows_affected() == 1)
}

/// Puts deliveries that were closed back into the queue, with all attempts before them. Gives how
/// many that were.
pub(super) async fn reopen(
    connection: &mut Connection,
    ids: &[DeliveryId],
    now: Timestamp,
) -> StoreResult<u64> {
    let closed = sqlx::query(
        "SELECT id FROM deliveries
         WHERE id IN (SELECT value FROM json_each($1)) AND state <> 'pending' AND endpoint_id IS NOT NULL",
    )
    .bind(list(ids))
    .fetch_all(&mut *connection)
    .await?;
    let closed = closed.iter().map(|row| row.text("id"));
    let closed = closed.collect::<StoreResult<Vec<_>>>()?;
    let before = counters::states(&mut *connection, &closed).await?;
    sqlx::query(
        "UPDATE deliveries
         SET state = 'pending', reason = NULL, cancel_requested = 0, attempts_before = attempts,
             since = $2, updated_at = $2
         WHERE id IN (SELECT value FROM json_each($1))",
    )
    .bind(list(&closed))
    .bind(now.as_millis())
    .execute(&mut *connection)
    .await?;
    let queued = sqlx::query(
        "INSERT INTO queue (delivery_id, endpoint_id, due_at)
         SELECT id, endpoint_id, $2 FROM deliveries WHERE id IN (SELECT value FROM json_each($1))",
    )
    .bind(list(&closed))
    .bind(now.as_millis())
    .execute(&mut *connection)
    .await?;
    let deltas = Deltas::moving(before, DeliveryState::Pending);
    deltas.write(connection).await?;
    Ok(queued.rows_affected())
}
