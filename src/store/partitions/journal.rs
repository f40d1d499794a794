//! Dropping the journal. Kept is the newest row of each project: it says how far the project has come.

use sqlx::AssertSqlSafe;

use super::{
    Partition,
    dropping::{Dropped, MAX_MOVED, Tried, drop_but},
};
use crate::{
    domain::retention::Kept,
    store::{
        Store, StoreResult,
        sql::{query, query_scalar, to_json},
    },
};

/// The condition that the row `p` is one of `$1` by its project and position.
const BY_PLACE: &str = "(p.project_id, p.position) IN (
    SELECT value ->> 0, CAST(value ->> 1 AS BIGINT) FROM json_each($1))";

impl Store {
    /// Drops a partition of the journal, whose rows are never changed.
    pub(super) async fn drop_journal(&self, partition: &Partition) -> StoreResult<Tried> {
        let watch = self.watch(&[partition]).await?;
        let (name, end) = (&partition.name, partition.to.as_millis());
        let mut survey = self.survey().await?;
        let quiet = query(AssertSqlSafe(format!(
            "SELECT p.project_id, max(p.position) AS position FROM {name} AS p
             WHERE NOT EXISTS (SELECT 1 FROM journal AS j
                               WHERE j.project_id = p.project_id AND j.written_at >= $1)
             GROUP BY p.project_id LIMIT $2"
        )))
        .bind(end)
        .bind(
            i64::try_from(MAX_MOVED)
                .unwrap_or(i64::MAX)
                .saturating_add(1),
        )
        .fetch_all(&mut survey)
        .await?;
        if quiet.len() > MAX_MOVED {
            return Ok(Tried::TooFull);
        }
        let mut newest = Vec::with_capacity(quiet.len());
        for row in &quiet {
            newest.push((row.text("project_id")?, row.number::<i64>("position")?));
        }
        let count = format!("SELECT count(*) FROM {name}");
        let count: i64 = query_scalar(AssertSqlSafe(count))
            .fetch_one(&mut survey)
            .await?;
        survey.rollback().await?;
        let alone = self.alone(&[partition], watch).await?;
        let Some(mut transaction) = alone else {
            return Ok(Tried::Disturbed);
        };
        let moved = drop_but(
            &mut transaction,
            partition,
            BY_PLACE,
            to_json(&newest)?.into(),
        )
        .await?;
        transaction.commit().await?;
        Ok(Tried::Dropped(Dropped {
            name: name.clone(),
            removed: vec![(Kept::Journal, count.unsigned_abs() - moved)],
            moved,
        }))
    }
}
