//! PostgreSQL: one database, any number of nodes.

use sqlx::{PgPool, postgres::PgPoolOptions};

use super::{
    StoreError, StoreResult, StoreSettings,
    sql::{Reader, Transaction},
};

#[derive(Debug, Clone)]
pub(super) struct Database {
    writers: PgPool,
    readers: PgPool,
}

impl Database {
    pub(super) async fn open(settings: &StoreSettings) -> StoreResult<Self> {
        let pool = |connections| PgPoolOptions::new().max_connections(connections);
        let open = |error: sqlx::Error| StoreError::Open(error.to_string());
        let writers = pool(settings.readers).connect(&settings.url).await;
        let readers = pool(settings.readers).connect(&settings.url).await;
        Ok(Self {
            writers: writers.map_err(open)?,
            readers: readers.map_err(open)?,
        })
    }

    pub(super) async fn write(&self) -> StoreResult<Transaction> {
        Ok(self.writers.begin().await?.into())
    }

    pub(super) async fn snapshot(&self) -> StoreResult<Transaction> {
        let begin = "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY";
        Ok(self.readers.begin_with(begin).await?.into())
    }

    pub(super) async fn read(&self) -> StoreResult<Reader> {
        Ok(self.readers.acquire().await?.into())
    }

    pub(super) async fn close(&self) {
        self.readers.close().await;
        self.writers.close().await;
    }
}
