//! Erasure: the payload of an event and what was captured of its attempts are wiped. That it
//! happened, when, and what came of it remains.
//!
//! On SQLite what is wiped is overwritten in the file with it, and not only left unused. PostgreSQL
//! writes a row anew: what it was before is gone for whoever asks, and leaves the files as `VACUUM`
//! comes by.

use std::{
    borrow::Cow,
    collections::{BTreeSet, HashSet},
};

use sqlx::AssertSqlSafe;

use super::{
    Backend, Connection, Store, StoreError, StoreResult,
    audit::Entry,
    change::Change,
    counters::{Counter, Deltas},
    deliveries::{self, Closing},
    events, hold,
    journal::Journal,
    locks,
    record::Outcome,
    sql::{Dialect, Row, list, query},
};
use crate::domain::{
    audit::Action,
    delivery::{CancelReason, DeliveryState},
    event::Event,
    ids::{DeliveryId, EventId, ProjectId, platform_project},
    time::Timestamp,
};

/// The most deliveries whose attempts are wiped in a step.
pub const MAX_WIPED: u32 = 200;

/// An event that is to be erased.
#[derive(Debug, Clone, Copy)]
pub struct Erasure {
    /// The event.
    pub event: EventId,
    /// Whose event it is.
    pub project: ProjectId,
    /// What to do with what is still to be carried out.
    pub pending: PendingWork,
}

/// What an erasure does with deliveries that are pending and reactions that are still to come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PendingWork {
    /// It waits for them: nothing is erased while there are any.
    Respect,
    /// It calls off what is this project's.
    CancelOf(ProjectId),
    /// It calls off all.
    CancelAll,
}

/// What came of an erasure.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Erased {
    /// The payload is gone.
    Done {
        /// Since when.
        at: Timestamp,
        /// How many attempts were wiped in this step.
        attempts: u64,
        /// How many deliveries were called off.
        cancelled: u64,
        /// Deliveries that a node has in memory or in flight: they are called off there.
        cancelling: Vec<(ProjectId, DeliveryId)>,
    },
    /// Something is still to be carried out that may not be called off: nothing was erased.
    Held(Holds),
}

/// What is still to be carried out about events.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Holds {
    /// Deliveries that are pending, and reactions that are still to come, of the project.
    pub own: u64,
    /// The same of the platform.
    pub others: u64,
}

impl Holds {
    /// Whether an erasure has to wait for them.
    pub fn forbid(self, pending: PendingWork) -> bool {
        match pending {
            PendingWork::Respect => self.own + self.others > 0,
            PendingWork::CancelOf(_) => self.others > 0,
            PendingWork::CancelAll => false,
        }
    }
}

/// What a step of wiping attempts came to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Wiped {
    /// How many attempts it wiped.
    pub attempts: u64,
    /// The last delivery that it looked at.
    pub position: String,
    /// Whether none is left.
    pub is_last: bool,
}

impl Store {
    /// What is still to be carried out about `events` of `project`.
    ///
    /// # Errors
    /// If the store cannot be read.
    pub async fn erasure_holds(
        &self,
        project: ProjectId,
        events: &[EventId],
    ) -> StoreResult<Holds> {
        let mut connection = self.read().await?;
        holds(&mut connection, project, events).await
    }

    /// Wipes what was captured of the attempts of up to [`MAX_WIPED`] deliveries of `event` from
    /// behind `after` on. Of very many it is done in steps, before the event itself is erased.
    ///
    /// # Errors
    /// If the store cannot be written.
    pub async fn wipe_attempts(&self, event: EventId, after: &str) -> StoreResult<Wiped> {
        let mut transaction = self.write_securely().await?;
        let rows =
            query("SELECT id FROM deliveries WHERE event_id = $1 AND id > $2 ORDER BY id LIMIT $3")
                .bind(event.to_string())
                .bind(after)
                .bind(MAX_WIPED)
                .fetch_all(&mut transaction)
                .await?;
        let ids = rows.iter().map(|row| row.text("id"));
        let ids = ids.collect::<StoreResult<Vec<_>>>()?;
        let attempts = wipe(&mut transaction, &ids).await?;
        self.relax(&mut transaction).await?;
        transaction.commit().await?;
        Ok(Wiped {
            attempts,
            is_last: ids.len() < MAX_WIPED as usize,
            position: ids.into_iter().last().unwrap_or_default(),
        })
    }

