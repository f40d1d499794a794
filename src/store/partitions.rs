//! Partitions: on PostgreSQL a log is made of tables that each have a span of time, so that what is
//! past its time goes as a file and not row by row. SQLite has one table for each log.
//!
//! They are made ahead ([`Store::make_partitions`]) and dropped as a whole ([`Store::drop_partitions`]).
//! What is dropped is counted before, so that the counters stay exact, and what of it is still needed is
//! moved into the default partition, which takes what belongs into no other. Where that would be too
//! much, the rows of the partition are swept in steps, as on SQLite.

mod ahead;
mod deliveries;
mod dropping;
mod events;
mod journal;
mod watch;

use std::time::Duration;

use sqlx::AssertSqlSafe;

pub(super) use self::ahead::make_since;
pub use self::dropping::{Ages, Cause, Dropped, Round};
use super::{
    Backend, Store, StoreResult,
    sql::{Connection, query},
};
use crate::domain::{
    ids::{AttemptKind, DeliveryKind, EventKind, first_at, stamp},
    names::named,
    time::Timestamp,
};

named! {
    /// A log that is made of partitions where the database has them.
    pub enum Log {
        /// Events, by when they were named.
        Events = "events",
        /// Deliveries, by when they were named.
        Deliveries = "deliveries",
        /// Attempts, by when they were named.
        Attempts = "attempts",
        /// The journal, by when it was written.
        Journal = "journal",
    }
}

/// A partition of a log, with the time that it covers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Partition {
    /// The log.
    pub log: Log,
    /// What its table is called.
    pub name: String,
    /// Where its time begins.
    pub from: Timestamp,
    /// Where its time ends.
    pub to: Timestamp,
}

/// How much room a partition takes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PartitionSize {
    /// The log.
    pub log: Log,
    /// What its table is called.
    pub name: String,
    /// The time that it covers; none for the one that takes the rest.
    pub span: Option<(Timestamp, Timestamp)>,
    /// About how many rows it has.
    pub rows: u64,
    /// The bytes of it, with its indexes.
    pub bytes: u64,
}

/// Which rows of a log a sweep looks at.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Rows {
    /// All of them.
    All,
    /// Those of the partition of this name.
    Of(String),
}

/// The time that a partition of the journal covers: it is kept for a day where nothing else is said.
const JOURNAL_WIDTH: Duration = Duration::from_secs(24 * 60 * 60);

impl Log {
    /// The table, and the column that its rows are apportioned by.
    pub(in crate::store) fn table(self) -> (&'static str, &'static str) {
        match self {
            Self::Events | Self::Deliveries | Self::Attempts => (self.as_str(), "id"),
            Self::Journal => (self.as_str(), "written_at"),
        }
    }

    /// The partition that takes what belongs into no other.
    fn rest(self) -> String {
        format!("{self}_default")
    }

    /// The time that its next partition covers, where others cover `width`.
    fn width(self, width: Duration) -> Duration {
        match self {
            Self::Journal => JOURNAL_WIDTH.min(width),
            _ => width,
        }
    }

    /// What its rows that came at `time` or later are not less than.
    fn bound(self, time: Timestamp) -> String {
        match self {
            Self::Events => first_at::<EventKind>(time).to_string(),
            Self::Deliveries => first_at::<DeliveryKind>(time).to_string(),
            Self::Attempts => first_at::<AttemptKind>(time).to_string(),
            Self::Journal => time.as_millis().to_string(),
        }
    }

    /// The time that a bound stands for.
    pub(in crate::store) fn time_of(self, bound: &str) -> Option<Timestamp> {
        match self {
            Self::Events => bound.parse().ok().map(stamp::<EventKind>),
            Self::Deliveries => bound.parse().ok().map(stamp::<DeliveryKind>),
            Self::Attempts => bound.parse().ok().map(stamp::<AttemptKind>),
            Self::Journal => bound.parse().ok().map(Timestamp::from_millis),
        }
    }
}

impl Rows {
    /// The table in which they are.
    pub(super) fn table(&self, log: Log) -> &str {
        match self {
            Self::All => log.as_str(),
            Self::Of(partition) => partition,
        }
    }
}

impl Partition {
    /// What its rows are not less than, and what they are less than.
    fn bounds(&self) -> (String, String) {
        (self.log.bound(self.from), self.log.bound(self.to))
    }
}

