//! The versions of the schema: which migrations there are, which of them a database has, whether this
//! program can work with it, and bringing it up to date.
//!
//! A node of a release goes on while those of the next one start, and migrate: that a migration leaves
//! it working is a promise of each migration (docs/migrations.md). One that cannot keep it says in
//! `settings` from which migration on a program understands the schema.

pub(super) mod postgres;
mod sqlite;
#[cfg(test)]
mod tests;

use std::fmt;

use sqlx::migrate::Migrator;

use super::{StoreError, StoreResult};
use crate::domain::time::Timestamp;

/// The setting that names the first migration which a program has to know.
const UNDERSTOOD_FROM: &str = "understood_from";

/// The schema of a database, as this program sees it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Schema {
    /// All migrations that it has or that this program knows, by their versions.
    pub migrations: Vec<Migration>,
    /// What keeps this program from working with it.
    pub unfit: Option<Unfit>,
}

/// A step from one form of the schema to the next.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Migration {
    /// Its place among them.
    pub version: i64,
    /// What it is called.
    pub name: String,
    /// Whether it is carried out.
    pub state: MigrationState,
}

/// Whether a migration is carried out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MigrationState {
    /// It is.
    Applied(Timestamp),
    /// It is, by a later release: this program does not know it.
    Later(Timestamp),
    /// It is not yet.
    Waiting,
    /// It began, and came to no end.
    Failed,
    /// Another one was carried out under its version.
    Changed,
}

/// Why this program cannot work with a schema.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Unfit {
    /// A migration came to no end.
    #[error(
        "migration {0} began and came to no end: see in docs/migrations.md what to do, then run \
         `riposte migrate up` again"
    )]
    Failed(Name),
    /// A migration is not the one that this program knows.
    #[error(
        "migration {0} was carried out in another form than this program knows: it is no schema of a release"
    )]
    Changed(Name),
    /// A later release has taken something away.
    #[error(
        "it is of a later release, and understood from migration {needed} on; this program knows \
         those up to {known}: start a later one"
    )]
    TooNew {
        /// The first migration that a program has to know.
        needed: i64,
        /// The last one that this program knows.
        known: i64,
    },
    /// Migrations are not carried out yet.
    #[error("{} not carried out yet: run `riposte migrate up`", Names(.0))]
    Behind(Vec<Name>),
}

/// A migration's version and what it is called.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Name(i64, String);

impl fmt::Display for Name {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{} ({})", self.0, self.1)
    }
}

/// Some migrations, as the beginning of a sentence.
struct Names<'n>(&'n [Name]);

impl fmt::Display for Names<'_> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names: Vec<_> = self.0.iter().map(ToString::to_string).collect();
        match names.as_slice() {
            [one] => write!(formatter, "migration {one} is"),
            many => write!(formatter, "migrations {} are", many.join(", ")),
        }
    }
}

/// What the schema of the database at `url` is like. Nothing is written, and a gateway may run on it.
///
/// # Errors
/// If the database cannot be read.
pub async fn status(url: &str) -> StoreResult<Schema> {
    match is_sqlite(url) {
        true => sqlite::status(url).await,
        false => postgres::status(url).await,
    }
}

/// Brings the schema of the database at `url` up to date, and gives what it is like then. Of several
/// that do so at once, one does it and the others wait. A SQLite file must not be in use.
///
/// # Errors
/// If the database cannot be written, or is of a form that this program cannot go on from.
pub async fn migrate(url: &str) -> StoreResult<Schema> {
    match is_sqlite(url) {
        true => sqlite::migrate(url).await,
        false => postgres::migrate(url).await,
    }
}

fn is_sqlite(url: &str) -> bool {
    url.starts_with("sqlite:")
}

/// A migration as the database has noted it down.
#[derive(Debug)]
struct Applied {
    version: i64,
    name: String,
    at: Timestamp,
    checksum: Vec<u8>,
    is_whole: bool,
}

/// A row of the migrator's table: version, name, time, checksum, and whether it was carried out.
type Noted = (i64, String, i64, Vec<u8>, bool);

impl From<Noted> for Applied {
    fn from((version, name, at, checksum, is_whole): Noted) -> Self {
        Self {
            version,
            name,
            at: Timestamp::from_millis(at),
            checksum,
            is_whole,
        }
    }
}

impl Schema {
    /// What the schema is like that has `applied`, for a program that knows `known`.
    fn new(known: &Migrator, applied: Vec<Applied>, understood_from: i64) -> Self {
        let waiting = known
            .iter()
            .filter(|known| applied.iter().all(|done| done.version != known.version))
            .map(|known| Migration {
                version: known.version,
                name: known.description.to_string(),
                state: MigrationState::Waiting,
            });
        let mut migrations: Vec<_> = waiting.collect();
        migrations.extend(applied.into_iter().map(|done| Migration {
            state: state(known, &done),
            version: done.version,
            name: done.name,
        }));
        migrations.sort_by_key(|migration| migration.version);
        let last = known.iter().map(|known| known.version).max();
        let unfit = unfit(&migrations, last.unwrap_or(0), understood_from);
        Self { migrations, unfit }
    }

    /// Nothing, if this program can work with it.
    pub(super) fn fit(self) -> StoreResult<()> {
        match self.unfit {
            None => Ok(()),
            Some(unfit) => Err(StoreError::Schema(unfit)),
        }
    }

    /// Whether all that this program knows is carried out.
    pub fn is_up_to_date(&self) -> bool {
        let mut all = self.migrations.iter();
        all.all(|migration| {
            matches!(
                migration.state,
                MigrationState::Applied(_) | MigrationState::Later(_)
            )
        })
    }

    /// Whether a later release has been at it.
    pub fn is_later(&self) -> bool {
        let mut all = self.migrations.iter();
        all.any(|migration| matches!(migration.state, MigrationState::Later(_)))
    }
}

fn state(known: &Migrator, done: &Applied) -> MigrationState {
    match known.iter().find(|known| known.version == done.version) {
        _ if !done.is_whole => MigrationState::Failed,
        None => MigrationState::Later(done.at),
        Some(known) if known.checksum != done.checksum => MigrationState::Changed,
        Some(_) => MigrationState::Applied(done.at),
    }
}

fn unfit(migrations: &[Migration], known: i64, needed: i64) -> Option<Unfit> {
    let names = |state| {
        let with = migrations.iter().filter(move |one| one.state == state);
        with.map(|one| Name(one.version, one.name.clone()))
    };
    if let Some(failed) = names(MigrationState::Failed).next() {
        return Some(Unfit::Failed(failed));
    }
    if let Some(changed) = names(MigrationState::Changed).next() {
        return Some(Unfit::Changed(changed));
    }
    if needed > known {
        return Some(Unfit::TooNew { needed, known });
    }
    let behind: Vec<_> = names(MigrationState::Waiting).collect();
    (!behind.is_empty()).then_some(Unfit::Behind(behind))
}
