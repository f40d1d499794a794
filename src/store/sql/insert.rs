//! Rows in bulk. What a statement costs is mostly the statement, not its rows: many rows go into
//! few statements, of few sizes, so that each is prepared once.

use sqlx::AssertSqlSafe;

use super::{Connection, Dialect, Query, Row, query};
use crate::store::StoreResult;

/// How many rows a statement has, the largest first. Within a process a statement more costs little;
/// each that goes to a server is a round trip, so there any number takes few.
const SIZES: (&[usize], &[usize]) = (&[128, 16, 1], &[128, 64, 32, 16, 8, 4, 2, 1]);

/// An `INSERT` of any number of rows.
pub(in crate::store) struct Insert {
    /// The table and its columns: `events (id, type)`.
    pub into: &'static str,
    /// How many columns these are.
    pub columns: usize,
    /// What follows the values: `ON CONFLICT …`, `RETURNING …`, or nothing.
    pub tail: &'static str,
}

impl Insert {
    /// Inserts `rows`; `bind` binds one row's columns in their order. Gives what the statements
    /// return.
    pub(in crate::store) async fn run<T>(
        &self,
        connection: &mut Connection,
        mut rows: &[T],
        bind: impl Fn(Query, &T) -> Query,
    ) -> StoreResult<Vec<Row>> {
        let mut returned = Vec::new();
        let (within, to_server) = SIZES;
        for &size in connection.by(within, to_server) {
            while rows.len() >= size {
                let (chunk, rest) = rows.split_at(size);
                let statement = query(AssertSqlSafe(self.statement(connection.dialect(), size)));
                let statement = chunk.iter().fold(statement, &bind);
                returned.extend(statement.fetch_all(connection).await?);
                rows = rest;
            }
        }
        Ok(returned)
    }

    fn statement(&self, dialect: Dialect, rows: usize) -> String {
        let row = |row: usize| {
            let first = row * self.columns + 1;
            // Parameters without names cost SQLite less.
            let places = (first..first + self.columns)
                .map(|place| dialect.by("?".to_owned(), format!("${place}")));
            format!("({})", places.collect::<Vec<_>>().join(","))
        };
        let values: Vec<_> = (0..rows).map(row).collect();
        format!(
            "INSERT INTO {} VALUES {} {}",
            self.into,
            values.join(","),
            self.tail
        )
    }
}
