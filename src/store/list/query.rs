//! What is asked of a list, and the reading of it.

use std::time::Duration;

use futures_util::TryStreamExt as _;
use type_safe_id::{StaticType, TypeSafeId};

use super::{
    Index, PORTION, Table,
    lead::Lead,
    range::Range,
    sql::{Part, residual, rows},
};
use crate::{
    domain::{
        ids::{first_at, stamp},
        list::{Listed, Window},
        status::Statuses,
    },
    rules::Subject,
    store::{
        Connection, StoreResult,
        sql::{Builder, Row},
    },
};

/// What is asked of a list.
#[derive(Debug)]
pub(in crate::store) struct Query {
    pub(super) table: &'static Table,
    pub(super) owner: Option<String>,
    pub(super) terms: Vec<Term>,
    pub(super) checks: Vec<Check>,
    /// The least id that what is meant can have; none where nothing is known of that.
    pub(super) least: Option<String>,
    /// Whether whoever reads the rows leaves some of them out.
    pub(super) is_picky: bool,
}

/// What a column must have.
#[derive(Debug)]
pub(super) struct Term {
    pub(super) column: &'static str,
    /// The index that serves it.
    pub(super) index: Option<&'static Index>,
    pub(super) wanted: Wanted,
}

/// What is wanted of a column.
#[derive(Debug, Clone)]
pub(in crate::store) enum Wanted {
    /// This value.
    One(Value),
    /// One from the first on, and before the second.
    Range(Value, Value),
    /// An event type that these wildcards stand for.
    Like(Subject),
}

/// What may stand in a column.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::store) enum Value {
    /// A text.
    Text(String),
    /// A number.
    Number(i64),
}

/// A condition that no index serves: the value stands between two parts of it.
#[derive(Debug)]
pub(super) struct Check {
    pub(super) before: &'static str,
    pub(super) value: Value,
    pub(super) after: &'static str,
}

impl Query {
    /// Asks for all rows of `table` that `owner` has: a project, mostly.
    pub fn of(table: &'static Table, owner: impl ToString) -> Self {
        Self {
            owner: Some(owner.to_string()),
            ..Self::of_all(table)
        }
    }

    /// Asks for all rows of `table`, which knows no owners.
    pub fn of_all(table: &'static Table) -> Self {
        Self {
            table,
            owner: None,
            terms: Vec::new(),
            checks: Vec::new(),
            least: None,
            is_picky: false,
        }
    }

    /// Only rows that have what is wanted in `column`, if anything is. Those that are likely to let
    /// the fewest through come first.
    pub fn only(mut self, column: &'static str, wanted: Option<impl Into<Wanted>>) -> Self {
        if let Some(wanted) = wanted.map(Into::into) {
            let mut indexes = self.table.indexes.iter();
            let serves = |index: &&Index| index.column == Some(column) && index.serves(&wanted);
            self.terms.push(Term {
                column,
                index: indexes.find(serves),
                wanted,
            });
        }
        self
    }

    /// Only rows for which the SQL of `before`, the value, if there is one, and `after` holds.
    pub fn check(
        mut self,
        before: &'static str,
        value: Option<impl Into<Value>>,
        after: &'static str,
    ) -> Self {
        self.checks.extend(value.map(|value| Check {
            before,
            value: value.into(),
            after,
        }));
        self
    }

    /// Says that what is meant came after `origin`, if that is given: partitions of the time before are not
    /// looked into.
    pub fn not_before<K: StaticType, O: StaticType>(
        mut self,
        origin: Option<TypeSafeId<O>>,
    ) -> Self {
        self.least = origin.map(|origin| least_after::<K, O>(origin).to_string());
        self
    }

    /// Says that whoever reads the rows leaves some of them out.
    pub fn picky(mut self, is_picky: bool) -> Self {
        self.is_picky = is_picky;
        self
    }

    /// Reads a window of the list: `read` gives what is in a row, or none for one that is left out.
    pub async fn list<K: StaticType + Copy, T>(
        &self,
        connection: &mut Connection,
        window: &Window<TypeSafeId<K>>,
        read: impl FnMut(&Row) -> StoreResult<Option<T>>,
    ) -> StoreResult<Listed<T, TypeSafeId<K>>> {
        let everything = |_: &T| false;
        self.list_until(connection, window, read, everything).await
    }

    /// The same, up to the first entry after which there are `enough`.
    pub async fn list_until<K: StaticType + Copy, T>(
        &self,
        connection: &mut Connection,
        window: &Window<TypeSafeId<K>>,
        mut read: impl FnMut(&Row) -> StoreResult<Option<T>>,
        mut enough: impl FnMut(&T) -> bool,
    ) -> StoreResult<Listed<T, TypeSafeId<K>>> {
        let range = Range::of(window).at_least(self.least.as_ref());
        let (lead, bound) = Lead::choose(self, connection, &range).await?;
        let mut range = range.up_to(&bound);
        let mut entries = Vec::new();
        let mut last = None;
        loop {
            let portion = self.portion(&lead, window.limit);
            let query = self.rows(&lead, &range, portion);
            let mut rows = query.build().fetch(connection);
            let mut looked_at = 0;
            while let Some(row) = rows.try_next().await? {
                looked_at += 1;
                if looked_at == portion {
                    range = range.behind(row.text(self.table.id)?);
                }
                if !self.lets_through(&lead, &row)? {
                    continue;
                }
                let Some(entry) = read(&row)? else { continue };
                let is_full = entries.len() == window.limit as usize;
                if !is_full {
                    last = Some(row.parsed(self.table.id)?);
                }
                if is_full || enough(&entry) {
                    entries.extend((!is_full).then_some(entry));
                    return Ok(Listed {
                        entries,
                        next: last,
                        scanned_until: None,
                    });
                }
                entries.push(entry);
            }
            if looked_at < portion {
                break;
            }
        }
        let next = bound.last::<K>()?;
        Ok(Listed {
            entries,
            scanned_until: next.map(stamp),
            next,
        })
    }

