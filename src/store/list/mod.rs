//! Lists: how each of them is read, whatever it lists.
//!
//! A [`Table`] says where the rows are and which of their columns an index serves; a [`Query`] says
//! what is asked of them. One condition that has an index is read along it, from the cursor on:
//! whatever there is, a page costs a page. Of several conditions the one whose index reaches
//! furthest leads, and at most [`SCAN_BUDGET`] rows along it are looked at: a page that is not full by
//! then says up to which time that was, and the next one goes on from there.
//!
//! It knows no table: these stand with what they hold.

mod lead;
#[cfg(test)]
pub(super) mod plans;
mod query;
mod range;
mod sql;

pub(super) use self::query::{Query, Wanted, least_after};

/// How many rows a read looks at, whether or not they are meant: some 20 ms.
pub const SCAN_BUDGET: u32 = 20_000;

/// How many rows are read at a time where some of them are left out after that.
const PORTION: u32 = 500;

/// The most values of one column that a read merges the rows of; for more it looks at all rows.
const MAX_ARMS: u32 = 32;

/// The most values of one column that are gone through to find those that are meant.
const MAX_HOPS: u32 = 1_000;

/// Where the rows of a list are.
#[derive(Debug)]
pub(super) struct Table {
    /// The table.
    pub name: &'static str,
    /// What rows are called in queries.
    pub alias: &'static str,
    /// The column of the id.
    pub id: &'static str,
    /// The column of whose rows they are.
    pub owner: &'static str,
    /// The columns that are read.
    pub columns: &'static str,
    /// What is joined for them.
    pub join: &'static str,
    /// What holds for all rows of the list.
    pub always: Option<Fixed>,
    /// The index that all of them stand in.
    pub all: Index,
    /// The values that they have in its column, where it has one.
    pub all_values: &'static [&'static str],
    /// The other indexes.
    pub indexes: &'static [Index],
}

/// A value that a column has, or does not have, in all rows of an index or a list.
#[derive(Debug, Clone, Copy)]
pub(super) struct Fixed {
    pub column: &'static str,
    /// `= 'dead'`, say.
    pub is: &'static str,
}

/// An index whose columns are the owner, a column, and the id.
#[derive(Debug)]
pub(super) struct Index {
    /// Its name; none for the primary key.
    pub name: Option<&'static str>,
    /// The column; none where only the owner stands before the id.
    pub column: Option<&'static str>,
    /// Whose rows each value has.
    pub scope: Scope,
    /// The value whose rows the index does not have.
    pub except: Option<&'static str>,
}

/// Whose rows a value of an index has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Scope {
    /// Those of one owner, which stands before the column.
    Owner,
    /// Those of any owner, but so few that all of them may be looked at.
    Few,
    /// There are no owners.
    Nobody,
}

impl Index {
    /// The index `name` of an owner's rows by `column`.
    pub(super) const fn by(column: &'static str, name: &'static str) -> Self {
        Self {
            name: Some(name),
            column: Some(column),
            scope: Scope::Owner,
            except: None,
        }
    }

    /// The index `name` of all rows of an owner.
    pub(super) const fn all(name: &'static str) -> Self {
        Self {
            name: Some(name),
            column: None,
            scope: Scope::Owner,
            except: None,
        }
    }

    /// The same, of any owner's few rows.
    pub(super) const fn few(self) -> Self {
        Self {
            scope: Scope::Few,
            ..self
        }
    }

    /// The same, without the rows that have `value`.
    pub(super) const fn except(self, value: &'static str) -> Self {
        Self {
            except: Some(value),
            ..self
        }
    }
}
