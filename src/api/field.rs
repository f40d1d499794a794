//! Fields of documents that may be left out: what POST and PATCH have in common.
//!
//! A field that is left out says nothing; null asks for the default, and a value for itself
//! (RFC 7396). A value replaces the old one as a whole, objects too.

use serde::{Deserialize, Deserializer};

use super::problem::{ApiResult, Problem};

/// The most characters that users may give as a name.
pub const MAX_NAME: usize = 200;

/// A field of a document; it needs `#[serde(default)]`.
#[derive(Clone, Copy, Default, PartialEq, Eq)]
pub enum Field<T> {
    /// It is left out.
    #[default]
    Absent,
    /// It is null.
    Null,
    /// It has a value.
    Given(T),
}

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Field<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Ok(match Option::deserialize(deserializer)? {
            Some(value) => Self::Given(value),
            None => Self::Null,
        })
    }
}

impl<T> Field<T> {
    /// The field with what `check` makes of its value.
    ///
    /// # Errors
    /// What `check` refuses.
    pub fn check<U>(self, check: impl FnOnce(T) -> ApiResult<U>) -> ApiResult<Field<U>> {
        Ok(match self {
            Self::Absent => Field::Absent,
            Self::Null => Field::Null,
            Self::Given(value) => Field::Given(check(value)?),
        })
    }

    /// The value that is given; none if the field is left out.
    ///
    /// # Errors
    /// If the field is null; `refusal` says at which place and why it cannot be.
    pub fn required(self, refusal: impl FnOnce() -> Problem) -> ApiResult<Option<T>> {
        match self {
            Self::Absent => Ok(None),
            Self::Null => Err(refusal()),
            Self::Given(value) => Ok(Some(value)),
        }
    }

    /// Whether the field is there, be it null.
    pub fn is_there(&self) -> bool {
        !matches!(self, Self::Absent)
    }
}

impl<T: Clone> Field<T> {
    /// Puts the value, or `default` for null, into `place`, which stays as it is if the field is
    /// left out.
    pub fn set(&self, place: &mut T, default: T) {
        match self {
            Self::Absent => {}
            Self::Null => *place = default,
            Self::Given(value) => *place = value.clone(),
        }
    }

    /// The same for a place whose default is to be empty.
    pub fn set_optional(&self, place: &mut Option<T>) {
        match self {
            Self::Absent => {}
            Self::Null => *place = None,
            Self::Given(value) => *place = Some(value.clone()),
        }
    }
}

/// Checks what users call something.
///
/// # Errors
/// A name, at `/name`, that is empty, has more than [`MAX_NAME`] characters or a control character.
pub fn check_name(name: String) -> ApiResult<String> {
    if name.trim().is_empty() || name.chars().count() > MAX_NAME {
        let detail = format!("a name has from 1 to {MAX_NAME} characters; null stands for none");
        return Err(Problem::invalid("/name", detail));
    }
    match name.chars().any(char::is_control) {
        true => Err(Problem::invalid(
            "/name",
            "a name is one line without control characters",
        )),
        false => Ok(name),
    }
}
