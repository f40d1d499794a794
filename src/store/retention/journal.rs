//! The journal: the oldest entries of each project go, and it is noted up to where they are gone.

use sqlx::AssertSqlSafe;

use super::Swept;
use crate::{
    domain::time::Timestamp,
    store::{
        Store, StoreResult,
        journal::{end_of, first_since, note_gone},
        partitions::{Log, Rows},
        sql::query,
    },
};

impl Store {
    /// Removes up to `limit` of these `rows` of the journal that were written before `before`, of the
    /// first project after the one that `position` names.
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
            "SELECT min(project_id) AS project_id FROM {table} WHERE project_id > $1"
        )))
        .bind(position)
        .fetch_one(&mut transaction)
        .await?;
        let Some(project) = next.parsed_opt("project_id")? else {
            return Ok(Swept::nothing());
        };
        let kept = first_since(&mut transaction, project, before).await?;
        let removed = query(AssertSqlSafe(format!(
            "DELETE FROM {table} WHERE project_id = $1 AND position IN (
                 SELECT position FROM {table} WHERE project_id = $1 AND position < $2
                 ORDER BY position LIMIT $3)
             RETURNING position, entries"
        )))
        .bind(project.to_string())
        .bind(kept)
        .bind(limit)
        .fetch_all(&mut transaction)
        .await?;
        let places = removed.iter().map(end_of);
        let last = places.collect::<StoreResult<Vec<_>>>()?.into_iter().max();
        if let Some(last) = last {
            note_gone(&mut transaction, &[(project, last)]).await?;
        }
        transaction.commit().await?;
        let is_done = removed.len() < limit as usize;
        Ok(Swept {
            removed: removed.len() as u64,
            position: match is_done {
                true => project.to_string(),
                false => position.to_owned(),
            },
            is_last: false,
        })
    }
}
