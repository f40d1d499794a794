//! Ranges of ids.

use type_safe_id::{StaticType, TypeSafeId};

use super::lead::Bound;
use crate::domain::{
    ids::first_at,
    list::{Order, Window},
};

/// A range of ids, in an order.
#[derive(Debug, Clone)]
pub(super) struct Range {
    pub(super) order: Order,
    /// `>` or `>=`, and an id.
    pub(super) from: Option<(&'static str, String)>,
    /// `<` or `<=`, and an id.
    pub(super) to: Option<(&'static str, String)>,
}

impl Range {
    /// The ids that a window shows.
    pub(super) fn of<K: StaticType>(window: &Window<TypeSafeId<K>>) -> Self {
        let since = window.since.map(|since| first_at::<K>(since).to_string());
        let until = window.until.map(|until| first_at::<K>(until).to_string());
        let after = window.after.as_ref().map(TypeSafeId::to_string);
        let (above, below) = match window.order {
            Order::Newest => (None, after),
            Order::Oldest => (after, None),
        };
        // One bound on each side: an index is entered at one place, and read up to another.
        let from = match (since, above) {
            (Some(since), Some(above)) if above < since => Some((" >= ", since)),
            (_, Some(above)) => Some((" > ", above)),
            (since, None) => since.map(|since| (" >= ", since)),
        };
        let to = match (until, below) {
            (Some(until), Some(below)) => Some(until.min(below)),
            (until, below) => until.or(below),
        };
        Self {
            order: window.order,
            from,
            to: to.map(|to| (" < ", to)),
        }
    }

    /// The part of it without the ids that are less than `least`.
    pub(super) fn at_least(mut self, least: Option<&String>) -> Self {
        let Some(least) = least else { return self };
        if self.from.as_ref().is_none_or(|(_, from)| from < least) {
            self.from = Some((" >= ", least.clone()));
        }
        self
    }

    /// The part of it up to the last row that is looked at.
    pub(super) fn up_to(&self, bound: &Bound) -> Self {
        let mut range = self.clone();
        if let Some(last) = bound.0.clone() {
            match self.order {
                Order::Newest => range.from = Some((" >= ", last)),
                Order::Oldest => range.to = Some((" <= ", last)),
            }
        }
        range
    }

    /// The part of it behind a row that was read.
    pub(super) fn behind(&self, last: String) -> Self {
        let mut range = self.clone();
        match self.order {
            Order::Newest => range.to = Some((" < ", last)),
            Order::Oldest => range.from = Some((" > ", last)),
        }
        range
    }

    /// How SQL says the order.
    pub(super) fn direction(&self) -> &'static str {
        match self.order {
            Order::Newest => " DESC",
            Order::Oldest => "",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::{chance::Chance, ids::DeliveryKind, ids::Ids, time::Timestamp};

    #[test]
    fn what_is_less_than_the_least_is_left_out_and_a_cursor_beyond_it_stays() {
        let ids = Ids::new(Chance::seeded(1));
        let id = |at| ids.next::<DeliveryKind>(Timestamp::from_millis(at));
        let (early, least, late) = (id(1_000), id(2_000).to_string(), id(3_000));
        let from = |after| {
            let window = Window {
                after,
                ..Window::first(Order::Oldest, 50)
            };
            Range::of(&window).at_least(Some(&least)).from
        };
        assert_eq!(from(None), Some((" >= ", least.clone())));
        assert_eq!(from(Some(early)), Some((" >= ", least.clone())));
        assert_eq!(from(Some(late)), Some((" > ", late.to_string())));
    }
}
