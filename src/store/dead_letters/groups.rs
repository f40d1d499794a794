//! Dead letters by their causes: how many there are of each, without a look at every row. An index
//! holds the causes in their order: a read hops from one to the next, and counts entries.

use crate::{
    domain::{
        attempt::ErrorKind,
        delivery::DeadReason,
        ids::{DeliveryId, EndpointId, ProjectId},
    },
    store::{
        Connection, Store, StoreResult,
        sql::{Builder, Row},
    },
};

/// The most causes that are told apart.
pub const MAX_CAUSES: usize = 1_000;

/// The most dead letters that are counted for one answer: some 200 ms.
pub const COUNT_BUDGET: u32 = 2_000_000;

/// How many of each are named.
const SAMPLES: u32 = 5;

/// Dead letters that go to one endpoint, and were given up for one reason after one kind of error.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DeadGroup {
    /// Where they go; none for events that could not be emitted.
    pub endpoint: Option<EndpointId>,
    /// Why they were given up.
    pub reason: DeadReason,
    /// How their last attempt failed, if one did.
    pub error_kind: Option<ErrorKind>,
    /// How many there are.
    pub count: u64,
    /// Whether all of them are counted.
    pub is_exact: bool,
    /// The first that was made.
    pub first: DeliveryId,
    /// The last that were made, the newest first.
    pub last: Vec<DeliveryId>,
}

/// The dead letters of a project by their causes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DeadGroups {
    /// The groups, in the order of their endpoints.
    pub groups: Vec<DeadGroup>,
    /// Whether these are all.
    pub is_complete: bool,
}

impl Store {
    /// The dead letters of `project` by their causes; only those to `endpoint`, if one is given.
    ///
    /// # Errors
    /// If the store cannot be read.
    pub async fn dead_letter_groups(
        &self,
        project: ProjectId,
        endpoint: Option<EndpointId>,
    ) -> StoreResult<DeadGroups> {
        let mut snapshot = self.browse().await?;
        let mut last = None;
        let mut groups = Vec::new();
        let mut budget = COUNT_BUDGET;
        while let Some(cause) = after(&mut snapshot, project, last.as_ref(), endpoint).await? {
            if groups.len() == MAX_CAUSES {
                return Ok(DeadGroups {
                    groups,
                    is_complete: false,
                });
            }
            let group = group(&mut snapshot, project, cause, budget).await?;
            budget = budget.saturating_sub(u32::try_from(group.count).unwrap_or(u32::MAX));
            groups.push(group);
            last = Some(cause);
        }
        Ok(DeadGroups {
            groups,
            is_complete: true,
        })
    }
}

/// What dead letters of a group have in common.
#[derive(Debug, Clone, Copy)]
struct Cause {
    endpoint: Option<EndpointId>,
    reason: DeadReason,
    error_kind: Option<ErrorKind>,
}

/// The order of the index of dead letters by their causes, and that from behind. What is missing comes
/// first.
const FORTH: &str = " ORDER BY endpoint_id NULLS FIRST, reason, error_kind NULLS FIRST, id";
const BACK: &str =
    " ORDER BY endpoint_id DESC NULLS LAST, reason DESC, error_kind DESC NULLS LAST, id DESC";

/// Begins a query for `columns` of dead letters along that index.
fn along(connection: &Connection, columns: &str, project: ProjectId) -> Builder {
    let mut query = Builder::new("SELECT ");
    query
        .push(columns)
        .push(" FROM deliveries")
        .push(connection.by(" INDEXED BY dead_letters_by_cause", ""))
        .push(" WHERE state = 'dead' AND project_id = ")
        .push_bind(project.to_string());
    query
}

