//! Connections to either database.

use std::{
    ops::{Deref, DerefMut},
    time::Duration,
};

use sqlx::{PgConnection, Postgres, Sqlite, SqliteConnection, pool::PoolConnection};

use super::{
    super::{StoreError, StoreResult},
    within,
};

/// Which SQL is understood.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::store) enum Dialect {
    Sqlite,
    Postgres,
}

impl Dialect {
    /// What is written for SQLite, or what is written for PostgreSQL.
    pub(in crate::store) fn by<T>(self, sqlite: T, postgres: T) -> T {
        match self {
            Self::Sqlite => sqlite,
            Self::Postgres => postgres,
        }
    }
}

/// What statements run on.
pub(in crate::store) struct Connection {
    open: Open,
    /// Which of each project's rows in `counters` what runs here changes.
    shard: i64,
    /// How long PostgreSQL is waited for.
    patience: Duration,
}

enum Open {
    SqliteReader(PoolConnection<Sqlite>),
    SqliteWriter(sqlx::Transaction<'static, Sqlite>),
    PostgresReader(PoolConnection<Postgres>),
    PostgresWriter(sqlx::Transaction<'static, Postgres>),
}

/// A connection as its driver knows it.
pub(super) enum Driver<'c> {
    Sqlite(&'c mut SqliteConnection),
    Postgres(&'c mut PgConnection),
}

impl Connection {
    /// Which SQL it understands.
    pub(in crate::store) fn dialect(&self) -> Dialect {
        match self.open {
            Open::SqliteReader(_) | Open::SqliteWriter(_) => Dialect::Sqlite,
            Open::PostgresReader(_) | Open::PostgresWriter(_) => Dialect::Postgres,
        }
    }

    /// What is written for SQLite, or what is written for PostgreSQL.
    pub(in crate::store) fn by<T>(&self, sqlite: T, postgres: T) -> T {
        self.dialect().by(sqlite, postgres)
    }

    /// Which of each project's rows in `counters` what runs here changes.
    pub(in crate::store) fn shard(&self) -> i64 {
        self.shard
    }

    /// The connection as PostgreSQL's driver knows it, for what is no statement.
    pub(in crate::store) fn postgres(&mut self) -> Option<&mut PgConnection> {
        match self.driver() {
            Driver::Sqlite(_) => None,
            Driver::Postgres(connection) => Some(connection),
        }
    }

    /// How long PostgreSQL is waited for.
    pub(super) fn patience(&self) -> Duration {
        self.patience
    }

    pub(super) fn driver(&mut self) -> Driver<'_> {
        match &mut self.open {
            Open::SqliteReader(connection) => Driver::Sqlite(connection),
            Open::SqliteWriter(transaction) => Driver::Sqlite(transaction),
            Open::PostgresReader(connection) => Driver::Postgres(connection),
            Open::PostgresWriter(transaction) => Driver::Postgres(transaction),
        }
    }
}

/// A connection that reads.
pub(in crate::store) struct Reader(Connection);

impl Reader {
    /// Has it closed when it is dropped, instead of kept for others: whoever had it does not know
    /// what it is at.
    pub(in crate::store) fn close_on_drop(&mut self) {
        match &mut self.0.open {
            Open::SqliteReader(connection) => connection.close_on_drop(),
            Open::PostgresReader(connection) => connection.close_on_drop(),
            Open::SqliteWriter(_) | Open::PostgresWriter(_) => {}
        }
    }

    /// The same, with the time that PostgreSQL is waited for.
    pub(in crate::store) fn with_patience(mut self, patience: Duration) -> Self {
        self.0.patience = patience;
        self
    }
}

/// A connection whose statements are done together or not at all. What is dropped is not done.
pub(in crate::store) struct Transaction(Connection);

impl Transaction {
    /// The same, with the row of counters that it changes.
    pub(in crate::store) fn with_shard(mut self, shard: i64) -> Self {
        self.0.shard = shard;
        self
    }

    /// The same, with the time that PostgreSQL is waited for.
    pub(in crate::store) fn with_patience(mut self, patience: Duration) -> Self {
        self.0.patience = patience;
        self
    }

    /// Makes durable what was done.
    pub(in crate::store) async fn commit(self) -> StoreResult<()> {
        match self.0.open {
            Open::SqliteWriter(transaction) => transaction.commit().await?,
            Open::PostgresWriter(transaction) => {
                let committed = within(self.0.patience, transaction.commit()).await;
                committed.map_err(StoreError::of_commit)?;
            }
            Open::SqliteReader(_) | Open::PostgresReader(_) => {}
        }
        Ok(())
    }

    /// Gives up what was done.
    pub(in crate::store) async fn rollback(self) -> StoreResult<()> {
        match self.0.open {
            Open::SqliteWriter(transaction) => transaction.rollback().await?,
            Open::PostgresWriter(transaction) => {
                within(self.0.patience, transaction.rollback()).await?;
            }
            Open::SqliteReader(_) | Open::PostgresReader(_) => {}
        }
        Ok(())
    }
}

impl From<PoolConnection<Sqlite>> for Reader {
    fn from(connection: PoolConnection<Sqlite>) -> Self {
        Self(opened(Open::SqliteReader(connection)))
    }
}

impl From<PoolConnection<Postgres>> for Reader {
    fn from(connection: PoolConnection<Postgres>) -> Self {
        Self(opened(Open::PostgresReader(connection)))
    }
}

impl From<sqlx::Transaction<'static, Sqlite>> for Transaction {
    fn from(transaction: sqlx::Transaction<'static, Sqlite>) -> Self {
        Self(opened(Open::SqliteWriter(transaction)))
    }
}

impl From<sqlx::Transaction<'static, Postgres>> for Transaction {
    fn from(transaction: sqlx::Transaction<'static, Postgres>) -> Self {
        Self(opened(Open::PostgresWriter(transaction)))
    }
}

fn opened(open: Open) -> Connection {
    Connection {
        open,
        shard: 0,
        patience: Duration::MAX,
    }
}

impl Deref for Reader {
    type Target = Connection;

    fn deref(&self) -> &Connection {
        &self.0
    }
}

impl DerefMut for Reader {
    fn deref_mut(&mut self) -> &mut Connection {
        &mut self.0
    }
}

impl Deref for Transaction {
    type Target = Connection;

    fn deref(&self) -> &Connection {
        &self.0
    }
}

impl DerefMut for Transaction {
    fn deref_mut(&mut self) -> &mut Connection {
        &mut self.0
    }
}
