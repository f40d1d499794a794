//! Counters: how much each project has of what, at the cost of a row.
//!
//! Whatever changes rows says by how much, in [`Deltas`] that it writes in the same transaction. So
//! a counter is at every moment what a count over the rows would give, which [`Store::recount`]
//! makes.

use std::{
    collections::BTreeMap,
    ops::{Index, IndexMut},
};

use super::{
    Connection, Store, StoreResult,
    sql::{Insert, Row, list, query, span},
};
use crate::domain::{
    delivery::DeliveryState,
    ids::{DeliveryId, ProjectId},
    names::named,
};

named! {
    /// What is counted: each has a column of its own.
    pub enum Counter {
        /// Events.
        Events = "events",
        /// The bytes of events' data and of captured bodies of responses.
        StoredBytes = "stored_bytes",
        /// Deliveries that wait for their next attempt, or are being attempted.
        Pending = "pending",
        /// Deliveries that their receivers have taken.
        Delivered = "delivered",
        /// Deliveries that were given up.
        Dead = "dead",
        /// Deliveries that were called off.
        Cancelled = "cancelled",
        /// Skipped deliveries that have rows.
        Skipped = "skipped",
        /// Skipped deliveries that are counted and have no rows.
        SkippedWithoutRows = "skipped_without_rows",
        /// Fan-outs that are not done.
        Fanouts = "fanouts",
        /// Endpoints that are not deleted.
        Endpoints = "endpoints",
        /// Listeners that are not deleted.
        Listeners = "listeners",
    }
}

/// A number for each [`Counter`].
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Counts([i64; Counter::ALL.len()]);

/// By how much a transaction changes the counters of which projects.
#[derive(Debug, Default)]
pub(super) struct Deltas(BTreeMap<ProjectId, Counts>);

impl Counter {
    /// That of the deliveries in `state`.
    pub fn of(state: DeliveryState) -> Self {
        match state {
            DeliveryState::Pending => Self::Pending,
            DeliveryState::Delivered => Self::Delivered,
            DeliveryState::Dead => Self::Dead,
            DeliveryState::Cancelled => Self::Cancelled,
            DeliveryState::Skipped => Self::Skipped,
        }
    }
}

impl Counts {
    /// How much there is of what `counter` counts.
    pub fn get(&self, counter: Counter) -> u64 {
        u64::try_from(self[counter]).unwrap_or(0)
    }
}

impl Index<Counter> for Counts {
    type Output = i64;

    fn index(&self, counter: Counter) -> &i64 {
        &self.0[counter as usize]
    }
}

impl IndexMut<Counter> for Counts {
    fn index_mut(&mut self, counter: Counter) -> &mut i64 {
        &mut self.0[counter as usize]
    }
}

impl Deltas {
    /// There are `number` more (or, if it is negative, less) of what `counter` counts.
    pub(super) fn add(&mut self, project: ProjectId, counter: Counter, number: i64) {
        self.0.entry(project).or_default()[counter] += number;
    }

    /// There are as many more bytes as `bytes` has.
    pub(super) fn add_bytes(&mut self, project: ProjectId, bytes: &[u8]) {
        let number = i64::try_from(bytes.len()).unwrap_or(i64::MAX);
        self.add(project, Counter::StoredBytes, number);
    }

    /// `number` deliveries have gone from one state to another.
    pub(super) fn moved(
        &mut self,
        project: ProjectId,
        from: DeliveryState,
        to: DeliveryState,
        number: i64,
    ) {
        self.add(project, Counter::of(from), -number);
        self.add(project, Counter::of(to), number);
    }

    /// All that are in `states` are about to go `to` another state.
    pub(super) fn moving(
        states: impl IntoIterator<Item = (ProjectId, DeliveryState, i64)>,
        to: DeliveryState,
    ) -> Self {
        let mut deltas = Self::default();
        for (project, from, number) in states {
            deltas.moved(project, from, to, number);
        }
        deltas
    }

    /// Changes the counters. In the order of the projects: transactions that change the same ones
    /// never wait for each other in a circle.
    pub(super) async fn write(self, connection: &mut Connection) -> StoreResult<()> {
        let changed = self.0.into_iter();
        let changed: Vec<_> = changed.filter(|(_, by)| *by != Counts::default()).collect();
        let shard = connection.shard();
        UPSERT
            .run(connection, &changed, |values, (project, by)| {
                let values = values.bind(project.to_string()).bind(shard);
                by.0.into_iter().fold(values, |values, by| values.bind(by))
            })
            .await?;
        Ok(())
    }
}

const UPSERT: Insert = Insert {
    into: "counters (project_id, shard, events, stored_bytes, pending, delivered, dead, cancelled, \
           skipped, skipped_without_rows, fanouts, endpoints, listeners)",
    columns: 2 + Counter::ALL.len(),
    tail: "ON CONFLICT (project_id, shard) DO UPDATE SET \
           events = counters.events + excluded.events, \
           stored_bytes = counters.stored_bytes + excluded.stored_bytes, \
           pending = counters.pending + excluded.pending, \
           delivered = counters.delivered + excluded.delivered, \
           dead = counters.dead + excluded.dead, \
           cancelled = counters.cancelled + excluded.cancelled, \
           skipped = counters.skipped + excluded.skipped, \
           skipped_without_rows = counters.skipped_without_rows + excluded.skipped_without_rows, \
           fanouts = counters.fanouts + excluded.fanouts, \
           endpoints = counters.endpoints + excluded.endpoints, \
           listeners = counters.listeners + excluded.listeners",
};

