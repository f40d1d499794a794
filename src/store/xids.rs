//! Transactions of PostgreSQL as positions. Identifiers of transactions grow, and of two where the
//! second begins to write after the first has ended, the second has the greater one. What a
//! transaction writes under its own can be read without missing anything, whatever the order in
//! which transactions end: up to the oldest that is still open, nothing comes in any more.
//!
//! They are 64 bits wide, and never come again. A database that was restored from a dump into another
//! cluster has identifiers of that from then on: what it had before means nothing there, and goes when the store is opened.

use sqlx::AssertSqlSafe;

use super::{
    Connection, Store, StoreResult, journal,
    sql::{Dialect, query, query_scalar},
};

/// The transaction that the statement belongs to.
pub(super) const OWN: &str = "CAST(CAST(pg_current_xact_id() AS text) AS bigint)";

/// The oldest transaction that is open, as the statement sees it; the next one if none is. What is
/// older has ended, and is seen if it was committed.
pub(super) const OLDEST_OPEN: &str =
    "CAST(CAST(pg_snapshot_xmin(pg_current_snapshot()) AS text) AS bigint)";

/// A transaction that is newer than all that the statement sees.
pub(super) const UNSEEN: &str =
    "CAST(CAST(pg_snapshot_xmax(pg_current_snapshot()) AS text) AS bigint)";

/// One of them.
pub(super) async fn one(connection: &mut Connection, which: &str) -> StoreResult<i64> {
    let statement = format!("SELECT {which}");
    query_scalar(AssertSqlSafe(statement))
        .fetch_one(connection)
        .await
}

impl Store {
    /// Forgets what was written under identifiers that this cluster has not given out: it was restored
    /// from a dump of another one, and means nothing here. Readers of the journal that come back are
    /// told so.
    pub(super) async fn forget_foreign_xids(&self) -> StoreResult<()> {
        let mut transaction = self.write().await?;
        if transaction.dialect() == Dialect::Sqlite {
            return Ok(());
        }
        let beyond = journal::first_of(UNSEEN);
        let is_foreign: bool = query_scalar(AssertSqlSafe(format!(
            "SELECT EXISTS (SELECT 1 FROM projects AS p
                            WHERE (SELECT max(j.position) FROM journal AS j
                                   WHERE j.project_id = p.id) >= {beyond})"
        )))
        .fetch_one(&mut transaction)
        .await?;
        if is_foreign {
            tracing::warn!(
                "what streams tell was written in another cluster of PostgreSQL; it is forgotten"
            );
            for table in ["journal", "journal_gone"] {
                let forget = format!("DELETE FROM {table} WHERE position >= {beyond}");
                query(AssertSqlSafe(forget))
                    .execute(&mut transaction)
                    .await?;
            }
        }
        let forget = format!("DELETE FROM notices WHERE xid >= {UNSEEN}");
        query(AssertSqlSafe(forget))
            .execute(&mut transaction)
            .await?;
        transaction.commit().await
    }
}
