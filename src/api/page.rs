//! Lists: a page at a time, in either order, of any range of time.

use std::{fmt, fmt::Display, str::FromStr};

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::problem::{ApiResult, Code, Problem};
use crate::domain::{
    list::{Listed, Order, Window},
    time::Timestamp,
};

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
    /// Set where a search through very many entries was ended before the page was full: up to this
    /// time all were looked at, and `next` goes on from there. The page may be empty then.
    #[serde(default)]
    #[schema(value_type = Option<String>, format = DateTime)]
    pub scanned_until: Option<Timestamp>,
}

/// Defines the query parameters of a list: those of every list, and those that are written.
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
            /// `newest` first, or `oldest` first; the newest where it is left out.
            #[param(example = "oldest")]
            order: Option<String>,
            /// Only what was made at this time or later (RFC 3339).
            #[param(example = "2026-11-23T15:00:00Z")]
            since: Option<String>,
            /// Only what was made before this time (RFC 3339).
            #[param(example = "2026-11-24T15:00:00Z")]
            until: Option<String>,
            $($own)*
        }

        impl $name {
            /// Which part of the list is asked for.
            ///
            /// # Errors
            /// A parameter that cannot be used, or a cursor that does not fit the others.
            $visibility fn window<I: ::std::str::FromStr<Err: ::std::fmt::Display>>(
                &self,
            ) -> $crate::api::problem::ApiResult<$crate::domain::list::Window<I>> {
                $crate::api::page::Asked {
                    limit: self.limit,
                    cursor: self.cursor.as_deref(),
                    order: self.order.as_deref(),
                    since: self.since.as_deref(),
                    until: self.until.as_deref(),
                }
                .window()
            }
        }
    };
}
pub(super) use list_parameters;

list_parameters! {
    /// The parameters of a list that has no others.
    pub struct ListParameters {}
}

/// The parameters of every list, as they came.
#[derive(Debug, Clone, Copy, Default)]
pub struct Asked<'a> {
    /// The most entries.
    pub limit: Option<u32>,
    /// Where the page before has ended.
    pub cursor: Option<&'a str>,
    /// In which order.
    pub order: Option<&'a str>,
    /// From when on.
    pub since: Option<&'a str>,
    /// Before when.
    pub until: Option<&'a str>,
}

impl Asked<'_> {
    /// Which part of the list they mean.
    ///
    /// # Errors
    /// A limit that is not from 1 to 250, an order or a time that is none, and a cursor that does
    /// not come from a page of this list in this order.
    pub fn window<I: FromStr<Err: Display>>(self) -> ApiResult<Window<I>> {
        let cursor = self.cursor.map(Cursor::<I>::read).transpose()?;
        let order: Option<Order> = parameter("order", self.order)?;
        if let (Some(cursor), Some(order)) = (&cursor, order)
            && cursor.order != order
        {
            let detail = format!(
                "cursor: it comes from a list with order={}, and does not fit order={order}",
                cursor.order
            );
            return Err(Problem::new(Code::BadParameter, detail));
        }
        let continued = cursor.as_ref().map(|cursor| cursor.order);
        Ok(Window {
            since: parameter("since", self.since)?,
            until: parameter("until", self.until)?,
            order: order.or(continued).unwrap_or(Order::Newest),
            after: cursor.map(|cursor| cursor.after),
            limit: limit(self.limit)?,
        })
    }
}

/// Where a page has ended: the order, a dot, and the last entry.
struct Cursor<I> {
    order: Order,
    after: I,
}

impl<I: FromStr<Err: Display>> Cursor<I> {
    fn read(text: &str) -> ApiResult<Self> {
        let refused = |why: String| {
            let detail =
                format!("cursor: {text:?} is not the `next` of a page of this list: {why}");
            Problem::new(Code::BadParameter, detail)
        };
        let (order, after) = text
            .split_once('.')
            .ok_or_else(|| refused("it has no order".to_owned()))?;
        Ok(Self {
            order: order.parse().map_err(|error| refused(format!("{error}")))?,
            after: after
                .parse()
                .map_err(|error: I::Err| refused(error.to_string()))?,
        })
    }
}

impl<I: Display> Display for Cursor<I> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}.{}", self.order, self.after)
    }
}

