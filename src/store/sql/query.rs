//! Statements.

use std::time::Duration;

use futures_util::{StreamExt as _, TryStreamExt as _, stream, stream::BoxStream};
use sqlx::{
    Postgres, SqlSafeStr, SqlStr, Sqlite,
    postgres::{PgArguments, PgRow},
    query::Query as Statement,
    sqlite::SqliteArguments,
};

use super::{
    Connection, Row, Value,
    connection::Driver,
    patience::within,
    row::Scalar,
    value::{for_postgres, for_sqlite},
};
use crate::store::StoreResult;

/// A statement, with the values that it takes.
pub(in crate::store) struct Query {
    sql: SqlStr,
    values: Vec<Value>,
}

/// The statement `sql`.
pub(in crate::store) fn query(sql: impl SqlSafeStr) -> Query {
    Query::with(sql, Vec::new())
}

/// The statement `sql`, of whose rows the first column counts.
pub(in crate::store) fn query_scalar(sql: impl SqlSafeStr) -> ScalarQuery {
    ScalarQuery(query(sql))
}

impl Query {
    /// The statement `sql` with `values`.
    pub(in crate::store) fn with(sql: impl SqlSafeStr, values: Vec<Value>) -> Self {
        Self {
            sql: sql.into_sql_str(),
            values,
        }
    }

    /// The statement with its next value.
    pub(in crate::store) fn bind(mut self, value: impl Into<Value>) -> Self {
        self.values.push(value.into());
        self
    }

    /// Runs it; gives how many rows it has changed.
    pub(in crate::store) async fn execute(self, connection: &mut Connection) -> StoreResult<u64> {
        let patience = connection.patience();
        Ok(match connection.driver() {
            Driver::Sqlite(driver) => self.sqlite()?.execute(driver).await?.rows_affected(),
            Driver::Postgres(driver) => {
                let done = within(patience, self.postgres()?.execute(driver)).await?;
                done.rows_affected()
            }
        })
    }

    /// Runs it; gives all rows.
    pub(in crate::store) async fn fetch_all(
        self,
        connection: &mut Connection,
    ) -> StoreResult<Vec<Row>> {
        let patience = connection.patience();
        Ok(match connection.driver() {
            Driver::Sqlite(driver) => {
                let rows = self.sqlite()?.fetch_all(driver).await?;
                rows.into_iter().map(Row::Sqlite).collect()
            }
            Driver::Postgres(driver) => {
                let rows = within(patience, self.postgres()?.fetch_all(driver)).await?;
                rows.into_iter().map(Row::Postgres).collect()
            }
        })
    }

    /// Runs it; gives the first row, if there is one.
    pub(in crate::store) async fn fetch_optional(
        self,
        connection: &mut Connection,
    ) -> StoreResult<Option<Row>> {
        let patience = connection.patience();
        Ok(match connection.driver() {
            Driver::Sqlite(driver) => {
                let row = self.sqlite()?.fetch_optional(driver).await?;
                row.map(Row::Sqlite)
            }
            Driver::Postgres(driver) => {
                let row = within(patience, self.postgres()?.fetch_optional(driver)).await?;
                row.map(Row::Postgres)
            }
        })
    }

    /// Runs it; gives the first row.
    pub(in crate::store) async fn fetch_one(self, connection: &mut Connection) -> StoreResult<Row> {
        let row = self.fetch_optional(connection).await?;
        Ok(row.ok_or(sqlx::Error::RowNotFound)?)
    }

    /// Runs it; gives one row after the other.
    pub(in crate::store) fn fetch(
        self,
        connection: &mut Connection,
    ) -> BoxStream<'_, StoreResult<Row>> {
        let patience = connection.patience();
        let rows = match connection.driver() {
            Driver::Sqlite(driver) => self
                .sqlite()
                .map(|statement| statement.fetch(driver).map_ok(Row::Sqlite).boxed()),
            Driver::Postgres(driver) => self
                .postgres()
                .map(|statement| patient(patience, statement.fetch(driver).boxed())),
        };
        match rows {
            Ok(rows) => rows.err_into().boxed(),
            Err(error) => stream::once(async { Err(error.into()) }).boxed(),
        }
    }

    fn sqlite(self) -> sqlx::Result<Statement<'static, Sqlite, SqliteArguments>> {
        let bound = for_sqlite(self.values).map_err(sqlx::Error::Encode)?;
        Ok(sqlx::query_with(self.sql, bound))
    }

    fn postgres(self) -> sqlx::Result<Statement<'static, Postgres, PgArguments>> {
        let bound = for_postgres(self.values).map_err(sqlx::Error::Encode)?;
        let keeps_columns = !gives_all_columns(self.sql.as_str());
        Ok(sqlx::query_with(self.sql, bound).persistent(keeps_columns))
    }
}

/// Whether a statement gives all columns that there are. Which these are may change while a node runs,
/// when the next release migrates, and PostgreSQL then refuses what was prepared before: such a statement
/// is prepared each time.
fn gives_all_columns(sql: &str) -> bool {
    ["SELECT *", ".*", "RETURNING *"]
        .iter()
        .any(|all| sql.contains(all))
}

/// The rows of PostgreSQL, each of which is waited for so long.
fn patient<'c>(
    patience: Duration,
    rows: BoxStream<'c, sqlx::Result<PgRow>>,
) -> BoxStream<'c, sqlx::Result<Row>> {
    let next = move |mut rows: BoxStream<'c, sqlx::Result<PgRow>>| async move {
        let row = within(patience, rows.try_next()).await?;
        Ok(row.map(|row| (Row::Postgres(row), rows)))
    };
    stream::try_unfold(rows, next).boxed()
}

/// A statement of whose rows the first column counts.
pub(in crate::store) struct ScalarQuery(Query);

impl ScalarQuery {
    /// The statement with its next value.
    pub(in crate::store) fn bind(self, value: impl Into<Value>) -> Self {
        Self(self.0.bind(value))
    }

    /// Runs it; gives what is in the first row.
    pub(in crate::store) async fn fetch_one<T: Scalar>(
        self,
        connection: &mut Connection,
    ) -> StoreResult<T> {
        T::of(&self.0.fetch_one(connection).await?)
    }

    /// Runs it; gives what is in the first row, if there is one.
    pub(in crate::store) async fn fetch_optional<T: Scalar>(
        self,
        connection: &mut Connection,
    ) -> StoreResult<Option<T>> {
        let row = self.0.fetch_optional(connection).await?;
        row.as_ref().map(T::of).transpose()
    }
}
