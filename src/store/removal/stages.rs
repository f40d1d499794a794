//! The stages of a removal, in the order in which nothing is left that names what is gone.

use sqlx::AssertSqlSafe;

use crate::{
    domain::{
        delivery::DeliveryState,
        ids::{DeliveryId, EndpointId, EventId, ProjectId},
        time::Timestamp,
    },
    store::{
        Connection, StoreResult,
        counters::{Counter, Counts, Deltas, counts},
        sql::{list, query, query_scalar},
    },
};

/// A stage of a removal.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Stage {
    /// Endpoints are deleted, so that no attempt begins any more.
    Endpoints,
    /// What was left of large units goes.
    Fanouts,
    /// Attempts that are under way end, and what waits is closed.
    Quiet,
    /// Deliveries go, with their attempts.
    Deliveries,
    /// Events go, as soon as nobody has still to deliver them.
    Events,
    /// The rows of a table that belong to the project go: the table, what tells its rows apart, and
    /// the column that says whose they are.
    Table(&'static str, &'static str, &'static str),
    /// The secrets of endpoints go, and the endpoints.
    EndpointRows,
    /// The project goes.
    Project,
}

/// What a stage has done.
#[derive(Debug)]
pub(super) enum Worked {
    /// Something has to end first.
    Waiting,
    /// Rows are gone.
    Done {
        /// How many.
        rows: u32,
        /// How many of them count as progress.
        counted: u64,
        /// Whether nothing is left for this stage.
        is_through: bool,
        /// Endpoints that are deleted since.
        endpoints: Vec<EndpointId>,
    },
}

/// How many things of a project count as progress.
pub(super) fn counted(counts: &Counts) -> u64 {
    let states = DeliveryState::ALL.iter();
    let deliveries: u64 = states.map(|state| counts.get(Counter::of(*state))).sum();
    counts.get(Counter::Events) + deliveries
}

impl Stage {
    /// All of them. What a row refers to goes after it.
    pub(super) const ALL: &'static [Self] = &[
        Self::Endpoints,
        Self::Fanouts,
        Self::Quiet,
        Self::Deliveries,
        Self::Events,
        Self::Table(
            "event_keys",
            "project_id, source, producer_id",
            "project_id",
        ),
        Self::Table(
            "skip_counts",
            "project_id, listener_id, reason, minute, shard",
            "project_id",
        ),
        Self::Table(
            "skip_rows",
            "project_id, listener_id, hour, shard",
            "project_id",
        ),
        Self::Table("seen_types", "project_id, type, shard", "project_id"),
        Self::Table("seen_totals", "project_id", "project_id"),
        Self::Table("refusals", "id", "project_id"),
        Self::Table("refusal_totals", "project_id, outcome, code", "project_id"),
        Self::Table("journal", "project_id, position", "project_id"),
        Self::Table("journal_gone", "project_id", "project_id"),
        Self::Table("event_types", "project_id, type", "project_id"),
        Self::Table(
            "listener_revisions",
            "project_id, listener_id, revision",
            "project_id",
        ),
        Self::Table("failing_endpoints", "endpoint_id, project_id", "project_id"),
        Self::EndpointRows,
        Self::Table("jobs", "id", "project_id"),
        Self::Table("api_keys", "id", "project_id"),
        Self::Table("quota_refusals", "project_id, quota", "project_id"),
        Self::Table("audit", "id", "realm"),
        Self::Table("idempotency_keys", "realm, caller, key", "realm"),
        Self::Project,
    ];

    /// Does a part of it: at most `limit` rows.
    pub(super) async fn work(
        self,
        connection: &mut Connection,
        project: ProjectId,
        limit: u32,
        now: Timestamp,
    ) -> StoreResult<Worked> {
        match self {
            Self::Endpoints => delete_endpoints(connection, project, limit, now).await,
            Self::Fanouts => remove_fanouts(connection, project).await,
            Self::Quiet => is_quiet(connection, project).await,
            Self::Deliveries => remove_deliveries(connection, project, limit).await,
            Self::Events => remove_events(connection, project, limit).await,
            Self::Table(table, key, owner) => {
                remove_rows(connection, [table, key, owner], project, limit).await
            }
            Self::EndpointRows => remove_endpoints(connection, project, limit).await,
            Self::Project => remove_project(connection, project).await,
        }
    }
}

