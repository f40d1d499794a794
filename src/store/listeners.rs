//! Listeners: every change makes a new revision and a new version of the project's rules.

use std::collections::HashMap;

use sqlx::sqlite::SqliteRow;

use super::{
    Connection, Store, StoreError, StoreResult,
    columns::{Columns as _, to_json},
    endpoints::{self, NewEndpoint},
};
use crate::domain::{
    ids::{EndpointId, ListenerId, ProjectId},
    listener::{Listener, ListenerConfig, ListenerState, Reaction},
    time::Timestamp,
};

/// A reaction as it is asked for.
#[derive(Debug)]
pub enum WantedReaction {
    /// It says all.
    Ready(Reaction),
    /// A webhook to the endpoint of the project that has this URL; it is made if there is none.
    ByUrl(NewEndpoint),
}

/// A listener as it is asked for.
#[derive(Debug)]
pub struct WantedListener {
    /// All that users decide but the reactions.
    pub config: ListenerConfig,
    /// The reactions.
    pub reactions: Vec<WantedReaction>,
}

/// The rules of a project that are new since a version.
#[derive(Debug, Default)]
pub struct RuleChanges {
    /// The version that they lead to.
    pub version: i64,
    /// For each listener that has changed its current revision; none where it does not exist or is
    /// disabled.
    pub changed: HashMap<ListenerId, Option<Listener>>,
}

/// The state of the revision that ends a listener.
const DELETED: &str = "deleted";

impl Store {
    /// Makes the listener `id`, or a new revision of it, and the endpoints that it asks for by
    /// their URL.
    ///
    /// # Errors
    /// [`StoreError::UnknownEndpoint`] if a reaction names an endpoint that the project does not
    /// have; [`StoreError::NotFound`] if `exists` and the project has no such listener.
    pub async fn put_listener(
        &self,
        project: ProjectId,
        id: ListenerId,
        exists: bool,
        wanted: WantedListener,
        now: Timestamp,
    ) -> StoreResult<Listener> {
        let mut transaction = self.write().await?;
        let previous = match exists {
            true => Some(current(&mut transaction, project, id).await?),
            false => None,
        };
        let mut config = wanted.config;
        config.reactions = self
            .resolve(&mut transaction, project, wanted.reactions, now)
            .await?;
        let listener = Listener {
            id,
            project,
            revision: previous
                .as_ref()
                .map_or(1, |previous| previous.revision + 1),
            config,
            created_at: previous.map_or(now, |previous| previous.created_at),
            updated_at: now,
        };
        let state = listener.config.state.as_str();
        add_revision(&mut transaction, &listener, state).await?;
        transaction.commit().await?;
        Ok(listener)
    }

    /// Deletes a listener; its deliveries go on.
    ///
    /// # Errors
    /// [`StoreError::NotFound`] if the project has no such listener.
    pub async fn delete_listener(
        &self,
        project: ProjectId,
        id: ListenerId,
        now: Timestamp,
    ) -> StoreResult<()> {
        let mut transaction = self.write().await?;
        let last = current(&mut transaction, project, id).await?;
        let end = Listener {
            revision: last.revision + 1,
            updated_at: now,
            ..last
        };
        add_revision(&mut transaction, &end, DELETED).await?;
        transaction.commit().await?;
        Ok(())
    }

    /// The current revision of a listener.
    ///
    /// # Errors
    /// [`StoreError::NotFound`] if the project has no such listener.
    pub async fn listener(&self, project: ProjectId, id: ListenerId) -> StoreResult<Listener> {
        let mut connection = self.read().await?;
        current(&mut connection, project, id).await
    }

    /// Up to `limit` listeners of `project`, the newest first, from before `before` on.
    ///
    /// # Errors
    /// If the store cannot be read.
    pub async fn listeners(
        &self,
        project: ProjectId,
        before: Option<ListenerId>,
        limit: u32,
    ) -> StoreResult<Vec<Listener>> {
        let mut connection = self.read().await?;
        let rows = sqlx::query(
            "SELECT * FROM listener_revisions
             WHERE project_id = $1 AND until_version IS NULL AND state <> 'deleted'
               AND ($2 IS NULL OR listener_id < $2)
             ORDER BY listener_id DESC LIMIT $3",
        )
        .bind(project.to_string())
        .bind(before.map(|before| before.to_string()))
        .bind(limit)
        .fetch_all(&mut *connection)
        .await?;
        rows.iter().map(listener).collect()
    }

