//! Rows in bulk. What a statement costs is mostly the statement, not its rows: many rows go into
//! few statements, of few sizes, so that each is prepared once.

use sqlx::{AssertSqlSafe, Sqlite, query::Query, sqlite::SqliteArguments, sqlite::SqliteRow};

use super::{Connection, StoreResult};

/// A statement that takes values.
pub(super) type Values<'q> = Query<'q, Sqlite, SqliteArguments>;

/// How many rows a statement has, the largest first.
const SIZES: [usize; 3] = [128, 16, 1];

/// An `INSERT` of any number of rows.
pub(super) struct Insert {
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
    pub(super) async fn run<T>(
        &self,
        connection: &mut Connection,
        mut rows: &[T],
        bind: impl for<'q> Fn(Values<'q>, &T) -> Values<'q>,
    ) -> StoreResult<Vec<SqliteRow>> {
        let mut returned = Vec::new();
        for size in SIZES {
            while rows.len() >= size {
                let (chunk, rest) = rows.split_at(size);
                let statement = sqlx::query(AssertSqlSafe(self.statement(size)));
                let statement = chunk.iter().fold(statement, &bind);
                returned.extend(statement.fetch_all(&mut *connection).await?);
                rows = rest;
            }
        }
        Ok(returned)
    }

    fn statement(&self, rows: usize) -> String {
        let row = format!("({})", vec!["?"; self.columns].join(","));
        let values = vec![row; rows].join(",");
        format!("INSERT INTO {} VALUES {values} {}", self.into, self.tail)
    }
}

/// Any number of values as one: a JSON array, for `json_each`.
pub(super) fn list<T: ToString>(values: impl IntoIterator<Item = T>) -> String {
    let values = values.into_iter().map(|value| value.to_string());
    serde_json::Value::from_iter(values).to_string()
}
