//! SQLite: one file, one process, one writer and a few readers.

use std::{
    fs::{self, File, OpenOptions, TryLockError},
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use sqlx::{
    SqlitePool,
    migrate::{MigrateError, Migrator},
    sqlite::{
        SqliteAutoVacuum, SqliteConnectOptions, SqliteJournalMode, SqlitePoolOptions,
        SqliteSynchronous,
    },
};

use tokio::sync::Semaphore;

use super::{
    StoreError, StoreResult,
    backup::place_of,
    migrations::Unfit,
    sql::{Reader, Transaction, query},
};

pub(super) static MIGRATIONS: Migrator = sqlx::migrate!("migrations/sqlite");

/// The oldest SQLite that is safe: earlier ones can corrupt a database when its log is reset
/// (<https://www.sqlite.org/wal.html#walresetbug>).
const OLDEST: (u32, u32, u32) = (3, 51, 3);

/// How much of the database the writer may hold in memory, in KiB.
const WRITER_CACHE_KIB: u32 = 8 * 1024;

/// How much of the database each reader may hold in memory, in KiB.
const READER_CACHE_KIB: u32 = 2 * 1024;

/// How long a statement waits for another connection that stands in its way.
const BUSY: Duration = Duration::from_secs(5);

/// The same as SQLite is told, in milliseconds.
const BUSY_TIMEOUT: &str = "PRAGMA busy_timeout = 5000";

/// How long a step waits for its connection before the store counts as unavailable.
const ACQUIRE: Duration = Duration::from_secs(30);

/// How deleted bytes are overwritten unless more is asked for: where it costs no further page.
const WHERE_FREE: &str = "FAST";

#[derive(Debug, Clone)]
pub(super) struct Database {
    writer: SqlitePool,
    readers: SqlitePool,
    pub(super) path: PathBuf,
    /// One copy is made at a time.
    pub(super) copying: Arc<Semaphore>,
    /// Held as long as the database is open: one process per file.
    _lock: Arc<File>,
}

impl Database {
    pub(super) async fn open(url: &str, readers: u32) -> StoreResult<Self> {
        let path = path_of(url)?;
        let lock = lock(&path)?;
        remove_leftover(&place_of(&path));
        let options = SqliteConnectOptions::new()
            .filename(&path)
            .busy_timeout(BUSY);
        let writing = options
            .clone()
            .create_if_missing(true)
            .auto_vacuum(SqliteAutoVacuum::Incremental)
            .journal_mode(SqliteJournalMode::Wal)
            .synchronous(SqliteSynchronous::Full)
            .pragma("secure_delete", WHERE_FREE)
            .foreign_keys(true);
        let writer = pool(1)
            .connect_with(cached(writing, WRITER_CACHE_KIB))
            .await
            .map_err(open_error)?;
        assert_version(&writer).await?;
        MIGRATIONS.run(&writer).await.map_err(migration_error)?;
        let readers = pool(readers)
            .connect_with(cached(options.read_only(true), READER_CACHE_KIB))
            .await
            .map_err(open_error)?;
        Ok(Self {
            writer,
            readers,
            path,
            copying: Arc::new(Semaphore::new(1)),
            _lock: Arc::new(lock),
        })
    }

    pub(super) async fn write(&self) -> StoreResult<Transaction> {
        Ok(self.writer.begin_with("BEGIN IMMEDIATE").await?.into())
    }

    /// A transaction that leaves nothing in the file of what it deletes. All others overwrite what
    /// they delete where that costs no further page: within pages that they write anyway, and not
    /// those that they free as a whole.
    pub(super) async fn write_securely(&self) -> StoreResult<Transaction> {
        let mut transaction = self.write().await?;
        overwrite(&mut transaction, "ON").await?;
        Ok(transaction)
    }

    /// Ends the care that such a transaction takes: it is about to be committed. One that is given
    /// up leaves the connection as it is, which makes those after it slower, and no less right.
    pub(super) async fn relax(transaction: &mut Transaction) -> StoreResult<()> {
        overwrite(transaction, WHERE_FREE).await
    }

    /// Empties the write-ahead log, which still holds what was overwritten in the file. Gives whether
    /// it could be done: a reader may stand in the way, for whom is not waited long.
    pub(super) async fn empty_log(&self) -> StoreResult<bool> {
        let mut writer = self.writer.acquire().await?;
        sqlx::query("PRAGMA busy_timeout = 100")
            .execute(&mut *writer)
            .await?;
        let emptied = sqlx::query_scalar("PRAGMA wal_checkpoint(TRUNCATE)")
            .fetch_one(&mut *writer)
            .await;
        sqlx::query(BUSY_TIMEOUT).execute(&mut *writer).await?;
        let is_busy: i64 = emptied?;
        Ok(is_busy == 0)
    }

    pub(super) async fn snapshot(&self) -> StoreResult<Transaction> {
        Ok(self.readers.begin().await?.into())
    }

    pub(super) async fn read(&self) -> StoreResult<Reader> {
        Ok(self.readers.acquire().await?.into())
    }

    pub(super) async fn close(&self) {
        self.readers.close().await;
        self.writer.close().await;
    }
}

/// Removes a copy that a process which ended left behind.
fn remove_leftover(copy: &Path) {
    for file in [copy.to_owned(), journal_of(copy)] {
        if fs::remove_file(&file).is_ok() {
            tracing::info!(file = %file.display(), "a copy that was left behind is removed");
        }
    }
}

/// The journal that SQLite keeps beside a database that it makes.
fn journal_of(path: &Path) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push("-journal");
    name.into()
}

