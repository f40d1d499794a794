//! Lists: a page at a time, the newest first.

use std::{fmt::Display, str::FromStr};

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::problem::{ApiResult, Code, Problem};

/// How many entries a page has where nobody says.
const DEFAULT_LIMIT: u32 = 50;

/// The most entries that a page has.
pub const MAX_LIMIT: u32 = 250;

/// A page of a list.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
pub struct Page<T> {
    /// The entries.
    pub data: Vec<T>,
    /// Where the next page begins: the `cursor` to ask for it with; null on the last page.
    pub next: Option<String>,
}

/// How many entries are asked for.
///
/// # Errors
/// A limit that is not from 1 to [`MAX_LIMIT`].
pub fn limit(asked: Option<u32>) -> ApiResult<u32> {
    match asked.unwrap_or(DEFAULT_LIMIT) {
        limit @ 1..=MAX_LIMIT => Ok(limit),
        other => Err(Problem::new(
            Code::BadParameter,
            format!("limit: {other} is not from 1 to {MAX_LIMIT}"),
        )),
    }
}

/// The parameter called `name` as what it stands for.
///
/// # Errors
/// A text that does not stand for such a thing.
pub fn parameter<T: FromStr<Err: Display>>(name: &str, text: Option<&str>) -> ApiResult<Option<T>> {
    text.map(|text| {
        text.parse()
            .map_err(|error| Problem::new(Code::BadParameter, format!("{name}: {text:?}: {error}")))
    })
    .transpose()
}

impl<T> Page<T> {
    /// A page of at most `limit` of `records`, of which there are more if there is a next page:
    /// ask the store for one more than `limit`.
    pub fn of<R>(
        mut records: Vec<R>,
        limit: u32,
        cursor: impl Fn(&R) -> String,
        view: impl FnMut(R) -> T,
    ) -> Self {
        let has_more = records.len() > limit as usize;
        records.truncate(limit as usize);
        let next = records.last().filter(|_| has_more).map(cursor);
        Self {
            data: records.into_iter().map(view).collect(),
            next,
        }
    }
}
