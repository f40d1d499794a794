//! Making partitions before anything belongs into them.

use std::time::Duration;

use sqlx::AssertSqlSafe;

use super::{Log, Partition, partitions};
use crate::{
    domain::time::Timestamp,
    store::{
        Backend, Store, StoreResult,
        sql::{Connection, NOW, Transaction, query, query_scalar},
    },
};

/// How many partitions there are beyond that of now.
const AHEAD: u32 = 2;

/// The most partitions of a time that is past already.
const MOST_PAST: u32 = 200;

/// Partitions of a week begin with a Monday: the first one since the epoch, in milliseconds.
const MONDAY: i64 = 4 * 24 * 60 * 60 * 1_000;

/// How long it waits for those who use the rest of a log, and whoever comes meanwhile waits behind it.
const LOCK_TIMEOUT: &str = "SET LOCAL lock_timeout = '1s'";

/// The advisory lock of whoever makes partitions.
const LOCK: i64 = 0x7269_706f_7374_6502;

impl Store {
    /// Makes the partitions of the logs that are missing for the time around `now` and some time ahead.
    /// Gives what they are called. Where it fails, what is written goes into the default partition.
    ///
    /// # Errors
    /// If the store cannot be written.
    pub async fn make_partitions(&self, now: Timestamp) -> StoreResult<Vec<String>> {
        let Backend::Postgres(database) = &self.backend else {
            return Ok(Vec::new());
        };
        let mut made = Vec::new();
        for log in Log::ALL {
            let width = log.width(database.partition);
            for partition in self.missing(*log, width, now).await? {
                if self.make(&partition, width).await? {
                    made.push(partition.name);
                }
            }
        }
        if !made.is_empty() {
            tracing::info!(?made, "partitions are made ahead");
        }
        Ok(made)
    }

    /// The same around the time by the database's clock: for a store that is just being opened.
    pub(in crate::store) async fn make_first_partitions(&self) -> StoreResult<()> {
        if let Backend::Postgres(_) = &self.backend {
            let now = AssertSqlSafe(format!("SELECT {NOW}"));
            let mut connection = self.read().await?;
            let now: i64 = query_scalar(now).fetch_one(&mut connection).await?;
            drop(connection);
            self.make_partitions(Timestamp::from_millis(now)).await?;
        }
        Ok(())
    }

    async fn missing(
        &self,
        log: Log,
        width: Duration,
        now: Timestamp,
    ) -> StoreResult<Vec<Partition>> {
        let there = self.partitions_of(log).await?;
        Ok(missing(log, &there, width, now))
    }

    /// Makes a partition, unless another node has just done so, or the log has rows that belong into it
    /// and went into the default partition. Gives whether it did.
    async fn make(&self, partition: &Partition, width: Duration) -> StoreResult<bool> {
        let mut transaction = self.write().await?;
        query(LOCK_TIMEOUT).execute(&mut transaction).await?;
        query("SELECT pg_advisory_xact_lock($1)")
            .bind(LOCK)
            .fetch_all(&mut transaction)
            .await?;
        let there = partitions(&mut transaction, partition.log).await?;
        let wanted = missing(partition.log, &there, width, partition.from);
        if !wanted.contains(partition) || has_rows(&mut transaction, partition).await? {
            return Ok(false);
        }
        attach(&mut transaction, partition).await?;
        transaction.commit().await?;
        Ok(true)
    }
}

/// Makes the partitions of `log` that are missing between `since` and `now`, in a transaction that has
/// the log for itself. What is older than a great many of them goes into the default partition.
pub(in crate::store) async fn make_since(
    transaction: &mut Transaction,
    log: Log,
    width: Duration,
    [since, now]: [Timestamp; 2],
) -> StoreResult<()> {
    let width = log.width(width);
    let mut moment = since.max(now.minus(width * MOST_PAST));
    while moment <= now {
        let there = partitions(transaction, log).await?;
        for partition in missing(log, &there, width, moment) {
            attach(transaction, &partition).await?;
        }
        moment = moment.plus(width);
    }
    Ok(())
}

