//! Figures of one endpoint: what waits for it, and how it has fared of late.
//!
//! All are read along indexes, from a bounded number of rows; where there are more, they say so.

use std::time::Duration;

use crate::{
    domain::{
        endpoint::Endpoint,
        ids::{AttemptId, EndpointId, ProjectId, first_at, stamp},
        time::Timestamp,
    },
    store::{
        Connection, Store, StoreResult,
        attempts::{AttemptLine, line_of},
        backlog::{Backlog, Of, backlog},
        failing,
        sql::query,
    },
};

/// How many attempts to an endpoint a read looks at: the last ones.
pub const MAX_ATTEMPTS_LOOKED_AT: u32 = 10_000;

/// How many pending deliveries to an endpoint a read counts.
pub const MAX_PENDING_COUNTED: u32 = 10_000;

const HOUR: Duration = Duration::from_secs(60 * 60);
const DAY: Duration = Duration::from_secs(24 * 60 * 60);

/// The last attempts to an endpoint, along their index.
const RECENT: &str = "
    SELECT count(*) AS looked_at, min(id) AS oldest,
           max(CASE WHEN error_kind IS NULL THEN id END) AS success,
           max(CASE WHEN error_kind IS NOT NULL THEN id END) AS failure,
           count(CASE WHEN id >= $4 AND error_kind IS NULL THEN 1 END) AS hour_succeeded,
           count(CASE WHEN id >= $4 AND error_kind IS NOT NULL THEN 1 END) AS hour_failed,
           count(CASE WHEN id >= $5 AND error_kind IS NULL THEN 1 END) AS day_succeeded,
           count(CASE WHEN id >= $5 AND error_kind IS NOT NULL THEN 1 END) AS day_failed
    FROM (SELECT id, error_kind FROM attempts WHERE project_id = $1 AND endpoint_id = $2
          ORDER BY id DESC LIMIT $3) AS recent";

/// The deliveries that wait for an endpoint, along the indexes of the queue.
const PENDING: &str = "
    SELECT count(*) AS pending
    FROM (SELECT due_at FROM queue WHERE endpoint_id = $1 AND owner IS NOT NULL
          UNION ALL
          SELECT due_at FROM queue WHERE endpoint_id = $1 AND owner IS NULL
          LIMIT $2) AS waiting";

/// The figures of an endpoint, all at one moment.
#[derive(Debug, Clone)]
pub struct EndpointStats {
    /// The endpoint.
    pub endpoint: Endpoint,
    /// Deliveries that wait for their next attempt or are being attempted: of more than
    /// [`MAX_PENDING_COUNTED`] so many.
    pub pending: u64,
    /// What of them is due.
    pub backlog: Backlog,
    /// Since when every attempt has failed; none if the last one did not.
    pub failing_since: Option<Timestamp>,
    /// How it has fared.
    pub attempts: RecentAttempts,
}

/// How the last [`MAX_ATTEMPTS_LOOKED_AT`] attempts to an endpoint ended.
#[derive(Debug, Clone)]
pub struct RecentAttempts {
    /// Those of the last hour.
    pub last_hour: Ended,
    /// Those of the last day.
    pub last_day: Ended,
    /// The last that succeeded.
    pub last_success: Option<AttemptLine>,
    /// The last that failed.
    pub last_failure: Option<AttemptLine>,
    /// Up to which time all were looked at; none if there are no older ones.
    pub scanned_until: Option<Timestamp>,
}

/// How many attempts of a span of time ended how.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Ended {
    /// Those that succeeded.
    pub succeeded: u64,
    /// Those that failed.
    pub failed: u64,
    /// Whether all of the span were looked at.
    pub is_complete: bool,
}

impl EndpointStats {
    /// Whether nothing that waits was left uncounted.
    pub fn queue_is_complete(&self) -> bool {
        self.backlog.is_complete && self.pending < u64::from(MAX_PENDING_COUNTED)
    }
}

impl Store {
    /// The figures of the endpoint `id` of `project`.
    ///
    /// # Errors
    /// [`StoreError::NotFound`](crate::store::StoreError::NotFound) if the project has no such
    /// endpoint.
    pub async fn endpoint_stats(
        &self,
        project: ProjectId,
        id: EndpointId,
        now: Timestamp,
    ) -> StoreResult<EndpointStats> {
        let mut snapshot = self.snapshot().await?;
        Ok(EndpointStats {
            endpoint: self.find(&mut snapshot, project, id).await?,
            pending: pending(&mut snapshot, id).await?,
            backlog: backlog(&mut snapshot, Of::Endpoint(id), now).await?,
            failing_since: failing::since(&mut snapshot, id).await?,
            attempts: recent_attempts(&mut snapshot, project, id, now).await?,
        })
    }
}

async fn pending(connection: &mut Connection, id: EndpointId) -> StoreResult<u64> {
    let row = query(PENDING)
        .bind(id.to_string())
        .bind(MAX_PENDING_COUNTED)
        .fetch_one(connection)
        .await?;
    row.number("pending")
}

async fn recent_attempts(
    connection: &mut Connection,
    project: ProjectId,
    id: EndpointId,
    now: Timestamp,
) -> StoreResult<RecentAttempts> {
    let (hour, day) = (now.minus(HOUR), now.minus(DAY));
    let from = |time| -> AttemptId { first_at(time) };
    let row = query(RECENT)
        .bind(project.to_string())
        .bind(id.to_string())
        .bind(MAX_ATTEMPTS_LOOKED_AT)
        .bind(from(hour).to_string())
        .bind(from(day).to_string())
        .fetch_one(&mut *connection)
        .await?;
    let oldest: Option<AttemptId> = row.parsed_opt("oldest")?;
    let is_cut = row.number::<u32>("looked_at")? >= MAX_ATTEMPTS_LOOKED_AT;
    let scanned_until = oldest.filter(|_| is_cut).map(stamp);
    let reaches = |time| scanned_until.is_none_or(|until| until < time);
    Ok(RecentAttempts {
        last_hour: Ended {
            succeeded: row.number("hour_succeeded")?,
            failed: row.number("hour_failed")?,
            is_complete: reaches(hour),
        },
        last_day: Ended {
            succeeded: row.number("day_succeeded")?,
            failed: row.number("day_failed")?,
            is_complete: reaches(day),
        },
        last_success: line_of(connection, row.parsed_opt("success")?).await?,
        last_failure: line_of(connection, row.parsed_opt("failure")?).await?,
        scanned_until,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::{
        list::plans::{plan, store},
        sql::Builder,
    };

    #[tokio::test]
    async fn the_figures_are_read_along_indexes_without_sorting() {
        let (store, _directory) = store().await;
        for (sql, indexes) in [
            (RECENT, ["attempts_by_endpoint", "attempts_by_endpoint"]),
            (PENDING, ["queue_owned", "queue_due"]),
        ] {
            let steps = plan(&store, Builder::new(sql)).await;
            for index in indexes {
                let along = format!("INDEX {index} (");
                assert!(steps.iter().any(|step| step.contains(&along)), "{steps:?}");
            }
            let sorted = steps.iter().any(|step| step.contains("B-TREE"));
            let scans =
                |step: &String| step.starts_with("SCAN attempts") || step.starts_with("SCAN queue");
            assert!(!sorted && !steps.iter().any(scans), "{steps:?}");
        }
    }
}
