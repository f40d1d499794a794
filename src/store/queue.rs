//! The queue: pending deliveries, each owned under the lease of the node that has it in memory, or
//! free to be claimed once it is due.

pub(super) mod release;

use std::{collections::HashMap, sync::Arc};

use sqlx::AssertSqlSafe;

use super::{
    Connection, Store, StoreResult, deliveries,
    deliveries::Closing,
    events,
    journal::Journal,
    sql::{Row, list, query, span},
};
use crate::domain::{
    delivery::{DeadReason, DeliveryState},
    event::Event,
    ids::{DeliveryId, EndpointId, EventId, ProjectId},
    lease::Lease,
    time::Timestamp,
};

/// A delivery that is ready to be attempted.
#[derive(Debug, Clone)]
pub struct Job {
    /// Under which lease it is owned.
    pub lease: Lease,
    /// The delivery.
    pub delivery: DeliveryId,
    /// Whom the delivery belongs to.
    pub project: ProjectId,
    /// Where it goes.
    pub endpoint: EndpointId,
    /// What it carries.
    pub event: Arc<Event>,
    /// Whether it tests the endpoint, which is tried once.
    pub is_test: bool,
    /// Attempts made so far, ever.
    pub attempts: u32,
    /// Attempts made before it was last redriven.
    pub attempts_before: u32,
    /// When it was made or last redriven.
    pub since: Timestamp,
}

/// A wish for jobs of an endpoint.
#[derive(Debug, Clone, Copy)]
pub struct Wish {
    /// The endpoint.
    pub endpoint: EndpointId,
    /// How many jobs at most.
    pub limit: usize,
    /// How many bytes the data of their events may have; the first job may have more.
    pub bytes: usize,
}

/// What was claimed for an endpoint.
#[derive(Debug)]
pub struct Claim {
    /// The endpoint.
    pub endpoint: EndpointId,
    /// The jobs, in the order in which they were due.
    pub jobs: Vec<Job>,
    /// When the first of what is left is due; none if nothing is left.
    pub next_due: Option<Timestamp>,
}

impl Store {
    /// Claims what is due under `lease`, as wished.
    ///
    /// # Errors
    /// If the store cannot be written: nothing is claimed then. If that is in doubt,
    /// [`Store::settle_doubts`] sees to it.
    pub async fn claim_due(
        &self,
        lease: Lease,
        wishes: &[Wish],
        now: Timestamp,
    ) -> StoreResult<Vec<Claim>> {
        let mut transaction = self.write().await?;
        let mut claimed = Vec::with_capacity(wishes.len());
        for wish in wishes {
            claimed.push(own_due(&mut transaction, lease, *wish, now).await?);
        }
        let ids = claimed.concat();
        let mut jobs = jobs(&mut transaction, lease, &ids).await?;
        let empty: Vec<_> = ids.iter().filter(|id| !jobs.contains_key(id)).collect();
        let journal = close_empty(&mut transaction, &empty, now).await?;
        let due = next_due(&mut transaction, wishes).await?;
        let concluded = self.conclude(transaction, &journal, now).await;
        self.doubts.note(&concluded, lease, ids.iter().copied());
        concluded?;
        self.doubts.dispel(&ids);
        let claims = wishes.iter().zip(claimed).map(|(wish, ids)| Claim {
            endpoint: wish.endpoint,
            jobs: ids.iter().filter_map(|id| jobs.remove(id)).collect(),
            next_due: due.get(&wish.endpoint).copied(),
        });
        Ok(claims.collect())
    }

    /// The endpoints that have work which nobody owns, with the time at which it is first due. What
    /// waits for one that takes no deliveries any more is to be closed, and has been due ever since
    /// the epoch.
    ///
    /// # Errors
    /// If the store cannot be read.
    pub async fn backlogs(&self) -> StoreResult<Vec<(EndpointId, Timestamp)>> {
        let mut connection = self.read().await?;
        // Hops from endpoint to endpoint through the index: the cost follows their number, not
        // the number of deliveries.
        let rows = query(
            "WITH RECURSIVE hop (endpoint_id) AS (
                 SELECT min(endpoint_id) FROM queue WHERE owner IS NULL
                 UNION ALL
                 SELECT (SELECT min(endpoint_id) FROM queue
                         WHERE owner IS NULL AND endpoint_id > hop.endpoint_id)
                 FROM hop WHERE hop.endpoint_id IS NOT NULL
             )
             SELECT endpoint_id,
                    CASE WHEN (SELECT e.deleted_at IS NOT NULL OR e.state = 'disabled'
                               FROM endpoints AS e WHERE e.id = hop.endpoint_id) THEN 0
                         ELSE (SELECT min(due_at) FROM queue
                               WHERE owner IS NULL AND endpoint_id = hop.endpoint_id)
                    END AS due_at
             FROM hop WHERE endpoint_id IS NOT NULL",
        )
        .fetch_all(&mut connection)
        .await?;
        rows.iter()
            .map(|row| Ok((row.parsed("endpoint_id")?, row.time("due_at")?)))
            .collect()
    }
}

