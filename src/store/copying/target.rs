//! The database that is copied to: all of it in one transaction, during which nobody else gets at it.

use std::{collections::HashMap, time::Duration};

use futures_util::TryStreamExt as _;
use sqlx::{AssertSqlSafe, PgConnection, PgPool, Row as _, sqlite::SqliteRow};

use super::{
    CopyError,
    encode::Lines,
    figures::{COUNTS, Figures, by_project},
    source::{Source, Table},
};
use crate::{
    domain::time::Timestamp,
    store::{
        StoreError, StoreResult, StoreSettings,
        journal::begin_after,
        partitions::{Log, make_since},
        postgres, secrets,
        sql::Transaction,
    },
};

/// How many bytes are sent at a time.
const CHUNK: usize = 256 << 10;

/// What is there from the start, and comes from the other side as well.
const FROM_THE_START: [&str; 2] = ["projects", "counters"];

pub(super) struct Target {
    transaction: Transaction,
    columns: HashMap<String, HashMap<String, Kind>>,
    pool: PgPool,
    partition: Duration,
}

/// What a column holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Text,
    Number,
    Bytes,
}

impl Target {
    /// Brings the schema up to date and takes all tables for itself.
    pub(super) async fn open(settings: &StoreSettings) -> StoreResult<Self> {
        let pool = postgres::open_alone(settings).await?;
        let mut transaction = Transaction::from(pool.begin().await?);
        let connection = driver(&mut transaction)?;
        sqlx::raw_sql(
            "SET LOCAL statement_timeout = 0;
             SET LOCAL idle_in_transaction_session_timeout = 0;
             SET LOCAL synchronous_commit = on",
        )
        .execute(&mut *connection)
        .await?;
        let columns = columns(connection).await?;
        let tables: Vec<_> = columns.keys().cloned().collect();
        let lock = format!("LOCK TABLE {} IN ACCESS EXCLUSIVE MODE", tables.join(", "));
        sqlx::raw_sql(AssertSqlSafe(lock))
            .execute(connection)
            .await?;
        Ok(Self {
            transaction,
            columns,
            pool,
            partition: settings.partition,
        })
    }

    /// Refuses a database that a gateway has used.
    pub(super) async fn assert_empty(&mut self) -> Result<(), CopyError> {
        let mut tables: Vec<_> = self.columns.keys().cloned().collect();
        tables.sort();
        for table in tables {
            if self.is_used(&table).await.map_err(CopyError::To)? {
                return Err(CopyError::Occupied(table));
            }
        }
        Ok(())
    }

    async fn is_used(&mut self, table: &str) -> StoreResult<bool> {
        let condition = match table {
            "projects" => "WHERE created_at > 0",
            "counters" => "WHERE events > 0 OR endpoints > 0",
            _ => "",
        };
        let look = format!("SELECT EXISTS (SELECT 1 FROM {table} {condition})");
        let found = sqlx::query_scalar(AssertSqlSafe(look))
            .fetch_one(driver(&mut self.transaction)?)
            .await?;
        Ok(found)
    }

    /// Refuses tables that have columns which are not known here.
    pub(super) async fn assert_place_for(&self, tables: &[Table]) -> Result<(), CopyError> {
        for table in tables {
            let Some(known) = self.columns.get(&table.name) else {
                return Err(CopyError::NoPlace(table.name.clone()));
            };
            if let Some(unknown) = table
                .columns
                .iter()
                .find(|column| !known.contains_key(*column))
            {
                return Err(CopyError::NoPlace(format!("{}.{unknown}", table.name)));
            }
        }
        Ok(())
    }

    /// Makes room for what comes from the other side, with partitions for the time since when it has
    /// come there.
    pub(super) async fn make_room(
        &mut self,
        source: &mut Source,
        now: Timestamp,
    ) -> Result<(), CopyError> {
        let mut since = HashMap::new();
        for log in Log::ALL {
            let oldest = source.oldest(*log).await.map_err(CopyError::From)?;
            since.insert(*log, oldest.unwrap_or(now));
        }
        // A partition of attempts goes with the one of their deliveries, so these begin together.
        let together = [Log::Events, Log::Deliveries, Log::Attempts];
        let first = together.iter().filter_map(|log| since.get(log)).min();
        let first = first.copied().unwrap_or(now);
        since.extend(together.map(|log| (log, first)));
        for (log, since) in since {
            make_since(&mut self.transaction, log, self.partition, [since, now])
                .await
                .map_err(CopyError::To)?;
        }
        self.clear().await.map_err(CopyError::To)
    }

    async fn clear(&mut self) -> StoreResult<()> {
        for table in FROM_THE_START {
            sqlx::query(AssertSqlSafe(format!("DELETE FROM {table}")))
                .execute(driver(&mut self.transaction)?)
                .await?;
        }
        Ok(())
    }