    /// Erases the payload of an event, wipes what is left of its attempts, and calls off what is
    /// pending, in one transaction. Erasing it again wipes what came in meanwhile.
    ///
    /// # Errors
    /// [`StoreError::NotFound`] if the project has no such event.
    pub async fn erase(&self, erasure: Erasure, change: &Change) -> StoreResult<Erased> {
        let Erasure {
            event,
            project,
            pending,
        } = erasure;
        let now = change.now;
        let mut transaction = self.write_securely().await?;
        // What the platform delivers of it is called off as well.
        for owner in BTreeSet::from([project, platform_project()]) {
            locks::own_changes(&mut transaction, owner.into()).await?;
        }
        // Whoever records an attempt has done so by then, or sees that the event is erased.
        let deliveries = deliveries_of(&mut transaction, event).await?;
        hold::pending(&mut transaction, deliveries).await?;
        hold_event(&mut transaction, event).await?;
        let holds = holds(&mut transaction, project, &[event]).await?;
        if holds.forbid(pending) {
            self.relax(&mut transaction).await?;
            transaction.commit().await?;
            return Ok(Erased::Held(holds));
        }
        let erased = blank(&mut transaction, project, event, now).await?;
        let at = erased.erased_at.unwrap_or(now);
        if at == now {
            let entry = Entry::made(Action::EventErased, &erased)?;
            self.note(&mut transaction, change, entry).await?;
        }
        drop_fanouts(&mut transaction, event).await?;
        let rows = query("SELECT id, project_id, state FROM deliveries WHERE event_id = $1")
            .bind(event.to_string())
            .fetch_all(&mut transaction)
            .await?;
        let mut journal = Journal::default();
        let (cancelled, cancelling) = call_off(&mut transaction, &rows, &mut journal, now).await?;
        let all = rows.iter().map(|row| row.text("id"));
        let all = all.collect::<StoreResult<Vec<_>>>()?;
        let attempts = wipe(&mut transaction, &all).await?;
        self.relax(&mut transaction).await?;
        self.conclude(transaction, &journal, now).await?;
        Ok(Erased::Done {
            at,
            attempts,
            cancelled,
            cancelling,
        })
    }
}

impl Store {
    /// Takes what was erased out of the log of changes as well, if nobody reads it. Gives whether that
    /// could be done; otherwise it goes with the changes to come.
    ///
    /// # Errors
    /// If the store cannot be written.
    pub async fn empty_log(&self) -> StoreResult<bool> {
        match &self.backend {
            Backend::Sqlite(database) => database.empty_log().await,
            Backend::Postgres(_) => Ok(true),
        }
    }
}

async fn deliveries_of(
    connection: &mut Connection,
    event: EventId,
) -> StoreResult<Vec<DeliveryId>> {
    let rows = query("SELECT id FROM deliveries WHERE event_id = $1")
        .bind(event.to_string())
        .fetch_all(connection)
        .await?;
    rows.iter().map(|row| row.parsed("id")).collect()
}

/// Sees to it that nobody makes or revives a delivery of `event` until the transaction ends. SQLite has
/// one writer.
async fn hold_event(connection: &mut Connection, event: EventId) -> StoreResult<()> {
    if connection.dialect() == Dialect::Postgres {
        for statement in [
            "SELECT 1 FROM events WHERE id = $1 FOR UPDATE",
            "SELECT 1 FROM fanouts WHERE event_id = $1 ORDER BY project_id FOR UPDATE",
        ] {
            let held = query(statement).bind(event.to_string());
            held.fetch_all(connection).await?;
        }
    }
    Ok(())
}