impl Worked {
    /// `rows` of at most `limit` rows are gone.
    fn rows(rows: u64, limit: u32) -> Self {
        Self::Done {
            rows: u32::try_from(rows).unwrap_or(u32::MAX),
            counted: 0,
            is_through: rows < u64::from(limit),
            endpoints: Vec::new(),
        }
    }

    /// The same, where each counts as progress.
    fn things(number: usize, limit: u32) -> Self {
        Self::Done {
            rows: u32::try_from(number).unwrap_or(u32::MAX),
            counted: number as u64,
            is_through: number < limit as usize,
            endpoints: Vec::new(),
        }
    }
}

async fn delete_endpoints(
    connection: &mut Connection,
    project: ProjectId,
    limit: u32,
    now: Timestamp,
) -> StoreResult<Worked> {
    let rows = query(
        "UPDATE endpoints SET deleted_at = $2, updated_at = $2, headers = $4
         WHERE id IN (SELECT id FROM endpoints
                      WHERE project_id = $1 AND deleted_at IS NULL ORDER BY id LIMIT $3)
         RETURNING id",
    )
    .bind(project.to_string())
    .bind(now.as_millis())
    .bind(limit)
    .bind(Vec::new())
    .fetch_all(&mut *connection)
    .await?;
    let deleted = rows.iter().map(|row| row.parsed("id"));
    let deleted = deleted.collect::<StoreResult<Vec<EndpointId>>>()?;
    let mut deltas = Deltas::default();
    deltas.add(project, Counter::Endpoints, -number(deleted.len()));
    deltas.write(connection).await?;
    Ok(Worked::Done {
        rows: u32::try_from(deleted.len()).unwrap_or(u32::MAX),
        counted: 0,
        is_through: deleted.len() < limit as usize,
        endpoints: deleted,
    })
}

async fn remove_fanouts(connection: &mut Connection, project: ProjectId) -> StoreResult<Worked> {
    let removed = query("DELETE FROM fanouts WHERE project_id = $1")
        .bind(project.to_string())
        .execute(&mut *connection)
        .await?;
    let mut deltas = Deltas::default();
    let removed = i64::try_from(removed).unwrap_or(i64::MAX);
    deltas.add(project, Counter::Fanouts, -removed);
    deltas.write(connection).await?;
    Ok(Worked::rows(0, 1))
}

async fn is_quiet(connection: &mut Connection, project: ProjectId) -> StoreResult<Worked> {
    let has = counts(connection, project).await?;
    Ok(match has.get(Counter::Pending) {
        0 => Worked::rows(0, 1),
        _ => Worked::Waiting,
    })
}

async fn remove_deliveries(
    connection: &mut Connection,
    project: ProjectId,
    limit: u32,
) -> StoreResult<Worked> {
    let rows = query("SELECT id, state FROM deliveries WHERE project_id = $1 ORDER BY id LIMIT $2")
        .bind(project.to_string())
        .bind(limit)
        .fetch_all(&mut *connection)
        .await?;
    let mut deltas = Deltas::default();
    let mut ids = Vec::with_capacity(rows.len());
    for row in &rows {
        ids.push(row.parsed::<DeliveryId>("id")?);
        deltas.add(project, Counter::of(row.parsed("state")?), -1);
    }
    let ids = list(ids);
    let bytes: i64 = query_scalar(
        "SELECT coalesce(sum(length(response_body)), 0) FROM attempts
         WHERE delivery_id IN (SELECT value FROM json_each($1))",
    )
    .bind(&ids)
    .fetch_one(&mut *connection)
    .await?;
    deltas.add(project, Counter::StoredBytes, -bytes);
    for statement in [
        "DELETE FROM attempts WHERE delivery_id IN (SELECT value FROM json_each($1))",
        "DELETE FROM deliveries WHERE id IN (SELECT value FROM json_each($1))",
    ] {
        query(statement)
            .bind(&ids)
            .execute(&mut *connection)
            .await?;
    }
    deltas.write(connection).await?;
    Ok(Worked::things(rows.len(), limit))
}