const SUMS: &str = "SELECT CAST(coalesce(sum(events), 0) AS BIGINT) AS events, \
    CAST(coalesce(sum(stored_bytes), 0) AS BIGINT) AS stored_bytes, CAST(coalesce(sum(pending), 0) AS BIGINT) AS pending, \
    CAST(coalesce(sum(delivered), 0) AS BIGINT) AS delivered, CAST(coalesce(sum(dead), 0) AS BIGINT) AS dead, \
    CAST(coalesce(sum(cancelled), 0) AS BIGINT) AS cancelled, CAST(coalesce(sum(skipped), 0) AS BIGINT) AS skipped, \
    CAST(coalesce(sum(skipped_without_rows), 0) AS BIGINT) AS skipped_without_rows, \
    CAST(coalesce(sum(fanouts), 0) AS BIGINT) AS fanouts, CAST(coalesce(sum(endpoints), 0) AS BIGINT) AS endpoints, \
    CAST(coalesce(sum(listeners), 0) AS BIGINT) AS listeners \
    FROM counters WHERE project_id = $1";

impl Store {
    /// How much `project` has of what.
    ///
    /// # Errors
    /// If the store cannot be read.
    pub async fn counts(&self, project: ProjectId) -> StoreResult<Counts> {
        let mut connection = self.read().await?;
        counts(&mut connection, project).await
    }

    /// What [`Store::counts`] should give, by a look at each row: minutes in a large store. It is
    /// there to test the counters with.
    ///
    /// # Errors
    /// If the store cannot be read.
    pub async fn recount(&self, project: ProjectId) -> StoreResult<Counts> {
        let mut connection = self.read().await?;
        let row = query(
            "SELECT (SELECT count(*) FROM events WHERE project_id = $1) AS events,
                    (SELECT CAST(coalesce(sum(length(data)), 0) AS BIGINT) FROM events WHERE project_id = $1)
                      + (SELECT CAST(coalesce(sum(length(response_body)), 0) AS BIGINT) FROM attempts
                         WHERE project_id = $1) AS stored_bytes,
                    (SELECT count(*) FROM deliveries WHERE project_id = $1 AND state = 'pending')
                      AS pending,
                    (SELECT count(*) FROM deliveries WHERE project_id = $1 AND state = 'delivered')
                      AS delivered,
                    (SELECT count(*) FROM deliveries WHERE project_id = $1 AND state = 'dead') AS dead,
                    (SELECT count(*) FROM deliveries WHERE project_id = $1 AND state = 'cancelled')
                      AS cancelled,
                    (SELECT count(*) FROM deliveries WHERE project_id = $1 AND state = 'skipped')
                      AS skipped,
                    (SELECT CAST(coalesce(sum(count), 0) AS BIGINT) FROM skip_counts WHERE project_id = $1)
                      AS skipped_without_rows,
                    (SELECT count(*) FROM fanouts WHERE project_id = $1) AS fanouts,
                    (SELECT count(*) FROM endpoints WHERE project_id = $1 AND deleted_at IS NULL)
                      AS endpoints,
                    (SELECT count(*) FROM listener_revisions
                     WHERE project_id = $1 AND until_version IS NULL AND state <> 'deleted')
                      AS listeners",
        )
        .bind(project.to_string())
        .fetch_one(&mut connection)
        .await?;
        read(&row)
    }
}

/// How much `project` has of what, as this transaction sees it.
pub(super) async fn counts(connection: &mut Connection, project: ProjectId) -> StoreResult<Counts> {
    let row = query(SUMS)
        .bind(project.to_string())
        .fetch_one(connection)
        .await?;
    read(&row)
}

/// In which states deliveries are, before they are moved: how many of each project in each.
pub(super) async fn states(
    connection: &mut Connection,
    deliveries: &[DeliveryId],
) -> StoreResult<Vec<(ProjectId, DeliveryState, i64)>> {
    let [first, last] = span(deliveries);
    let rows = query(
        "SELECT project_id, state, count(*) AS count FROM deliveries
         WHERE id IN (SELECT value FROM json_each($1)) AND id BETWEEN $2 AND $3
         GROUP BY project_id, state",
    )
    .bind(list(deliveries))
    .bind(first)
    .bind(last)
    .fetch_all(connection)
    .await?;
    let states = rows.iter();
    states
        .map(|row| {
            let count = row.number("count")?;
            Ok((row.parsed("project_id")?, row.parsed("state")?, count))
        })
        .collect()
}

fn read(row: &Row) -> StoreResult<Counts> {
    let mut counts = Counts::default();
    for counter in Counter::ALL {
        counts[*counter] = row.number(counter.as_str())?;
    }
    Ok(counts)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_counter_is_written_and_read_in_its_column() {
        let columns = Counter::ALL.iter().map(|counter| counter.as_str());
        let columns: Vec<_> = ["project_id", "shard"].into_iter().chain(columns).collect();
        assert_eq!(UPSERT.into, format!("counters ({})", columns.join(", ")));
        for column in &columns[2..] {
            let added = format!("{column} = counters.{column} + excluded.{column}");
            assert!(UPSERT.tail.contains(&added), "{column}");
            let summed = format!("CAST(coalesce(sum({column}), 0) AS BIGINT) AS {column}");
            assert!(SUMS.contains(&summed), "{column}");
        }
    }
}
