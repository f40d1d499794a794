//! Space: how much the store takes, and giving back what it does not need.

use crate::store::{Backend, Store, StoreResult, sql::query};
use sqlx::AssertSqlSafe;

/// How much room the store takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Space {
    /// The bytes of the database.
    pub bytes: u64,
    /// Those of them that are free: what is written next goes there. Where each table has such bytes of
    /// its own, it is not known.
    pub free_bytes: Option<u64>,
}

/// Free pages that are left for what is written next, as a part of all: giving all back and taking
/// it anew would be work for nothing.
const RESERVE: u64 = 16;

/// The least that is left free, in pages.
const LEAST_RESERVE: u64 = 256;

impl Store {
    /// How much room the store takes now.
    ///
    /// # Errors
    /// If the store cannot be read.
    pub async fn space(&self) -> StoreResult<Space> {
        let pages = self.pages().await?;
        Ok(Space {
            bytes: pages.all * pages.size,
            free_bytes: match &self.backend {
                Backend::Sqlite(_) => Some(pages.free * pages.size),
                Backend::Postgres(_) => None,
            },
        })
    }

    /// Gives up to `limit` free pages beyond a reserve back to the file system. Gives how many bytes
    /// that were, and whether more is left to give back. The file shrinks at the next checkpoint.
    ///
    /// # Errors
    /// If the store cannot be written.
    pub async fn give_back(&self, limit: u32) -> StoreResult<(u64, bool)> {
        let before = self.pages().await?;
        let reserve = (before.all / RESERVE).max(LEAST_RESERVE);
        let excess = before.free.saturating_sub(reserve);
        let step = excess.min(u64::from(limit));
        if step == 0 {
            return Ok((0, false));
        }
        let mut transaction = self.write().await?;
        query(AssertSqlSafe(format!("PRAGMA incremental_vacuum({step})")))
            .fetch_all(&mut transaction)
            .await?;
        transaction.commit().await?;
        Ok((step * before.size, excess > step))
    }

    async fn pages(&self) -> StoreResult<Pages> {
        let mut connection = self.read().await?;
        let row = query(connection.by(
            "SELECT page_count, freelist_count, page_size
             FROM pragma_page_count, pragma_freelist_count, pragma_page_size",
            // What is free within is the database's own business.
            "SELECT pg_database_size(current_database()) AS page_count,
                    0 AS freelist_count, 1 AS page_size",
        ))
        .fetch_one(&mut connection)
        .await?;
        Ok(Pages {
            all: row.number("page_count")?,
            free: row.number("freelist_count")?,
            size: row.number("page_size")?,
        })
    }
}

struct Pages {
    all: u64,
    free: u64,
    size: u64,
}