impl Store {
    /// How much room each partition takes, in the order of logs and times; nothing where logs have none.
    ///
    /// # Errors
    /// If the store cannot be read.
    pub async fn partitions(&self) -> StoreResult<Vec<PartitionSize>> {
        let Backend::Postgres(_) = &self.backend else {
            return Ok(Vec::new());
        };
        let mut connection = self.read().await?;
        let mut sizes = Vec::new();
        for log in Log::ALL {
            let names = query(AssertSqlSafe(format!(
                "{PARTITIONS_OF} SELECT name, bound, CAST(greatest(rows, 0) AS BIGINT) AS rows, bytes
                 FROM partitions ORDER BY name"
            )))
            .bind(log.as_str());
            for row in names.fetch_all(&mut connection).await? {
                sizes.push(PartitionSize {
                    log: *log,
                    name: row.text("name")?,
                    span: span(*log, &row.text("bound")?),
                    rows: row.number("rows")?,
                    bytes: row.number("bytes")?,
                });
            }
        }
        Ok(sizes)
    }

    /// The rows of `log` that are to be swept one by one: all, or where it is made of partitions that
    /// are dropped, those that belong into none of them, or into one that could not be dropped for long.
    ///
    /// # Errors
    /// If the store cannot be read.
    pub async fn loose_rows(
        &self,
        log: Log,
        kept_for: Duration,
        before: Timestamp,
    ) -> StoreResult<Vec<Rows>> {
        let Some(width) = self.drops(log, kept_for) else {
            return Ok(vec![Rows::All]);
        };
        // As long as a partition covers, it is tried to drop it: more and more of it has ended.
        let partitions = self.partitions_of(log).await?.into_iter();
        let past = partitions.filter(|one| one.to.plus(width) <= before);
        let names = past.map(|one| one.name).chain([log.rest()]);
        Ok(names.map(Rows::Of).collect())
    }

    /// The partitions of `log`, by their times, but for the one that takes the rest.
    async fn partitions_of(&self, log: Log) -> StoreResult<Vec<Partition>> {
        let mut connection = self.read().await?;
        partitions(&mut connection, log).await
    }

    /// How much time each partition of `log` covers, if what is kept for so long goes by them: it is kept
    /// that much longer, so they have to be short against it.
    fn drops(&self, log: Log, kept_for: Duration) -> Option<Duration> {
        match &self.backend {
            Backend::Sqlite(_) => None,
            Backend::Postgres(database) => {
                let width = log.width(database.partition);
                (kept_for >= width).then_some(width)
            }
        }
    }
}

/// The partitions of `log`, by their times. The one that takes the rest is not among them.
async fn partitions(connection: &mut Connection, log: Log) -> StoreResult<Vec<Partition>> {
    let rows = query(AssertSqlSafe(format!(
        "{PARTITIONS_OF} SELECT name, bound FROM partitions"
    )))
    .bind(log.as_str())
    .fetch_all(connection)
    .await?;
    let mut partitions = Vec::with_capacity(rows.len());
    for row in &rows {
        if let Some((from, to)) = span(log, &row.text("bound")?) {
            let name = row.text("name")?;
            partitions.push(Partition {
                log,
                name,
                from,
                to,
            });
        }
    }
    partitions.sort_by_key(|partition| partition.from);
    Ok(partitions)
}

/// What the database's catalogue says about the partitions of `$1`.
const PARTITIONS_OF: &str = "WITH partitions AS (
    SELECT CAST(c.relname AS TEXT) AS name, pg_get_expr(c.relpartbound, c.oid) AS bound,
           c.reltuples AS rows, pg_total_relation_size(c.oid) AS bytes
    FROM pg_inherits AS i JOIN pg_class AS c ON c.oid = i.inhrelid
    WHERE i.inhparent = to_regclass($1))";

/// The time between the bounds in `FOR VALUES FROM ('…') TO ('…')`.
fn span(log: Log, bound: &str) -> Option<(Timestamp, Timestamp)> {
    let mut bounds = bound.split('\'').skip(1).step_by(2);
    let mut next = || log.time_of(bounds.next()?);
    Some((next()?, next()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_bounds_of_a_partition_are_read_as_the_database_writes_them() {
        let (from, to) = (Timestamp::from_millis(1_000), Timestamp::from_millis(2_000));
        for log in Log::ALL {
            let (one, other) = (log.bound(from), log.bound(to));
            let bound = format!("FOR VALUES FROM ('{one}') TO ('{other}')");
            assert_eq!(span(*log, &bound), Some((from, to)), "{log}");
            assert_eq!(span(*log, "DEFAULT"), None);
        }
    }
}
