//! Dropping events. Kept are those that something still needs: a delivery that is pending or dead, or
//! reactions that are not carried out yet.

use sqlx::AssertSqlSafe;

use super::{
    Partition,
    dropping::{Ages, BY_ID, Cause, Dropped, MAX_MOVED, Tried, drop_but},
};
use crate::{
    domain::{
        ids::{EventId, ProjectId},
        retention::Kept,
    },
    store::{
        Store, StoreResult,
        counters::{Counter, Deltas},
        retention,
        sql::{Connection, list, query},
    },
};

impl Store {
    /// Drops a partition of events.
    pub(super) async fn drop_events(
        &self,
        partition: &Partition,
        ages: &Ages,
    ) -> StoreResult<Tried> {
        let watch = self.watch(&[partition]).await?;
        let mut survey = self.survey().await?;
        let Some(mut kept) = needed(&mut survey, partition).await? else {
            return Ok(Tried::Not(Cause::TooFull));
        };
        let (mut deltas, removed) = count(&mut survey, partition).await?;
        survey.rollback().await?;
        let alone = self.alone(&[partition], watch).await?;
        let Some(mut transaction) = alone else {
            return Ok(Tried::Not(Cause::InUse));
        };
        // Whatever needs an event of long ago again has noted it: that of the time since the survey is
        // there by now.
        kept.extend(noted(&mut transaction, partition).await?);
        if kept.len() > MAX_MOVED {
            return Ok(Tried::Not(Cause::TooFull));
        }
        let stays = staying(&mut transaction, partition, &kept, &mut deltas).await?;
        let moved = drop_but(&mut transaction, partition, BY_ID, list(&kept)).await?;
        retention::note(&mut transaction, &stays, ages.look_again).await?;
        deltas.write(&mut transaction).await?;
        transaction.commit().await?;
        Ok(Tried::Dropped(Dropped {
            name: partition.name.clone(),
            removed: vec![(Kept::Events, removed - moved)],
            moved,
        }))
    }
}

/// Those of a partition that something needs; none if they are too many.
async fn needed(
    connection: &mut Connection,
    partition: &Partition,
) -> StoreResult<Option<Vec<String>>> {
    let (from, to) = partition.bounds();
    let rows = query(AssertSqlSafe(format!(
        "SELECT event_id FROM (
             SELECT event_id FROM deliveries
             WHERE event_id >= '{from}' AND event_id < '{to}' AND state IN ('pending', 'dead')
             UNION
             SELECT event_id FROM fanouts WHERE event_id >= '{from}' AND event_id < '{to}'
         ) AS needed LIMIT $1"
    )))
    .bind(
        i64::try_from(MAX_MOVED)
            .unwrap_or(i64::MAX)
            .saturating_add(1),
    )
    .fetch_all(connection)
    .await?;
    let needed = rows.iter().map(|row| row.text("event_id"));
    let needed = needed.collect::<StoreResult<Vec<_>>>()?;
    Ok((needed.len() <= MAX_MOVED).then_some(needed))
}

/// By how much the counters change if all of a partition goes, and how many events that is.
async fn count(
    connection: &mut Connection,
    Partition { name, .. }: &Partition,
) -> StoreResult<(Deltas, u64)> {
    let rows = query(AssertSqlSafe(format!(
        "SELECT project_id, count(*) AS events, CAST(sum(length(data)) AS BIGINT) AS bytes
         FROM {name} GROUP BY project_id"
    )))
    .fetch_all(connection)
    .await?;
    let (mut deltas, mut all) = (Deltas::default(), 0);
    for row in &rows {
        let (project, events): (_, i64) = (row.parsed("project_id")?, row.number("events")?);
        deltas.add(project, Counter::Events, -events);
        deltas.add(project, Counter::StoredBytes, -row.number::<i64>("bytes")?);
        all += events.unsigned_abs();
    }
    Ok((deltas, all))
}

/// Those of a partition that are noted as needed.
async fn noted(connection: &mut Connection, partition: &Partition) -> StoreResult<Vec<String>> {
    let (from, to) = partition.bounds();
    let rows = query("SELECT event_id FROM kept_events WHERE event_id >= $1 AND event_id < $2")
        .bind(from)
        .bind(to)
        .fetch_all(connection)
        .await?;
    rows.iter().map(|row| row.text("event_id")).collect()
}

/// The events of a partition that stay, with whose they are: `deltas` counts them no more among those
/// that go.
async fn staying(
    connection: &mut Connection,
    Partition { name, .. }: &Partition,
    kept: &[String],
    deltas: &mut Deltas,
) -> StoreResult<Vec<(ProjectId, EventId)>> {
    let rows = query(AssertSqlSafe(format!(
        "SELECT p.id, p.project_id, length(p.data) AS bytes FROM {name} AS p WHERE {BY_ID}"
    )))
    .bind(list(kept))
    .fetch_all(connection)
    .await?;
    let mut staying = Vec::with_capacity(rows.len());
    for row in &rows {
        let project = row.parsed("project_id")?;
        deltas.add(project, Counter::Events, 1);
        deltas.add(project, Counter::StoredBytes, row.number("bytes")?);
        staying.push((project, row.parsed("id")?));
    }
    Ok(staying)
}
