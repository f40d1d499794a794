//! Events. One that is past its time goes, unless something still needs it: then it is noted among
//! the kept ones and looked at again later. So the walk along the log passes each event once, and
//! what is kept costs a look now and then, not one in every round.

use std::{collections::BTreeSet, time::Duration};

use sqlx::AssertSqlSafe;

use super::Swept;
use crate::{
    domain::{
        ids::{DeliveryId, EventId, EventKind, ProjectId, first_at, stamp},
        time::Timestamp,
    },
    store::{
        Connection, Store, StoreResult,
        counters::{Counter, Deltas},
        partitions::{Log, Rows},
        sql::{Dialect, Insert, Row, list, query, span},
        unit::Unit,
    },
};

/// Whether something still needs the event `e`.
const NEEDED: &str = "(EXISTS (SELECT 1 FROM deliveries AS d
                               WHERE d.event_id = e.id AND d.state IN ('pending', 'dead'))
                       OR EXISTS (SELECT 1 FROM fanouts AS f WHERE f.event_id = e.id))";

/// How far the stamp of an event's name may lie behind its making before the walk along the log
/// may have passed it: what is emitted late has a name with the stamp of its cause.
const LATE: Duration = Duration::from_secs(3_600);

impl Store {
    /// Removes events of a window of up to `limit` of these `rows`, from behind `after` on, whose names
    /// were stamped before `before`. What is still needed stays, and is to be looked at again at `again`.
    ///
    /// # Errors
    /// If the store cannot be written: nothing is removed then.
    pub async fn sweep_events(
        &self,
        rows: &Rows,
        after: &str,
        before: Timestamp,
        again: Timestamp,
        limit: u32,
    ) -> StoreResult<Swept> {
        let mut transaction = self.write().await?;
        let rows = window(&mut transaction, rows, after, before, limit).await?;
        let (mut kept, mut gone) = (Vec::new(), Vec::new());
        for row in rows.iter() {
            let id: EventId = row.parsed("id")?;
            match (flag(row, "noted")?, flag(row, "needed")?) {
                (true, _) => {}
                (false, true) => kept.push((row.parsed("project_id")?, id)),
                (false, false) => gone.push(id),
            }
        }
        note(&mut transaction, &kept, again).await?;
        let removed = remove(&mut transaction, &gone).await?;
        transaction.commit().await?;
        let last = rows.last().map(|row| row.text("id")).transpose()?;
        Ok(Swept {
            removed,
            position: last.unwrap_or_else(|| after.to_owned()),
            is_last: rows.len() < limit as usize,
        })
    }

    /// Looks again at up to `limit` kept events whose time for that has come: what nothing needs any
    /// more, and was taken in before `before`, is removed; the rest is looked at again at `again`.
    ///
    /// # Errors
    /// If the store cannot be written: nothing is removed then.
    pub async fn sweep_kept_events(
        &self,
        before: Timestamp,
        now: Timestamp,
        again: Timestamp,
        limit: u32,
    ) -> StoreResult<Swept> {
        let mut transaction = self.write().await?;
        let due =
            query("SELECT event_id FROM kept_events WHERE look_at <= $1 ORDER BY look_at LIMIT $2")
                .bind(now.as_millis())
                .bind(limit)
                .fetch_all(&mut transaction)
                .await?;
        let due = due.iter().map(|row| row.text("event_id"));
        let due = due.collect::<StoreResult<Vec<_>>>()?;
        hold(&mut transaction, &due).await?;
        let rows = query(AssertSqlSafe(format!(
            "SELECT k.event_id, e.received_at >= $1 OR {NEEDED} AS needed
             FROM kept_events AS k LEFT JOIN events AS e ON e.id = k.event_id
             WHERE k.event_id IN (SELECT value FROM json_each($2))"
        )))
        .bind(before.as_millis())
        .bind(list(&due))
        .fetch_all(&mut transaction)
        .await?;
        let (mut kept, mut gone) = (Vec::new(), Vec::new());
        for row in &rows {
            let id: EventId = row.parsed("event_id")?;
            match row.number_opt::<i64>("needed")? {
                Some(1) => kept.push(id),
                _ => gone.push(id),
            }
        }
        query(
            "UPDATE kept_events SET look_at = $2
             WHERE event_id IN (SELECT value FROM json_each($1))",
        )
        .bind(list(&kept))
        .bind(again.as_millis())
        .execute(&mut transaction)
        .await?;
        query("DELETE FROM kept_events WHERE event_id IN (SELECT value FROM json_each($1))")
            .bind(list(&gone))
            .execute(&mut transaction)
            .await?;
        let removed = remove(&mut transaction, &gone).await?;
        transaction.commit().await?;
        Ok(Swept {
            removed,
            position: String::new(),
            is_last: due.len() < limit as usize,
        })
    }
}

