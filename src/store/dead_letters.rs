//! Dead letters: looking them up, and what is done to many of them at once.
//!
//! A step takes a page of them, so that no transaction is long; whoever has more comes again.

use sqlx::{QueryBuilder, Sqlite, sqlite::SqliteRow};

use super::{
    Connection, Store, StoreResult, act,
    columns::Columns as _,
    deliveries::{self, SELECT},
    rows::list,
};
use crate::domain::{
    delivery::{CancelReason, Delivery, DeliveryState},
    endpoint::EndpointState,
    ids::{DeliveryId, EndpointId, ProjectId},
    time::Timestamp,
};

/// The most dead letters that a step takes: what one transaction redrives or discards.
pub const MAX_PAGE: u32 = 1_000;

/// What came of a wish to redrive a dead letter.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Redrive {
    /// It is due now, at this endpoint, and begins its retry policy anew.
    Due(EndpointId),
    /// It is an event that could not be emitted: there is nothing to send.
    Emission,
    /// Its endpoint is disabled: it stays dead.
    EndpointDisabled,
    /// Its endpoint is deleted: it stays dead.
    EndpointDeleted,
    /// It is no dead letter, but in this state.
    NotDead(DeliveryState),
    /// The project has no such delivery.
    NotFound,
}

/// What came of a wish to discard a dead letter.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Discard {
    /// It is cancelled, and no dead letter any more.
    Discarded,
    /// It was no dead letter, but in this state.
    NotDead(DeliveryState),
    /// The project has no such delivery.
    NotFound,
}

impl Store {
    /// Up to `limit` dead letters of `project`, the oldest first, from after `after` on.
    ///
    /// # Errors
    /// If the store cannot be read.
    pub async fn dead_letters(
        &self,
        project: ProjectId,
        endpoint: Option<EndpointId>,
        after: Option<DeliveryId>,
        limit: u32,
    ) -> StoreResult<Vec<Delivery>> {
        let mut query = QueryBuilder::<Sqlite>::new(SELECT);
        only_dead(&mut query, project, endpoint, after);
        query.push(" ORDER BY d.id LIMIT ").push_bind(limit);
        let mut connection = self.read().await?;
        let rows = query.build().fetch_all(&mut *connection).await?;
        rows.iter().map(deliveries::delivery).collect()
    }

    /// How many dead letters `project` has from after `after` on.
    ///
    /// # Errors
    /// If the store cannot be read.
    pub async fn count_dead_letters(
        &self,
        project: ProjectId,
        endpoint: Option<EndpointId>,
        after: Option<DeliveryId>,
    ) -> StoreResult<u64> {
        let mut query = QueryBuilder::<Sqlite>::new(
            "SELECT count(*) AS count FROM deliveries AS d WHERE d.project_id = ",
        );
        only_dead(&mut query, project, endpoint, after);
        let mut connection = self.read().await?;
        let row = query.build().fetch_one(&mut *connection).await?;
        row.number("count")
    }

    /// In which state each of `ids` is, in their order; none for what is no delivery of `project`.
    ///
    /// # Errors
    /// If the store cannot be read.
    pub async fn standings(
        &self,
        project: ProjectId,
        ids: &[DeliveryId],
    ) -> StoreResult<Vec<(DeliveryId, Option<DeliveryState>)>> {
        let mut connection = self.read().await?;
        let standings = standings(&mut connection, project, ids).await?;
        Ok(standings
            .into_iter()
            .map(|standing| (standing.id, standing.state))
            .collect())
    }

    /// Makes those of `ids` due now that are dead letters of `project`, in one transaction, and
    /// gives what came of each, in their order. At most [`MAX_PAGE`] should be given.
    ///
    /// # Errors
    /// If the store cannot be written: nothing is redriven then.
    pub async fn redrive(
        &self,
        project: ProjectId,
        ids: &[DeliveryId],
        now: Timestamp,
    ) -> StoreResult<Vec<(DeliveryId, Redrive)>> {
        let mut transaction = self.write().await?;
        let standings = standings(&mut transaction, project, ids).await?;
        let results: Vec<_> = standings
            .iter()
            .map(|standing| (standing.id, standing.redrive()))
            .collect();
        let due: Vec<_> = results
            .iter()
            .filter(|(_, redrive)| matches!(redrive, Redrive::Due(_)))
            .map(|(id, _)| *id)
            .collect();
        act::reopen(&mut transaction, &due, now).await?;
        transaction.commit().await?;
        Ok(results)
    }

