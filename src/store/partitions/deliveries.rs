//! Dropping deliveries, with their attempts. Kept are those that are pending or ended not long ago, and
//! dead letters, for which another time holds.

use sqlx::AssertSqlSafe;

use super::{
    Log, Partition,
    dropping::{Ages, BY_ID, Cause, Dropped, MAX_MOVED, Tried, drop_but},
};
use crate::{
    domain::{delivery::DeliveryState, retention::Kept},
    store::{
        Store, StoreResult,
        counters::{Counter, Deltas},
        sql::{Connection, list, query},
    },
};

/// The most attempts that are removed in a step.
const STEP: u32 = 1_000;

/// Whether the delivery `d` is past its time: dead letters that died before `$1`, others that ended
/// before `$2`.
const PAST: &str = "(d.state <> 'pending'
                     AND d.updated_at < CASE WHEN d.state = 'dead' THEN $1 ELSE $2 END)";

impl Store {
    /// Drops a partition of deliveries, and that of the attempts of the same time.
    pub(super) async fn drop_deliveries(
        &self,
        deliveries: &Partition,
        ages: &Ages,
    ) -> StoreResult<Tried> {
        let all = self.partitions_of(Log::Attempts).await?;
        let same = |one: &&Partition| (one.from, one.to) == (deliveries.from, deliveries.to);
        let Some(attempts) = all.iter().find(same) else {
            return Ok(Tried::Not(Cause::TooFull));
        };
        let watch = self.watch(&[attempts, deliveries]).await?;
        let Some(kept) = self.kept_deliveries(deliveries, ages).await? else {
            return Ok(Tried::Not(Cause::TooFull));
        };
        self.remove_later_attempts(deliveries, attempts, ages)
            .await?;
        let Some(survey) = self
            .survey_deliveries(deliveries, attempts, kept, ages)
            .await?
        else {
            return Ok(Tried::Not(Cause::TooFull));
        };
        let alone = self.alone(&[attempts, deliveries], watch).await?;
        let Some(mut transaction) = alone else {
            return Ok(Tried::Not(Cause::InUse));
        };
        let mut moved = 0;
        for (partition, kept) in [
            (attempts, &survey.attempts),
            (deliveries, &survey.deliveries),
        ] {
            moved += drop_but(&mut transaction, partition, BY_ID, list(kept)).await?;
        }
        survey.deltas.write(&mut transaction).await?;
        transaction.commit().await?;
        Ok(Tried::Dropped(Dropped {
            name: deliveries.name.clone(),
            removed: survey.removed,
            moved,
        }))
    }

    /// Those of a partition that are kept; none if they are too many.
    async fn kept_deliveries(
        &self,
        Partition { name, .. }: &Partition,
        ages: &Ages,
    ) -> StoreResult<Option<Vec<String>>> {
        let mut survey = self.survey().await?;
        let rows = query(AssertSqlSafe(format!(
            "SELECT d.id FROM {name} AS d WHERE NOT {PAST} LIMIT $3"
        )))
        .bind(ages.before(Kept::DeadLetters).as_millis())
        .bind(ages.before(Kept::Deliveries).as_millis())
        .bind(limit(MAX_MOVED))
        .fetch_all(&mut survey)
        .await?;
        let kept = rows.iter().map(|row| row.text("id"));
        let kept = kept.collect::<StoreResult<Vec<_>>>()?;
        Ok((kept.len() <= MAX_MOVED).then_some(kept))
    }

    /// Removes the attempts of deliveries that go, which were made after the time of their partition.
    async fn remove_later_attempts(
        &self,
        deliveries: &Partition,
        attempts: &Partition,
        ages: &Ages,
    ) -> StoreResult<()> {
        let (name, (first, end)) = (&deliveries.name, deliveries.bounds());
        let (from, to) = attempts.bounds();
        loop {
            let mut transaction = self.write().await?;
            let rows = query(AssertSqlSafe(format!(
                "DELETE FROM attempts WHERE id IN (
                     SELECT a.id FROM attempts AS a JOIN {name} AS d ON d.id = a.delivery_id
                     WHERE a.delivery_id >= '{first}' AND a.delivery_id < '{end}'
                       AND (a.id < '{from}' OR a.id >= '{to}') AND {PAST}
                     LIMIT $3)
                 RETURNING project_id, coalesce(length(response_body), 0) AS bytes"
            )))
            .bind(ages.before(Kept::DeadLetters).as_millis())
            .bind(ages.before(Kept::Deliveries).as_millis())
            .bind(STEP)
            .fetch_all(&mut transaction)
            .await?;
            let mut deltas = Deltas::default();
            for row in &rows {
                let bytes: i64 = row.number("bytes")?;
                deltas.add(row.parsed("project_id")?, Counter::StoredBytes, -bytes);
            }
            deltas.write(&mut transaction).await?;
            transaction.commit().await?;
            if rows.len() < STEP as usize {
                return Ok(());
            }
        }
    }

    /// What goes and what is kept; none if too much is kept.
    async fn survey_deliveries(
        &self,
        deliveries: &Partition,
        attempts: &Partition,
        kept: Vec<String>,
        ages: &Ages,
    ) -> StoreResult<Option<Survey>> {
        let mut connection = self.survey().await?;
        let Some(kept_attempts) =
            kept_attempts(&mut connection, attempts, deliveries, &kept).await?
        else {
            return Ok(None);
        };
        let mut survey = Survey {
            deliveries: kept,
            attempts: kept_attempts,
            deltas: Deltas::default(),
            removed: Vec::new(),
        };
        survey
            .count_deliveries(&mut connection, deliveries, ages)
            .await?;
        survey.count_attempts(&mut connection, attempts).await?;
        Ok(Some(survey))
    }
}

