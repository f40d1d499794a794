//! The journal: the oldest entries of each project go, the newest one stays.

use sqlx::AssertSqlSafe;

use super::Swept;
use crate::{
    domain::time::Timestamp,
    store::{
        Store, StoreResult,
        journal::first_since,
        partitions::{Log, Rows},
        sql::query,
    },
};

impl Store {
    /// Removes up to `limit` of these `rows` of the journal that were written before `before`, of the
    /// first project after the one that `position` names. The newest row of a project stays, so that no
    /// position comes twice.
    ///
    /// # Errors
    /// If the store cannot be written: nothing is removed then.
    pub async fn sweep_journal(
        &self,
        rows: &Rows,
        position: &str,
        before: Timestamp,
        limit: u32,
    ) -> StoreResult<Swept> {
        let mut transaction = self.write().await?;
        let table = rows.table(Log::Journal);
        let next = query(AssertSqlSafe(format!(
            "SELECT project_id, position AS newest FROM journal
             WHERE project_id = (SELECT min(project_id) FROM {table} WHERE project_id > $1)
             ORDER BY position DESC LIMIT 1"
        )))
        .bind(position)
        .fetch_optional(&mut transaction)
        .await?;
        let Some(row) = next else {
            return Ok(Swept::nothing());
        };
        let (project, newest) = (row.text("project_id")?, row.number::<i64>("newest")?);
        let kept = first_since(&mut transaction, row.parsed("project_id")?, before).await?;
        let removed = query(AssertSqlSafe(format!(
            "DELETE FROM {table} WHERE project_id = $1 AND position IN (
                 SELECT position FROM {table} WHERE project_id = $1 AND position < $2
                 ORDER BY position LIMIT $3)"
        )))
        .bind(&project)
        .bind(kept.min(newest))
        .bind(limit)
        .execute(&mut transaction)
        .await?;
        transaction.commit().await?;
        let is_done = removed < u64::from(limit);
        Ok(Swept {
            removed,
            position: if is_done {
                project
            } else {
                position.to_owned()
            },
            is_last: false,
        })
    }
}
