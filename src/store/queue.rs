//! The queue: pending deliveries, each owned under the lease of the node that has it in memory, or
//! free to be claimed once it is due.

use std::{collections::HashMap, sync::Arc};

use super::{
    Connection, Store, StoreResult, deliveries,
    deliveries::Closing,
    events,
    journal::Journal,
    sql::{Row, list, query, query_scalar},
};
use crate::domain::{
    delivery::{CancelReason, DeadReason, DeliveryState},
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
    /// If the store cannot be written: nothing is claimed then.
    pub async fn claim_due(
        &self,
        lease: Lease,
        wishes: &[Wish],
        now: Timestamp,
    ) -> StoreResult<Vec<Claim>> {
        let (mut transaction, mut journal) = (self.write().await?, Journal::default());
        let mut claims = Vec::with_capacity(wishes.len());
        for wish in wishes {
            let ids = own_due(&mut transaction, lease, *wish, &mut journal, now).await?;
            claims.push(Claim {
                endpoint: wish.endpoint,
                jobs: jobs(&mut transaction, lease, &ids).await?,
                next_due: next_due(&mut transaction, wish.endpoint).await?,
            });
        }
        self.conclude(transaction, &journal, now).await?;
        Ok(claims)
    }

    /// Gives up what is owned under `lease` of `deliveries`: others may claim it. What was to be called off
    /// once its attempt has ended is called off.
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
        let released = query(
            "UPDATE queue SET owner = NULL
             WHERE delivery_id IN (SELECT value FROM json_each($1)) AND owner = $2
             RETURNING delivery_id",
        )
        .bind(list(deliveries))
        .bind(lease.to_string())
        .fetch_all(&mut transaction)
        .await?;
        let journal = call_off(&mut transaction, &released, now).await?;
        self.conclude(transaction, &journal, now).await?;
        Ok(())
    }

    /// Releases what is owned under other leases, as [`Store::release`] does: one process has the file, so they
    /// are gone. Gives how much that was.
    ///
    /// # Errors
    /// If the store cannot be written.
    pub async fn release_expired(&self, lease: Lease, now: Timestamp) -> StoreResult<usize> {
        let mut transaction = self.write().await?;
        let released = query(
            "UPDATE queue SET owner = NULL WHERE owner IS NOT NULL AND owner <> $1
             RETURNING delivery_id",
        )
        .bind(lease.to_string())
        .fetch_all(&mut transaction)
        .await?;
        let journal = call_off(&mut transaction, &released, now).await?;
        self.conclude(transaction, &journal, now).await?;
        Ok(released.len())
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
                    CASE WHEN e.deleted_at IS NOT NULL OR e.state = 'disabled' THEN 0
                         ELSE (SELECT min(due_at) FROM queue
                               WHERE owner IS NULL AND endpoint_id = hop.endpoint_id)
                    END AS due_at
             FROM hop LEFT JOIN endpoints AS e ON e.id = hop.endpoint_id
             WHERE endpoint_id IS NOT NULL",
        )
        .fetch_all(&mut connection)
        .await?;
        rows.iter()
            .map(|row| Ok((row.parsed("endpoint_id")?, row.time("due_at")?)))
            .collect()
    }
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
    let rows = query(
        "DELETE FROM queue WHERE delivery_id IN (
             SELECT id FROM deliveries
             WHERE id IN (SELECT value FROM json_each($1)) AND cancel_requested = 1)
         RETURNING delivery_id",
    )
    .bind(list(released))
    .fetch_all(&mut *connection)
    .await?;
    let called_off = rows.iter().map(|row| row.parsed("delivery_id"));
    let called_off = called_off.collect::<StoreResult<Vec<_>>>()?;
    let closing = Closing::called_off(CancelReason::Requested);
    deliveries::close(connection, &called_off, closing, &mut journal, now).await?;
    Ok(journal)
}

