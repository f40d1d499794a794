//! Small things that carry a time of their own.

use super::Swept;
use crate::{
    domain::{
        ids::{AuditKind, first_at},
        time::Timestamp,
    },
    store::{
        Store, StoreResult,
        counters::{Counter, Deltas},
        sql::{Value, query},
    },
};

/// The milliseconds of an hour: skipped deliveries with rows are counted by it.
const HOUR: i64 = 3_600_000;

impl Store {
    /// Removes up to `limit` keys of events that were taken in before `before`.
    ///
    /// # Errors
    /// If the store cannot be written: nothing is removed then.
    pub async fn sweep_event_keys(&self, before: Timestamp, limit: u32) -> StoreResult<Swept> {
        self.sweep(
            "DELETE FROM event_keys WHERE (project_id, source, producer_id) IN (
                 SELECT project_id, source, producer_id FROM event_keys
                 WHERE received_at < $1 ORDER BY received_at LIMIT $2)",
            before.as_millis(),
            limit,
        )
        .await
    }

    /// Removes up to `limit` keys of requests that were carried out before `before`, with their
    /// answers.
    ///
    /// # Errors
    /// If the store cannot be written: nothing is removed then.
    pub async fn sweep_idempotency_keys(
        &self,
        before: Timestamp,
        limit: u32,
    ) -> StoreResult<Swept> {
        self.sweep(
            "DELETE FROM idempotency_keys WHERE (realm, caller, key) IN (
                 SELECT realm, caller, key FROM idempotency_keys
                 WHERE created_at < $1 ORDER BY created_at LIMIT $2)",
            before.as_millis(),
            limit,
        )
        .await
    }

    /// Removes up to `limit` jobs that ended before `before`.
    ///
    /// # Errors
    /// If the store cannot be written: nothing is removed then.
    pub async fn sweep_jobs(&self, before: Timestamp, limit: u32) -> StoreResult<Swept> {
        self.sweep(
            "DELETE FROM jobs WHERE id IN (
                 SELECT id FROM jobs WHERE finished_at IS NOT NULL AND finished_at < $1
                 ORDER BY finished_at LIMIT $2)",
            before.as_millis(),
            limit,
        )
        .await
    }

    /// Removes up to `limit` entries of the audit log that were written before `before`.
    ///
    /// # Errors
    /// If the store cannot be written: nothing is removed then.
    pub async fn sweep_audit(&self, before: Timestamp, limit: u32) -> StoreResult<Swept> {
        self.sweep(
            "DELETE FROM audit WHERE id IN (SELECT id FROM audit WHERE id < $1 ORDER BY id LIMIT $2)",
            first_at::<AuditKind>(before).to_string(),
            limit,
        )
        .await
    }

    /// Removes up to `limit` counts of deliveries that were skipped before `before`.
    ///
    /// # Errors
    /// If the store cannot be written: nothing is removed then.
    pub async fn sweep_skip_counts(&self, before: Timestamp, limit: u32) -> StoreResult<Swept> {
        let mut transaction = self.write().await?;
        let rows = query(
            "DELETE FROM skip_counts WHERE (project_id, listener_id, reason, minute, shard) IN (
                 SELECT project_id, listener_id, reason, minute, shard FROM skip_counts
                 WHERE minute < $1 ORDER BY minute LIMIT $2)
             RETURNING project_id, count",
        )
        .bind(before.as_millis())
        .bind(limit)
        .fetch_all(&mut transaction)
        .await?;
        let mut deltas = Deltas::default();
        for row in &rows {
            let counted: i64 = row.number("count")?;
            deltas.add(
                row.parsed("project_id")?,
                Counter::SkippedWithoutRows,
                -counted,
            );
        }
        deltas.write(&mut transaction).await?;
        transaction.commit().await?;
        Ok(Swept::first(rows.len() as u64, limit))
    }

    /// Removes up to `limit` notes of how many rows listeners had in hours that are over at `now`.
    ///
    /// # Errors
    /// If the store cannot be written: nothing is removed then.
    pub async fn sweep_skip_rows(&self, now: Timestamp, limit: u32) -> StoreResult<Swept> {
        self.sweep(
            "DELETE FROM skip_rows WHERE (project_id, listener_id, hour, shard) IN (
                 SELECT project_id, listener_id, hour, shard FROM skip_rows
                 WHERE hour < $1 ORDER BY hour LIMIT $2)",
            now.as_millis().div_euclid(HOUR),
            limit,
        )
        .await
    }

    async fn sweep(
        &self,
        statement: &'static str,
        before: impl Into<Value>,
        limit: u32,
    ) -> StoreResult<Swept> {
        let mut transaction = self.write().await?;
        let removed = query(statement)
            .bind(before)
            .bind(limit)
            .execute(&mut transaction)
            .await?;
        transaction.commit().await?;
        Ok(Swept::first(removed, limit))
    }
}