    /// Cancels those of `ids` that are dead letters of `project`, in one transaction, and gives
    /// what came of each, in their order. At most [`MAX_PAGE`] should be given. Their last error
    /// stays with them.
    ///
    /// # Errors
    /// If the store cannot be written: nothing is discarded then.
    pub async fn discard(
        &self,
        project: ProjectId,
        ids: &[DeliveryId],
        now: Timestamp,
    ) -> StoreResult<Vec<(DeliveryId, Discard)>> {
        let mut transaction = self.write().await?;
        let standings = standings(&mut transaction, project, ids).await?;
        let results: Vec<_> = standings
            .iter()
            .map(|standing| (standing.id, standing.discard()))
            .collect();
        let discarded: Vec<_> = results
            .iter()
            .filter(|(_, discard)| *discard == Discard::Discarded)
            .map(|(id, _)| *id)
            .collect();
        deliveries::close(
            &mut transaction,
            &discarded,
            DeliveryState::Cancelled,
            CancelReason::Discarded.as_str(),
            now,
        )
        .await?;
        transaction.commit().await?;
        Ok(results)
    }

    /// Notes why an event could still not be emitted when that was tried again.
    ///
    /// # Errors
    /// If the store cannot be written.
    pub async fn note_emission(
        &self,
        id: DeliveryId,
        why: &str,
        now: Timestamp,
    ) -> StoreResult<()> {
        let mut transaction = self.write().await?;
        sqlx::query(
            "UPDATE deliveries SET detail = $2, updated_at = $3 WHERE id = $1 AND state = 'dead'",
        )
        .bind(id.to_string())
        .bind(why)
        .bind(now.as_millis())
        .execute(&mut *transaction)
        .await?;
        transaction.commit().await?;
        Ok(())
    }
}

/// Marks the dead letter of an event that is emitted after all. Gives whether it was one.
pub(super) async fn settle_emission(
    connection: &mut Connection,
    id: DeliveryId,
    now: Timestamp,
) -> StoreResult<bool> {
    let settled = sqlx::query(
        "UPDATE deliveries SET state = 'delivered', reason = NULL, detail = NULL, updated_at = $2
         WHERE id = $1 AND state = 'dead' AND endpoint_id IS NULL",
    )
    .bind(id.to_string())
    .bind(now.as_millis())
    .execute(connection)
    .await?;
    Ok(settled.rows_affected() == 1)
}

/// Where a delivery and its endpoint stand.
struct Standing {
    id: DeliveryId,
    /// None if the project has no such delivery.
    state: Option<DeliveryState>,
    endpoint: Option<EndpointId>,
    endpoint_state: Option<EndpointState>,
    is_endpoint_deleted: bool,
}

impl Standing {
    fn redrive(&self) -> Redrive {
        match self.state {
            None => return Redrive::NotFound,
            Some(DeliveryState::Dead) => {}
            Some(other) => return Redrive::NotDead(other),
        }
        match (self.endpoint, self.endpoint_state) {
            (None, _) => Redrive::Emission,
            (Some(_), None) => Redrive::EndpointDeleted,
            (Some(_), Some(_)) if self.is_endpoint_deleted => Redrive::EndpointDeleted,
            (Some(_), Some(EndpointState::Disabled)) => Redrive::EndpointDisabled,
            (Some(endpoint), Some(EndpointState::Enabled | EndpointState::Paused)) => {
                Redrive::Due(endpoint)
            }
        }
    }

    fn discard(&self) -> Discard {
        match self.state {
            None => Discard::NotFound,
            Some(DeliveryState::Dead) => Discard::Discarded,
            Some(other) => Discard::NotDead(other),
        }
    }
}

async fn standings(
    connection: &mut Connection,
    project: ProjectId,
    ids: &[DeliveryId],
) -> StoreResult<Vec<Standing>> {
    let rows = sqlx::query(
        "SELECT w.value AS id, d.state, d.endpoint_id,
                e.state AS endpoint_state, e.deleted_at IS NOT NULL AS is_endpoint_deleted
         FROM json_each($1) AS w
         LEFT JOIN deliveries AS d ON d.id = w.value AND d.project_id = $2
         LEFT JOIN endpoints AS e ON e.id = d.endpoint_id
         ORDER BY w.key",
    )
    .bind(list(ids))
    .bind(project.to_string())
    .fetch_all(connection)
    .await?;
    rows.iter().map(standing).collect()
}

fn standing(row: &SqliteRow) -> StoreResult<Standing> {
    Ok(Standing {
        id: row.parsed("id")?,
        state: row.parsed_opt("state")?,
        endpoint: row.parsed_opt("endpoint_id")?,
        endpoint_state: row.parsed_opt("endpoint_state")?,
        is_endpoint_deleted: row.number::<i64>("is_endpoint_deleted")? == 1,
    })
}

/// Narrows a query for deliveries `d` down; it ends where the project's id is to stand.
fn only_dead(
    query: &mut QueryBuilder<Sqlite>,
    project: ProjectId,
    endpoint: Option<EndpointId>,
    after: Option<DeliveryId>,
) {
    query
        .push_bind(project.to_string())
        .push(" AND d.state = 'dead'");
    if let Some(endpoint) = endpoint {
        query
            .push(" AND d.endpoint_id = ")
            .push_bind(endpoint.to_string());
    }
    if let Some(after) = after {
        query.push(" AND d.id > ").push_bind(after.to_string());
    }
}
