//! Events. One that is past its time goes, unless something still needs it: then it is noted among
//! the kept ones and looked at again later. So the walk along the log passes each event once, and
//! what is kept costs a look now and then, not one in every round.

use std::time::Duration;

use sqlx::AssertSqlSafe;

use super::Swept;
use crate::{
    domain::{
        ids::{EventId, ProjectId, first_at, stamp},
        time::Timestamp,
    },
    store::{
        Connection, Store, StoreResult,
        counters::{Counter, Deltas},
        sql::{Insert, Row, list, query},
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
    /// Removes events of a window of up to `limit`, from behind `after` on, whose names were stamped
    /// before `before`. What is still needed stays, and is to be looked at again at `again`.
    ///
    /// # Errors
    /// If the store cannot be written: nothing is removed then.
    pub async fn sweep_events(
        &self,
        after: &str,
        before: Timestamp,
        again: Timestamp,
        limit: u32,
    ) -> StoreResult<Swept> {
        let mut transaction = self.write().await?;
        let rows = query(AssertSqlSafe(format!(
            "SELECT e.id, e.project_id,
                    EXISTS (SELECT 1 FROM kept_events AS k WHERE k.event_id = e.id) AS noted,
                    {NEEDED} AS needed
             FROM events AS e WHERE e.id > $1 AND e.id < $2 ORDER BY e.id LIMIT $3"
        )))
        .bind(after)
        .bind(first_at::<crate::domain::ids::EventKind>(before).to_string())
        .bind(limit)
        .fetch_all(&mut transaction)
        .await?;
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
        let rows = query(AssertSqlSafe(format!(
            "SELECT k.event_id, e.received_at >= $1 OR {NEEDED} AS needed
             FROM kept_events AS k LEFT JOIN events AS e ON e.id = k.event_id
             WHERE k.look_at <= $2 ORDER BY k.look_at LIMIT $3"
        )))
        .bind(before.as_millis())
        .bind(now.as_millis())
        .bind(limit)
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
            is_last: rows.len() < limit as usize,
        })
    }
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

/// Notes events that the walk along the log has passed, or may have: those of units that carry on
/// with what happened long ago.
pub(in crate::store) async fn note_late(
    connection: &mut Connection,
    units: &[&Unit],
    now: Timestamp,
) -> StoreResult<()> {
    let continuing = units.iter().filter(|unit| unit.continues.is_some());
    let events = continuing.flat_map(|unit| &unit.events);
    let late: Vec<_> = events
        .map(|met| (met.event.project, met.event.id))
        .filter(|(_, id)| stamp(*id) < now.minus(LATE))
        .collect();
    note(connection, &late, now).await
}

async fn note(
    connection: &mut Connection,
    events: &[(ProjectId, EventId)],
    look_at: Timestamp,
) -> StoreResult<()> {
    let insert = Insert {
        into: "kept_events (event_id, project_id, look_at)",
        columns: 3,
        tail: "ON CONFLICT DO NOTHING",
    };
    insert
        .run(connection, events, |values, (project, id)| {
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
