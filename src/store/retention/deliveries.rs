//! Deliveries that have ended, with their attempts.

use sqlx::AssertSqlSafe;

use super::Swept;
use crate::{
    domain::{delivery::DeliveryState, ids::DeliveryId, time::Timestamp},
    store::{
        Connection, Store, StoreResult,
        counters::{Counter, Deltas},
        hold,
        partitions::{Log, Rows},
        sql::{list, query, span},
    },
};

impl Store {
    /// Removes up to `limit` deliveries among `rows` that came into `state` before `before`, with their
    /// attempts. What is pending is never removed.
    ///
    /// # Errors
    /// If the store cannot be written: nothing is removed then.
    pub async fn sweep_deliveries(
        &self,
        rows: &Rows,
        state: DeliveryState,
        before: Timestamp,
        limit: u32,
    ) -> StoreResult<Swept> {
        let mut transaction = self.write().await?;
        let table = rows.table(Log::Deliveries);
        let due = query(AssertSqlSafe(format!(
            "SELECT id FROM {table} WHERE state <> 'pending' AND state = $1 AND updated_at < $2
             ORDER BY updated_at LIMIT $3"
        )))
        .bind(state.as_str())
        .bind(before.as_millis())
        .bind(limit)
        .fetch_all(&mut transaction)
        .await?;
        let due = due.iter().map(|row| row.parsed("id"));
        let due = due.collect::<StoreResult<Vec<DeliveryId>>>()?;
        // They are found by age and held by id, as whoever revives some holds them.
        hold::ended(&mut transaction, &due).await?;
        let [first, last] = span(&due);
        // The condition stands twice: where many write, a row may have changed since it was found.
        let rows = query(AssertSqlSafe(format!(
            "DELETE FROM {table}
             WHERE id IN (SELECT value FROM json_each($1)) AND id BETWEEN $2 AND $3
               AND state = $4 AND updated_at < $5
             RETURNING id, project_id"
        )))
        .bind(list(&due))
        .bind(first)
        .bind(last)
        .bind(state.as_str())
        .bind(before.as_millis())
        .fetch_all(&mut transaction)
        .await?;
        let mut deltas = Deltas::default();
        let mut removed = Vec::with_capacity(rows.len());
        for row in &rows {
            deltas.add(row.parsed("project_id")?, Counter::of(state), -1);
            removed.push(row.parsed("id")?);
        }
        remove_attempts(&mut transaction, &removed, &mut deltas).await?;
        deltas.write(&mut transaction).await?;
        transaction.commit().await?;
        Ok(Swept::first(removed.len() as u64, limit))
    }
}

async fn remove_attempts(
    connection: &mut Connection,
    deliveries: &[DeliveryId],
    deltas: &mut Deltas,
) -> StoreResult<()> {
    let rows = query(
        "DELETE FROM attempts WHERE delivery_id IN (SELECT value FROM json_each($1))
         RETURNING project_id, coalesce(length(response_body), 0) AS bytes",
    )
    .bind(list(deliveries))
    .fetch_all(connection)
    .await?;
    for row in &rows {
        let bytes: i64 = row.number("bytes")?;
        deltas.add(row.parsed("project_id")?, Counter::StoredBytes, -bytes);
    }
    Ok(())
}
