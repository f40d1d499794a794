//! Backups: a consistent copy of the whole store, made while others read and write.
//!
//! The copy is a file beside the database that has no name any more once it is made: it goes with
//! whoever reads it, whatever happens.

use std::{
    fs::{self, File, OpenOptions},
    io::{self, Read as _},
    os::unix::fs::OpenOptionsExt as _,
    path::{Path, PathBuf},
    sync::Arc,
};

use sha2::{Digest as _, Sha256};
use tokio::sync::OwnedSemaphorePermit;

use sqlx::{ConnectOptions as _, sqlite::SqliteConnectOptions};

use super::{Backend, Store, StoreError, StoreResult, sqlite::Database};

/// How much of a copy is read at a time, in bytes.
const CHUNK: usize = 1 << 20;

/// A consistent copy of the store. Another can be made once it is dropped.
#[derive(Debug)]
pub struct Copy {
    /// The file, from its beginning.
    pub file: File,
    /// How long it is, in bytes.
    pub bytes: u64,
    /// Its SHA-256.
    pub sha256: [u8; 32],
    /// Held as long as the copy takes room.
    pub place: OwnedSemaphorePermit,
}

impl Store {
    /// Makes a copy of the store as it is at one moment. Nobody waits for it; what is written
    /// meanwhile stays in the write-ahead log until it is made. None if another is under way.
    ///
    /// # Errors
    /// If the store cannot be read, or there is no room for the copy beside it.
    pub async fn copy(&self) -> StoreResult<Option<Copy>> {
        let Backend::Sqlite(database) = &self.backend else {
            return Err(StoreError::SqliteOnly(
                "PostgreSQL has its own tools for backups: pg_dump, or base backups with a WAL archive \
                 to get back to any moment. The secrets of endpoints are sealed with a key that is in \
                 neither, but in the configuration of the nodes (secrets_key): back it up too, apart \
                 from them",
            ));
        };
        let Ok(place) = Arc::clone(&database.copying).try_acquire_owned() else {
            return Ok(None);
        };
        // It is made to its end, also if nobody waits for it any more: two would be in each other's
        // way.
        let made = tokio::spawn(make(database.clone(), place)).await;
        made.map_err(|error| unavailable(io::Error::other(error)))?
            .map(Some)
    }
}

/// Where the copy of the database at `path` is made.
pub(super) fn place_of(path: &Path) -> PathBuf {
    path.with_added_extension("copy")
}

/// Whether the file at `path` is a database that is whole. Gives what is wrong with it.
///
/// # Errors
/// If it cannot be opened as one.
pub async fn check_copy(path: &Path) -> StoreResult<Vec<String>> {
    let options = SqliteConnectOptions::new().filename(path);
    let mut connection = options.read_only(true).immutable(true).connect().await?;
    let found: Vec<String> = sqlx::query_scalar("PRAGMA integrity_check")
        .fetch_all(&mut connection)
        .await?;
    Ok(found.into_iter().filter(|line| line != "ok").collect())
}

async fn make(database: Database, place: OwnedSemaphorePermit) -> StoreResult<Copy> {
    let path = place_of(&database.path);
    let named = Named(path.clone());
    // Made before it is filled, so that at no moment others can read it.
    let mut options = OpenOptions::new();
    let private = options.write(true).create(true).truncate(true).mode(0o600);
    private.open(&path).map_err(unavailable)?;
    let options = SqliteConnectOptions::new().filename(&database.path);
    let mut connection = options.read_only(true).connect().await?;
    sqlx::query("VACUUM INTO $1")
        .bind(path.to_string_lossy().into_owned())
        .execute(&mut connection)
        .await?;
    let summed = tokio::task::spawn_blocking(move || sum(&named.0).map(|sum| (named, sum)));
    let summed = summed.await.map_err(io::Error::other);
    let (named, (bytes, sha256)) = summed.and_then(|sum| sum).map_err(unavailable)?;
    let file = File::open(&named.0).map_err(unavailable)?;
    Ok(Copy {
        file,
        bytes,
        sha256,
        place,
    })
}

/// A file that is removed when this is dropped; whoever has it open keeps it.
struct Named(PathBuf);

impl Drop for Named {
    fn drop(&mut self) {
        if let Err(error) = fs::remove_file(&self.0) {
            tracing::warn!(%error, file = %self.0.display(), "a copy could not be removed; the next start does it");
        }
    }
}

fn sum(path: &Path) -> io::Result<(u64, [u8; 32])> {
    let mut file = File::open(path)?;
    let (mut hash, mut bytes) = (Sha256::new(), 0);
    let mut chunk = vec![0; CHUNK];
    loop {
        match file.read(&mut chunk)? {
            0 => return Ok((bytes, hash.finalize().into())),
            read => {
                hash.update(&chunk[..read]);
                bytes += read as u64;
            }
        }
    }
}

fn unavailable(error: io::Error) -> StoreError {
    StoreError::Unavailable(sqlx::Error::Io(error))
}
