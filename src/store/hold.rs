//! Holding deliveries: whoever changes some is alone with them until its transaction ends. SQLite has
//! one writer, so there it only looks; on PostgreSQL rows are locked.
//!
//! A pending delivery is held by its row in the queue, any other one by its own row. All who hold
//! several go by their identifiers, and hold what is pending before what is not; counters come after
//! both. So nobody waits in a circle. A claim waits for nobody: it passes over what is held.

use std::collections::HashMap;

use sqlx::AssertSqlSafe;

use super::{
    Connection, StoreResult,
    deliveries::find,
    sql::{list, query, span},
};
use crate::domain::{
    delivery::{Delivery, DeliveryState},
    ids::{DeliveryId, ProjectId},
    lease::Lease,
};

/// How often a delivery is looked at that comes and goes meanwhile.
const MOST_LOOKS: u32 = 10;

/// Holds those of `deliveries` that are pending. Gives under which lease each is owned, if it is: as
/// it stays while they are held.
pub(super) async fn pending(
    connection: &mut Connection,
    deliveries: impl IntoIterator<Item = DeliveryId>,
) -> StoreResult<HashMap<DeliveryId, Option<Lease>>> {
    let lock = connection.by("", "ORDER BY delivery_id FOR UPDATE");
    let rows = query(AssertSqlSafe(format!(
        "SELECT delivery_id, owner FROM queue
         WHERE delivery_id IN (SELECT value FROM json_each($1)) {lock}"
    )))
    .bind(list(deliveries))
    .fetch_all(connection)
    .await?;
    rows.iter()
        .map(|row| Ok((row.parsed("delivery_id")?, row.parsed_opt("owner")?)))
        .collect()
}

/// Holds those of `deliveries` that are not pending. Gives which they are, with their projects: they
/// stay so while they are held.
pub(super) async fn ended(
    connection: &mut Connection,
    deliveries: &[DeliveryId],
) -> StoreResult<Vec<(ProjectId, DeliveryId)>> {
    let lock = connection.by("", "ORDER BY id FOR UPDATE");
    let [first, last] = span(deliveries);
    let rows = query(AssertSqlSafe(format!(
        "SELECT id, project_id FROM deliveries
         WHERE id IN (SELECT value FROM json_each($1)) AND id BETWEEN $2 AND $3
           AND state <> 'pending' {lock}"
    )))
    .bind(list(deliveries))
    .bind(first)
    .bind(last)
    .fetch_all(connection)
    .await?;
    rows.iter()
        .map(|row| Ok((row.parsed("project_id")?, row.parsed("id")?)))
        .collect()
}

/// The delivery called `id`, of `project`, held if it is pending. Gives under which lease it is owned
/// then, if it is.
pub(super) async fn one(
    connection: &mut Connection,
    project: ProjectId,
    id: DeliveryId,
) -> StoreResult<(Delivery, Option<Lease>)> {
    let mut looks = 0;
    loop {
        let held = pending(connection, [id]).await?;
        let delivery = find(connection, project, id).await?;
        looks += 1;
        // One that came back to the queue between the two looks is not held yet.
        let is_missed = delivery.state == DeliveryState::Pending && held.is_empty();
        if !is_missed || looks == MOST_LOOKS {
            return Ok((delivery, held.get(&id).copied().flatten()));
        }
    }
}