async fn holds(
    connection: &mut Connection,
    project: ProjectId,
    events: &[EventId],
) -> StoreResult<Holds> {
    let rows = query(
        "SELECT d.project_id, count(*) AS count
         FROM json_each($1) AS w CROSS JOIN deliveries AS d
         WHERE d.event_id = w.value AND d.state = 'pending' GROUP BY d.project_id
         UNION ALL
         SELECT project_id, count(*) AS count FROM fanouts
         WHERE event_id IN (SELECT value FROM json_each($1)) GROUP BY project_id",
    )
    .bind(list(events))
    .fetch_all(connection)
    .await?;
    let mut holds = Holds::default();
    for row in &rows {
        match row.parsed::<ProjectId>("project_id")? == project {
            true => holds.own += row.number::<u64>("count")?,
            false => holds.others += row.number::<u64>("count")?,
        }
    }
    Ok(holds)
}

/// Takes out of an event what may be anybody's business. Gives what is left of it.
async fn blank(
    connection: &mut Connection,
    project: ProjectId,
    event: EventId,
    now: Timestamp,
) -> StoreResult<Event> {
    let row = query(
        "SELECT length(data) AS bytes, coalesce(erased_at, $3) AS erased_at
         FROM events WHERE id = $1 AND project_id = $2",
    )
    .bind(event.to_string())
    .bind(project.to_string())
    .bind(now.as_millis())
    .fetch_optional(&mut *connection)
    .await?;
    let row = row.ok_or(StoreError::NotFound("event"))?;
    let at = row.time("erased_at")?;
    let blanked = query(
        "UPDATE events SET subject = NULL, attributes_json = '{}', data_kind = 'absent', data = $3,
                           erased_at = $2
         WHERE id = $1 RETURNING *",
    )
    .bind(event.to_string())
    .bind(at.as_millis())
    .bind(Vec::new())
    .fetch_one(&mut *connection)
    .await?;
    // Why an event could not be emitted may quote what was in it.
    query(
        "UPDATE deliveries SET detail = 'the payload of its event was erased'
         WHERE event_id = $1 AND endpoint_id IS NULL AND detail IS NOT NULL",
    )
    .bind(event.to_string())
    .execute(&mut *connection)
    .await?;
    // So may how it broke the schema of its type. PostgreSQL takes nothing out of JSON that has U+0000 anywhere.
    query(connection.by(
        "UPDATE seen_types SET violation_json = NULL
         WHERE project_id = $1 AND type = $2 AND violation_json ->> 'event' = $3",
        "UPDATE seen_types SET violation_json = NULL
         WHERE project_id = $1 AND type = $2
           AND CAST(replace(violation_json, '\\u0000', '\\ufffd') AS json) ->> 'event' = $3",
    ))
    .bind(project.to_string())
    .bind(blanked.text("type")?)
    .bind(event.to_string())
    .execute(&mut *connection)
    .await?;
    let mut deltas = Deltas::default();
    deltas.add(project, Counter::StoredBytes, -row.number::<i64>("bytes")?);
    deltas.write(connection).await?;
    Ok(events::record(&blanked)?.event)
}

/// Wipes what was captured of the attempts of `deliveries`. Gives of how many.
async fn wipe(connection: &mut Connection, deliveries: &[String]) -> StoreResult<u64> {
    let rows = query(
        "SELECT a.id, a.project_id, coalesce(length(a.response_body), 0) AS bytes
         FROM json_each($1) AS w CROSS JOIN attempts AS a
         WHERE a.delivery_id = w.value
           AND (a.request_headers_json <> '[]' OR length(a.response_body) > 0
                OR a.response_headers_json <> '[]')",
    )
    .bind(list(deliveries))
    .fetch_all(&mut *connection)
    .await?;
    let mut deltas = Deltas::default();
    let mut attempts = Vec::with_capacity(rows.len());
    for row in &rows {
        let bytes: i64 = row.number("bytes")?;
        deltas.add(row.parsed("project_id")?, Counter::StoredBytes, -bytes);
        attempts.push(row.text("id")?);
    }
    query(
        "UPDATE attempts
         SET request_headers_json = '[]',
             response_headers_json = CASE WHEN response_headers_json IS NOT NULL THEN '[]' END,
             response_body = CASE WHEN response_body IS NOT NULL THEN $2 END
         WHERE id IN (SELECT value FROM json_each($1))",
    )
    .bind(list(&attempts))
    .bind(Vec::new())
    .execute(&mut *connection)
    .await?;
    deltas.write(connection).await?;
    Ok(attempts.len() as u64)
}