impl<T> Page<T> {
    /// The page that shows what was `listed` of `window`, each entry as `view` shows it.
    pub fn of<R, I: Display>(
        window: &Window<I>,
        listed: Listed<R, I>,
        view: impl FnMut(R) -> T,
    ) -> Self {
        let order = window.order;
        let next = listed.next.map(|after| Cursor { order, after });
        Self {
            data: listed.entries.into_iter().map(view).collect(),
            next: next.map(|next| next.to_string()),
            scanned_until: listed.scanned_until,
        }
    }

    /// The page of `limit` entries of a list that is in the order of names: `found` has one more, if
    /// there is one, and the cursor is the `name` of the last that is shown.
    pub fn by_name<R, N: Display>(
        mut found: Vec<R>,
        limit: u32,
        name: impl Fn(&R) -> N,
        view: impl FnMut(R) -> T,
    ) -> Self {
        let has_more = found.len() > limit as usize;
        found.truncate(limit as usize);
        let last = found.last().filter(|_| has_more);
        Self {
            next: last.map(|last| name(last).to_string()),
            data: found.into_iter().map(view).collect(),
            scanned_until: None,
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

/// How many entries a page has at most, where `asked` is what the parameter `limit` says.
///
/// # Errors
/// If it is not from 1 to 250.
pub fn limit(asked: Option<u32>) -> ApiResult<u32> {
    match asked.unwrap_or(DEFAULT_LIMIT) {
        limit @ 1..=MAX_LIMIT => Ok(limit),
        other => Err(Problem::new(
            Code::BadParameter,
            format!("limit: {other} is not from 1 to {MAX_LIMIT}"),
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn asked<'a>(order: Option<&'a str>, cursor: Option<&'a str>) -> Asked<'a> {
        Asked {
            order,
            cursor,
            ..Asked::default()
        }
    }

    #[test]
    fn a_cursor_carries_where_its_page_ended_and_in_which_order() {
        for (order, name) in [(Order::Newest, "newest"), (Order::Oldest, "oldest")] {
            let window = Window::first(order, 2);
            let listed = Listed {
                entries: vec![4, 3],
                next: Some(3),
                scanned_until: None,
            };
            let page = Page::of(&window, listed, |id: u32| id);
            let next = page.next.expect("there is more");
            assert_eq!(next, format!("{name}.3"));
            for order_again in [None, Some(name)] {
                let asked = asked(order_again, Some(&next));
                let continued = asked.window::<u32>().expect("a window");
                assert_eq!((continued.order, continued.after), (order, Some(3)));
            }
        }
    }

    #[test]
    fn a_list_by_names_goes_on_after_the_last_name() {
        for (found, data, next) in [
            (vec![], vec![], None),
            (vec!["a", "b"], vec!["a", "b"], None),
            (vec!["a", "b", "c"], vec!["a", "b"], Some("b")),
        ] {
            let page = Page::by_name(found, 2, |name| *name, |name| name);
            assert_eq!((page.data, page.next.as_deref()), (data, next));
        }
    }

    #[test]
    fn what_cannot_be_asked_of_a_list_is_refused_by_its_name() {
        let limited = |limit| Asked {
            limit: Some(limit),
            ..Asked::default()
        };
        let timed = |since| Asked {
            since: Some(since),
            ..Asked::default()
        };
        for (asked, refused) in [
            (Asked::default(), None),
            (limited(1), None),
            (limited(MAX_LIMIT), None),
            (timed("2026-11-23T15:00:00+01:00"), None),
            (limited(0), Some("limit: ")),
            (limited(MAX_LIMIT + 1), Some("limit: ")),
            (timed("yesterday"), Some("since: ")),
            (asked(Some("latest"), None), Some("order: ")),
            (asked(None, Some("7")), Some("cursor: ")),
            (asked(None, Some("newest.next")), Some("cursor: ")),
            (asked(None, Some("latest.7")), Some("cursor: ")),
            (asked(Some("oldest"), Some("newest.7")), Some("cursor: ")),
        ] {
            let problem = asked.window::<u32>().err();
            assert_eq!(problem.is_some(), refused.is_some(), "{asked:?}");
            if let (Some(problem), Some(beginning)) = (problem, refused) {
                assert_eq!(problem.code, Code::BadParameter);
                assert!(problem.detail.starts_with(beginning), "{}", problem.detail);
            }
        }
    }
}