/// What of two partitions is kept, and by how much the rest changes the counters.
struct Survey {
    deliveries: Vec<String>,
    attempts: Vec<String>,
    deltas: Deltas,
    removed: Vec<(Kept, u64)>,
}

impl Survey {
    async fn count_deliveries(
        &mut self,
        connection: &mut Connection,
        Partition { name, .. }: &Partition,
        ages: &Ages,
    ) -> StoreResult<()> {
        let rows = query(AssertSqlSafe(format!(
            "SELECT d.project_id, d.state, count(*) AS count FROM {name} AS d WHERE {PAST}
             GROUP BY d.project_id, d.state"
        )))
        .bind(ages.before(Kept::DeadLetters).as_millis())
        .bind(ages.before(Kept::Deliveries).as_millis())
        .fetch_all(connection)
        .await?;
        let (mut ended, mut dead) = (0, 0);
        for row in &rows {
            let (state, count): (DeliveryState, i64) = (row.parsed("state")?, row.number("count")?);
            self.deltas
                .add(row.parsed("project_id")?, Counter::of(state), -count);
            *match state {
                DeliveryState::Dead => &mut dead,
                _ => &mut ended,
            } += count.unsigned_abs();
        }
        self.removed = vec![(Kept::Deliveries, ended), (Kept::DeadLetters, dead)];
        Ok(())
    }

    async fn count_attempts(
        &mut self,
        connection: &mut Connection,
        Partition { name, .. }: &Partition,
    ) -> StoreResult<()> {
        let rows = query(AssertSqlSafe(format!(
            "SELECT project_id, CAST(sum(length(response_body)) AS BIGINT) AS bytes FROM {name}
             WHERE response_body IS NOT NULL AND NOT id IN (SELECT value FROM json_each($1))
             GROUP BY project_id"
        )))
        .bind(list(&self.attempts))
        .fetch_all(connection)
        .await?;
        for row in &rows {
            let bytes: i64 = row.number("bytes")?;
            self.deltas
                .add(row.parsed("project_id")?, Counter::StoredBytes, -bytes);
        }
        Ok(())
    }
}

/// The attempts of a partition whose deliveries are kept: those of `deliveries` that are `kept`, and
/// those of other times that are still there. None if they are too many.
async fn kept_attempts(
    connection: &mut Connection,
    Partition { name, .. }: &Partition,
    deliveries: &Partition,
    kept: &[String],
) -> StoreResult<Option<Vec<String>>> {
    let (first, end) = deliveries.bounds();
    let rows = query(AssertSqlSafe(format!(
        "SELECT a.id FROM json_each($1) AS w JOIN {name} AS a ON a.delivery_id = w.value
         UNION ALL
         SELECT a.id FROM {name} AS a
         WHERE (a.delivery_id < '{first}' OR a.delivery_id >= '{end}')
           AND EXISTS (SELECT 1 FROM deliveries AS d WHERE d.id = a.delivery_id)
         LIMIT $2"
    )))
    .bind(list(kept))
    .bind(limit(MAX_MOVED - kept.len()))
    .fetch_all(connection)
    .await?;
    let attempts = rows.iter().map(|row| row.text("id"));
    let attempts = attempts.collect::<StoreResult<Vec<_>>>()?;
    Ok((kept.len() + attempts.len() <= MAX_MOVED).then_some(attempts))
}

/// One more than there may be.
fn limit(most: usize) -> i64 {
    i64::try_from(most).unwrap_or(i64::MAX).saturating_add(1)
}