/// Calls off what is pending among `rows`. Gives how many deliveries are called off, and those that
/// a node still has.
async fn call_off(
    connection: &mut Connection,
    rows: &[Row],
    journal: &mut Journal,
    now: Timestamp,
) -> StoreResult<(u64, Vec<(ProjectId, DeliveryId)>)> {
    let mut pending = Vec::new();
    for row in rows {
        if row.parsed::<DeliveryState>("state")? == DeliveryState::Pending {
            let delivery: (ProjectId, DeliveryId) = (row.parsed("project_id")?, row.parsed("id")?);
            pending.push(delivery);
        }
    }
    let held = hold::pending(connection, pending.iter().map(|(_, id)| *id)).await?;
    let free = held.iter().filter(|(_, owner)| owner.is_none());
    let free: Vec<_> = free.map(|(id, _)| *id).collect();
    query("DELETE FROM queue WHERE delivery_id IN (SELECT value FROM json_each($1))")
        .bind(list(&free))
        .execute(&mut *connection)
        .await?;
    let closing = Closing::called_off(CancelReason::EventErased);
    deliveries::close(&mut *connection, &free, closing, journal, now).await?;
    pending.retain(|(_, id)| held.get(id).is_some_and(Option::is_some));
    query(
        "UPDATE deliveries SET cancel_requested = 1, updated_at = $2
         WHERE id IN (SELECT value FROM json_each($1))",
    )
    .bind(list(pending.iter().map(|(_, id)| id)))
    .bind(now.as_millis())
    .execute(connection)
    .await?;
    Ok((free.len() as u64, pending))
}

async fn drop_fanouts(connection: &mut Connection, event: EventId) -> StoreResult<()> {
    let rows = query("DELETE FROM fanouts WHERE event_id = $1 RETURNING project_id")
        .bind(event.to_string())
        .fetch_all(&mut *connection)
        .await?;
    let mut deltas = Deltas::default();
    for row in &rows {
        deltas.add(row.parsed("project_id")?, Counter::Fanouts, -1);
    }
    deltas.write(connection).await
}

/// Outcomes as they may be written: of attempts whose events were erased while they were under way
/// nothing is captured. `suspects` are the deliveries for which that may be.
pub(super) async fn cleared<'a>(
    connection: &mut Connection,
    outcomes: &'a [Outcome],
    suspects: &[DeliveryId],
) -> StoreResult<Cow<'a, [Outcome]>> {
    if suspects.is_empty() {
        return Ok(Cow::Borrowed(outcomes));
    }
    // Whoever is erasing one of the events waits until this is written, or has been waited for.
    let lock = connection.by("", "ORDER BY e.id FOR SHARE OF e");
    let rows = query(AssertSqlSafe(format!(
        "SELECT d.id, e.erased_at FROM json_each($1) AS w
         CROSS JOIN deliveries AS d
         CROSS JOIN events AS e
         WHERE d.id = w.value AND e.id = d.event_id {lock}"
    )))
    .bind(list(suspects))
    .fetch_all(connection)
    .await?;
    let mut erased = HashSet::new();
    for row in &rows {
        if row.time_opt("erased_at")?.is_some() {
            erased.insert(row.parsed::<DeliveryId>("id")?);
        }
    }
    let mut outcomes = Cow::Borrowed(outcomes);
    if !erased.is_empty() {
        let all = outcomes.to_mut().iter_mut();
        all.filter(|outcome| erased.contains(&outcome.attempt.delivery))
            .for_each(|outcome| outcome.attempt.wipe());
    }
    Ok(outcomes)
}
