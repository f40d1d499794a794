//! The nodes that share a PostgreSQL database, and their leases. One process has an SQLite file, so
//! there is nobody to agree with, and nothing is written.
//!
//! All times are by the clock of the database. A lease that was lost never comes back: who lost it goes
//! on under the next epoch.

use std::time::Duration;

use sqlx::AssertSqlSafe;

use super::{
    Backend, Connection, Store, StoreResult,
    journal::Journal,
    locks,
    queue::release::free,
    sql::{NOW, Row, list, query, query_scalar, to_json},
};
use crate::domain::{
    ids::DeliveryId,
    lease::Lease,
    node::{Node, NodeState, NodeStatus},
    time::Timestamp,
};

/// For how long nodes that are gone are remembered.
const REMEMBERED: Duration = Duration::from_secs(24 * 60 * 60);

/// The most nodes that are gone which are remembered: one that cannot start may try all day.
const MOST_REMEMBERED: i64 = 100;

/// A node that joins.
#[derive(Debug)]
pub struct Joining {
    /// What it would hold its work under. It gets a later epoch if it had this one before.
    pub lease: Lease,
    /// How long its lease holds without a heartbeat.
    pub lasts: Duration,
    /// The version of its program.
    pub version: &'static str,
    /// Where its API listens.
    pub address: String,
}

/// A node that has joined.
#[derive(Debug)]
pub struct Joined {
    /// What it holds its work under.
    pub lease: Lease,
    /// The smallest number that no other live node has.
    pub shard: u32,
    /// The time.
    pub now: Timestamp,
    /// Whether there may be others. If not, the lease never ends, and the time is the caller's.
    pub is_shared: bool,
    /// How many deliveries were released that nobody held any more.
    pub released: usize,
}

/// What a heartbeat has brought about.
#[derive(Debug)]
pub struct Heartbeat {
    /// The time.
    pub now: Timestamp,
    /// The other live nodes.
    pub others: Vec<Other>,
}

/// The most deliveries that are released in one transaction; what is left is released in the next one, or
/// by [`Store::tidy_nodes`].
pub const MAX_RELEASED: usize = 5_000;

/// Another live node.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Other {
    /// What it holds its work under.
    pub lease: Lease,
    /// Its number.
    pub shard: u32,
    /// When it was last heard of.
    pub heartbeat_at: Timestamp,
    /// Whether its lease has run out by the clock of the database.
    pub is_overdue: bool,
}

impl Store {
    /// Takes a node in, for the first time or again, and releases what is owned under leases that nobody
    /// has. `now` is the time where the database keeps none.
    ///
    /// # Errors
    /// If the store cannot be written: it may have joined all the same, and may try again.
    pub async fn join(&self, joining: &Joining, now: Timestamp) -> StoreResult<Joined> {
        if let Backend::Sqlite(_) = self.backend {
            return Ok(Joined {
                lease: joining.lease,
                shard: 0,
                now,
                is_shared: false,
                released: self.release_expired(joining.lease, now).await?,
            });
        }
        let mut transaction = self.write().await?;
        locks::own_joining(&mut transaction).await?;
        let (lease, shard, now) = register(&mut transaction, joining).await?;
        let (released, journal) = release_lost(&mut transaction, now).await?;
        self.conclude(transaction, &journal, now).await?;
        Ok(Joined {
            lease,
            shard,
            now,
            is_shared: true,
            released,
        })
    }

    /// Extends `lease` to `lasts` from now on, and tells of the other nodes. None if it is lost: others
    /// may have what was owned under it.
    ///
    /// # Errors
    /// If the store cannot be written: the lease may be extended all the same.
    pub async fn heartbeat(
        &self,
        lease: Lease,
        lasts: Duration,
        status: &NodeStatus,
    ) -> StoreResult<Option<Heartbeat>> {
        let Backend::Postgres(database) = &self.backend else {
            return Ok(None);
        };
        let mut vital = database.vital().await?;
        let row = query(AssertSqlSafe(format!(
            "UPDATE nodes
             SET heartbeat_at = clock.now, lease_until = clock.now + $3, status_json = $4
             FROM (SELECT {NOW} AS now) AS clock
             WHERE id = $1 AND epoch = $2 AND state = 'live'
             RETURNING clock.now"
        )))
        .bind(lease.node.to_string())
        .bind(number(lease.epoch))
        .bind(millis(lasts))
        .bind(to_json(status)?)
        .fetch_optional(&mut vital)
        .await?;
        let heartbeat = match row {
            Some(row) => {
                let now = row.time("now")?;
                let others = others(&mut vital, lease, now).await?;
                Some(Heartbeat { now, others })
            }
            None => None,
        };
        vital.works();
        Ok(heartbeat)
    }