async fn overwrite(transaction: &mut Transaction, how: &'static str) -> StoreResult<()> {
    let pragma = sqlx::AssertSqlSafe(format!("PRAGMA secure_delete = {how}"));
    query(pragma).fetch_all(transaction).await?;
    Ok(())
}

pub(super) fn path_of(url: &str) -> StoreResult<PathBuf> {
    match url.strip_prefix("sqlite://") {
        Some(path) if !path.is_empty() => Ok(PathBuf::from(path)),
        _ => Err(StoreError::Open(
            "its URL names no SQLite file; write it like sqlite://data/riposte.db".to_owned(),
        )),
    }
}

/// Makes the folder and takes the lock beside the database.
fn lock(path: &Path) -> StoreResult<File> {
    let beside = path.with_added_extension("lock");
    let open = || {
        if let Some(folder) = path
            .parent()
            .filter(|folder| !folder.as_os_str().is_empty())
        {
            fs::create_dir_all(folder)?;
        }
        OpenOptions::new()
            .create(true)
            .truncate(false)
            .write(true)
            .open(&beside)
    };
    let file =
        open().map_err(|error| StoreError::Open(format!("{}: {error}", beside.display())))?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => Err(StoreError::InUse(path.display().to_string())),
        Err(TryLockError::Error(error)) => {
            Err(StoreError::Open(format!("{}: {error}", beside.display())))
        }
    }
}

fn pool(connections: u32) -> SqlitePoolOptions {
    SqlitePoolOptions::new()
        .min_connections(connections)
        .max_connections(connections)
        .acquire_timeout(ACQUIRE)
        .idle_timeout(None)
        .max_lifetime(None)
        .test_before_acquire(false)
}

fn cached(options: SqliteConnectOptions, kib: u32) -> SqliteConnectOptions {
    // SQLite takes a negative number as KiB, a positive one as pages.
    options.pragma("cache_size", format!("-{kib}"))
}

async fn assert_version(writer: &SqlitePool) -> StoreResult<()> {
    let version: String = sqlx::query_scalar("SELECT sqlite_version()")
        .fetch_one(writer)
        .await?;
    let mut numbers = version.split('.').map(|number| number.parse().unwrap_or(0));
    let mut next = || numbers.next().unwrap_or(0);
    let found = (next(), next(), next());
    if found >= OLDEST {
        return Ok(());
    }
    let (major, minor, patch) = OLDEST;
    Err(StoreError::Open(format!(
        "this program is linked with SQLite {version}; it needs {major}.{minor}.{patch} or later"
    )))
}

fn migration_error(error: MigrateError) -> StoreError {
    match error {
        MigrateError::VersionMissing(needed) => {
            let known = MIGRATIONS.iter().map(|migration| migration.version).max();
            let known = known.unwrap_or(0);
            StoreError::Schema(Unfit::TooNew { needed, known })
        }
        other => StoreError::Open(other.to_string()),
    }
}

fn open_error(error: sqlx::Error) -> StoreError {
    StoreError::Open(error.to_string())
}
