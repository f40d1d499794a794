//! Columns as the domain knows them.

use std::{fmt::Display, str::FromStr};

use serde::{Serialize, de::DeserializeOwned};
use sqlx::{Row as _, sqlite::SqliteRow};

use super::{StoreError, StoreResult};
use crate::domain::time::Timestamp;

/// Reads the columns of a row.
pub(super) trait Columns {
    /// A text that parses as `T`: an identifier, or the name of a member of a closed list.
    fn parsed<T: FromStr>(&self, column: &'static str) -> StoreResult<T>;
    /// The same, where the column may be null.
    fn parsed_opt<T: FromStr>(&self, column: &'static str) -> StoreResult<Option<T>>;
    /// A text.
    fn text(&self, column: &'static str) -> StoreResult<String>;
    /// A text, where the column may be null.
    fn text_opt(&self, column: &'static str) -> StoreResult<Option<String>>;
    /// A number that fits into `T`.
    fn number<T: TryFrom<i64>>(&self, column: &'static str) -> StoreResult<T>;
    /// The same, where the column may be null.
    fn number_opt<T: TryFrom<i64>>(&self, column: &'static str) -> StoreResult<Option<T>>;
    /// A point in time.
    fn time(&self, column: &'static str) -> StoreResult<Timestamp>;
    /// A point in time, where the column may be null.
    fn time_opt(&self, column: &'static str) -> StoreResult<Option<Timestamp>>;
    /// Bytes.
    fn blob(&self, column: &'static str) -> StoreResult<Vec<u8>>;
    /// What stands as JSON in a text.
    fn json<T: DeserializeOwned>(&self, column: &'static str) -> StoreResult<T>;
}

impl Columns for SqliteRow {
    fn parsed<T: FromStr>(&self, column: &'static str) -> StoreResult<T> {
        parse(column, self.try_get(column)?)
    }

    fn parsed_opt<T: FromStr>(&self, column: &'static str) -> StoreResult<Option<T>> {
        let text: Option<&str> = self.try_get(column)?;
        text.map(|text| parse(column, text)).transpose()
    }

    fn text(&self, column: &'static str) -> StoreResult<String> {
        Ok(self.try_get(column)?)
    }

    fn text_opt(&self, column: &'static str) -> StoreResult<Option<String>> {
        Ok(self.try_get(column)?)
    }

    fn number<T: TryFrom<i64>>(&self, column: &'static str) -> StoreResult<T> {
        convert(column, self.try_get(column)?)
    }

    fn number_opt<T: TryFrom<i64>>(&self, column: &'static str) -> StoreResult<Option<T>> {
        let number: Option<i64> = self.try_get(column)?;
        number.map(|number| convert(column, number)).transpose()
    }

    fn time(&self, column: &'static str) -> StoreResult<Timestamp> {
        Ok(Timestamp::from_millis(self.try_get(column)?))
    }

    fn time_opt(&self, column: &'static str) -> StoreResult<Option<Timestamp>> {
        let millis: Option<i64> = self.try_get(column)?;
        Ok(millis.map(Timestamp::from_millis))
    }

    fn blob(&self, column: &'static str) -> StoreResult<Vec<u8>> {
        Ok(self.try_get(column)?)
    }

    fn json<T: DeserializeOwned>(&self, column: &'static str) -> StoreResult<T> {
        let text: &str = self.try_get(column)?;
        serde_json::from_str(text).map_err(|_| unreadable(column, text))
    }
}

/// `value` as JSON, for a `*_json` column.
pub(super) fn to_json<T: Serialize>(value: &T) -> StoreResult<String> {
    serde_json::to_string(value).map_err(|error| unreadable("json", error))
}

/// The error for what cannot be read.
pub(super) fn unreadable(column: &'static str, value: impl Display) -> StoreError {
    StoreError::Unreadable {
        column,
        value: value.to_string(),
    }
}

fn parse<T: FromStr>(column: &'static str, text: &str) -> StoreResult<T> {
    text.parse().map_err(|_| unreadable(column, text))
}

fn convert<T: TryFrom<i64>>(column: &'static str, number: i64) -> StoreResult<T> {
    T::try_from(number).map_err(|_| unreadable(column, number))
}