    /// Declares `other` lost if nothing has been heard of it since and its lease has run out, and
    /// releases what is owned under that. Gives how many deliveries that was; none if it lives.
    ///
    /// # Errors
    /// If the store cannot be written.
    pub async fn reap(&self, other: &Other) -> StoreResult<Option<usize>> {
        let mut transaction = self.write().await?;
        let row = query(AssertSqlSafe(format!(
            "UPDATE nodes SET state = 'lost', epoch = epoch + 1
             FROM (SELECT {NOW} AS now) AS clock
             WHERE id = $1 AND epoch = $2 AND heartbeat_at = $3 AND state = 'live'
               AND lease_until < clock.now
             RETURNING clock.now"
        )))
        .bind(other.lease.node.to_string())
        .bind(number(other.lease.epoch))
        .bind(other.heartbeat_at.as_millis())
        .fetch_optional(&mut transaction)
        .await?;
        let Some(row) = row else {
            return Ok(None);
        };
        let now = row.time("now")?;
        // That it is lost counts at once, however much it had.
        self.conclude(transaction, &Journal::default(), now).await?;
        let mut all = 0;
        loop {
            let mut transaction = self.write().await?;
            let (released, journal) =
                release(&mut transaction, &[other.lease.to_string()], now).await?;
            self.conclude(transaction, &journal, now).await?;
            all += released;
            if released < MAX_RELEASED {
                return Ok(Some(all));
            }
        }
    }

    /// Gives `lease` up, with all that is owned under it.
    ///
    /// # Errors
    /// If the store cannot be written: another node does it when the lease has run out.
    pub async fn leave(&self, lease: Lease) -> StoreResult<()> {
        if let Backend::Sqlite(_) = self.backend {
            return Ok(());
        }
        let mut transaction = self.write().await?;
        let row = query(AssertSqlSafe(format!(
            "UPDATE nodes SET state = 'left', heartbeat_at = clock.now, lease_until = clock.now
             FROM (SELECT {NOW} AS now) AS clock
             WHERE id = $1 AND epoch = $2 AND state = 'live'
             RETURNING clock.now"
        )))
        .bind(lease.node.to_string())
        .bind(number(lease.epoch))
        .fetch_optional(&mut transaction)
        .await?;
        let Some(row) = row else {
            return Ok(());
        };
        let now = row.time("now")?;
        let (_, journal) = release(&mut transaction, &[lease.to_string()], now).await?;
        self.conclude(transaction, &journal, now).await
    }

    /// Releases what is owned under leases that are lost: a node that comes to itself after it was
    /// declared so may still write what it had begun. Forgets nodes that are long gone. Gives how many
    /// deliveries were released.
    ///
    /// # Errors
    /// If the store cannot be written.
    pub async fn tidy_nodes(&self, now: Timestamp) -> StoreResult<usize> {
        let mut transaction = self.write().await?;
        let (released, journal) = release_lost(&mut transaction, now).await?;
        query(
            "DELETE FROM nodes WHERE state <> 'live' AND (heartbeat_at < $1 OR id IN (
                 SELECT id FROM nodes WHERE state <> 'live'
                 ORDER BY heartbeat_at DESC, id OFFSET $2))",
        )
        .bind(now.minus(REMEMBERED).as_millis())
        .bind(MOST_REMEMBERED)
        .execute(&mut transaction)
        .await?;
        self.conclude(transaction, &journal, now).await?;
        Ok(released)
    }

    /// The nodes that share the store, and those that were there lately: those that live first. None where
    /// one process has it.
    ///
    /// # Errors
    /// If the store cannot be read.
    pub async fn nodes(&self) -> StoreResult<Vec<Node>> {
        if let Backend::Sqlite(_) = self.backend {
            return Ok(Vec::new());
        }
        let mut connection = self.read().await?;
        let rows = query(
            "SELECT id, shard, epoch, version, address, started_at, heartbeat_at, lease_until,
                    status_json, state
             FROM nodes ORDER BY state <> 'live', CASE WHEN state = 'live' THEN shard END,
                                 heartbeat_at DESC, id",
        )
        .fetch_all(&mut connection)
        .await?;
        rows.iter().map(node).collect()
    }
}