/// Whether the default partition has rows of the time of `partition`.
async fn has_rows(connection: &mut Connection, partition: &Partition) -> StoreResult<bool> {
    let (_, column) = partition.log.table();
    let (from, to) = partition.bounds();
    let found: Option<i64> = query_scalar(AssertSqlSafe(format!(
        "SELECT 1 FROM {} WHERE {column} >= '{from}' AND {column} < '{to}' LIMIT 1",
        partition.log.rest()
    )))
    .fetch_optional(connection)
    .await?;
    Ok(found.is_some())
}

/// A table like the log that becomes a part of it only then: so those who use the log are not kept
/// from it.
async fn attach(transaction: &mut Transaction, partition: &Partition) -> StoreResult<()> {
    let Partition { log, name, .. } = partition;
    let (from, to) = partition.bounds();
    for statement in [
        format!("CREATE TABLE {name} (LIKE {log} INCLUDING ALL)"),
        format!("ALTER TABLE {log} ATTACH PARTITION {name} FOR VALUES FROM ('{from}') TO ('{to}')"),
    ] {
        query(AssertSqlSafe(statement)).execute(transaction).await?;
    }
    Ok(())
}

/// What is missing where `there` is, from the time of `now` on.
fn missing(log: Log, there: &[Partition], width: Duration, now: Timestamp) -> Vec<Partition> {
    let (mut from, mut missing) = (begin(now, width), Vec::new());
    while from <= now.plus(width * AHEAD) {
        let covers = |one: &&Partition| one.from <= from && from < one.to;
        from = match there.iter().find(covers) {
            Some(one) => one.to,
            None => {
                // As far as the next one that is there: where the width was another one before.
                let end = begin(from, width).plus(width);
                let next = there.iter().map(|one| one.from).filter(|next| *next > from);
                let to = next.min().map_or(end, |next| next.min(end));
                missing.push(Partition {
                    log,
                    name: name(log, from),
                    from,
                    to,
                });
                to
            }
        };
    }
    missing
}

/// Where the partition begins into which `time` falls.
fn begin(time: Timestamp, width: Duration) -> Timestamp {
    let width = i64::try_from(width.as_millis()).unwrap_or(i64::MAX).max(1);
    let whole = (time.as_millis() - MONDAY).div_euclid(width);
    Timestamp::from_millis(whole * width + MONDAY)
}

/// The log and the day with which it begins: `events_20261123`.
fn name(log: Log, from: Timestamp) -> String {
    let day: String = from.to_string().chars().take(10).collect();
    format!("{log}_{}", day.replace('-', ""))
}

#[cfg(test)]
mod tests {
    use super::*;

    const DAY: Duration = Duration::from_secs(24 * 60 * 60);

    fn at(day: &str) -> Timestamp {
        format!("{day}T00:00:00Z").parse().expect("a day")
    }

    fn named(partitions: &[Partition]) -> Vec<&str> {
        partitions.iter().map(|one| one.name.as_str()).collect()
    }

    #[test]
    fn weeks_begin_with_mondays_and_there_are_two_ahead() {
        let now = at("2026-11-25").plus(DAY / 3);
        let first = missing(Log::Events, &[], 7 * DAY, now);
        assert_eq!(
            named(&first),
            ["events_20261123", "events_20261130", "events_20261207"]
        );
        assert_eq!(first[0].from, at("2026-11-23"));
        assert_eq!(first[0].to, at("2026-11-30"));
        assert!(missing(Log::Events, &first, 7 * DAY, now).is_empty());
        let later = missing(Log::Events, &first, 7 * DAY, at("2026-12-01"));
        assert_eq!(named(&later), ["events_20261214"]);
    }

    #[test]
    fn where_the_width_is_another_one_now_there_is_no_gap_and_no_overlap() {
        let weeks = missing(Log::Deliveries, &[], 7 * DAY, at("2026-11-25"));
        let fortnights = missing(Log::Deliveries, &weeks, 14 * DAY, at("2026-12-08"));
        assert_eq!(fortnights[0].from, weeks.last().expect("some").to);
        for pair in fortnights.windows(2) {
            assert_eq!(pair[0].to, pair[1].from);
        }
    }

    #[test]
    fn after_a_long_rest_it_begins_with_now() {
        let long_ago = missing(Log::Journal, &[], DAY, at("2026-01-01"));
        let now = missing(Log::Journal, &long_ago, DAY, at("2026-11-25"));
        assert_eq!(
            named(&now),
            ["journal_20261125", "journal_20261126", "journal_20261127"]
        );
    }
}
