//! Values that statements take.

use sqlx::{Arguments as _, error::BoxDynError, postgres::PgArguments, sqlite::SqliteArguments};

use super::nul;

/// A value that a statement takes; none stands for null.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::store) enum Value {
    Text(Option<String>),
    Number(Option<i64>),
    Bytes(Option<Vec<u8>>),
    /// Any number of texts as one, for `json_each`.
    Texts(Vec<String>),
}

/// Any number of values as one, for `json_each`.
pub(in crate::store) fn list<T: ToString>(values: impl IntoIterator<Item = T>) -> Value {
    let values = values.into_iter().map(|value| value.to_string());
    Value::Texts(values.collect())
}

/// The first and the last of `ids`, in their order: with `id BETWEEN` the two, a statement looks only
/// into those parts of a log that may have any of them.
pub(in crate::store) fn span<T: Ord + ToString>(ids: &[T]) -> [Value; 2] {
    [ids.iter().min(), ids.iter().max()].map(|id| id.map(ToString::to_string).into())
}

macro_rules! values {
    ($($type:ty => $kind:ident($value:ident $(as $read:expr)?);)*) => {$(
        impl From<$type> for Value {
            fn from($value: $type) -> Self {
                Self::$kind(Some(values!($value $($read)?)))
            }
        }

        impl From<Option<$type>> for Value {
            fn from(value: Option<$type>) -> Self {
                Self::$kind(value.map(|$value| values!($value $($read)?)))
            }
        }
    )*};
    ($value:ident) => { $value };
    ($value:ident $read:expr) => { $read };
}

values! {
    String => Text(text);
    &str => Text(text as text.to_owned());
    &String => Text(text as text.clone());
    i64 => Number(number);
    i32 => Number(number as number.into());
    u32 => Number(number as number.into());
    u16 => Number(number as number.into());
    u8 => Number(number as number.into());
    bool => Number(holds as holds.into());
    Vec<u8> => Bytes(bytes);
    &[u8] => Bytes(bytes as bytes.to_vec());
}

impl From<&Option<String>> for Value {
    fn from(text: &Option<String>) -> Self {
        Self::Text(text.clone())
    }
}

impl From<&Self> for Value {
    fn from(value: &Self) -> Self {
        value.clone()
    }
}

/// Values as SQLite takes them.
pub(super) fn for_sqlite(values: Vec<Value>) -> Result<SqliteArguments, BoxDynError> {
    let mut bound = SqliteArguments::default();
    for value in values {
        match value {
            Value::Text(text) => bound.add(text)?,
            Value::Number(number) => bound.add(number)?,
            Value::Bytes(bytes) => bound.add(bytes)?,
            Value::Texts(texts) => bound.add(serde_json::Value::from_iter(texts).to_string())?,
        }
    }
    Ok(bound)
}

/// Values as PostgreSQL takes them.
pub(super) fn for_postgres(values: Vec<Value>) -> Result<PgArguments, BoxDynError> {
    let mut bound = PgArguments::default();
    for value in values {
        match value {
            Value::Text(text) => bound.add(text.map(nul::kept))?,
            Value::Number(number) => bound.add(number)?,
            Value::Bytes(bytes) => bound.add(bytes)?,
            Value::Texts(texts) => {
                let texts = texts.into_iter().map(nul::kept);
                bound.add(texts.collect::<Vec<_>>())?;
            }
        }
    }
    Ok(bound)
}