/// Writes a node's row, under a lease that it never had. Gives it with its shard and the time.
async fn register(
    connection: &mut Connection,
    joining: &Joining,
) -> StoreResult<(Lease, u32, Timestamp)> {
    let node = joining.lease.node;
    let shard: i64 = query_scalar(
        "SELECT CAST(min(free) AS BIGINT) FROM generate_series(0, (SELECT count(*) FROM nodes)) AS free
         WHERE NOT EXISTS (SELECT 1 FROM nodes
                           WHERE state = 'live' AND shard = free AND id <> $1)",
    )
    .bind(node.to_string())
    .fetch_one(connection)
    .await?;
    let row = query(AssertSqlSafe(format!(
        "INSERT INTO nodes AS known (id, shard, epoch, version, address, started_at, heartbeat_at,
                                     lease_until, status_json, state)
         SELECT $1, $2, $3, $4, $5, clock.now, clock.now, clock.now + $6, '{{}}', 'live'
         FROM (SELECT {NOW} AS now) AS clock
         ON CONFLICT (id) DO UPDATE
         SET shard = excluded.shard, epoch = greatest(known.epoch, excluded.epoch),
             heartbeat_at = excluded.heartbeat_at, lease_until = excluded.lease_until, state = 'live'
         RETURNING shard, epoch, heartbeat_at"
    )))
    .bind(node.to_string())
    .bind(shard)
    .bind(number(joining.lease.epoch))
    .bind(joining.version)
    .bind(joining.address.as_str())
    .bind(millis(joining.lasts))
    .fetch_one(connection)
    .await?;
    let epoch = row.number("epoch")?;
    let lease = Lease { node, epoch };
    Ok((lease, row.number("shard")?, row.time("heartbeat_at")?))
}

/// The live nodes beside that with `lease`.
async fn others(
    connection: &mut Connection,
    lease: Lease,
    now: Timestamp,
) -> StoreResult<Vec<Other>> {
    let rows = query(
        "SELECT id, epoch, shard, heartbeat_at, lease_until FROM nodes
         WHERE state = 'live' AND id <> $1 ORDER BY shard",
    )
    .bind(lease.node.to_string())
    .fetch_all(connection)
    .await?;
    let others = rows.iter().map(|row| {
        Ok(Other {
            lease: lease_of(row)?,
            shard: row.number("shard")?,
            heartbeat_at: row.time("heartbeat_at")?,
            is_overdue: row.time("lease_until")? < now,
        })
    });
    others.collect()
}

/// Releases what is owned under leases that nobody has. Gives how many deliveries that was.
async fn release_lost(
    connection: &mut Connection,
    now: Timestamp,
) -> StoreResult<(usize, Journal)> {
    // Named first and released then: a lease that is lost stays so, whatever happens between the two.
    let lost = query(
        "SELECT DISTINCT owner FROM queue
         WHERE owner IS NOT NULL AND NOT EXISTS (
             SELECT 1 FROM nodes AS n WHERE n.state = 'live' AND n.id || '/' || n.epoch = owner)",
    )
    .fetch_all(connection)
    .await?;
    let lost = lost.iter().map(|row| row.text("owner"));
    let lost = lost.collect::<StoreResult<Vec<_>>>()?;
    match lost.is_empty() {
        true => Ok((0, Journal::default())),
        false => release(connection, &lost, now).await,
    }
}

/// Releases what is owned under `leases`, at most [`MAX_RELEASED`], calling off what was to be. Gives how
/// many deliveries that was.
async fn release(
    connection: &mut Connection,
    leases: &[String],
    now: Timestamp,
) -> StoreResult<(usize, Journal)> {
    let owned = query(
        "SELECT delivery_id FROM queue WHERE owner IN (SELECT value FROM json_each($1))
         ORDER BY delivery_id LIMIT $2 FOR UPDATE",
    )
    .bind(list(leases))
    .bind(i64::try_from(MAX_RELEASED).unwrap_or(i64::MAX))
    .fetch_all(connection)
    .await?;
    let owned = owned.iter().map(|row| row.parsed("delivery_id"));
    let owned = owned.collect::<StoreResult<Vec<DeliveryId>>>()?;
    let journal = free(connection, &owned, now).await?;
    Ok((owned.len(), journal))
}

fn node(row: &Row) -> StoreResult<Node> {
    Ok(Node {
        lease: lease_of(row)?,
        shard: row.number("shard")?,
        version: row.text("version")?,
        address: row.text_opt("address")?,
        started_at: row.time("started_at")?,
        heartbeat_at: row.time("heartbeat_at")?,
        lease_until: Some(row.time("lease_until")?),
        state: row.parsed::<NodeState>("state")?,
        status: row.json("status_json")?,
    })
}

fn lease_of(row: &Row) -> StoreResult<Lease> {
    Ok(Lease {
        node: row.parsed("id")?,
        epoch: row.number("epoch")?,
    })
}

fn number(epoch: u64) -> i64 {
    i64::try_from(epoch).unwrap_or(i64::MAX)
}

fn millis(duration: Duration) -> i64 {
    i64::try_from(duration.as_millis()).unwrap_or(i64::MAX)
}