    /// What has changed in the rules of `project` since `version`; from 0 on it is everything.
    ///
    /// # Errors
    /// [`StoreError::NotFound`] if there is no such project.
    pub async fn rule_changes(&self, project: ProjectId, version: i64) -> StoreResult<RuleChanges> {
        let mut snapshot = self.snapshot().await?;
        let current: Option<i64> =
            sqlx::query_scalar("SELECT rules_version FROM projects WHERE id = $1")
                .bind(project.to_string())
                .fetch_optional(&mut *snapshot)
                .await?;
        let rows = sqlx::query(
            "SELECT * FROM listener_revisions
             WHERE project_id = $1 AND from_version > $2 AND until_version IS NULL",
        )
        .bind(project.to_string())
        .bind(version)
        .fetch_all(&mut *snapshot)
        .await?;
        let changed = rows.iter().map(|row| {
            let enabled = row.text("state")? == ListenerState::Enabled.as_str();
            let id = row.parsed("listener_id")?;
            Ok((id, if enabled { Some(listener(row)?) } else { None }))
        });
        Ok(RuleChanges {
            version: current.ok_or(StoreError::NotFound("project"))?,
            changed: changed.collect::<StoreResult<_>>()?,
        })
    }

    /// Up to `limit` listeners of `project` as they were at `version`, in the order of their
    /// identifiers, from `from` on; those that were disabled then are left out.
    ///
    /// # Errors
    /// If the store cannot be read.
    pub async fn listeners_at(
        &self,
        project: ProjectId,
        version: i64,
        from: Option<ListenerId>,
        limit: u32,
    ) -> StoreResult<Vec<Listener>> {
        let mut connection = self.read().await?;
        let rows = sqlx::query(
            "SELECT * FROM listener_revisions
             WHERE project_id = $1 AND listener_id >= $2 AND state = 'enabled'
               AND from_version <= $3 AND (until_version IS NULL OR until_version > $3)
             ORDER BY listener_id LIMIT $4",
        )
        .bind(project.to_string())
        .bind(from.map(|from| from.to_string()).unwrap_or_default())
        .bind(version)
        .bind(limit)
        .fetch_all(&mut *connection)
        .await?;
        rows.iter().map(listener).collect()
    }

    async fn resolve(
        &self,
        connection: &mut Connection,
        project: ProjectId,
        wanted: Vec<WantedReaction>,
        now: Timestamp,
    ) -> StoreResult<Vec<Reaction>> {
        let mut reactions = Vec::with_capacity(wanted.len());
        for (index, reaction) in wanted.into_iter().enumerate() {
            reactions.push(match reaction {
                WantedReaction::Ready(Reaction::Webhook { endpoint }) => {
                    check_endpoint(connection, project, endpoint, index).await?;
                    Reaction::Webhook { endpoint }
                }
                WantedReaction::Ready(reaction) => reaction,
                WantedReaction::ByUrl(new) => Reaction::Webhook {
                    endpoint: self
                        .find_or_insert_endpoint(connection, project, new, now)
                        .await?,
                },
            });
        }
        Ok(reactions)
    }
}

async fn check_endpoint(
    connection: &mut Connection,
    project: ProjectId,
    endpoint: EndpointId,
    index: usize,
) -> StoreResult<()> {
    match endpoints::exists(connection, project, endpoint).await? {
        true => Ok(()),
        false => Err(StoreError::UnknownEndpoint(index)),
    }
}

async fn current(
    connection: &mut Connection,
    project: ProjectId,
    id: ListenerId,
) -> StoreResult<Listener> {
    let row = sqlx::query(
        "SELECT * FROM listener_revisions
         WHERE project_id = $1 AND listener_id = $2 AND until_version IS NULL AND state <> 'deleted'",
    )
    .bind(project.to_string())
    .bind(id.to_string())
    .fetch_optional(connection)
    .await?;
    listener(&row.ok_or(StoreError::NotFound("listener"))?)
}

/// Ends the current revision and begins `listener`, with the next version of the project's rules.
async fn add_revision(
    connection: &mut Connection,
    listener: &Listener,
    state: &str,
) -> StoreResult<()> {
    let version: Option<i64> = sqlx::query_scalar(
        "UPDATE projects SET rules_version = rules_version + 1 WHERE id = $1 RETURNING rules_version",
    )
    .bind(listener.project.to_string())
    .fetch_optional(&mut *connection)
    .await?;
    let version = version.ok_or(StoreError::NotFound("project"))?;
    sqlx::query(
        "UPDATE listener_revisions SET until_version = $3
         WHERE project_id = $1 AND listener_id = $2 AND until_version IS NULL",
    )
    .bind(listener.project.to_string())
    .bind(listener.id.to_string())
    .bind(version)
    .execute(&mut *connection)
    .await?;
    sqlx::query(
        "INSERT INTO listener_revisions (project_id, listener_id, revision, from_version, state,
                                         config_json, created_at, updated_at)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8)",
    )
    .bind(listener.project.to_string())
    .bind(listener.id.to_string())
    .bind(listener.revision)
    .bind(version)
    .bind(state)
    .bind(to_json(&listener.config)?)
    .bind(listener.created_at.as_millis())
    .bind(listener.updated_at.as_millis())
    .execute(connection)
    .await?;
    Ok(())
}

fn listener(row: &SqliteRow) -> StoreResult<Listener> {
    Ok(Listener {
        id: row.parsed("listener_id")?,
        project: row.parsed("project_id")?,
        revision: row.number("revision")?,
        config: row.json("config_json")?,
        created_at: row.time("created_at")?,
        updated_at: row.time("updated_at")?,
    })
}
