//! Reading the columns of a row into what the domain knows.

use std::{borrow::Cow, fmt::Display, str::FromStr};

use serde::{Serialize, de::DeserializeOwned};
use sqlx::{ColumnIndex, Decode, Postgres, Row as _, Type, postgres::PgRow, sqlite::SqliteRow};

use super::nul;
use crate::{
    domain::time::Timestamp,
    store::{StoreError, StoreResult},
};

/// A row that a statement gives.
#[derive(Debug)]
pub(in crate::store) enum Row {
    Sqlite(SqliteRow),
    Postgres(PgRow),
}

impl Row {
    /// A text that parses as `T`: an identifier, or the name of a member of a closed list.
    pub(in crate::store) fn parsed<T: FromStr>(&self, column: &'static str) -> StoreResult<T> {
        parse(column, &self.str(column)?)
    }

    /// The same, where the column may be null.
    pub(in crate::store) fn parsed_opt<T: FromStr>(
        &self,
        column: &'static str,
    ) -> StoreResult<Option<T>> {
        let text = self.str_opt(column)?;
        text.map(|text| parse(column, &text)).transpose()
    }

    /// A text.
    pub(in crate::store) fn text(&self, column: &'static str) -> StoreResult<String> {
        Ok(self.str(column)?.into_owned())
    }

    /// A text, where the column may be null.
    pub(in crate::store) fn text_opt(&self, column: &'static str) -> StoreResult<Option<String>> {
        Ok(self.str_opt(column)?.map(Cow::into_owned))
    }

    /// A number that fits into `T`.
    pub(in crate::store) fn number<T: TryFrom<i64>>(&self, column: &'static str) -> StoreResult<T> {
        let number = self.number_opt(column)?;
        number.ok_or_else(|| unreadable(column, "null"))
    }

    /// The same, where the column may be null.
    pub(in crate::store) fn number_opt<T: TryFrom<i64>>(
        &self,
        column: &'static str,
    ) -> StoreResult<Option<T>> {
        let number = self.integer(column)?;
        number.map(|number| convert(column, number)).transpose()
    }

    /// Whether a condition holds.
    pub(in crate::store) fn flag(&self, column: &'static str) -> StoreResult<bool> {
        Ok(self.number::<i64>(column)? != 0)
    }

    /// A point in time.
    pub(in crate::store) fn time(&self, column: &'static str) -> StoreResult<Timestamp> {
        Ok(Timestamp::from_millis(self.number(column)?))
    }

    /// A point in time, where the column may be null.
    pub(in crate::store) fn time_opt(
        &self,
        column: &'static str,
    ) -> StoreResult<Option<Timestamp>> {
        Ok(self.integer(column)?.map(Timestamp::from_millis))
    }

    /// Bytes.
    pub(in crate::store) fn blob(&self, column: &'static str) -> StoreResult<Vec<u8>> {
        Ok(match self {
            Self::Sqlite(row) => row.try_get(column)?,
            Self::Postgres(row) => row.try_get(column)?,
        })
    }

    /// What stands as JSON in a text.
    pub(in crate::store) fn json<T: DeserializeOwned>(
        &self,
        column: &'static str,
    ) -> StoreResult<T> {
        let text = self.str(column)?;
        serde_json::from_str(&text).map_err(|_| unreadable(column, text))
    }

    fn str(&self, column: &'static str) -> StoreResult<Cow<'_, str>> {
        Ok(match self {
            Self::Sqlite(row) => Cow::Borrowed(row.try_get(column)?),
            Self::Postgres(row) => nul::read(row.try_get(column)?),
        })
    }

    fn str_opt(&self, column: &'static str) -> StoreResult<Option<Cow<'_, str>>> {
        Ok(match self {
            Self::Sqlite(row) => row.try_get::<Option<&str>, _>(column)?.map(Cow::Borrowed),
            Self::Postgres(row) => row.try_get::<Option<_>, _>(column)?.map(nul::read),
        })
    }

    fn integer<I: PlaceOf>(&self, column: I) -> StoreResult<Option<i64>> {
        Ok(match self {
            Self::Sqlite(row) => row.try_get(column)?,
            Self::Postgres(row) => integer(row, column)?,
        })
    }
}

/// A name or a number of a column.
trait PlaceOf: ColumnIndex<SqliteRow> + ColumnIndex<PgRow> + Copy {}

impl<I: ColumnIndex<SqliteRow> + ColumnIndex<PgRow> + Copy> PlaceOf for I {}

/// A whole number of any size, or a condition: PostgreSQL tells them apart.
fn integer<I: PlaceOf>(row: &PgRow, column: I) -> sqlx::Result<Option<i64>> {
    if let Some(number) = get::<Option<i64>, _>(row, column)? {
        return Ok(number);
    }
    if let Some(number) = get::<Option<i32>, _>(row, column)? {
        return Ok(number.map(i64::from));
    }
    Ok(row.try_get::<Option<bool>, _>(column)?.map(i64::from))
}

/// What is in the column, if it is of this type.
fn get<'r, T: Decode<'r, Postgres> + Type<Postgres>, I: PlaceOf>(
    row: &'r PgRow,
    column: I,
) -> sqlx::Result<Option<T>> {
    let place = column.index(row)?;
    let is_of_type = T::compatible(sqlx::Column::type_info(&row.columns()[place]));
    is_of_type.then(|| row.try_get(place)).transpose()
}

/// What may be in the one column of a row.
pub(in crate::store) trait Scalar: Sized {
    /// What is there.
    fn of(row: &Row) -> StoreResult<Self>;
}

impl Scalar for Option<i64> {
    fn of(row: &Row) -> StoreResult<Self> {
        row.integer(0)
    }
}

impl Scalar for i64 {
    fn of(row: &Row) -> StoreResult<Self> {
        let number = Option::of(row)?;
        number.ok_or_else(|| unreadable("a number", "null"))
    }
}

impl Scalar for u32 {
    fn of(row: &Row) -> StoreResult<Self> {
        convert("a number", i64::of(row)?)
    }
}

impl Scalar for bool {
    fn of(row: &Row) -> StoreResult<Self> {
        Ok(i64::of(row)? != 0)
    }
}

impl Scalar for Option<String> {
    fn of(row: &Row) -> StoreResult<Self> {
        Ok(match row {
            Row::Sqlite(row) => row.try_get(0)?,
            Row::Postgres(row) => {
                let kept: Option<&str> = row.try_get(0)?;
                kept.map(|kept| nul::read(kept).into_owned())
            }
        })
    }
}

impl Scalar for String {
    fn of(row: &Row) -> StoreResult<Self> {
        let text = Option::of(row)?;
        text.ok_or_else(|| unreadable("a text", "null"))
    }
}

/// `value` as JSON, for a `*_json` column.
pub(in crate::store) fn to_json<T: Serialize>(value: &T) -> StoreResult<String> {
    serde_json::to_string(value).map_err(|error| unreadable("json", error))
}

/// The error for what cannot be read.
pub(in crate::store) fn unreadable(column: &'static str, value: impl Display) -> StoreError {
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
