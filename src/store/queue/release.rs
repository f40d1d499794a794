//! Giving up what is owned.

use sqlx::AssertSqlSafe;

use super::super::{
    Connection, Store, StoreResult, deliveries,
    deliveries::Closing,
    hold,
    journal::Journal,
    sql::{Row, list, query, span},
};
use crate::domain::{delivery::CancelReason, ids::DeliveryId, lease::Lease, time::Timestamp};

impl Store {
    /// Gives up what is owned under `lease` of `deliveries`: others may claim it. What was to be called
    /// off once its attempt has ended is called off.
    ///
    /// # Errors
    /// If the store cannot be written.
    pub async fn release(
        &self,
        lease: Lease,
        deliveries: &[DeliveryId],
        now: Timestamp,
    ) -> StoreResult<()> {
        let mut transaction = self.write().await?;
        let held = hold::pending(&mut transaction, deliveries.iter().copied()).await?;
        let owned = held.into_iter().filter(|(_, owner)| *owner == Some(lease));
        let owned: Vec<_> = owned.map(|(delivery, _)| delivery).collect();
        let journal = free(&mut transaction, &owned, now).await?;
        self.conclude(transaction, &journal, now).await
    }

    /// Releases what is owned under other leases, as [`Store::release`] does: one process has the file,
    /// so they are gone. Gives how much that was.
    ///
    /// # Errors
    /// If the store cannot be written.
    pub async fn release_expired(&self, lease: Lease, now: Timestamp) -> StoreResult<usize> {
        let mut transaction = self.write().await?;
        let lock = transaction.by("", "ORDER BY delivery_id FOR UPDATE");
        let rows = query(AssertSqlSafe(format!(
            "SELECT delivery_id FROM queue WHERE owner IS NOT NULL AND owner <> $1 {lock}"
        )))
        .bind(lease.to_string())
        .fetch_all(&mut transaction)
        .await?;
        let left = rows.iter().map(|row| row.parsed("delivery_id"));
        let left = left.collect::<StoreResult<Vec<_>>>()?;
        let journal = free(&mut transaction, &left, now).await?;
        self.conclude(transaction, &journal, now).await?;
        Ok(left.len())
    }
}

/// Lets others claim `deliveries`, which are held.
pub(in crate::store) async fn free(
    connection: &mut Connection,
    deliveries: &[DeliveryId],
    now: Timestamp,
) -> StoreResult<Journal> {
    let released = query(
        "UPDATE queue SET owner = NULL WHERE delivery_id IN (SELECT value FROM json_each($1))
         RETURNING delivery_id",
    )
    .bind(list(deliveries))
    .fetch_all(&mut *connection)
    .await?;
    call_off(connection, &released, now).await
}

/// Calls those of `released` off that a user wanted to be called off while they were owned: nobody
/// will record an attempt of them, and there is to be no other.
async fn call_off(
    connection: &mut Connection,
    released: &[Row],
    now: Timestamp,
) -> StoreResult<Journal> {
    let mut journal = Journal::default();
    let released = released.iter().map(|row| row.text("delivery_id"));
    let released = released.collect::<StoreResult<Vec<_>>>()?;
    let [first, last] = span(&released);
    let rows = query(
        "DELETE FROM queue WHERE delivery_id IN (
             SELECT id FROM deliveries
             WHERE id IN (SELECT value FROM json_each($1)) AND id BETWEEN $2 AND $3
               AND cancel_requested = 1)
         RETURNING delivery_id",
    )
    .bind(list(released))
    .bind(first)
    .bind(last)
    .fetch_all(&mut *connection)
    .await?;
    let called_off = rows.iter().map(|row| row.parsed("delivery_id"));
    let called_off = called_off.collect::<StoreResult<Vec<_>>>()?;
    let closing = Closing::called_off(CancelReason::Requested);
    deliveries::close(connection, &called_off, closing, &mut journal, now).await?;
    Ok(journal)
}