async fn remove_events(
    connection: &mut Connection,
    project: ProjectId,
    limit: u32,
) -> StoreResult<Worked> {
    let rows = query(
        "SELECT id, length(data) AS bytes FROM events AS e
         WHERE project_id = $1
           AND NOT EXISTS (SELECT 1 FROM deliveries AS d
                           WHERE d.event_id = e.id AND d.state = 'pending')
           AND NOT EXISTS (SELECT 1 FROM fanouts AS f WHERE f.event_id = e.id)
         ORDER BY id LIMIT $2",
    )
    .bind(project.to_string())
    .bind(limit)
    .fetch_all(&mut *connection)
    .await?;
    if rows.is_empty() && has_events(connection, project).await? {
        return Ok(Worked::Waiting);
    }
    let mut deltas = Deltas::default();
    let mut ids = Vec::with_capacity(rows.len());
    for row in &rows {
        ids.push(row.parsed::<EventId>("id")?);
        deltas.add(project, Counter::Events, -1);
        deltas.add(project, Counter::StoredBytes, -row.number::<i64>("bytes")?);
    }
    let ids = list(ids);
    for statement in [
        "DELETE FROM events WHERE id IN (SELECT value FROM json_each($1))",
        "DELETE FROM kept_events WHERE event_id IN (SELECT value FROM json_each($1))",
    ] {
        query(statement)
            .bind(&ids)
            .execute(&mut *connection)
            .await?;
    }
    deltas.write(&mut *connection).await?;
    Ok(Worked::Done {
        rows: u32::try_from(rows.len()).unwrap_or(u32::MAX),
        counted: rows.len() as u64,
        is_through: !has_events(connection, project).await?,
        endpoints: Vec::new(),
    })
}

async fn has_events(connection: &mut Connection, project: ProjectId) -> StoreResult<bool> {
    let found: Option<i64> = query_scalar("SELECT 1 FROM events WHERE project_id = $1 LIMIT 1")
        .bind(project.to_string())
        .fetch_optional(connection)
        .await?;
    Ok(found.is_some())
}

async fn remove_rows(
    connection: &mut Connection,
    [table, key, owner]: [&'static str; 3],
    project: ProjectId,
    limit: u32,
) -> StoreResult<Worked> {
    let statement = format!(
        "DELETE FROM {table} WHERE ({key}) IN
             (SELECT {key} FROM {table} WHERE {owner} = $1 LIMIT $2)"
    );
    let removed = query(AssertSqlSafe(statement))
        .bind(project.to_string())
        .bind(limit)
        .execute(connection)
        .await?;
    Ok(Worked::rows(removed, limit))
}

async fn remove_endpoints(
    connection: &mut Connection,
    project: ProjectId,
    limit: u32,
) -> StoreResult<Worked> {
    let rows = query("SELECT id FROM endpoints WHERE project_id = $1 LIMIT $2")
        .bind(project.to_string())
        .bind(limit)
        .fetch_all(&mut *connection)
        .await?;
    let ids = rows.iter().map(|row| row.text("id"));
    let ids = list(ids.collect::<StoreResult<Vec<_>>>()?);
    for statement in [
        "DELETE FROM endpoint_secrets WHERE endpoint_id IN (SELECT value FROM json_each($1))",
        "DELETE FROM endpoints WHERE id IN (SELECT value FROM json_each($1))",
    ] {
        query(statement)
            .bind(&ids)
            .execute(&mut *connection)
            .await?;
    }
    Ok(Worked::rows(rows.len() as u64, limit))
}

/// The project's own row goes, with its counters. That it was removed stands in the gateway's log.
async fn remove_project(connection: &mut Connection, project: ProjectId) -> StoreResult<Worked> {
    for statement in [
        "DELETE FROM counters WHERE project_id = $1",
        "DELETE FROM projects WHERE id = $1",
    ] {
        query(statement)
            .bind(project.to_string())
            .execute(&mut *connection)
            .await?;
    }
    Ok(Worked::rows(0, 1))
}

fn number(count: usize) -> i64 {
    i64::try_from(count).unwrap_or(i64::MAX)
}
