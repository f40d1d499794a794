//! Skipped deliveries: rows up to a limit per listener and hour, beyond it counts per minute.

use std::collections::{BTreeMap, HashMap};

use super::{
    Connection, StoreResult,
    counters::{Counter, Deltas},
    sql::{Insert, list, query},
    unit::{Fate, NewDelivery},
};
use crate::domain::{
    delivery::SkipReason,
    ids::{EventId, ListenerId, ProjectId},
    time::Timestamp,
};

/// How many rows of skipped deliveries a listener may have in an hour.
const MAX_ROWS_AN_HOUR: i64 = 1_000;

/// The millisecond counts of an hour and of a minute.
const HOUR: i64 = 3_600_000;
const MINUTE: i64 = 60_000;

/// Gives `deliveries` without the skipped ones that are too many; those are counted instead.
pub(super) async fn count_excess<'a>(
    connection: &mut Connection,
    deliveries: Vec<&'a NewDelivery>,
    now: Timestamp,
    deltas: &mut Deltas,
) -> StoreResult<Vec<&'a NewDelivery>> {
    let mut wanted: BTreeMap<(ProjectId, ListenerId), i64> = BTreeMap::new();
    for delivery in deliveries.iter().copied() {
        if let Some((listener, _)) = skipped(delivery) {
            *wanted.entry((delivery.project, listener)).or_default() += 1;
        }
    }
    if wanted.is_empty() {
        return Ok(deliveries);
    }
    let mut room = reserve(connection, wanted, now).await?;
    let mut excess = Excess::default();
    let kept = deliveries.into_iter().filter(|delivery| {
        let Some((listener, reason)) = skipped(delivery) else {
            return true;
        };
        match room.get_mut(&(delivery.project, listener)) {
            Some(rows) if *rows > 0 => *rows -= 1,
            _ => {
                excess.add(delivery, listener, reason);
                deltas.add(delivery.project, Counter::SkippedWithoutRows, 1);
                return false;
            }
        }
        true
    });
    let kept = kept.collect();
    excess.write(connection, now).await?;
    Ok(kept)
}

fn skipped(delivery: &NewDelivery) -> Option<(ListenerId, SkipReason)> {
    match (&delivery.fate, delivery.cause) {
        (Fate::Skipped(reason), Some(cause)) => Some((cause.listener, *reason)),
        _ => None,
    }
}

/// Takes rows of this hour for each listener, and gives how many of them there were left to take.
async fn reserve(
    connection: &mut Connection,
    wanted: BTreeMap<(ProjectId, ListenerId), i64>,
    now: Timestamp,
) -> StoreResult<HashMap<(ProjectId, ListenerId), i64>> {
    let hour = now.as_millis().div_euclid(HOUR);
    let insert = Insert {
        into: "skip_rows (project_id, listener_id, hour, shard, rows)",
        columns: 5,
        tail: "ON CONFLICT (project_id, listener_id, hour, shard) \
               DO UPDATE SET rows = skip_rows.rows + excluded.rows",
    };
    let wishes: Vec<_> = wanted.iter().collect();
    let shard = connection.shard();
    insert
        .run(
            connection,
            &wishes,
            |values, ((project, listener), number)| {
                values
                    .bind(project.to_string())
                    .bind(listener.to_string())
                    .bind(hour)
                    .bind(shard)
                    .bind(**number)
            },
        )
        .await?;
    let rows = query(
        "SELECT project_id, listener_id, CAST(sum(rows) AS BIGINT) AS rows FROM skip_rows
         WHERE project_id IN (SELECT value FROM json_each($1))
           AND listener_id IN (SELECT value FROM json_each($2)) AND hour = $3
         GROUP BY project_id, listener_id",
    )
    .bind(list(wanted.keys().map(|(project, _)| project)))
    .bind(list(wanted.keys().map(|(_, listener)| listener)))
    .bind(hour)
    .fetch_all(connection)
    .await?;
    rows.iter()
        .map(|row| {
            let whose = (row.parsed("project_id")?, row.parsed("listener_id")?);
            let taken: i64 = row.number("rows")?;
            let mine = wanted.get(&whose).copied().unwrap_or(0);
            Ok((whose, (MAX_ROWS_AN_HOUR - (taken - mine)).clamp(0, mine)))
        })
        .collect()
}

/// What is counted instead of being written as rows.
#[derive(Default)]
struct Excess(BTreeMap<(ProjectId, ListenerId, SkipReason), (i64, EventId, EventId)>);

impl Excess {
    fn add(&mut self, delivery: &NewDelivery, listener: ListenerId, reason: SkipReason) {
        let event = delivery.event.id;
        let key = (delivery.project, listener, reason);
        let (count, _, last) = self.0.entry(key).or_insert((0, event, event));
        *count += 1;
        *last = event;
    }

    async fn write(self, connection: &mut Connection, now: Timestamp) -> StoreResult<()> {
        let minute = now.as_millis().div_euclid(MINUTE) * MINUTE;
        let insert = Insert {
            into: "skip_counts (project_id, listener_id, reason, minute, shard, count, first_event, \
                   last_event)",
            columns: 8,
            tail: "ON CONFLICT (project_id, listener_id, reason, minute, shard) DO UPDATE SET \
                   count = skip_counts.count + excluded.count, last_event = excluded.last_event",
        };
        let rows: Vec<_> = self.0.into_iter().collect();
        let shard = connection.shard();
        insert
            .run(
                connection,
                &rows,
                |values, ((project, listener, reason), (count, first, last))| {
                    values
                        .bind(project.to_string())
                        .bind(listener.to_string())
                        .bind(reason.as_str())
                        .bind(minute)
                        .bind(shard)
                        .bind(*count)
                        .bind(first.to_string())
                        .bind(last.to_string())
                },
            )
            .await?;
        Ok(())
    }
}
