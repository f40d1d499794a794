//! What was configured once: revisions of listeners that hold no more, endpoints that were deleted.
//! They go when nothing is left that they explain.

use std::time::Duration;

use sqlx::AssertSqlSafe;

use super::Swept;
use crate::{
    domain::{
        ids::{EndpointId, EventId, ProjectId, platform_project, stamp},
        time::Timestamp,
    },
    store::{
        Connection, Store, StoreResult,
        sql::{list, query},
    },
};

/// How far clocks that stamp events and revisions may lie apart.
const SKEW: Duration = Duration::from_secs(60);

impl Store {
    /// Removes up to `limit` revisions that ended before the first event that its project still has,
    /// of the first project after `after` that has revisions that ended. Those of the platform have
    /// met the events of all projects.
    ///
    /// What says that a listener is deleted stays, emptied: it is how a node that still has the
    /// listener in memory learns of it.
    ///
    /// # Errors
    /// If the store cannot be written: nothing is removed then.
    pub async fn sweep_revisions(
        &self,
        after: &str,
        now: Timestamp,
        limit: u32,
    ) -> StoreResult<Swept> {
        let mut transaction = self.write().await?;
        let Some(project) = next_project(&mut transaction, after).await? else {
            return Ok(Swept::nothing());
        };
        let first = first_event(&mut transaction, project).await?;
        let horizon = first.map_or(now, stamp).min(now).minus(SKEW).as_millis();
        let emptied = query(
            "UPDATE listener_revisions SET config_json = '{}', ended_at = NULL
             WHERE (project_id, listener_id, revision) IN (
                 SELECT project_id, listener_id, revision FROM listener_revisions
                 WHERE project_id = $1 AND ended_at IS NOT NULL AND ended_at < $2
                 ORDER BY ended_at LIMIT $3)
               AND until_version IS NULL",
        )
        .bind(project.to_string())
        .bind(horizon)
        .bind(limit)
        .execute(&mut transaction)
        .await?;
        let removed = query(
            "DELETE FROM listener_revisions WHERE (project_id, listener_id, revision) IN (
                 SELECT project_id, listener_id, revision FROM listener_revisions
                 WHERE project_id = $1 AND ended_at IS NOT NULL AND ended_at < $2
                 ORDER BY ended_at LIMIT $3)
               AND until_version IS NOT NULL",
        )
        .bind(project.to_string())
        .bind(horizon)
        .bind(limit)
        .execute(&mut transaction)
        .await?;
        transaction.commit().await?;
        let has_more = emptied + removed >= u64::from(limit);
        Ok(Swept {
            removed,
            position: match has_more {
                true => after.to_owned(),
                false => project.to_string(),
            },
            is_last: false,
        })
    }

    /// Removes endpoints of a window of up to `limit` from behind `after` on, that were deleted
    /// before `before` and that no delivery and no listener names any more.
    ///
    /// # Errors
    /// If the store cannot be written: nothing is removed then.
    pub async fn sweep_endpoints(
        &self,
        after: &str,
        before: Timestamp,
        limit: u32,
    ) -> StoreResult<Swept> {
        let mut transaction = self.write().await?;
        let place = transaction.by("instr", "strpos");
        let rows = query(AssertSqlSafe(format!(
            "SELECT p.id,
                    p.deleted_at < $2
                    AND NOT EXISTS (SELECT 1 FROM deliveries AS d
                                    WHERE d.project_id = p.project_id AND d.endpoint_id = p.id)
                    AND NOT EXISTS (SELECT 1 FROM listener_revisions AS r
                                    WHERE r.project_id = p.project_id
                                      AND {place}(r.config_json, p.id) > 0) AS unnamed
             FROM endpoints AS p WHERE p.deleted_at IS NOT NULL AND p.id > $1
             ORDER BY p.id LIMIT $3"
        )))
        .bind(after)
        .bind(before.as_millis())
        .bind(limit)
        .fetch_all(&mut transaction)
        .await?;
        let mut gone = Vec::new();
        for row in &rows {
            if row.flag("unnamed")? {
                gone.push(row.parsed::<EndpointId>("id")?);
            }
        }
        for statement in [
            "DELETE FROM endpoint_secrets WHERE endpoint_id IN (SELECT value FROM json_each($1))",
            "DELETE FROM endpoints WHERE id IN (SELECT value FROM json_each($1))",
        ] {
            let statement = query(statement).bind(list(&gone));
            statement.execute(&mut transaction).await?;
        }
        transaction.commit().await?;
        let last = rows.last().map(|row| row.text("id")).transpose()?;
        Ok(Swept {
            removed: gone.len() as u64,
            position: last.unwrap_or_default(),
            is_last: rows.len() < limit as usize,
        })
    }
}

async fn next_project(connection: &mut Connection, after: &str) -> StoreResult<Option<ProjectId>> {
    let row = query(
        "SELECT min(project_id) AS project_id FROM listener_revisions
         WHERE ended_at IS NOT NULL AND project_id > $1",
    )
    .bind(after)
    .fetch_one(connection)
    .await?;
    row.parsed_opt("project_id")
}

/// The first event that may have met the rules of `project`.
async fn first_event(
    connection: &mut Connection,
    project: ProjectId,
) -> StoreResult<Option<EventId>> {
    let statement = match project == platform_project() {
        true => "SELECT min(id) AS id FROM events WHERE $1 IS NOT NULL",
        false => "SELECT min(id) AS id FROM events WHERE project_id = $1",
    };
    let row = query(statement)
        .bind(project.to_string())
        .fetch_one(connection)
        .await?;
    row.parsed_opt("id")
}
