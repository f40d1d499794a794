//! Growing from one machine to many: all that a SQLite file holds, copied into an empty PostgreSQL
//! database, in one transaction.
//!
//! The columns are the same on both sides, so a copy is table by table, whatever the tables are: what
//! the one side has and the other has no place for ends it before anything is written. Identifiers,
//! keys of events, positions in the journal and what is sealed stay as they are; what a node had in
//! memory is given up before, as at each start.

mod encode;
mod figures;
mod source;
mod target;

use std::fmt;

pub use self::figures::Figures;
use self::{source::Source, target::Target};
use super::{StoreError, StoreSettings};
use crate::domain::time::Timestamp;

/// What was copied.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Copied {
    /// The tables with the rows that each has, in the order in which they were copied.
    pub tables: Vec<(String, u64)>,
    /// What each project has, counted on both sides.
    pub projects: Vec<Figures>,
    /// How many secrets of endpoints were opened with the key at hand, there as here.
    pub secrets: u64,
}

/// How far it has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Progress<'t> {
    /// The table whose rows are being copied.
    pub table: &'t str,
    /// How many rows of all tables are copied.
    pub done: u64,
    /// How many there are.
    pub total: u64,
}

/// Why nothing was copied.
#[derive(Debug, thiserror::Error)]
pub enum CopyError {
    /// The one side cannot be read.
    #[error("{0}")]
    From(StoreError),
    /// The other side cannot be written.
    #[error("{0}; nothing is left behind there")]
    To(StoreError),
    /// The other side has been used.
    #[error(
        "the database to copy to is not empty: there are rows in {0}; make a new one with `createdb`, \
         and start no gateway on it before"
    )]
    Occupied(String),
    /// The other side has no place for something.
    #[error("the database to copy to has no place for {0}: this program is too old for the file")]
    NoPlace(String),
    /// What came there is not what is here.
    #[error("{what} is {here} here and {there} there; nothing is left behind there")]
    Differs {
        /// What was counted.
        what: String,
        /// What it is in the file.
        here: i64,
        /// What it is in the database.
        there: i64,
    },
}

impl CopyError {
    fn differs(what: impl fmt::Display, here: i64, there: i64) -> Self {
        Self::Differs {
            what: what.to_string(),
            here,
            there,
        }
    }
}

/// Copies all that is in the SQLite file of `from` into the PostgreSQL database of `to`, which is empty,
/// and tells `progress` how far that has come. Whether it can be done is all that is found out if it is
/// a `rehearsal`. No gateway may run on either; none can start on them meanwhile.
///
/// # Errors
/// If it cannot be done. Nothing is left behind then but the schema.
pub async fn copy(
    from: StoreSettings,
    to: StoreSettings,
    is_rehearsal: bool,
    now: Timestamp,
    progress: &mut (dyn FnMut(Progress<'_>) + Send),
) -> Result<Copied, CopyError> {
    let mut source = Source::open(from).await.map_err(CopyError::From)?;
    source.release(now).await.map_err(CopyError::From)?;
    let secrets = source.open_secrets().await.map_err(CopyError::From)?;
    let tables = source.tables().await.map_err(CopyError::From)?;
    let mut target = Target::open(&to).await.map_err(CopyError::To)?;
    target.assert_empty().await?;
    target.assert_place_for(&tables).await?;
    let mut copied = Copied {
        tables: Vec::new(),
        projects: source.figures().await.map_err(CopyError::From)?,
        secrets,
    };
    if is_rehearsal {
        let counted = tables.into_iter().map(|table| (table.name, table.rows));
        copied.tables.extend(counted);
        return Ok(copied);
    }
    target.make_room(&mut source, now).await?;
    let total = tables.iter().map(|table| table.rows).sum();
    let mut done = 0;
    for table in &tables {
        let mut tell = |rows| {
            let (table, done) = (table.name.as_str(), done + rows);
            progress(Progress { table, done, total });
        };
        let rows = target.take(&mut source, table, &mut tell).await?;
        if rows != table.rows {
            let (here, there) = (table.rows.cast_signed(), rows.cast_signed());
            let what = format!("the number of rows of {}", table.name);
            return Err(CopyError::differs(what, here, there));
        }
        done += rows;
        copied.tables.push((table.name.clone(), rows));
    }
    let last = source.last_position().await.map_err(CopyError::From)?;
    target.go_on_after(last).await.map_err(CopyError::To)?;
    let there = target.figures().await.map_err(CopyError::To)?;
    figures::compare(&copied.projects, &there)?;
    target.open_secrets(&source, secrets).await?;
    target.commit().await.map_err(CopyError::To)?;
    source.close().await;
    Ok(copied)
}
