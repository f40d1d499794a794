//! Watching partitions that are about to be dropped: whether anybody writes into them.

use sqlx::AssertSqlSafe;

use super::Partition;
use crate::store::{
    Store, StoreResult,
    sql::{Connection, query, query_scalar},
};

/// How long it waits for those who write into a partition of long ago.
const LOCK_TIMEOUT: &str = "SET LOCAL lock_timeout = '500ms'";

/// What was written into partitions since this began is known.
#[derive(Debug)]
pub(super) struct Watch {
    /// Each partition, and how often it was watched with this time.
    partitions: Vec<(String, i64)>,
}

impl Store {
    /// Begins to watch `partitions`: whoever has written into them has ended, and all who will are
    /// noticed.
    pub(super) async fn watch(&self, partitions: &[&Partition]) -> StoreResult<Watch> {
        let mut transaction = self.write().await?;
        query(LOCK_TIMEOUT).execute(&mut transaction).await?;
        let mut watched = Vec::with_capacity(partitions.len());
        for Partition { name, .. } in partitions {
            // Making the trigger waits for all who write there, and keeps others out until the end.
            query(AssertSqlSafe(format!(
                "CREATE OR REPLACE TRIGGER watch AFTER INSERT OR UPDATE OR DELETE ON {name}
                 FOR EACH ROW EXECUTE FUNCTION touch_partition()"
            )))
            .execute(&mut transaction)
            .await?;
            let attempt: i64 = query_scalar(
                "INSERT INTO watched_partitions AS w (name) VALUES ($1)
                 ON CONFLICT (name) DO UPDATE SET attempt = w.attempt + 1, touched = 0
                 RETURNING attempt",
            )
            .bind(name)
            .fetch_one(&mut transaction)
            .await?;
            watched.push((name.clone(), attempt));
        }
        transaction.commit().await?;
        Ok(Watch {
            partitions: watched,
        })
    }
}

impl Watch {
    /// Ends it, and gives whether nobody has written since it began. Nobody may write any more, and they
    /// are about to be dropped.
    pub(super) async fn end(self, connection: &mut Connection) -> StoreResult<bool> {
        for (name, attempt) in self.partitions {
            let ended = query(
                "DELETE FROM watched_partitions WHERE name = $1 AND attempt = $2 AND touched = 0",
            )
            .bind(&name)
            .bind(attempt)
            .execute(&mut *connection)
            .await?;
            if ended == 0 {
                return Ok(false);
            }
        }
        Ok(true)
    }
}
