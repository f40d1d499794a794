//! Endpoints.

mod list;
mod row;
mod stats;
#[cfg(test)]
mod tests;

use std::time::Duration;

use serde::Serialize;

pub(super) use self::row::headers_row;
pub use self::{
    list::EndpointFilter,
    stats::{Ended, EndpointStats, MAX_ATTEMPTS_LOOKED_AT, MAX_PENDING_COUNTED, RecentAttempts},
};
use super::{
    Connection, Store, StoreError, StoreResult,
    audit::Entry,
    change::{Change, Done},
    counters::{Counter, Deltas},
    failing,
    sql::{query, query_scalar, to_json},
};
use crate::domain::{
    audit::Action,
    endpoint::{Endpoint, EndpointConfig, LiveSecret, StateReason},
    final_statuses::FinalStatuses,
    ids::{EndpointId, ProjectId},
    quota::Quota,
    signature::Secret,
    time::Timestamp,
};

/// An endpoint that is to be made.
#[derive(Debug, Clone)]
pub struct NewEndpoint {
    /// Its name.
    pub id: EndpointId,
    /// What users decide.
    pub config: EndpointConfig,
    /// Its first secret.
    pub secret: Secret,
}

impl Store {
    /// Makes an endpoint.
    ///
    /// # Errors
    /// What `answer` refuses, and what [`Store::begin`] does.
    pub async fn insert_endpoint<A: Serialize, E: From<StoreError>>(
        &self,
        project: ProjectId,
        new: &NewEndpoint,
        change: &Change,
        answer: impl FnOnce(&Endpoint) -> Result<A, E>,
    ) -> Result<Done<Endpoint, A>, E> {
        let mut writing = self.begin(project, change).await?;
        self.insert_into(&mut writing, project, new, change.now)
            .await?;
        let endpoint = self.find(&mut writing, project, new.id).await?;
        let entry = Entry::made(Action::EndpointCreated, &endpoint)?;
        writing.note(entry).await?;
        writing.finish(endpoint, answer).await
    }

    /// Changes what users decide about an endpoint: `apply` is given what holds, and nobody else
    /// changes it meanwhile. What comes out as it went in is not written.
    ///
    /// # Errors
    /// What `apply` and `answer` refuse, and what [`Store::begin`] does;
    /// [`StoreError::NotFound`] if the project has no such endpoint.
    pub async fn change_endpoint<A: Serialize, E: From<StoreError>>(
        &self,
        project: ProjectId,
        id: EndpointId,
        change: &Change,
        apply: impl FnOnce(&mut EndpointConfig) -> Result<(), E>,
        answer: impl FnOnce(&Endpoint) -> Result<A, E>,
    ) -> Result<Done<Endpoint, A>, E> {
        let mut writing = self.begin(project, change).await?;
        let before = self.find(&mut writing, project, id).await?;
        change.if_match.check(before.version)?;
        let mut config = before.config.clone();
        apply(&mut config)?;
        if config == before.config {
            return writing.finish(before, answer).await;
        }
        self.update(&mut writing, &before, &config, change.now)
            .await?;
        let after = self.find(&mut writing, project, id).await?;
        let entry = Entry::changed(Action::EndpointChanged, &before, &after)?;
        // Values of headers may be hidden in both documents.
        let entry = entry.and("headers", before.config.headers != after.config.headers);
        writing.note(entry).await?;
        writing.finish(after, answer).await
    }

    /// Deletes an endpoint: its secrets are gone, what waited for it will be called off.
    ///
    /// # Errors
    /// What `answer` refuses, and what [`Store::begin`] does;
    /// [`StoreError::NotFound`] if the project has no such endpoint.
    pub async fn delete_endpoint<A: Serialize, E: From<StoreError>>(
        &self,
        project: ProjectId,
        id: EndpointId,
        change: &Change,
        answer: impl FnOnce(&Endpoint) -> Result<A, E>,
    ) -> Result<Done<Endpoint, A>, E> {
        let mut writing = self.begin(project, change).await?;
        let last = self.find(&mut writing, project, id).await?;
        change.if_match.check(last.version)?;
        failing::forget(&mut writing, &[id]).await?;
        delete(&mut writing, id, change.now).await?;
        count(&mut writing, project, -1).await?;
        let entry = Entry::gone(Action::EndpointDeleted, &last)?;
        writing.note(entry).await?;
        writing.finish(last, answer).await
    }

    /// The endpoint called `id`, of `project`.
    ///
    /// # Errors
    /// [`StoreError::NotFound`] if the project has no such endpoint.
    pub async fn endpoint(&self, project: ProjectId, id: EndpointId) -> StoreResult<Endpoint> {
        let mut connection = self.read().await?;
        self.find(&mut connection, project, id).await
    }

    /// The endpoint called `id`, deleted or not, with its secrets, the newest first.
    ///
    /// # Errors
    /// [`StoreError::NotFound`] if there is none.
    pub async fn live_endpoint(&self, id: EndpointId) -> StoreResult<(Endpoint, Vec<LiveSecret>)> {
        let mut snapshot = self.snapshot().await?;
        let row = query("SELECT * FROM endpoints WHERE id = $1")
            .bind(id.to_string())
            .fetch_optional(&mut snapshot)
            .await?;
        let endpoint = self.endpoint_of(&row.ok_or(StoreError::NotFound("endpoint"))?)?;
        Ok((endpoint, self.load_secrets(&mut snapshot, id).await?))
    }