/// The cause that comes after `last`, or the first one; with `only`, of this endpoint's alone.
async fn after(
    connection: &mut Connection,
    project: ProjectId,
    last: Option<&Cause>,
    only: Option<EndpointId>,
) -> StoreResult<Option<Cause>> {
    let Some(last) = last else {
        return hop(connection, project, |query| {
            if let Some(only) = only {
                query
                    .push(" AND endpoint_id = ")
                    .push_bind(only.to_string());
            }
        })
        .await;
    };
    // Another kind of error, else another reason, else another endpoint: each is one step in the
    // index, where what is missing comes first.
    let kind = last.error_kind.map_or("", ErrorKind::as_str);
    let next = hop(connection, project, |query| {
        last.at_endpoint(query);
        query
            .push(" AND reason = ")
            .push_bind(last.reason.as_str())
            .push(" AND error_kind > ")
            .push_bind(kind);
    });
    if let Some(next) = next.await? {
        return Ok(Some(next));
    }
    let next = hop(connection, project, |query| {
        last.at_endpoint(query);
        query.push(" AND reason > ").push_bind(last.reason.as_str());
    });
    match next.await? {
        None if only.is_none() => {
            hop(connection, project, |query| {
                let endpoint = last.endpoint.map(|endpoint| endpoint.to_string());
                query
                    .push(" AND endpoint_id > ")
                    .push_bind(endpoint.unwrap_or_default());
            })
            .await
        }
        next => Ok(next),
    }
}

/// The first cause that `narrow` lets through.
async fn hop(
    connection: &mut Connection,
    project: ProjectId,
    narrow: impl FnOnce(&mut Builder),
) -> StoreResult<Option<Cause>> {
    let mut query = along(connection, "endpoint_id, reason, error_kind", project);
    narrow(&mut query);
    query.push(FORTH).push(" LIMIT 1");
    let row = query.build().fetch_optional(connection).await?;
    let cause = |row: Row| {
        Ok(Cause {
            endpoint: row.parsed_opt("endpoint_id")?,
            reason: row.parsed("reason")?,
            error_kind: row.parsed_opt("error_kind")?,
        })
    };
    row.map(cause).transpose()
}

impl Cause {
    fn at_endpoint(&self, query: &mut Builder) {
        has(query, "endpoint_id", self.endpoint.as_ref());
    }

    /// Narrows a query down to the dead letters of this cause.
    fn narrow(&self, query: &mut Builder) {
        self.at_endpoint(query);
        query.push(" AND reason = ").push_bind(self.reason.as_str());
        has(query, "error_kind", self.error_kind.map(ErrorKind::as_str));
    }
}

/// Narrows a query down to the rows that have `value` in `column`, or nothing.
fn has(query: &mut Builder, column: &str, value: Option<impl ToString>) {
    query.push(" AND ").push(column);
    match value {
        Some(value) => query.push(" = ").push_bind(value.to_string()),
        None => query.push(" IS NULL"),
    };
}

/// The dead letters of `cause`, of which up to `budget` are counted.
async fn group(
    connection: &mut Connection,
    project: ProjectId,
    cause: Cause,
    budget: u32,
) -> StoreResult<DeadGroup> {
    let mut query = along(connection, "count(*) AS count FROM (SELECT 1", project);
    cause.narrow(&mut query);
    query
        .push(FORTH)
        .push(" LIMIT ")
        .push_bind(budget)
        .push(") AS counted");
    let row = query.build().fetch_one(&mut *connection).await?;
    let count: u64 = row.number("count")?;
    let first = ids(connection, project, cause, FORTH, 1).await?;
    Ok(DeadGroup {
        endpoint: cause.endpoint,
        reason: cause.reason,
        error_kind: cause.error_kind,
        count,
        is_exact: count < u64::from(budget),
        // What a cause was found of is there.
        first: *first.first().ok_or(sqlx::Error::RowNotFound)?,
        last: ids(connection, project, cause, BACK, SAMPLES).await?,
    })
}

/// The first `limit` dead letters of `cause`, in this order.
async fn ids(
    connection: &mut Connection,
    project: ProjectId,
    cause: Cause,
    order: &'static str,
    limit: u32,
) -> StoreResult<Vec<DeliveryId>> {
    let mut query = along(connection, "id", project);
    cause.narrow(&mut query);
    query.push(order).push(" LIMIT ").push_bind(limit);
    let rows = query.build().fetch_all(connection).await?;
    rows.iter().map(|row| row.parsed("id")).collect()
}
