//! Statements that are put together.

use std::fmt::{Display, Write as _};

use sqlx::AssertSqlSafe;

use super::{Query, Value};

/// A statement that is being put together. What is pushed is the program's own; what comes from
/// elsewhere is bound.
#[derive(Debug)]
pub(in crate::store) struct Builder {
    sql: String,
    values: Vec<Value>,
}

impl Builder {
    /// A statement that begins with `sql`.
    pub(in crate::store) fn new(sql: impl Into<String>) -> Self {
        Self {
            sql: sql.into(),
            values: Vec::new(),
        }
    }

    /// Adds SQL.
    pub(in crate::store) fn push(&mut self, sql: impl Display) -> &mut Self {
        // A string takes everything.
        let _ = write!(self.sql, "{sql}");
        self
    }

    /// Adds a value.
    pub(in crate::store) fn push_bind(&mut self, value: impl Into<Value>) -> &mut Self {
        self.values.push(value.into());
        let place = self.values.len();
        self.push(format_args!("${place}"))
    }

    /// The statement so far.
    #[cfg(test)]
    pub(in crate::store) fn sql(&self) -> &str {
        &self.sql
    }

    /// The statement.
    pub(in crate::store) fn build(self) -> Query {
        Query::with(AssertSqlSafe(self.sql), self.values)
    }
}