    /// How many rows of a window there are, whatever its limit.
    pub async fn count<K: StaticType>(
        &self,
        connection: &mut Connection,
        window: &Window<TypeSafeId<K>>,
    ) -> StoreResult<(u64, Option<TypeSafeId<K>>)> {
        let range = Range::of(window).at_least(self.least.as_ref());
        let (lead, bound) = Lead::choose(self, connection, &range).await?;
        let mut query = Builder::new("SELECT count(*) AS count FROM (");
        let range = range.up_to(&bound);
        rows(&mut query, self, &lead, &range, true, Part::All);
        query.push(") AS meant");
        let row = query.build().fetch_one(connection).await?;
        Ok((row.number("count")?, bound.last::<K>()?))
    }

    /// The query for the first `number` rows of a range.
    pub(super) fn rows(&self, lead: &Lead, range: &Range, number: u32) -> Builder {
        let mut query = Builder::new("");
        rows(&mut query, self, lead, range, true, Part::First(number));
        query
    }

    /// How many rows are read at a time for a page of `limit`.
    fn portion(&self, lead: &Lead, limit: u32) -> u32 {
        match self.leaves_out(lead) {
            true => PORTION,
            // One more than is shown tells whether there is a next page.
            false => limit.saturating_add(1),
        }
    }

    /// Whether rows that were read may be left out.
    fn leaves_out(&self, lead: &Lead) -> bool {
        self.is_picky || residual(self, lead).any(|term| term.wanted.subject().is_some())
    }

    fn lets_through(&self, lead: &Lead, row: &Row) -> StoreResult<bool> {
        for term in residual(self, lead) {
            if let Some(subject) = term.wanted.subject()
                && !subject.matches(&row.text(term.column)?)
            {
                return Ok(false);
            }
        }
        Ok(true)
    }
}

impl Index {
    /// Whether the rows that have what is wanted stand in it.
    fn serves(&self, wanted: &Wanted) -> bool {
        match (self.except, wanted) {
            (None, _) => true,
            (Some(except), Wanted::One(Value::Text(text))) => text != except,
            (Some(_), _) => false,
        }
    }
}

impl Wanted {
    /// The wildcards, where an event type is wanted that they stand for.
    fn subject(&self) -> Option<&Subject> {
        match self {
            Self::Like(subject) => Some(subject),
            Self::One(_) | Self::Range(..) => None,
        }
    }

    /// Any value at all.
    pub fn anything() -> Self {
        Self::Range(Value::Text(String::new()), Value::Text(LAST.to_owned()))
    }

    /// What may be wanted stands from the first to before the second.
    pub(super) fn range(&self) -> (Value, Value) {
        match self {
            Self::One(value) => (value.clone(), value.clone()),
            Self::Range(from, to) => (from.clone(), to.clone()),
            Self::Like(subject) => {
                let beginning = subject.literal_beginning();
                let end = format!("{beginning}{LAST}");
                (Value::Text(beginning.to_owned()), Value::Text(end))
            }
        }
    }
}

/// The least identifier that what came of `origin` can have. The clocks that stamped both may differ, and
/// have been set back in between.
pub(in crate::store) fn least_after<K: StaticType, O: StaticType>(
    origin: TypeSafeId<O>,
) -> TypeSafeId<K> {
    first_at(stamp(origin).minus(SET_BACK))
}

/// By how much a clock may be set back without that anything is missed in a list: costs a look into a
/// partition or two more.
const SET_BACK: Duration = Duration::from_secs(24 * 60 * 60);

/// What comes after every character of a name that the gateway knows.
const LAST: &str = "~";

impl From<String> for Value {
    fn from(text: String) -> Self {
        Self::Text(text)
    }
}

impl From<&str> for Value {
    fn from(text: &str) -> Self {
        Self::Text(text.to_owned())
    }
}

impl From<i64> for Value {
    fn from(number: i64) -> Self {
        Self::Number(number)
    }
}

impl<T: Into<Value>> From<T> for Wanted {
    fn from(value: T) -> Self {
        Self::One(value.into())
    }
}

impl<K: StaticType> From<TypeSafeId<K>> for Wanted {
    fn from(id: TypeSafeId<K>) -> Self {
        Self::One(Value::Text(id.to_string()))
    }
}

impl From<Statuses> for Wanted {
    fn from(statuses: Statuses) -> Self {
        let range = statuses.range();
        match statuses {
            Statuses::Exactly(status) => Self::One(Value::Number(status.into())),
            Statuses::Class(_) => Self::Range(
                Value::Number(range.start.into()),
                Value::Number(range.end.into()),
            ),
        }
    }
}

impl From<&Subject> for Wanted {
    fn from(subject: &Subject) -> Self {
        match subject.is_literal() {
            true => Self::One(Value::Text(subject.as_str().to_owned())),
            false => Self::Like(subject.clone()),
        }
    }
}
