//! The rules of projects as the engine reads them: what has changed, and what held at a version.

use std::collections::HashMap;

use super::{
    Connection, Store, StoreError, StoreResult,
    listeners::listener,
    locks,
    sql::{query, query_scalar},
};
use crate::domain::{
    event::EventType,
    ids::{ListenerId, ProjectId},
    listener::{Listener, ListenerState},
    schema::Validation,
};

/// The rules of a project that are new since a version.
#[derive(Debug, Default)]
pub struct RuleChanges {
    /// The version that they lead to.
    pub version: i64,
    /// For each listener that has changed its current revision; none where it does not exist or is
    /// disabled.
    pub changed: HashMap<ListenerId, Option<Listener>>,
    /// The types whose events are judged by a schema: all of them.
    pub judged: HashMap<EventType, Judged>,
}

/// How events of a type are judged.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Judged {
    /// What happens to those that break the schema.
    pub validation: Validation,
    /// The version of the rules with which that, or the schema, last changed.
    pub version: i64,
}

impl Store {
    /// What has changed in the rules of `project` since `version`; from 0 on it is everything.
    ///
    /// # Errors
    /// [`StoreError::NotFound`] if there is no such project.
    pub async fn rule_changes(&self, project: ProjectId, version: i64) -> StoreResult<RuleChanges> {
        let mut snapshot = self.snapshot().await?;
        let current: Option<i64> =
            query_scalar("SELECT rules_version FROM projects WHERE id = $1 AND state = 'active'")
                .bind(project.to_string())
                .fetch_optional(&mut snapshot)
                .await?;
        let rows = query(
            "SELECT * FROM listener_revisions
             WHERE project_id = $1 AND from_version > $2 AND until_version IS NULL",
        )
        .bind(project.to_string())
        .bind(version)
        .fetch_all(&mut snapshot)
        .await?;
        let changed = rows.iter().map(|row| {
            let enabled = row.text("state")? == ListenerState::Enabled.as_str();
            let id = row.parsed("listener_id")?;
            Ok((id, if enabled { Some(listener(row)?) } else { None }))
        });
        Ok(RuleChanges {
            version: current.ok_or(StoreError::NotFound("project"))?,
            changed: changed.collect::<StoreResult<_>>()?,
            judged: judged(&mut snapshot, project).await?,
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
        let rows = query(
            "SELECT * FROM listener_revisions
             WHERE project_id = $1 AND listener_id >= $2 AND state = 'enabled'
               AND from_version <= $3 AND (until_version IS NULL OR until_version > $3)
             ORDER BY listener_id LIMIT $4",
        )
        .bind(project.to_string())
        .bind(from.map(|from| from.to_string()).unwrap_or_default())
        .bind(version)
        .bind(limit)
        .fetch_all(&mut connection)
        .await?;
        rows.iter().map(listener).collect()
    }
}

async fn judged(
    connection: &mut Connection,
    project: ProjectId,
) -> StoreResult<HashMap<EventType, Judged>> {
    let rows = query(
        "SELECT type, validation, version FROM event_types
         WHERE project_id = $1 AND validation <> 'off'",
    )
    .bind(project.to_string())
    .fetch_all(connection)
    .await?;
    rows.iter()
        .map(|row| {
            let judged = Judged {
                validation: row.parsed("validation")?,
                version: row.number("version")?,
            };
            Ok((row.parsed("type")?, judged))
        })
        .collect()
}

/// Begins the next version of the rules of `project`: what was planned with another one is planned
/// again.
pub(super) async fn next_version(
    connection: &mut Connection,
    project: ProjectId,
) -> StoreResult<i64> {
    locks::own_rules(connection, project).await?;
    let version: Option<i64> = query_scalar(
        "UPDATE projects SET rules_version = rules_version + 1 WHERE id = $1 RETURNING rules_version",
    )
    .bind(project.to_string())
    .fetch_optional(connection)
    .await?;
    version.ok_or(StoreError::NotFound("project"))
}
