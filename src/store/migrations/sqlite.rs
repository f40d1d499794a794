//! The schema on SQLite: brought up to date by the one process that has the file.

use std::path::Path;

use sqlx::{ConnectOptions as _, Connection as _, SqliteConnection, sqlite::SqliteConnectOptions};

use super::{Applied, Noted, Schema};
use crate::store::{
    StoreResult,
    sqlite::{Database, MIGRATIONS, path_of},
};

pub(super) async fn status(url: &str) -> StoreResult<Schema> {
    let path = path_of(url)?;
    let applied = match path.exists() {
        true => read(&path).await?,
        false => Vec::new(),
    };
    // One process has the file, so no older one works with it any more; one that is older than all it
    // has cannot open it.
    let latest = applied.iter().map(|done| done.version).max();
    Ok(Schema::new(&MIGRATIONS, applied, latest.unwrap_or(1)))
}

pub(super) async fn migrate(url: &str) -> StoreResult<Schema> {
    Database::open(url, 1).await?.close().await;
    status(url).await
}

async fn read(path: &Path) -> StoreResult<Vec<Applied>> {
    let options = SqliteConnectOptions::new().filename(path).read_only(true);
    let mut connection = options.connect().await?;
    let applied = match has_migrations(&mut connection).await? {
        true => noted(&mut connection).await?,
        false => Vec::new(),
    };
    connection.close().await?;
    Ok(applied.into_iter().map(Applied::from).collect())
}

async fn has_migrations(connection: &mut SqliteConnection) -> StoreResult<bool> {
    let found = sqlx::query_scalar(
        "SELECT EXISTS (SELECT 1 FROM sqlite_schema WHERE name = '_sqlx_migrations')",
    )
    .fetch_one(connection)
    .await?;
    Ok(found)
}

async fn noted(connection: &mut SqliteConnection) -> StoreResult<Vec<Noted>> {
    let rows = sqlx::query_as(
        "SELECT version, description, unixepoch(installed_on) * 1000, checksum, success
         FROM _sqlx_migrations",
    )
    .fetch_all(connection)
    .await?;
    Ok(rows)
}
