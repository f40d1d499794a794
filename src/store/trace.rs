//! Chains of causes: which events came out of which, by whose reactions.

use std::collections::{HashMap, HashSet};

use serde::Deserialize;

use super::{
    Store, StoreResult,
    deliveries::delivery,
    events::{self, EventRecord},
    sql::{Row, list, query, to_json},
};
use crate::domain::{
    delivery::Delivery,
    ids::{EventId, ListenerId, ProjectId},
    lineage::MAX_HOPS,
};

/// How an event hangs on the one before it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Link {
    /// The event.
    pub event: EventId,
    /// Whom it belongs to.
    pub project: ProjectId,
    /// What it was emitted for; none for one that a producer sent.
    pub cause: Option<EventId>,
}

/// What a listener was at a version of the rules.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NamedRevision {
    /// The revision.
    pub revision: u32,
    /// What it was called.
    pub name: Option<String>,
}

/// The part of a listener's document that a trace shows.
#[derive(Deserialize)]
struct OnlyName {
    name: Option<String>,
}

impl Store {
    /// The event called `id` and those that led to it, the nearest first, whosever they are. What is
    /// not kept any more ends the line.
    ///
    /// # Errors
    /// If the store cannot be read.
    pub async fn ancestry(&self, id: EventId) -> StoreResult<Vec<Link>> {
        let mut connection = self.read().await?;
        let rows = query(
            "WITH RECURSIVE line (id, project_id, causation_id, hops) AS (
                 SELECT id, project_id, causation_id, 0 FROM events WHERE id = $1
                 UNION ALL
                 SELECT e.id, e.project_id, e.causation_id, line.hops + 1
                 FROM line JOIN events AS e ON e.id = line.causation_id
                 WHERE line.hops <= $2
             )
             SELECT id, project_id, causation_id FROM line ORDER BY hops",
        )
        .bind(id.to_string())
        .bind(i64::try_from(MAX_HOPS).unwrap_or(i64::MAX))
        .fetch_all(&mut connection)
        .await?;
        rows.iter().map(link).collect()
    }

    /// The first `limit` events that came out of `correlation`, and itself, whosever they are.
    ///
    /// # Errors
    /// If the store cannot be read.
    pub async fn chain(&self, correlation: EventId, limit: u32) -> StoreResult<Vec<Link>> {
        let mut connection = self.read().await?;
        let rows = query(
            "SELECT id, project_id, causation_id FROM events
             WHERE correlation_id = $1 ORDER BY id LIMIT $2",
        )
        .bind(correlation.to_string())
        .bind(limit)
        .fetch_all(&mut connection)
        .await?;
        rows.iter().map(link).collect()
    }

    /// The events called `ids`, whosever they are, without their data; what is not there is left
    /// out.
    ///
    /// # Errors
    /// If the store cannot be read.
    pub async fn traced_events(
        &self,
        ids: &[EventId],
    ) -> StoreResult<HashMap<EventId, EventRecord>> {
        let mut connection = self.read().await?;
        let rows = query(
            "SELECT id, project_id, producer_id, source, type, subject, time, attributes_json,
                    'absent' AS data_kind, $2 AS data, received_at, correlation_id, causation_id,
                    path_json, state, rules_version, platform_version, erased_at
             FROM events WHERE id IN (SELECT value FROM json_each($1))",
        )
        .bind(list(ids))
        .bind(Vec::new())
        .fetch_all(&mut connection)
        .await?;
        let records = rows.iter().map(|row| {
            let record = events::record(row)?;
            Ok((record.event.id, record))
        });
        records.collect()
    }

    /// The first `limit` deliveries of each of `events`, in the order in which they were made: those
    /// of `project` alone, if one is given.
    ///
    /// # Errors
    /// If the store cannot be read.
    pub async fn traced_deliveries(
        &self,
        events: &[EventId],
        project: Option<ProjectId>,
        limit: u32,
    ) -> StoreResult<Vec<Delivery>> {
        let mut connection = self.read().await?;
        let rows = query(connection.by(
            "SELECT d.*, q.due_at
             FROM json_each($1) AS w
             CROSS JOIN deliveries AS d
             LEFT JOIN queue AS q ON q.delivery_id = d.id
             WHERE d.id IN (SELECT id FROM deliveries
                            WHERE event_id = w.value AND ($2 IS NULL OR project_id || '' = $2)
                            ORDER BY id LIMIT $3)
             ORDER BY d.id",
            "SELECT d.*, q.due_at
             FROM json_each($1) AS w
             CROSS JOIN LATERAL (
                 SELECT * FROM deliveries
                 WHERE event_id = w.value AND ($2 IS NULL OR project_id || '' = $2)
                 ORDER BY event_id, id LIMIT $3) AS d
             LEFT JOIN queue AS q ON q.delivery_id = d.id AND q.project_id = d.project_id
             ORDER BY d.id",
        ))
        .bind(list(events))
        .bind(project.map(|project| project.to_string()))
        .bind(limit)
        .fetch_all(&mut connection)
        .await?;
        rows.iter().map(delivery).collect()
    }

    /// Those of `events` whose reactions have not all been carried out yet: for listeners of
    /// `project` alone, if one is given.
    ///
    /// # Errors
    /// If the store cannot be read.
    pub async fn fanning_out(
        &self,
        events: &[EventId],
        project: Option<ProjectId>,
    ) -> StoreResult<HashSet<EventId>> {
        let mut connection = self.read().await?;
        let rows = query(
            "SELECT DISTINCT event_id FROM fanouts
             WHERE event_id IN (SELECT value FROM json_each($1))
               AND ($2 IS NULL OR project_id = $2)",
        )
        .bind(list(events))
        .bind(project.map(|project| project.to_string()))
        .fetch_all(&mut connection)
        .await?;
        rows.iter().map(|row| row.parsed("event_id")).collect()
    }

    /// What listeners were at versions of their projects' rules; what was not there is left out.
    ///
    /// # Errors
    /// If the store cannot be read.
    pub async fn named_revisions(
        &self,
        wanted: &HashSet<(ListenerId, i64)>,
    ) -> StoreResult<HashMap<(ListenerId, i64), NamedRevision>> {
        let wanted = wanted.iter();
        let wanted: Vec<_> = wanted
            .map(|(id, version)| (id.to_string(), version))
            .collect();
        let mut connection = self.read().await?;
        let rows = query(
            "SELECT r.listener_id, r.revision, r.config_json, w.version
             FROM (SELECT value ->> 0 AS listener, CAST(value ->> 1 AS BIGINT) AS version
                   FROM json_each($1)) AS w
             CROSS JOIN listener_revisions AS r
             WHERE r.listener_id = w.listener AND r.state <> 'deleted'
               AND r.from_version <= w.version
               AND (r.until_version IS NULL OR r.until_version > w.version)",
        )
        .bind(to_json(&wanted)?)
        .fetch_all(&mut connection)
        .await?;
        let revisions = rows.iter().map(|row| {
            let named = NamedRevision {
                revision: row.number("revision")?,
                name: row.json::<OnlyName>("config_json")?.name,
            };
            let key = (row.parsed("listener_id")?, row.number("version")?);
            Ok((key, named))
        });
        revisions.collect()
    }
}

fn link(row: &Row) -> StoreResult<Link> {
    Ok(Link {
        event: row.parsed("id")?,
        project: row.parsed("project_id")?,
        cause: row.parsed_opt("causation_id")?,
    })
}
