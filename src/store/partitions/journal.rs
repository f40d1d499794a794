//! Dropping the journal. Nothing of it is kept but up to where each project's is gone.

use sqlx::AssertSqlSafe;

use super::{
    Partition,
    dropping::{Cause, Dropped, Tried, drop_all},
};
use crate::{
    domain::retention::Kept,
    store::{
        Store, StoreResult,
        journal::{end_of, note_gone},
        sql::{query, query_scalar},
    },
};

impl Store {
    /// Drops a partition of the journal, whose rows are never changed.
    pub(super) async fn drop_journal(&self, partition: &Partition) -> StoreResult<Tried> {
        let watch = self.watch(&[partition]).await?;
        let name = &partition.name;
        let mut survey = self.survey().await?;
        let ends = query(AssertSqlSafe(format!(
            "SELECT DISTINCT ON (project_id) project_id, position, entries FROM {name}
             ORDER BY project_id, position DESC"
        )))
        .fetch_all(&mut survey)
        .await?;
        let ends = ends
            .iter()
            .map(|row| Ok((row.parsed("project_id")?, end_of(row)?)));
        let ends = ends.collect::<StoreResult<Vec<_>>>()?;
        let count = format!("SELECT count(*) FROM {name}");
        let count: i64 = query_scalar(AssertSqlSafe(count))
            .fetch_one(&mut survey)
            .await?;
        survey.rollback().await?;
        let alone = self.alone(&[partition], watch).await?;
        let Some(mut transaction) = alone else {
            return Ok(Tried::Not(Cause::InUse));
        };
        note_gone(&mut transaction, &ends).await?;
        drop_all(&mut transaction, partition).await?;
        transaction.commit().await?;
        Ok(Tried::Dropped(Dropped {
            name: name.clone(),
            removed: vec![(Kept::Journal, count.unsigned_abs())],
            moved: 0,
        }))
    }
}
