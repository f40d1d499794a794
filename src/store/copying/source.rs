//! The file that is copied from: held as a gateway holds it, so that none runs on it.

use futures_util::{StreamExt as _, stream::BoxStream};
use sqlx::{
    AssertSqlSafe, ConnectOptions as _, SqliteConnection,
    sqlite::{SqliteConnectOptions, SqliteRow},
};

use super::figures::{COUNTS, Figures, by_project};
use crate::{
    domain::{ids::NodeId, lease::Lease, seal::Keyring, time::Timestamp},
    store::{Store, StoreResult, StoreSettings, partitions::Log, secrets, sqlite::path_of},
};

pub(super) struct Source {
    store: Store,
    /// Reads alone.
    reader: SqliteConnection,
}

/// A table, with its columns.
#[derive(Debug, Clone)]
pub(super) struct Table {
    pub(super) name: String,
    pub(super) columns: Vec<String>,
    pub(super) rows: u64,
}

impl Source {
    /// Opens the file as a gateway does: its schema is brought up to date, and its secrets are sealed
    /// with the key at hand.
    pub(super) async fn open(settings: StoreSettings) -> StoreResult<Self> {
        let path = path_of(&settings.url)?;
        let store = Store::open(settings).await?;
        let options = SqliteConnectOptions::new().filename(path).read_only(true);
        let reader = options.connect().await?;
        Ok(Self { store, reader })
    }

    /// Releases what the last gateway had in memory, as the next one would.
    pub(super) async fn release(&self, now: Timestamp) -> StoreResult<()> {
        let nobody: NodeId = self.store.ids.next(now);
        self.store
            .release_expired(Lease::first(nobody), now)
            .await?;
        Ok(())
    }

    /// Opens the secrets of all endpoints, and gives how many there are.
    pub(super) async fn open_secrets(&self) -> StoreResult<u64> {
        let mut connection = self.store.read().await?;
        secrets::open_all(&mut connection, self.keyring()).await
    }

    /// The keys at hand.
    pub(super) fn keyring(&self) -> &Keyring {
        &self.store.sealing.keyring
    }

    /// All tables.
    pub(super) async fn tables(&mut self) -> StoreResult<Vec<Table>> {
        let names: Vec<String> = sqlx::query_scalar(
            "SELECT name FROM sqlite_schema
             WHERE type = 'table' AND name NOT LIKE 'sqlite\\_%' ESCAPE '\\'
               AND name <> '_sqlx_migrations'
             ORDER BY name",
        )
        .fetch_all(&mut self.reader)
        .await?;
        let mut tables = Vec::new();
        for name in names {
            let columns = sqlx::query_scalar("SELECT name FROM pragma_table_info($1)")
                .bind(&name)
                .fetch_all(&mut self.reader)
                .await?;
            let count = format!("SELECT count(*) FROM {name}");
            let rows: i64 = sqlx::query_scalar(AssertSqlSafe(count))
                .fetch_one(&mut self.reader)
                .await?;
            tables.push(Table {
                name,
                columns,
                rows: rows.cast_unsigned(),
            });
        }
        Ok(tables)
    }

    /// The rows of `table`, one after the other.
    pub(super) fn rows(&mut self, table: &Table) -> BoxStream<'_, sqlx::Result<SqliteRow>> {
        let (columns, name) = (table.columns.join(", "), &table.name);
        let select = format!("SELECT {columns} FROM {name}");
        sqlx::query(AssertSqlSafe(select))
            .fetch(&mut self.reader)
            .boxed()
    }

    /// What each project has.
    pub(super) async fn figures(&mut self) -> StoreResult<Vec<Figures>> {
        let rows = sqlx::query_as(COUNTS).fetch_all(&mut self.reader).await?;
        Ok(by_project(rows))
    }

    /// Since when there is something in `log`.
    pub(super) async fn oldest(&mut self, log: Log) -> StoreResult<Option<Timestamp>> {
        let (table, column) = log.table();
        let first = format!("SELECT CAST(min({column}) AS TEXT) FROM {table}");
        let first: Option<String> = sqlx::query_scalar(AssertSqlSafe(first))
            .fetch_one(&mut self.reader)
            .await?;
        Ok(first.and_then(|first| log.time_of(&first)))
    }

    /// The position in the journal after which no project has another.
    pub(super) async fn last_position(&mut self) -> StoreResult<i64> {
        let last = sqlx::query_scalar(
            "SELECT coalesce(max(position), 0)
             FROM (SELECT position FROM journal UNION ALL SELECT position FROM journal_gone)",
        )
        .fetch_one(&mut self.reader)
        .await?;
        Ok(last)
    }

    pub(super) async fn close(self) {
        drop(self.reader);
        self.store.close().await;
    }
}
