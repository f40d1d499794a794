//! Lists: a page at a time, the newest first.

use std::{fmt::Display, str::FromStr};

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::problem::{ApiResult, Code, Problem};

/// How many entries a page has where nobody says.
const DEFAULT_LIMIT: u32 = 50;

/// The most entries that a page has.
const MAX_LIMIT: u32 = 250;

/// A page of a list.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
pub struct Page<T> {
    /// The entries.
    pub data: Vec<T>,
    /// Where the next page begins: the `cursor` to ask for it with; null on the last page.
    pub next: Option<String>,
}

/// Which part of a list is asked for; its entries are called by an `I`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Window<I> {
    /// How many entries the page has at most.
    limit: u32,
    /// Only entries before this one; from the newest on where there is none.
    pub before: Option<I>,
}

/// Defines the query parameters of a list: the two of every list, and those that are written.
///
/// Both stand in one struct, because parameters that nobody knows are refused: two structs would
/// each refuse those of the other.
macro_rules! list_parameters {
    ($(#[$about:meta])* $visibility:vis struct $name:ident { $($own:tt)* }) => {
        $(#[$about])*
        #[derive(Debug, ::serde::Deserialize, ::utoipa::IntoParams)]
        #[serde(deny_unknown_fields)]
        #[into_params(parameter_in = Query)]
        $visibility struct $name {
            /// How many, from 1 to 250; 50 where it is left out.
            limit: Option<u32>,
            /// The `next` of the page before.
            cursor: Option<String>,
            $($own)*
        }

        impl $name {
            /// Which part of the list is asked for.
            ///
            /// # Errors
            /// A limit that no page has, or a cursor that is none.
            $visibility fn window<I: ::std::str::FromStr<Err: ::std::fmt::Display>>(
                &self,
            ) -> $crate::api::problem::ApiResult<$crate::api::page::Window<I>> {
                $crate::api::page::Window::read(self.limit, self.cursor.as_deref())
            }
        }
    };
}
pub(super) use list_parameters;

list_parameters! {
    /// The parameters of a list that has no others.
    pub struct ListParameters {}
}

impl<I: FromStr<Err: Display>> Window<I> {
    /// Reads the parameters `limit` and `cursor`.
    ///
    /// # Errors
    /// A limit that is not from 1 to 250, or a cursor that does not name an entry.
    pub fn read(limit: Option<u32>, cursor: Option<&str>) -> ApiResult<Self> {
        Ok(Self {
            limit: checked(limit.unwrap_or(DEFAULT_LIMIT))?,
            before: parameter("cursor", cursor)?,
        })
    }
}

impl<I> Window<I> {
    /// How many entries the page has at most.
    pub fn limit(&self) -> usize {
        self.limit as usize
    }

    /// How many entries to ask the store for: one more than the page has tells whether there is a
    /// next one.
    pub fn reach(&self) -> u32 {
        self.limit + 1
    }
}

impl<T> Page<T> {
    /// The page that shows `window` of a list: `records` are the [`reach`](Window::reach) of it,
    /// and `id` is what each is called.
    pub fn of<R, I: Display>(
        mut records: Vec<R>,
        window: &Window<I>,
        id: impl Fn(&R) -> I,
        view: impl FnMut(R) -> T,
    ) -> Self {
        let limit = window.limit as usize;
        let has_more = records.len() > limit;
        records.truncate(limit);
        let last = records.last().filter(|_| has_more);
        Self {
            next: last.map(|record| id(record).to_string()),
            data: records.into_iter().map(view).collect(),
        }
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

fn checked(limit: u32) -> ApiResult<u32> {
    match limit {
        1..=MAX_LIMIT => Ok(limit),
        other => Err(Problem::new(
            Code::BadParameter,
            format!("limit: {other} is not from 1 to {MAX_LIMIT}"),
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn page(window: &Window<u32>, there: u32) -> Page<u32> {
        let below = window.before.unwrap_or(there + 1);
        let found = (1..below).rev().take(window.reach() as usize);
        Page::of(found.collect(), window, |id| *id, |id| id)
    }

    #[test]
    fn a_list_is_walked_through_page_by_page() {
        let first = Window::read(Some(2), None).expect("a window");
        for (there, data, next) in [
            (0, vec![], None),
            (2, vec![2, 1], None),
            (3, vec![3, 2], Some("2")),
        ] {
            let page = page(&first, there);
            assert_eq!((page.data, page.next.as_deref()), (data, next));
        }
        let second = Window::read(Some(2), Some("2")).expect("a window");
        let page = page(&second, 3);
        assert_eq!((page.data, page.next), (vec![1], None));
    }

    #[test]
    fn a_limit_is_bounded_and_a_cursor_names_an_entry() {
        for (limit, cursor, refused) in [
            (None, None, None),
            (Some(1), Some("7"), None),
            (Some(MAX_LIMIT), None, None),
            (Some(0), None, Some("limit: ")),
            (Some(MAX_LIMIT + 1), None, Some("limit: ")),
            (None, Some("next"), Some("cursor: ")),
        ] {
            let problem = Window::<u32>::read(limit, cursor).err();
            assert_eq!(problem.is_some(), refused.is_some(), "{limit:?} {cursor:?}");
            if let (Some(problem), Some(beginning)) = (problem, refused) {
                assert_eq!(problem.code, Code::BadParameter);
                assert!(problem.detail.starts_with(beginning), "{}", problem.detail);
            }
        }
    }
}