/// Takes what is due into the lease, in the order in which it is due. What another transaction has in
/// its hands is passed over: claims wait for nobody.
async fn own_due(
    connection: &mut Connection,
    lease: Lease,
    wish: Wish,
    now: Timestamp,
) -> StoreResult<Vec<DeliveryId>> {
    // What is due is looked up and locked once, whatever the rest is joined by. What has lost its event
    // weighs nothing; it is claimed to be closed.
    let lock = connection.by("", "FOR UPDATE SKIP LOCKED");
    let rows = query(AssertSqlSafe(format!(
        "WITH due AS MATERIALIZED (
             SELECT delivery_id, due_at FROM queue
             WHERE endpoint_id = $1 AND owner IS NULL AND due_at <= $2
             ORDER BY due_at, delivery_id LIMIT $3 {lock}
         ), weighed AS (
             SELECT q.delivery_id, row_number() OVER so_far AS place,
                    sum(CASE WHEN e.erased_at IS NULL THEN length(e.data) ELSE 0 END) OVER so_far
                        AS bytes
             FROM due AS q
             LEFT JOIN deliveries AS d ON d.id = q.delivery_id
             LEFT JOIN events AS e ON e.id = d.event_id
             WINDOW so_far AS (ORDER BY q.due_at, q.delivery_id)
         )
         UPDATE queue SET owner = $4
         WHERE delivery_id IN (
             SELECT delivery_id FROM weighed WHERE place = 1 OR coalesce(bytes, 0) <= $5)
         RETURNING delivery_id, due_at"
    )))
    .bind(wish.endpoint.to_string())
    .bind(now.as_millis())
    .bind(i64::try_from(wish.limit).unwrap_or(i64::MAX))
    .bind(lease.to_string())
    .bind(i64::try_from(wish.bytes).unwrap_or(i64::MAX))
    .fetch_all(connection)
    .await?;
    let claimed = rows.iter();
    let claimed = claimed.map(|row| Ok((row.time("due_at")?, row.parsed("delivery_id")?)));
    let mut claimed = claimed.collect::<StoreResult<Vec<(Timestamp, DeliveryId)>>>()?;
    claimed.sort_unstable();
    Ok(claimed.into_iter().map(|(_, id)| id).collect())
}

/// Closes what has nothing to carry any more. It should never be: what retention removes and what is
/// erased has no pending deliveries. Left in the queue it would be due for ever.
async fn close_empty(
    connection: &mut Connection,
    empty: &[&DeliveryId],
    now: Timestamp,
) -> StoreResult<Journal> {
    let mut journal = Journal::default();
    if empty.is_empty() {
        return Ok(journal);
    }
    tracing::error!(deliveries = ?empty, "deliveries have lost their events, and are given up");
    query("DELETE FROM queue WHERE delivery_id IN (SELECT value FROM json_each($1))")
        .bind(list(empty))
        .execute(&mut *connection)
        .await?;
    let closing = Closing {
        state: DeliveryState::Dead,
        reason: DeadReason::EventGone.as_str(),
    };
    let empty: Vec<_> = empty.iter().copied().copied().collect();
    deliveries::close(connection, &empty, closing, &mut journal, now).await?;
    Ok(journal)
}

/// The jobs of what was claimed, but for what has lost its event.
async fn jobs(
    connection: &mut Connection,
    lease: Lease,
    claimed: &[DeliveryId],
) -> StoreResult<HashMap<DeliveryId, Job>> {
    if claimed.is_empty() {
        return Ok(HashMap::new());
    }
    let [first, last] = span(claimed);
    let rows = query(
        "SELECT id, project_id, endpoint_id, event_id, listener_id IS NULL AS is_test,
                attempts, attempts_before, since
         FROM deliveries
         WHERE id IN (SELECT value FROM json_each($1)) AND id BETWEEN $2 AND $3",
    )
    .bind(list(claimed))
    .bind(first)
    .bind(last)
    .fetch_all(&mut *connection)
    .await?;
    let mut wanted = Vec::with_capacity(rows.len());
    for row in &rows {
        wanted.push(row.parsed::<EventId>("event_id")?);
    }
    let events = events::load(connection, &wanted).await?;
    let mut jobs = HashMap::with_capacity(rows.len());
    for (row, event) in rows.iter().zip(wanted) {
        let event = events.get(&event);
        if let Some(event) = event.filter(|event| event.erased_at.is_none()) {
            let job = job(row, lease, Arc::clone(event))?;
            jobs.insert(job.delivery, job);
        }
    }
    Ok(jobs)
}

fn job(row: &Row, lease: Lease, event: Arc<Event>) -> StoreResult<Job> {
    Ok(Job {
        lease,
        delivery: row.parsed("id")?,
        project: row.parsed("project_id")?,
        endpoint: row.parsed("endpoint_id")?,
        event,
        is_test: row.flag("is_test")?,
        attempts: row.number("attempts")?,
        attempts_before: row.number("attempts_before")?,
        since: row.time("since")?,
    })
}

/// When the first of what is left for each endpoint is due.
async fn next_due(
    connection: &mut Connection,
    wishes: &[Wish],
) -> StoreResult<HashMap<EndpointId, Timestamp>> {
    let rows = query(
        "SELECT w.value AS endpoint_id,
                (SELECT min(due_at) FROM queue WHERE endpoint_id = w.value AND owner IS NULL)
                    AS due_at
         FROM json_each($1) AS w",
    )
    .bind(list(wishes.iter().map(|wish| wish.endpoint)))
    .fetch_all(connection)
    .await?;
    let mut due = HashMap::with_capacity(rows.len());
    for row in &rows {
        if let Some(at) = row.time_opt("due_at")? {
            due.insert(row.parsed("endpoint_id")?, at);
        }
    }
    Ok(due)
}