async fn own_due(
    connection: &mut Connection,
    lease: Lease,
    wish: Wish,
    journal: &mut Journal,
    now: Timestamp,
) -> StoreResult<Vec<DeliveryId>> {
    let rows = query(
        "SELECT q.delivery_id, CASE WHEN e.erased_at IS NULL THEN length(e.data) END AS bytes
         FROM queue AS q
         LEFT JOIN deliveries AS d ON d.id = q.delivery_id
         LEFT JOIN events AS e ON e.id = d.event_id
         WHERE q.endpoint_id = $1 AND q.owner IS NULL AND q.due_at <= $2
         ORDER BY q.due_at, q.delivery_id LIMIT $3",
    )
    .bind(wish.endpoint.to_string())
    .bind(now.as_millis())
    .bind(i64::try_from(wish.limit).unwrap_or(i64::MAX))
    .fetch_all(&mut *connection)
    .await?;
    let claimed = within(&rows, wish.bytes)?;
    close_empty(connection, &rows, journal, now).await?;
    query("UPDATE queue SET owner = $1 WHERE delivery_id IN (SELECT value FROM json_each($2))")
        .bind(lease.to_string())
        .bind(list(&claimed))
        .execute(connection)
        .await?;
    Ok(claimed)
}

/// The first of the deliveries in `rows`, and those after it that fit into `most` bytes with it; those
/// that have nothing to carry are left out.
fn within(rows: &[Row], most: usize) -> StoreResult<Vec<DeliveryId>> {
    let mut taken = Vec::with_capacity(rows.len());
    let mut sum = 0;
    for row in rows {
        let Some(bytes) = row.number_opt::<usize>("bytes")? else {
            continue;
        };
        sum += bytes;
        if sum > most && !taken.is_empty() {
            break;
        }
        taken.push(row.parsed("delivery_id")?);
    }
    Ok(taken)
}

/// Closes what has nothing to carry any more. It should never be: what retention removes and what is
/// erased has no pending deliveries. Left in the queue it would be due for ever.
async fn close_empty(
    connection: &mut Connection,
    rows: &[Row],
    journal: &mut Journal,
    now: Timestamp,
) -> StoreResult<()> {
    let mut empty = Vec::new();
    for row in rows {
        if row.number_opt::<i64>("bytes")?.is_none() {
            empty.push(row.parsed::<DeliveryId>("delivery_id")?);
        }
    }
    if empty.is_empty() {
        return Ok(());
    }
    tracing::error!(deliveries = ?empty, "deliveries have lost their events, and are given up");
    query("DELETE FROM queue WHERE delivery_id IN (SELECT value FROM json_each($1))")
        .bind(list(&empty))
        .execute(&mut *connection)
        .await?;
    let closing = Closing {
        state: DeliveryState::Dead,
        reason: DeadReason::EventGone.as_str(),
    };
    deliveries::close(connection, &empty, closing, journal, now).await
}

async fn jobs(
    connection: &mut Connection,
    lease: Lease,
    claimed: &[DeliveryId],
) -> StoreResult<Vec<Job>> {
    if claimed.is_empty() {
        return Ok(Vec::new());
    }
    let rows = query(
        "SELECT id, project_id, endpoint_id, event_id, listener_id IS NULL AS is_test,
                attempts, attempts_before, since
         FROM deliveries WHERE id IN (SELECT value FROM json_each($1))",
    )
    .bind(list(claimed))
    .fetch_all(&mut *connection)
    .await?;
    let mut wanted = Vec::with_capacity(rows.len());
    for row in &rows {
        wanted.push(row.parsed::<EventId>("event_id")?);
    }
    let events = events::load(connection, &wanted).await?;
    let mut jobs = HashMap::with_capacity(rows.len());
    for (row, event) in rows.iter().zip(wanted) {
        if let Some(event) = events.get(&event) {
            let job = job(row, lease, Arc::clone(event))?;
            jobs.insert(job.delivery, job);
        }
    }
    Ok(claimed.iter().filter_map(|id| jobs.remove(id)).collect())
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

async fn next_due(
    connection: &mut Connection,
    endpoint: EndpointId,
) -> StoreResult<Option<Timestamp>> {
    let due: Option<i64> =
        query_scalar("SELECT min(due_at) FROM queue WHERE endpoint_id = $1 AND owner IS NULL")
            .bind(endpoint.to_string())
            .fetch_one(connection)
            .await?;
    Ok(due.map(Timestamp::from_millis))
}