/// The next events in the order of their names.
async fn window(
    connection: &mut Connection,
    rows: &Rows,
    after: &str,
    before: Timestamp,
    limit: u32,
) -> StoreResult<Vec<Row>> {
    let table = rows.table(Log::Events);
    let names = query(AssertSqlSafe(format!(
        "SELECT id FROM {table} WHERE id > $1 AND id < $2 ORDER BY id LIMIT $3"
    )))
    .bind(after)
    .bind(first_at::<EventKind>(before).to_string())
    .bind(limit)
    .fetch_all(connection)
    .await?;
    let names = names.iter().map(|row| row.text("id"));
    let names = names.collect::<StoreResult<Vec<_>>>()?;
    hold(connection, &names).await?;
    query(AssertSqlSafe(format!(
        "SELECT e.id, e.project_id,
                EXISTS (SELECT 1 FROM kept_events AS k WHERE k.event_id = e.id) AS noted,
                {NEEDED} AS needed
         FROM {table} AS e WHERE e.id IN (SELECT value FROM json_each($1)) ORDER BY e.id"
    )))
    .bind(list(&names))
    .fetch_all(connection)
    .await
}

/// Sees to it that nobody comes to need one of these events until the transaction ends, who does not
/// already: only then it is asked whether somebody does. SQLite has one writer.
async fn hold(connection: &mut Connection, events: &[String]) -> StoreResult<()> {
    if connection.dialect() == Dialect::Postgres {
        query(
            "SELECT 1 FROM events WHERE id IN (SELECT value FROM json_each($1))
             ORDER BY id FOR UPDATE",
        )
        .bind(list(events))
        .fetch_all(connection)
        .await?;
    }
    Ok(())
}

impl Store {
    /// How many events past their time are kept, counted up to `limit`.
    ///
    /// # Errors
    /// If the store cannot be read.
    pub async fn count_kept_events(&self, limit: u32) -> StoreResult<u64> {
        let mut connection = self.read().await?;
        let row =
            query("SELECT count(*) AS count FROM (SELECT 1 FROM kept_events LIMIT $1) AS kept")
                .bind(limit)
                .fetch_one(&mut connection)
                .await?;
        row.number("count")
    }
}

/// Notes events of long ago that units bring or need again: the walk along the log has passed them, or
/// the partition that they are in may be about to be dropped.
pub(in crate::store) async fn note_late(
    connection: &mut Connection,
    units: &[&Unit],
    now: Timestamp,
) -> StoreResult<()> {
    let met = units.iter().flat_map(|unit| &unit.events);
    let needed = units.iter().flat_map(|unit| &unit.deliveries);
    let events = met.map(|met| &met.event);
    let events = events.chain(needed.map(|delivery| &delivery.event));
    let late: BTreeSet<_> = events
        .map(|event| (event.project, event.id))
        .filter(|(_, id)| stamp(*id) < now.minus(LATE))
        .collect();
    let late: Vec<_> = late.into_iter().collect();
    note(connection, &late, now).await
}

/// Notes events of long ago that deliveries need again which have ended and come back.
pub(in crate::store) async fn note_reopened(
    connection: &mut Connection,
    deliveries: &[DeliveryId],
    now: Timestamp,
) -> StoreResult<()> {
    let [first, last] = span(deliveries);
    query(
        "INSERT INTO kept_events (event_id, project_id, look_at)
         SELECT DISTINCT e.id, e.project_id, $2 FROM events AS e
         WHERE e.id < $3
           AND e.id IN (SELECT event_id FROM deliveries
                        WHERE id IN (SELECT value FROM json_each($1)) AND id BETWEEN $4 AND $5
                          AND state <> 'dead')
         ORDER BY e.id
         ON CONFLICT DO NOTHING",
    )
    .bind(list(deliveries))
    .bind(now.as_millis())
    .bind(first_at::<EventKind>(now.minus(LATE)).to_string())
    .bind(first)
    .bind(last)
    .execute(connection)
    .await?;
    Ok(())
}

pub(in crate::store) async fn note(
    connection: &mut Connection,
    events: &[(ProjectId, EventId)],
    look_at: Timestamp,
) -> StoreResult<()> {
    // In one order, so that two who note the same never wait for each other in a circle.
    let mut events = events.to_vec();
    events.sort_unstable_by_key(|(_, id)| *id);
    let insert = Insert {
        into: "kept_events (event_id, project_id, look_at)",
        columns: 3,
        tail: "ON CONFLICT DO NOTHING",
    };
    insert
        .run(connection, &events, |values, (project, id)| {
            values
                .bind(id.to_string())
                .bind(project.to_string())
                .bind(look_at.as_millis())
        })
        .await?;
    Ok(())
}

async fn remove(connection: &mut Connection, events: &[EventId]) -> StoreResult<u64> {
    if events.is_empty() {
        return Ok(0);
    }
    let rows = query(
        "DELETE FROM events WHERE id IN (SELECT value FROM json_each($1))
         RETURNING project_id, length(data) AS bytes",
    )
    .bind(list(events))
    .fetch_all(&mut *connection)
    .await?;
    let mut deltas = Deltas::default();
    for row in &rows {
        let project = row.parsed("project_id")?;
        deltas.add(project, Counter::Events, -1);
        deltas.add(project, Counter::StoredBytes, -row.number::<i64>("bytes")?);
    }
    deltas.write(connection).await?;
    Ok(rows.len() as u64)
}

fn flag(row: &Row, column: &'static str) -> StoreResult<bool> {
    row.flag(column)
}
