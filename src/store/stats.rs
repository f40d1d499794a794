//! Figures: how much there is of what.

use std::collections::BTreeMap;

use super::{Store, StoreResult, columns::Columns as _};
use crate::domain::{delivery::DeliveryState, ids::ProjectId};

/// How much a project has of what.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Stats {
    /// Events.
    pub events: u64,
    /// Deliveries by state.
    pub deliveries: BTreeMap<DeliveryState, u64>,
    /// Skipped deliveries that are counted and have no rows.
    pub skipped_without_rows: u64,
    /// Fan-outs that are not done.
    pub fanouts: u64,
}

impl Store {
    /// The figures of `project`, at one moment.
    ///
    /// # Errors
    /// If the store cannot be read.
    pub async fn stats(&self, project: ProjectId) -> StoreResult<Stats> {
        let mut snapshot = self.snapshot().await?;
        let project = project.to_string();
        let totals = sqlx::query(
            "SELECT (SELECT count(*) FROM events WHERE project_id = $1) AS events,
                    (SELECT coalesce(sum(count), 0) FROM skip_counts WHERE project_id = $1) AS skipped,
                    (SELECT count(*) FROM fanouts WHERE project_id = $1) AS fanouts",
        )
        .bind(&project)
        .fetch_one(&mut *snapshot)
        .await?;
        let rows = sqlx::query(
            "SELECT state, count(*) AS count FROM deliveries WHERE project_id = $1 GROUP BY state",
        )
        .bind(&project)
        .fetch_all(&mut *snapshot)
        .await?;
        let deliveries = rows
            .iter()
            .map(|row| Ok((row.parsed("state")?, row.number("count")?)));
        Ok(Stats {
            events: totals.number("events")?,
            deliveries: deliveries.collect::<StoreResult<_>>()?,
            skipped_without_rows: totals.number("skipped")?,
            fanouts: totals.number("fanouts")?,
        })
    }
}