    /// The endpoint of `project` that has the URL of `new`, the first one if there are several,
    /// and whether it was made now because there was none.
    pub(super) async fn find_or_insert_endpoint(
        &self,
        connection: &mut Connection,
        project: ProjectId,
        new: &NewEndpoint,
        now: Timestamp,
    ) -> StoreResult<(Endpoint, bool)> {
        let found = query(
            "SELECT * FROM endpoints WHERE project_id = $1 AND url = $2 AND deleted_at IS NULL
             ORDER BY id LIMIT 1",
        )
        .bind(project.to_string())
        .bind(new.config.url.as_str())
        .fetch_optional(&mut *connection)
        .await?;
        if let Some(row) = found {
            return Ok((self.endpoint_of(&row)?, false));
        }
        self.insert_into(connection, project, new, now).await?;
        Ok((self.find(connection, project, new.id).await?, true))
    }

    async fn insert_into(
        &self,
        connection: &mut Connection,
        project: ProjectId,
        new: &NewEndpoint,
        now: Timestamp,
    ) -> StoreResult<()> {
        self.check_quota(connection, project, Quota::Endpoints, now)
            .await?;
        let config = &new.config;
        query(
            "INSERT INTO endpoints (id, project_id, name, url, state, state_reason, state_since, format,
                 retry_json, timeout_ms, connect_timeout_ms, final_statuses_json, concurrency, headers, created_at,
                 updated_at)
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $7, $7)",
        )
        .bind(new.id.to_string())
        .bind(project.to_string())
        .bind(&config.name)
        .bind(config.url.as_str())
        .bind(config.state.as_str())
        .bind(StateReason::Requested.as_str())
        .bind(now.as_millis())
        .bind(config.format.as_str())
        .bind(config.retry.as_ref().map(to_json).transpose()?)
        .bind(config.timeout.map(millis))
        .bind(config.connect_timeout.map(millis))
        .bind(stored_statuses(&config.final_statuses)?)
        .bind(config.concurrency)
        .bind(self.sealed_headers(new.id, &config.headers)?)
        .execute(&mut *connection)
        .await?;
        self.insert_secret(connection, new.id, &new.secret, now)
            .await?;
        count(connection, project, 1).await
    }

    async fn update(
        &self,
        connection: &mut Connection,
        before: &Endpoint,
        config: &EndpointConfig,
        now: Timestamp,
    ) -> StoreResult<()> {
        let moved = before.config.state != config.state;
        let (reason, since) = match moved {
            true => (StateReason::Requested, now),
            false => (before.state_reason, before.state_since),
        };
        if moved || before.config.url != config.url {
            failing::forget(connection, &[before.id]).await?;
        }
        query(
            "UPDATE endpoints SET name = $2, url = $3, state = $4, state_reason = $5, state_since = $6,
                 format = $7, retry_json = $8, timeout_ms = $9, connect_timeout_ms = $10,
                 final_statuses_json = $11, concurrency = $12, headers = $13, updated_at = $14,
                 version = version + 1
             WHERE id = $1",
        )
        .bind(before.id.to_string())
        .bind(&config.name)
        .bind(config.url.as_str())
        .bind(config.state.as_str())
        .bind(reason.as_str())
        .bind(since.as_millis())
        .bind(config.format.as_str())
        .bind(config.retry.as_ref().map(to_json).transpose()?)
        .bind(config.timeout.map(millis))
        .bind(config.connect_timeout.map(millis))
        .bind(stored_statuses(&config.final_statuses)?)
        .bind(config.concurrency)
        .bind(self.sealed_headers(before.id, &config.headers)?)
        .bind(now.as_millis())
        .execute(connection)
        .await?;
        Ok(())
    }

    pub(super) async fn find(
        &self,
        connection: &mut Connection,
        project: ProjectId,
        id: EndpointId,
    ) -> StoreResult<Endpoint> {
        let row = query(
            "SELECT * FROM endpoints WHERE id = $1 AND project_id = $2 AND deleted_at IS NULL",
        )
        .bind(id.to_string())
        .bind(project.to_string())
        .fetch_optional(connection)
        .await?;
        self.endpoint_of(&row.ok_or(StoreError::NotFound("endpoint"))?)
    }
}

/// Counts that `project` has `number` more endpoints.
async fn count(connection: &mut Connection, project: ProjectId, number: i64) -> StoreResult<()> {
    let mut deltas = Deltas::default();
    deltas.add(project, Counter::Endpoints, number);
    deltas.write(connection).await
}

/// Whether `project` has the endpoint `id`.
pub(super) async fn exists(
    connection: &mut Connection,
    project: ProjectId,
    id: EndpointId,
) -> StoreResult<bool> {
    let found: Option<i64> = query_scalar(
        "SELECT 1 FROM endpoints WHERE id = $1 AND project_id = $2 AND deleted_at IS NULL",
    )
    .bind(id.to_string())
    .bind(project.to_string())
    .fetch_optional(connection)
    .await?;
    Ok(found.is_some())
}

async fn delete(connection: &mut Connection, id: EndpointId, now: Timestamp) -> StoreResult<()> {
    query(
        "UPDATE endpoints SET deleted_at = $2, updated_at = $2, headers = $3, version = version + 1
         WHERE id = $1",
    )
    .bind(id.to_string())
    .bind(now.as_millis())
    .bind(Vec::new())
    .execute(&mut *connection)
    .await?;
    query("DELETE FROM endpoint_secrets WHERE endpoint_id = $1")
        .bind(id.to_string())
        .execute(connection)
        .await?;
    Ok(())
}

/// What is stored of final statuses: nothing where there are none.
fn stored_statuses(statuses: &FinalStatuses) -> StoreResult<Option<String>> {
    let some = (*statuses != FinalStatuses::default()).then_some(statuses);
    some.map(to_json).transpose()
}

fn millis(duration: Duration) -> i64 {
    i64::try_from(duration.as_millis()).unwrap_or(i64::MAX)
}
