//! SQL for either database: what the store's statements run on, are made of and give.
//!
//! Statements are written once where both databases understand them, and stand side by side
//! ([`Connection::by`]) where they do not. Parameters are `$1`, `$2`, …; whole numbers are 64 bits;
//! a condition is bound as 0 or 1.

mod builder;
mod connection;
mod insert;
mod nul;
mod patience;
mod query;
mod row;
mod value;

pub(super) use builder::Builder;
pub(super) use connection::{Connection, Dialect, Reader, Transaction};
pub(super) use insert::Insert;
pub(super) use nul::kept;
pub(super) use patience::within;
pub(super) use query::{Query, query, query_scalar};
pub(super) use row::{Row, to_json, unreadable};
pub(super) use value::{Value, list, span};

/// The time by the clock of PostgreSQL, in milliseconds.
pub(super) const NOW: &str = "CAST(floor(extract(epoch FROM clock_timestamp()) * 1000) AS BIGINT)";
