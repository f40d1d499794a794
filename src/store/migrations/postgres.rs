//! The schema on PostgreSQL: brought up to date while nodes use it, by one at a time.

use std::sync::LazyLock;

use sqlx::{
    Connection as _, PgConnection,
    migrate::{MigrateError, Migrator},
};

use super::{Applied, Noted, Schema, UNDERSTOOD_FROM};
use crate::store::{StoreError, StoreResult, postgres::assert_fit};

/// A schema of a later release is no error here: whether it can be worked with says the schema.
static MIGRATIONS: LazyLock<Migrator> = LazyLock::new(|| {
    let mut migrations = sqlx::migrate!("migrations/postgres");
    migrations.set_ignore_missing(true).set_locking(false);
    migrations
});

/// The advisory lock of whoever migrates.
const LOCK: i64 = 0x7269_706f_7374_6501;

/// How often the lock is asked for, and how long it is waited for in between, in seconds: half an hour
/// in all. It is asked for again and again, since a statement that waits holds a snapshot, for which
/// `CREATE INDEX CONCURRENTLY` of whoever has the lock would wait in turn.
const LOCK_ASKS: u32 = 9_000;
const LOCK_PAUSE: f64 = 0.2;

/// How long a migration stands in the queue for a table. Whoever comes for it meanwhile waits behind, so
/// it gives up soon and comes again.
const TABLE_WAIT: &str = "SET lock_timeout = '5s'";

/// How often a migration comes for a table.
const TABLE_ASKS: u32 = 60;

/// The error codes of whoever did not get a lock in time, or would have waited in a circle for it: nodes
/// run while a migration adds to several tables.
const NOT_LOCKED: [&str; 2] = ["55P03", "40P01"];

pub(super) async fn status(url: &str) -> StoreResult<Schema> {
    let mut connection = connect(url).await?;
    let schema = read(&mut connection).await?;
    connection.close().await?;
    Ok(schema)
}

pub(super) async fn migrate(url: &str) -> StoreResult<Schema> {
    let mut connection = connect(url).await?;
    let schema = bring_up_to_date(&mut connection).await?;
    connection.close().await?;
    Ok(schema)
}

/// Sees to it that this program can work with the schema: brings it up to date if it is to, and refuses
/// what it cannot work with.
pub(in crate::store) async fn prepare(
    connection: &mut PgConnection,
    migrate: bool,
) -> StoreResult<()> {
    let schema = read(connection).await?;
    match migrate && !schema.is_up_to_date() {
        true => bring_up_to_date(connection).await?.fit(),
        false => schema.fit(),
    }
}

async fn connect(url: &str) -> StoreResult<PgConnection> {
    let open = |error: sqlx::Error| StoreError::Open(error.to_string());
    let mut connection = PgConnection::connect(url).await.map_err(open)?;
    assert_fit(&mut connection).await?;
    Ok(connection)
}

/// Carries out what is missing. The lock goes with the connection, whatever happens.
async fn bring_up_to_date(connection: &mut PgConnection) -> StoreResult<Schema> {
    lock(connection).await?;
    sqlx::query("SET statement_timeout = 0")
        .execute(&mut *connection)
        .await?;
    sqlx::query(TABLE_WAIT).execute(&mut *connection).await?;
    let mut asks = 1;
    while let Err(error) = MIGRATIONS.run_direct(None, connection, false).await {
        if asks == TABLE_ASKS || !stands_in_a_queue(&error) {
            return Err(StoreError::Open(error.to_string()));
        }
        tracing::info!("a migration waits for those who use a table; it comes again");
        asks += 1;
    }
    read(connection).await
}

async fn lock(connection: &mut PgConnection) -> StoreResult<()> {
    for _ in 0..LOCK_ASKS {
        let locked: bool = sqlx::query_scalar("SELECT pg_try_advisory_lock($1)")
            .bind(LOCK)
            .fetch_one(&mut *connection)
            .await?;
        if locked {
            return Ok(());
        }
        sqlx::query("SELECT pg_sleep($1)")
            .bind(LOCK_PAUSE)
            .execute(&mut *connection)
            .await?;
    }
    let busy = "another process migrates it, and has done so for long";
    Err(StoreError::Open(busy.to_owned()))
}

fn stands_in_a_queue(error: &MigrateError) -> bool {
    match error {
        MigrateError::Execute(error) | MigrateError::ExecuteMigration(error, _) => {
            let code = error.as_database_error().and_then(|error| error.code());
            code.is_some_and(|code| NOT_LOCKED.contains(&&*code))
        }
        _ => false,
    }
}

async fn read(connection: &mut PgConnection) -> StoreResult<Schema> {
    let mut applied = Vec::new();
    if has_table(connection, "_sqlx_migrations").await? {
        let rows: Vec<Noted> = sqlx::query_as(
            "SELECT version, description, CAST(extract(epoch FROM installed_on) * 1000 AS BIGINT),
                 checksum, success
             FROM _sqlx_migrations",
        )
        .fetch_all(&mut *connection)
        .await?;
        applied = rows.into_iter().map(Applied::from).collect();
    }
    let mut understood_from = None;
    if has_table(connection, "settings").await? {
        understood_from =
            sqlx::query_scalar("SELECT CAST(value AS BIGINT) FROM settings WHERE name = $1")
                .bind(UNDERSTOOD_FROM)
                .fetch_optional(&mut *connection)
                .await?;
    }
    Ok(Schema::new(
        &MIGRATIONS,
        applied,
        understood_from.unwrap_or(1),
    ))
}

async fn has_table(connection: &mut PgConnection, name: &str) -> StoreResult<bool> {
    let found = sqlx::query_scalar("SELECT to_regclass($1) IS NOT NULL")
        .bind(name)
        .fetch_one(connection)
        .await?;
    Ok(found)
}
