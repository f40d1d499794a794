//! Dropping partitions that are past their time: what they have in common.

use std::time::Duration;

use sqlx::AssertSqlSafe;

use super::{Log, Partition, watch::Watch};
use crate::{
    domain::{
        names::named,
        retention::{Kept, Retention},
        time::Timestamp,
    },
    store::{
        Backend, Store, StoreResult,
        postgres::TRANSIT,
        sql::{Transaction, Value, query},
    },
};

/// The most rows that are moved out of a partition in the transaction that drops it, in which nobody
/// else uses its log: about a second.
pub(super) const MAX_MOVED: usize = 10_000;

/// How long looking through a partition may take, which holds up nobody.
const SURVEY_TIMEOUT: Duration = Duration::from_secs(30 * 60);

/// How long it waits for those who use a log, and whoever comes meanwhile waits behind it. It is
/// shorter than the time after which PostgreSQL looks for deadlocks (`deadlock_timeout`), so that this
/// is who gives up.
const LOCK_TIMEOUT: &str = "SET LOCAL lock_timeout = '500ms'";

/// How long it may keep others from a log.
const DROP_TIMEOUT: &str = "SET LOCAL statement_timeout = '10s'";

/// What is past its time.
#[derive(Debug, Clone, Copy)]
pub struct Ages {
    /// For how long things are kept.
    pub retention: Retention,
    /// The time.
    pub now: Timestamp,
    /// When events that are still needed are looked at again.
    pub look_again: Timestamp,
}

/// A partition that is gone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Dropped {
    /// What it was called; that of the attempts goes with that of the deliveries.
    pub name: String,
    /// How many things are gone with it.
    pub removed: Vec<(Kept, u64)>,
    /// How many rows were moved, since they are still needed.
    pub moved: u64,
}

/// What a round of dropping partitions came to.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Round {
    /// Those that are gone.
    pub dropped: Vec<Dropped>,
    /// Those that are still there, and why: the next round tries again.
    pub overdue: Vec<(String, Cause)>,
}

named! {
    /// Why a partition that is past its time is still there.
    pub enum Cause {
        /// More of it is still needed than may be moved at once. If it stays so, it is swept row by row.
        TooFull = "too_full",
        /// Somebody used its log all the time, or wrote into it meanwhile.
        InUse = "in_use",
    }
}

/// What came of a try.
pub(super) enum Tried {
    Dropped(Dropped),
    Not(Cause),
}

impl Ages {
    /// What is older than this is past its time.
    pub(super) fn before(&self, what: Kept) -> Timestamp {
        let kept_for = self.retention.of(what).unwrap_or(Duration::MAX);
        self.now.minus(kept_for)
    }
}

impl Store {
    /// Drops the partitions of logs that are past their time as a whole. That one cannot be dropped
    /// holds up no other.
    ///
    /// # Errors
    /// If the store cannot be written.
    pub async fn drop_partitions(&self, ages: &Ages) -> StoreResult<Round> {
        let mut round = Round::default();
        let Backend::Postgres(_) = &self.backend else {
            return Ok(round);
        };
        for (log, what) in [
            (Log::Deliveries, Kept::Deliveries),
            (Log::Events, Kept::Events),
            (Log::Journal, Kept::Journal),
        ] {
            let kept_for = ages.retention.of(what).unwrap_or_default();
            if self.drops(log, kept_for).is_none() {
                continue;
            }
            let there = self.partitions_of(log).await?;
            let before = ages.before(what);
            for partition in there.iter().filter(|partition| partition.to <= before) {
                let tried = self.try_to_drop(partition, ages).await;
                round.count(&partition.name, tried)?;
            }
        }
        Ok(round)
    }

    async fn try_to_drop(&self, partition: &Partition, ages: &Ages) -> StoreResult<Tried> {
        match partition.log {
            Log::Events => self.drop_events(partition, ages).await,
            Log::Journal => self.drop_journal(partition).await,
            Log::Deliveries | Log::Attempts => self.drop_deliveries(partition, ages).await,
        }
    }

    /// Looks through partitions for as long as that takes. All that it reads is of one moment.
    pub(super) async fn survey(&self) -> StoreResult<Transaction> {
        let snapshot = self.snapshot().await?;
        let mut survey = snapshot.with_patience(SURVEY_TIMEOUT + TRANSIT);
        let bound = format!(
            "SET LOCAL statement_timeout = {}",
            SURVEY_TIMEOUT.as_millis()
        );
        query(AssertSqlSafe(bound)).execute(&mut survey).await?;
        Ok(survey)
    }

    /// A transaction in which nobody else uses the logs of `partitions`; none if somebody has written
    /// into these since `watch` began.
    pub(super) async fn alone(
        &self,
        partitions: &[&Partition],
        watch: Watch,
    ) -> StoreResult<Option<Transaction>> {
        let mut transaction = self.write().await?;
        for bound in [LOCK_TIMEOUT, DROP_TIMEOUT] {
            query(bound).execute(&mut transaction).await?;
        }
        // The logs before their partitions, as everybody does.
        for Partition { log, .. } in partitions {
            let lock = format!("LOCK TABLE ONLY {log} IN ACCESS EXCLUSIVE MODE");
            let lock = query(AssertSqlSafe(lock));
            lock.execute(&mut transaction).await?;
        }
        let is_as_it_was = watch.end(&mut transaction).await?;
        Ok(is_as_it_was.then_some(transaction))
    }
}

impl Round {
    fn count(&mut self, name: &str, tried: StoreResult<Tried>) -> StoreResult<()> {
        match tried {
            Ok(Tried::Dropped(dropped)) => {
                tracing::info!(
                    partition = dropped.name,
                    moved = dropped.moved,
                    removed = ?dropped.removed,
                    "a partition that is past its time is dropped"
                );
                self.dropped.push(dropped);
            }
            Ok(Tried::Not(cause)) => self.overdue.push((name.to_owned(), cause)),
            Err(error) if error.is_transient() => {
                tracing::info!(partition = name, %error, "a partition could not be dropped; the next round tries again");
                self.overdue.push((name.to_owned(), Cause::InUse));
            }
            Err(error) => return Err(error),
        }
        Ok(())
    }
}

/// Takes a partition out of its log, puts those of its rows with these ids back, which then belong into
/// the default partition, and drops it. Gives how many rows were put back.
pub(super) async fn drop_but(
    transaction: &mut Transaction,
    partition: &Partition,
    condition: &str,
    kept: Value,
) -> StoreResult<u64> {
    let Partition { log, name, .. } = partition;
    let detach = format!("ALTER TABLE {log} DETACH PARTITION {name}");
    query(AssertSqlSafe(detach)).execute(transaction).await?;
    let put_back = format!("INSERT INTO {log} SELECT p.* FROM {name} AS p WHERE {condition}");
    let put_back = query(AssertSqlSafe(put_back)).bind(kept);
    let moved = put_back.execute(transaction).await?;
    drop_all(transaction, partition).await?;
    Ok(moved)
}

/// Drops a partition with all that is in it.
pub(super) async fn drop_all(
    transaction: &mut Transaction,
    Partition { name, .. }: &Partition,
) -> StoreResult<()> {
    let gone = format!("DROP TABLE {name}");
    query(AssertSqlSafe(gone)).execute(transaction).await?;
    Ok(())
}

/// The condition that the row `p` is one of `$1` by its id.
pub(super) const BY_ID: &str = "p.id IN (SELECT value FROM json_each($1))";
