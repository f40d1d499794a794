//! Deliveries: looking them up. What is done to them stands in [`act`](super::act).

use sqlx::{QueryBuilder, Sqlite, sqlite::SqliteRow};

use super::{
    Connection, Store, StoreError, StoreResult,
    columns::Columns as _,
    counters::{self, Deltas},
    rows::list,
};
use crate::domain::{
    delivery::{Cause, Delivery, DeliveryState, Target},
    ids::{DeliveryId, EndpointId, EventId, ListenerId, ProjectId},
    time::Timestamp,
};

/// Which deliveries to list, and from where.
#[derive(Debug, Clone, Default)]
pub struct DeliveryFilter {
    /// Only those in this state.
    pub state: Option<DeliveryState>,
    /// Only those to this endpoint.
    pub endpoint: Option<EndpointId>,
    /// Only those of this listener.
    pub listener: Option<ListenerId>,
    /// Only those of this event.
    pub event: Option<EventId>,
    /// Only those before this one.
    pub before: Option<DeliveryId>,
}

/// Begins every query for deliveries; what follows is the project's id.
pub(super) const SELECT: &str = "SELECT d.*, q.due_at FROM deliveries AS d \
                      LEFT JOIN queue AS q ON q.delivery_id = d.id WHERE d.project_id = ";

impl Store {
    /// The delivery called `id`, of `project`.
    ///
    /// # Errors
    /// [`StoreError::NotFound`] if the project has no such delivery.
    pub async fn delivery(&self, project: ProjectId, id: DeliveryId) -> StoreResult<Delivery> {
        let mut connection = self.read().await?;
        find(&mut connection, project, id).await
    }

    /// Up to `limit` deliveries of `project` that `filter` lets through, the newest first.
    ///
    /// # Errors
    /// If the store cannot be read.
    pub async fn deliveries(
        &self,
        project: ProjectId,
        filter: &DeliveryFilter,
        limit: u32,
    ) -> StoreResult<Vec<Delivery>> {
        let mut query = QueryBuilder::<Sqlite>::new(SELECT);
        query.push_bind(project.to_string());
        if let Some(state) = filter.state {
            query.push(" AND d.state = ").push_bind(state.as_str());
        }
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
        if let Some(event) = filter.event {
            query
                .push(" AND d.event_id = ")
                .push_bind(event.to_string());
        }
        if let Some(before) = filter.before {
            query.push(" AND d.id < ").push_bind(before.to_string());
        }
        query.push(" ORDER BY d.id DESC LIMIT ").push_bind(limit);
        let mut connection = self.read().await?;
        let rows = query.build().fetch_all(&mut *connection).await?;
        rows.iter().map(delivery).collect()
    }
}

/// The delivery called `id`, of `project`.
pub(super) async fn find(
    connection: &mut Connection,
    project: ProjectId,
    id: DeliveryId,
) -> StoreResult<Delivery> {
    let mut query = QueryBuilder::<Sqlite>::new(SELECT);
    query.push_bind(project.to_string());
    query.push(" AND d.id = ").push_bind(id.to_string());
    let row = query.build().fetch_optional(connection).await?;
    delivery(&row.ok_or(StoreError::NotFound("delivery"))?)
}

/// Puts deliveries into a state that they stay in.
pub(super) async fn close(
    connection: &mut Connection,
    ids: &[DeliveryId],
    state: DeliveryState,
    reason: &str,
    now: Timestamp,
) -> StoreResult<()> {
    let before = counters::states(&mut *connection, ids).await?;
    sqlx::query(
        "UPDATE deliveries SET state = $2, reason = $3, updated_at = $4, cancel_requested = 0
         WHERE id IN (SELECT value FROM json_each($1))",
    )
    .bind(list(ids))
    .bind(state.as_str())
    .bind(reason)
    .bind(now.as_millis())
    .execute(&mut *connection)
    .await?;
    Deltas::moving(before, state).write(connection).await
}

/// The delivery in a row of [`SELECT`].
pub(super) fn delivery(row: &SqliteRow) -> StoreResult<Delivery> {
    let listener = row.parsed_opt("listener_id")?;
    let cause = listener.map(|listener| {
        StoreResult::Ok(Cause {
            listener,
            revision: row.number("listener_revision")?,
            reaction: row.number("reaction")?,
        })
    });
    Ok(Delivery {
        id: row.parsed("id")?,
        project: row.parsed("project_id")?,
        event: row.parsed("event_id")?,
        cause: cause.transpose()?,
        target: row
            .parsed_opt("endpoint_id")?
            .map_or(Target::Emit, Target::Webhook),
        state: row.parsed("state")?,
        reason: row.text_opt("reason")?,
        detail: row.text_opt("detail")?,
        attempts: row.number("attempts")?,
        next_attempt_at: row.time_opt("due_at")?,
        cancel_requested: row.number::<i64>("cancel_requested")? == 1,
        created_at: row.time("created_at")?,
        since: row.time("since")?,
        updated_at: row.time("updated_at")?,
    })
}
