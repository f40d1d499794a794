//! How long deliveries wait: what is due and has not gone out yet.
//!
//! A read looks at a bounded number of rows; where there are more, its figures are the least that
//! there is, and it says so.

use std::time::Duration;

use sqlx::AssertSqlSafe;

use super::{Connection, StoreResult, sql::query};
use crate::domain::{
    ids::{EndpointId, ProjectId},
    time::Timestamp,
};

/// How many deliveries that are due a read counts: some 5 ms.
pub const MAX_DUE_COUNTED: u32 = 10_000;

/// How many endpoints of a project a read looks at: some 20 ms.
pub const MAX_ENDPOINTS_LOOKED_AT: u32 = 10_000;

/// How long a delivery may have been due before it counts as late.
pub const LATE_AFTER: Duration = Duration::from_secs(60);

/// What is due and has not gone out yet.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Backlog {
    /// Deliveries whose next attempt is due, or under way.
    pub due: u64,
    /// Those of them that have been due for more than [`LATE_AFTER`].
    pub late: u64,
    /// Deliveries that are due, but whose endpoint is paused: they are not among the others.
    pub held: u64,
    /// Since when the first of those that are due has been so.
    pub oldest_due: Option<Timestamp>,
    /// Whether there is no more than was counted.
    pub is_complete: bool,
}

/// Whose backlog is meant.
#[derive(Debug, Clone, Copy)]
pub(super) enum Of {
    /// That of a project.
    Project(ProjectId),
    /// That of one endpoint.
    Endpoint(EndpointId),
}

impl Of {
    /// The endpoints `e` that are meant by `$1`.
    fn endpoints(self) -> &'static str {
        match self {
            Self::Project(_) => {
                "WITH e AS (SELECT id, state FROM endpoints
                            WHERE project_id = $1 AND deleted_at IS NULL ORDER BY id LIMIT $2)"
            }
            Self::Endpoint(_) => {
                "WITH e AS (SELECT id, state FROM endpoints WHERE id = $1 LIMIT $2)"
            }
        }
    }

    fn id(self) -> String {
        match self {
            Self::Project(id) => id.to_string(),
            Self::Endpoint(id) => id.to_string(),
        }
    }
}

/// What waits now of what is meant.
pub(super) async fn backlog(
    connection: &mut Connection,
    of: Of,
    now: Timestamp,
) -> StoreResult<Backlog> {
    let oldest = oldest(&mut *connection, of).await?;
    let counted = count(connection, of, now).await?;
    Ok(Backlog {
        oldest_due: oldest.filter(|oldest| *oldest <= now),
        ..counted
    })
}

/// When the first delivery of an endpoint that is not paused is due: two steps in an index for each
/// endpoint.
async fn oldest(connection: &mut Connection, of: Of) -> StoreResult<Option<Timestamp>> {
    let statement = format!(
        "{}
         SELECT min(due_at) AS due_at FROM (
             SELECT (SELECT min(due_at) FROM queue WHERE endpoint_id = e.id AND owner IS NULL) AS due_at
             FROM e WHERE e.state <> 'paused'
             UNION ALL
             SELECT (SELECT min(due_at) FROM queue WHERE endpoint_id = e.id AND owner IS NOT NULL)
             FROM e WHERE e.state <> 'paused') AS first",
        of.endpoints()
    );
    let row = query(AssertSqlSafe(statement))
        .bind(of.id())
        .bind(MAX_ENDPOINTS_LOOKED_AT)
        .fetch_one(connection)
        .await?;
    row.time_opt("due_at")
}

async fn count(connection: &mut Connection, of: Of, now: Timestamp) -> StoreResult<Backlog> {
    let statement = format!(
        "{}
         SELECT coalesce(sum(1 - held), 0) AS due, coalesce(sum(held), 0) AS held,
                count(CASE WHEN held = 0 AND due_at < $4 THEN 1 END) AS late,
                (SELECT count(*) FROM e) AS endpoints
         FROM (SELECT CASE WHEN e.state = 'paused' THEN 1 ELSE 0 END AS held, q.due_at
               FROM e CROSS JOIN queue AS q
               WHERE q.endpoint_id = e.id AND q.owner IS NOT NULL AND q.due_at <= $3
               UNION ALL
               SELECT CASE WHEN e.state = 'paused' THEN 1 ELSE 0 END, q.due_at
               FROM e CROSS JOIN queue AS q
               WHERE q.endpoint_id = e.id AND q.owner IS NULL AND q.due_at <= $3
               LIMIT $5) AS waiting",
        of.endpoints()
    );
    let row = query(AssertSqlSafe(statement))
        .bind(of.id())
        .bind(MAX_ENDPOINTS_LOOKED_AT)
        .bind(now.as_millis())
        .bind(now.minus(LATE_AFTER).as_millis())
        .bind(MAX_DUE_COUNTED)
        .fetch_one(connection)
        .await?;
    let (due, held) = (row.number::<u64>("due")?, row.number::<u64>("held")?);
    let endpoints: u32 = row.number("endpoints")?;
    Ok(Backlog {
        due,
        held,
        late: row.number("late")?,
        oldest_due: None,
        is_complete: due + held < u64::from(MAX_DUE_COUNTED) && endpoints < MAX_ENDPOINTS_LOOKED_AT,
    })
}