    /// Takes all rows of `table`. Gives how many these were.
    pub(super) async fn take(
        &mut self,
        source: &mut Source,
        table: &Table,
        tell: &mut (dyn FnMut(u64) + Send),
    ) -> Result<u64, CopyError> {
        let known = self.columns.get(&table.name);
        let kinds = table
            .columns
            .iter()
            .map(|column| known?.get(column).copied());
        let kinds = kinds.collect::<Option<Vec<_>>>();
        let kinds = kinds.ok_or_else(|| CopyError::NoPlace(table.name.clone()))?;
        let (columns, name) = (table.columns.join(", "), &table.name);
        let statement = format!("COPY {name} ({columns}) FROM STDIN");
        let connection = driver(&mut self.transaction).map_err(CopyError::To)?;
        let mut sink = connection.copy_in_raw(&statement).await.map_err(to)?;
        let (mut lines, mut sent) = (Lines::default(), 0);
        let mut rows = source.rows(table);
        while let Some(row) = rows.try_next().await.map_err(from)? {
            encode(&row, &kinds, &mut lines).map_err(from)?;
            sent += 1;
            if lines.len() >= CHUNK {
                sink.send(lines.take()).await.map_err(to)?;
                tell(sent);
            }
        }
        sink.send(lines.take()).await.map_err(to)?;
        let taken = sink.finish().await.map_err(to)?;
        tell(taken);
        Ok(taken)
    }

    /// Lets what happens from now on come after `last` in the journal, so that readers go on from where they
    /// were.
    pub(super) async fn go_on_after(&mut self, last: i64) -> StoreResult<()> {
        begin_after(&mut self.transaction, last).await
    }

    /// What each project has.
    pub(super) async fn figures(&mut self) -> StoreResult<Vec<Figures>> {
        let connection = driver(&mut self.transaction)?;
        let rows = sqlx::query_as(COUNTS).fetch_all(connection).await?;
        Ok(by_project(rows))
    }

    /// Opens the secrets of all endpoints with the keys of `source`, where there were so many.
    pub(super) async fn open_secrets(
        &mut self,
        source: &Source,
        here: u64,
    ) -> Result<(), CopyError> {
        let there = secrets::open_all(&mut self.transaction, source.keyring()).await;
        let there = there.map_err(CopyError::To)?;
        match here == there {
            true => Ok(()),
            false => Err(CopyError::differs(
                "the number of sealed secrets",
                here.cast_signed(),
                there.cast_signed(),
            )),
        }
    }

    /// Makes all of it durable at once, and lets the database look at what it has now.
    pub(super) async fn commit(self) -> StoreResult<()> {
        self.transaction.commit().await?;
        // Without figures about its tables it would read them whole until it has gathered some by itself.
        sqlx::query("ANALYZE").execute(&self.pool).await?;
        self.pool.close().await;
        Ok(())
    }
}

/// The tables with their columns; the partitions of one are a part of it.
async fn columns(
    connection: &mut PgConnection,
) -> StoreResult<HashMap<String, HashMap<String, Kind>>> {
    let rows: Vec<(String, String, String)> = sqlx::query_as(
        "SELECT CAST(t.relname AS text), CAST(c.attname AS text),
                format_type(c.atttypid, c.atttypmod)
         FROM pg_class AS t JOIN pg_attribute AS c ON c.attrelid = t.oid
         WHERE t.relnamespace = CAST(current_schema() AS regnamespace) AND t.relkind IN ('r', 'p')
           AND NOT t.relispartition AND t.relname <> '_sqlx_migrations'
           AND c.attnum > 0 AND NOT c.attisdropped",
    )
    .fetch_all(connection)
    .await?;
    let mut tables: HashMap<String, HashMap<String, Kind>> = HashMap::new();
    for (table, column, kind) in rows {
        let kind = match kind.as_str() {
            "bigint" => Kind::Number,
            "bytea" => Kind::Bytes,
            _ => Kind::Text,
        };
        tables.entry(table).or_default().insert(column, kind);
    }
    Ok(tables)
}

fn encode(row: &SqliteRow, kinds: &[Kind], lines: &mut Lines) -> sqlx::Result<()> {
    for (place, kind) in kinds.iter().enumerate() {
        match kind {
            Kind::Text => match row.try_get(place)? {
                Some(text) => lines.text(text),
                None => lines.null(),
            },
            Kind::Number => match row.try_get(place)? {
                Some(number) => lines.number(number),
                None => lines.null(),
            },
            Kind::Bytes => match row.try_get(place)? {
                Some(bytes) => lines.blob(bytes),
                None => lines.null(),
            },
        }
    }
    lines.end_row();
    Ok(())
}

fn driver(transaction: &mut Transaction) -> StoreResult<&mut PgConnection> {
    let driver = transaction.postgres();
    driver.ok_or_else(|| StoreError::Open("it is no PostgreSQL database".to_owned()))
}

fn from(error: sqlx::Error) -> CopyError {
    CopyError::From(error.into())
}

fn to(error: sqlx::Error) -> CopyError {
    CopyError::To(error.into())
}
