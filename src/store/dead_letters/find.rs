//! Finding dead letters: a read looks at a window of them, so that it is short however many there
//! are and however few are meant; whoever wants more comes again.

use sqlx::{QueryBuilder, Sqlite};

use crate::{
    domain::{
        dead_letter::Filter,
        delivery::Delivery,
        ids::{DeliveryId, ProjectId},
        time::Timestamp,
    },
    store::{
        Connection, Store, StoreResult,
        columns::Columns as _,
        deliveries::{self, SELECT},
        rows::list,
    },
};

/// How many dead letters a read looks at, whether or not they are meant: some 20 ms.
const WINDOW: u32 = 20_000;

/// From where dead letters are looked at, and how far.
#[derive(Debug, Clone, Copy)]
pub struct From {
    /// Only those after this one.
    pub after: Option<DeliveryId>,
    /// Only those that have been dead, and unchanged, since this time or before.
    pub dead_by: Timestamp,
}

/// Dead letters that were found in a window.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Found {
    /// Their names, the oldest first.
    pub ids: Vec<DeliveryId>,
    /// The last that was looked at; none if there was nothing to look at.
    pub position: Option<DeliveryId>,
    /// Whether nothing is left to look at.
    pub is_last: bool,
}

/// How many dead letters are meant in a window.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Counted {
    /// How many.
    pub count: u64,
    /// The last that was looked at; none if there was nothing to look at.
    pub position: Option<DeliveryId>,
    /// Whether nothing is left to look at.
    pub is_last: bool,
}

impl Store {
    /// Up to `limit` dead letters of `project` that `filter` lets through, of a bounded number that
    /// are looked at.
    ///
    /// # Errors
    /// If the store cannot be read.
    pub async fn find_dead_letters(
        &self,
        project: ProjectId,
        filter: &Filter,
        from: From,
        limit: u32,
    ) -> StoreResult<Found> {
        let mut snapshot = self.snapshot().await?;
        let window = window(&mut snapshot, project, filter, from).await?;
        let mut query = QueryBuilder::<Sqlite>::new("SELECT d.id FROM deliveries AS d WHERE ");
        meant(&mut query, project, filter, from, window.end);
        query.push(" ORDER BY d.id LIMIT ").push_bind(limit);
        let rows = query.build().fetch_all(&mut *snapshot).await?;
        let ids = rows.iter().map(|row| row.parsed("id"));
        let ids = ids.collect::<StoreResult<Vec<DeliveryId>>>()?;
        let is_full = ids.len() >= limit as usize;
        Ok(Found {
            position: ids.last().copied().filter(|_| is_full).or(window.end),
            is_last: window.is_last && !is_full,
            ids,
        })
    }

    /// How many dead letters of `project` `filter` lets through, of a bounded number that are
    /// looked at.
    ///
    /// # Errors
    /// If the store cannot be read.
    pub async fn count_dead_letters(
        &self,
        project: ProjectId,
        filter: &Filter,
        from: From,
    ) -> StoreResult<Counted> {
        let mut snapshot = self.snapshot().await?;
        let window = window(&mut snapshot, project, filter, from).await?;
        let mut query =
            QueryBuilder::<Sqlite>::new("SELECT count(*) AS count FROM deliveries AS d WHERE ");
        meant(&mut query, project, filter, from, window.end);
        let row = query.build().fetch_one(&mut *snapshot).await?;
        Ok(Counted {
            count: row.number("count")?,
            position: window.end,
            is_last: window.is_last,
        })
    }

    /// Those of `ids` that are deliveries of `project`, in their order.
    ///
    /// # Errors
    /// If the store cannot be read.
    pub async fn deliveries_named(
        &self,
        project: ProjectId,
        ids: &[DeliveryId],
    ) -> StoreResult<Vec<Delivery>> {
        let mut query = QueryBuilder::<Sqlite>::new(SELECT);
        query
            .push_bind(project.to_string())
            .push(" AND d.id IN (SELECT value FROM json_each(")
            .push_bind(list(ids))
            .push(")) ORDER BY d.id");
        let mut connection = self.read().await?;
        let rows = query.build().fetch_all(&mut *connection).await?;
        rows.iter().map(deliveries::delivery).collect()
    }
}

/// A part of the dead letters, bounded in what it takes to look at them.
struct Window {
    /// The last one in it; none if it is empty.
    end: Option<DeliveryId>,
    /// Whether there is none behind it.
    is_last: bool,
}

async fn window(
    connection: &mut Connection,
    project: ProjectId,
    filter: &Filter,
    from: From,
) -> StoreResult<Window> {
    let mut query = QueryBuilder::<Sqlite>::new(
        "SELECT max(id) AS last, count(*) AS count FROM (SELECT d.id FROM deliveries AS d WHERE ",
    );
    within(&mut query, project, filter, from);
    query
        .push(" ORDER BY d.id LIMIT ")
        .push_bind(WINDOW)
        .push(")");
    let row = query.build().fetch_one(connection).await?;
    Ok(Window {
        end: row.parsed_opt("last")?,
        is_last: row.number::<u32>("count")? < WINDOW,
    })
}

/// Narrows a query for deliveries `d` down to what is looked at, whether or not it is meant; its
/// order is that of an index.
fn within(query: &mut QueryBuilder<Sqlite>, project: ProjectId, filter: &Filter, from: From) {
    query
        .push("d.project_id = ")
        .push_bind(project.to_string())
        .push(" AND d.state = 'dead'");
    if let Some(after) = from.after {
        query.push(" AND d.id > ").push_bind(after.to_string());
    }
    if let Some(since) = filter.since {
        query.push(" AND d.id >= ").push_bind(first_id(since));
    }
    if let Some(until) = filter.until {
        query.push(" AND d.id < ").push_bind(first_id(until));
    }
}

/// Narrows a query for deliveries `d` down to those of a window, up to `end`, that are meant.
fn meant(
    query: &mut QueryBuilder<Sqlite>,
    project: ProjectId,
    filter: &Filter,
    from: From,
    end: Option<DeliveryId>,
) {
    within(query, project, filter, from);
    let end = end.map(|end| end.to_string()).unwrap_or_default();
    query.push(" AND d.id <= ").push_bind(end);
    query
        .push(" AND d.updated_at <= ")
        .push_bind(from.dead_by.as_millis());
    if let Some(endpoint) = filter.endpoint {
        query
            .push(" AND d.endpoint_id = ")
            .push_bind(endpoint.to_string());
    }
    if let Some(listener) = filter.listener {
        query
            .push(" AND d.listener_id = ")
            .push_bind(listener.to_string());
    }
    if let Some(reason) = filter.reason {
        query.push(" AND d.reason = ").push_bind(reason.as_str());
    }
    if let Some(kind) = filter.error_kind {
        query
            .push(" AND substr(d.detail, 1, instr(d.detail, ':') - 1) = ")
            .push_bind(kind.as_str());
    }
    if let Some(event_type) = &filter.event_type {
        query
            .push(" AND EXISTS (SELECT 1 FROM events AS e WHERE e.id = d.event_id AND e.type = ")
            .push_bind(event_type.to_string())
            .push(")");
    }
}

/// What no delivery that was made before `time` comes after.
fn first_id(time: Timestamp) -> String {
    let millis = u128::try_from(time.as_millis()).unwrap_or(0);
    let first = uuid::Uuid::from_u128(millis.min((1 << 48) - 1) << 80);
    DeliveryId::from_uuid(first).to_string()
}
