//! Positions: where in the journal a transaction writes, and up to where the journal can be read.
//!
//! SQLite lets one transaction write at a time, so the next position of a project is the one after
//! its last. On PostgreSQL many write, and end in any order: positions are those of the transaction
//! (see [`xids`]), and are read up to the oldest that is still open.

use std::collections::HashMap;

use crate::{
    domain::ids::ProjectId,
    store::{
        Connection, Store, StoreResult,
        sql::{Dialect, list, query},
        xids,
    },
};

/// How many positions a transaction has in each project: as many rows it may write there.
pub(super) const ROWS: u16 = 1 << 12;

/// The setting by how many transactions positions are ahead of the identifiers of transactions.
const BEGIN: &str = "journal_begin";

/// A moment in the life of the journal: what was durable then has a position before this one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Moment(i64);

impl Store {
    /// Now.
    ///
    /// # Errors
    /// If the store cannot be read.
    pub async fn journal_moment(&self) -> StoreResult<Moment> {
        let mut connection = self.read().await?;
        Ok(Moment(match connection.dialect() {
            Dialect::Sqlite => 0,
            Dialect::Postgres => first(&mut connection, xids::UNSEEN).await?,
        }))
    }

    /// Whether all that was durable at `moment` can be read. Where several write at a time, that is
    /// so when those have ended which had begun to write by then.
    ///
    /// # Errors
    /// If the store cannot be read.
    pub async fn journal_tells(&self, moment: Moment) -> StoreResult<bool> {
        let mut connection = self.read().await?;
        Ok(horizon(&mut connection).await? >= moment.0)
    }
}

/// The first position of the transaction `xid`, as SQL. What was copied from a file has the positions that
/// it had there, and those of transactions come after it: see [`begin_after`].
pub(in crate::store) fn first_of(xid: &str) -> String {
    format!(
        "(({xid} + coalesce((SELECT CAST(value AS bigint) FROM settings WHERE name = '{BEGIN}'), 0))
          * {ROWS})"
    )
}

/// Lets the positions of all transactions come after `last`.
pub(in crate::store) async fn begin_after(
    connection: &mut Connection,
    last: i64,
) -> StoreResult<()> {
    query("INSERT INTO settings (name, value) VALUES ($1, $2)")
        .bind(BEGIN)
        .bind((last / i64::from(ROWS) + 1).to_string())
        .execute(connection)
        .await?;
    Ok(())
}

async fn first(connection: &mut Connection, xid: &str) -> StoreResult<i64> {
    xids::one(connection, &first_of(xid)).await
}

/// The position up to which, but without it, the journal can be read: what has a position before it
/// has ended. Whatever is read is read after it.
pub(in crate::store) async fn horizon(connection: &mut Connection) -> StoreResult<i64> {
    match connection.dialect() {
        Dialect::Sqlite => Ok(i64::MAX),
        Dialect::Postgres => first(connection, xids::OLDEST_OPEN).await,
    }
}

/// The first position that the transaction on `connection` may give to a row of each of `projects`.
pub(super) async fn next(
    connection: &mut Connection,
    projects: impl Iterator<Item = &ProjectId>,
) -> StoreResult<HashMap<ProjectId, i64>> {
    match connection.dialect() {
        Dialect::Sqlite => after_last(connection, projects).await,
        Dialect::Postgres => {
            let own = first(connection, xids::OWN).await?;
            Ok(projects.map(|project| (*project, own)).collect())
        }
    }
}

async fn after_last(
    connection: &mut Connection,
    projects: impl Iterator<Item = &ProjectId>,
) -> StoreResult<HashMap<ProjectId, i64>> {
    let rows = query(
        "SELECT w.value AS project_id,
                coalesce((SELECT max(position) FROM journal WHERE project_id = w.value),
                         (SELECT position FROM journal_gone WHERE project_id = w.value), 0) AS last
         FROM json_each($1) AS w",
    )
    .bind(list(projects))
    .fetch_all(connection)
    .await?;
    rows.iter()
        .map(|row| Ok((row.parsed("project_id")?, row.number::<i64>("last")? + 1)))
        .collect()
}
